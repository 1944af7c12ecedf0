"""How far apart does a number lie in two sets of rows?

    KS     largest difference of the distribution functions                        0 to 1
    W1     area between them, in standard deviations of all rows together
    JS     Jensen-Shannon divergence of the shares by tenths of all rows, in nats   0 to log 2; SciPy's is its root
    PSI    population stability index, sum (p - q) log(p / q) over the same tenths, half a row added to each
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from detectors.arrays import Floats

__all__ = ["Distances", "distances"]

_TENTHS = np.linspace(0, 1, 11)[1:-1]


@dataclass(frozen=True)
class Distances:
    """The distances of two sets of numbers; 0 = they are alike."""

    ks: float
    w1: float
    js: float
    psi: float


def distances(one: Floats, other: Floats) -> Distances | None:
    """Return the distances of two sets of finite numbers; None where one is empty, or all numbers are the same."""
    both = np.concatenate([one, other])
    spread = float(both.std()) if len(both) else 0.0
    if not len(one) or not len(other) or spread == 0:
        return None
    values = np.unique(both)
    below = [np.searchsorted(np.sort(part), values, side="right") / len(part) for part in (one, other)]
    edges = np.unique(np.quantile(both, _TENTHS))
    p, q = (np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) for part in (one, other))
    share, wanted = p / p.sum(), q / q.sum()
    middle = (share + wanted) / 2
    smooth, against = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    return Distances(
        ks=float(np.abs(below[0] - below[1]).max()),
        w1=float(wasserstein_distance(one, other)) / spread,
        js=float(max(0.0, (rel_entr(share, middle).sum() + rel_entr(wanted, middle).sum()) / 2)),
        psi=float(((smooth - against) * np.log(smooth / against)).sum()),
    )
