"""What in the other columns gives the group away?

    one by one   I(x; g) / H(g), the plug-in bias of I taken off (Miller 1955; Madow): 1 = the feature tells the group
                 V of Cramer, bias taken off (Bergsma 2013)        share of variance between groups (epsilon squared)
    jointly      AUROC of a score learnt from all features on one half of the rows, judged on the other half

A scan of single features misses what they tell together, so the joint question is the one that can have a limit. Its
score is the ridge regression of the group on levels and on pairs of levels; numbers count by quantiles. It is linear,
so the Gram matrix is made once: dropping a feature and permuting the groups ask for its solution alone. What one half
learnt is judged on independent rows of the other, hence the AUROC's interval holds at every n; it is a lower bound of
what a better learner would tell. The p-value permutes the groups among all rows, learning included, and is valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from detectors.arrays import Floats, ranks
from detectors.bias.data.splits import Column
from detectors.immutable import immutable
from detectors.intervals import auroc

__all__ = ["Joint", "Proxy", "joint_proxies", "proxy_of"]

Ints = NDArray[np.integer[Any]]
_MOST_WIDE = 480
"""Columns of the design; pairs of features that would make it wider are left out, the coarsest first in."""
_MOST_LEVELS = 24
"""Levels of one feature; the rarer ones count as one."""
_PAIR_LEVELS = 4
_MOST_ROWS = 40_000
"""Rows that the joint question looks at, drawn at random of more."""
_LEAST = 20
"""Rows of a group, and of the others, in either half that it takes to ask for it."""
_MOST_GROUPS = 12
"""Groups that are asked for, the largest."""
_DRAWS = 199
_RIDGE = 1.0
_AT_ONCE = 1 << 20
"""Numbers of permuted groups that are held at once."""


@immutable
class Proxy:
    """How much one feature tells of the group."""

    information: float
    """I(x; g) / H(g), bias taken off, 0 to 1."""
    cramers_v: float
    """Bias taken off, 0 to 1."""
    correlation_ratio: float | None
    """Share of a number's variance between groups, bias taken off; None where the feature is no number."""


def proxy_of(feature: Column, groups: Ints) -> Proxy | None:
    """Return what a feature tells of the groups [row]; None where there are not two groups, or not two levels."""
    cells, wide = _coarse(feature.cells, _MOST_LEVELS), int(groups.max(initial=0)) + 1
    deep = int(cells.max(initial=0)) + 1
    number = cells.astype(np.min_scalar_type(deep * wide))
    number *= number.dtype.type(wide)
    number += groups.astype(number.dtype)
    table = np.bincount(number, minlength=deep * wide).reshape(deep, wide)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    if min(table.shape) < 2:
        return None
    n, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
    expected = np.outer(rows, columns) / n
    there = table > 0
    information = float((table[there] * np.log(table[there] / expected[there])).sum() / n)
    information -= (int(there.sum()) - len(rows) - len(columns) + 1) / (2 * n)
    entropy = float(-(columns / n * np.log(columns / n)).sum())
    return Proxy(
        min(max(information / entropy, 0.0), 1.0), _cramers_v(table, expected), _correlation_ratio(feature, groups)
    )


def _cramers_v(table: Ints, expected: Floats) -> float:
    n, (r, c) = int(table.sum()), table.shape
    if n < 2:
        return 0.0
    phi2 = max(0.0, float(((table - expected) ** 2 / expected).sum()) / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, float(np.sqrt(phi2 / least))) if least > 0 else 0.0


