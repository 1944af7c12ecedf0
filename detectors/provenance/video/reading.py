"""Does a video carry the mark of a key: its frames show much the same, and so are no independent trials; they are added
up before anything is tested, and the sum is read as an image is (`detectors.provenance.image.reading`).

    plane = sum over moments of whitened(mean of the 16 frames of a moment)

Every frame carries the same pattern, so that it adds up while what moves blurs: however frames are dropped, doubled,
exchanged, averaged or shown at another rate. The phases of a key that the video does not depend on are independent and
uniform, so S is a sum of independent cosines whatever the video is, a still image or the same frame over and over:
its tail is exact over the draw of the key, and more frames make no difference to that. What codecs call key frames,
which they spare most, is added up by itself too, and so are passages of 2, 4, 8, ... moments. p = tried * tail counts
all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.immutable import immutable
from detectors.provenance.image.lattice import Plane, straight, whitened
from detectors.provenance.image.reading import SMALLEST, ImageReading, read_planes

__all__ = ["MOMENT", "Frame", "Pool", "VideoReading", "read", "read_all"]

MOMENT = 16
"""Frames that are averaged before they are whitened."""
_MOST = 256
"""Squares that passages are made of; of a longer video each is of twice as many moments."""


class Frame(NamedTuple):
    """One picture of a video."""

    brightness: NDArray[np.floating]
    """[row, column], 0 to 1."""
    seconds: float
    """When it is shown."""
    key: bool = False
    """Whether it is coded by itself: what codecs call a key frame."""
    steps: int = 255
    """From black to white, as it is coded."""


@immutable
class VideoReading(ImageReading):
    """What a key reads in a video; places tried are those of all sums of frames."""

    frames: int = 0
    """How many there are."""
    passage: tuple[float, float] = (math.nan, math.nan)
    """First and last second of what the mark is likeliest in."""


@dataclass
class Pool:
    """Adds up the frames of a video one by one; the memory that it takes does not grow with their number."""

    frames: int = 0
    _moment: Plane | None = field(default=None, repr=False)
    _in_moment: int = 0
    _whole: Plane | None = field(default=None, repr=False)
    _keys: Plane | None = field(default=None, repr=False)
    _squares: list[Plane] = field(default_factory=list, repr=False)
    _each: int = 1
    """Moments of a square."""
    _times: list[float] = field(default_factory=list, repr=False)
    """When each moment begins."""
    _last: float = math.nan

    def add(self, frame: Frame) -> None:
        """Add a frame; ValueError for one that is no picture [row, column], or has another size than those before."""
        seen = np.asarray(frame.brightness, dtype=np.float32)
        before = self._whole if self._moment is None else self._moment
        if seen.ndim != 2 or (before is not None and before.shape != seen.shape):
            allowed = "[row, column]" if before is None else list(before.shape)
            raise ValueError(f"add: got a frame of shape {list(seen.shape)}; allowed: {allowed}")
        self._moment = seen.copy() if self._moment is None else np.add(self._moment, seen, out=self._moment)
        if not self._in_moment:
            self._times.append(frame.seconds)
        self._last = frame.seconds
        self._in_moment += 1
        self.frames += 1
        if frame.key and min(seen.shape) >= SMALLEST:
            self._keys = _sum(self._keys, whitened(seen))
        if self._in_moment == MOMENT:
            self._close()

    def _close(self) -> None:
        """Add the moment up, a part of one at the end by its share."""
        if self._moment is None:
            return
        if min(self._moment.shape) >= SMALLEST:
            plane = whitened(self._moment / np.float32(self._in_moment)) * np.float32(self._in_moment / MOMENT)
            self._whole = _sum(self._whole, plane)
            if (len(self._times) - 1) % self._each:
                self._squares[-1] = self._squares[-1] + straight(plane)
            else:
                self._squares.append(straight(plane))
        self._moment, self._in_moment = None, 0
        if len(self._times) == _MOST * self._each:
            self._squares, self._each = [*_pairs(self._squares)], 2 * self._each

    def read(self, secrets: Sequence[bytes], *, search: bool = True) -> list[VideoReading]:
        """Return what each key reads in the frames that were added, see `read_all`; no more are added after it."""
        self._close()
        planes = [one for one in (self._whole, self._keys) if one is not None]
        if not planes:
            return [VideoReading(math.nan, 0, 0, math.nan, frames=self.frames) for _ in secrets]
        found = [*_passages(self._squares)]
        told = read_planes(planes, secrets, search=search, squares=[square for _, square in found])
        starts = [*self._times[:: self._each], self._last]
        places = [(starts[0], self._last)] * len(planes) + [(starts[first], starts[last]) for (first, last), _ in found]
        return [VideoReading(**vars(one), frames=self.frames, passage=places[number]) for one, number in told]


def read(frames: Iterable[Frame], secret: bytes, *, search: bool = True) -> VideoReading:
    """Return what a key reads in a video, see `read_all`."""
    return read_all(frames, [secret], search=search)[0]


def read_all(frames: Iterable[Frame], secrets: Sequence[bytes], *, search: bool = True) -> list[VideoReading]:
    """Return what each key reads in the frames of a video, all of one size; NaN where they are too small, flat or none.

    search false: frames are taken as they stand, cut, mirrored or turned by 90 degrees at the most. The p-values of
    several keys are not corrected for their number. Raises ValueError for frames of other shapes.
    """
    pool = Pool()
    for frame in frames:
        pool.add(frame)
    return pool.read(secrets, search=search)


def _sum(before: Plane | None, plane: Plane) -> Plane:
    return plane if before is None else np.add(before, plane, out=before)


def _pairs(squares: Sequence[Plane]) -> Iterator[Plane]:
    return (first + second for first, second in zip(squares[::2], squares[1::2], strict=False))


def _passages(squares: Sequence[Plane]) -> Iterator[tuple[tuple[int, int], Plane]]:
    """Yield (first square, one after the last) and their sum: of passages of 2, 4, 8, ... squares, not the whole.

    They begin at every square, every second, every fourth, ...; what is left at the end is in the whole alone.
    """
    size, count = 1, len(squares)
    while 2 * size < count:
        yield from (
            ((at * size, (at + 2) * size), squares[at] + squares[at + 1]) for at in range(len(squares) - 1)
        )
        squares, size = [*_pairs(squares)], 2 * size
