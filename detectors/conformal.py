"""How surprising is a score among scores of points known to be ordinary? P-values that need no model of them.

    p(s) = (1 + #{calibration >= s}) / (n + 1)

is at most u with probability at most u for a new ordinary point, whatever the score, if the calibration points were not
used to make it (Vovk, Gammerman & Shafer 2005). Higher scores are more outlying. Four promises:

    marginal                   holds on average over calibration sets
    weighted                   the same where new points come from elsewhere, known by how much (see below)
    calibration-conditional    holds for this calibration set, with a stated confidence (Bates et al. 2023, 2104.08279)
    group-conditional          holds in every group, each with calibration points of its own

Under covariate shift, new points having w(x) times the density of calibration points, points count by weight:

    p(s) = (sum_i w_i [s_i >= s] + w) / (sum_i w_i + w)

with w the new point's own weight (Tibshirani, Foygel Barber, Candes & Ramdas 2019, 1904.06019).

The p-values of many points share their calibration set, which makes them positively dependent; Benjamini-Hochberg
still controls the false discovery rate (Bates et al. 2023, theorem 2). For weighted ones this is not proved (Jin &
Candes 2023, 2307.09291); benchmarks/statistical.py measures it.

Two promises about answers, made from answers that people have labelled; c is a confidence, higher = more likely right:

    claims       keep the claims of an answer with c > q, q = the ceil((1 - alpha)(n + 1))-th smallest of the n highest
                 confidences that a wrong claim has in each calibration answer: all that is kept is right with
                 probability 1 - alpha or more, over calibration sets too (Mohri & Hashimoto 2024, 2402.10978)
    abstention   answer where c >= t, t the last of a descending list at which wrong answers are surely (one-sided
                 Clopper-Pearson) at most a share alpha, and at all before it: the share of wrong ones among the
                 answered is at most alpha, with confidence 1 - delta (Learn then Test, fixed sequence: Angelopoulos,
                 Bates, Candes, Jordan & Lei 2021, 2110.01052)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, gammaln

from detectors.arrays import Floats

__all__ = [
    "abstention_threshold", "benjamini_hochberg", "calibration_needed", "check_disjoint", "claim_threshold",
    "critical_score", "effective_size", "highest_wrong", "p_values", "trials_needed", "weighted_p_values",
]


def p_values(
    calibration: ArrayLike, scores: ArrayLike, *, alpha: float = 0.05, confidence: float | None = None,
    groups: tuple[ArrayLike, ArrayLike] | None = None,
) -> Floats:
    """Return the p-value [score] of each score against the calibration scores [n]; small is surprisingly high.

    alpha: the largest p-value on which anything will be decided, e.g. fdr / m where one outlier among m points is to be
    found; a calibration set that can never reach it is refused. confidence: None for marginal p-values, else the
    probability over calibration sets with which all p-values are valid. groups: labels (of calibration [n], of scores
    [score]) for p-values within groups.
    Raises ValueError for scores that are not finite and for too few calibration points, naming how many are needed.
    """
    known, new = np.asarray(calibration, dtype=float), np.asarray(scores, dtype=float)
    if not (np.isfinite(known).all() and np.isfinite(new).all()):
        raise ValueError("p_values: got scores that are not finite; allowed: finite numbers")
    if groups is None:
        return _against(np.sort(known), new, alpha, confidence, "")
    labels, wanted = np.asarray(groups[0]), np.asarray(groups[1])
    if labels.shape != known.shape or wanted.shape != new.shape:
        raise ValueError(f"p_values: got {labels.shape}, {wanted.shape} labels; allowed: {known.shape}, {new.shape}")
    result = np.empty(len(new))
    for group in np.unique(wanted):
        result[wanted == group] = _against(
            np.sort(known[labels == group]), new[wanted == group], alpha, confidence, f" in group {group!s}"
        )
    return result


def weighted_p_values(
    calibration: ArrayLike, scores: ArrayLike, *, weights: tuple[ArrayLike, ArrayLike], alpha: float = 0.05,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Return the p-value [score] of each score where new points are w(x) times as dense as calibration points [n].

    weights: w of calibration [n] and of scores [score], positive, of any common scale; estimated ones make p-values
    that are only as good as they are. Without rng p-values are deterministic, as above, and at most u with probability
    at most u for a new ordinary point. With rng they are randomised: a uniform number each says how much of the ties
    and of the point's own weight counts, so that they are exactly uniform, less cautious, and other in another draw.
    alpha: as in `p_values`; what must reach it is the calibration points' effective size.
    Raises ValueError for numbers that are not finite, for weights that are not positive or not one each, and for too
    small an effective size.
    """
    known, new = np.asarray(calibration, dtype=float), np.asarray(scores, dtype=float)
    heavy, own = np.asarray(weights[0], dtype=float), np.asarray(weights[1], dtype=float)
    if not all(np.isfinite(part).all() for part in (known, new, heavy, own)):
        raise ValueError("weighted_p_values: got numbers that are not finite; allowed: finite numbers")
    if heavy.shape != known.shape or own.shape != new.shape or min(heavy.min(initial=1), own.min(initial=1)) <= 0:
        allowed = f"{known.shape} and {new.shape}, all positive"
        raise ValueError(f"weighted_p_values: got weights {heavy.shape} and {own.shape}; allowed: {allowed}")
    needed, effective = calibration_needed(alpha), effective_size(heavy)
    if effective < needed - 1e-9:
        got = f"{len(known)} calibration points that count as {effective:.1f}"
        raise ValueError(f"weighted_p_values: got {got}; a p-value of {alpha:g} needs {needed}")
    order = np.argsort(known)
    ahead = np.concatenate([[0.0], np.cumsum(heavy[order])])
    total = ahead[-1]
    at_least = total - ahead[np.searchsorted(known[order], new, "left")]
    more = total - ahead[np.searchsorted(known[order], new, "right")]
    share = 1.0 if rng is None else rng.random(len(new))
    return np.asarray(np.clip((more + share * (at_least - more + own)) / (total + own), 0, 1))


