"""SynthID-Text: how many tournaments each token won under the keys, and how surprising that is.

    h       by h <- (h + x) a + 1 mod 2^64 for each id x              the hash of an n-gram, or of the context in it
    g_i     = one bit of h and key i                                  whether the token wins the tournament of layer i
    score   = sum over n-grams of sum_i w_i g_i / sum_i w_i           w falls from 10 to 1, or is the same for all
    p       = P(sum of T draws from the law of one n-gram >= score)

Dathathri et al. 2024 (Nature 634:818). An n-gram counts unless its context was met among the last ones of the text, as
generation leaves those unmarked, and, with `repeats` drop, only where its bits were not met in the text before.

    synthid-hf      transformers and the wheel synthid-text 0.2.1: bits from a table that is the same for all keys
    synthid-main    google-deepmind/synthid-text since: no table, the hash starts from the keys

They share no bit. The law is exact: of all rows of the table, or of fair bits; scores are whole numbers of the weights'
common unit, so nothing is rounded.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from detectors.immutable import immutable
from detectors.provenance.text.hashing import Hashes, accumulate, of_texts, run_hashes, steps_back
from detectors.provenance.text.scheme import Ids, Reading, joined, more_at_this_rate
from detectors.provenance.text.sums import SumLaw

__all__ = ["SynthIDMainScheme", "SynthIDScheme", "TournamentScheme"]

Bits = NDArray[np.uint8]
Ints = NDArray[np.int64]

_ONE = np.uint64(1)


@immutable
class TournamentScheme(ABC):
    """What both variants share; the names are those of transformers' `SynthIDTextWatermarkingConfig`."""

    vocabulary: int
    """How many logits the model has."""
    keys: tuple[int, ...]
    """One key for each layer of the tournament."""
    ngram_len: int = 5
    """Tokens of an n-gram: those of the context, and the one that is scored."""
    context_history_size: int = 1024
    """Contexts that are remembered."""
    weights: Literal["linear", "equal"] = "linear"
    """How much a layer counts: from 10 down to 1, or the same."""
    repeats: Literal["drop", "keep"] = "drop"
    """Whether n-grams with bits that the text has shown already are scored again, as the references do."""

    variant: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse what could mark nothing."""
        if not self.keys or not all(0 <= key < 2**63 for key in self.keys):
            raise ValueError("keys: got others; allowed: one or more of 0 to 2^63 - 1")
        if self.ngram_len < 2:
            raise ValueError(f"ngram_len: got {self.ngram_len}; allowed: 2 or more")
        if self.context_history_size < 1:
            raise ValueError(f"context_history_size: got {self.context_history_size}; allowed: 1 or more")

    @property
    @abstractmethod
    def start(self) -> int:
        """Return what every hash starts from."""

    @property
    @abstractmethod
    def law(self) -> SumLaw:
        """Return the law of the score of one n-gram without the mark, in units of the weights."""

    @abstractmethod
    def g_values(self, hashes: Hashes) -> Bits:
        """Return the bit of every layer, [..., layer], for the hashes of n-grams [...]."""

    @abstractmethod
    def sources(self, hashes: Hashes) -> Hashes:
        """Return what the bits of n-grams depend on, [ngram]."""

    @abstractmethod
    def scores(self, sources: Hashes) -> Ints:
        """Return the score of n-grams in units of the weights, [ngram]."""

    @cached_property
    def layers(self) -> Ints:
        """Return the weight of each layer in whole units, [layer]."""
        depth = len(self.keys)
        if self.weights == "equal" or depth == 1:
            return np.ones(depth, dtype=np.int64)
        return 10 * (depth - 1) - 9 * np.arange(depth)

    @cached_property
    def unit(self) -> int:
        """Return the sum of all weights: the score of an n-gram that wins every layer."""
        return int(self.layers.sum())

    def hashes(self, ids: Ids) -> tuple[Hashes, Hashes]:
        """Return the hashes of all contexts and of all n-grams of `ids` [token], both [ngram]."""
        context = run_hashes(ids[:-1], self.ngram_len - 1, self.start)
        ngram = context.copy()
        accumulate(ngram, ids[self.ngram_len - 1 :].astype(np.uint64))
        return context, ngram

    def fresh(self, context: Hashes, text: Ints) -> NDArray[np.bool_]:
        """Return whether a context is not among the last ones of its text, [ngram]; both arguments are [ngram].

        Histories begin as zeros, so a hash of zero is known until they are full.
        """
        back = steps_back(of_texts(context, text))
        known = (back > 0) & (back <= self.context_history_size)
        if not context.all():
            known |= (context == 0) & (np.arange(len(text)) - np.searchsorted(text, text) < self.context_history_size)
        return ~known

    def scored(self, ids: Ids, text: Ints) -> tuple[Ints, Ints]:
        """Return where the scored tokens stand, and the score of each in units of the weights, both [scored].

        ids, text [token]: texts one behind the other, and which one each token is of.
        """
        context, ngram = self.hashes(ids)
        inside = text[: len(context)] == text[self.ngram_len - 1 :][: len(context)]
        if not inside.all():
            context, ngram = context[inside], ngram[inside]
        place = np.flatnonzero(inside) + self.ngram_len - 1
        fresh = self.fresh(context, text[place])
        if not fresh.all():
            place, ngram = place[fresh], ngram[fresh]
        sources = self.sources(ngram)
        if self.repeats == "drop":
            first = steps_back(of_texts(sources, text[place])) == 0
            place, sources = place[first], sources[first]
        return place, self.scores(sources)

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a reading of each text: the weighted mean of a token's bits, and their sum; see `TextScheme`.

        `statistic / scored` is the weighted mean of the authors, with `repeats` keep to the last digit.
        """
        rows = [np.asarray(one) for one in texts]
        ids, text = joined(rows, self.vocabulary)
        place, score = self.scored(ids, text)
        evidence = np.full(len(ids), np.nan)
        evidence[place] = score / self.unit
        count = np.bincount(text[place], minlength=len(rows))
        total = np.bincount(text[place], score, minlength=len(rows)).astype(np.int64)
        each = np.split(evidence, np.cumsum([len(one) for one in rows])[:-1]) if rows else []
        facts = zip(count.tolist(), total.tolist(), self.law.tail(total, count).tolist(), each, strict=True)
        return [Reading(n, won / self.unit, n * self.expected, p, tokens) for n, won, p, tokens in facts]

    @property
    def expected(self) -> float:
        """Return the mean evidence of a token without the mark."""
        return self.law.mean / self.unit

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return P(sum of `scored` tokens' evidence >= statistic); see `TextScheme`."""
        return self.law.tail(np.ceil(np.asarray(statistic, dtype=float) * self.unit - 1e-6), scored)

    def more_needed(self, reading: Reading, alpha: float) -> int | None:
        """Return about how many more n-grams, with as much evidence as those read, make the text found."""
        if not reading.p_value > alpha:
            return 0 if reading.p_value <= alpha else None
        rate = reading.statistic / reading.scored
        away = (rate - self.expected) * self.unit / self.law.deviation

        def p_after(more: int) -> float:
            return float(ndtr(-away * np.sqrt(reading.scored + more))) if more else reading.p_value

        return more_at_this_rate(p_after, alpha) if away > 0 else None


@immutable
class SynthIDScheme(TournamentScheme):
    """SynthID as transformers 4.46 to 5 and synthid-text 0.2.1 make it.

    g_i = table[(h + key_i) a + 1 mod size]: only the low 16 bits of a hash count, so ids that differ by 65,536 are
    one and the same, and few n-grams of known bits are enough to forge the mark.
    """

    sampling_table_size: int = 1 << 16
    """Bits of the table, a power of two."""
    sampling_table_seed: int = 0
    """What the table is drawn from, by MT19937 as on a processor."""
    sampling_table: bytes = b""
    """The table itself, eight bits a byte, where it was drawn on a GPU, whose numbers are others."""

    variant: ClassVar[str] = "synthid-hf"

    def __post_init__(self) -> None:
        """Refuse tables of which the low bits of a hash do not tell the place."""
        super().__post_init__()
        size = self.sampling_table_size
        if size < 8 or size & (size - 1):
            raise ValueError(f"sampling_table_size: got {size}; allowed: powers of two, 8 or more")
        if self.sampling_table and len(self.sampling_table) * 8 != size:
            raise ValueError(f"sampling_table: got {8 * len(self.sampling_table)} bits; allowed: {size}")

    @property
    def start(self) -> int:
        """Return 1."""
        return 1

    @cached_property
    def law(self) -> SumLaw:
        """Return the law over all rows of the table."""
        return _table_law(self.keys, self.table, self.layers.tobytes())

    @property
    def table(self) -> bytes:
        """Return the bits, eight a byte."""
        return self.sampling_table or _drawn_table(self.sampling_table_seed, self.sampling_table_size)

    def sources(self, hashes: Hashes) -> Hashes:
        """Return the low bits of the hashes."""
        return hashes & np.uint64(self.sampling_table_size - 1)

    def g_values(self, hashes: Hashes) -> Bits:
        """Return the bits of the table."""
        return _rows(self.keys, self.table)[self.sources(hashes).astype(np.int64)]

    def scores(self, sources: Hashes) -> Ints:
        """Return the scores of rows."""
        return _row_scores(self.keys, self.table, self.layers.tobytes())[sources.astype(np.int64)]


@immutable
class SynthIDMainScheme(TournamentScheme):
    """SynthID as the main branch of google-deepmind/synthid-text makes it since November 2024: fair bits, no table."""

    variant: ClassVar[str] = "synthid-main"

    @cached_property
    def start(self) -> int:
        """Return the SHA-256 of the keys as a number below 2^63 - 1."""
        digest = hashlib.sha256(np.array(self.keys, dtype="<i8").tobytes()).digest()
        return int.from_bytes(digest, "big") % (2**63 - 1)

    @cached_property
    def law(self) -> SumLaw:
        """Return the law of a weighted sum of fair bits."""
        return _fair_law(self.layers.tobytes())

    def sources(self, hashes: Hashes) -> Hashes:
        """Return the hashes."""
        return hashes

    def g_values(self, hashes: Hashes) -> Bits:
        """Return the bits: hashed on twelve times, each time without the lowest five."""
        return np.stack([self._bits(hashes, key) for key in self.keys], axis=-1)

    def scores(self, sources: Hashes) -> Ints:
        """Return the scores, layer by layer, which bounds memory."""
        found = np.zeros(sources.shape, dtype=np.int64)
        for key, weight in zip(self.keys, self.layers.tolist(), strict=True):
            found += weight * self._bits(sources, key).astype(np.int64)
        return found

    @staticmethod
    def _bits(hashes: Hashes, key: int) -> Bits:
        state = hashes.copy()
        accumulate(state, np.uint64(key % 2**64))
        for _ in range(12):
            accumulate(state, _ONE)
            state = (state.view(np.int64) >> 5).view(np.uint64)
        return ((state >> np.uint64(30)) & _ONE).astype(np.uint8)


@lru_cache(maxsize=8)
def _drawn_table(seed: int, size: int) -> bytes:
    """Return the table that torch's generator draws on a processor."""
    draws = np.random.RandomState(seed % 2**32).randint(2**32, size=size, dtype=np.uint32)
    return np.packbits((draws & 1).astype(np.uint8)).tobytes()


@lru_cache(maxsize=8)
def _rows(keys: tuple[int, ...], table: bytes) -> Bits:
    """Return the bits [row, layer] of every value that the low bits of a hash can have."""
    bits = np.unpackbits(np.frombuffer(table, dtype=np.uint8))
    place = np.arange(len(bits), dtype=np.uint64)[:, None] + np.array([key % 2**64 for key in keys], dtype=np.uint64)
    accumulate(place, np.uint64(0))
    return bits[(place & np.uint64(len(bits) - 1)).astype(np.int64)]


@lru_cache(maxsize=8)
def _row_scores(keys: tuple[int, ...], table: bytes, layers: bytes) -> Ints:
    """Return the score of each row."""
    return np.asarray(_rows(keys, table) @ np.frombuffer(layers, dtype=np.int64), dtype=np.int64)


@lru_cache(maxsize=8)
def _table_law(keys: tuple[int, ...], table: bytes, layers: bytes) -> SumLaw:
    """Return the law of the score of a row that is drawn at random."""
    most = int(np.frombuffer(layers, dtype=np.int64).sum())
    return SumLaw(np.bincount(_row_scores(keys, table, layers), minlength=most + 1) / (8 * len(table)))


@lru_cache(maxsize=8)
def _fair_law(layers: bytes) -> SumLaw:
    """Return the law of a sum of weights, each in or out by a fair coin."""
    p = np.ones(1)
    for weight in np.frombuffer(layers, dtype=np.int64).tolist():
        p = (np.pad(p, (0, weight)) + np.pad(p, (weight, 0))) / 2
    return SumLaw(p)
