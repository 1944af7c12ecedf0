"""Does a smaller model answer as the one that it stands for, on the same items?

    at each place, p of the large model and q of the small one, over what both name among their likeliest, and the rest:
    flip                the likeliest of p is not the likeliest of q
    KL(p || q)          sum p log (p / q), nats
    total variation     half the sum of |p - q|: the largest difference of the chance of anything
    drop                log p(x) - log q(x) of the whole item, nats per place

A place is a token of a text, or the one label of a classifier. What is named by one of both alone is in the rest, so KL
and total variation of a language model are no larger than over the whole vocabulary; the latter is larger by the
smaller of both rests at most, which the upper end of its interval allows for. Of a classifier, which names all of its
classes, they are exact. A mean of each over the places of an item, then over items, which are independent.
Flips beside accuracy: Dutta et al. 2024 (2407.09141), who find models of equal accuracy that flip many answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import units_of
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause
from detectors.result import NONE, Direction, Measure, Result, undefined

__all__ = ["compared_places", "compressed"]

_NOTHING = Cause("no item was answered by both models")
_NO_NATS = Cause("a classifier tells no likelihood of an item")
_LESS: Direction = "lower is better"
_TINY, _LEAST = 1e-300, 1e-12
"""Least probability of what is named, and of the rest, which is a difference: what is smaller is rounding."""
_UNREADABLE = "\ufffd"
"""In the text of a token that is a part of a character, which other tokens share."""


def compared_places(
    large: Sequence[tuple[Sequence[str], Sequence[float]] | None],
    small: Sequence[tuple[Sequence[str], Sequence[float]] | None],
) -> tuple[float, float, float, float, int]:
    """Return (flips, KL in nats, total variation, the most that it can be over all that might be named, places).

    Means over the places where both models name something.

    large, small: per place (names, log-probabilities in nats), likeliest first; None where nothing is named. NaN for no
    such place.
    """
    pairs = zip(large, small, strict=True)
    found = [_place(one, other) for one, other in pairs if one is not None and other is not None]
    if not found:
        return np.nan, np.nan, np.nan, np.nan, 0
    flips, divergence, variation, most = np.mean(found, axis=0).tolist()
    return flips, divergence, variation, most, len(found)


def _place(
    large: tuple[Sequence[str], Sequence[float]], small: tuple[Sequence[str], Sequence[float]]
) -> tuple[float, float, float, float]:
    p, q = (_told(*one) for one in (large, small))
    shared = [name for name in p if name in q]
    cells = np.array([[one[name] for name in shared] for one in (p, q)]).reshape(2, -1)
    rest = 1 - cells.sum(axis=1, keepdims=True)
    one, other = np.hstack([np.maximum(cells, _TINY), np.maximum(rest, _LEAST)])
    divergence = max(0.0, float((one * np.log(one / other)).sum()))
    variation = float(np.abs(one - other).sum() / 2)
    most = min(1.0, variation + max(0.0, float(rest.min())))  # where what is in the rests is nowhere the same
    return float(large[0][0] != small[0][0]), divergence, variation, most


def _told(names: Sequence[str], nats: Sequence[float]) -> dict[str, float]:
    """Return name -> probability of what one name alone stands for."""
    once = {name for name in names if list(names).count(name) == 1 and _UNREADABLE not in name}
    return {name: float(np.exp(one)) for name, one in zip(names, nats, strict=True) if name in once}


def compressed(items: pd.DataFrame, *, level: float, rng: np.random.Generator, labels: bool = False) -> Result:
    """Return how far a small model is from the large one; see above.

    items: one row an item with lists of an entry a place, `large_names`, `large_log_probs`, `small_names` and
    `small_log_probs` (lists, likeliest first; null where nothing is named), and `large_nats`, `small_nats` of the item,
    NaN where there are none; `unit` where items are not independent. labels: each item has one place, so that flips
    are 0/1 trials and their interval exact. Measures `flip_share` (headline) and `total_variation`, valid at every n,
    `kl_divergence` and `log_prob_drop`, approximate. Lower is better. items come back with a column of each; a flip
    counts against the small model.
    """
    rows = items.assign(**_columns(items))
    units = units_of(rows)
    flips, variation, most = (
        _share(rows, name, units, level, rng, binary)
        for name, binary in (("flip_share", labels), ("total_variation", False), ("total_variation_most", False))
    )
    share = [flips, replace(variation, high=most.high)]
    nats = [_nats(rows, name, units, level, rng) for name in ("kl_divergence", "log_prob_drop")]
    told = rows.drop(columns="total_variation_most")
    return Result((*share, *nats), items=told.assign(value=rows["flip_share"], weight=rows["flip_share"].fillna(0.0)))


def _columns(items: pd.DataFrame) -> dict[str, Any]:
    """Return the means over the places of each item, by measure."""
    sides = [
        [
            [None if one is None else (list(one), list(nats)) for one, nats in zip(names, log_probs, strict=True)]
            for names, log_probs in zip(items[f"{side}_names"], items[f"{side}_log_probs"], strict=True)
        ]
        for side in ("large", "small")
    ]
    told = np.array([compared_places(*pair) for pair in zip(*sides, strict=True)], dtype=float).reshape(-1, 5).T
    large, small = (pd.to_numeric(items[f"{side}_nats"]).to_numpy(float) for side in ("large", "small"))
    drop = (large - small) / np.where(told[4] > 0, told[4], np.nan)
    names = ("flip_share", "kl_divergence", "total_variation", "total_variation_most")
    return {**dict(zip(names, told[:4], strict=True)), "log_prob_drop": drop}


def _share(
    rows: pd.DataFrame, name: str, units: Any, level: float, rng: np.random.Generator, binary: bool
) -> Measure:
    values = rows[name].to_numpy(float)
    told: dict[str, Any] = {"unit": "share", "direction": _LESS, "level": level}
    if np.isnan(values).all():
        return undefined(name, _NOTHING, n={"items": 0, "units": 0}, **told)
    mean = mean_over_units(values, units, level=level, rng=rng, binary=binary)
    return Measure(
        name=name, value=mean.value, low=mean.low, high=mean.high, n=mean.n, method=mean.method, missing=mean.missing,
        mean_of=name, unit_of="unit" if "unit" in rows else None, **told,
    )  # fmt: skip


def _nats(rows: pd.DataFrame, name: str, units: Any, level: float, rng: np.random.Generator) -> Measure:
    values = rows[name]
    there = values.notna().to_numpy()
    told: dict[str, Any] = {"unit": "nats", "direction": _LESS, "level": level}
    missing = int((~there).sum())
    means = values[there].groupby(np.asarray(units)[there]).mean().to_numpy(float)
    n = {"items": int(there.sum()), "units": len(means)}
    if not len(means):
        nothing = _NO_NATS if name == "log_prob_drop" and rows["flip_share"].notna().any() else _NOTHING
        return undefined(name, nothing, n=n, **told)
    if len(means) < 2 or np.ptp(means) <= 1e-9 * np.abs(means).max():
        return Measure(name=name, value=float(means.mean()), n=n, method=NONE, missing=missing, **told)
    sums = np.stack([means, np.ones(len(means))], axis=1)
    low: float | None
    high: float | None
    value, low, high = cluster_bootstrap(lambda s: s[..., 0] / s[..., 1], sums, level=level, rng=rng)
    low, high = (one if np.isfinite(one) else None for one in (low, high))
    return Measure(
        name=name, value=value, low=low, high=high, n=n, **told, **CLUSTER_BOOTSTRAP.facts
    ).lacking(missing)
