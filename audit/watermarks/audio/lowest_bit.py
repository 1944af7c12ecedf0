"""The fragile mark: the lowest bit of every sample, as 16 bits, is one that the key draws, and nothing survives in it.

    right ~ Bin(n, 1/2) without the mark; all n with it

It shows that a sound is still what it was, not where it came from. An audit needs it as the mark that must fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["AudioLowestBit"]

_TOP = 1 << 15


@immutable
class AudioLowestBit:
    """A keyed mark in the lowest of 16 bits of every sample, which no change of the sound survives."""

    variant: ClassVar[str] = "audio-lowest-bit"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True

    def marked(self, sound: NDArray[np.floating], rate: int, key: bytes) -> NDArray[np.floating]:
        """Return a sound [sample, channel] of -1 to 1 with the mark, in steps of 16 bits, of its own type."""
        import numpy as np

        whole = _whole(sound)
        bits = _bits(key, whole.size).reshape(whole.shape)
        return np.asarray((whole & ~1 | bits) / _TOP, dtype=sound.dtype)

    def read(self, sound: NDArray[np.floating], rate: int, keys: Sequence[bytes]) -> list[Evidence]:
        """Return what each key reads in a sound [sample, channel]."""
        from detectors.provenance.image.bits import bits_evidence

        found = (_whole(sound) & 1).astype(bool).ravel()
        return [bits_evidence(found, _bits(key, len(found))) for key in keys]


def _whole(sound: NDArray[np.floating]) -> NDArray[np.int64]:
    import numpy as np

    return np.asarray(np.rint(np.minimum(np.maximum(sound.astype(float) * _TOP, -_TOP), _TOP - 1)), dtype=np.int64)


def _bits(key: bytes, count: int) -> NDArray[np.bool_]:
    from detectors.provenance.image.latent import keyed_bits

    return keyed_bits(key, b"lowest bit", count)
