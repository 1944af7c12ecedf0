"""KGW's green lists with left hash: which tokens of a text are green under a key, and how surprising that is.

    green(x_t) = x_t is among the first floor(ratio V) of a shuffle of V ids seeded with key * x_{t-1}
    p = P(Bin(T, g) >= S),   g = floor(ratio V) / V,   S green ones of T distinct pairs (x_{t-1}, x_t)

Kirchenbauer et al. 2023 (arXiv 2301.10226). The shuffle is the one that torch draws on a processor and transformers
marks with: forward Fisher-Yates on MT19937, of which only the first floor(ratio V) steps matter. A pair counts once a
text, as the same pair has the same colour wherever it stands. So p holds over the draw of the key, for text that knows
nothing of it. Pairs after id 0 are left out: they have the same colour under every key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

__all__ = ["GreenLists", "green_pairs", "green_tail", "pairs_needed"]

Ints = NDArray[np.int64]
Steps = NDArray[np.uint32]
Bools = NDArray[np.bool_]

_BLOCK = 64
"""Tokens that are looked for at a time, to bound memory."""


@dataclass(frozen=True)
class GreenLists:
    """The green lists of one key; the names are those of transformers' `WatermarkingConfig`."""

    vocabulary: int
    """How many logits the model has, which may be more than its tokenizer has tokens."""
    greenlist_ratio: float
    hashing_key: int

    @property
    def size(self) -> int:
        """Return how many ids each list holds."""
        return int(self.vocabulary * self.greenlist_ratio)

    @property
    def share(self) -> float:
        """Return g, the chance of a token to be green."""
        return self.size / self.vocabulary


def green_pairs(texts: Iterable[ArrayLike], lists: GreenLists) -> list[Bools]:
    """Return for each text whether its distinct pairs are green, [pair] in order of first appearance.

    texts: token ids [token] of each. The colours are those of transformers' `WatermarkDetector` with `lefthash` and
    `context_width` 1. Raises ValueError for an id outside the vocabulary.
    """
    rows = [np.asarray(ids, dtype=np.int64) for ids in texts]
    flat = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    text = np.repeat(np.arange(len(rows)), [len(ids) for ids in rows])
    if flat.size and not 0 <= flat.min() <= flat.max() < lists.vocabulary:
        raise ValueError(f"green_pairs: got ids {flat.min()} to {flat.max()}; allowed: 0 to {lists.vocabulary - 1}")
    kept = np.flatnonzero((text[1:] == text[:-1]) & (flat[:-1] != 0))
    text = text[kept]
    pairs, code = np.unique(flat[kept] * lists.vocabulary + flat[kept + 1], return_inverse=True)
    first = np.sort(np.unique(text * len(pairs) + code, return_index=True)[1])
    green = _colours(pairs // lists.vocabulary, pairs % lists.vocabulary, lists)
    return np.split(green[code[first]], np.searchsorted(text[first], np.arange(1, len(rows))))[: len(rows)]


def green_tail(green: ArrayLike, pairs: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Return P(Bin(pairs, share) >= green), the exact p-value of so many green pairs; NaN where there is no pair.

    Arguments broadcast. Small = more green than chance gives.
    """
    hits, trials, chance = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in (green, pairs, share)))
    tail = np.where(hits == 0, 1.0, betainc(np.maximum(hits, 1), trials - hits + 1, chance))
    return np.asarray(np.where(trials == 0, np.nan, tail))


def pairs_needed(green: ArrayLike, share: float, alpha: float) -> float:
    """Return after how many distinct pairs a text's p-value is at most `alpha` and stays so; NaN where it is not.

    green [pair]: colours in order of appearance.
    """
    colours = np.asarray(green, dtype=float)
    p = green_tail(colours.cumsum(), np.arange(1, len(colours) + 1), share)
    above = np.flatnonzero(p > alpha)
    needed = above[-1] + 2 if above.size else 1
    return float(needed) if needed <= len(colours) else float("nan")


def _colours(before: Ints, token: Ints, lists: GreenLists) -> Bools:
    """Return whether each `token` [pair] is green after `before` [pair], which ascends."""
    contexts, starts = np.unique(before, return_index=True)
    source = np.random.RandomState()  # the frozen MT19937, which torch seeds in the same way
    steps = np.arange(lists.size, dtype=np.uint32)
    left = lists.vocabulary - steps
    green = [np.empty(0, dtype=bool)]
    for context, tokens in zip(contexts.tolist(), np.split(token.astype(np.uint32), starts[1:]), strict=False):
        source.seed(lists.hashing_key * context % (2**64 - 1) % 2**32)
        jumps = source.randint(2**32, size=lists.size, dtype=np.uint32)
        np.remainder(jumps, left, out=jumps)
        jumps += steps
        green += [_drawn(tokens[i : i + _BLOCK], jumps) for i in range(0, len(tokens), _BLOCK)]
    return np.concatenate(green)


def _drawn(tokens: Steps, jumps: Steps) -> Bools:
    """Return whether each token [token] ends in the first places of the shuffle that swaps i and jumps[i] in turn.

    A token is drawn, for good, by the step that jumps to where it stands; while none does, it stands still until the
    step of its own place, with which it moves to where that step jumps.
    """
    drawn: Bools = (jumps == tokens[:, None]).any(axis=1)
    going = np.flatnonzero(~drawn & (tokens < len(jumps)))
    moved = tokens[going]
    while going.size:
        place, later = jumps[moved], np.arange(len(jumps)) > moved[:, None]
        drawn[going] = ((jumps == place[:, None]) & later).any(1)
        stays = drawn[going] | (place >= len(jumps))
        going, moved = going[~stays], place[~stays]
    return drawn
