"""Items as content: what an item is, a text, an image or a series, and what each of two models made of it.

    marked_changes(audits, check)    items of both audits that count against one model alone, as detectors marked them
    said_of(audits, check, ids)      id -> content and answers of items that are in both

Nothing is measured here. Texts are cut, and only so many pictures are kept as a reader looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from audit.record import AGAINST, Audit, ItemsFile, items_of
from detectors.immutable import immutable
from detectors.phrases import ComparisonTest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DRAWN", "Changes", "Said", "marked_changes", "said_of"]

DRAWN = ("image", "series")
"""Columns that hold a picture; `image` holds levels, `series` steps."""
_TEXTS = ("question", "sentence", "prompt", "text", "more", "output")
"""Columns that may say what an item is; the first that is there counts."""
_ANSWERS = ("answer", "prefers", "class", "label", "output", "text", "outcome")
"""Columns that may hold what a model made of it, likewise."""
_MOST_SAID = 200
"""Items of one kind of which it is kept what they say."""
_MOST_DRAWN = 24
"""Items of one kind whose pictures are kept."""
_MOST_CHARACTERS = 400
_UNTESTED = ComparisonTest("none: the measure is no mean of these marks")
Row = tuple[int, Mapping[str, Any]]


@immutable
class Said:
    """What an item is, and what came of it; texts are cut, and None where the items have none."""

    item: str | None
    a: str | None
    b: str | None
    right: str | None = None
    """The right answer, where there is one."""
    rows: tuple[int, int] = (0, 0)
    """Its row in the items of A and of B, from 1."""
    column: str = ""
    """One of `DRAWN`; empty where it has no picture."""
    drawn: tuple[Any, Any] = (None, None)
    """Levels [row, column], also one for each colour, or steps [step], in A and in B."""


@immutable
class Changes:
    """Items whose outcome is another one, where every outcome is 0 or 1, or a mark that it counts against the model."""

    newly_failing: tuple[str, ...]
    """Items that fail in B alone, in A's order."""
    newly_passing: tuple[str, ...]
    counted: int
    """Items that have an outcome in both."""
    p: float | None
    """Exact, two-sided, of "either is as likely"; None where looking decided how many were asked, and for marks."""
    test: str
    said: Mapping[str, Said] = field(default_factory=dict)
    """Id -> what it says; of the first items of each kind."""

    @property
    def by_marks(self) -> bool:
        """Whether an outcome is the mark that an item counts against the model."""
        return self.test == _UNTESTED

    @classmethod
    def of(
        cls, audits: tuple[Audit, Audit], check: str, lost: tuple[str, ...], won: tuple[str, ...], counted: int,
        p: float | None, test: str,
    ) -> Changes:
        """Return changes with what the first items of each kind say."""
        return cls(lost, won, counted, p, test, said_of(audits, check, lost[:_MOST_SAID], won[:_MOST_SAID]))


def marked_changes(audits: tuple[Audit, Audit], check: str) -> Changes | None:
    """Return the items of both that count against one model alone; None where none is in both, or nothing is marked."""
    first, second = (_marks(audit, check) for audit in audits)
    if first is None or second is None:
        return None
    both = first.to_frame("a").join(second.rename("b"), how="inner")
    lost, won = (tuple(both.index[both[one] & ~both[other]]) for one, other in ("ba", "ab"))
    return Changes.of(audits, check, lost, won, len(both), None, _UNTESTED) if len(both) else None


def _marks(audit: Audit, check: str) -> pd.Series[bool] | None:
    """Return id -> whether it counts against the model, in stored order; None where ids or marks are not told."""
    file = items_of(audit.folder, audit.finding(check))
    if file is None or file.problem in ("missing", "erased"):
        return None
    if file.problem is None and (file.id_column is None or not file.tells_failures):
        return None
    marks = file.read([AGAINST])[AGAINST]
    marks.index = marks.index.astype(str)
    return marks.dropna().astype(bool) if marks.index.is_unique else None


def said_of(
    audits: tuple[Audit, Audit], check: str, lost: Sequence[str], won: Sequence[str]
) -> dict[str, Said]:
    """Return what these items say and what each model made of them; pictures only of the first of either kind."""
    ids = [*lost, *won]
    files = [items_of(audit.folder, audit.finding(check)) for audit in audits] if ids else []
    if len(files) != 2 or files[0] is None or files[1] is None:
        return {}
    first, second = (_found(file, ids) for file in files if file is not None)
    drawn = {*lost[:_MOST_DRAWN], *won[:_MOST_DRAWN]}
    return {one: _said(first[one], second[one], drawn=one in drawn) for one in ids if one in first and one in second}


def _found(file: ItemsFile, ids: Sequence[str]) -> dict[str, Row]:
    """Return the rows of these items, numbered from 1, of those that are there."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    own = pc.cast(file.table([str(file.id_column)]).column(0).combine_chunks(), "string")
    at = pc.index_in(pa.array(ids, "string"), value_set=own)
    there = np.flatnonzero(pc.is_valid(at).to_numpy(zero_copy_only=False))
    numbers = at.take(pa.array(there)).to_numpy()
    rows = file.rows(numbers).to_pylist()
    return {ids[int(one)]: (int(number) + 1, row) for one, number, row in zip(there, numbers, rows, strict=True)}


def _said(first: Row, second: Row, *, drawn: bool) -> Said:
    (at, a), (to, b) = first, second
    text = _first(_TEXTS, a)
    column = next((name for name in DRAWN if a.get(name) is not None and b.get(name) is not None), "") if drawn else ""
    return Said(
        _cut(a.get(text)), _answer(a, text), _answer(b, text), _cut(a.get("right")), (at, to), column,
        (a[column], b[column]) if column else (None, None),
    )


def _first(names: Sequence[str], row: Mapping[str, Any]) -> str:
    return next((one for one in names if one in row), "")


def _answer(row: Mapping[str, Any], text: str) -> str | None:
    """Return what a model made of an item, whose text is another column; of a preference the sentence preferred."""
    answer = row.get(_first([one for one in _ANSWERS if one != text], row))
    if isinstance(answer, str) and isinstance(named := row.get(answer), str):
        answer = named
    return _cut(answer)


def _cut(cell: Any) -> str | None:
    return cell[:_MOST_CHARACTERS] if isinstance(cell, str) and cell.strip() else None
