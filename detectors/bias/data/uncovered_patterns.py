"""Which combinations of attributes are hardly in the data?

    pattern    a level for some attributes, anything for the others, e.g. (sex = female, race = any, age = over 60)
    uncovered  fewer than tau rows match it
    maximal    uncovered, and every pattern with one level less is covered: the shortest way to say what is lacking

All maximal uncovered patterns (Asudeh, Jin & Jagadish 2019, ICDE, arXiv:1810.06742), level by level from the pattern
that says nothing. A pattern is looked at only if all that it specialises are covered, of which there are at most n /
tau for each set of attributes; whatever lies below an uncovered one is never made.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.immutable import immutable

__all__ = ["MOST_ATTRIBUTES", "Pattern", "Uncovered", "uncovered"]

MOST_ATTRIBUTES = 12
Ints = NDArray[np.int64]
Codes = NDArray[np.signedinteger[Any]]


@immutable
class Pattern:
    """A maximal uncovered pattern."""

    levels: tuple[tuple[int, int], ...]
    """(attribute, level), by attribute; anything goes for the other attributes."""
    rows: int
    """Rows that match it."""


@immutable
class Uncovered:
    """What of all combinations is uncovered."""

    count: int
    """Maximal uncovered patterns."""
    patterns: tuple[Pattern, ...]
    """The first of them: those of fewest levels first, then those with fewest rows."""
    cells: int
    """Combinations of a level for every attribute that could be."""
    bare: int
    """Those of them that fewer than tau rows match."""


def uncovered(codes: Sequence[Codes], sizes: Sequence[int], tau: int, most: int = 1000) -> Uncovered:
    """Return the maximal patterns that fewer than `tau` rows match.

    codes: for each attribute its level [row], -1 where there is no value, which matches no level; sizes: levels of each
    attribute; most: patterns that are told. Raises ValueError for more than `MOST_ATTRIBUTES`, for tau below 1, and
    where the combinations cannot be numbered with 62 bits.
    """
    cells = int(np.prod([float(size) for size in sizes]))
    if not 0 < len(codes) <= MOST_ATTRIBUTES or tau < 1 or np.prod([size + 1.0 for size in sizes]) >= 2.0**62:
        got = f"{len(codes)} attributes of {', '.join(map(str, sizes))} levels, tau {tau}"
        raise ValueError(f"uncovered: got {got}; allowed: 1 to {MOST_ATTRIBUTES}, tau of 1 or more, below 2^62")
    rows, weights = _counted_rows(codes, sizes)
    search = _Search(rows, weights, tuple(sizes), tau)
    found = search.found()
    whole = search.counted(tuple(range(len(codes))))
    told = _first(found, most)
    return Uncovered(sum(len(one.rows) for one in found), told, cells, cells - int((whole[1] >= tau).sum()))


@immutable(eq=False)
class _Found:
    """Maximal uncovered patterns over the same attributes."""

    attributes: tuple[int, ...]
    levels: Ints
    """[pattern, attribute]"""
    rows: Ints
    """[pattern]"""


def _first(found: Sequence[_Found], most: int) -> tuple[Pattern, ...]:
    """Return the first patterns, those of fewest attributes and then of fewest rows."""
    told: list[Pattern] = []
    for depth in sorted({len(one.attributes) for one in found}):
        if len(told) >= most:
            break
        for one in (one for one in found if len(one.attributes) == depth):
            for place in np.argsort(one.rows, kind="stable")[:most].tolist():
                levels = zip(one.attributes, one.levels[place].tolist(), strict=True)
                told.append(Pattern(tuple(levels), int(one.rows[place])))
    return tuple(sorted(told, key=lambda one: (len(one.levels), one.rows, one.levels))[:most])


def _counted_rows(codes: Sequence[Codes], sizes: Sequence[int]) -> tuple[Ints, Ints]:
    """Return the rows [row, attribute] that occur, in order, and how often."""
    number = np.zeros(len(codes[0]), np.min_scalar_type(-math.prod(size + 1 for size in sizes)))
    for levels, size in zip(codes, sizes, strict=True):
        number *= size + 1
        number += levels
        number += 1
    numbers, weights = np.unique(number, return_counts=True)
    rows = np.unravel_index(numbers, [size + 1 for size in sizes])
    return np.stack(rows, axis=1) - 1, weights


@immutable(eq=False)
class _Search:
    rows: Ints
    """Distinct rows [row, attribute]."""
    weights: Ints
    """How often each is there."""
    sizes: tuple[int, ...]
    tau: int

    def counted(self, attributes: tuple[int, ...]) -> tuple[Ints, Ints]:
        """Return (number, rows) of the patterns over these attributes that some row matches, by number."""
        part = self.rows[:, attributes]
        known = (part >= 0).all(axis=1)
        numbers, back = np.unique(self._numbered(part[known], attributes), return_inverse=True)
        return numbers, np.bincount(back, self.weights[known], minlength=len(numbers)).astype(np.int64)

    def _numbered(self, levels: Ints, attributes: tuple[int, ...]) -> Ints:
        number = np.zeros(len(levels), dtype=np.int64)
        for place, attribute in enumerate(attributes):
            number = number * self.sizes[attribute] + levels[:, place]
        return number

    def found(self) -> list[_Found]:
        """Return the maximal uncovered patterns by their attributes, those of fewest first."""
        total = self.weights.sum(keepdims=True)
        if total[0] < self.tau:
            return [_Found((), np.zeros((1, 0), np.int64), total)]
        covered: dict[tuple[int, ...], tuple[Ints, Ints]] = {(): (np.zeros((1, 0), np.int64), np.zeros(1, np.int64))}
        found: list[_Found] = []
        for depth in range(1, len(self.sizes) + 1):
            below = {}
            for attributes in combinations(range(len(self.sizes)), depth):
                if all(attributes[:i] + attributes[i + 1 :] in covered for i in range(depth)):
                    kept = self._level(attributes, covered, found)
                    if len(kept[0]):
                        below[attributes] = kept
            covered = below
        return found

    def _level(
        self, attributes: tuple[int, ...], covered: dict[tuple[int, ...], tuple[Ints, Ints]], found: list[_Found]
    ) -> tuple[Ints, Ints]:
        """Return (levels, numbers) of the covered patterns over these attributes; what is maximal goes to `found`."""
        levels = self._candidates(attributes, covered)
        numbers, matching = self.counted(attributes)
        asked = self._numbered(levels, attributes)
        at = np.searchsorted(numbers, asked).clip(max=max(len(numbers) - 1, 0))
        rows = np.where(numbers[at] == asked, matching[at], 0) if len(numbers) else np.zeros(len(asked), np.int64)
        kept = rows >= self.tau
        if not kept.all():
            found.append(_Found(attributes, levels[~kept], rows[~kept]))
        order = np.argsort(asked[kept])
        return levels[kept][order], asked[kept][order]

    def _candidates(self, attributes: tuple[int, ...], covered: dict[tuple[int, ...], tuple[Ints, Ints]]) -> Ints:
        """Return the patterns [pattern, attribute] all of whose parents are covered."""
        head, size = covered[attributes[:-1]][0], self.sizes[attributes[-1]]
        levels = np.column_stack([np.repeat(head, size, axis=0), np.tile(np.arange(size), len(head))])
        for i in range(len(attributes) - 1):
            parent = attributes[:i] + attributes[i + 1 :]
            numbers = self._numbered(np.delete(levels, i, axis=1), parent)
            levels = levels[np.isin(numbers, covered[parent][1])]
        return levels
