"""What a mark in video is to an audit: whoever made it, it reads frames under keys and gives one p-value for them all.

Frames that follow each other show much the same: p-values of single ones are not to be multiplied. One that returns
bits needs no more than `detectors.provenance.image.bits.bits_evidence` for an exact p-value: a class like that of this
folder, named by an entry point in `dokimasia.video_marks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence
    from detectors.provenance.video.reading import Frame

__all__ = ["MarksVideo", "VideoMark"]


@runtime_checkable
class VideoMark(Protocol):
    """A mark that is read in the brightness of a video: a frozen dataclass, named in `dokimasia.video_marks`."""

    variant: ClassVar[str]
    """Its name there."""
    keyed: ClassVar[bool]
    """Whether it takes a secret to put it in; false = anyone can forge it."""
    exact: ClassVar[bool]
    """Whether p-values hold exactly over the draw of keys, or of messages, whatever the video is."""

    def read(self, frames: Iterable[Frame], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in the frames of a video, which come one by one and all have one size."""


@runtime_checkable
class MarksVideo(VideoMark, Protocol):
    """A mark that can be put into a video that is there, frame by frame."""

    def change(
        self, plane: NDArray[np.floating], key: bytes, *, levels: int, number: int = 0
    ) -> NDArray[np.float32]:
        """Return what is added to the brightness [row, column], 0 to 1 in so many steps, of the frame of this number.

        Raises UsageError for one that cannot hold it.
        """
