"""The fragile mark: the lowest bit of every number of an image is one that the key draws, and nothing survives in it.

    right ~ Bin(n, 1/2) without the mark; n (1 + share) / 2 in the mean with it

It shows that an image is still what it was, not where it came from: any compression takes it out. An audit needs it as
the mark that must fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import UsageError
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["LowestBit"]


@immutable
class LowestBit:
    """A keyed mark in the lowest bit of every pixel, which no change of the file survives."""

    share: float = 1.0
    """Share of the numbers that carry it, drawn by the key."""

    variant: ClassVar[str] = "image-lowest-bit"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        if not 0 < self.share <= 1:
            raise UsageError("share is {share:g}; allowed: above 0, up to 1", share=self.share)

    def marked(self, image: NDArray[np.floating], key: bytes) -> NDArray[np.float32]:
        """Return the image of 0 to 1 with the mark, in whole 255ths."""
        import numpy as np

        whole = _whole(image)
        drawn = _rng(key).random(whole.size) < self.share
        bits = np.where(drawn.reshape(whole.shape), _bits(key, whole.size).reshape(whole.shape), whole & 1)
        return np.asarray((whole & 0xFE | bits) / np.float32(255), dtype=np.float32)

    def read(self, image: NDArray[np.floating], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in an image of 0 to 1."""
        from detectors.provenance.image.bits import bits_evidence

        found = (_whole(image) & 1).astype(bool).ravel()
        return [bits_evidence(found, _bits(key, len(found))) for key in keys]


def _whole(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    import numpy as np

    return np.asarray(np.rint(255 * np.minimum(np.maximum(image, 0), 1)), dtype=np.uint8)


def _bits(key: bytes, count: int) -> NDArray[np.bool_]:
    from detectors.provenance.image.latent import keyed_bits

    return keyed_bits(key, b"lowest bit", count)


def _rng(key: bytes) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(np.frombuffer(key or b"\0", np.uint8).tolist())
