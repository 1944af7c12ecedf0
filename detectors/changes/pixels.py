"""Changes of images, each of a strength in (0, 1]: the part of the strongest change of its kind.

    noise        x + N(0, (s/4 range)^2), clipped
    blur         mean of an odd number of neighbours along both axes, up to the whole of the shorter side
    jpeg         what quality 100 - 95 s loses: block transform (DCT of 8 x 8), levels rounded to multiples of a table
    brightness   x +- s/2 range, clipped; which of the two is drawn
    shift        by s/2 of the side (1 pixel at the least) in one of eight directions, edges repeated

The tables of JPEG are those of ITU-T T.81, Annex K, scaled by quality as the Independent JPEG Group does. What is done
is the part that loses something: three channels become luma and chroma, at full resolution, and no bytes are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.distortions import blurred, generator_of

__all__ = ["changed_image", "changed_images", "compressed"]

_BLOCK = 8
_LUMA = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99],
])
_CHROMA = np.full((_BLOCK, _BLOCK), 99)
_CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_DARKER = np.array([128, 0, 0])[:, None, None]
_DIRECTIONS = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]


def changed_image(
    kind: str, image: NDArray[Any], strength: float, rng: np.random.Generator,
    value_range: tuple[float, float] | None = None,
) -> NDArray[Any]:
    """Return an image [row, column] or [channel, row, column] under a change, of its shape and type.

    value_range: least and greatest value that a pixel can have; None takes the image's own. Raises ValueError for a
    kind that is none of images, and for an array of other axes.
    """
    if kind not in _CHANGES:
        raise ValueError(f"changed_image: got {kind!r}; allowed: {', '.join(_CHANGES)}")
    if image.ndim not in (2, 3):
        raise ValueError(f"changed_image: got shape {list(image.shape)}; allowed: [row, column], channels before them")
    low, high = value_range or (float(image.min()), float(image.max()))
    if not high > low:
        return image.copy()
    levels = (image.astype(float) - low) / (high - low)
    made = low + np.clip(_CHANGES[kind](levels, strength, rng), 0, 1) * (high - low)
    return (made if image.dtype.kind == "f" else np.rint(made)).astype(image.dtype)


def changed_images(
    name: str, image: NDArray[Any], changes: Iterable[tuple[str, float]],
    value_range: tuple[float, float] | None = None,
) -> Iterator[tuple[str, float, NDArray[Any]]]:
    """Yield (kind, strength, image) of each change; what one draws depends on the image's id `name` and the change."""
    for kind, strength in changes:
        rng = generator_of(f"{name} {kind} {strength:g}")
        yield kind, strength, changed_image(kind, image, strength, rng, value_range)


def compressed(image: Floats, quality: int) -> Floats:
    """Return an image of levels in [0, 1] as a JPEG of this quality, 1 to 100, would come back; of its shape."""
    if image.ndim == 2 or image.shape[0] != 3:
        plane = image if image.ndim == 3 else image[None]
        coded = np.stack([_coded(np.rint(255 * one) - 128, _scaled(_LUMA, quality)) + 128 for one in plane])
        return np.clip(np.rint(coded), 0, 255).reshape(image.shape) / 255
    told = np.tensordot(_TO_YCC, np.rint(255 * image), axes=1) - _DARKER
    tables = [_scaled(table, quality) for table in (_LUMA, _CHROMA, _CHROMA)]
    planes = np.stack([_coded(np.rint(one), table) for one, table in zip(told, tables, strict=True)])
    back = np.tensordot(np.linalg.inv(_TO_YCC), np.rint(planes) + _DARKER, axes=1)
    return np.clip(np.rint(back), 0, 255) / 255


def _scaled(table: NDArray[np.int64], quality: int) -> NDArray[np.int64]:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.asarray(np.clip((table * scale + 50) // 100, 1, 255))


def _coded(plane: Floats, table: NDArray[np.int64]) -> Floats:
    """Return a plane of levels about 0 with its transform rounded to multiples of the table, edges filled up."""
    from scipy.fft import dctn, idctn

    height, width = plane.shape
    full = np.pad(plane, ((0, -height % _BLOCK), (0, -width % _BLOCK)), mode="edge")
    rows, columns = full.shape[0] // _BLOCK, full.shape[1] // _BLOCK
    blocks = full.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    told = np.rint(dctn(blocks, axes=(2, 3), norm="ortho") / table) * table
    back: Floats = idctn(told, axes=(2, 3), norm="ortho")
    return back.swapaxes(1, 2).reshape(full.shape)[:height, :width]


def _noise(levels: Floats, strength: float, rng: np.random.Generator) -> Floats:
    return levels + strength / 4 * rng.standard_normal(levels.shape)


def _blur(levels: Floats, strength: float, rng: np.random.Generator) -> Floats:
    half = max(1, round(strength * min(levels.shape[-2:]) / 2))
    return np.asarray(blurred(levels[None], 2 * half + 1)[0])


def _jpeg(levels: Floats, strength: float, rng: np.random.Generator) -> Floats:
    return compressed(levels, round(100 - 95 * strength))


def _brightness(levels: Floats, strength: float, rng: np.random.Generator) -> Floats:
    return levels + strength / 2 * (1 if rng.random() < 0.5 else -1)


def _shift(levels: Floats, strength: float, rng: np.random.Generator) -> Floats:
    steps = _DIRECTIONS[int(rng.integers(len(_DIRECTIONS)))]
    moved = levels
    for axis, step in zip((-2, -1), steps, strict=True):
        size = levels.shape[axis]
        by = step * max(1, round(strength * size / 2))
        moved = np.take(moved, np.clip(np.arange(size) - by, 0, size - 1), axis=axis)
    return moved


_CHANGES: Mapping[str, Callable[[Floats, float, np.random.Generator], Floats]] = {
    "noise": _noise, "blur": _blur, "jpeg": _jpeg, "brightness": _brightness, "shift": _shift,
}
