"""The pixels of an image file as numbers, and back into a file that loses nothing and keeps what else was told.

What cannot come back as it was (several frames, inks, 16-bit colour) is refused in one line instead of being converted.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, UsageError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["LOSSLESS", "Picture", "file_of", "picture_of"]

LOSSLESS: dict[str, tuple[str, dict[str, Any]]] = {
    ".png": ("PNG", {}), ".webp": ("WEBP", {"lossless": True, "exact": True}), ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_adobe_deflate"}), ".tiff": ("TIFF", {"compression": "tiff_adobe_deflate"}),
}  # fmt: skip
"""Endings of files that keep every pixel, with the format and its options."""
_MOST = 1 << 25
"""Pixels."""
_MODES = {"1": "L", "L": "L", "LA": "LA", "I;16": "I;16", "I;16B": "I;16", "P": "RGB", "PA": "RGBA", "RGB": "RGB",
          "RGBA": "RGBA"}  # fmt: skip
_LOST = {"WEBP": ("I;16", "LA"), "BMP": ("I;16", "LA", "RGBA")}
_KEPT = ("icc_profile", "exif", "xmp", "dpi")


@dataclass(frozen=True)
class Picture:
    """An image [row, column] or [row, column, channel] of 0 to 1, and what its file says beside it."""

    pixels: NDArray[np.float32]
    levels: int
    """Greatest whole number of a pixel."""
    mode: str
    beside: dict[str, Any]
    texts: dict[str, str]


def picture_of(image: Image.Image, place: object) -> Picture:
    """Return what an opened image file shows; DataError, in one line, for what could not be written back."""
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise DataError("{file}: it has {frames} frames; allowed: one", file=place, frames=frames)
    if not 0 < image.width * image.height <= _MOST:
        raise DataError(
            "{file}: {rows} x {columns} pixels; allowed: {most} in all", file=place, rows=image.height,
            columns=image.width, most=f"{_MOST:,}",
        )  # fmt: skip
    mode = _MODES.get(image.mode)
    if mode == "RGB" and "transparency" in image.info:
        mode = "RGBA"
    deep = mode != "I;16" and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))
    if mode is None or deep:
        kind = f"{image.mode}, 16 bit" if deep else image.mode
        raise DataError("{file}: colours of kind {mode}; allowed: grey or RGB, 8 bit, or 16-bit grey", file=place,
                         mode=kind)  # fmt: skip
    levels = 65535 if mode == "I;16" else 255
    shown = image if image.mode == mode else image.convert(mode)
    beside = {name: image.info[name] for name in _KEPT if image.info.get(name)}
    texts = {str(name): str(text) for name, text in getattr(image, "text", {}).items()}
    return Picture((np.asarray(shown) / levels).astype(np.float32), levels, mode, beside, texts)


def file_of(picture: Picture, ending: str) -> bytes:
    """Return a picture as the bytes of a file with this ending; UsageError for one that would lose something."""
    from PIL import Image, PngImagePlugin

    if ending.lower() not in LOSSLESS:
        raise UsageError("{ending}: a format that loses nothing is wanted; allowed: {allowed}",
                         ending=ending or "no ending", allowed=", ".join(LOSSLESS))  # fmt: skip
    form, options = LOSSLESS[ending.lower()]
    if picture.mode in _LOST.get(form, ()):
        raise UsageError("{ending}: it cannot hold {mode}; allowed: .png, .tif", ending=ending, mode=picture.mode)
    whole = np.rint(picture.pixels * np.float64(picture.levels))
    image = Image.fromarray(whole.astype(np.uint16 if picture.levels > 255 else np.uint8))
    extra: dict[str, Any] = dict(picture.beside)
    if form == "PNG":
        said = PngImagePlugin.PngInfo()
        for name, text in picture.texts.items():
            said.add_itxt(name, text)
        extra["pnginfo"] = said
    return _saved(lambda into: image.save(into, form, **options, **extra))


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    into = io.BytesIO()
    save(into)
    return into.getvalue()
