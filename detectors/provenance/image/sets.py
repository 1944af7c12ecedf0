"""How often a mark is found in images that are read together, and how many images it takes.

    power of k images    share of sets of k images of which p <= alpha, one p-value a set
    images needed        least k from which on at least `power` of the sets are found at an alpha that is promised

Sets of one size share no image, so that each is a trial. Under other keys every set is read as the images are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from detectors.intervals import exact_binomial
from detectors.phrases import Cause, Method
from detectors.provenance.under_attack import Promise, from_on
from detectors.result import Direction, Measure, undefined

__all__ = ["SET_LISTS", "SET_MEASURES", "set_measures", "set_name"]

SET_MEASURES = ("images_needed", "power_together", "other_key_power_together")
SET_LISTS = ("set_sizes", "set_p_values", "set_other_p_values")
_HIGH: Direction = "higher is better"
_LOW: Direction = "lower is better"
_EXACT = Method("exact binomial (Clopper-Pearson)")
_TOO_FEW = Cause("there are fewer images than the smallest set that was asked for")


def set_name(size: int) -> str:
    """Return how a set of so many images is called in measures."""
    return f"{size} images"


def set_measures(outputs: pd.DataFrame, *, alpha: float, promise: Promise, level: float) -> list[Measure]:
    """Return `SET_MEASURES`: the first once, the others of every size.

    outputs, one row per image: of the one that a set begins with `set_sizes`, `set_p_values` and `set_other_p_values`,
    lists of the sets that begin there, of others null. A p-value is null where nothing could be read: not found.
    """
    rows = outputs.loc[outputs["set_sizes"].notna(), list(SET_LISTS)].explode(list(SET_LISTS))
    sizes = rows["set_sizes"].astype(int)
    own, other = (rows[name].astype(float) for name in SET_LISTS[1:])
    known = {size: (own[sizes.eq(size)], other[sizes.eq(size)].dropna()) for size in sorted(set(sizes))}
    power = [_share("power_together", p, alpha, level, set_name(size), _HIGH) for size, (p, _) in known.items()]
    loud = [
        _share("other_key_power_together", p, alpha, level, set_name(size), _LOW) for size, (_, p) in known.items()
    ]
    return [_needed({size: p for size, (p, _) in known.items()}, promise, level), *power, *_defined(loud)]


def _defined(measures: list[Measure]) -> Iterator[Measure]:
    return (one for one in measures if one.value is not None)


def _share(name: str, p: pd.Series[float], alpha: float, level: float, group: str, direction: Direction) -> Measure:
    """Return the share of sets that are found."""
    facts: dict[str, Any] = {"unit": "share", "direction": direction, "level": level, "group": group}
    if not len(p):
        return undefined(name, _TOO_FEW, n=_n(0), **facts)
    hits = int(p.le(alpha).sum())
    low, high = exact_binomial(hits, len(p), level)
    return Measure(
        name=name, value=hits / len(p), low=float(low), high=float(high), n=_n(len(p)), method=_EXACT, **facts
    )


def _needed(known: dict[int, pd.Series[float]], promise: Promise, level: float) -> Measure:
    """Return the least size that keeps the promise, between the one that may and the one that surely does."""
    told: dict[str, Any] = {"unit": "images", "direction": _LOW, "level": level}
    if not known:
        return undefined("images_needed", _TOO_FEW, n=_n(0), **told)
    strict = 1 - (1 - level) / len(known)
    each = {size: _share("power", p, promise.alpha, strict, set_name(size), _HIGH) for size, p in known.items()}
    told["n"] = max((one.n for one in each.values()), key=lambda n: n["units"])
    value, low, high = (from_on(each, end, promise.power) for end in ("value", "high", "low"))
    if value is None:
        reason = Cause(
            "of no size are {power} of the sets found at {alpha}; to show so much takes {count} sets",
            power=promise.power, alpha=promise.alpha, count=promise.texts_needed(strict),
        )  # fmt: skip
        return undefined("images_needed", reason, **told)
    if high is None:
        return Measure(name="images_needed", value=float(value), method=Method("none; too few sets"), **told)
    method = Method("{method}; every size at once (Bonferroni)", method=_EXACT)
    return Measure(
        name="images_needed", value=float(value), low=float(low or value), high=float(high), method=method, **told
    )


def _n(sets: int) -> dict[str, int]:
    return {"items": sets, "units": sets}
