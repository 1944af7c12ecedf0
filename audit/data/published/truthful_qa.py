"""TruthfulQA (arXiv:2109.07958): questions that people answer wrongly, with true and false answers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from audit.data.cells import split
from audit.data.columns import FileFormat
from audit.data.ids import Cells
from audit.data.published.layout import Rewritten
from detectors.immutable import immutable

__all__ = ["TruthfulQA"]


@immutable
class TruthfulQA(Rewritten):
    """TruthfulQA as published (Lin et al. 2022): `question`, `choices` and which of them are true, `group` (category).

    `choices` has the best answer first, then the other true ones, then the false ones; `correct` and `best` are
    positions there, so a tie must not be broken by position. `aliases` are the true answers.
    """

    path: Path
    """The published CSV."""

    layout: ClassVar[str] = "TruthfulQA"
    format: ClassVar[FileFormat] = "csv"
    wanted: ClassVar[tuple[str, ...]] = (
        "Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Category"
    )
    given: ClassVar[tuple[str, ...]] = ("question", "choices", "correct", "best", "aliases", "group")

    def fields_of(self, cells: Cells) -> Cells:
        """Return the fields of a batch: answers stripped, without blanks and repeats."""
        rows = [_choices(*row) for row in zip(*(cells[column] for column in self.wanted[1:4]), strict=True)]
        return dict(zip(self.given, (
            [question.strip() for question in cells["Question"]], [true + false for true, false in rows],
            [list(range(len(true))) for true, _ in rows], [0] * len(rows), [true for true, _ in rows],
            cells["Category"],
        ), strict=True))


def _choices(best: str, true: str, false: str) -> tuple[list[str], list[str]]:
    """Return (true answers, the best one first; false answers)."""
    right = list(dict.fromkeys([best.strip(), *split(true, ";")]))
    return right, [answer for answer in dict.fromkeys(split(false, ";")) if answer not in right]