def critical_score(calibration: ArrayLike, alpha: float, confidence: float | None = None) -> float:
    """Return the score above which, and only above which, the p-value is at most `alpha`; arguments as in `p_values`.

    Infinite where the calibration scores [n] are too few for such a p-value.
    """
    known = np.sort(np.asarray(calibration, dtype=float))
    size = len(known)
    reached = (1 + np.arange(size + 1)) / (size + 1) if confidence is None else _conditional(size, confidence)
    allowed = int(np.count_nonzero(reached <= alpha))
    if allowed == 0:
        return float("inf")
    return float(known[size - allowed]) if allowed <= size else float("-inf")


def effective_size(weights: ArrayLike) -> float:
    """Return how many equally weighted points are worth as much as these: (sum w)^2 / sum w^2; 0 for none."""
    w = np.asarray(weights, dtype=float)
    return float(w.sum() ** 2 / (w**2).sum()) if w.size else 0.0


def check_disjoint(roles: Mapping[str, Iterable[Any]]) -> None:
    """Raise ValueError where two roles, e.g. `fit` and `calibration`, share an item; roles: role -> ids of its items.

    What a score was fitted or calibrated on says nothing of new items. Names five of the ids at most.
    """
    held = {role: dict.fromkeys(ids) for role, ids in roles.items()}
    for one, other in combinations(held, 2):
        if shared := [item for item in held[one] if item in held[other]]:
            named = ", ".join(map(repr, shared[:5])) + (", ..." if len(shared) > 5 else "")
            raise ValueError(f"{one} and {other} share {len(shared)} items: {named}; allowed: none")


def calibration_needed(alpha: float, confidence: float | None = None) -> int:
    """Return how many calibration points a p-value needs to get as small as `alpha`; arguments as in `p_values`."""
    if confidence is None:
        # 1 / alpha may come out a hair above the whole number that it is
        return int(np.ceil(round(1 / alpha, 6))) - 1
    return 2 * int(np.ceil(np.log(1 - confidence) / np.log1p(-alpha)))


def highest_wrong(confidence: ArrayLike, right: ArrayLike, units: ArrayLike) -> Floats:
    """Return the highest confidence of a wrong claim in each answer [unit], labels ascending; -inf where none is wrong.

    confidence, right (0/1, NaN = not known, and taken for wrong), units: of each claim [claim].
    """
    _, unit = np.unique(np.asarray(units), return_inverse=True)
    highest = np.full(1 + int(unit.max(initial=-1)), -np.inf)
    shown = np.asarray(right, dtype=float) == 1
    np.maximum.at(highest, unit, np.where(shown, -np.inf, np.asarray(confidence, dtype=float)))
    return highest


def claim_threshold(highest: ArrayLike, alpha: float) -> float:
    """Return the confidence above which claims are kept, from `highest_wrong` [unit] of calibration answers.

    -inf keeps all. Raises ValueError for fewer answers than `calibration_needed(alpha)`.
    """
    known = np.sort(np.asarray(highest, dtype=float))
    place = int(np.ceil(round((1 - alpha) * (len(known) + 1), 9)))
    if place > len(known):
        needed = calibration_needed(alpha)
        raise ValueError(f"claim_threshold: got {len(known)} calibration answers; {alpha:g} needs {needed}")
    return float(known[place - 1])


