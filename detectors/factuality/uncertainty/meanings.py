"""Semantic entropy: how uncertain is the meaning of what is sampled, whatever its wording? (Kuhn 2023; Farquhar 2024)

    discrete     p(C) = |C| / N, the share of samples with meaning C
    weighted     p(C) ~ sum over the distinct strings of C of exp(sum of log p of its tokens), normalised over C
    entropy      - sum over C of p(C) log p(C), in nats; Miller-Madow adds (K - 1) / 2N for the K meanings seen

A string that was drawn twice is one string: its probability is known, and counting it again would give a cluster more
than 1 (['Paris', 'Paris', 'Its Paris', 'London'] at .5, .5, .1, .2 has masses .6 and .2, so p = .75, .25). With N = 5
the discrete entropy is biased low; `coverage`, 1 less the share of meanings seen once (Good 1953), tells how much of
the distribution was seen at all.

Samples are put into the first cluster whose first member means the same. Where "means the same" is not transitive, what
comes of it depends on the order of samples; `order_matters` tells exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["cluster", "coverage", "entropy_of", "miller_madow", "order_matters", "semantic_entropy"]


def cluster(same: NDArray[np.bool_]) -> list[int]:
    """Return the cluster of each sample, from 0 in order of appearance; same [sample, sample], both ways must hold."""
    firsts: list[int] = []
    both, found = same & same.T, []
    for sample in range(len(both)):
        place = next((at for at, first in enumerate(firsts) if both[first, sample]), len(firsts))
        if place == len(firsts):
            firsts.append(sample)
        found.append(place)
    return found


def order_matters(same: NDArray[np.bool_]) -> bool:
    """Tell whether another order of samples would give other clusters: whether "means the same" is not transitive."""
    both = same & same.T
    return bool((both.astype(int) @ both.astype(int) > 0)[~both].any())


def entropy_of(masses: ArrayLike) -> float:
    """Return the entropy in nats of masses [cluster], normalised."""
    p = np.asarray(masses, dtype=float)
    p = p[p > 0] / p.sum()
    return abs(float(-(p * np.log(p)).sum()))


def semantic_entropy(clusters: Sequence[int], texts: Sequence[str] = (), nats: Sequence[float] = ()) -> float:
    """Return the entropy over meanings in nats; discrete, or weighted where log-probabilities [sample] are given.

    texts [sample]: equal ones count once. Raises ValueError where texts and numbers are not one a sample.
    """
    if not len(nats):
        return entropy_of(np.bincount(clusters))
    if not len(clusters) == len(texts) == len(nats):
        got = f"{len(clusters)} samples with {len(texts)} texts and {len(nats)} log-probabilities"
        raise ValueError(f"semantic_entropy: got {got}; allowed: as many of each")
    top = max(nats)
    masses = np.zeros(1 + max(clusters))
    seen: set[tuple[int, str]] = set()
    for place, text, number in zip(clusters, texts, nats, strict=True):
        if (place, text) not in seen:
            seen.add((place, text))
            masses[place] += np.exp(number - top)
    return entropy_of(masses)


def miller_madow(clusters: Sequence[int]) -> float:
    """Return the discrete entropy with the first-order correction of its bias (Miller 1955)."""
    return semantic_entropy(clusters) + (len(set(clusters)) - 1) / (2 * len(clusters))


def coverage(clusters: Sequence[int]) -> float:
    """Return 1 less the share of samples whose meaning was seen once, 0 to 1."""
    return 1 - float((np.bincount(clusters) == 1).sum()) / len(clusters)
