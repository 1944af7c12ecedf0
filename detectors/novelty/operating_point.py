"""How many familiar items are accused where a given share of the foreign ones is found: FPR at a TPR.

    threshold     the highest foreign score at or above which at least `tpr` of the foreign items lie
    fpr_at_tpr    share of familiar items with a score at or above it

Foreign items are the positives, as in Hendrycks et al. 2019, 1812.04606, who tell it at a TPR of 95 %; where familiar
ones are (Liang et al. 2018, 1706.02690), it is 1 - `flagged_share`. There the threshold is taken as given; here it is
drawn with the foreign items, and the interval counts that: half of its error is for the quantile of the foreign scores,
which lies between two of their order statistics (exact binomial), half for the share of familiar items at the true one,
of which the shares at these two are bounds. So it holds even where a unit has familiar and foreign items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.intervals import exact_binomial
from detectors.phrases import Method
from detectors.result import Measure

__all__ = ["Units", "fpr_at_tpr", "one_of_each_unit"]

_METHOD = "exact binomial at two exact order statistics of the foreign scores; the threshold finds {share} % of these"
Units = NDArray[np.int64]


def fpr_at_tpr(
    familiar: Floats, foreign: Floats, units: tuple[Units, Units], *, tpr: float, level: float,
    rng: np.random.Generator,
) -> Measure:
    """Return the share of familiar items that lie at or above the threshold that finds a share `tpr` of foreign ones.

    familiar, foreign: scores [item], higher = stranger, finite; units: number of the independent unit of every item of
    both, which weigh the same however many items they have. The interval, of one item drawn from each unit, is valid at
    every n: an upper end of 1 says that too few foreign units are there to bound the threshold.
    """
    of_familiar, of_foreign = (np.unique(side, return_inverse=True)[1] for side in units)
    sizes, order, half = np.bincount(of_foreign), np.argsort(-foreign, kind="stable"), (1 + level) / 2
    found = np.cumsum((1 / (sizes * len(sizes)))[of_foreign[order]])
    threshold = foreign[order][np.searchsorted(found, tpr - 1e-12)]
    below, above = _thresholds(one_of_each_unit(foreign, of_foreign, rng), tpr, half)
    many, drawn = np.bincount(of_familiar), one_of_each_unit(familiar, of_familiar, rng)
    value = float((np.bincount(of_familiar, familiar >= threshold) / many).mean())
    (low, _), (_, high) = (exact_binomial(int((drawn >= at).sum()), len(drawn), half) for at in (above, below))
    return Measure(
        name="fpr_at_tpr", value=value, low=min(low, value), high=max(high, value),
        n={"items": len(familiar), "units": len(many)}, unit="share", direction="lower is better", level=level,
        method=Method(_METHOD, share=f"{100 * tpr:g}"),
    )


def one_of_each_unit(scores: Floats, places: Units, rng: np.random.Generator) -> Floats:
    """Return one score of each unit, drawn; so they are independent, and of the same distribution as all."""
    order = rng.permutation(len(scores))
    _, first = np.unique(places[order], return_index=True)
    drawn: Floats = scores[order][first]
    return drawn


def _thresholds(scores: Floats, tpr: float, level: float) -> tuple[float, float]:
    """Return the two thresholds between which the true one lies; -inf and inf where the scores [unit] are too few."""
    ordered = np.sort(scores)[::-1]
    low, high = exact_binomial(np.arange(len(ordered) + 1), len(ordered), level)
    surely, hardly = np.flatnonzero(low >= tpr), np.flatnonzero(high < tpr)
    below = ordered[surely[0] - 1] if surely.size else -np.inf
    above = ordered[hardly[-1]] if hardly.size else np.inf
    return float(below), float(above)
