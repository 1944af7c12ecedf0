"""How far apart does a number lie in two sets of rows?

    KS     largest difference of the distribution functions                        0 to 1
    W1     area between them, in standard deviations of all rows together
    JS     Jensen-Shannon divergence of the shares by tenths of all rows, in nats   0 to log 2; SciPy's is its root
    PSI    population stability index, sum (p - q) log(p / q) over the same tenths, half a row added to each
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["Distances", "distances"]

_TENTHS = np.linspace(0, 1, 11)[1:-1]


@immutable
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
    edges = np.unique(np.quantile(both, _TENTHS))
    values, sizes = np.unique(both, return_counts=True)
    del both
    first = _counts(values, one)
    below = [first.cumsum() / len(one), (sizes - first).cumsum() / len(other)]
    tenth = np.searchsorted(edges, values)
    p, q = (np.bincount(tenth, counts, len(edges) + 1) for counts in (first, sizes - first))
    share, wanted = p / p.sum(), q / q.sum()
    middle = (share + wanted) / 2
    smooth, against = (p + 0.5) / (p + 0.5).sum(), (q + 0.5) / (q + 0.5).sum()
    return Distances(
        ks=float(np.abs(below[0] - below[1]).max()),
        w1=_area(np.abs(below[0] - below[1])[:-1], np.diff(values), sizes) / spread,
        js=float(max(0.0, (rel_entr(share, middle).sum() + rel_entr(wanted, middle).sum()) / 2)),
        psi=float(((smooth - against) * np.log(smooth / against)).sum()),
    )


def _area(apart: Floats, steps: Floats, sizes: NDArray[np.int64]) -> float:
    """Return sum apart * steps over the values [value] but the last, which `sizes` numbers of both sets have.

    Added up with a term for every number, most of them 0: so it is `scipy.stats.wasserstein_distance` to the last
    digit, which holds seven sorted copies of all numbers for it.
    """
    last = sizes.cumsum()[:-1] - 1
    heights, widths = np.zeros((2, int(sizes.sum()) - 1))
    heights[last], widths[last] = apart, steps
    return float(heights @ widths)


def _counts(values: Floats, part: Floats) -> NDArray[np.int64]:
    """Return how often each of these values [value], ascending, is among the numbers."""
    told, counts = np.unique(part, return_counts=True)
    found = np.zeros(len(values), np.int64)
    found[np.searchsorted(values, told)] = counts
    return found
