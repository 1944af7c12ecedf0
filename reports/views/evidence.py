"""The items behind a finding: a few rows of `items/<check>.parquet`, those that weigh most against the model first.

What weighs against the model its detector says, in the columns `against` and `weight` (see `detectors.result.Result`);
nothing is guessed from a limit or a direction, and items without these columns keep the stored order. Only these
columns are read whole. A file whose digest is not the record's is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup, escape

from audit.record import AGAINST, WEIGHT, Audit, Finding, ItemsFile, items_of, table_of, worst_first
from detectors.immutable import immutable
from reports.figures import drawn, told_list
from reports.text import Notation, cell_text, one_line
from reports.views.columns import NAMES, in_order, judged_columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "SHORT", "WORDED", "Column", "ItemsTable", "count_items", "laid_out", "shown_cell", "shown_table", "worst_items",
]

MAX_COLUMNS = 8
SHORT = 24
"""A column whose cells have at most this many characters needs little room."""
ONCE = 120
"""What a column says in every row is said once, if it has at most this many characters."""
WORDED = {
    "outcome": "cell", "prefers": "cell", "kind": "cell", "role": "cell", "finish": "cell", "missing": "cell",
    "group": "group", "score": "group", "about": "group", "problem": "cause", "not_asked": "cause",
    "likelihood": "likelihood", "metric": "metric", "not_changed": "cause", "flipped_under": "group", "change": "group",
    "duties_missed": "group", "duty": "group", "mark": "cell", "why": "cause",
    "states": "cell", "rules": "cell", "reasons": "cause", "graded_by": "cell", "kinds": "perturbation",
    **dict.fromkeys(("answerable", "gold_first", "gold_middle", "gold_last", "withheld", "changed"), "cell"),
}  # fmt: skip
"""Columns whose cells are words of ours, and the section of the catalogue that has them."""
UNITS = {"bytes": "bytes", "seconds": "seconds", "flops": "count", "parameters": "count", "matrices": "count"}
"""Last word of a column's name -> the unit of its numbers; those of other columns are bare."""
_WHOLE = 1e15
"""Whole numbers below it are told as counts are."""
Kind = Literal["id", "num", "word", "text", "picture"]
"""What names the item, numbers, short words, text that needs room, or what is drawn."""


@immutable
class Column:
    """One column of the items, as it is shown."""

    name: str
    """As it is stored."""
    label: str
    kind: Kind


@immutable
class ItemsTable:
    """The rows that a report shows of a check's items."""

    path: str
    """Relative to the audit folder."""
    problem: Literal["missing", "changed", "erased"] | None = None
    """Why there are no rows: the file is not there, not the one that the record names, or erased."""
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    """Cells as they are printed; a picture is markup."""
    total: int = 0
    ranked: bool = False
    """Whether the worst come first; otherwise the order is the stored one."""
    same: tuple[tuple[str, str], ...] = ()
    """(label, cell) of columns that say the same in every row shown."""
    hidden: tuple[str, ...] = ()
    """Labels of the columns that found no room."""


def worst_items(
    audit: Audit, finding: Finding, notation: Notation, most: int, most_characters: int
) -> ItemsTable | None:
    """Return up to `most` rows within `most_characters` of escaped text; None where the record names no items."""
    return _shown(items_of(audit.folder, finding), finding, notation, most, most_characters)


def shown_table(
    audit: Audit, finding: Finding, notation: Notation, most: int, most_characters: int
) -> ItemsTable | None:
    """Return the first rows of the finding's table, as `worst_items` does; None where the record names none."""
    return _shown(table_of(audit.folder, finding), finding, notation, most, most_characters)


def _shown(
    file: ItemsFile | None, finding: Finding, notation: Notation, most: int, most_characters: int
) -> ItemsTable | None:
    if file is None:
        return None
    if file.problem is not None:
        return ItemsTable(file.name, problem=file.problem)
    first = worst_first(file.table(file.ranks))[:most] if file.ranks else range(min(most, file.total))
    items = ItemsTable(file.name, total=file.total, ranked=bool(file.ranks))
    return laid_out(items, finding, file.rows(first), notation, most_characters)


