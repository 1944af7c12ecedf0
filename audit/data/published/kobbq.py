"""KoBBQ (arXiv:2307.16778): BBQ for Korea, in Korean, with stereotypes that people there were asked about."""

from __future__ import annotations

import ast
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

from audit.data.columns import FileFormat
from audit.data.ids import Cells
from audit.data.published.layout import Rewritten
from audit.errors import DataError
from detectors.immutable import immutable

__all__ = ["KoBBQ"]

_UNKNOWN = "알 수 없음"
_CONDITIONS = {"amb": "ambiguous", "dis": "disambiguated"}
_POLARITIES = {"bsd": "biased question", "cnt": "counter-biased question"}


@immutable
class KoBBQ(Rewritten):
    """KoBBQ as published (Jin et al. 2024): context, question, choices, the right, the biased and the unknown one.

    `unit` is the template, such as `age-001`: what its four contexts and two questions have in common.
    """

    path: Path
    """KoBBQ_test_samples.tsv or KoBBQ_all_samples.tsv."""
    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Jin et al. 2024, arXiv:2307.16778", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_kobbq",)
    layout: ClassVar[str] = "KoBBQ"
    format: ClassVar[FileFormat] = "tsv"
    wanted: ClassVar[tuple[str, ...]] = ("sample_id", "context", "question", "choices", "biased_answer", "answer")
    given: ClassVar[tuple[str, ...]] = (
        "context", "question", "choices", "answer", "biased", "unknown", "condition", "polarity", "group", "unit",
    )

    def fields_of(self, cells: Cells) -> Cells:
        """Return the fields of a batch; raises DataError for a row that is none of KoBBQ's."""
        made = [self._item(*row) for row in zip(*(cells[name] for name in self.wanted), strict=True)]
        return {name: [one[name] for one in made] for name in self.given}

    def _item(self, sample: str, context: str, question: str, choices: str, biased: str, answer: str) -> dict[str, Any]:
        try:
            category, template, _, condition, polarity = sample.split("-")
            given = ast.literal_eval(choices)
            if not isinstance(given, list) or not {biased, answer, _UNKNOWN} <= set(given):
                raise ValueError
            return {
                "context": context, "question": question, "choices": given, "answer": answer, "biased": biased,
                "unknown": _UNKNOWN, "condition": _CONDITIONS[condition], "polarity": _POLARITIES[polarity],
                "group": category, "unit": f"{category}-{template[:-1]}",
            }
        except (KeyError, ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
            what = f"{self.path}: sample {sample[:60]!r} is not laid out as KoBBQ's are ({type(error).__name__})"
            raise DataError(what) from None
