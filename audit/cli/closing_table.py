"""The closing table: models against the dimensions that somebody asked about, at most 79 columns wide.

    model       bias     novelty  decided
    vae sound   v 6.52 % v 0.998* 2/2
    vae flawed  v 11.2 % v 0.995  2/2
      x samples: missing modes is 1 [1, 1] of 1,200 items

What is wrong stands under its row. Long names go on under themselves, and dimensions that find no room in a table
below.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from audit.cli.screen import SIGNS
from audit.cli.terminal_words import clause
from audit.errors import clean
from audit.record import Audit, number
from audit.verdict import MatrixCell, MatrixRow, dimensions_of, matrix_row
from detectors.units import STEPS

__all__ = ["closing_table"]

WIDTH = 79
FIRST = 16
"""The names of models have at least so many columns."""
HEAD = 8
"""Longer names of dimensions are cut."""
_GAP, _INDENT = " ", "  "
_MEANINGS = {
    "v": "passed", "x": "failed", "?": "undecided", "~": "not measurable", "!": "crashed", ".": "measured, no limit",
    "-": "outside the plan", "*": "measures without limit far off",
}  # fmt: skip


def closing_table(audits: Iterable[Audit]) -> str:
    """Return the table, a row an audit; a cell is the worst finding's sign and number."""
    records = [audit.record for audit in audits]
    rows = [matrix_row(record) for record in records]
    columns = [[_head(clean(name)), *(_cell(row.cells.get(name)) for row in rows)] for name in dimensions_of(rows)]
    columns.append(["decided", *("{}/{}".format(*row.decided) for row in rows)])
    what = "model" if any("main" in record.models for record in records) else "data"
    lines = [line for part in _parts(columns) for line in (*_table(what, rows, part), "")]
    return "\n".join([*lines, *_legend()])


def _head(name: str) -> str:
    return name if len(name) <= HEAD else f"{name[: HEAD - 1]}."


def _cell(cell: MatrixCell | None) -> str:
    if cell is None:
        return "-"
    head, shown = cell.worst.headline, ""
    if head is not None and head.value is not None:
        shown = _short(head.value, head.unit)
    return f"{SIGNS[cell.worst.verdict]} {shown}".rstrip() + ("*" if cell.far else "")


def _short(value: float, unit: str) -> str:
    """Return a number as a cell has room for it: a unit only where it keeps the number short."""
    return number(value, unit if unit == "share" or unit in STEPS else "").replace("µ", "u")


def _parts(columns: Sequence[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """Split the columns where they would leave the names no room."""
    part: list[Sequence[str]] = []
    for column in columns:
        if part and FIRST + sum(_width(one) + len(_GAP) for one in (*part, column)) > WIDTH:
            yield part
            part = []
        part.append(column)
    yield part


def _table(what: str, rows: Sequence[MatrixRow], part: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [_width(column) for column in part]
    names = [what, *(clean(row.audited) for row in rows)]
    room = min(_width(names), WIDTH - sum(width + len(_GAP) for width in widths))
    for at, name in enumerate(names):
        first, *more = _wrapped(name, room)
        cells = [_padded(column[at], width) for column, width in zip(part, widths, strict=True)]
        yield _GAP.join([_padded(first, room), *cells]).rstrip()
        yield from more
        if at and part[-1][0] == "decided":
            yield from _wrong(rows[at - 1])


def _wrong(row: MatrixRow) -> Iterator[str]:
    """Yield what is wrong with an audit, worst of all, on lines of its own."""
    for worst in row.wrong[:1]:
        told = clean(f"{SIGNS[worst.verdict]} {worst.check}: {clause(worst)}")
        first, *more = _wrapped(told, WIDTH - 2 * len(_INDENT))
        yield _INDENT + first
        yield from (2 * _INDENT + line for line in more)


def _legend() -> Iterator[str]:
    line = ""
    for sign, word in _MEANINGS.items():
        grown = f"{line}  {sign} {word}" if line else f"{sign} {word}"
        if len(grown) > WIDTH:
            yield line
            grown = f"{sign} {word}"
        line = grown
    yield line


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes: letters of East Asia are two wide, marks have no width."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def _width(texts: Sequence[str]) -> int:
    return max(map(_cells, texts))


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _cells(text))


def _wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text, broken at blanks, and within a word only where it is wider than a line.

    Such a word is broken behind its last hyphen that fits, if any.
    """
    lines, line = [], ""
    for word in text.split(" "):
        grown = f"{line} {word}" if line else word
        if _cells(grown) > width and line.strip():
            lines.append(line.rstrip())
            grown = word
        while _cells(grown) > width:
            at = next(end for end in range(len(grown), 0, -1) if _cells(grown[:end]) <= width or end == 1)
            at = grown.rfind("-", 0, at) + 1 or at
            lines.append(grown[:at])
            grown = grown[at:]
        line = grown
    return [*lines, line.rstrip()]
