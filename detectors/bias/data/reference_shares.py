"""Who is in the data, against who should be: shares of groups beside those of a population that somebody published.

    ratio            p_g / q_g                                     p: shares among the rows, q: shares in the reference
    total variation  sum |p - q| / 2 = sum max(0, p - q)
    KL               sum p log(p / q)      JS = KL(p, m) / 2 + KL(q, m) / 2, m = (p + q) / 2      both in nats

The intervals of all shares are exact and hold together (Bonferroni); in the box that they span the total variation is
least and greatest in closed form, so its interval holds at every n. Nothing is compared with equal shares unless these
are the reference: without one there is no distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr, xlogy

from detectors.arrays import Floats
from detectors.immutable import immutable
from detectors.intervals import exact_binomial
from detectors.phrases import Cause, Method
from detectors.result import COUNT, Direction, Measure, undefined

__all__ = ["Shares", "shares_of"]

_JOINT = Method("exact binomial (Clopper-Pearson), Bonferroni over classes")
_BOX = Method("in the box of exact intervals of all shares (Bonferroni)")
_PLUG_IN = Method("none; it is biased upwards")
_SIMULATED = Method("G test by simulation of the reference")
_NO_REFERENCE = Cause("no reference given")
_OUTSIDE = Cause("the reference has no share for a group that is there")
_NO_ROW = Cause("no row says which group is its own")
_DRAWN = 4_000_000
"""Counts that are drawn for a p-value, at most."""
_MEANING: Mapping[str, tuple[str, Direction, float | None]] = {
    "total_variation": ("share", "lower is better", 0.0),
    "representation_ratio": ("score", "nearer to ideal is better", 1.0),
    "representation_p": ("p-value", "neither", None),
    "kl_divergence": ("nats", "lower is better", 0.0),
    "js_divergence": ("nats", "lower is better", 0.0),
}


@immutable(eq=False)
class Shares:
    """Shares of groups with intervals that hold together, and how they differ from a reference."""

    measures: tuple[Measure, ...]
    share: Floats
    """[group]"""
    low: Floats
    high: Floats
    wanted: Floats
    """Reference share [group]; NaN without a reference."""

    @property
    def off(self) -> NDArray[np.bool_]:
        """Whether a group's share surely is not that of the reference [group]."""
        return np.asarray((self.low > self.wanted) | (self.high < self.wanted))


def shares_of(
    counts: Sequence[int] | NDArray[np.int64], names: Sequence[str], reference: Mapping[str, float] | None, *,
    level: float, rng: np.random.Generator, missing: int = 0, group: str | None = None,
) -> Shares:
    """Return the shares of groups, and the measures of how they differ from a reference.

    counts [group]: rows; a group of the reference that has none belongs to them too. missing: rows that do not say
    which group is theirs; intervals hold whatever they would have said. reference: group -> share, summing to 1; None:
    the measures are undefined. group: what the measures are called by.

    Measures: `total_variation`, `representation_ratio` (the lowest of all groups), `representation_p`,
    `kl_divergence`, `js_divergence`, `smallest_group` (rows). Raises ValueError for a reference that is none.
    """
    k = np.asarray(counts, dtype=np.int64)
    wanted = np.full(len(names), np.nan) if reference is None else _wanted(names, reference)
    n, strict = int(k.sum()), 1 - (1 - level) / max(1, len(names))
    share = k / n if n else np.full(len(names), np.nan)
    low = np.asarray(exact_binomial(k, n + missing, strict)[0])
    high = np.asarray(exact_binomial(k + missing, n + missing, strict)[1])
    make = _Make(n, missing, level, group)
    least = float(k.min(initial=n))
    smallest = make.measure("smallest_group", value=least, low=least, high=least, direction="higher is better",
                            method=COUNT)  # fmt: skip
    reason = _NO_REFERENCE if reference is None else _NO_ROW if not n else None
    if reason is not None:
        return Shares((*(make.none(name, reason) for name in _MEANING), smallest), share, low, high, wanted)
    told = (
        _variation(make, share, low, high, wanted), _lowest_ratio(make, share, low, high, wanted),
        make.measure("representation_p", value=_g_test(k, wanted, rng), method=_SIMULATED),
        *_divergences(make, share, wanted), smallest,
    )  # fmt: skip
    return Shares(told, share, low, high, wanted)


