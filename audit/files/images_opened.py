"""An image file, opened by a decoder that starts no program."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from audit.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decoding"]

_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")
"""What is tried to read a file, whatever its name: others may start programs."""


@contextmanager
def decoding(data: BinaryIO, place: object) -> Iterator[Image.Image]:
    """Lend an opened image; whatever a decoder raises becomes a DataError of one line.

    A file that ends too early is none, though a library may have told Pillow to fill up what is not there: WeasyPrint
    does, for all of a process.
    """
    from PIL import Image, ImageFile, UnidentifiedImageError

    try:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(data, formats=_FORMATS) as image:
                yield image
    except DataError:
        raise
    except Exception as error:
        why = "not one of the formats" if isinstance(error, UnidentifiedImageError) else str(error)
        problem = " ".join(why.split())[:120]
        raise DataError("{file}: cannot be read as an image ({problem})", file=place, problem=problem) from None
