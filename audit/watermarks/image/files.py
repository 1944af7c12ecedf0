"""The pixels of an image file as numbers, and back into a file that loses nothing and keeps what else was told.

What cannot come back as it was (several frames, inks, 16-bit colour) is refused in one line instead of being converted.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audit.errors import DataError, UsageError
from detectors.immutable import immutable

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
_UNSAID = {"WEBP": {"texts"}, "TIFF": {"texts"}, "BMP": {"texts", "icc_profile", "exif", "xmp"}}
"""What files of a format have no room for."""
_XMP, _PACKET = 700, "XML:com.adobe.xmp"
"""Tag of XMP in TIFF, and keyword in PNG."""
_SAID_IN_TIFF = (270, 271, 272, 305, 306, 315, 33432)
"""Tags of TIFF that are about the picture: caption, maker, model, software, date, artist, copyright."""


@immutable
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
    pixels = (np.asarray(shown) / levels).astype(np.float32)
    return Picture(pixels, levels, mode, *_beside(image))


def _beside(image: Image.Image) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a file says beside its pixels, which were read: some of it may stand behind them."""
    from PIL import Image as Pictures

    beside = {name: image.info[name] for name in _KEPT if image.info.get(name)}
    if image.format == "TIFF":
        said, told = image.getexif(), Pictures.Exif()
        for tag in _SAID_IN_TIFF:
            if tag in said:
                told[tag] = said[tag]
        beside |= {"exif": told.tobytes()} if told else {}
    texts = {str(name): str(text) for name, text in getattr(image, "text", {}).items() if name != _PACKET}
    if image.format == "JPEG" and (comment := image.info.get("comment")):
        texts["Comment"] = comment.decode(errors="replace")
    return beside, texts


def file_of(picture: Picture, ending: str) -> bytes:
    """Return a picture as the bytes of a file with this ending; UsageError for one that would lose something."""
    from PIL import Image, PngImagePlugin

    if ending.lower() not in LOSSLESS:
        raise UsageError("{ending}: a format that loses nothing is wanted; allowed: {allowed}",
                         ending=ending or "no ending", allowed=", ".join(LOSSLESS))  # fmt: skip
    form, options = LOSSLESS[ending.lower()]
    if picture.mode in _LOST.get(form, ()):
        raise UsageError("{ending}: it cannot hold {mode}; allowed: .png, .tif", ending=ending, mode=picture.mode)
    said = {**picture.beside, **({"texts": picture.texts} if picture.texts else {})}
    if lost := sorted(said.keys() & _UNSAID.get(form, set())):
        raise UsageError("{ending}: it cannot hold what the file says beside its pixels ({lost}); allowed: .png",
                         ending=ending, lost=", ".join(lost))  # fmt: skip
    whole = np.rint(picture.pixels * np.float64(picture.levels))
    image = Image.fromarray(whole.astype(np.uint16 if picture.levels > 255 else np.uint8))
    extra: dict[str, Any] = dict(picture.beside)
    xmp = extra.get("xmp")
    if form == "PNG":
        chunks = PngImagePlugin.PngInfo()
        packet = {_PACKET: xmp.decode(errors="replace")} if xmp else {}
        for name, text in (picture.texts | packet).items():
            chunks.add_itxt(name, text)
        extra["pnginfo"] = chunks
    elif form == "TIFF" and xmp:
        tags = Image.Exif()
        tags.load(extra.get("exif", b""))
        tags[_XMP] = xmp
        extra["exif"] = tags
    return _saved(lambda into: image.save(into, form, **options, **extra))


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    into = io.BytesIO()
    save(into)
    return into.getvalue()
