"""Green lists: which tokens of a text are green under a key, and how surprising so many of them are.

    green(x_t) = x_t is among the first floor(ratio V) of a shuffle of V ids, the seed of which comes from key and text
    p = P(Bin(T, g) >= S),   g = floor(ratio V) / V,   S green ones of T distinct pairs of a seed and a token

    kgw-lefthash        seed = key * x_{t-1} mod (2^64 - 1)
    kgw-selfhash-hf     seed = min_i key * a_i * a_t mod (2^64 - 1), i = t-h+1 .. t, products wrapping at 64 bits;
                        a_i = 1 + F[x_i mod 1000003], F a shuffle of 1000003 numbers seeded with the key
    kgw-selfhash-lmw    the same, but F is seeded with 2971215073 under every key

Kirchenbauer et al. 2023 (arXiv 2301.10226, 2306.04634), as transformers (lefthash, selfhash-hf) and lm-watermarking
(selfhash-lmw) make it on a processor; of a seed only the low 32 bits matter. A pair of a seed and a token counts once a
text, as it has the same colour wherever it stands. So p holds over the draw of the key, for text that knows none of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from detectors.immutable import immutable
from detectors.provenance.text.scheme import Ids, Reading, joined, more_at_this_rate
from detectors.provenance.text.shuffle import Bools, Seeds, among_first, seeds_of, shuffled

__all__ = [
    "GreenLists", "Items", "LeftHashLists", "SelfHashHFLists", "SelfHashLMWLists", "colours_of_pairs", "green_pairs",
    "green_tail",
]

_HASHED, _LMW_SEED = 1_000_003, 2_971_215_073
"""How many numbers the hash of selfhash tells apart, and what seeds it in lm-watermarking."""


@immutable
class Items:
    """Distinct pairs of a seed and a token, in ascending order, and where each one counts."""

    seed: Seeds
    """[pair]"""
    token: Ids
    """[pair]"""
    place: Ids
    """Where a pair stands for the first time in a text, [scored], of the texts one behind the other."""
    text: Ids
    """Which text that is, [scored]."""
    pair: Ids
    """Which pair that is, [scored]."""


@immutable
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

    def colours(self, items: Items) -> Bools:
        """Return whether each pair of the items is green, [pair]."""
        return among_first(items.seed, items.token, self.vocabulary, self.size)

    def items(self, ids: Ids, text: Ids) -> Items:
        """Return what is scored in texts one behind the other; ids, text as in `seeds`."""
        place, seed = self.seeds(ids, text)
        code = seed * np.uint64(self.vocabulary) + ids[place].astype(np.uint64)
        pairs, pair = np.unique(code, return_inverse=True)
        first = np.unique(text[place] * len(pairs) + pair, return_index=True)[1]
        seed, token = (pairs // self.vocabulary).astype(np.uint32), (pairs % self.vocabulary).astype(np.int64)
        return Items(seed, token, place[first], text[place[first]], pair[first])

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a reading of each text, 1 a green token and 0 another; see `TextScheme`."""
        rows = [np.asarray(one) for one in texts]
        ids, text = joined(rows, self.vocabulary)
        items = self.items(ids, text)
        evidence = np.full(len(ids), np.nan)
        evidence[items.place] = self.colours(items)[items.pair]
        scored = np.bincount(items.text, minlength=len(rows))
        green = np.bincount(items.text, evidence[items.place], minlength=len(rows))
        each = np.split(evidence, np.cumsum([len(one) for one in rows])[:-1]) if rows else []
        facts = zip(scored.tolist(), green.tolist(), self.tail(green, scored).tolist(), each, strict=True)
        return [Reading(many, hits, self.share * many, p, tokens) for many, hits, p, tokens in facts]

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return P(Bin(scored, g) >= statistic); see `TextScheme`."""
        return green_tail(statistic, scored, self.share)

    def more_needed(self, reading: Reading, alpha: float) -> int | None:
        """Return how many more distinct pairs, green as often as those read, make the text found."""
        scored, green = max(reading.scored, 1), int(reading.statistic)

        def p_after(more: int) -> float:
            return float(self.tail(green + green * more // scored, reading.scored + more))

        grows = green > self.share * scored or reading.p_value <= alpha
        return more_at_this_rate(p_after, alpha) if grows else None


@immutable
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


@immutable
class SelfHashHFLists(GreenLists):
    """KGW with self hash, as transformers makes it: a token's own id is among those that choose its list.

    A window of one token makes it a fixed list of words; then p is of distinct ids.
    """

    context_width: int = 4
    """h, tokens of the window that hold a minimum, the token itself among them."""

    variant: ClassVar[str] = "kgw-selfhash-hf"

    def seeds(self, ids: Ids, text: Ids) -> tuple[Ids, Seeds]:
        """Return the places of the tokens that end a whole window, and their seeds."""
        before = self.context_width - 1
        place = before + np.flatnonzero(text[before:] == text[: len(text) - before])
        hashed = 1 + _hash_of(self._hash_seed)[ids % _HASHED]
        own = np.int64(self.hashing_key) * hashed[place]  # wraps, as torch does
        return place, seeds_of(np.min([own * hashed[place - back] for back in range(self.context_width)], axis=0))

    @property
    def _hash_seed(self) -> int:
        return self.hashing_key % 2**32


@immutable
class SelfHashLMWLists(SelfHashHFLists):
    """KGW with self hash, as lm-watermarking makes it: the same with a hash that knows nothing of the key."""

    variant: ClassVar[str] = "kgw-selfhash-lmw"

    @property
    def _hash_seed(self) -> int:
        return _LMW_SEED


@lru_cache(maxsize=4)
def _hash_of(seed: int) -> Ids:
    """Return the shuffled numbers that selfhash hashes ids with; kept, as it takes a tenth of a second."""
    return shuffled(seed, _HASHED)


def green_pairs(texts: Iterable[ArrayLike], lists: GreenLists) -> list[Bools]:
    """Return for each text whether its distinct pairs are green, [pair] in order of first appearance."""
    return [one.per_token[~np.isnan(one.per_token)].astype(bool) for one in lists.read(texts)]


def colours_of_pairs(before: Ids, after: Ids, lists: GreenLists) -> Bools:
    """Return whether each id is green after the one that stands before it in a text of these two, [pair].

    before, after [pair]: ids. Raises ValueError where nothing is scored in such a text.
    """
    items = lists.items(np.stack([before, after], axis=1).ravel(), np.repeat(np.arange(len(before)), 2))
    if not np.array_equal(items.text, np.arange(len(before))):
        raise ValueError(
            f"colours_of_pairs: got {len(before)} pairs of which {len(items.text)} are scored; allowed: all"
        )
    return lists.colours(items)[items.pair]


def green_tail(green: ArrayLike, pairs: ArrayLike, share: ArrayLike) -> NDArray[np.float64]:
    """Return P(Bin(pairs, share) >= green), the exact p-value of so many green pairs; NaN where there is no pair.

    Arguments broadcast. Small = more green than chance gives.
    """
    hits, trials, chance = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in (green, pairs, share)))
    tail = np.where(hits == 0, 1.0, betainc(np.maximum(hits, 1), trials - hits + 1, chance))
    return np.asarray(np.where(trials == 0, np.nan, tail))
