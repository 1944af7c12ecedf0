"""Uncertainty from one pass over an answer: of the probabilities of its own T tokens, in nats.

    sequence_nll    - sum_t l_t                       l_t = log p(y_t | x, y_<t)
    mean_nll        - (1/T) sum_t l_t                 log perplexity
    max_nll         max_t -l_t
    mean_entropy    (1/T) sum_t H_t                   H_t over the whole vocabulary
    max_entropy     max_t H_t
    mean_margin     - (1/T) sum_t (p_1st - p_2nd)     Farr et al. 2024
    least_margin    - min_t (p_1st - p_2nd)
    pmi             - (sum_t l_t - sum_t log p(y_t | y_<t))         what the prompt adds, negated
    p_true          1 - P(True), the two options in both orders     Kadavath et al. 2022, 2207.05221
    claim_conditioned   - prod_t p(entailing) / p(entailing + contradicting)    Fadeeva et al. 2024, 2403.04696

Higher = more likely wrong. An answer without tokens has none of them: null, as has one whose numbers are not all known.
From the k likeliest tokens alone, entropy has only bounds: `entropy_bounds`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from detectors.arrays import Floats

__all__ = ["claim_conditioned", "entropy_bounds", "margins", "p_true", "pmi", "ragged", "said_by", "token_scores"]


_KINDS = ("entails", "neutral", "contradicts")


def ragged(rows: Iterable[Any]) -> tuple[Floats, Floats]:
    """Return (values, starts) of rows of numbers: all in one array [value], and where each begins, [row + 1].

    A row that is null, empty or holds a number that is not finite becomes empty: nothing is known of it as a whole.
    """
    parts = [np.empty(0) if row is None or np.ndim(row) == 0 else np.asarray(row, dtype=float) for row in rows]
    parts = [part if np.isfinite(part).all() else part[:0] for part in parts]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return np.concatenate([np.empty(0), *parts]), starts


def _reduced(rows: Iterable[Any], how: np.ufunc) -> tuple[Floats, Floats]:
    """Return (reduction, length) of each row; NaN where it is empty."""
    values, starts = ragged(rows)
    size = np.diff(starts)
    found = np.full(len(size), np.nan)
    if values.size:
        found[size > 0] = how.reduceat(values, starts[:-1][size > 0].astype(np.intp))
    return found, size


def _means(rows: Iterable[Any]) -> Floats:
    total, size = _reduced(rows, np.add)
    return np.asarray(total / np.maximum(size, 1))


def token_scores(
    log_probs: Sequence[Any], entropies: Sequence[Any] | None = None, margin: Sequence[Any] | None = None
) -> pd.DataFrame:
    """Return [item, score] of rows of token log-probabilities, entropies and margins; null where there is nothing.

    Each row is a list of nats (margins: of differences of probabilities), one number a token.
    """
    none = [None] * len(log_probs)
    total, size = _reduced(log_probs, np.add)
    spread, gaps = (none if given is None else given for given in (entropies, margin))
    return pd.DataFrame({
        "sequence_nll": -total, "mean_nll": -total / np.maximum(size, 1),
        "max_nll": -_reduced(log_probs, np.minimum)[0],
        "mean_entropy": _means(spread), "max_entropy": _reduced(spread, np.maximum)[0],
        "mean_margin": -_means(gaps), "least_margin": -_reduced(gaps, np.minimum)[0],
    })  # fmt: skip


def margins(alternatives: Sequence[Sequence[float]]) -> Floats:
    """Return p(1st) - p(2nd) [token] from log-probabilities [token][alternative] in descending order; one alone has
    the margin to all that is left, and none NaN.
    """
    likely = [np.exp(np.asarray(row, dtype=float)) for row in alternatives]
    return np.array([row[0] - (row[1] if len(row) > 1 else 1 - row[0]) if len(row) else np.nan for row in likely])


def pmi(log_probs: Sequence[Any], alone: Sequence[Any]) -> Floats:
    """Return what the prompt adds to each answer, negated [item]; `alone` are the same tokens with no prompt.

    A token that nothing stands before has no probability alone (null) and counts on neither side.
    """
    found = []
    for row, other in zip(log_probs, alone, strict=True):
        if row is None or other is None or not len(row) or len(row) != len(other):
            found.append(np.nan)
            continue
        one, two = np.asarray(row, dtype=float), np.asarray(other, dtype=float)
        both = ~np.isnan(two)
        found.append(float((two - one)[both].sum()) if both.any() else np.nan)
    return np.array(found)


def p_true(log_probs: ArrayLike) -> Floats:
    """Return 1 - P(True) [item] from log-probabilities [item, order, option]: option 0 says True, in either order.

    A letter that the model prefers is so in one order for and in the other against, and cancels.
    """
    nats: Floats = np.asarray(log_probs, dtype=float)
    return np.asarray(1 - (1 / (1 + np.exp(nats[..., 1] - nats[..., 0]))).mean(axis=-1))


def claim_conditioned(log_probs: Sequence[Sequence[float]], says: Sequence[Sequence[str]]) -> float:
    """Return CCP of an answer, -1 (sure) to 0, from alternatives [token][alternative], the chosen first.

    says: what the claim with that alternative is to the claim as it stands: `entails`, `contradicts`, or `neutral`,
    which is another kind of claim and does not count. The chosen token entails itself.
    """
    total = 0.0
    for nats, kinds in zip(log_probs, says, strict=True):
        p = np.exp(np.asarray(nats, dtype=float) - np.max(nats))
        agrees = np.array([place == 0 or kind == "entails" for place, kind in enumerate(kinds)])
        against = np.array([place > 0 and kind == "contradicts" for place, kind in enumerate(kinds)])
        total += float(np.log(p[agrees].sum()) - np.log(p[agrees | against].sum()))
    return -float(np.exp(total))


def said_by(verified: Sequence[Sequence[Sequence[float]]]) -> list[str]:
    """Return `entails`, `contradicts` or `neutral` for each pair of claims, from a verifier's three numbers both ways.

    verified [pair][way][3]: entailment, neutral, contradiction. One way that entails or contradicts is enough, unless
    the other says the opposite.
    """
    found = []
    for ways in verified:
        kinds = {_KINDS[int(np.argmax(way))] for way in ways} - {"neutral"}
        found.append(kinds.pop() if len(kinds) == 1 else "neutral")
    return found


def entropy_bounds(log_probs: Sequence[float], vocabulary: int | None = None) -> tuple[float, float | None]:
    """Return the least and the largest entropy in nats that the k likeliest tokens of one place allow.

    The rest of the probability is in one token at least, and spread evenly over the others at most; no token outside is
    likelier than the k-th. Without the size of the vocabulary there is no largest.
    """
    p = np.exp(np.asarray(log_probs, dtype=float))
    rest = max(0.0, 1 - float(p.sum()))
    known = -float((p * np.log(np.maximum(p, 1e-300))).sum())
    if rest <= 1e-12:
        return known, known
    whole = min(rest, float(p.min()))
    times = int(rest / whole + 1e-9)
    left = max(0.0, rest - times * whole)
    least = known - times * whole * np.log(whole) - (left * np.log(left) if left > 1e-300 else 0.0)
    if vocabulary is None or vocabulary <= len(p):
        return float(least), None
    return float(least), float(max(least, known + rest * np.log((vocabulary - len(p)) / rest)))
