"""What a mark in sound is to an audit: whoever made it, it reads sounds under keys and says how sure that is.

One that returns bits needs no more than `detectors.provenance.image.bits.bits_evidence` for an exact p-value: a class
like that of this folder, named by an entry point in `dokimasia.audio_marks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["AudioMark", "MarksAudio"]


@runtime_checkable
class AudioMark(Protocol):
    """A mark that is read in sounds: a frozen dataclass of options, named in `dokimasia.audio_marks`."""

    variant: ClassVar[str]
    """Its name there."""
    keyed: ClassVar[bool]
    """Whether it takes a secret to put it in; false = anyone can forge it."""
    exact: ClassVar[bool]
    """Whether p-values hold exactly over the draw of keys, or of messages, whatever the sound is."""

    def read(self, sound: NDArray[np.floating], rate: int, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in a sound [sample, channel] of -1 to 1, `rate` samples a second."""


@runtime_checkable
class MarksAudio(AudioMark, Protocol):
    """A mark that can be put into a sound that is there."""

    def marked(self, sound: NDArray[np.floating], rate: int, key: bytes) -> NDArray[np.floating]:
        """Return a sound [sample, channel] with the mark, as long; UsageError for one that cannot hold it."""
