"""Did the search bring up what was needed? Measures of one question's ranking, best first, against its right passages.

    hit@k             1 if a right one is among the first k
    recall@k          right ones among the first k / right ones
    reciprocal rank   1 / place of the first right one, 0 if there is none; its mean over questions is MRR
    nDCG@k            sum over places i <= k of g_i / log2(i + 1), over the same sum of the best order

All lie in [0, 1], higher is better, and have no value (None) for a question without a right passage. A passage that is
ranked twice counts at its first place. Rankings of several searches become one by reciprocal rank (Cormack 2009):

    fused(d) = sum over rankings of 1 / (60 + place of d)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

__all__ = ["fused", "hit_at", "ndcg_at", "recall_at", "reciprocal_rank"]

Key = TypeVar("Key", bound=Hashable)
SMOOTHING = 60
"""What a place is added to, so that the first few of a ranking do not decide alone."""


def hit_at(ranked: Sequence[Hashable], right: Collection[Hashable], k: int) -> float | None:
    """Return 1 if one of the first k is right, else 0."""
    return None if not right else float(any(one in right for one in _first(ranked, k)))


def recall_at(ranked: Sequence[Hashable], right: Collection[Hashable], k: int) -> float | None:
    """Return the share of the right ones that is among the first k."""
    wanted = set(right)
    return None if not wanted else len(wanted & set(_first(ranked, k))) / len(wanted)


def reciprocal_rank(ranked: Sequence[Hashable], right: Collection[Hashable]) -> float | None:
    """Return 1 / place of the first right one; 0 if none is ranked."""
    if not right:
        return None
    return next((1 / place for place, one in enumerate(_first(ranked, len(ranked)), 1) if one in right), 0.0)


def ndcg_at(
    ranked: Sequence[Hashable], right: Collection[Hashable] | Mapping[Hashable, float], k: int
) -> float | None:
    """Return the discounted cumulative gain of the first k, over that of the best order.

    right: the right ones, of gain 1 each, or passage -> gain; those of gain 0 are not right.
    """
    given = right if isinstance(right, Mapping) else dict.fromkeys(right, 1.0)
    gains = {one: gain for one, gain in given.items() if gain > 0}
    if not gains:
        return None
    best = _discounted(sorted(gains.values(), reverse=True)[:k])
    return _discounted([gains.get(one, 0.0) for one in _first(ranked, k)]) / best


def fused(rankings: Sequence[Sequence[Key]]) -> list[Key]:
    """Return all that is ranked in one order, best first; equal scores in the order of first appearance."""
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for place, one in enumerate(_first(ranking, len(ranking)), 1):
            scores[one] = scores.get(one, 0.0) + 1 / (SMOOTHING + place)
    return sorted(scores, key=lambda one: -scores[one])


def _first(ranked: Sequence[Key], k: int) -> list[Key]:
    if k < 0:
        raise ValueError(f"got k {k}; allowed: 0 or more")
    return list(dict.fromkeys(ranked))[:k]


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))
