"""How unevenly decisions treat people one by one: entropy of their benefits.

    benefit        b = decision - label + 1     2 = selected without deserving it, 0 = deserving and not, 1 = as due
    Theil index    mean of b/m ln(b/m), m = mean b         = 2 p2 ln 2 / m - ln m
    entropy        mean of (b/m)^2 - 1, halved             = ((1 - p0 + 3 p2) / m^2 - 1) / 2    (generalised, order 2)
    between        the Theil index where everybody has the mean benefit of their group

with the shares p0 and p2 of benefits 0 and 2, m = 1 + p2 - p0. 0 = all benefit alike (Speicher et al. 2018,
arXiv:1807.00787). An index rises with p0, and with p2 up to a part c of 1 - p0, then falls; so its least and most over
the exact intervals of both shares, at half the error each, are ends that hold. What lies between groups is seen only:
it is never below 0, so biased upwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.intervals import exact_binomial
from detectors.phrases import Cause, Method
from detectors.result import Measure, undefined

__all__ = ["benefit_entropy"]

_JOINT = Method("of two shares, which hold at once: {method}", method=Method("exact binomial (Clopper-Pearson)"))
_PART = Method("none; a part of the Theil index")
_NONE = Cause("no decision is known together with its label")
_NOBODY = Cause("nobody has a benefit: all deserve it and none is selected")


def _theil(p0: float, p2: float) -> float:
    mean = 1 + p2 - p0
    return float(2 * p2 * np.log(2) / mean - np.log(mean)) if mean > 0 else float("inf")


def _squares(p0: float, p2: float) -> float:
    mean = 1 + p2 - p0
    return ((1 - p0 + 3 * p2) / mean**2 - 1) / 2 if mean > 0 else float("inf")


_INDICES: tuple[tuple[str, Callable[[float, float], float], float], ...] = (
    ("theil_index", _theil, 2 * float(np.log(2)) - 1), ("generalised_entropy", _squares, 1 / 3),
)  # fmt: skip
"""Name, function of the shares, and the part c of 1 - p0 up to which it rises with p2."""


def benefit_entropy(counts: ArrayLike, *, missing: int = 0, level: float) -> tuple[Measure, ...]:
    """Return `theil_index`, `generalised_entropy` (of order 2) and `theil_between`; lower is better, 0 = all alike.

    counts [group, label, decision], either axis (negative, positive): independent units; missing: further units without
    a label or a decision, whatever they would have been.
    """
    cells = np.asarray(counts, dtype=np.int64)
    n, held = int(cells.sum()), cells.sum(axis=0)
    facts: dict[str, Any] = {"n": {"items": n, "units": n}, "unit": "score", "level": level, "missing": missing}
    if not n or held[1, 0] == n:
        reason = _NOBODY if n else _NONE
        names = [*(name for name, _, _ in _INDICES), "theil_between"]
        return tuple(undefined(name, reason, direction="neither", **facts) for name in names)
    shares = [
        (int(k) / n, *_ends(int(k), n, missing, 1 - (1 - level) / 2)) for k in (held[1, 0], held[0, 1])
    ]  # fmt: skip
    facts |= {"direction": "lower is better", "ideal": 0.0}
    found = [_index(name, index, part, shares, facts) for name, index, part in _INDICES]
    return (*found, Measure(name="theil_between", value=_between(cells), method=_PART, **facts))


def _ends(k: int, n: int, missing: int, level: float) -> tuple[float, float]:
    """Return (low, high) of a share, the missing taken for none and for all of it."""
    low, high = exact_binomial(k, n + missing, level)[0], exact_binomial(k + missing, n + missing, level)[1]
    return float(low), float(high)


def _index(
    name: str, index: Callable[[float, float], float], part: float, shares: Sequence[tuple[float, float, float]],
    facts: dict[str, Any],
) -> Measure:
    """Return an index with its least and most over the intervals of both shares."""
    (p0, low0, high0), (p2, low2, high2) = shares
    value = index(p0, p2)
    low = min(index(low0, one) for one in (low2, min(high2, 1 - low0)))
    most = index(high0, min(max(part * (1 - high0), low2), high2, 1 - high0))
    high = max(most, value) if np.isfinite(most) else None
    return Measure(name=name, value=value, low=max(0.0, min(low, value)), high=high, method=_JOINT, **facts)


def _between(cells: NDArray[np.int64]) -> float:
    """Return the Theil index of the groups' mean benefits."""
    units = cells.sum(axis=(1, 2))
    some = units > 0
    mean = 1 + (cells[some, 0, 1] - cells[some, 1, 0]) / units[some]
    weight = units[some] / units.sum()
    ratio = mean / (weight @ mean)
    return float((weight * ratio * np.log(ratio, out=np.zeros_like(ratio), where=ratio > 0)).sum())
