"""A marked passage in a longer text, and texts that are read while they come.

    scan     windows of the scored tokens, in lengths of half an octave, each an eighth of its length after the last
             p = M (1 - (1 - min p_w)^n)                        n windows, M messages (1 of a mark without any)
    stream   E_t = sum_s w_s prod_{i=s}^{t} [x_i q/m + (1 - x_i) (1 - q)/(1 - m)]     m the mean without the mark

The correction is valid though windows overlap: their sums rise with each of the independent items, so they are
associated, and P(no sum is large) >= the product of P(one sum is not large) (Esary, Proschan & Walkup 1967). A stream
begins with capital 1, which it bets from a start that is not known, and shares out among messages where there are some:
E_t ever reaches 1/alpha with probability alpha at most (Ville), so it may be looked at after every token; see
`detectors.sequential`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.immutable import immutable
from detectors.provenance.text.scheme import Reading, TextScheme
from detectors.provenance.text.shifted import MessageReading, ShiftedLists
from detectors.sequential import bets_against

__all__ = ["Passage", "Stream", "bounded", "scan"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SHORTEST = 24
"""Scored tokens of the shortest window."""
_PACE = 8
"""Windows that begin within the length of one."""


@immutable
class Passage:
    """The window of a text that speaks most for the mark."""

    first: int
    """Place of its first scored token in the text."""
    last: int
    """Place of its last one."""
    scored: int
    """How many tokens of it are scored."""
    statistic: float
    """Their evidence."""
    window_p_value: float
    """The p-value of the window alone, as if no other had been looked at."""
    windows: int
    """How many windows were looked at."""
    p_value: float
    """That some window speaks so much for the mark without it."""
    message: int | None = None
    """Of a mark that carries one, the message that fits the window best."""


def scan(scheme: TextScheme, reading: Reading) -> Passage | None:
    """Return the most surprising window of a text; None where nothing in it is scored.

    reading: by `scheme`, with evidence that adds up to its statistic.
    """
    place = np.flatnonzero(~np.isnan(reading.per_token))
    if not len(place):
        return None
    starts, lengths = _windows(len(place))
    statistics, messages, tried = _of_windows(scheme, reading, starts, lengths)
    p = scheme.tail(statistics, lengths)
    best = int(np.argmin(p))
    first, length = int(starts[best]), int(lengths[best])
    corrected = 1.0 if p[best] >= 1 else min(1.0, float(-tried * np.expm1(len(p) * np.log1p(-p[best] / tried))))
    ends, evidence = (int(place[first]), int(place[first + length - 1])), float(statistics[best])
    message = None if messages is None else int(messages[best])
    return Passage(*ends, length, evidence, float(p[best]), len(p), corrected, message)


def _of_windows(
    scheme: TextScheme, reading: Reading, starts: Ints, lengths: Ints
) -> tuple[NDArray[Any], Ints | None, int]:
    """Return the evidence in each window, the message that it is for, if any, and how many there are."""
    if isinstance(scheme, ShiftedLists) and isinstance(reading, MessageReading):
        return *scheme.of_windows(reading, starts, lengths), scheme.messages
    sums = np.concatenate([[0.0], np.cumsum(reading.per_token[~np.isnan(reading.per_token)])])
    return sums[starts + lengths] - sums[starts], None, 1


def _windows(tokens: int) -> tuple[Ints, Ints]:
    """Return start and length of each window of so many scored tokens; the last is of all of them."""
    starts, lengths, length = [], [], float(_SHORTEST)
    while (whole := round(length)) < tokens:
        begins = np.unique(np.append(np.arange(0, tokens - whole, max(whole // _PACE, 1)), tokens - whole))
        starts.append(begins)
        lengths.append(np.full(len(begins), whole))
        length *= 2**0.5
    return np.concatenate([*starts, [0]]), np.concatenate([*lengths, [tokens]])


def bounded(scheme: TextScheme, reading: Reading) -> tuple[Floats, float]:
    """Return the evidence of the scored tokens in [0, 1], [scored], and its mean without the mark, or a bound of it.

    Of a mark that carries a message that is under each of them, [scored, message].

    Where evidence has no greatest value, as that of clocks, whose mean is 1, it is P(evidence of one token < this).
    """
    x = reading.per_token[~np.isnan(reading.per_token)]
    if isinstance(scheme, ShiftedLists) and isinstance(reading, MessageReading):
        return scheme.evidence(reading).astype(float), scheme.share
    if reading.expected >= reading.scored:
        return 1 - scheme.tail(x, np.ones(len(x))), 0.5
    return x, reading.expected / reading.scored


class Stream:
    """Watches the tokens of a text for a mark that may begin anywhere; `log_capital` >= log(1 / alpha) finds it."""

    def __init__(self, mean: float) -> None:
        """mean: that of a token's evidence without the mark; raises ValueError outside (0, 1)."""
        if not 0 < mean < 1:
            raise ValueError(f"Stream: got mean {mean}; allowed: between 0 and 1, both excluded")
        self.mean, self.seen = mean, 0
        self.log_capital = 0.0
        """Log of E_t now."""
        self._grown: Floats | None = None
        self._started: Floats | None = None

    def update(self, evidence: ArrayLike) -> Floats:
        """Take the evidence of the next scored tokens, in [0, 1], and return log E after each of them.

        evidence [batch], or [batch, message] where any of some messages may be there (`ShiftedLists.evidence`).
        """
        x = np.asarray(evidence, dtype=float)
        if not len(x):
            return np.empty(0)
        growth, shares = bets_against(x.ravel(), self.mean)
        messages = x.size // len(x)
        growth, shares = growth.reshape(len(x), -1), np.tile(shares / messages, messages)
        start = self.seen + np.arange(len(growth))
        grown = np.cumsum(growth, axis=0) + (0 if self._grown is None else self._grown)
        before = np.vstack([grown[:1] - growth[:1], grown[:-1]])
        started = -np.log((start + 1.0) * (start + 2))[:, None] - before
        if self._started is not None:
            started = np.vstack([self._started, started])
        started = np.logaddexp.accumulate(started, axis=0)[-len(growth) :]
        self._grown, self._started, self.seen = grown[-1], started[-1], self.seen + len(growth)
        playing = np.logaddexp.reduce(grown + started + np.log(shares), axis=1)
        found = np.logaddexp(playing, -np.log(start + 2.0))
        self.log_capital = float(found[-1])
        return np.asarray(found)
