"""Bytes of an image file, refused before it would take much room."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from audit.errors import DataError
from audit.files import decoding

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

__all__ = ["MAX_PIXELS", "check_pixels", "colour_pixels"]

MAX_PIXELS = 1 << 22
"""Of an image that is taken as it is."""


def check_pixels(image: Image.Image, place: object, otherwise: str = "") -> tuple[int, int]:
    """Return (rows, columns); raises DataError where they are more than is unpacked. otherwise: what else would do."""
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(f"{place}: {height} x {width} pixels; allowed: {MAX_PIXELS:,} in all{otherwise}")
    return height, width


def colour_pixels(data: bytes, place: object) -> np.ndarray:
    """Return uint8 [3, row, column] of an image file's bytes; raises DataError."""
    import numpy as np

    with decoding(io.BytesIO(data), place) as image:
        check_pixels(image, place)
        shown = image.convert("RGB")
    return np.ascontiguousarray(np.asarray(shown).transpose(2, 0, 1))
