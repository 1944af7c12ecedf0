"""ALCE (arXiv:2305.14627): questions with passages to cite, and the answers of a model, `[1]` after what it took.

    asqa       reference = the short answers of every reading of the question
    qampari    reference = the answers of its list
    eli5       reference = the claims of a long answer
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar

from audit.data.columns import readable
from audit.data.published.records import Records
from audit.errors import DataError
from audit.files import read_regular
from detectors.immutable import immutable

__all__ = ["ALCE"]

_MOST = 1 << 30


@immutable
class ALCE(Records):
    """ALCE as published (Gao et al. 2023): question, passages in the order in which they are cited, right answers.

    A file of results (`{"data": [...]}` with an `output` each) gives the model's `answer`, too; the published questions
    have none.
    """

    passages: int = 5
    """How many passages the model was given, from the first."""
    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Gao et al. 2023, arXiv:2305.14627", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "ALCE"
    wanted: ClassVar[tuple[str, ...]] = ("question", "docs")
    given: ClassVar[tuple[str, ...]] = ("prompt", "answer", "reference", "context", "unit")

    def options(self) -> Mapping[str, Any]:
        """Return the number of passages."""
        return {"passages": self.passages}

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the question of a record."""
        yield {
            "prompt": record["question"], "answer": record.get("output"), "reference": _reference(record),
            "context": [_told(one) for one in record["docs"][: self.passages]], "unit": record["question"],
        }

    def _records(self) -> Iterator[Mapping[str, Any]]:
        with readable(self.path):
            whole = json.loads(read_regular(self.path, _MOST))
        rows = whole.get("data") if isinstance(whole, dict) else whole
        if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
            raise DataError(f"{self.path}: is not laid out as ALCE is; allowed: a list of objects, or one under `data`")
        self._require(list(rows[0]) if rows else [])
        yield from rows


def _told(passage: Mapping[str, Any]) -> str:
    return f"{passage['title']}\n{passage['text']}" if passage.get("title") else str(passage["text"])


def _reference(record: Mapping[str, Any]) -> list[str] | None:
    """Return the right answers, in all spellings; None where the file has none."""
    if record.get("qa_pairs"):
        return [answer for pair in record["qa_pairs"] for answer in pair["short_answers"]]
    if record.get("answers"):
        return [spelling for answer in record["answers"] for spelling in answer]
    return record.get("claims") or None
