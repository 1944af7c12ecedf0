"""A plain table of scored answers: CSV, TSV, JSON lines or Parquet, one row for each answer and scorer.

    item, score                                          needed
    task, scorer, status, passed, repeat, unit, input, output, target, model, direction, problem

`status` is scored, unscored, error or invalid; without one a row with a score is scored and one without is unscored.
`direction` is higher or lower, the same in all rows of a scorer. Any other column may name groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from audit.data import ENDINGS, column_names, read_columns
from audit.errors import DataError
from audit.importers.log import Log, Scale, ScoredAnswer, Status
from audit.importers.reading import digest_of, number_in, scalars, text_in

__all__ = ["IMPORTER", "Table"]

_PLAIN = ("task", "scorer", "status", "passed", "repeat", "unit", "input", "output", "target", "model", "direction",
          "problem")  # fmt: skip
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "pass", "passed"), ("0", "0.0", "false", "no", "fail", "failed")


@dataclass(frozen=True)
class Table:
    """Rows of scored answers, by the names of their columns."""

    title: str = "a plain table"
    fields: Mapping[str, str] = field(default_factory=dict)
    """Name above -> column that holds it, where the column is called otherwise."""

    def _column(self, name: str) -> str:
        return self.fields.get(name, name)

    def files(self, path: Path) -> list[Path] | None:
        """Return the file, if it is a table that has an item and a score in each row."""
        if not path.is_file() or path.suffix.lower() not in ENDINGS:
            return None
        return [path] if {self._column("item"), self._column("score")} <= set(column_names(path)) else None

    def read(self, path: Path) -> Log:
        """Return the rows; what is said of a scorer is read from its first row."""
        columns = [one for one in column_names(path) if "." not in one]
        for name, column in self.fields.items():
            if name not in ("item", "score", *_PLAIN) or column not in columns:
                raise DataError(f"{path}: no column {column!r} for {name}; allowed: a column of the file for one of "
                                f"item, score, {', '.join(_PLAIN)}")  # fmt: skip
        models, scales = set[str](), dict[str, Scale]()
        told = [one for one in ("scorer", "direction", "model") if self._column(one) in columns]
        for cells in read_columns(path, "auto", [self._column(one) for one in told]) if told else ():
            for values in zip(*(cells[self._column(one)] for one in told), strict=True):
                row = dict(zip(told, values, strict=True))
                models |= {row["model"]} if row.get("model") else set()
                _note(path, scales, str(row.get("scorer") or "score"), row.get("direction") or None)
        model = ", ".join(sorted(models)[:3]) or None
        return Log("table", None, text_in(model), lambda: self._answers(path, columns), scales)

    def _answers(self, path: Path, columns: list[str]) -> Iterator[ScoredAnswer]:
        number = 0
        for cells in read_columns(path, "auto", columns):
            for values in zip(*cells.values(), strict=True):
                number += 1
                yield self._answer(path, number, dict(zip(cells, values, strict=True)))

    def _answer(self, path: Path, number: int, row: Mapping[str, Any]) -> ScoredAnswer:
        told = {name: row.get(self._column(name)) for name in ("item", "score", *_PLAIN)}
        told = {name: None if cell == "" else cell for name, cell in told.items()}
        where = f"{path}: row {number}"
        if type(told["item"]) not in (str, int):
            raise DataError(f"{where}: item is empty; allowed: text or an integer that names what was asked")
        score = _score(where, told["score"])
        status: Status = told["status"] or ("unscored" if score is None else "scored")
        if status not in get_args(Status) or (status == "scored") == (score is None):
            got = f"status {str(status)[:20]!r} with {'no' if score is None else 'a'} score"
            raise DataError(f"{where}: {got}; allowed: scored with a score, or error, unscored, invalid without")
        known = {self._column(name) for name in told}
        return ScoredAnswer(
            task=str(told["task"] or path.stem), item=str(told["item"]), scorer=str(told["scorer"] or "score"),
            status=status, score=score, passed=_passed(where, told["passed"]), repeat=_repeat(where, told["repeat"]),
            asked=digest_of(told["input"], told["target"]), input=text_in(told["input"]),
            output=text_in(told["output"]), target=text_in(told["target"]), problem=text_in(told["problem"]),
            cluster=None if told["unit"] is None else str(told["unit"]), locator=f"row {number}",
            about=scalars({key: cell for key, cell in row.items() if key not in known}),
        )  # fmt: skip


def _note(path: Path, scales: dict[str, Scale], scorer: str, direction: Any) -> None:
    """Add what a row tells of its scorer; raises DataError where two rows tell otherwise."""
    if direction not in (None, "higher", "lower"):
        raise DataError(f"{path}: direction {str(direction)[:20]!r} of {scorer}; allowed: higher, lower, or nothing")
    before = scales.setdefault(scorer, Scale(direction)).direction
    if before != direction:
        raise DataError(f"{path}: {scorer} has the directions {before} and {direction}; allowed: one of them")


def _score(where: str, cell: Any) -> float | None:
    """Return a score; raises DataError for what is none."""
    if cell is None:
        return None
    try:
        score = number_in(float(cell)) if isinstance(cell, str) else number_in(cell)
    except ValueError:
        score = None
    if score is None:
        raise DataError(f"{where}: score is no finite number; allowed: one, or nothing")
    return score


def _passed(where: str, cell: Any) -> bool | None:
    if cell is None:
        return None
    text = str(cell).lower()
    if text not in (*_TRUE, *_FALSE):
        raise DataError(f"{where}: passed is {text[:20]!r}; allowed: true, false, or nothing")
    return text in _TRUE


def _repeat(where: str, cell: Any) -> int:
    text = str(1 if cell is None else cell)
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise DataError(f"{where}: repeat is {text[:20]!r}; allowed: 1, 2, 3, ...")
    return int(text)


IMPORTER = Table()