def _correlation_ratio(feature: Column, groups: Ints) -> float | None:
    """Return epsilon squared (Kelley 1935): the share of variance between groups without what chance makes of it."""
    if (values := feature.numbers) is None:
        return None
    known = np.isfinite(values)
    values, group = values[known], groups[known]
    sizes = np.bincount(group)
    count = int((sizes > 0).sum())
    spread = _squares(values - values.mean()) if len(values) else 0.0
    if count < 2 or len(values) <= count or spread <= 0:
        return None
    means = np.divide(np.bincount(group, values), sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    within = _squares(values - means[group]) / (len(values) - count)
    return float(np.clip(1 - within / (spread / (len(values) - 1)), 0, 1))


def _squares(apart: Floats) -> float:
    """Return the sum of squares of numbers that nobody needs any more."""
    return float(np.square(apart, out=apart).sum())


@immutable
class Joint:
    """What all features together tell of the groups."""

    groups: tuple[int, ...]
    """Those that were asked for."""
    values: tuple[tuple[float, float, float], ...]
    """AUROC of each, with its interval; they hold for all groups at once (Bonferroni)."""
    rows: tuple[int, ...]
    """Rows of each that were judged."""
    judged: int
    """Rows that were judged."""
    p: float
    """That the features tell nothing of any group."""
    top: int
    """Place of the group that is told best, by the AUROC in its standard errors."""
    without: tuple[float, ...]
    """AUROC of that group that is left without each feature."""


def joint_proxies(
    features: Sequence[Column], groups: Ints, *, level: float, rng: np.random.Generator, draws: int = _DRAWS
) -> Joint | None:
    """Return how well the features together tell each group [row] from all others; None where nothing can be asked.

    That is where fewer than two groups have `_LEAST` rows in either half. draws: permutations of the groups.
    """
    order = rng.permutation(len(groups))[:_MOST_ROWS]
    half = len(order) // 2
    own = groups[order]
    asked = _asked(own[:half], own[half:])
    if not features or not len(asked):
        return None
    design, owners = _design(features, order)
    learnt, targets = _Learnt(design[:half], design[half:]), (own[:, None] == asked).astype(float)
    scores, judged = learnt.scores(targets[:half]), targets[half:]
    strict = 1 - (1 - level) / len(asked)
    found = tuple(auroc(scores[judged[:, i] == 0, i], scores[judged[:, i] == 1, i], strict) for i in range(len(asked)))
    deviates = _deviations(scores, judged)
    null = _null(learnt, targets, half, draws, rng)
    top = int(deviates.argmax())
    first, second = (part[:, top : top + 1] for part in (targets[:half], judged))
    left = [_areas(learnt.scores(first, ~owners[:, i]), second)[0] for i in range(len(features))]
    return Joint(
        tuple(map(int, asked)), found, tuple(map(int, judged.sum(axis=0))), len(judged),
        float(1 + np.count_nonzero(null >= deviates.max() - 1e-12)) / (1 + draws), top, tuple(map(float, left)),
    )  # fmt: skip


def _asked(first: Ints, second: Ints) -> Ints:
    """Return the groups that have enough rows, and enough beside them, in both halves; the largest ones."""
    size = int(max(first.max(initial=0), second.max(initial=0))) + 1
    one, two = (np.bincount(half, minlength=size) for half in (first, second))
    fewest = np.minimum(np.minimum(one, len(first) - one), np.minimum(two, len(second) - two))
    able = np.flatnonzero(fewest >= _LEAST)
    return np.sort(able[np.argsort(-(one + two)[able], kind="stable")[:_MOST_GROUPS]])


def _null(learnt: _Learnt, targets: Floats, half: int, draws: int, rng: np.random.Generator) -> Floats:
    """Return the largest deviation [draw] over groups whose rows are permuted, some draws at a time."""
    found, groups = [], targets.shape[1]
    at_once = max(1, _AT_ONCE // targets.size)
    for first in range(0, draws, at_once):
        some = [targets[rng.permutation(len(targets))] for _ in range(min(at_once, draws - first))]
        permuted = np.concatenate(some, axis=1)
        deviations = _deviations(learnt.scores(permuted[:half]), permuted[half:])
        found.append(deviations.reshape(-1, groups).max(axis=1))
    return np.concatenate(found)


def _areas(scores: Floats, targets: Floats) -> Floats:
    """Return the AUROC [group] of scores [row, group]; 1/2 for a group without rows, or of all rows."""
    positive = targets.sum(axis=0)
    pairs = positive * (len(targets) - positive)
    wins = (ranks(scores) * targets).sum(axis=0) - positive * (positive + 1) / 2
    return np.asarray(np.divide(wins, pairs, out=np.full(len(pairs), 0.5), where=pairs > 0))


def _deviations(scores: Floats, targets: Floats) -> Floats:
    """Return how many standard errors, as there would be without any relation, the AUROC [group] lies above 1/2."""
    positive = targets.sum(axis=0)
    return np.asarray((_areas(scores, targets) - 0.5) * np.sqrt(positive * (len(targets) - positive)))


@immutable(eq=False)
class _Learnt:
    """Ridge regression on one half [row, column], told on the other."""

    first: Floats
    second: Floats

    def __post_init__(self) -> None:
        """Make the Gram matrix once."""
        centre = self.first.mean(axis=0)
        object.__setattr__(self, "_parts", (self.first - centre, self.second - centre))
        object.__setattr__(self, "_gram", self._centred[0].T @ self._centred[0])
        object.__setattr__(self, "_whole", cho_factor(self._gram_of(None)))

    @property
    def _centred(self) -> tuple[Floats, Floats]:
        parts: tuple[Floats, Floats] = self.__dict__["_parts"]
        return parts

    def _gram_of(self, kept: NDArray[np.bool_] | None) -> Floats:
        gram: Floats = self.__dict__["_gram"]
        part = gram if kept is None else gram[np.ix_(kept, kept)]
        return part + _RIDGE * np.eye(len(part))

    def scores(self, targets: Floats, kept: NDArray[np.bool_] | None = None) -> Floats:
        """Return scores [row of the other half, group] learnt from targets [row, group], by the kept columns alone."""
        first, second = self._centred
        if kept is None:
            weights = cho_solve(self.__dict__["_whole"], first.T @ (targets - targets.mean(axis=0)))
            return np.asarray(second @ weights)
        if not kept.any():
            return np.zeros((len(second), targets.shape[1]))
        centred = targets - targets.mean(axis=0)
        weights = cho_solve(cho_factor(self._gram_of(kept)), first[:, kept].T @ centred)
        return np.asarray(second[:, kept] @ weights)


def _design(features: Sequence[Column], order: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Return columns of 0 and 1 [row, column], and which features each is made of [column, feature]."""
    fine = [_coarse(one.cells[order], _MOST_LEVELS) for one in features]
    coarse = [_coarse(one.cells[order], _PAIR_LEVELS) for one in features]
    parts, owners = [], []
    for i, cells in enumerate(fine):
        parts.append(_one_hot(cells))
        owners += [[place == i for place in range(len(features))]] * parts[-1].shape[1]
    room = _MOST_WIDE - len(owners)
    pairs = sorted(
        ((coarse[i].max() + 1) * (coarse[k].max() + 1), i, k) for i, k in combinations(range(len(features)), 2)
    )
    for wide, i, k in pairs:
        if wide > room:
            break
        crossed = _one_hot(coarse[i] * (coarse[k].max() + 1) + coarse[k])
        parts.append(crossed)
        owners += [[place in (i, k) for place in range(len(features))]] * crossed.shape[1]
        room -= crossed.shape[1]
    return np.concatenate(parts, axis=1), np.array(owners, dtype=bool)


def _coarse(cells: Ints, most: int) -> Ints:
    """Return cells [row] of at most so many levels, the rarest as one."""
    counts = np.bincount(cells)
    rank = np.empty(len(counts), np.min_scalar_type(most))
    rank[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(len(counts)), most - 1)
    return rank[cells]


def _one_hot(cells: Ints) -> Floats:
    return np.asarray(cells[:, None] == np.unique(cells), dtype=float)
