"""How long is an item in a code that knows nothing of it? What any likelihood may be measured by.

    code length = bits of the shortest lossless code: Deflate, of arrays behind a PNG's filters
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, Items

__all__ = ["compressed_bits", "sizes"]

_EMPTY = len(zlib.compress(b"", 9, -15))
_AT_ONCE = 1 << 20
"""Numbers of items that are coded together, which keeps their bytes few."""
_STEPS = 8
"""Steps per standard deviation to which real numbers are rounded before they are coded: a byte reaches sixteen."""


def sizes(items: Items) -> Floats:
    """Return the dimensions of each item: numbers, of a text its UTF-8 bytes."""
    if isinstance(items, np.ndarray):
        return np.full(len(items), float(np.prod(items.shape[1:])))
    return np.array([len(text.encode()) for text in items], dtype=float)


def compressed_bits(items: Items, scale: float = 1.0) -> Floats:
    """Return the bits [item] of the shortest of several lossless codes, what an empty item costs left out.

    Texts: Deflate of the UTF-8. Arrays: Deflate of the values or of their differences along one axis, as in a PNG. Real
    numbers are first rounded to 1/8 of `scale`, their standard deviation.

    Input complexity depends on the coder (Serra et al. 2020, 1909.11480, took PNG, JPEG 2000 and FLIF): one that comes
    nearer to the entropy charges less for what varies a little, such as the sky in a photo, and repairs less. Lengths
    are those of the zlib at hand, whose version `run.json` names.
    """
    if not isinstance(items, np.ndarray):
        return np.array([_deflated(text.encode()) for text in items], dtype=float)
    whole = items if items.dtype.kind in "iu" else np.rint(items * (_STEPS / max(scale, 1e-300)))
    step = max(1, _AT_ONCE // max(1, whole[:1].size))
    parts = (whole[start : start + step].astype(np.int64) for start in range(0, len(whole), step))
    return np.array([min(map(_deflated, views)) for part in parts for views in _views(part)], dtype=float)


def _views(items: NDArray[np.int64]) -> Iterator[list[bytes]]:
    """Yield the values of each item, and their differences along each axis, as bytes; each can be undone.

    As many bytes a value as the item's values need, low bytes first; differences are taken modulo what these hold.
    """
    count = items[:1].size
    flat = items.reshape(len(items), count)
    low, high = flat.min(axis=1, initial=0), flat.max(axis=1, initial=0)
    signed = [(size, 1 << (8 * size - 1)) for size in (1, 2, 4)]
    fits = [(low >= -least) & (high < np.where(low < 0, least, 2 * least)) for _, least in signed]
    sizes = np.select(fits, [size for size, _ in signed], 8)
    views = [items, *(np.diff(items, axis=axis, prepend=0) for axis in range(1, items.ndim))]
    wide = [np.ascontiguousarray(view, "<i8").view(np.uint8).reshape(len(items), count, 8) for view in views]
    rows = [one.swapaxes(1, 2).tobytes() for one in wide]
    for at, size in enumerate(sizes.tolist()):
        yield [row[8 * count * at : (8 * at + size) * count] for row in rows]


def _deflated(data: bytes) -> int:
    """Return the bits of a bare Deflate stream, without those of the empty one."""
    return 8 * (len(zlib.compress(data, 9, -15)) - _EMPTY)
