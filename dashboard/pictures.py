"""Items that are no text, drawn: an image as a PNG of its own grey levels, a series as a line.

    image    [row, column]   black is the lowest level of this image, white the highest; enlarged without smoothing
    series   [step]          from its lowest to its highest value

What a column holds decides, not its name alone: a cell that is no such picture is printed like any other.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from dashboard.drawing import picture
from reports.figures import PALETTE
from reports.notation import Notation

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DRAWN", "Drawing", "drawn"]

DRAWN = ("image", "series")
"""Columns that are drawn instead of printed."""


class Drawing(NamedTuple):
    """A picture, and in words what its ends are."""

    picture: Markup
    told: str


def drawn(column: str, value: Any, notation: Notation, width: int, height: int) -> Drawing | None:
    """Return the cell of a drawn column; None where it does not hold what its name says.

    A series fills width and height (pixels); an image keeps its own size, and the style of its place enlarges it.
    """
    if column == "image" and (grid := _numbers(value, 2)) is not None:
        return _image(grid, notation)
    if column == "series" and (line := _numbers(value, 1)) is not None:
        return _series(line, notation, width, height)
    return None


def _image(grid: np.ndarray, notation: Notation) -> Drawing:
    import numpy as np

    low, high = float(grid.min()), float(grid.max())
    grey = np.zeros(grid.shape) if low == high else (grid - low) / (high - low) * 255
    data = base64.b64encode(_png(grey.round().astype(np.uint8))).decode()
    told = notation.words(
        "dashboard.image_told",
        rows=grid.shape[0],
        columns=grid.shape[1],
        low=notation.number(low, "count"),
        high=notation.number(high, "count"),
    )
    image = Markup('<img class="grey" alt="{}" title="{}" src="data:image/png;base64,{}">').format(told, told, data)
    return Drawing(image, told)


def _series(line: np.ndarray, notation: Notation, width: int, height: int) -> Drawing:
    import numpy as np

    low, high = float(line.min()), float(line.max())
    x = np.linspace(1, width - 1, line.size) if line.size > 1 else np.array([width / 2])
    y = np.full(line.size, height / 2) if low == high else 2 + (height - 4) * (high - line) / (high - low)
    told = notation.words(
        "dashboard.series_told", steps=line.size, low=notation.number(low, "count"), high=notation.number(high, "count")
    )
    points = " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, y, strict=True))
    svg = Markup(
        '<svg class="series" viewBox="0 0 {} {}" width="{}" height="{}"><title>{}</title>'
        '<polyline points="{}" fill="none" stroke="{}" stroke-width="1.5" stroke-linejoin="round"/></svg>'
    ).format(width, height, width, height, told, points, PALETTE["passed"])
    return Drawing(picture(svg), told)


def _numbers(value: Any, dimensions: int) -> np.ndarray | None:
    """Return lists of finite numbers as an array with that many dimensions, None where they are anything else."""
    import numpy as np

    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == dimensions and array.size and np.isfinite(array).all() else None


def _png(grey: np.ndarray) -> bytes:
    """Return uint8 [row, column] as a PNG file: signature, header, one block of unfiltered rows, end."""
    height, width = grey.shape
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in grey))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
