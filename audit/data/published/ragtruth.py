"""RAGTruth (arXiv:2401.00396): answers of six models to their sources, with the invented spans marked by people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from audit.data.columns import column_names, read_columns, readable, require_column
from audit.data.published.records import Records
from audit.files import digest_file
from detectors.immutable import immutable

__all__ = ["RAGTruth"]

_OF_SOURCE = ("source_id", "task_type", "source_info", "prompt")


@immutable
class RAGTruth(Records):
    """RAGTruth as published (Niu et al. 2024): prompt, answer, its source, and 1 = no span of it is invented.

    `unit` is the source, which all models answered from; `group` is the task: summary, question, or data to text.
    """

    path: Path
    """The published response.jsonl."""
    sources: Path
    """The published source_info.jsonl."""
    split: Literal["both", "train", "test"] = "both"
    """Which part."""
    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Niu et al. 2024, arXiv:2401.00396", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "RAGTruth"
    wanted: ClassVar[tuple[str, ...]] = ("source_id", "labels", "split", "response")
    given: ClassVar[tuple[str, ...]] = ("prompt", "answer", "context", "label", "group", "unit")

    def options(self) -> Mapping[str, Any]:
        """Return the digest of the sources, and the part where it is not the whole."""
        with readable(self.sources):
            return {"sources": digest_file(self.sources), "split": self.split}

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the answer of a record, where it is of the part."""
        if self.split not in ("both", record["split"]):
            return
        group, context, prompt = self._sources[str(record["source_id"])]
        yield {
            "prompt": prompt, "answer": record["response"], "context": context,
            "label": "0" if list(record["labels"]) else "1", "group": group, "unit": str(record["source_id"]),
        }

    @cached_property
    def _sources(self) -> dict[str, tuple[str, Any, str]]:
        """Source -> task, text or passages, prompt."""
        columns = column_names(self.sources, "jsonl")
        for column in _OF_SOURCE:
            require_column(self.sources, column, columns, "the sources", _OF_SOURCE)
        rows = (zip(*cells.values(), strict=True) for cells in read_columns(self.sources, "jsonl", _OF_SOURCE))
        return {str(key): (task, _context(info), prompt) for batch in rows for key, task, info, prompt in batch}


def _context(info: Any) -> Any:
    """Return the source's text: a document, the passages of a question, or data as JSON."""
    if isinstance(info, dict):
        return info["passages"] if "passages" in info else json.dumps(info, ensure_ascii=False)
    return info
