"""LLM-AggreFact (arXiv:2404.10774): sentences of models' answers and the documents that should bear them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from audit.data.columns import FileFormat
from audit.data.published.records import Records, labelled, unit_of
from detectors.immutable import immutable

__all__ = ["LLMAggreFact"]


@immutable
class LLMAggreFact(Records):
    """LLM-AggreFact as published (Tang et al. 2024): claim, document, and 1 = supported; eleven sets in one file.

    `group` is the set it comes from, `unit` the document. The published numbers are balanced accuracies of each set.
    """

    path: Path
    """The published file: Parquet, CSV or JSON lines, as its ending says."""
    dataset: str | None = None
    """One of the sets, e.g. RAGTruth; absent = all."""
    licence: str | None = field(default="CC BY-ND 4.0, gated; see the terms of every set", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Tang et al. 2024, arXiv:2404.10774", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "LLM-AggreFact"
    format: ClassVar[FileFormat] = "auto"
    wanted: ClassVar[tuple[str, ...]] = ("dataset", "doc", "claim", "label")
    given: ClassVar[tuple[str, ...]] = ("answer", "context", "label", "group", "unit")

    def options(self) -> Mapping[str, Any]:
        """Return the set, where one is chosen."""
        return {"dataset": self.dataset}

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the claim of a row, where it is of the set."""
        if self.dataset in (None, record["dataset"]):
            yield {
                "answer": record["claim"], "context": record["doc"], "label": labelled(str(record["label"]), "1", "0"),
                "group": record["dataset"], "unit": unit_of(record["doc"]),
            }
