"""How many members are told apart at a stated rate of false alarms, where the threshold is an estimate too.

    t(r) = the least t with P(S0 > t) <= r,     TPR(r) = P(S1 > t(r))           S0, S1: scores of non-members, members

From n non-members t(r) lies between two of their order statistics, S0_(a) <= t(r) <= S0_(b), of which the binomial
tails of Bin(n, 1 - r) say how surely (David & Nagaraja 2003, section 7.1). The members above S0_(b) are at most those
above t(r), and those above S0_(a) at least as many, and of m members those above t(r) are Bin(m, TPR(r)): so the exact
bounds (Clopper-Pearson) of the counts at either end hold for TPR(r). Each of the four steps has a quarter of the error.
Nothing is supposed of the scores, ties included, nor that the two sides are independent of each other.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats
from detectors.intervals import binomial_quantile, exact_binomial
from detectors.phrases import Method

__all__ = ["TPR_METHOD", "nonmembers_needed", "tpr_at"]

TPR_METHOD = Method("TPR above order statistics of the non-members (binomial tails, Clopper-Pearson)")


def nonmembers_needed(rate: float) -> int:
    """Return the fewest non-members of which one may lie above a threshold with this rate of false alarms."""
    return int(np.ceil(1 / rate - 1e-9))


def tpr_at(rate: float, nonmembers: Floats, members: Floats, level: float) -> tuple[float, float, float]:
    """Return (value, low, high) of the share of members above t(rate).

    nonmembers [n], members [m]: scores of independent items, higher = more like a member; NaN = one that has no score
    and could be anything, which the interval allows for and the value leaves out. Covers always. Raises ValueError for
    fewer scored non-members than `nonmembers_needed`, and for no scored member.
    """
    known, seen = np.sort(nonmembers[~np.isnan(nonmembers)]), members[~np.isnan(members)]
    if len(known) < nonmembers_needed(rate) or not len(seen):
        raise ValueError(
            f"tpr_at: got {len(known)} non-members and {len(seen)} members with a score; allowed: "
            f"{nonmembers_needed(rate)} or more, and 1 or more"
        )
    value = float((seen > known[len(known) - 1 - int(rate * len(known) + 1e-9)]).mean())
    n, m, error = len(nonmembers), len(members), (1 - level) / 4
    last, first = binomial_quantile((1 - error, error), n, 1 - rate)
    most, least = np.sort(np.nan_to_num(nonmembers, nan=np.inf)), np.sort(np.nan_to_num(nonmembers, nan=-np.inf))
    surely = (seen > most[last]).sum() if last < n else 0
    maybe = (seen > least[first - 1]).sum() + (m - len(seen)) if first > 0 else m
    low = float(exact_binomial(int(surely), m, 1 - 2 * error)[0])
    high = float(exact_binomial(int(maybe), m, 1 - 2 * error)[1])
    return value, min(low, value), max(high, value)
