"""TruthfulQA (arXiv:2109.07958): questions that people answer wrongly, with true and false answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit.data.cells import split
from audit.data.columns import read_columns, require_column
from audit.data.ids import Cells, frames_of
from audit.data.tabular import File, KnownLayout
from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["TruthfulQA"]

_TRUTHFULQA = ("Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Category")
_ANSWER_FIELDS = ("question", "choices", "correct", "best", "aliases", "group")


@dataclass(frozen=True)
class TruthfulQA(KnownLayout):
    """TruthfulQA as published (Lin et al. 2022): `question`, `choices` and which of them are true, `group` (category).

    `choices` has the best answer first, then the other true ones, then the false ones; `correct` and `best` are
    positions there, so a tie must not be broken by position. `aliases` are the true answers.
    """

    path: Path
    """The published CSV."""

    def _file(self) -> File:
        return File(self.path, "csv", sha256=self.sha256)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        columns = self.columns()
        for column in _TRUTHFULQA:
            require_column(self.path, column, columns, "the published layout", _TRUTHFULQA)
        for name in sorted(role.fields.keys() - role.optional - set(_ANSWER_FIELDS)):
            raise DataError(f"{self.path}: TruthfulQA has no field {name!r}{did_you_mean(name, _ANSWER_FIELDS)}")
        read = read_columns(self.path, "csv", _TRUTHFULQA, limit=limit)
        return frames_of(self.path, ((_answers(cells), None) for cells in read), role)


def _answers(cells: Cells) -> Cells:
    """Return the fields of a TruthfulQA batch: answers stripped, without blanks and repeats."""
    rows = [_choices(*row) for row in zip(*(cells[column] for column in _TRUTHFULQA[1:4]), strict=True)]
    return dict(zip(_ANSWER_FIELDS, (
        [question.strip() for question in cells["Question"]], [true + false for true, false in rows],
        [list(range(len(true))) for true, _ in rows], [0] * len(rows), [true for true, _ in rows], cells["Category"],
    ), strict=True))


def _choices(best: str, true: str, false: str) -> tuple[list[str], list[str]]:
    """Return (true answers, the best one first; false answers)."""
    right = list(dict.fromkeys([best.strip(), *split(true, ";")]))
    return right, [answer for answer in dict.fromkeys(split(false, ";")) if answer not in right]
