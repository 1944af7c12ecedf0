"""The items behind a finding: a few rows of `items/<check>.parquet`, those that weigh most against the model first.

What weighs against the model its detector says, in the columns `against` and `weight` (see `detectors.result.Result`);
nothing is guessed from a limit or a direction, and items without these columns keep the stored order. Only these
columns are read whole. A file whose digest is not the record's is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from markupsafe import Markup, escape

from audit.files import contents_of, digest_file
from audit.record import Audit, Finding
from reports.figures import drawn, told_list
from reports.text import Notation, cell_text, one_line
from reports.views.columns import in_order, judged_columns

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = [
    "AGAINST", "TABLE", "WEIGHT", "WORDED", "Column", "ItemsTable", "count_items", "laid_out", "ranks_of", "shown_cell",
    "shown_table", "worst_first", "worst_items",
]

AGAINST, WEIGHT = "against", "weight"
"""Columns by which items are ordered; they are not shown themselves."""
TABLE = ".table.parquet"
"""Ending of the file that holds a finding's table: a curve, or its groups."""
MAX_COLUMNS = 8
SHORT = 24
"""A column whose cells have at most this many characters needs little room."""
WORDED = {
    "outcome": "cell", "prefers": "cell", "kind": "cell", "role": "cell", "finish": "cell", "missing": "cell",
    "group": "group", "score": "group", "about": "group", "problem": "cause", "not_asked": "cause",
    "likelihood": "likelihood",
}  # fmt: skip
"""Columns whose cells are words of ours, and the section of the catalogue that has them."""
Kind = Literal["num", "word", "text", "picture"]
"""Numbers, short words, text that needs room, or what is drawn."""


@dataclass(frozen=True)
class Column:
    """One column of the items, as it is shown."""

    label: str
    kind: Kind


@dataclass(frozen=True)
class ItemsTable:
    """The rows that a report shows of a check's items."""

    path: str
    """Relative to the audit folder."""
    problem: Literal["missing", "changed"] | None = None
    """Why there are no rows: the file is not there, or not the one that the record names."""
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
    return _shown(audit, finding, ".parquet", notation, most, most_characters)


def shown_table(
    audit: Audit, finding: Finding, notation: Notation, most: int, most_characters: int
) -> ItemsTable | None:
    """Return the first rows of the finding's table, as `worst_items` does; None where the record names none."""
    return _shown(audit, finding, TABLE, notation, most, most_characters)


def _shown(
    audit: Audit, finding: Finding, ending: str, notation: Notation, most: int, most_characters: int
) -> ItemsTable | None:
    path, digest = _named(audit, finding, ending)
    if digest is None:
        return None
    name = f"items/{path.name}"
    if not _inside(path, audit.folder):
        return ItemsTable(name, problem="missing")
    if digest_file(path) != digest:
        return ItemsTable(name, problem="changed")
    import pyarrow.dataset as ds

    dataset = ds.dataset(path, format="parquet")
    ranks = ranks_of(dataset.schema)
    first = worst_first(dataset.to_table(columns=list(ranks)))[:most] if ranks else None
    table = dataset.head(most) if first is None else dataset.take(first)
    items = ItemsTable(name, total=dataset.count_rows(), ranked=bool(ranks))
    return laid_out(items, finding, table, notation, most_characters)


def laid_out(
    items: ItemsTable, finding: Finding, table: pa.Table, notation: Notation, most_characters: int,
    framed: Callable[[Markup], Markup] = lambda picture: picture,
) -> ItemsTable:
    """Return `items` with the columns and rows of `table`, in the order of `reports.views.columns`.

    A column that says the same in every row is said once, unless it was judged. Where there are too many, the last ones
    are only named. `framed` puts a picture into the document.
    """
    words, judged = notation.words, judged_columns(finding)
    names = [name for name in in_order(finding, table.schema.names) if name not in (AGAINST, WEIGHT)]
    labels = [one_line(words.term("column", name), words, 40) for name in names]
    cells = [_cells(name, table[name].to_pylist(), notation, framed) for name in names]
    kinds = [_kind(table.schema.field(name).type, column) for name, column in zip(names, cells, strict=True)]
    same = [
        index
        for index, column in enumerate(cells)
        if len(column) > 1 and len(set(column)) == 1 and kinds[index] in ("num", "word") and names[index] not in judged
    ]
    varying = [index for index in range(len(cells)) if index not in same]
    shown = varying[:MAX_COLUMNS]
    rows = list(zip(*(cells[index] for index in shown), strict=True))
    return replace(
        items,
        columns=tuple(Column(labels[index], kinds[index]) for index in shown),
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
    """Return how many items stand behind a finding; None where the record names none, or their file is not there."""
    path, digest = _named(audit, finding, ".parquet")
    if digest is None or not _inside(path, audit.folder):
        return None
    return int(contents_of(path).num_rows)


def _named(audit: Audit, finding: Finding, ending: str) -> tuple[Path, str | None]:
    """Return where the items or the table lie, and the digest under which the record names them."""
    name = f"items/{finding.check}{ending}"
    return audit.folder / name, next((one.sha256 for one in finding.evidence if one.path == name), None)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve()) and path.is_file()


def ranks_of(schema: pa.Schema) -> tuple[str, ...]:
    """Return which of `against` and `weight` there are; other columns of these names order nothing."""
    import pyarrow as pa

    fits = {AGAINST: pa.types.is_boolean, WEIGHT: pa.types.is_floating}
    return tuple(name for name, fit in fits.items() if name in schema.names and fit(schema.field(name).type))


def worst_first(ranks: pa.Table) -> NDArray[np.intp]:
    """Return row numbers: against the model, not against it, not told; of each the heaviest first, ties as stored."""
    import numpy as np
    import pyarrow.compute as pc

    keys = []
    if WEIGHT in ranks.column_names:
        keys.append(-ranks[WEIGHT].to_numpy())  # what has no weight is NaN and sorts last
    if AGAINST in ranks.column_names:
        keys.append(-pc.cast(ranks[AGAINST], "int8").fill_null(-1).to_numpy())
    return np.lexsort(keys)


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
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float) and math.isfinite(value):
        return notation.number(value, "")
    if isinstance(value, list) and (told := told_list(value, notation)) is not None:
        return told
    if column in WORDED and isinstance(value, str):
        value = notation.words.term(WORDED[column], value)
    return cell_text(value, notation.words)


def _within(rows: Sequence[tuple[str, ...]], most_characters: int) -> tuple[tuple[str, ...], ...]:
    """Return the first rows whose escaped text stays within the room."""
    kept, room = [], most_characters
    for row in rows:
        room -= sum(len(escape(cell)) for cell in row)
        if room < 0:
            break
        kept.append(row)
    return tuple(kept)
