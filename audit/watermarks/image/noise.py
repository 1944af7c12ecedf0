"""Marks in the noise that a generator begins with: for models that draw from noise that they are given (`CanStart`).

    noise of the mark -> the model's image -> ... -> the noise that leads to it -> p

They change no image: they choose which ones are drawn, and over keys these are the model's own. To read them takes the
model, `audit.procedures.starting_noise`; the laws are those of `detectors.provenance.image.latent`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import UsageError
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from detectors.provenance.image.bits import Evidence

__all__ = ["GaussianShading", "TreeRing"]


@immutable
class GaussianShading:
    """The key chooses the signs of the noise that an image begins with; read by the model that drew it."""

    streams: int = 16
    """Patterns of signs that a key has, taken in turn; reading tries them all and pays for it. Of 1, all images share
    their signs, which shows, and draws are of a 2^-n part of what the model can draw, n numbers of noise."""

    variant: ClassVar[str] = "gaussian-shading"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = "starting_noise"

    def __post_init__(self) -> None:
        """Refuse no pattern."""
        if not 1 <= self.streams <= 1 << 16:
            raise UsageError("streams is {streams}; allowed: 1 to 65536", streams=self.streams)

    def begun(
        self, shape: Sequence[int], key: bytes, *, seed: int, numbers: Sequence[int]
    ) -> NDArray[np.floating]:
        """Return the noise [item, *shape] of draws with these numbers: N(0, 1) over keys."""
        import numpy as np

        from detectors.provenance.image.latent import shaded

        one = np.zeros(1, dtype=bool)
        return np.stack([
            shaded(one, key, self._nonce(number), tuple(shape), np.random.default_rng([seed, number]))
            for number in numbers
        ])  # fmt: skip

    def read(self, image: NDArray[np.floating], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what the signs of the noise found behind an image, of any shape, say of each key."""
        return self.together([image], keys)

    def together(self, images: Sequence[NDArray[np.floating]], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what the noise found behind images, in the order of their draws, says of each key.

        With which pattern the first one began is tried, and paid for.
        """
        import numpy as np

        from detectors.provenance.image.bits import Evidence
        from detectors.provenance.image.latent import keyed_bits
        from detectors.provenance.image.together import log10_signed, pattern_sums

        noise = np.stack([np.asarray(one, dtype=float).ravel() for one in images])
        sums = pattern_sums(np.where(np.isfinite(noise), np.where(noise > 0, 1, -1), 0), self.streams)
        length = int(np.isfinite(noise).sum())
        told = []
        for key in keys if length else ():
            bits = np.stack([keyed_bits(key, self._nonce(number), noise.shape[1]) for number in range(self.streams)])
            totals = (2 * bits.astype(np.int64) - 1) @ sums.T
            first, turn = np.arange(self.streams)[:, None], np.arange(len(sums))
            best = int(totals[(first + turn) % self.streams, turn].sum(1).max())
            log10_p = log10_signed(best, sums) + math.log10(self.streams)
            told.append(Evidence(min(0.0, log10_p), (best / length + 1) / 2))
        return told or [Evidence(math.nan) for _ in keys]

    def _nonce(self, number: int) -> bytes:
        return (number % self.streams).to_bytes(4)


@immutable
class TreeRing:
    """The key chooses the long waves in the noise that an image begins with; read by the model that drew it."""

    radius: int = 3
    """Waves up to so many in a side are the key's, below half of the side; 3 suits 8 by 8 numbers, 10 suits 64."""

    variant: ClassVar[str] = "tree-ring"
    keyed: ClassVar[bool] = True
    exact: ClassVar[bool] = True
    asks: ClassVar[str | None] = "starting_noise"

    def begun(
        self, shape: Sequence[int], key: bytes, *, seed: int, numbers: Sequence[int]
    ) -> NDArray[np.floating]:
        """Return the noise [item, *shape] of draws with these numbers, with the key's waves in the first channel."""
        import numpy as np

        from detectors.provenance.image.latent import ringed

        noise = np.stack([np.random.default_rng([seed, number]).standard_normal(tuple(shape)) for number in numbers])
        plane = self._plane(noise)
        plane[...] = ringed(plane, key, self.radius)
        return noise

    def read(self, image: NDArray[np.floating], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what the noise found behind an image, [side, side] or [channel, side, side], says of each key."""
        return self.together([image], keys)

    def together(self, images: Sequence[NDArray[np.floating]], keys: Sequence[bytes]) -> list[Evidence]:
        """Return what the noise found behind images, whose waves add up, says of each key."""
        import numpy as np

        from detectors.provenance.image.bits import Evidence
        from detectors.provenance.image.latent import ringed_p

        planes = self._plane(np.stack([np.asarray(one, dtype=float) for one in images]))
        p_values = [ringed_p(planes, key, self.radius) for key in keys]
        return [Evidence(math.log10(max(p, 1e-300)) if p == p else math.nan) for p in p_values]

    def _plane(self, noise: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the planes [item, side, side] that carry the waves, a view; raises UsageError where there are none."""
        plane = noise[:, 0] if noise.ndim == 4 else noise
        if plane.ndim != 3 or plane.shape[1] != plane.shape[2] or not 1 <= self.radius < plane.shape[2] / 2:
            raise UsageError(
                "the noise of an image has shape {shape}; tree-ring of radius {radius} needs a square of more than "
                "twice as many numbers on a side", shape=list(noise.shape[1:]), radius=self.radius,
            )  # fmt: skip
        return plane
