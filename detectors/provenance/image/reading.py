"""Does an image carry the mark of a key, and which bits: blind, wherever it was cut, however scaled or turned.

    S(shift) = sum over pilot frequencies of cos(arg F_k - a_k + 2 pi k shift / 96)

F_k: of the whitened image, folded; only its phases count. The phases a_k of a key that the image does not depend on are
independent and uniform, so S is a sum of independent cosines, whatever the image is: its tail is exact
(`detectors.provenance.cosines`), over the draw of the key. The greatest S of all shifts (half a pixel apart),
turns by 90 degrees, reflections and lattices has p = tried * tail, which bounds the chance that any is as great. Where
the image stands is found without the phases of the message, so that those give exact chances too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from detectors.immutable import immutable
from detectors.provenance.cosines import FEWEST, log_cosine_tail
from detectors.provenance.image.lattice import FINE, LATTICES, Plane, Vector, folded, lattices, straight, whitened
from detectors.provenance.image.tile import DOWN, MESSAGE, PAYLOAD_BYTES, PILOT, RIGHT, SIDE, decoded, encoded, phases
from detectors.provenance.log_p import p_of

__all__ = ["SMALLEST", "ImageReading", "luma", "read", "read_all", "read_planes"]

SMALLEST = 32
"""Pixels of the shorter side; a smaller image is not read."""
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_TURNS = np.array([
    [[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]],
    [[1, 0], [0, -1]], [[-1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1], [-1, 0]],
])
"""What maps the axes of a square to themselves; the last four are reflections."""
_SHIFTS = (SIDE * FINE) ** 2
_CLEAR = math.log(1e-12)
"""A mark as clear as this where the image stands straight is not sought on other lattices."""
_FLAT = 1e-3
"""Mean of the whitened image below which nothing can be read."""


@immutable
class ImageReading:
    """What a key reads in an image. `log10_p` is NaN, and the rest empty, where the image is too small or flat."""

    statistic: float
    """S, the greatest sum of cosines."""
    count: int
    """Of how many cosines."""
    tried: int
    """Shifts, turns, reflections and lattices that may be tried; p is multiplied by it, however soon one is found."""
    log10_p: float
    """Decimal logarithm of the p-value: the chance, over keys, of such a mark in an image that knows nothing of it."""
    payload: bytes = b""
    """The likeliest 4 bytes."""
    matches: int = 0
    """Signs of the message that agree with the words of `payload`."""
    length: int = 0
    """Signs of the message that could be read."""
    payload_p: float = math.nan
    """Chance that signs without a message agree as well with some word, the worst of the four words."""
    scale: float = math.nan
    """Size of the image over its size when it was marked."""
    angle: float = math.nan
    """Degrees by which the image was turned, counter-clockwise, up to multiples of 90; in (-45, 45]."""
    mirrored: bool = False

    @property
    def p_value(self) -> float:
        """Return p; see `p_of`."""
        return p_of(self.log10_p)

    @property
    def bits(self) -> NDArray[np.bool_]:
        """Return the bits of `payload`, [32] or none."""
        return np.unpackbits(np.frombuffer(self.payload, np.uint8)).astype(bool)


@immutable
class _Found:
    """The greatest sum of cosines on a lattice: its log tail, and the soft signs of the message there."""

    log_tail: float
    statistic: float
    count: int
    vector: Vector
    mirrored: bool
    message: NDArray[np.float64]
    number: int


@immutable
class _Place:
    """The image folded by a lattice: its phases as numbers on the unit circle (0: none), [turn, frequency]."""

    vector: Vector
    units: NDArray[np.complex64]
    number: int
    """Of the image, where there are several."""


def luma(image: NDArray[np.floating]) -> Plane:
    """Return the brightness [row, column] of an image [row, column, channel] or [row, column], 0 to 1.

    One channel and three are read; of two and four the last is transparency. Raises ValueError for another shape.
    """
    if image.ndim == 2:
        return np.asarray(image, dtype=np.float32)
    if image.ndim != 3 or not 1 <= image.shape[2] <= 4:
        raise ValueError(f"luma: got shape {list(image.shape)}; allowed: [row, column] or [row, column, 1 to 4]")
    if image.shape[2] <= 2:
        return np.asarray(image[..., 0], dtype=np.float32)
    red, green, blue = (np.asarray(image[..., channel], dtype=np.float32) for channel in range(3))
    red = red * _LUMA[0]
    red += green * _LUMA[1]
    red += blue * _LUMA[2]
    return np.asarray(red)


def read(image: NDArray[np.floating], secret: bytes, *, search: bool = True) -> ImageReading:
    """Return what a key reads in an image, see `read_all`."""
    return read_all(image, [secret], search=search)[0]


def read_all(image: NDArray[np.floating], secrets: Sequence[bytes], *, search: bool = True) -> list[ImageReading]:
    """Return what each key reads in an image of 0 to 1, [row, column] or [row, column, channel].

    search false: the image is taken as it stands, cut or mirrored or turned by 90 degrees at the most. The p-values
    of several keys are not corrected for their number. Raises ValueError for another shape.
    """
    plain = luma(image)
    plane = whitened(plain) if min(plain.shape) >= SMALLEST else np.zeros((1, 1), dtype=np.float32)
    return [reading for reading, _ in read_planes([plane], secrets, search=search)]


def read_planes(
    planes: Sequence[Plane], secrets: Sequence[bytes], *, search: bool = True, squares: Sequence[Plane] = ()
) -> list[tuple[ImageReading, int]]:
    """Return what each key reads in whitened images or sums of some, and in the number of which of them; p counts all.

    squares: further ones, [96, 96], which were folded as they stand already; their numbers follow those of the planes.
    """
    if all(float(np.abs(plane).mean()) < _FLAT for plane in planes):
        return [(ImageReading(math.nan, 0, 0, math.nan), 0) for _ in secrets]
    straightened = [*(straight(plane) for plane in planes), *squares]
    standing = [_Place((0.0, float(SIDE)), _units(one), number) for number, one in enumerate(straightened)]
    tried = len(_TURNS) * _SHIFTS * (len(planes) * (1 + LATTICES * search) + len(squares))
    others: list[_Place] = []
    readings = []
    for secret in secrets:
        found = min((_best(place, secret) for place in standing), key=lambda one: one.log_tail)
        if search and math.log(tried) + found.log_tail > _CLEAR:
            others = others or [
                _Place(vector, _units(folded(plane, vector)), number)
                for number, plane in enumerate(planes) for vector in lattices(plane)
            ]  # fmt: skip
            found = min([found, *(_best(place, secret) for place in others)], key=lambda one: one.log_tail)
        readings.append((_told(found, tried), found.number))
    return readings


def _units(square: Plane) -> NDArray[np.complex64]:
    """Return the phases of a folded image under each of `_TURNS`, as numbers on the unit circle, 0 for none."""
    spectrum = fft.fft2(square)
    turned = _TURNS @ np.stack([DOWN, RIGHT])
    values = spectrum[turned[:, 0], turned[:, 1]]
    size = np.abs(values)
    return np.asarray(np.divide(values, size, out=np.zeros_like(values), where=size > 0), dtype=np.complex64)


def _best(place: _Place, secret: bytes) -> _Found:
    """Return the greatest S of all turns and shifts."""
    waves = place.units[:, PILOT] * np.exp(-1j * phases(secret)[PILOT]).astype(np.complex64)
    cells = SIDE * FINE
    spectrum = np.zeros((len(_TURNS), cells, RIGHT.max() + 1), dtype=np.complex64)  # farther waves are none
    spectrum[:, DOWN[PILOT], RIGHT[PILOT]] = waves
    edge = RIGHT[PILOT] == 0
    spectrum[:, -DOWN[PILOT][edge], 0] = waves[:, edge].conj()
    sums = fft.irfft(fft.ifft(spectrum, axis=1, overwrite_x=True), cells, axis=2)  # but for a factor
    turn, down, right = (int(axis) for axis in np.unravel_index(int(sums.argmax()), sums.shape))
    shift = np.exp(2j * np.pi / cells * (DOWN * down + RIGHT * right))
    aligned = place.units[turn] * np.exp(-1j * phases(secret)) * shift
    statistic, count = float(aligned.real[PILOT].sum()), int((place.units[turn, PILOT] != 0).sum())
    mirrored, message = turn >= len(_TURNS) // 2, aligned.real[MESSAGE]
    return _Found(_log_tail(statistic, count), statistic, count, place.vector, mirrored, message, place.number)


def _log_tail(total: float, count: int) -> float:
    return log_cosine_tail(total, count) if count >= FEWEST else 0.0


def _told(found: _Found, tried: int) -> ImageReading:
    """Return the reading of where the mark is likeliest, with its message."""
    payload, agreement = decoded(found.message)
    there = found.message != 0
    length = int(there.sum())
    worst = _log_tail(float(agreement.min()), int(there.reshape(-1, PAYLOAD_BYTES).sum(0).max()))
    down, right = found.vector
    tilt = -math.degrees(math.atan2(down, right)) % 90
    return ImageReading(
        found.statistic, found.count, tried, min(0.0, (math.log(tried) + found.log_tail) / math.log(10)), payload,
        int((found.message * encoded(payload) > 0).sum()), length, min(1.0, 256 * math.exp(worst)),
        math.hypot(down, right) / SIDE, tilt - 90 * (tilt > 45), found.mirrored,
    )  # fmt: skip
