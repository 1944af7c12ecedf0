"""What a mark in images is to an audit: whoever made it, it reads images under keys and says how sure that is.

    right bits ~ Bin(n, 1/2)    over messages drawn evenly, whatever the image is    p = tried P(Bin(n, 1/2) >= right)

A mark that returns bits needs no more than that: a class like those of this folder, named by an entry point in
`dokimasia.image_marks`, and the test is exact (`detectors.provenance.image.bits`). One without a key has its message in
the key's place: who knows the program can put in any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["ImageMark", "MarksImages", "MarksNoise", "message_of"]


@runtime_checkable
class ImageMark(Protocol):
    """A mark that is read in images: a frozen dataclass of options, named in `dokimasia.image_marks`."""

    variant: ClassVar[str]
    """Its name there."""
    keyed: ClassVar[bool]
    """Whether it takes a secret to put it in; false = anyone can forge it."""
    exact: ClassVar[bool]
    """Whether p-values hold exactly over the draw of keys, or of messages, whatever the image is."""
    asks: ClassVar[str | None]
    """Question to the model whose answer about each image is read in place of its pixels, such as `starting_noise`."""

    def read(self, image: Any, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in an image of 0 to 1, [row, column] or [row, column, channel].

        Where the mark `asks`, in what the model answered about it.
        """


@runtime_checkable
class MarksImages(ImageMark, Protocol):
    """A mark that can be put into an image that is there."""

    def marked(self, image: NDArray[np.floating], key: bytes) -> NDArray[np.float32]:
        """Return an image of 0 to 1 with the mark, in whole 255ths; UsageError for one that cannot hold it."""


@runtime_checkable
class MarksNoise(ImageMark, Protocol):
    """A mark in the noise that a generator begins with; it `asks` the model for `starting_noise`."""

    def begun(
        self, shape: Sequence[int], key: bytes, *, seed: int, numbers: Sequence[int]
    ) -> NDArray[np.floating]:
        """Return noise [item, *shape] with the mark for draws with these numbers; UsageError for no such noise."""

    def together(self, images: Sequence[NDArray[np.floating]], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in what was found behind images that one key shall have drawn, one p for all."""


def message_of(key: bytes, bits: int) -> NDArray[np.bool_]:
    """Return the message [bit] that stands in a key's place: a key of just so many bits itself, else one drawn from it.

    Raises ValueError for no bits.
    """
    import numpy as np

    if bits < 1:
        raise ValueError(f"message_of: got {bits} bits; allowed: 1 or more")
    length = -(-bits // 8)
    drawn = key if 8 * len(key) == bits else hashlib.shake_256(b"dokimasia message 1\0" + key).digest(length)
    return np.unpackbits(np.frombuffer(drawn, np.uint8), count=bits).astype(bool)
