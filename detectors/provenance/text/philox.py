"""Keyed random numbers of a context and a token, by Philox4x32-10 (Salmon et al. 2011, doi 10.1145/2063384.2063405).

    state <- Philox(state XOR next four ids of the context)         from a constant and the length of the context
    words <- Philox(token, state)                                   several tokens share one call, a word or two each

In 32-bit words, as vLLM's `philox4x32-10-v1` chains them: one token then costs no more than one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Words", "context_state", "philox", "token_words"]

Words = NDArray[np.uint64]
"""32-bit words in 64 bits, so that products are whole."""
Block = tuple[Words, Words, Words, Words]

_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_CONTEXT, _TOKEN = 0x574D4358, np.uint64(0x574D544B)


def philox(counter: Block, key: tuple[Words | np.uint64, Words | np.uint64]) -> Block:
    """Return the four words of Philox4x32-10 for a counter and a key; words broadcast."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (second >> _HIGH) ^ c1 ^ k0, second & _LOW, (first >> _HIGH) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def context_state(contexts: NDArray[np.int64], key: int) -> Block:
    """Return the state of contexts [..., width], four words [...], under a key of 64 bits; -1 = no token there."""
    width = contexts.shape[-1]
    ids = contexts.astype(np.uint64) & _LOW
    k0, k1 = _halves(key)
    fixed = np.zeros(contexts.shape[:-1], dtype=np.uint64)
    state = fixed + np.uint64(_CONTEXT), fixed + np.uint64(width), fixed, fixed
    for start in range(0, width, 4):
        block = [ids[..., i] if i < width else _LOW - np.uint64(i - start) for i in range(start, start + 4)]
        c0, c1, c2, c3 = (word ^ given for word, given in zip(state, block, strict=True))
        state = philox((c0, c1, c2, c3), (k0 ^ np.uint64(start), k1))
    return state


def token_words(state: Block, tokens: NDArray[np.int64], key: int, *, each: int) -> Words:
    """Return `each` (1 or 2) words for every token, [..., each]; those of the state broadcast against the tokens."""
    given, shared = tokens.astype(np.uint64) & _LOW, 4 // each
    k0, k1 = _halves(key)
    words = np.stack(philox((given // np.uint64(shared), *state[:3]), (k0 ^ state[3], k1 ^ _TOKEN)), axis=-1)
    place = (given % np.uint64(shared)).astype(np.int64)[..., None] * each + np.arange(each)
    return np.take_along_axis(words, place, axis=-1)


def _halves(key: int) -> tuple[np.uint64, np.uint64]:
    return np.uint64(key & 0xFFFFFFFF), np.uint64(key >> 32)
