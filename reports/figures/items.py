"""Items that are no text, drawn: an image as a PNG of its own levels, a series as a line.

    image    [row, column]   black is the lowest level of this image, white the highest; enlarged without smoothing
             [3, row, column] in colour: levels from 0 to 255 as they are, others from the lowest to the highest
    series   [step]          from its lowest to its highest value
    flags    [place]         a strip: dark where True, light where False

What a column holds decides, not its name alone: a cell that is no such picture is printed like any other. Screens and
documents draw the same.
"""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from reports.figures.style import PALETTE, Form
from reports.text import Notation

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SHADES", "Drawing", "drawn", "placed", "shaded", "told_list"]

WIDTH, HEIGHT = 96, 24
"""Room of a picture in a row, in pixels."""
_WIDEST = 32
"""Of one flag in a strip, in pixels."""
SHADES = 32
"""Steps from the palest to the darkest of a heat map."""
_DARKEST = (8, 38, 74)
_FEW, _FEW_LISTED = 8, 40
"""So many numbers, and entries of lists in a list, are printed one by one."""


class Drawing(NamedTuple):
    """A picture, and in words what its ends are."""

    picture: Markup
    """An `img` or an `svg` element."""
    told: str


def drawn(column: str, value: Any, notation: Notation, width: int = WIDTH, height: int = HEIGHT) -> Drawing | None:
    """Return the cell of a column as a picture; None where it holds nothing to be drawn.

    A series fills width and height (pixels), a strip of many flags the width; an image keeps its own size, and its
    place's style enlarges it.
    """
    if _are_flags(value):
        return _strip(value, notation, width, height)
    if column == "image" and (grid := _grid(value)) is not None:
        return _image(grid, notation)
    if column == "series" and (line := _numbers(value, 1)) is not None:
        return _series(line, notation, width, height)
    return None


def placed(
    column: str, value: Any, x: float, y: float, size: float, ends: tuple[float, float] | None = None
) -> Markup | None:
    """Return an image or a series as a part of a figure, in a square of `size` at (x, y); None where it is neither.

    An image of more pixels than that is made smaller, so that a figure of many stays small. ends: the levels that are
    black and white, where images are to be compared; None = the lowest and the highest of each.
    """
    if column == "image" and (grid := _grid(value)) is not None:
        return _at(x, y, (size, size), _data_of(_reduced(grid, size), ends))
    if column == "series" and (line := _numbers(value, 1)) is not None:
        points = "L".join(f"{across:.1f} {down:.1f}" for across, down in _points(line, size, size))
        return Form('<path transform="translate({:.1f} {:.1f})" d="M{}" fill="none" stroke="{}"/>').put(
            x, y, points, PALETTE["passed"]
        )
    return None


def shaded(grid: np.ndarray, low: float, high: float, place: tuple[float, float, float, float]) -> Markup:
    """Return numbers [row, column] as a heat map, a part of a figure: `low` is white, `high` dark blue, NaN grey.

    place: x, y, width and height, in pixels. Darkness alone tells the numbers apart, with no need of colour.
    """
    import numpy as np

    share = np.clip((grid - low) / max(high - low, 1e-12), 0, 1)
    steps = np.where(np.isnan(grid), SHADES, np.rint(np.nan_to_num(share) * (SHADES - 1))).astype(np.uint8)
    x, y, width, height = place
    data = base64.b64encode(_png(steps, _shades())).decode()
    return _at(x, y, (width, height), f"data:image/png;base64,{data}")


def _shades() -> bytes:
    """Return white to dark blue in `SHADES` steps, then a grey, as red, green and blue bytes."""
    ramp = ((255 + (end - 255) * step / (SHADES - 1) for end in _DARKEST) for step in range(SHADES))
    return bytes(round(level) for shade in ramp for level in shade) + bytes((214, 218, 222))


def _at(x: float, y: float, size: tuple[float, float], data: str) -> Markup:
    return Form(
        '<image x="{:.1f}" y="{:.1f}" width="{:g}" height="{:g}"{} image-rendering="pixelated" href="{}"/>'
    ).put(x, y, *size, Markup("") if size[0] == size[1] else Markup(' preserveAspectRatio="none"'), data)


