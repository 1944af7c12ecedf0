"""Where a repeated pattern stands in an image: what is known of it without the key.

A mark of period 96 that was scaled by s and turned lies on a square lattice spanned by v and v turned by 90 degrees,
|v| = 96 s. The autocorrelation of the image has a peak on every point of it; the sum over six points next to the origin
is looked at for all v with s from 0.45 to 2.3. Folding the image by a lattice adds up all repetitions.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import uniform_filter

from detectors.provenance.image.tile import FREQUENCIES, SIDE

__all__ = ["FINE", "LATTICES", "Plane", "Vector", "folded", "lattices", "straight", "whitened"]

Plane = NDArray[np.float32]
Vector = tuple[float, float]

FINE = 2
"""Cells to a pixel of the square that an image is folded into."""
_NEAR = 5
"""Pixels along each axis over which the mean and the contrast of a place are taken."""
_FLOOR = 0.5 / 255
"""Contrast below which a place counts as flat."""
_WINDOW = 768
"""Of a larger image, lattices are sought in the middle of it."""
_SCALES = ((0.45, 0.8), (0.75, 1.4), (1.3, 2.3))
_OF_EACH = 3
LATTICES = len(_SCALES) * _OF_EACH
"""Most lattices that are tried."""
_SMOOTH = 9
_APART = 3


def whitened(luma: NDArray[np.floating]) -> Plane:
    """Return an image [row, column] of 0 to 1 less the mean around each pixel, over the contrast there."""
    plane = np.asarray(luma, dtype=np.float32)
    plane = plane - _around(plane)
    contrast = np.sqrt(_around(plane * plane))
    contrast += np.float32(_FLOOR)
    plane /= contrast
    return plane


def _around(plane: Plane) -> Plane:
    """Return the mean of the 5 x 5 pixels around each, edges repeated: added up, faster than a filter that runs."""
    for axis in (0, 1):
        size, reach = plane.shape[axis], _NEAR // 2
        wide = np.pad(plane, [(reach, reach) if one == axis else (0, 0) for one in (0, 1)], mode="edge")
        steps = [wide[step : step + size] if axis == 0 else wide[:, step : step + size] for step in range(_NEAR)]
        plane = steps[0] + steps[1]
        for one in steps[2:]:
            plane += one
    plane *= np.float32(1 / _NEAR**2)
    return plane


def straight(plane: Plane) -> Plane:
    """Return the sum of all squares of 96 x 96, [96, 96], edges filled up with zeros."""
    height, width = plane.shape
    full = np.pad(plane, ((0, -height % SIDE), (0, -width % SIDE)))
    return np.asarray(full.reshape(-1, SIDE, full.shape[1] // SIDE, SIDE).sum((0, 2)))


def folded(plane: Plane, vector: Vector) -> Plane:
    """Return the sum of all squares of the lattice of `vector` (down, right), as [192, 192]."""
    cells = SIDE * FINE
    down, right = (cells * part / (vector[0] ** 2 + vector[1] ** 2) for part in vector)
    row, column = (np.arange(size, dtype=np.float32) for size in plane.shape)
    along = np.rint(row[:, None] * np.float32(down) + column * np.float32(right)).astype(np.int32) % cells
    across = np.rint(column * np.float32(down) - row[:, None] * np.float32(right)).astype(np.int32) % cells
    summed = np.bincount((along * cells + across).ravel(), plane.ravel(), cells * cells)
    return np.asarray(summed.reshape(cells, cells), dtype=np.float32)


def lattices(plane: Plane) -> list[Vector]:
    """Return the likeliest v (down >= 0, right > 0) of a whitened image, at most `LATTICES`, by range of scales."""
    top, left = (max(0, (size - _WINDOW) // 2) for size in plane.shape)
    middle = plane[top : top + _WINDOW, left : left + _WINDOW]
    farthest = int(min(SIDE * _SCALES[-1][1], 0.75 * min(middle.shape)))
    sizes = [fft.next_fast_len(size + farthest, real=True) for size in middle.shape]
    power = np.abs(fft.rfft2(middle - middle.mean(), sizes)) ** 2
    even = power / (uniform_filter(power, _SMOOTH, mode="wrap") + np.float32(1e-9)) - 1
    waves = np.hypot(fft.fftfreq(sizes[0])[:, None], fft.rfftfreq(sizes[1]))
    found: list[Vector] = []
    for low, high in _SCALES:
        if low * SIDE <= farthest:
            inside = (waves >= FREQUENCIES[0] / SIDE / high) & (waves <= FREQUENCIES[1] / SIDE / low)
            correlation = np.asarray(fft.irfft2(np.where(inside, even, 0), sizes), dtype=np.float32)
            found += _peaks(correlation, middle.shape, low * SIDE, min(farthest, high * SIDE))
    return found


def _peaks(correlation: Plane, shape: tuple[int, ...], nearest: float, farthest: float) -> Iterator[Vector]:
    """Yield the best v with a length between two, `_APART` pixels from each other."""
    down, right = (axis.ravel() for axis in np.mgrid[0 : int(farthest) + 1, 1 : int(farthest) + 1])
    kept = (np.hypot(down, right) >= nearest) & (np.hypot(down, right) <= farthest)
    down, right = down[kept], right[kept]
    score = _score(correlation, shape, down, right)
    chosen: list[tuple[int, int]] = []
    for place in _greatest(score, 64 * _OF_EACH):
        y, x = int(down[place]), int(right[place])
        if all((y - a) ** 2 + (x - b) ** 2 > _APART**2 for a, b in chosen):
            chosen.append((y, x))
            yield _refined(correlation, y, x)
        if len(chosen) == _OF_EACH:
            return


def _greatest(score: Plane, count: int) -> NDArray[np.intp]:
    """Return the places of so many greatest scores, the greatest first, of equal ones the first; not all are sorted."""
    least = np.partition(score, -count)[-count] if count < len(score) else -np.inf
    there = np.flatnonzero(score >= least)
    return there[np.argsort(-score[there], kind="stable")][:count]


def _score(correlation: Plane, shape: tuple[int, ...], down: NDArray[np.int64], right: NDArray[np.int64]) -> Plane:
    """Return the weighted sum of correlations on six points of each lattice, in units of what noise gives.

    A point's weight is the share of the image that overlaps with itself there, to which the peak is proportional.
    """
    total, square = np.zeros(len(down)), np.zeros(len(down))
    for a, b in ((down, right), (-right, down), (down + right, right - down), (down - right, down + right),
                 (2 * down, 2 * right), (-2 * right, 2 * down)):  # fmt: skip
        overlap = np.maximum(1 - np.abs(a) / shape[0], 0) * np.maximum(1 - np.abs(b) / shape[1], 0)
        overlap *= (np.abs(a) < correlation.shape[0] // 2) & (np.abs(b) < correlation.shape[1] // 2)
        total += overlap * correlation[a % correlation.shape[0], b % correlation.shape[1]]
        square += overlap**2
    return np.asarray(total / np.sqrt(square), dtype=np.float32)


def _refined(correlation: Plane, y: int, x: int) -> Vector:
    """Return the top of the parabolas through a peak and its neighbours, v and v turned taken together."""
    rows, columns = correlation.shape

    def at(down: int, right: int) -> float:
        return float(correlation[down % rows, right % columns] + correlation[-right % rows, down % columns])

    def top(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return 0.0 if bend >= 0 else float(np.clip((before - after) / 2 / bend, -0.5, 0.5))

    here = at(y, x)
    return y + top(at(y - 1, x), here, at(y + 1, x)), x + top(at(y, x - 1), here, at(y, x + 1))
