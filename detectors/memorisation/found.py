"""Which single members stand out among non-members, at a false discovery rate.

    p(s) = (1 + #{non-members >= s}) / (n + 1)     conformal, valid whatever the score (`detectors.conformal`)

and Benjamini-Hochberg over the members, which holds for p-values that share their non-members (Bates et al. 2023,
2104.08279). No p-value is below 1 / (n + 1), so with n non-members k of m members can be found together only where
n + 1 >= m / (fdr k): for one alone it takes m / fdr.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats
from detectors.conformal import benjamini_hochberg, calibration_needed, p_values
from detectors.multiplicity import holm

__all__ = ["found_together", "members_found", "nonmembers_for"]


def members_found(nonmembers: Floats, members: Floats, fdr: float, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of the share of members that stand out.

    nonmembers, members: scores [item], higher = more like a member, NaN = none.
    value: of those with a score, found at the rate; low: of all, those found at once with confidence (1 + level) / 2,
    by Holm; nothing bounds from above how many stand out a little. Raises ValueError where not even all of them could
    be found (`found_together`).
    """
    scored = members[~np.isnan(members)]
    p = p_values(nonmembers[~np.isnan(nonmembers)], scored, alpha=fdr)
    found = benjamini_hochberg(p, fdr)
    surely = found & (np.array(holm(p.tolist())) <= (1 - level) / 2)
    value = float(found.mean())
    return value, min(value, float(surely.sum() / len(members))), 1.0


def found_together(nonmembers: int, members: int, fdr: float) -> int:
    """Return how many members must stand out together to be found, more than there are where none can be."""
    return int(np.ceil(round(members / (fdr * (nonmembers + 1)), 6)))


def nonmembers_for(members: int, fdr: float) -> int:
    """Return the non-members from which one member that stands out alone can be found."""
    return calibration_needed(fdr / members)