def _reduced(grid: np.ndarray, size: float) -> np.ndarray:
    """Return the means of squares of pixels, so many that about `size` along an axis are left."""
    by = int(max(grid.shape[:2]) // size)
    if by < 2:
        return grid
    rows, columns = (side // by for side in grid.shape[:2])
    whole = grid[: rows * by, : columns * by].reshape(rows, by, columns, by, *grid.shape[2:])
    means: np.ndarray = whole.mean(axis=(1, 3))
    return means


def told_list(value: Any, notation: Notation) -> str | None:
    """Return what a list of flags or of many numbers holds, in words; None for what is printed as it is."""
    if _are_flags(value):
        return notation.words("figure.flags_told", count=f"{sum(value):,}", all=f"{len(value):,}")
    if (grid := _grid(value)) is not None:
        return _told_image(grid, notation)
    if (sizes := _sizes(value)) and sum(sizes) > _FEW_LISTED:
        return notation.words("figure.lists_told", count=len(sizes), most=max(sizes))
    line = _numbers(value, 1)
    return None if line is None or line.size <= _FEW else _told_series(line, notation)


def _sizes(value: Any) -> list[int]:
    """Return how long the lists of a list are, one that is missing 0; empty for any other value."""
    lists = isinstance(value, list) and any(isinstance(one, list) for one in value)
    if not lists or not all(one is None or isinstance(one, list) for one in value):
        return []
    return [len(one or ()) for one in value]


def _are_flags(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, bool) for one in value)


def _strip(flags: list[bool], notation: Notation, width: int, height: int) -> Drawing:
    told = told_list(flags, notation) or ""
    step, height = min(width / len(flags), _WIDEST), min(height, HEIGHT)
    width = min(width, round(step * len(flags)))
    dark = " ".join(f"M{step * at:.2f} 0h{step:.2f}v{height}h-{step:.2f}z" for at, flag in enumerate(flags) if flag)
    svg = Form(
        '<svg class="flags" viewBox="0 0 {} {}" width="{}" height="{}" role="img"><title>{}</title>'
        '<path d="M0 0h{}v{}h-{}z" fill="{}"/><path d="{}" fill="{}"/></svg>'
    ).put(width, height, width, height, told, width, height, width, PALETTE["grid"], dark, PALETTE["passed"])
    return Drawing(svg, told)


def _image(grid: np.ndarray, notation: Notation) -> Drawing:
    told = _told_image(grid, notation)
    return Drawing(Form('<img class="grey" alt="{}" title="{}" src="{}">').put(told, told, _data_of(grid)), told)


def _data_of(grid: np.ndarray, ends: tuple[float, float] | None = None) -> str:
    import numpy as np

    low, high = (float(grid.min()), float(grid.max())) if ends is None else ends
    if grid.ndim == 3 and low >= 0 and 1 < high <= 255:
        low, high = 0.0, 255.0
    levels = np.zeros(grid.shape) if low == high else np.clip((grid - low) / (high - low), 0, 1) * 255
    return f"data:image/png;base64,{base64.b64encode(_png(levels.round().astype(np.uint8))).decode()}"


def _series(line: np.ndarray, notation: Notation, width: int, height: int) -> Drawing:
    told = _told_series(line, notation)
    points = " ".join(f"{across:.1f},{down:.1f}" for across, down in _points(line, width, height))
    svg = Form(
        '<svg class="series" viewBox="0 0 {} {}" width="{}" height="{}" role="img"><title>{}</title>'
        '<polyline points="{}" fill="none" stroke="{}" stroke-width="1.5" stroke-linejoin="round"/></svg>'
    ).put(width, height, width, height, told, points, PALETTE["passed"])
    return Drawing(svg, told)


def _points(line: np.ndarray, width: float, height: float) -> Iterator[tuple[float, float]]:
    """Yield where the steps lie, from its lowest to its highest value."""
    import numpy as np

    low, high = float(line.min()), float(line.max())
    x = np.linspace(1, width - 1, line.size) if line.size > 1 else np.array([width / 2])
    y = np.full(line.size, height / 2) if low == high else 2 + (height - 4) * (high - line) / (high - low)
    return zip(x.tolist(), y.tolist(), strict=True)


def _told_image(grid: np.ndarray, notation: Notation) -> str:
    ends = {"low": notation.number(float(grid.min()), "count"), "high": notation.number(float(grid.max()), "count")}
    return notation.words("figure.image_told", rows=grid.shape[0], columns=grid.shape[1], **ends)


def _told_series(line: np.ndarray, notation: Notation) -> str:
    ends = {"low": notation.number(float(line.min()), "count"), "high": notation.number(float(line.max()), "count")}
    return notation.words("figure.series_told", steps=line.size, **ends)


def _numbers(value: Any, dimensions: int) -> np.ndarray | None:
    """Return lists of finite numbers as an array with that many dimensions, None where they are anything else."""
    import numpy as np

    try:
        array = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == dimensions and array.size and np.isfinite(array).all() else None


def _grid(value: Any) -> np.ndarray | None:
    """Return an image as [row, column] or [row, column, 3], None where it is none; one channel is grey."""
    if (grey := _numbers(value, 2)) is not None:
        return grey
    if (colour := _numbers(value, 3)) is None or len(colour) not in (1, 3):
        return None
    return colour[0] if len(colour) == 1 else colour.transpose(1, 2, 0)


def _png(levels: np.ndarray, palette: bytes = b"") -> bytes:
    """Return uint8 [row, column] or [row, column, 3] as a PNG file: signature, header, unfiltered rows, end.

    palette: red, green and blue of each level; without it a level is grey.
    """
    height, width = levels.shape[:2]
    kind = 3 if palette else 2 if levels.ndim == 3 else 0
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        *(((b"PLTE", palette),) if palette else ()),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in levels))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
