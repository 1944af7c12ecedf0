"""Ids that are followed through shuffles in compiled code, each shuffle drawn once and no further than it must be.

What `detectors.provenance.text.shuffle` says, with equal results; needs numba, and compiles when first called.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["followed"]

_U4, _U8 = np.uint32, np.uint64
_WORDS = 624


@numba.njit(inline="always")
def _begin(state: Any, seed: Any) -> None:
    """Seed MT19937."""
    state[0] = seed
    for i in range(1, _WORDS):
        one = state[i - 1] ^ (state[i - 1] >> _U4(30))
        state[i] = _U4((_U8(1812433253) * _U8(one) + _U8(i)) & _U8(0xFFFFFFFF))


@numba.njit(inline="always")
def _draw(state: Any, words: Any) -> None:
    """Draw the next 624 words."""
    for k in range(_WORDS):
        y = (state[k] & _U4(0x80000000)) | (state[(k + 1) % _WORDS] & _U4(0x7FFFFFFF))
        state[k] = state[(k + 397) % _WORDS] ^ (y >> _U4(1)) ^ ((y & _U4(1)) * _U4(0x9908B0DF))
    for k in range(_WORDS):
        y = state[k] ^ (state[k] >> _U4(11))
        y ^= (y << _U4(7)) & _U4(0x9D2C5680)
        y ^= (y << _U4(15)) & _U4(0xEFC60000)
        words[k] = y ^ (y >> _U4(18))


@numba.njit
def _one(state: Any, words: Any, at: int, vocabulary: int, size: int) -> bool:
    """Tell whether the id that stands at `at` is drawn."""
    for first in range(0, size, _WORDS):
        _draw(state, words)
        for i in range(first, min(first + _WORDS, size)):
            jump = i + words[i - first] % _U4(vocabulary - i)
            if jump == at:
                return True
            if i == at:
                at = jump
    return False


@numba.njit
def _several(state: Any, words: Any, holds: Any, size: int, found: Any) -> None:
    """Set `found` of every id that is drawn; holds [place]: which of them stands there, -1 = none."""
    for first in range(0, size, _WORDS):
        _draw(state, words)
        for i in range(first, min(first + _WORDS, size)):
            jump = i + words[i - first] % _U4(len(holds) - i)
            if holds[jump] >= 0:
                found[holds[jump]] = True
            holds[jump] = holds[i]


@numba.njit
def followed(seeds: Any, starts: Any, ids: Any, vocabulary: int, size: int) -> Any:
    """Return whether `ids` [pair] are drawn; those of seeds[s] stand from starts[s] to starts[s + 1]."""
    state, words = np.empty(_WORDS, _U4), np.empty(_WORDS, _U4)
    holds, found = np.full(vocabulary, -1), np.zeros(len(ids), np.bool_)
    for s in range(len(seeds)):
        _begin(state, seeds[s])
        start, end = starts[s], starts[s + 1]
        if end - start == 1:
            found[start] = _one(state, words, ids[start], vocabulary, size)
            continue
        for one in range(start, end):
            holds[ids[one]] = one
        _several(state, words, holds, size, found)
        holds[:] = -1
    return found
