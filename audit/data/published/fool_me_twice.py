"""FoolMeTwice (arXiv:2104.04725): claims that people wrote to fool others, and the sentences that decide them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar, Literal

from audit.data.published.records import Records, labelled
from detectors.immutable import immutable

__all__ = ["FoolMeTwice"]


@immutable
class FoolMeTwice(Records):
    """FoolMeTwice as published (Eisenschlos et al. 2021): claim, evidence sentences, and 1 = supported.

    A claim that is not supported is refuted. `unit` is the encyclopedia's page, `group` its category.
    """

    evidence: Literal["gold", "retrieved"] = "gold"
    """The sentences that decide the claim, or those that a search found."""
    licence: str | None = field(default="Apache-2.0; the evidence is Wikipedia's, CC BY-SA 3.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Eisenschlos et al. 2021, arXiv:2104.04725", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "FoolMeTwice"
    wanted: ClassVar[tuple[str, ...]] = ("text", "label", "gold_evidence", "retrieved_evidence", "wikipedia_page")
    given: ClassVar[tuple[str, ...]] = ("answer", "context", "label", "group", "unit")

    def options(self) -> Mapping[str, Any]:
        """Return the evidence where it is not the gold one."""
        return {} if self.evidence == "gold" else {"evidence": self.evidence}

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the claim of a record."""
        yield {
            "answer": record["text"], "context": [one["text"] for one in record[f"{self.evidence}_evidence"]],
            "label": labelled(record["label"], "SUPPORTS", "REFUTES"), "group": record.get("category"),
            "unit": record["wikipedia_page"],
        }
