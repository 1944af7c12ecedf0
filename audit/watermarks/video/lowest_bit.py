"""The fragile mark: the lowest bit of the brightness of every pixel is one that the key draws, anew for each frame.

    right ~ Bin(n, 1/2) without the mark; all n with it

It shows that a video is still what it was, frame by frame, not where it came from, and a codec that loses something
takes it off. An audit needs it as the mark that must fail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence
    from detectors.provenance.video.reading import Frame

__all__ = ["VideoLowestBit", "bits_of_frame"]


@immutable
class VideoLowestBit:
    """A keyed mark in the lowest bit of every pixel's brightness, which no change of the video survives."""

    variant: ClassVar[str] = "video-lowest-bit"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def change(
        self, plane: NDArray[np.floating], key: bytes, *, levels: int, number: int = 0
    ) -> NDArray[np.float32]:
        """Return what is added to the brightness [row, column], 0 to 1 in so many steps, of a frame by its number."""
        import numpy as np

        whole = np.rint(plane.astype(float) * levels).astype(int)
        made = whole & ~1 | bits_of_frame(key, number, whole.size).reshape(whole.shape)
        return np.asarray((made - whole) / levels, dtype=np.float32)

    def read(self, frames: Iterable[Frame], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in the frames of a video."""
        import numpy as np

        from detectors.provenance.image.bits import Evidence, log10_right

        right, count = [0] * len(keys), 0
        for number, frame in enumerate(frames):
            found = np.rint(frame.brightness.astype(float) * frame.steps).astype(int).ravel() & 1
            for at, key in enumerate(keys):
                right[at] += int(np.count_nonzero(found == bits_of_frame(key, number, len(found))))
            count += len(found)
        if not count:
            return [Evidence(float("nan")) for _ in keys]
        return [Evidence(log10_right(one, count), one / count) for one in right]


@lru_cache(maxsize=4)
def bits_of_frame(key: bytes, number: int, count: int) -> NDArray[np.bool_]:
    """Return the bits of a key for the frame of this number, not to be written to."""
    from detectors.provenance.image.latent import keyed_bits

    bits = keyed_bits(hashlib.sha256(b"frame %d\0" % number + key).digest(), b"lowest bit", count)
    bits.flags.writeable = False
    return bits
