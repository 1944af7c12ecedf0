"""Which ids come first in the shuffles that torch draws on a processor, without drawing what is not asked for.

    for i = 0, 1, ...: swap p[i] and p[i + z_i],   z_i = MT19937 draw mod (V - i)       (forward Fisher-Yates)

The first `size` places are settled after `size` steps. Let j_i = i + z_i be where step i jumps to. An id stands still
until the first step that jumps to where it stands, which draws it for good; while none does, it stands still until the
step of its own place, with which it moves to where that step jumps. Nothing jumps back: j_i >= i.

With numba (extra `fast`), many shuffles are followed in compiled code, with equal results.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Seeds", "among_first", "first_ids", "seeds_of", "shuffled"]

Bools = NDArray[np.bool_]
Seeds = NDArray[np.uint32]
Steps = NDArray[np.uint32]

_FEW = 16
"""Up to so many ids of a shuffle are each looked for; of more, the whole list is made."""
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
    different, starts = np.unique(seed, return_index=True)
    if compiled and len(seed) >= _MANY and find_spec("numba"):
        from detectors.provenance.text.followed import followed

        drawn: Bools = followed(different, np.append(starts, len(seed)), ids, vocabulary, size)
        return drawn
    found_of, source = [np.empty(0, dtype=bool)], np.random.RandomState()
    for one, asked in zip(different.tolist(), np.split(ids.astype(np.uint32), starts[1:]), strict=False):
        jumps = _jumps(source, one, vocabulary, size)
        found_of.append(_drawn(asked, jumps) if len(asked) <= _FEW else _all_drawn(jumps, vocabulary)[asked])
    return np.concatenate(found_of)


def first_ids(seed: int, vocabulary: int, size: int) -> Bools:
    """Return which of all ids are among the first `size` that `seed` shuffles, [vocabulary]."""
    return _all_drawn(_jumps(np.random.RandomState(), seed, vocabulary, size), vocabulary)


def shuffled(seed: int, size: int) -> NDArray[np.int64]:
    """Return all of 0 .. size - 1 as `seed` shuffles them, [size].

    What step i finds at j_i came there from the place of the last step before that jumped there, and had come to that
    place in the same way: chains, which are followed to their ends by doubling.
    """
    jumps, steps = _jumps(np.random.RandomState(), seed, size, size).astype(np.int64), np.arange(size)
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


def _jumps(source: np.random.RandomState, seed: int, vocabulary: int, size: int) -> Steps:
    """Return j_i [step] of the first `size` steps; `source` is NumPy's frozen MT19937, which torch seeds alike."""
    source.seed(seed)
    jumps, steps = source.randint(2**32, size=size, dtype=np.uint32), np.arange(size, dtype=np.uint32)
    np.remainder(jumps, vocabulary - steps, out=jumps)
    jumps += steps
    return jumps


def _drawn(ids: Steps, jumps: Steps) -> Bools:
    """Return whether each of a few ids is drawn by one of the steps that jump to `jumps`."""
    drawn: Bools = (jumps == ids[:, None]).any(axis=1)
    going = np.flatnonzero(~drawn & (ids < len(jumps)))
    at = ids[going]
    while going.size:
        place, later = jumps[at], np.arange(len(jumps)) > at[:, None]
        drawn[going] = ((jumps == place[:, None]) & later).any(axis=1)
        moves = ~drawn[going] & (place < len(jumps))
        going, at = going[moves], place[moves]
    return drawn


def _all_drawn(jumps: Steps, vocabulary: int) -> Bools:
    """Return whether each of all ids is drawn, [vocabulary]."""
    last = np.full(vocabulary, -1)
    last[jumps] = np.arange(len(jumps))  # of several steps the last one stays
    drawn: Bools = last >= 0
    going: NDArray[np.integer[Any]] = np.flatnonzero(~drawn[: len(jumps)])
    at = going
    while going.size:
        place = jumps[at]
        drawn[going] = last[place] > at
        moves = ~drawn[going] & (place < len(jumps))
        going, at = going[moves], place[moves]
    return drawn
