"""Do draws lie where data lie, do they reach all of it, and are they nearer to what was learnt than new data are?

Around every held-out item stands a ball that reaches to its k-th nearest training item, so that a new item of the same
kind falls into it with probability k / (n + 1), n training items.

    density   = balls around a draw in the mean, as a share of what is expected of data    ideal 1; 0 = far from data
    coverage  = share of held-out items with a draw in their ball                           0 = nothing is reached
    nearness  = P(a draw is nearer to a training item than a held-out item is)    ideal 1/2; 1 = copies, 0 = far away
    far_share = share of draws farther from all training items than every held-out item is      ideal 1 / (items + 1)

Density and coverage are those of Naeem et al. (2020, arXiv:2002.09797), whose balls reach to the k-th nearest of the
very items that they stand around. With training items instead, held-out items are independent given training items and
draws; for as many items of each kind the ideals are the published ones. All speak of distances in one feature space,
and all take held-out items that the model did not learn from.

A draw is far where its distance from the nearest training item is beyond those of all held-out items, which a new item
of the data is with probability 1 / (items + 1) at most. Given these items draws are far independently of each other, so
the share is one of a model's draws with an exact interval. Coverage is not: draws reach an item together, so that other
draws of the model reach another share. Its variance over draws is the jackknife's, from what one draw alone reaches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.special import ndtri

from detectors.intervals import AUROC_METHOD, Approximation, auroc, exact_binomial
from detectors.phrases import Method
from detectors.quality.space import Floats, as_points, blocks, nearest
from detectors.result import Measure, Result

__all__ = ["COVERAGE", "DENSITY", "expected_coverage", "sample_coverage"]

DENSITY = Approximation(
    Method("mean over draws and balls; normal on the log scale, standard error over both"), 100, 0.9
)
COVERAGE = Approximation(
    Method("exact binomial over held-out items, in quadrature with the jackknife over draws"), 100, 0.9
)


def expected_coverage(draws: int, training: int, k: int) -> float:
    """Return the coverage that so many draws have in the mean where they come from the distribution of the data.

    Of a held-out item's neighbours among draws and training items together, the k nearest are all training items with
    probability prod_j (n - j) / (n + m - j), j < k, for n training items and m draws.
    """
    j = np.arange(k)
    return float(1 - np.prod((training - j) / (training + draws - j)))


def sample_coverage(
    drawn: ArrayLike, heldout: ArrayLike, training: ArrayLike, *, level: float, k: int = 5, missing: int = 0
) -> Result:
    """Return `coverage`, `density`, `nearness`, `far_share` of draws [draw, dim], held-out, training items [item, dim].

    coverage has an approximate interval over draws and held-out items (see `COVERAGE`), as density has (see `DENSITY`);
    far_share has the exact one, given training and held-out items; nearness that of an AUROC, given training items.
    missing: further draws that were no item. They might have reached every held-out item and been the nearest or the
    farthest of all; density has no upper bound then.
    items has one row a draw: `balls` (held-out items in whose ball it lies), `nearest` (its distance from the nearest
    training item) and `nearest_at` (that item's position). A draw that is far counts against the model; its weight is
    that distance. Raises ValueError for fewer than two draws or held-out items, fewer than k training items, and values
    not finite.
    """
    draws, new = as_points("drawn", drawn, 2), as_points("heldout", heldout, 2)
    known = as_points("training", training, k)
    reach, (far, at) = nearest(new, known, k)[0], nearest(draws, known, 1)
    balls, hits = _hits(draws, new, reach[:, -1])
    alone, _ = _hits(draws, new[hits == 1], reach[hits == 1, -1])
    outside = far[:, 0] > reach[:, 0].max()
    measures = (
        _coverage(hits > 0, alone / len(new), expected_coverage(len(draws), len(known), k), level),
        _density(balls, hits, (len(known) + 1) / k, level),
        _nearness(far[:, 0], reach[:, 0], level, missing),
        _far_share(outside, len(new), level, missing),
    )
    if missing:
        asked = {"asked": len(draws) + missing}
        covered, dense, near, beyond = (replace(one, n={**one.n, **asked}, missing=missing) for one in measures)
        measures = replace(covered, high=1.0), dense.lacking(missing), near, beyond
    items = {
        "balls": balls, "nearest": far[:, 0], "nearest_at": at[:, 0], "against": outside, "weight": far[:, 0],
    }
    return Result(measures, pd.DataFrame(items))


def _hits(draws: Floats, heldout: Floats, reach: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (balls around each draw [draw], draws in each ball [item]); a ball's edge belongs to it."""
    balls, hits = [], np.zeros(len(heldout), dtype=np.int64)
    for rows in blocks(len(draws)):
        inside = cdist(draws[rows], heldout) <= reach
        balls.append(inside.sum(axis=1))
        hits += inside.sum(axis=0)
    return np.concatenate(balls), hits


def _coverage(reached: NDArray[np.bool_], alone: Floats, expected: float, level: float) -> Measure:
    """Return the share of items `reached` [item]; alone [draw]: share of items that this draw alone reaches.

    The arms of the exact interval over items are joined in quadrature with those over draws.
    """
    draws, size, value = len(alone), len(reached), float(reached.mean())
    spread = float(ndtri((1 + level) / 2)) * float(np.sqrt((draws - 1) / draws * ((alone - alone.mean()) ** 2).sum()))
    low, high = exact_binomial(int(reached.sum()), size, level)
    return Measure(
        name="coverage", value=value, low=max(0.0, value - float(np.hypot(value - low, spread))),
        high=min(1.0, value + float(np.hypot(high - value, spread))), n={"items": draws + size, "units": size},
        unit="share", direction="higher is better", ideal=expected, level=level, **COVERAGE.facts,
    )


def _far_share(outside: NDArray[np.bool_], items: int, level: float, missing: int) -> Measure:
    """Return the share of draws that are `outside` [draw] of what so many held-out items reach."""
    count, asked = int(outside.sum()), len(outside) + missing
    low, high = exact_binomial(count, asked, level)[0], exact_binomial(count + missing, asked, level)[1]
    return Measure(
        name="far_share", value=float(outside.mean()), low=low, high=high, unit="share", ideal=1 / (items + 1),
        n={"items": len(outside), "units": len(outside)}, direction="lower is better", level=level,
        method=Method("exact binomial (Clopper-Pearson), given training and held-out items"),
    )


def _density(balls: NDArray[np.int64], hits: NDArray[np.int64], scale: float, level: float) -> Measure:
    """Return the density; where no draw lies in a ball, up to the exact bound for a share of draws of density 1."""
    draws, items = len(balls), len(hits)
    value = scale * float(balls.mean()) / items
    if value:
        relative = np.hypot(_relative_error(balls), _relative_error(hits))
        factor = float(np.exp(ndtri((1 + level) / 2) * relative))
        low, high = value / factor, value * factor
    else:
        low, high = 0.0, exact_binomial(0, min(draws, items), level)[1]
    return Measure(
        name="density", value=value, low=low, high=high, n={"items": draws + items, "units": min(draws, items)},
        unit="score", direction="nearer to ideal is better", ideal=1.0, level=level, **DENSITY.facts,
    )


def _relative_error(counts: NDArray[np.int64]) -> float:
    return float(counts.std(ddof=1) / counts.mean() / np.sqrt(len(counts)))


def _nearness(draws: Floats, heldout: Floats, level: float, missing: int) -> Measure:
    """Return how often a draw [draw] is nearer to its nearest training item than a held-out item [item] to its own.

    With a share m of draws missing it is (1 - m) times that of the others and m times anything in [0, 1]; half of the
    error goes to the exact upper bound of m.
    """
    inner = 1 - (1 - level) / 2 if missing else level
    lost = exact_binomial(missing, len(draws) + missing, inner, "upper")[1] if missing else 0.0
    value, low, high = auroc(draws, heldout, inner)
    low, high = low * (1 - lost), high + lost * (1 - high)
    return Measure(
        name="nearness", value=value, low=low, high=high,
        n={"items": len(draws) + len(heldout), "units": min(len(draws), len(heldout))}, unit="share",
        direction="nearer to ideal is better", ideal=0.5, level=level,
        method=Method("{method}, given the training items", method=AUROC_METHOD),
    )