def trials_needed(alpha: float, delta: float, wrong: int = 0) -> int:
    """Return how many answers, of which so many are wrong, show that at most a share alpha is, surely to 1 - delta."""
    low, high = wrong + 1, wrong + 2
    while bdtr(wrong, high, alpha) > delta:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bdtr(wrong, middle, alpha) <= delta else (middle + 1, high)
    return high


def abstention_threshold(
    confidence: ArrayLike, right: ArrayLike, thresholds: ArrayLike, *, alpha: float, delta: float
) -> float | None:
    """Return the lowest threshold at and above which answers may be given; None where not even the first may.

    confidence, right (0/1, NaN = taken for wrong) [item]: independent calibration answers. thresholds: in the order in
    which they are tried, descending, and chosen without those answers; the first must leave some of them enough to tell
    (`trials_needed`).
    """
    order = np.sort(np.asarray(confidence, dtype=float))
    wrong = np.sort(np.asarray(confidence, dtype=float)[np.asarray(right, dtype=float) != 1])
    tried = np.asarray(thresholds, dtype=float)
    answered = len(order) - np.searchsorted(order, tried, "left")
    errors = len(wrong) - np.searchsorted(wrong, tried, "left")
    shown = np.where(answered > 0, bdtr(errors, np.maximum(answered, 1), alpha), 1.0) <= delta
    kept = int(np.argmin(shown)) if not shown.all() else len(tried)
    return float(tried[kept - 1]) if kept else None


def benjamini_hochberg(
    p: ArrayLike, fdr: float = 0.1, *, cut: float | None = None, weights: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Return the mask [test] of discoveries among which at most a share `fdr` is false, on average.

    p [test]: p-values, independent or positively dependent (Benjamini & Hochberg 1995). cut: None takes all tests for
    null; else the share of nulls is estimated from the p-values above it, and none above it is a discovery (Storey,
    Taylor & Siegmund 2004), which holds for independent p-values only: of scores correlated by 0.9, against one
    calibration set, a share of 0.3 was false where 0.1 was asked. weights [test]: positive prior weights, fixed before
    the p-values were seen; they are scaled to mean 1 (Genovese, Roeder & Wasserman 2006).
    Raises ValueError for p-values outside [0, 1] and for weights that are not positive.
    """
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"benjamini_hochberg: got p-values of shape {values.shape}; allowed: [test] in [0, 1]")
    nulls = 1.0 if cut is None or not len(values) else _null_share(values, cut)
    weighted = values if weights is None else values / _prior(weights, values)
    order = np.argsort(weighted)
    scaled = weighted[order] * (len(values) / np.arange(1, len(values) + 1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return (adjusted * nulls <= fdr) & (values <= (1 if cut is None else cut))


def _against(known: Floats, new: Floats, alpha: float, confidence: float | None, where: str) -> Floats:
    """Return the p-values of `new` against sorted calibration scores."""
    needed = calibration_needed(alpha, confidence)
    if len(known) < needed:
        raise ValueError(f"p_values: got {len(known)} calibration points{where}; a p-value of {alpha:g} needs {needed}")
    above = len(known) - np.searchsorted(known, new, "left")
    return (1 + above) / (len(known) + 1) if confidence is None else _conditional(len(known), confidence)[above]


def _conditional(size: int, confidence: float) -> Floats:
    """Return the calibration-conditional p-value for 0 ... size calibration scores at or above (Bates et al. 2023).

    b_j bounds the j-th smallest of `size` uniform numbers, all at once with the stated confidence, by the generalised
    Simes inequality of order k = size / 2:  b_j = 1 - [(1 - confidence) i!/(i - k)! (n - k)!/n!]^(1/k),  i = n + 1 - j.
    """
    k = size // 2
    i = np.arange(size, k - 1, -1)
    log_share = gammaln(i + 1) - gammaln(i - k + 1) - gammaln(size + 1) + gammaln(size - k + 1)
    bounds = np.ones(size + 1)
    bounds[: len(i)] = -np.expm1((np.log(1 - confidence) + log_share) / k)
    return bounds


def _null_share(p: Floats, cut: float) -> float:
    """Return the estimated share of true nulls, from the p-values above `cut`."""
    return min(1.0, (1 + np.count_nonzero(p > cut)) / (len(p) * (1 - cut)))


def _prior(weights: ArrayLike, p: Floats) -> NDArray[Any]:
    """Return the weights [test], scaled to mean 1."""
    w = np.asarray(weights, dtype=float)
    if w.shape != p.shape or not np.all(w > 0):
        raise ValueError(f"benjamini_hochberg: got weights of shape {w.shape}; allowed: {p.shape}, all positive")
    return np.asarray(w / w.mean())
