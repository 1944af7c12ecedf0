"""The surprise of each token, pixel or step of an item, as it was stored: what pictures of surprise are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from detectors.immutable import immutable
from reports.pictures.tokens import whole_characters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from reports.pictures.finding_figure import Shown

__all__ = ["ItemSurprise", "is_scored", "items_with_surprise", "surprise_from_cells"]

_PLACES = ("text", "token_start", "token_end")
"""Columns that tell where tokens stand."""
_DECIDED = ("window_threshold", "stream_threshold")
"""Columns that tell from where on windows and steps of a series are strange."""


@immutable
class ItemSurprise:
    """An item, and how surprising each of its elements was."""

    row: int
    role: str
    score: float
    surprisal: NDArray[np.float64]
    content: Any
    """Cell of the item: an image, a series, or the tokens of a text, no character of which is split."""
    window_threshold: float | None = None
    """Mean surprise of a window above which it is strange; None where windows were not decided."""
    stream_threshold: float | None = None
    """Surprise above which a step sounds an alarm, at the step that is nearest to it; None where none was asked for."""
    labelled: NDArray[np.float64] | None = None
    """Of each step, whether the data say that it is strange, 0 or 1; None where they say nothing."""


def items_with_surprise(shown: Shown, score: str, column: str) -> list[ItemSurprise]:
    """Return the items whose elements were stored, the most surprising first."""
    import numpy as np

    frame = shown.frame("role", "surprisal", score)
    rows = np.flatnonzero(frame["surprisal"].notna().to_numpy())
    assert shown.items is not None
    told = shown.items.rows(rows)
    names = [name for name in (column, "surprisal", *_PLACES, *_DECIDED, "strange") if name in told.column_names]
    found = [
        surprise_from_cells(row, str(frame["role"][row]), float(frame[score][row]), column, cells)
        for row, cells in zip(rows.tolist(), told.select(names).to_pylist(), strict=True)
    ]
    return sorted(filter(is_scored, found), key=lambda one: -one.score)


def surprise_from_cells(row: int, role: str, score: float, column: str, cells: Mapping[str, Any]) -> ItemSurprise:
    """Return one item from the cells of its row; column: the one that holds the item."""
    content, surprisal = cells[column], _floats(cells["surprisal"])
    text, starts, ends = (cells.get(name) for name in _PLACES)
    if column == "tokens" and isinstance(text, str) and starts is not None and ends is not None:
        content, surprisal = whole_characters(content, surprisal, text, list(zip(starts, ends, strict=True)))
    labelled = None if cells.get("strange") is None else _floats(cells["strange"])
    window, stream = (_number(cells.get(name)) for name in _DECIDED)
    return ItemSurprise(row, role, score, surprisal, content, window, stream, labelled)


def _floats(cells: Any) -> NDArray[np.float64]:
    import numpy as np

    return np.array([np.nan if one is None else one for one in cells], dtype=float)


def is_scored(one: ItemSurprise) -> bool:
    """Tell whether any of its elements has a surprise."""
    import numpy as np

    return bool(np.isfinite(one.surprisal).any())


def _number(cell: Any) -> float | None:
    return None if cell is None or math.isnan(cell) else float(cell)
