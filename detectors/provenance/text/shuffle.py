"""Which ids come first in the shuffles that torch draws on a processor, without drawing what is not asked for.

    for i = 0, 1, ...: swap p[i] and p[i + z_i],   z_i = MT19937 draw mod (V - i)       (forward Fisher-Yates)

The first `size` places are settled after `size` steps. Let j_i = i + z_i be where step i jumps to. An id stands still
until the first step that jumps to where it stands, which draws it for good; while none does, it stands still until the
step of its own place, with which it moves to where that step jumps. Nothing jumps back: j_i >= i.

Whether a step of many jumps to one place is asked without a division, which takes longer than the draw:

    z = draw mod d   <=>   d divides draw - z   =>   (draw - z) o^-1 mod 2^32 <= (2^32 - 1) / o,   o the odd part of d

The few steps that fulfil the last line are divided. The draws themselves are most of what is left.

With numba (extra `fast`), many shuffles are followed in compiled code, with equal results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.immutable import immutable

__all__ = ["Bools", "Seeds", "among_first", "first_ids", "first_ids_of", "seeds_of", "shuffled"]

Bools = NDArray[np.bool_]
Seeds = NDArray[np.uint32]
Words = NDArray[np.uint32]

_FEW = 6
"""Up to so many ids of a shuffle are each looked for; of more, the whole list is made."""
_AT_ONCE = 1 << 16
"""Draws that are looked at together: few enough to stay in a processor's cache."""
_MANY = 5000
"""Pairs from which on compiling, some seconds, pays."""


