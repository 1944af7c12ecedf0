"""Green lists: which tokens of a text are green under a key, and how surprising so many of them are.

    green(x_t) = x_t is among the first floor(ratio V) of a shuffle of V ids, the seed of which comes from key and text
    p = P(Bin(T, g) >= S),   g = floor(ratio V) / V,   S green ones of T distinct pairs of a seed and a token

    kgw-lefthash        seed = key * x_{t-1} mod (2^64 - 1)

Kirchenbauer et al. 2023 (arXiv 2301.10226). The shuffle is the one that torch draws on a processor and transformers
marks with: forward Fisher-Yates on MT19937, of which only the first floor(ratio V) steps matter, and only the low 32
bits of a seed. A pair of a seed and a token counts once a text, as it has the same colour wherever it stands. So p
holds over the draw of the key, for text that knows nothing of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from detectors.provenance.text.reading import Ids, Reading, joined, more_at_this_rate

__all__ = ["GreenLists", "LeftHashLists", "green_pairs", "green_tail", "pairs_needed"]

Seeds = NDArray[np.uint32]
Steps = NDArray[np.uint32]
Bools = NDArray[np.bool_]

_BLOCK = 64
"""Tokens that are looked for at a time, to bound memory."""


@dataclass(frozen=True)
class GreenLists(ABC):
    """The green lists of one key; the names are those of transformers' `WatermarkingConfig`."""

    vocabulary: int
    """How many logits the model has, which may be more than its tokenizer has tokens."""
    greenlist_ratio: float
    hashing_key: int

    variant: ClassVar[str]

    @property
    def size(self) -> int:
        """Return how many ids each list holds."""
        return int(self.vocabulary * self.greenlist_ratio)

    @property
    def share(self) -> float:
        """Return g, the chance of a token to be green."""
        return self.size / self.vocabulary

    @abstractmethod
    def seeds(self, ids: Ids, text: Ids) -> tuple[Ids, Seeds]:
        """Return the places [scored] of the tokens that have a list, and the seed of each one's list.

        ids, text [token]: texts one behind the other, and which one each token is of.
        """
        raise NotImplementedError

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a reading of each text, 1 a green token and 0 another; see `TextScheme`."""
        rows = [np.asarray(one) for one in texts]
        ids, text = joined(rows, self.vocabulary)
        place, seed = self.seeds(ids, text)
        pairs, code = np.unique(_code(seed, ids[place], self.vocabulary), return_inverse=True)
        first = np.unique(text[place] * len(pairs) + code, return_index=True)[1]
        evidence = np.full(len(ids), np.nan)
        evidence[place[first]] = _colours(pairs // self.vocabulary, pairs % self.vocabulary, self)[code[first]]
        scored = np.bincount(text[place[first]], minlength=len(rows))
        green = np.bincount(text[place[first]], evidence[place[first]], minlength=len(rows))
        each = np.split(evidence, np.cumsum([len(one) for one in rows])[:-1]) if rows else []
        facts = zip(scored.tolist(), green.tolist(), self.tail(green, scored).tolist(), each, strict=True)
        return [Reading(items, hits, self.share * items, p, tokens) for items, hits, p, tokens in facts]

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return P(Bin(scored, g) >= statistic); see `TextScheme`."""
        return green_tail(statistic, scored, self.share)

    def more_needed(self, reading: Reading, alpha: float) -> int | None:
        """Return how many more distinct pairs, green as often as those read, make the text found."""
        rate = reading.statistic / max(reading.scored, 1)

        def p_after(more: int) -> float:
            return float(self.tail(np.floor(reading.statistic + rate * more), reading.scored + more))

        return more_at_this_rate(p_after, alpha) if rate > self.share or reading.p_value <= alpha else None


@dataclass(frozen=True)
class LeftHashLists(GreenLists):
    """KGW with left hash, as transformers and lm-watermarking make it.

    Tokens after id 0 are left out: they have the same colour under every key.
    """

    variant: ClassVar[str] = "kgw-lefthash"

    def seeds(self, ids: Ids, text: Ids) -> tuple[Ids, Seeds]:
        """Return the places of the tokens that another id than 0 stands before, and their seeds."""
        place = 1 + np.flatnonzero((text[1:] == text[:-1]) & (ids[:-1] != 0))
        before, code = np.unique(ids[place - 1], return_inverse=True)
        seeds = [self.hashing_key * one % (2**64 - 1) % 2**32 for one in before.tolist()]
        return place, np.array(seeds, dtype=np.uint32)[code]


def green_pairs(texts: Iterable[ArrayLike], lists: GreenLists) -> list[Bools]:
    """Return for each text whether its distinct pairs are green, [pair] in order of first appearance."""
    return [one.per_token[~np.isnan(one.per_token)].astype(bool) for one in lists.read(texts)]


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


def _code(seed: Seeds, token: Ids, vocabulary: int) -> NDArray[np.uint64]:
    """Return one number for each pair of a seed and a token."""
    return seed * np.uint64(vocabulary) + token.astype(np.uint64)


def _colours(seed: NDArray[np.uint64], token: NDArray[np.uint64], lists: GreenLists) -> Bools:
    """Return whether each `token` [pair] is green in the list of `seed` [pair], which ascends."""
    different, starts = np.unique(seed, return_index=True)
    source = np.random.RandomState()  # the frozen MT19937, which torch seeds in the same way
    steps = np.arange(lists.size, dtype=np.uint32)
    left = lists.vocabulary - steps
    green = [np.empty(0, dtype=bool)]
    for one, tokens in zip(different.tolist(), np.split(token.astype(np.uint32), starts[1:]), strict=False):
        source.seed(one)
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