def laid_out(
    items: ItemsTable, finding: Finding, table: pa.Table, notation: Notation, most_characters: int,
    framed: Callable[[Markup], Markup] = lambda picture: picture, chosen: Sequence[str] = (),
) -> ItemsTable:
    """Return `items` with the columns and rows of `table`, in the order of `reports.views.columns`.

    A column that says the same in every row is said once, unless it was judged. Where there are too many, the last ones
    are only named; those that a reader has `chosen` are shown in any case. `framed` puts a picture into the document.
    """
    words, judged = notation.words, judged_columns(finding)
    ordered = in_order(finding, table.schema.names)
    names = [name for name in ordered if (name in chosen if chosen else name not in (AGAINST, WEIGHT))]
    labels = [one_line(words.term("column", name), words, 40) for name in names]
    cells = [_cells(name, table[name].to_pylist(), notation, framed) for name in names]
    kinds: list[Kind] = [
        "id" if name in NAMES else _kind(table.schema.field(name).type, column)
        for name, column in zip(names, cells, strict=True)
    ]
    kept = {*judged, *chosen}
    same = [
        index
        for index, column in enumerate(cells)
        if len(column) > 1 and len(set(column)) == 1 and names[index] not in kept
        and kinds[index] not in ("id", "picture") and len(column[0]) <= ONCE
    ]
    varying = [index for index in range(len(cells)) if index not in same]
    shown = varying if chosen else varying[:MAX_COLUMNS]
    rows = list(zip(*(cells[index] for index in shown), strict=True))
    return replace(
        items,
        columns=tuple(Column(names[index], labels[index], kinds[index]) for index in shown),
        rows=_within(rows, most_characters),
        same=tuple((labels[index], cells[index][0]) for index in same),
        hidden=tuple(labels[index] for index in varying if index not in shown),
    )


def _cells(name: str, values: list[Any], notation: Notation, framed: Callable[[Markup], Markup]) -> list[str]:
    pictures = [drawn(name, value, notation) for value in values]
    return [
        shown_cell(value, notation, name) if found is None else framed(found.picture)
        for value, found in zip(values, pictures, strict=True)
    ]


def count_items(audit: Audit, finding: Finding) -> int | None:
    """Return how many items stand behind a finding; None where there are none that are the record's."""
    file = items_of(audit.folder, finding)
    return None if file is None or file.problem is not None else file.total


def _is_numeric(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _kind(kind: pa.DataType, cells: Sequence[str]) -> Kind:
    if any(isinstance(cell, Markup) for cell in cells):
        return "picture"
    if _is_numeric(kind):
        return "num"
    return "word" if max(map(len, cells), default=0) <= SHORT else "text"


def shown_cell(value: Any, notation: Notation, column: str = "") -> str:
    """Return a cell as it is printed: numbers in three digits, words of ours translated, text made inert.

    Of a list of flags or of many numbers it is told what it holds.
    """
    if isinstance(value, bool):
        return notation.words("format.yes" if value else "format.no")
    if isinstance(value, int | float) and math.isfinite(value):
        unit = UNITS.get(column.rpartition("_")[2], "")
        if isinstance(value, int) and not unit:
            return f"{value:,}"
        whole = float(value).is_integer() and abs(value) < _WHOLE  # three digits would look rounded
        return notation.number(value, unit or ("count" if whole else ""))
    if isinstance(value, list) and (told := told_list(value, notation)) is not None:
        return told
    if isinstance(value, list) and value and all(isinstance(one, bool | int | float) for one in value):
        return " · ".join(shown_cell(one, notation, column) for one in value)
    if isinstance(value, list) and all(one is None or isinstance(one, str) for one in value):
        # the draws for one prompt, or what went wrong with some
        value = " · ".join(_worded(one, notation, column) for one in value if one)
    elif isinstance(value, str):
        value = _worded(value, notation, column)
    return cell_text(value, notation.words)


def _worded(text: str, notation: Notation, column: str) -> str:
    return notation.words.term(WORDED[column], text) if column in WORDED else text


def _within(rows: Sequence[tuple[str, ...]], most_characters: int) -> tuple[tuple[str, ...], ...]:
    """Return the first rows whose escaped text stays within the room."""
    kept, room = [], most_characters
    for row in rows:
        room -= sum(len(escape(cell)) for cell in row)
        if room < 0:
            break
        kept.append(row)
    return tuple(kept)