def seeds_of(numbers: NDArray[np.int64]) -> Seeds:
    """Return what torch keeps of numbers that wrapped at 64 bits and then are taken mod 2^64 - 1: the low 32 bits."""
    wrapped = numbers.astype(np.uint64)
    return (np.where(numbers < 0, wrapped - np.uint64(1), wrapped) & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def among_first(seed: Seeds, ids: NDArray[np.int64], vocabulary: int, size: int, *, compiled: bool = True) -> Bools:
    """Return whether each of `ids` [pair] is among the first `size` of all ids that its `seed` [pair] shuffles.

    `seed` ascends, and no pair stands twice. compiled: numba may do it, where it is installed and much is to do.
    """
    different, starts, many = np.unique(seed, return_index=True, return_counts=True)
    if compiled and len(seed) >= _MANY and find_spec("numba"):
        from detectors.provenance.text.followed import followed

        drawn: Bools = followed(different, np.append(starts, len(seed)), ids, vocabulary, size)
        return drawn
    drawn, source, steps = np.empty(len(seed), dtype=bool), _Source(), _steps(vocabulary, size)
    for one in np.flatnonzero(many > _FEW):
        asked = slice(starts[one], starts[one] + many[one])
        drawn[asked] = _many_drawn(source.jumps(int(different[one]), steps), ids[asked], vocabulary)
    few = np.flatnonzero(np.repeat(many <= _FEW, many))
    drawn[few] = _few_drawn(source, seed[few], ids[few].astype(np.uint32), steps)
    return drawn


def first_ids(seed: int, vocabulary: int, size: int) -> Bools:
    """Return which of all ids are among the first `size` that `seed` shuffles, [vocabulary]."""
    return next(first_ids_of([seed], vocabulary, size))


def first_ids_of(seeds: Iterable[int], vocabulary: int, size: int) -> Iterator[Bools]:
    """Yield the `first_ids` of each seed; what draws is made once, which takes longer than a draw."""
    source, steps, ids = _Source(), _steps(vocabulary, size), np.arange(vocabulary)
    for seed in seeds:
        yield _many_drawn(source.jumps(seed, steps), ids, vocabulary)


def shuffled(seed: int, size: int) -> NDArray[np.int64]:
    """Return all of 0 .. size - 1 as `seed` shuffles them, [size].

    What step i finds at j_i came there from the place of the last step before that jumped there, and had come to that
    place in the same way: chains, which are followed to their ends by doubling.
    """
    jumps, steps = _Source().jumps(seed, _steps(size, size)).astype(np.int64), np.arange(size)
    order = np.argsort(jumps, kind="stable")
    same = jumps[order[1:]] == jumps[order[:-1]]
    before = np.full(size, -1)  # the last step before that jumped to the same place
    before[order[1:][same]] = order[:-1][same]
    last = np.full(size, -1)
    last[jumps] = steps
    holds = np.where(last == steps, before, last)  # the last step before i that jumped to i; what it brought is there
    holds = np.where(holds < 0, steps, holds)
    while (further := holds[holds] != holds).any():
        holds = np.where(further, holds[holds], holds)
    return np.where(before < 0, jumps, holds[before])


@immutable
class _Steps:
    """What tells whether steps jump to a place, each [step]."""

    number: Words
    """i."""
    size: Words
    """d = V - i."""
    inverse: Words
    """Of the odd part o of d, modulo 2^32."""
    most: Words
    """(2^32 - 1) / o, what a multiple of o is at most when it is multiplied by the inverse."""


@lru_cache(maxsize=8)
def _steps(vocabulary: int, count: int) -> _Steps:
    number = np.arange(count, dtype=np.uint32)
    size = np.uint32(vocabulary) - number
    odd = size // (size & -size)
    inverse = odd.copy()  # right in its 3 lowest bits; each turn doubles how many are
    for _ in range(4):
        inverse *= 2 - odd * inverse
    return _Steps(number, size, inverse, 0xFFFFFFFF // odd)


class _Source:
    """NumPy's frozen MT19937, which torch seeds alike."""

    def __init__(self) -> None:
        self._words = np.random.MT19937()
        self._seeded = np.random.RandomState(self._words)

    def draws(self, seed: int, count: int) -> NDArray[np.uint64]:
        """Return the first `count` words of 32 bits that a seed draws."""
        self._seeded.seed(seed)
        drawn: NDArray[np.uint64] = self._words.random_raw(count)
        return drawn

    def jumps(self, seed: int, steps: _Steps) -> Words:
        """Return j_i [step]."""
        jumps = self.draws(seed, len(steps.number)).astype(np.uint32)
        jumps %= steps.size
        jumps += steps.number
        return jumps


def _few_drawn(source: _Source, seed: Seeds, ids: Words, steps: _Steps) -> Bools:
    """Return whether each of `ids` [pair] is drawn by the steps of its `seed` [pair], which ascends."""
    last, words = -1, np.empty(0, dtype=np.uint64)
    block = np.empty((max(_AT_ONCE // max(len(steps.number), 1), 1), len(steps.number)), dtype=np.uint32)
    drawn = np.empty(len(ids), dtype=bool)
    for start in range(0, len(ids), len(block)):
        part = slice(start, start + len(block))
        for row, one in enumerate(seed[part].tolist()):
            if one != last:
                last, words = one, source.draws(one, len(steps.number))
            block[row] = words
        drawn[part] = _drawn(block[: len(ids[part])], ids[part], steps)
    return drawn


def _drawn(draws: Words, at: Words, steps: _Steps) -> Bools:
    """Return whether the id at each of the places `at` [pair] is drawn by steps with these draws [pair, step]."""
    drawn, going, since = np.zeros(len(at), dtype=bool), np.arange(len(at)), np.full(len(at), -1)
    while True:
        met = _met(draws, at, since, steps)
        drawn[going[met]] = True
        moves = ~met & (at < len(steps.number))
        if not moves.any():
            return drawn
        going, draws, since = going[moves], draws[moves], at[moves].astype(np.int64)
        at = (since + draws[np.arange(len(since)), since] % steps.size[since]).astype(np.uint32)


def _met(draws: Words, at: Words, since: NDArray[np.int64], steps: _Steps) -> Bools:
    """Return whether a step later than `since` [pair] jumps to the place `at` [pair]."""
    rest = draws + steps.number
    rest -= at[:, None]
    rest *= steps.inverse
    pair, step = np.divmod(np.flatnonzero(rest <= steps.most), max(len(steps.number), 1))
    jumps = draws[pair, step] % steps.size[step] + steps.number[step]
    met = np.zeros(len(at), dtype=bool)
    met[pair[(jumps == at[pair]) & (step > since[pair])]] = True
    return met


def _many_drawn(jumps: Words, ids: NDArray[np.int64], vocabulary: int) -> Bools:
    """Return whether each of `ids` [asked] is drawn by one of the steps that jump to `jumps`."""
    last = np.full(vocabulary, -1, dtype=np.int32)
    last[jumps] = np.arange(len(jumps), dtype=np.int32)  # of several steps the last one stays
    drawn: Bools = last[ids] >= 0
    going = np.flatnonzero(~drawn & (ids < len(jumps)))
    at: NDArray[np.integer[Any]] = ids[going]
    while going.size:
        place = jumps[at]
        drawn[going] = last[place] > at
        moves = ~drawn[going] & (place < len(jumps))
        going, at = going[moves], place[moves]
    return drawn
