"""Which classes does a model draw, and how often, where the one who counts them makes mistakes?

    q = C^T p      q: shares of the classes that a classifier gives draws;  C[true, given]: how it errs;  p: true shares

C is estimated on labelled real items and q on draws; p is what solves the equation, brought back onto the simplex (many
classes' form of Rogan & Gladen 1978; that even good classifiers shift shares by several points is shown for CLEAM, Teo
et al. 2023, arXiv:2302.05077). Both samples err: C and q are drawn from their Dirichlet posteriors together and p is
solved for each. From these come intervals of all shares that hold together, and the radius of the ball around the
estimate in which the truth lies; by the triangle inequality the distance from a reference r is known to that radius:

    TV(p, r) = sum |p - r| / 2,     |TV(p, r) - TV(p^, r)| <= TV(p, p^)

The classifier is taken to err on draws as it does on real items of the same class; compare its confidence on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.immutable import immutable
from detectors.intervals import Approximation, exact_binomial
from detectors.modes import count_missing
from detectors.phrases import Cause, Method
from detectors.result import Direction, Measure, Result, undefined

__all__ = [
    "SHARES", "TOTAL_VARIATION", "Corrected", "Resampled", "class_shares", "hopeless", "resampled_errors",
    "true_shares", "variation",
]

SHARES = Approximation(
    Method("corrected for classifier error, joint band of resampled shares (Dirichlet)"), 100, 0.95, 0.9964
)
TOTAL_VARIATION = Approximation(
    Method("corrected for classifier error, ball of resampled shares (Dirichlet)"), 100, 0.95, 0.9964
)
"""Both were enumerated for two classes, few of whose items are labelled, and simulated for up to ten."""

_LEAST_P = 0.0036
"""Error at which the ball was found to miss no more often than it may."""
_INVERTED = Method("where the interval of the distance begins to leave 0 out; {least} at least", least=f"{_LEAST_P}")
_SIMULATED = Method("parametric bootstrap of both samples")
Floats = NDArray[np.float64]
Resampled = tuple[Floats, Floats]
"""Errors that there may be, [resample, true class, given class], and their inverses [resample, given, true class]."""
_RESAMPLES = 4000
_ROUNDING = 1e-12
_LARGEST_CONDITION = 50.0
"""Condition number of C above which the classifier does not tell the classes apart."""
_MEANING: Mapping[str, tuple[str, Direction]] = {
    "total_variation": ("share", "lower is better"),
    "total_variation_plain": ("share", "neither"),
    "gap_p": ("p-value", "neither"),
    "missing_classes": ("count", "lower is better"),
    "share": ("share", "nearer to ideal is better"),
}


def true_shares(given: ArrayLike, errors: ArrayLike, inverse: Floats | None = None) -> Floats:
    """Return the shares p [..., class] on the simplex that solve given = errors^T p, or the nearest to the solution.

    given [..., class]: shares of the classes that the classifier gives; errors [..., true class, given class]: rows sum
    to one; inverse: that of the errors, where they are undone several times. A solution on the simplex is returned as
    it is, another is moved to the nearest point there. Raises LinAlgError where errors have no inverse.
    """
    undone = np.linalg.inv(np.asarray(errors, dtype=float)) if inverse is None else inverse
    return _on_simplex(np.einsum("...g,...gt->...t", np.asarray(given, dtype=float), undone))


def class_shares(
    given: ArrayLike, confusion: ArrayLike, classes: Sequence[str], *, level: float, rng: np.random.Generator,
    reference: Mapping[str, float] | None = None, fraction: float = 0.25, missing: int = 0, simulated: bool = False,
) -> Result:
    """Return how the true shares of the classes among draws differ from a reference, uniform unless given.

    given [class]: draws that the classifier puts into each class; confusion [true class, given class]: labelled real
    items by what they are and what it says, in the order of `classes`. reference: class -> share, summing to 1.
    missing: further draws that gave nothing to classify. They may have been of any class: with m the share of such
    draws, p = (1 - m) p' + m p'' whatever p'' is, so that shares lie in [(1 - m) low, high + m (1 - high)] and the
    distance within m of that of p'. Half of the error then goes to m, by its exact upper bound.

    Measures:
      total_variation        headline; half the sum of |p - r|, estimate corrected for its upward bias
      total_variation_plain  the same uncorrected: what noise alone would make of p = r is not taken off
      gap_p                  p-value of p = r: the least error at which the interval of total_variation leaves 0 out;
                             simulated: by simulation at the estimated C, as before
      missing_classes        classes drawn less than `fraction` of their reference; its ends as in `missing_modes`
      share                  of each class, the ideal being its reference; intervals hold together
    Approximate: see `TOTAL_VARIATION` and `SHARES`; units are the smaller sample. table has a row a class. All measures
    are undefined where a class has no labelled item or C cannot be inverted. Raises ValueError for no draws, for arrays
    that do not fit the classes, and for a reference that is none.
    """
    counts, table, wanted = _checked(given, confusion, classes, reference, missing)
    n = {"items": int(counts.sum() + table.sum()), "units": int(min(counts.sum(), table.sum()))}
    n |= {"asked": int(counts.sum()) + missing} if missing else {}
    reason = hopeless(table, classes) if counts.sum() else Cause("no draw gave anything to classify")
    if reason is not None:
        whole = [_undefined(name, reason, n, level, missing) for name in _MEANING if name != "share"]
        return Result((*whole, *(_undefined("share", reason, n, level, missing, name) for name in classes)))
    seen = _Seen(Corrected.of(counts, table, rng, missing), wanted, level, n)
    measures = (*seen.distances(rng if simulated else None), seen.absent(fraction), *seen.of_classes(classes))
    return Result(measures, table=seen.table(classes))


def _checked(
    given: ArrayLike, confusion: ArrayLike, classes: Sequence[str], reference: Mapping[str, float] | None,
    missing: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    counts, table = np.asarray(given, dtype=np.int64), np.asarray(confusion, dtype=np.int64)
    size = len(classes)
    if counts.shape != (size,) or table.shape != (size, size) or size < 2 or not counts.sum() + missing:
        got = f"{counts.sum()} draws in {counts.shape}, confusion {table.shape} for {size} classes"
        raise ValueError(f"class_shares: got {got}; allowed: draws [class], counts [class, class], 2 or more")
    shares = reference if reference is not None else dict.fromkeys(classes, 1 / size)
    wanted = np.array([shares.get(name, -1.0) for name in classes])
    if set(shares) != set(classes) or wanted.min() < 0 or abs(wanted.sum() - 1) > 1e-6:
        allowed = f"shares of {', '.join(classes)} that sum to 1"
        raise ValueError(f"class_shares: got reference {dict(shares)}; allowed: {allowed}")
    return counts, table, wanted


def hopeless(table: NDArray[np.int64], classes: Sequence[str]) -> Cause | None:
    """Return why the errors of the classifier cannot be undone, or None."""
    bare = [name for name, items in zip(classes, table.sum(axis=1), strict=True) if not items]
    if bare:
        return Cause("no labelled item shows how class {label} is recognised", label=bare[0])
    if np.linalg.cond(table / table.sum(axis=1, keepdims=True)) > _LARGEST_CONDITION:
        return Cause("the classifier does not tell the classes apart")
    return None


@immutable
class Corrected:
    """The true shares, as far as draws and labelled items tell them together."""

    counts: NDArray[np.int64]
    """Draws that the classifier puts into each class, [class]."""
    table: NDArray[np.int64]
    """Labelled items, [true class, given class]; each class has some, and the matrix an inverse."""
    missing: int
    """Further draws that gave nothing to classify."""
    shares: Floats
    """The estimate [class]."""
    resampled: Floats
    """What else they may be, [resample, class]."""

    @classmethod
    def of(
        cls, counts: NDArray[np.int64], table: NDArray[np.int64], rng: np.random.Generator, missing: int = 0,
        errors: Resampled | None = None,
    ) -> Corrected:
        """Return what draws [class] and labelled items [true class, given class] tell.

        errors: `resampled_errors` of the table, where several sets of draws are held against each other.
        """
        shares = true_shares(counts / counts.sum(), table / table.sum(axis=1, keepdims=True))
        drawn = resampled_errors(table, rng) if errors is None else errors
        return cls(counts, table, missing, shares, _posterior(counts, drawn, rng))

    def band(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] that hold all shares together, whatever the missing draws would have been."""
        inner, lost = self._levels(level)
        low, high = self._ordered.band(inner)
        low, high = np.minimum(low, self.shares) * (1 - lost), np.maximum(high, self.shares)
        return low, high + lost * (1 - high)

    def radius(self, level: float) -> float:
        """Return how far, in total variation, the truth may lie from the estimate."""
        inner, lost = self._levels(level)
        # near a corner of the simplex the ball misses up to half as often again as it may: half the error makes up
        return lost + float(np.quantile(variation(self.resampled, self.shares), (1 + inner) / 2, method="higher"))

    def distance(self, wanted: Floats, level: float) -> tuple[float, float, float]:
        """Return the total variation from shares [class] that are known, without its upward bias, and its ends."""
        plain, radius = float(variation(self.shares, wanted)), self.radius(level)
        low, high = max(0.0, plain - radius), min(1 - float(wanted.min()), plain + radius)
        bias = float(variation(self.resampled, wanted).mean()) - plain
        return min(max(plain - bias, low), high), low, high

    def p_value(self, wanted: Floats) -> float:
        """Return the least error at which the distance from shares [class] is surely above 0; none below `_LEAST_P`."""
        plain, low, high = float(variation(self.shares, wanted)), _LEAST_P, 1.0
        if plain > self.radius(1 - low):
            return low
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (low, middle) if plain > self.radius(1 - middle) else (middle, high)
        return high

    def apart(self, other: Corrected, level: float) -> tuple[float, float, float]:
        """Return the total variation from shares that are estimated too, as `distance`.

        Both are resampled with the same errors, which the difference is held together by: |TV(p, p') - TV(p^, p^')| is
        at most half the sum of |(p - p') - (p^ - p^')|. With missing draws each has half of the error.
        """
        plain = float(variation(self.shares, other.shares))
        half = 1 - (1 - level) / 2 if self.missing or other.missing else level
        (inner, lost), (least, more) = self._levels(half), other._levels(half)
        moved = variation(self.resampled - other.resampled, self.shares - other.shares)
        radius = lost + more + float(np.quantile(moved, (1 + min(inner, least)) / 2, method="higher"))
        low, high = max(0.0, plain - radius), min(1.0, plain + radius)
        bias = float(variation(self.resampled, other.resampled).mean()) - plain
        return min(max(plain - bias, low), high), low, high

    def lead(self, other: Corrected, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares less others, resampled with the same errors, that hold together."""
        half = 1 - (1 - level) / 2 if self.missing or other.missing else level
        (inner, lost), (least, more) = self._levels(half), other._levels(half)
        low, high = _joint_band(self.resampled - other.resampled, min(inner, least))
        return np.maximum(low - lost - more, -1.0), np.minimum(high + lost + more, 1.0)

    def among(self, nothing: int, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] of the shares among all but class `nothing`; its own are 0."""
        inner, lost = self._levels(level)
        kept = (1 - lost) * np.delete(self.resampled, nothing, axis=1)
        whole = (1 - lost) * (1 - self.resampled[:, [nothing]]) + lost
        some = np.broadcast_to(whole > 0, kept.shape)
        least = np.divide(kept, whole, out=np.zeros_like(kept), where=some)
        most = np.divide(kept + lost, whole, out=np.ones_like(kept), where=some)
        low, high = _joint_band(least, inner)[0], _joint_band(most, inner)[1]
        return np.insert(low, nothing, 0.0), np.insert(np.minimum(high, 1.0), nothing, 0.0)

    @cached_property
    def _ordered(self) -> _Ordered:
        return _Ordered.of(self.resampled)

    def _levels(self, level: float) -> tuple[float, float]:
        """Return the level for the draws that there are, and the upper bound of the share that is missing."""
        if not self.missing:
            return level, 0.0
        inner = 1 - (1 - level) / 2
        return inner, exact_binomial(self.missing, int(self.counts.sum()) + self.missing, inner, "upper")[1]


@immutable
class _Seen:
    """What was found, and the measures of its distance from the reference."""

    found: Corrected
    wanted: Floats
    level: float
    n: Mapping[str, int]

    @cached_property
    def band(self) -> tuple[Floats, Floats]:
        """(low, high) [class] that hold all shares together."""
        return self.found.band(self.level)

    def absent(self, fraction: float) -> Measure:
        """Return how many classes are drawn less than this fraction of their reference."""
        return count_missing(
            "missing_classes", self.found.shares, *self.band, fraction * self.wanted, n=self.n, level=self.level,
            missing=self.found.missing, **SHARES.facts,
        )

    def of_classes(self, classes: Sequence[str]) -> Iterator[Measure]:
        """Yield the share of each class."""
        rows = zip(classes, self.found.shares, *self.band, self.wanted, strict=True)
        for name, share, low, high, wanted in rows:
            yield self.measure("share", SHARES, value=share, low=low, high=high, group=name, ideal=wanted)

    def table(self, classes: Sequence[str]) -> pd.DataFrame:
        """Return a row a class: what was counted, and what it comes to."""
        counts, labelled, (low, high) = self.found.counts, self.found.table.sum(axis=1), self.band
        return pd.DataFrame({
            "class": list(classes), "drawn": counts, "share_given": counts / counts.sum(), "share": self.found.shares,
            "low": low, "high": high, "reference": self.wanted, "labelled": labelled,
            "recall": np.diag(self.found.table) / labelled,
        })  # fmt: skip

    def distances(self, rng: np.random.Generator | None) -> list[Measure]:
        """Return the total variation, corrected and plain, and the p-value of there being none.

        rng: that of a simulation, whose p-value is too small where few items are labelled; kept to judge audits again.
        """
        found = self.found
        value, low, high = found.distance(self.wanted, self.level)
        plain = float(variation(found.shares, self.wanted))
        if rng is None:
            p, method = found.p_value(self.wanted), _INVERTED
        else:
            null = variation(_simulated(found.counts.sum(), found.table, self.wanted, rng), self.wanted)
            p, method = (1 + np.count_nonzero(null >= plain * (1 - 1e-12))) / (1 + len(null)), _SIMULATED
        return [
            self.measure("total_variation", TOTAL_VARIATION, value=value, low=low, high=high, ideal=0.0),
            self.measure("total_variation_plain", value=plain, method=Method("none; it is biased upwards"), ideal=0.0),
            self.measure("gap_p", value=float(p), method=method),
        ]

    def measure(self, name: str, how: Approximation | None = None, **found: Any) -> Measure:
        unit, direction = _MEANING[name]
        if how is not None:
            found |= how.facts
        found["missing"] = self.found.missing
        return Measure(name=name, n=self.n, unit=unit, direction=direction, level=self.level, **found)


def _undefined(
    name: str, reason: Cause, n: Mapping[str, int], level: float, missing: int, group: str | None = None
) -> Measure:
    unit, direction = _MEANING[name]
    return undefined(name, reason, n=n, unit=unit, direction=direction, level=level, group=group, missing=missing)


def variation(shares: Floats, others: Floats) -> Floats:
    """Return half the sum of absolute differences [...] over the last axis."""
    return np.asarray(np.abs(shares - others).sum(axis=-1) / 2)


def resampled_errors(table: NDArray[np.int64], rng: np.random.Generator) -> Resampled:
    """Return what else the errors may be by labelled items of so many, and the inverses.

    Prior: one observation a row, spread evenly; less would take an error that was never made for certain not to occur.
    """
    errors = _dirichlet(table + 1 / len(table), _RESAMPLES, rng)
    return errors, np.asfortranarray(np.linalg.inv(errors))


def _posterior(counts: NDArray[np.int64], errors: Resampled, rng: np.random.Generator) -> Floats:
    """Return true shares [resample, class] for draws from their posterior, half an observation a class before it."""
    return true_shares(_dirichlet(counts + 0.5, _RESAMPLES, rng), *errors)


def _dirichlet(weights: ArrayLike, count: int, rng: np.random.Generator) -> Floats:
    """Return draws [count, ..., class] whose rows sum to one; draws of a class lie together, as there are few classes.

    Sums over the last axis then take a tenth of the time.
    """
    shape = np.asarray(weights, dtype=float)
    parts = np.asfortranarray(rng.standard_gamma(shape, (count, *shape.shape)))
    return np.asarray(parts / parts.sum(axis=-1, keepdims=True))


def _simulated(draws: int, table: NDArray[np.int64], shares: Floats, rng: np.random.Generator) -> Floats:
    """Return estimates [resample, class] that both samples would give if `shares` were the true ones.

    Frequencies of the labelled items are drawn as Dirichlet, with the mean of the multinomial and nearly its variance,
    so that no resample of C is without inverse.
    """
    items = table.sum(axis=1, keepdims=True)
    errors = (table + 1 / len(table)) / (items + 1)
    given = rng.multinomial(draws, shares @ errors, _RESAMPLES // 4) / draws
    return true_shares(given, _dirichlet(items * errors, _RESAMPLES // 4, rng))


def _joint_band(resampled: Floats, level: float) -> tuple[Floats, Floats]:
    """Return (low, high) [class] between order statistics of one rank that hold a share `level` of resamples whole."""
    return _Ordered.of(resampled).band(level)


@immutable
class _Ordered:
    """Resamples in order, for joint bands of any level (Besag et al. 1995, Statist. Sci. 10:3, section 6.3)."""

    values: Floats
    """Each class by itself, ascending [class, rank]."""
    depth: NDArray[np.int64]
    """The highest rank that a resample takes in any class, counted from the end that it lies nearer to [resample]."""

    @classmethod
    def of(cls, resampled: Floats) -> _Ordered:
        """Return resamples [resample, class] in order."""
        places = np.arange(1, len(resampled) + 1)
        order, depth = resampled.T.argsort(axis=1), np.zeros_like(places)
        for one in order:
            depth[one] = np.maximum(depth[one], np.maximum(places, places[::-1]))
        return cls(np.take_along_axis(resampled.T, order, axis=1), np.sort(depth))

    def band(self, level: float) -> tuple[Floats, Floats]:
        """Return (low, high) [class] between order statistics of one rank that hold a share `level` of them whole."""
        last = int(self.depth[int(np.ceil(level * len(self.depth))) - 1])
        return self.values[:, len(self.depth) - last], self.values[:, last - 1]


def _on_simplex(points: Floats) -> Floats:
    """Return the nearest point [..., class] of the simplex: a constant is taken away, what falls below 0 is 0."""
    outside = (points.min(axis=-1) < 0) | (np.abs(points.sum(axis=-1) - 1) > _ROUNDING)
    moved, found = points[outside], points.copy(order="K")
    order = -np.sort(-moved, axis=-1)
    excess = (order.cumsum(axis=-1) - 1) / np.arange(1, points.shape[-1] + 1)
    last = (order > excess).sum(axis=-1, keepdims=True) - 1
    found[outside] = np.maximum(moved - np.take_along_axis(excess, last, -1), 0)
    return found
