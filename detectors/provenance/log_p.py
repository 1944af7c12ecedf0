"""A p-value from its logarithm, which marks reach below the least number that there is."""

from __future__ import annotations

import sys

__all__ = ["p_of"]


def p_of(log10_p: float) -> float:
    """Return 10^log10_p, at least 2.2e-308: nothing is impossible, and a p-value may be too large; NaN stays."""
    return max(float(10.0**log10_p), sys.float_info.min)
