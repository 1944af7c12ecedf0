"""Hashes of runs of ids, and which of them a text has shown before.

    h <- (h + x) a + 1 mod 2^64          for each id x of the run in turn

The linear congruential step that SynthID-Text hashes with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hashes", "accumulate", "of_texts", "run_hashes", "steps_back"]

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]

_MULTIPLIER = np.uint64(6364136223846793005)
_ONE = np.uint64(1)
_TEXTS_APART = np.uint64(0x9E3779B97F4A7C15)
"""What the number of a text is multiplied by to tell equal hashes of different texts apart."""


def accumulate(state: Hashes, data: Hashes | np.uint64) -> None:
    """Hash `data` onto `state` in place."""
    state += data
    state *= _MULTIPLIER
    state += _ONE


def run_hashes(ids: Ints, length: int, start: int = 1) -> Hashes:
    """Return the hash of every run of `length` neighbours of `ids` [token], in order, [token - length + 1]."""
    given = ids.astype(np.uint64)
    state = np.full(max(len(ids) - length + 1, 0), start, dtype=np.uint64)
    for k in range(length):
        accumulate(state, given[k : k + len(state)])
    return state


def of_texts(hashes: Hashes, text: Ints) -> Hashes:
    """Return hashes [place] that are equal only where text [place], the number of the text, is equal too."""
    return hashes + text.astype(np.uint64) * _TEXTS_APART


def steps_back(codes: Hashes) -> Ints:
    """Return how many places before each of `codes` [place] the same one stood last, 0 where it never did."""
    back = np.zeros(len(codes), dtype=np.int64)
    ordered = np.sort(codes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return back
    place = np.flatnonzero(twice[np.minimum(np.searchsorted(twice, codes), len(twice) - 1)] == codes)
    place = place[np.argsort(codes[place], kind="stable")]
    same = codes[place[1:]] == codes[place[:-1]]
    back[place[1:][same]] = (place[1:] - place[:-1])[same]
    return back
