"""Shares of the classes among images as a helper gives them, at its word, with bounds that hold whatever is missing.

    band      exact binomial ends of every share, at a level shared by the classes
    distance  total variation from other shares, as far as both bands allow
    lead      share less another's, at half of the error each
    among     k of those that show any other class than `nothing`: binomial given how many these are

`detectors.bias.representation.Corrected` tells the same of shares out of which the helper's errors are taken.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import exact_binomial

__all__ = ["Given", "Shares", "between"]

Counts = NDArray[np.int64]


class Shares(Protocol):
    """Shares with all that is known of them."""

    @property
    def shares(self) -> Floats:
        """The estimate [class]."""

    def band(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] that hold together."""

    def distance(self, wanted: Floats, level: float) -> tuple[float, float, float]:
        """Return the total variation from known shares, and its ends."""

    def apart(self, other: Any, level: float) -> tuple[float, float, float]:
        """Return the total variation from other estimated shares, and its ends."""

    def lead(self, other: Any, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares less other estimated ones, that hold together."""

    def among(self, nothing: int, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares among all but class `nothing`, that hold together; its own are 0."""


@immutable
class Given:
    """Shares of the labels that a helper gave, at its word; all bounds are exact, at a level shared by the classes."""

    counts: Counts
    missing: int = 0

    @property
    def shares(self) -> Floats:
        """Shares among the images that have a label [class]."""
        return np.asarray(self.counts / self.counts.sum())

    def band(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] that hold together, whatever the missing images would have been."""
        asked, shared = self.counts.sum() + self.missing, 1 - (1 - level) / len(self.counts)
        low, _ = exact_binomial(self.counts, asked, shared)
        _, high = exact_binomial(self.counts + self.missing, asked, shared)
        return np.asarray(low), np.asarray(high)

    def distance(self, wanted: Floats, level: float) -> tuple[float, float, float]:
        """Return the total variation from shares [class] that are known, and its ends."""
        return between(self.shares, self.band(level), wanted, (wanted, wanted))

    def apart(self, other: Given, level: float) -> tuple[float, float, float]:
        """Return the total variation from shares that are estimated too, each with half of the error."""
        half = 1 - (1 - level) / 2
        return between(self.shares, self.band(half), other.shares, other.band(half))

    def lead(self, other: Given, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares less those of others, each with half of the error."""
        half = 1 - (1 - level) / 2
        (low, high), (least, most) = self.band(half), other.band(half)
        return low - most, high - least

    def among(self, nothing: int, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares among the images of all classes but `nothing`."""
        low, high = Given(np.delete(self.counts, nothing), self.missing).band(level)
        return np.insert(low, nothing, 0.0), np.insert(high, nothing, 0.0)


def between(
    shares: Floats, band: tuple[Floats, Floats], others: Floats, other_band: tuple[Floats, Floats]
) -> tuple[float, float, float]:
    """Return the total variation of two sets of shares, and its ends where both lie within their bands."""
    (low, high), (least, most) = band, other_band
    surely = max(np.maximum(low - most, 0).sum(), np.maximum(least - high, 0).sum())
    perhaps = min(np.maximum(high - least, 0).sum(), np.maximum(most - low, 0).sum(), 1.0)
    return float(np.abs(shares - others).sum() / 2), float(surely), float(perhaps)
