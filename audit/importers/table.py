"""A plain table of scored answers: CSV, TSV, JSON lines or Parquet, one row for each answer and scorer.

    item, score                                          needed
    task, scorer, status, passed, repeat, unit, input, output, target, model, direction, problem

`status` is scored, unscored, error or invalid; without one a row with a score is scored and one without is unscored.
`direction` is higher or lower, the same in all rows of a scorer. Any other column may name groups.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from audit.data import ENDINGS, column_names, read_columns
from audit.errors import DataError
from audit.importers.log import Log, ScoredAnswer, Status
from audit.importers.reading import begins, digest_of, json_lines, number_in, scalars, text_in

__all__ = ["IMPORTER", "Table"]

_PLAIN = ("task", "scorer", "status", "passed", "repeat", "unit", "input", "output", "target", "model", "direction",
          "problem")  # fmt: skip
_STATUSES = get_args(Status)
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "pass", "passed"), ("0", "0.0", "false", "no", "fail", "failed")


@dataclass(frozen=True)
class Table:
    """Rows of scored answers, by the names of their columns."""

    title: str = "a plain table"
    fields: Mapping[str, str] = field(default_factory=dict)
    """Name above -> column that holds it, where the column is called otherwise."""

    def files(self, path: Path) -> list[Path] | None:
        """Return the file, if it is a table that has an item and a score in some row."""
        if not path.is_file() or path.suffix.lower() not in ENDINGS:
            return None
        wanted = {self.fields.get(name, name) for name in ("item", "score")}
        return [path] if wanted <= set(_names(path, wanted)) else None

    def read(self, path: Path) -> Log:
        """Return the rows; which model answered, and which way a scorer is good, each row says for itself."""
        there = _names(path, set(self.fields.values())) if self.fields else []
        for name, column in self.fields.items():
            if name not in ("item", "score", *_PLAIN) or column not in there or "." in column:
                raise DataError(f"{path}: no column {column!r} for {name}; allowed: a column of the file for one of "
                                f"item, score, {', '.join(_PLAIN)}")  # fmt: skip
        return Log("table", None, None, lambda: self._answers(path), bare=lambda: self._answers(path, texts=False))

    def _answers(self, path: Path, *, texts: bool = True) -> Iterator[ScoredAnswer]:
        columns = {name: self.fields.get(name, name) for name in ("item", "score", *_PLAIN)}
        ways: dict[str, Any] = {}
        known, task = frozenset(columns.values()), path.stem
        for number, row in enumerate(_rows(path, self.title), 1):
            told = {name: None if (cell := row.get(column)) == "" else cell for name, column in columns.items()}
            said: dict[str, Any] = _said(told, row, known) if texts else {}
            answer = _answer(path, number, {**told, "task": told["task"] or task}, said)
            before = ways.setdefault(answer.scorer, answer.direction)
            if before != answer.direction:
                raise DataError(f"{path}: {answer.scorer} has the directions {before} and {answer.direction}; allowed: "
                                "one of them")  # fmt: skip
            yield answer


def _names(path: Path, wanted: set[str]) -> list[str]:
    """Return the names of a file's columns; of JSON lines those of its beginning, where all that is wanted is there."""
    if ENDINGS[path.suffix.lower()] == "jsonl":
        try:
            found = [name for line in begins(path).split("\n")[:-1] for name in json.loads(line)]
        except (ValueError, TypeError, RecursionError):
            found = []  # reading it tells what is wrong with it, and in which line
        if wanted <= set(found):
            return found
    return column_names(path)


def _rows(path: Path, tool: str) -> Iterator[Mapping[str, Any]]:
    """Yield the rows, each as column -> cell."""
    if ENDINGS[path.suffix.lower()] == "jsonl":
        yield from (row for _, row in json_lines(path, tool))
        return
    for cells in read_columns(path, "auto", [one for one in column_names(path) if "." not in one]):
        yield from (dict(zip(cells, values, strict=True)) for values in zip(*cells.values(), strict=True))


def _said(told: Mapping[str, Any], row: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Return what was asked and said in a row, and its columns that no name above has."""
    return {
        **{name: text_in(told[name]) for name in ("input", "output", "target", "problem")},
        "asked": digest_of(told["input"], told["target"]),
        "about": scalars({key: cell for key, cell in row.items() if key not in known and "." not in key}),
    }


def _answer(path: Path, number: int, told: Mapping[str, Any], said: Mapping[str, Any]) -> ScoredAnswer:
    """Return a row's answer, by the names above."""
    where = f"{path}: row {number}"
    if type(told["item"]) not in (str, int):
        raise DataError(f"{where}: item is empty; allowed: text or an integer that names what was asked")
    score, scorer = _score(where, told["score"]), str(told["scorer"] or "score")
    status: Status = told["status"] or ("unscored" if score is None else "scored")
    if status not in _STATUSES or (status == "scored") == (score is None):
        got = f"status {str(status)[:20]!r} with {'no' if score is None else 'a'} score"
        raise DataError(f"{where}: {got}; allowed: scored with a score, or error, unscored, invalid without")
    if (way := told["direction"] or None) not in (None, "higher", "lower"):
        raise DataError(f"{path}: direction {str(way)[:20]!r} of {scorer}; allowed: higher, lower, or nothing")
    return ScoredAnswer(
        task=str(told["task"]), item=str(told["item"]), scorer=scorer, direction=way,
        status=status, score=score, passed=_passed(where, told["passed"]), repeat=_repeat(where, told["repeat"]),
        cluster=None if told["unit"] is None else str(told["unit"]), locator=f"row {number}",
        model=str(told["model"]) if told["model"] else None, **said,
    )  # fmt: skip


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
    if cell is None:
        return 1
    text = str(cell)
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise DataError(f"{where}: repeat is {text[:20]!r}; allowed: 1, 2, 3, ...")
    return int(text)


IMPORTER = Table()
