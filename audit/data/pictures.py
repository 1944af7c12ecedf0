"""Bytes of an image file, opened by a decoder that starts no program, and refused before it would take much room."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from audit.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

__all__ = ["MAX_PIXELS", "check_pixels", "colour_pixels", "decoding"]

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What is tried to read a file, whatever its name: others may start programs."""
MAX_PIXELS = 1 << 22
"""Of an image that is taken as it is."""


@contextmanager
def decoding(data: BinaryIO, place: object) -> Iterator[Image.Image]:
    """Lend an opened image; whatever a decoder raises becomes a DataError of one line."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(data, formats=_FORMATS) as image:
                yield image
    except DataError:
        raise
    except Exception as error:
        why = "not one of the formats" if isinstance(error, UnidentifiedImageError) else str(error)
        raise DataError(f"{place}: cannot be read as an image ({' '.join(why.split())[:120]})") from None


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
