"""How faithful are weights of sources? What they say of masks that they were not fitted to, held against log p there.

    lds                 rank correlation of predicted and actual log p over held-out masks       1 = right order
    top_drop            log p(all) - log p(all but the top k), nats                              higher = found more
    comprehensiveness   q(all) - q(all but the top k)            (ERASER, 1911.03429)            higher is better
    sufficiency         q(all) - q(the top k alone)                                              lower is better
    deletion_auc        mean of q as sources go, the top one first      (RISE, 1806.07421)       lower is better
    insertion_auc       mean of q as sources come, the top one first                             higher is better

q = p^(1/T) of an answer of T tokens, the geometric mean of their probabilities, so that long answers have a value too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from detectors.arrays import Floats, ranks
from detectors.transparency.masks import Scored, first_of
from detectors.transparency.methods import Attribution

__all__ = ["Faithfulness", "curve_masks", "faithfulness", "rank_correlation"]

_CONSTANT = 1e-9
"""Numbers that lie no farther apart are one number."""


class Faithfulness(NamedTuple):
    """The measures of one question; NaN where one has no value."""

    lds: float
    top_drop: float
    comprehensiveness: float
    sufficiency: float
    deletion_auc: float
    insertion_auc: float


def faithfulness(question: Scored, found: Attribution, top: int) -> Faithfulness:
    """Return how faithful the weights of a question are; top: the k of the module's formulas, all sources at most."""
    if not np.isfinite(found.weights).all():
        return Faithfulness(*[np.nan] * 6)
    held = question.drawn.held_out
    lds = rank_correlation(found.predicted(held), question.nats(held)) if held else np.nan
    gone, there = (question.nats(masks) for masks in curve_masks(found.order))
    k = min(top, question.sources)
    q_gone, q_there = np.exp(gone / question.tokens), np.exp(there / question.tokens)
    return Faithfulness(
        lds, float(gone[0] - gone[k]), float(q_gone[0] - q_gone[k]), float(q_gone[0] - q_there[k]),
        float(np.trapezoid(q_gone) / question.sources), float(np.trapezoid(q_there) / question.sources),
    )


def curve_masks(order: list[int]) -> Iterator[list[str]]:
    """Yield the masks of the curves of deletion and of insertion [0 to S sources], from an order of sources."""
    yield first_of(order[::-1])[::-1]
    yield first_of(order)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's rank correlation, ties sharing their mean rank; NaN where either has one value alone."""
    if len(one) < 2 or min(np.ptp(one), np.ptp(other)) <= _CONSTANT or not np.isfinite(other).all():
        return float("nan")
    placed = ranks(np.round(np.column_stack([one, other]), 9)) - (len(one) + 1) / 2  # ranks less their mean
    (first, both), (_, second) = placed.T @ placed
    return float(np.clip(both / np.sqrt(first * second), -1, 1))
