"""The chance that cosines of random phases add up to so much: exact, however far out.

    P(cos a_1 + ... + cos a_n >= s),   a_j independent, uniform on the circle

is 1 / (2 pi i) times the integral of I0(z)^n exp(-z s) / z along any vertical line Re z > 0. On the line through the
saddle point, where I1(z) / I0(z) = s / n, the integrand swings and falls so fast that the trapezoid rule gives it to
rounding error. I0 is the moment generating function of one cosine.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ive

__all__ = ["FEWEST", "log_cosine_tail"]

FEWEST = 16
"""With fewer cosines the integrand falls too slowly for the rule."""
_POINTS = 400
_DEVIATIONS = 14.0


def log_cosine_tail(total: float, count: int) -> float:
    """Return ln P(sum of `count` cosines of uniform phases >= total); -inf beyond `count`, NaN for a NaN.

    Raises ValueError for fewer than `FEWEST`.
    """
    if count < FEWEST:
        raise ValueError(f"log_cosine_tail: got {count} cosines; allowed: {FEWEST} or more")
    if math.isnan(total):
        return math.nan
    if abs(total) >= count:
        return 0.0 if total < 0 else -math.inf
    upper = _log_upper(abs(total), count)
    return math.log(-math.expm1(upper)) if total < 0 else upper


def _log_upper(total: float, count: int) -> float:
    """Return the logarithm for 0 <= total < count."""
    share = total / count
    # von Mises concentration of this mean cosine, near enough: any line gives the same value, the best one fastest
    rough = share * (2 - share**2) / (1 - share**2)
    line = max(rough, 1 / math.sqrt(count))
    mean = float(ive(1, line) / ive(0, line))
    spread = 1 / math.sqrt(count * max(1 - mean / line - mean**2, 1e-300))
    t = np.linspace(0, _DEVIATIONS * spread, _POINTS)
    z = line + 1j * t
    turning = np.exp(count * (np.log(ive(0, z)) - math.log(ive(0, line))) - 1j * total * t) / z
    integral = float(np.trapezoid(turning.real, t)) / math.pi
    return min(0.0, count * (math.log(ive(0, line)) + line) - line * total + math.log(integral))