def _wanted(names: Sequence[str], reference: Mapping[str, float]) -> Floats:
    shares = np.array([reference.get(name, 0.0) for name in names], dtype=float)
    total = float(sum(reference.values()))
    if not set(reference) <= set(names) or min(reference.values(), default=-1.0) < 0 or abs(total - 1) > 1e-6:
        raise ValueError(f"shares_of: got reference shares that sum to {total:g}; allowed: 0 or more that sum to 1")
    return shares


@immutable
class _Make:
    n: int
    missing: int
    level: float
    group: str | None

    def measure(self, name: str, **found: Any) -> Measure:
        unit, direction, ideal = _MEANING.get(name, ("count", "neither", None))
        given = {"unit": unit, "direction": direction, "ideal": ideal, "missing": self.missing, **found}
        return Measure(name=name, n={"items": self.n, "units": self.n}, level=self.level, group=self.group, **given)

    def none(self, name: str, reason: Cause) -> Measure:
        unit, direction, ideal = _MEANING[name]
        return undefined(
            name, reason, n={"items": self.n, "units": self.n}, unit=unit, direction=direction, ideal=ideal,
            level=self.level, group=self.group, missing=self.missing,
        )


def _variation(make: _Make, share: Floats, low: Floats, high: Floats, wanted: Floats) -> Measure:
    over, under = (float(np.maximum(ends, 0).sum()) for ends in (low - wanted, wanted - high))
    most = (float(np.maximum(ends, 0).sum()) for ends in (high - wanted, wanted - low))
    value = float(np.abs(share - wanted).sum() / 2)
    return make.measure(
        "total_variation", value=value, low=min(value, max(over, under)), high=max(value, min(1.0, *most)), method=_BOX
    )


def _lowest_ratio(make: _Make, share: Floats, low: Floats, high: Floats, wanted: Floats) -> Measure:
    there = wanted > 0
    value, least, most = (float((ends[there] / wanted[there]).min()) for ends in (share, low, high))
    return make.measure("representation_ratio", value=value, low=least, high=most, method=_JOINT)


def _divergences(make: _Make, share: Floats, wanted: Floats) -> tuple[Measure, Measure]:
    middle = (share + wanted) / 2
    js = float((rel_entr(share, middle).sum() + rel_entr(wanted, middle).sum()) / 2)
    kl = float(rel_entr(share, wanted).sum())
    first = (
        make.measure("kl_divergence", value=max(kl, 0.0), method=_PLUG_IN)
        if np.isfinite(kl) else make.none("kl_divergence", _OUTSIDE)
    )  # fmt: skip
    return first, make.measure("js_divergence", value=max(js, 0.0), method=_PLUG_IN)


def _g_test(counts: NDArray[np.int64], wanted: Floats, rng: np.random.Generator) -> float:
    """Return the p-value of "the rows are drawn from the reference", by simulation: valid at every n."""
    if (counts[wanted == 0] > 0).any():
        return 0.0
    there, n = wanted > 0, int(counts.sum())
    q = wanted[there] / wanted.sum()
    draws = int(np.clip(_DRAWN // len(q), 199, 1999))

    def statistic(seen: NDArray[np.int64]) -> Floats:
        return np.asarray(xlogy(seen, seen / (n * q)).sum(axis=-1))

    observed = statistic(counts[there])
    null = statistic(rng.multinomial(n, q, size=draws))
    return float((1 + np.count_nonzero(null >= observed * (1 - 1e-12) - 1e-12)) / (1 + draws))
