"""What happens to an image on its way, or is done to it to get rid of a mark: changes of an image of 0 to 1.

    jpeg, webp      quality, of 100              rotate       degrees, counter-clockwise, corners black
    crop            share of the area that is cut off, the part that is left drawn at random
    scale           new size over the old        flip         left for right (strength plays no part)
    noise           standard deviation           blur         standard deviation of the Gaussian, pixels
    brightness      factor                       contrast     factor, about the mean
    erase           share of the area painted grey, a rectangle at random
    shift           pixels cut off at the top and at the left

Images are [row, column, channel] or [row, column], and come back in whole 255ths, as a file would hold them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ATTACKS", "STRENGTHS", "attacked"]

Image = NDArray[np.float32]

ATTACKS: Mapping[str, tuple[float, ...]] = {
    "jpeg": (90, 70, 50, 30), "webp": (80, 50), "crop": (0.1, 0.25, 0.5, 0.75), "scale": (0.5, 0.75, 1.5, 2),
    "rotate": (1, 5, 15, 45), "flip": (1,), "noise": (0.02, 0.05), "blur": (1, 2), "brightness": (0.7, 1.3),
    "contrast": (0.6, 1.5), "erase": (0.1, 0.3), "shift": (3,),
}  # fmt: skip
"""Every attack with the strengths that a table of them shows."""
STRENGTHS: Mapping[str, tuple[float, float]] = {
    "jpeg": (1, 100), "webp": (1, 100), "crop": (0.01, 0.99), "scale": (0.1, 4), "rotate": (-180, 180), "flip": (1, 1),
    "noise": (0.001, 1), "blur": (0.1, 20), "brightness": (0.1, 4), "contrast": (0.1, 4), "erase": (0.01, 0.99),
    "shift": (1, 64),
}  # fmt: skip
"""Least and greatest strength of each."""


def attacked(kind: str, image: NDArray[np.floating], strength: float, rng: np.random.Generator) -> Image:
    """Return an image after an attack; its size may be another. Raises ValueError for a kind that is none."""
    if kind not in _KINDS:
        raise ValueError(f"attacked: got {kind!r}; allowed: {', '.join(_KINDS)}")
    made = _KINDS[kind](np.asarray(image, dtype=np.float32), strength, rng)
    return np.asarray(np.rint(255 * np.clip(made, 0, 1)) / 255, dtype=np.float32)


def _coded(form: str) -> Callable[[Image, float, np.random.Generator], Image]:
    def change(image: Image, strength: float, rng: np.random.Generator) -> Image:
        from PIL import Image as Pictures

        file = io.BytesIO()
        Pictures.fromarray(np.rint(255 * image).astype(np.uint8)).save(file, form, quality=round(strength))
        shown = Pictures.open(file).convert("RGB" if image.ndim == 3 else "L")
        return np.asarray(np.asarray(shown, dtype=np.float32) / np.float32(255))

    return change


def _by_channel(image: Image, change: Callable[[Any], Any]) -> Image:
    from PIL import Image as Pictures

    planes = [image] if image.ndim == 2 else list(np.moveaxis(image, 2, 0))
    made = [np.asarray(change(Pictures.fromarray(np.ascontiguousarray(plane)))) for plane in planes]
    return made[0] if image.ndim == 2 else np.stack(made, axis=2)


def _scale(image: Image, strength: float, rng: np.random.Generator) -> Image:
    from PIL.Image import Resampling

    size = (max(1, round(image.shape[1] * strength)), max(1, round(image.shape[0] * strength)))
    return _by_channel(image, lambda plane: plane.resize(size, Resampling.BICUBIC))


def _rotate(image: Image, strength: float, rng: np.random.Generator) -> Image:
    from PIL.Image import Resampling

    return _by_channel(image, lambda plane: plane.rotate(strength, Resampling.BICUBIC))


def _rectangle(image: Image, share: float, rng: np.random.Generator) -> tuple[slice, slice]:
    """Return a rectangle of this share of the area, of the image's proportions, at random."""
    sizes = [max(1, round(size * share**0.5)) for size in image.shape[:2]]
    top, left = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(image.shape[:2], sizes, strict=True))
    return slice(top, top + sizes[0]), slice(left, left + sizes[1])


def _crop(image: Image, strength: float, rng: np.random.Generator) -> Image:
    return image[_rectangle(image, 1 - strength, rng)]


def _erase(image: Image, strength: float, rng: np.random.Generator) -> Image:
    made = image.copy()
    made[_rectangle(image, strength, rng)] = 0.5
    return made


def _shift(image: Image, strength: float, rng: np.random.Generator) -> Image:
    by = round(strength)
    return image[by:, by:] if by < min(image.shape[:2]) else image[:1, :1]


def _noise(image: Image, strength: float, rng: np.random.Generator) -> Image:
    return image + strength * rng.standard_normal(image.shape, dtype=np.float32)


def _blur(image: Image, strength: float, rng: np.random.Generator) -> Image:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(image, (strength, strength, 0)[: image.ndim]))


def _flip(image: Image, strength: float, rng: np.random.Generator) -> Image:
    return image[:, ::-1]


def _brightness(image: Image, strength: float, rng: np.random.Generator) -> Image:
    return image * np.float32(strength)


def _contrast(image: Image, strength: float, rng: np.random.Generator) -> Image:
    mean = image.mean()
    return np.asarray(mean + np.float32(strength) * (image - mean))


_KINDS: Mapping[str, Callable[[Image, float, np.random.Generator], Image]] = {
    "jpeg": _coded("JPEG"), "webp": _coded("WEBP"), "crop": _crop, "scale": _scale, "rotate": _rotate, "flip": _flip,
    "noise": _noise, "blur": _blur, "brightness": _brightness, "contrast": _contrast, "erase": _erase,
    "shift": _shift,
}  # fmt: skip
