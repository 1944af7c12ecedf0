"""The Gumbel mark: the token that wins a race of keyed exponential clocks is the one that is drawn.

    x_t = argmax_v u_v^(1/p_v),   u_v = F_key(last ids, v) uniform on (0, 1)          a draw from p, if u is
    S   = sum -ln(1 - u_x),       p-value = P(Gamma(T, 1) >= S)                       T distinct contexts

Aaronson 2022; the exponential form of the Gumbel-max trick. The same context has the same numbers, so it counts once a
text, where it stands first.

    gumbel          two words of Philox a token, u of 53 bits, the key of any length by SHA-256
    gumbel-vllm     vLLM's, version philox4x32-10-v1: one word a token, u of 24 bits, a key of 64 bits

vLLM may draw with either of two keys, for speculative decoding; then S = sum (1 - a) S_A + a S_B, and the p-value is
that of a sum of two gamma variables, exactly:

    P((1 - a) X + a Y >= S) = P(Y >= S/a) + int_0^{S/a} gamma(y; T) Q(T, (S - a y) / (1 - a)) dy
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammaln, xlogy

from detectors.immutable import immutable
from detectors.provenance.text.hashing import accumulate, of_texts, steps_back
from detectors.provenance.text.philox import Block, context_state, token_words
from detectors.provenance.text.scheme import Ids, Reading, joined, more_at_this_rate

__all__ = ["ContextScheme", "GumbelScheme", "VLLMGumbelScheme", "two_key_tail", "uniforms"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NODES = 64
_REACH = 10.0
"""Standard deviations from its centre at which an integrand is nothing, in double precision."""


@immutable
class ContextScheme(ABC):
    """Marks whose evidence is a function of a keyed uniform number of the context and the token."""

    vocabulary: int
    """How many logits the model has."""
    key: int
    """The secret number, 0 or more."""
    context_width: int = 4
    """How many ids before a token its numbers depend on."""

    variant: ClassVar[str]
    partial: ClassVar[bool] = False
    """Whether tokens count before which fewer ids stand; the others are -1 then."""
    expected: ClassVar[float]
    """Mean evidence of a token without the mark."""

    def __post_init__(self) -> None:
        """Refuse what could mark nothing."""
        if self.key < 0:
            raise ValueError("key: got a number below 0; allowed: 0 or more")
        if self.context_width < 1:
            raise ValueError(f"context_width: got {self.context_width}; allowed: 1 or more")

    @abstractmethod
    def evidence(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return the evidence of tokens [place] after contexts [place, width]."""

    @abstractmethod
    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> Floats:
        """Return P(sum of the evidence of `scored` tokens >= statistic); see `TextScheme`."""

    def first_contexts(self, ids: Ids, text: Ints) -> tuple[Ints, Ids]:
        """Return where the scored tokens stand, [scored], and the contexts before them, [scored, width].

        ids, text [token]: texts one behind the other, and which one each token is of.
        """
        before = np.arange(len(ids))[:, None] - np.arange(self.context_width, 0, -1)
        there = before >= np.searchsorted(text, text)[:, None]
        contexts = np.where(there, ids[np.maximum(before, 0)], -1)
        place = np.flatnonzero(there[:, 0] | self.partial)
        codes = np.ones(len(place), dtype=np.uint64)
        for column in contexts[place].T:
            accumulate(codes, column.astype(np.uint64))
        place = place[steps_back(of_texts(codes, text[place])) == 0]
        return place, contexts[place]

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a reading of each text; see `TextScheme`."""
        rows = [np.asarray(one) for one in texts]
        ids, text = joined(rows, self.vocabulary)
        place, contexts = self.first_contexts(ids, text)
        evidence = np.full(len(ids), np.nan)
        evidence[place] = self.evidence(contexts, ids[place])
        count = np.bincount(text[place], minlength=len(rows))
        total = np.bincount(text[place], evidence[place], minlength=len(rows))
        each = np.split(evidence, np.cumsum([len(one) for one in rows])[:-1]) if rows else []
        facts = zip(count.tolist(), total.tolist(), self.tail(total, count).tolist(), each, strict=True)
        return [Reading(n, float(found), n * self.expected, p, tokens) for n, found, p, tokens in facts]

    def more_needed(self, reading: Reading, alpha: float) -> int | None:
        """Return about how many more tokens, with as much evidence as those read, make the text found."""
        if not reading.p_value > alpha:
            return 0 if reading.p_value <= alpha else None
        rate = reading.statistic / reading.scored

        def p_after(more: int) -> float:
            return float(self.tail(reading.statistic + rate * more, reading.scored + more))

        return more_at_this_rate(p_after, alpha) if rate > self.expected else None


@immutable
class GumbelScheme(ContextScheme):
    """Our own Gumbel mark: Philox under a key of any length."""

    variant: ClassVar[str] = "gumbel"
    expected: ClassVar[float] = 1.0

    def uniforms(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return u for tokens [place, candidate] after contexts [place, width]."""
        return uniforms(self.variant, self.key, contexts, tokens)

    def evidence(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return -ln(1 - u)."""
        return -np.log1p(-self.uniforms(contexts, tokens[:, None])[:, 0])

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> Floats:
        """Return Q(scored, statistic), the gamma tail."""
        return _gamma_tail(np.asarray(scored, dtype=float), np.asarray(statistic, dtype=float))


@immutable
class VLLMGumbelScheme(ContextScheme):
    """vLLM's Gumbel mark, with one key or two; what it scores is what its detectors score."""

    alpha: float | None = None
    """Share of the tokens that the second key draws, as vLLM's `alpha`; absent = one key (vLLM's `gumbel`)."""

    variant: ClassVar[str] = "gumbel-vllm"
    partial: ClassVar[bool] = True
    expected: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        """Refuse keys that vLLM refuses."""
        super().__post_init__()
        if self.key >= 2**64:
            raise ValueError("key: got more than 64 bits; allowed: 64 bits")
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha: got {self.alpha}; allowed: 0 to 1")

    @cached_property
    def keys(self) -> tuple[tuple[int, float], ...]:
        """Return the numbers that draw, and how much the evidence under each counts."""
        if self.alpha is None:
            return ((self.key, 1.0),)
        pair = [hashlib.sha256(domain + self.key.to_bytes(8, "big")).digest() for domain in (b"key_a", b"key_b")]
        first, second = (int.from_bytes(digest[:8], "big") for digest in pair)
        return (first, 1 - self.alpha), (second, self.alpha)

    @staticmethod
    def uniforms(key: int, contexts: Ids, tokens: Ids) -> Floats:
        """Return u under one of `keys` for tokens [place, candidate] after contexts [place, width]."""
        state = context_state(contexts, key)
        words = token_words(_beside(state), tokens, key, each=1)[..., 0]
        return (((words >> np.uint64(8)).astype(float) + 1) / (2**24 + 1)).astype(np.float32).astype(float)

    def evidence(self, contexts: Ids, tokens: Ids) -> Floats:
        """Return -ln(1 - u), the mean of those under both keys by their shares."""
        found = np.zeros(len(tokens))
        for key, share in self.keys:
            found -= share * np.log1p(-self.uniforms(key, contexts, tokens[:, None])[:, 0])
        return found

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> Floats:
        """Return the gamma tail, or that of two gamma variables."""
        return two_key_tail(statistic, scored, self.alpha or 0.0)


def uniforms(variant: str, key: int, contexts: Ids, tokens: Ids) -> Floats:
    """Return numbers in (0, 1) of 53 bits for tokens [place, candidate] after contexts [place, width].

    `variant` and `key` together are the secret: SHA-256 makes 128 bits of them, 64 for contexts and 64 for tokens.
    """
    digest = hashlib.sha256(f"{variant}-v1:{key}".encode()).digest()
    for_contexts, for_tokens = (int.from_bytes(digest[i : i + 8], "big") for i in (0, 8))
    words = token_words(_beside(context_state(contexts, for_contexts)), tokens, for_tokens, each=2)
    whole = (words[..., 0] << np.uint64(21)) | (words[..., 1] >> np.uint64(11))
    return (whole.astype(float) + 0.5) * 2.0**-53


def two_key_tail(statistic: ArrayLike, scored: ArrayLike, alpha: float) -> Floats:
    """Return P((1 - alpha) X + alpha Y >= statistic), X and Y Gamma(scored, 1); they broadcast, NaN for none scored.

    By Gauss and Legendre, where the integrand is not nothing.
    """
    s, n = np.broadcast_arrays(np.asarray(statistic, dtype=float), np.asarray(scored, dtype=float))
    if alpha in (0.0, 1.0):
        return _gamma_tail(n, s)
    share = min(alpha, 1 - alpha)
    some = (n > 0) & (s > 0)
    found = np.where(n > 0, 1.0, np.nan)
    if some.any():
        found[some] = _beyond(s[some], n[some], share)
    return found


def _beyond(s: Floats, n: Floats, share: float) -> Floats:
    """Return the tail of `two_key_tail` for sums and counts above 0, [item]; share: the smaller weight.

    Given a sum near s, Y is near a gamma variable of scale 1 / (1 - share tilt), where `tilt` moves the mean of the sum
    to s: n (1 - share) / (1 - (1 - share) tilt) + n share / (1 - share tilt) = s.
    """
    product = share * (1 - share)
    half = (s - 2 * n * product) / (2 * product * s)  # product s tilt^2 - (s - 2 n product) tilt + s - n = 0
    tilt = np.maximum(half - np.sqrt(np.maximum(half**2 - (s - n) / (product * s), 0)), 0)
    scale, end = 1 / (1 - share * tilt), s / share
    reach = _REACH * np.sqrt(n)
    low = np.maximum(scale * (n - reach), 0)
    high = np.minimum(scale * (n + reach + _REACH**2 / 4), end)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    y = (high + low)[:, None] / 2 + (high - low)[:, None] / 2 * nodes
    with np.errstate(divide="ignore"):
        rest = np.log(gammaincc(n[:, None], (s[:, None] - share * y) / (1 - share)))
    density = np.exp(xlogy(n[:, None] - 1, y) - y - gammaln(n)[:, None] + rest)
    return np.asarray(np.clip((density @ weights) * (high - low) / 2 + gammaincc(n, end), 0, 1))


def _gamma_tail(n: Floats, s: Floats) -> Floats:
    """Return Q(n, s); NaN for n = 0."""
    return np.asarray(np.where(n > 0, gammaincc(np.maximum(n, 1), np.maximum(s, 0)), np.nan))


def _beside(state: Block) -> Block:
    """Return the words of states [place] so that they broadcast against candidates, [place, 1]."""
    c0, c1, c2, c3 = (word[:, None] for word in state)
    return c0, c1, c2, c3
