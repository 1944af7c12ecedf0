"""The exact test of a mark that returns bits: how many of them are those of the message.

    p = tried P(Bin(n, 1/2) >= right)

holds for any image, marked otherwise or not, over the draw of the message: each bit that was read agrees with an evenly
drawn one with probability 1/2. It does not hold for a message that somebody chose, such as zeros, which dull images
give by themselves. tried: how many messages, keys or places the best was taken from (Bonferroni).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln

from detectors.immutable import immutable
from detectors.provenance.log_p import p_of

__all__ = ["Evidence", "bits_evidence", "log10_right"]

Bits = NDArray[np.bool_]
_LEAST = 1e-280
"""Tails below it are bounded."""


@immutable
class Evidence:
    """What a key reads in an image."""

    log10_p: float
    """Decimal logarithm of the p-value; NaN where nothing could be read."""
    right_bits: float = math.nan
    """Share of the message's bits that are right; NaN where it has none, or nothing could be read."""

    @property
    def p_value(self) -> float | None:
        """Return p, see `p_of`; None where nothing could be read."""
        return None if math.isnan(self.log10_p) else p_of(self.log10_p)


def log10_right(right: int, count: int) -> float:
    """Return log10 P(Bin(count, 1/2) >= right); below 1e-280 a bound from above, the first term over 1 - ratio."""
    if not 0 <= right <= count:
        raise ValueError(f"log10_right: got {right} of {count}; allowed: 0 to all of them")
    tail = 1.0 if right == 0 else float(bdtrc(right - 1, count, 0.5))
    if tail > _LEAST:
        return math.log10(tail)
    first = gammaln(count + 1) - gammaln(right + 1) - gammaln(count - right + 1) - count * math.log(2)
    return float(first - math.log1p(-(count - right) / (right + 1))) / math.log(10)


def bits_evidence(found: Bits, message: Bits, *, tried: int = 1) -> Evidence:
    """Return the evidence of bits [bit] that were found, against the message [bit]; no bits = nothing could be read."""
    if len(found) != len(message) or tried < 1:
        raise ValueError(f"bits_evidence: got {len(found)} bits for a message of {len(message)}, {tried} tried; "
                         "allowed: as many bits, 1 or more tried")  # fmt: skip
    if not len(found):
        return Evidence(math.nan)
    right = int(np.count_nonzero(found == message))
    return Evidence(min(0.0, log10_right(right, len(found)) + math.log10(tried)), right / len(found))
