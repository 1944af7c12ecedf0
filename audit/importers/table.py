"""A plain table of scored answers: CSV, TSV, JSON lines or Parquet, one row for each answer and scorer.

    item, score                                          needed
    task, scorer, status, passed, repeat, unit, input, output, target, model, direction, problem

`status` is scored, unscored, error or invalid; without one a row with a score is scored and one without is unscored.
`direction` is higher or lower, the same in all rows of a scorer. Any other column may name groups.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice, repeat
from pathlib import Path
from typing import Any, get_args

from audit.data import ENDINGS, column_names, described, read_columns
from audit.errors import DataError
from audit.importers.log import Direction, Log, ScoredAnswer, Status
from audit.importers.reading import begins, json_lines, number_in
from detectors.immutable import immutable

__all__ = ["IMPORTER", "Table"]

_PLAIN = ("task", "scorer", "status", "passed", "repeat", "unit", "input", "output", "target", "model", "direction",
          "problem")  # fmt: skip
_ROWS = 4096
_STATUSES = get_args(Status)
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "pass", "passed"), ("0", "0.0", "false", "no", "fail", "failed")


@immutable
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
        return Log("table", None, None, lambda: self._answers(path))

    def _answers(self, path: Path) -> Iterator[ScoredAnswer]:
        columns = {name: self.fields.get(name, name) for name in ("item", "score", *_PLAIN)}
        ways: dict[str, Any] = {}
        before = 0
        for cells, others in _parts(path, self.title, columns):
            for answer in _answers(path, before, cells, others):
                way = ways.setdefault(answer.scorer, answer.direction)
                if way != answer.direction:
                    raise DataError(f"{path}: {answer.scorer} has the directions {way} and {answer.direction}; "
                                    "allowed: one of them")  # fmt: skip
                yield answer
            before += len(others)


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


def _parts(
    path: Path, tool: str, columns: Mapping[str, str]
) -> Iterator[tuple[dict[str, Sequence[Any]], Sequence[Mapping[str, Any]]]]:
    """Yield (name -> cells of some rows, None where nothing stands; of each row the columns that no name has)."""
    known = {*columns.values()}
    if ENDINGS[path.suffix.lower()] == "jsonl":
        rows = (row for _, row in json_lines(path, tool))
        while part := list(islice(rows, _ROWS)):
            yield {name: _filled([row.get(one) for row in part]) for name, one in columns.items()}, [
                {key: cell for key, cell in row.items() if key not in known and "." not in key} for row in part
            ]
        return
    there = [one for one in column_names(path) if "." not in one]
    others = [one for one in there if one not in known]
    for cells in read_columns(path, "auto", there):
        count = len(cells[there[0]])
        rest = zip(*(cells[one] for one in others), strict=True) if others else repeat((), count)
        yield {name: _filled(cells[one]) if one in cells else [None] * count for name, one in columns.items()}, [
            dict(zip(others, row, strict=True)) for row in rest
        ]


def _filled(cells: Sequence[Any]) -> list[Any]:
    return [None if cell == "" else cell for cell in cells]


def _answers(
    path: Path, before: int, cells: Mapping[str, Sequence[Any]], others: Sequence[Mapping[str, Any]]
) -> Iterator[ScoredAnswer]:
    """Yield the answers of some rows, before which so many stand; raises DataError naming the row."""

    def each(read: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
        done: list[Any] = []
        try:
            for row in zip(*columns, strict=True):
                done.append(read(*row))
        except ValueError as why:
            raise DataError(f"{path}: row {before + len(done) + 1}: {why}") from None
        return done

    scores = each(_score, cells["score"])
    facts = {
        **{name: cells[name] for name in ("input", "output", "target", "problem")}, "about": others, "score": scores,
        "task": [str(cell or path.stem) for cell in cells["task"]], "item": each(_item, cells["item"]),
        "scorer": [str(cell or "score") for cell in cells["scorer"]], "passed": each(_passed, cells["passed"]),
        "status": each(_status, cells["status"], scores), "asked": zip(cells["input"], cells["target"], strict=True),
        "repeat": each(_repeat, cells["repeat"]), "direction": each(_direction, cells["direction"]),
        "cluster": [None if cell is None else str(cell) for cell in cells["unit"]],
        "model": [str(cell) if cell else None for cell in cells["model"]],
        "locator": [f"row {row}" for row in range(before + 1, before + len(others) + 1)],
    }  # fmt: skip
    return map(ScoredAnswer._make, zip(*(facts[name] for name in ScoredAnswer._fields), strict=True))


def _item(cell: Any) -> str:
    if type(cell) not in (str, int):
        got = "empty" if cell is None else described(cell)
        raise ValueError(f"item is {got}; allowed: text or an integer that names what was asked")
    return str(cell)


def _score(cell: Any) -> float | None:
    if cell is None:
        return None
    try:
        score = number_in(float(cell)) if isinstance(cell, str) else number_in(cell)
    except ValueError:
        score = None
    if score is None:
        raise ValueError("score is no finite number; allowed: one, or nothing")
    return score


def _status(cell: Any, score: float | None) -> Status:
    status: Status = cell or ("unscored" if score is None else "scored")
    if status not in _STATUSES or (status == "scored") == (score is None):
        got = f"status {str(status)[:20]!r} with {'no' if score is None else 'a'} score"
        raise ValueError(f"{got}; allowed: scored with a score, or error, unscored, invalid without")
    return status


def _direction(cell: Any) -> Direction | None:
    if cell not in (None, "higher", "lower"):
        raise ValueError(f"direction {str(cell)[:20]!r}; allowed: higher, lower, or nothing")
    return cell  # type: ignore[no-any-return]


def _passed(cell: Any) -> bool | None:
    if cell is None:
        return None
    text = str(cell).lower()
    if text not in (*_TRUE, *_FALSE):
        raise ValueError(f"passed is {text[:20]!r}; allowed: true, false, or nothing")
    return text in _TRUE


def _repeat(cell: Any) -> int:
    if cell is None:
        return 1
    text = str(cell)
    if not text.isdecimal() or len(text) > 9 or not int(text):
        raise ValueError(f"repeat is {text[:20]!r}; allowed: 1, 2, 3, ...")
    return int(text)


IMPORTER = Table()
