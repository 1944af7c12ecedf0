"""HaluEval (arXiv:2305.11747): answers with and without invented content; which of its files is told by its entries.

    general          one answer of a chat model to a user's query; people said whether it hallucinates
    qa               a right answer and an invented one to a question, with the knowledge that decides
    dialogue         the same of the next turn of a dialogue
    summarization    the same of a document's summary

Invented answers of the last three were written by a machine on demand, and differ in length and style.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar

from audit.data.published.records import Records, labelled, unit_of
from audit.errors import DataError
from detectors.immutable import immutable

__all__ = ["HaluEval"]

_PAIRED = {
    "right_answer": ("question", "knowledge", "right_answer", "hallucinated_answer", "qa"),
    "right_response": ("dialogue_history", "knowledge", "right_response", "hallucinated_response", "dialogue"),
    "right_summary": (None, "document", "right_summary", "hallucinated_summary", "summarization"),
}
"""Entry that only one file has -> entries of prompt, context, right and invented answer; what the file is called."""


@immutable
class HaluEval(Records):
    """HaluEval as published (Li et al. 2023): prompt, answer, evidence where there is any, and 1 = no hallucination.

    `unit` is the question, dialogue or document: its right and its invented answer are a pair.
    """

    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Li et al. 2023, arXiv:2305.11747", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_halueval",)
    layout: ClassVar[str] = "HaluEval"
    given: ClassVar[tuple[str, ...]] = ("prompt", "answer", "reference", "context", "label", "group", "unit")

    def _require(self, columns: list[str]) -> None:
        if not {"chatgpt_response", *_PAIRED}.intersection(columns):
            entries = ", ".join(["chatgpt_response", *_PAIRED])
            raise DataError(f"{self.path}: is no file of HaluEval; allowed: records with one of {entries}")

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the answer of a record of the general file, both answers of one of the others."""
        if "chatgpt_response" in record:
            yield {
                "prompt": record["user_query"], "answer": record["chatgpt_response"],
                "label": labelled(record["hallucination"], "no", "yes"), "group": "general",
            }
            return
        prompt, context, right, invented, group = next(entries for name, entries in _PAIRED.items() if name in record)
        asked = None if prompt is None else record[prompt]
        unit = unit_of(f"{asked}\n{record[context]}")
        for answer, label in ((record[right], "1"), (record[invented], "0")):
            yield {
                "prompt": asked, "answer": answer, "reference": [record[right]], "context": record[context],
                "label": label, "group": group, "unit": unit,
            }
