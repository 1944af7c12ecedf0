"""Where tokens stand in their text, to the byte: the spans of a text's tokens fill it without gap or overlap.

A tokenizer says where a token ends in characters. What it leaves out, such as blanks, belongs to the next token, and to
the last one at the end of the text. Tokens that end in one character, as the parts of an emoji do, share its bytes as
they spell them, and in proportion where they spell something else (a normalised form).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["byte_ends", "byte_starts", "characters", "spelled_bytes"]

Ints = NDArray[np.int64]


def byte_starts(text: str) -> Ints:
    """Return where each character starts in UTF-8, and where the text ends, [character + 1]."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def spelled_bytes(tokens: Sequence[str]) -> Ints:
    """Return how many bytes tokens stand for as vocabularies write them, where one letter, or <0xE2>, is one byte.

    In other vocabularies, the number of letters.
    """
    sizes = [1 if token.startswith("<0x") and token.endswith(">") else len(token) for token in tokens]
    return np.array(sizes, dtype=np.int64)


def byte_ends(starts: Ints, spans: ArrayLike, spelled: ArrayLike) -> Ints:
    """Return where each token ends in UTF-8, [token], ascending, the last at the end of the text.

    starts: of the characters, as from `byte_starts`. spans: the tokenizer's own, in characters, [token, 2]; a token
    that is none of the text, such as a start token, is empty. spelled: bytes of each token.
    """
    first, last = np.asarray(spans, dtype=np.int64).reshape(-1, 2).T
    weights = np.where(last > first, np.asarray(spelled), 0)
    if not len(weights):
        return np.zeros(0, np.int64)
    if not weights.any():
        weights[-1] = 1
    ends = np.maximum.accumulate(np.where(weights > 0, starts[last], 0))
    ends[np.flatnonzero(weights)[-1] :] = starts[-1]
    run = np.flatnonzero(np.diff(ends, prepend=-1))  # the first token of those that end in one character
    of = np.cumsum(np.diff(ends, prepend=-1) != 0) - 1
    begin = np.concatenate([[0], ends[run][:-1]])[of]
    total = np.add.reduceat(weights, run)
    before = (np.cumsum(total) - total)[of]
    share = (np.cumsum(weights) - before) / np.maximum(total, 1)[of]
    return np.asarray(begin + np.rint((ends - begin) * share), dtype=np.int64)


def characters(starts: Ints, byte_spans: Ints) -> Ints:
    """Return the characters [token, 2] that spans of bytes [token, 2] touch; an empty one touches none."""
    first, last = byte_spans.T
    low, high = np.searchsorted(starts, first, "right") - 1, np.searchsorted(starts, last, "left")
    return np.stack([low, np.maximum(low, high)], axis=1)
