"""SummEdits (arXiv:2305.14540): summaries with one edit or none, consistent with their document or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Literal

from audit.data.published.records import Records, labelled, unit_of
from detectors.immutable import immutable

__all__ = ["SummEdits"]


@immutable
class SummEdits(Records):
    """SummEdits as published (Laban et al. 2023): document, summary, and 1 = consistent.

    `unit` is the document; a domain has about twenty. `group` names the kinds of edit.
    """

    split: Literal["both", "evaluation", "test"] = "both"
    """Which part: thresholds are found on `evaluation`, numbers are those of `test`."""
    licence: str | None = field(default="Apache-2.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Laban et al. 2023, arXiv:2305.14540", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_summedits",)
    layout: ClassVar[str] = "SummEdits"
    wanted: ClassVar[tuple[str, ...]] = ("doc", "summary", "label", "edit_types")
    given: ClassVar[tuple[str, ...]] = ("answer", "context", "label", "group", "unit")

    def options(self) -> Mapping[str, Any]:
        """Return the part where it is not the whole."""
        return {} if self.split == "both" else {"split": self.split}

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the summary of a record, where it is of the part."""
        if self.split in ("both", record["split"]):
            yield {
                "answer": record["summary"], "context": record["doc"], "label": labelled(record["label"], 1, 0),
                "group": " + ".join(record["edit_types"]) or "no edit", "unit": unit_of(record["doc"]),
            }
