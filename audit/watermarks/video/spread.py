"""The keyed mark of a video: the pattern of an image's mark, the same in every frame of it.

    y' = y + g(y) w,    `audit.watermarks.image.spread`, on the brightness alone

Were it another one in each frame, a codec that takes what follows from what went before would wipe it off, and so would
whoever averages neighbours, drops frames or shows them at another rate: a reader would have to find out which frame is
which. One pattern stands through all of that, and frames add up. Its price is what marks in images pay too: who has
some marked videos, or one in which much moves, can lift the pattern, put it into another or take it off. Found, the
mark says that a video was marked, or that the mark was copied into it; it does not prove who made it. Signed origin
(`audit.watermarks.origin`) binds a statement to the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.watermarks.image.spread import SpreadSpectrum
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence
    from detectors.provenance.video.reading import Frame

__all__ = ["VideoSpread"]


@immutable
class VideoSpread:
    """A keyed, blind mark of 32 bits in video that survives compression, cuts, lost frames and scaling."""

    psnr: float = 42.2
    """Peak signal-to-noise ratio of the brightness of each frame in dB, 30 to 60; lower is stronger."""
    payload: str = ""
    """Up to 8 hexadecimal digits that it carries; absent = zeros."""
    search: bool = True
    """Whether scale and angle are sought; false is faster, and cuts and turns by 90 degrees are still found."""

    variant: ClassVar[str] = "video-spread"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a strength that shows, or that rounding would swallow, and a payload that does not fit."""
        _ = self.in_frames

    @property
    def in_frames(self) -> SpreadSpectrum:
        """The mark of each frame; raises UsageError."""
        return SpreadSpectrum(self.psnr, self.payload, self.search)

    def change(
        self, plane: NDArray[np.floating], key: bytes, *, levels: int, number: int = 0
    ) -> NDArray[np.float32]:
        """Return what is added to the brightness [row, column], 0 to 1 in so many steps, of any frame.

        Raises UsageError for one that is too small to be read.
        """
        return self.in_frames.change(plane, key, levels=levels)

    def read(self, frames: Iterable[Frame], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in the frames of a video, and how much of the payload is right."""
        from detectors.provenance.video.reading import read_all

        return [self.in_frames.evidence(one) for one in read_all(frames, keys, search=self.search)]
