"""Green lists that carry a number: the message turns them, so that reading finds which turn fits.

    green_m(x_t) = x_t - m mod V is green under kgw-lefthash            m = 0 .. M - 1, the message
    S = max_m S_m,   p = min(1, M P(Bin(T, g) >= S))                    T distinct pairs of a seed and a token

Cyclic shifts after Fernandez et al. 2023 (arXiv 2308.00113); message 0 is kgw-lefthash itself. That M messages are
tried is paid for by the union bound, which needs no independence and is never below 1 - (1 - p)^M.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.immutable import immutable
from detectors.provenance.text.green import Items, LeftHashLists, green_tail
from detectors.provenance.text.scheme import Ids, Reading, joined
from detectors.provenance.text.shuffle import Bools, Seeds, first_ids_of

__all__ = ["MessageReading", "ShiftedLists"]

_CELLS = 1 << 26
"""Colours, of pairs under messages, that are held at a time."""


@immutable
class MessageReading(Reading):
    """What one text shows under one key, by the message that fits it best."""

    message: int | None
    """The least of those that fit best; None where nothing is scored. It means nothing where the mark is not found."""
    tried: int
    """How many messages there are, which the p-value pays for."""
    seed: Seeds
    """The seed of each scored item, [scored], in their order; `ShiftedLists.evidence` makes them colours."""
    token: Ids
    """Its token."""


@immutable
class ShiftedLists(LeftHashLists):
    """The green lists of one key, each turned in as many ways as there are messages."""

    messages: int = 256

    variant: ClassVar[str] = "kgw-shift"

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a `MessageReading` of each text; `statistic` and `per_token` are those of the message it tells."""
        rows = [np.asarray(one) for one in texts]
        ids, text = joined(rows, self.vocabulary)
        items = self.items(ids, text)
        best, green = self._best(items, len(rows))
        evidence = np.full(len(ids), np.nan)
        evidence[items.place] = green
        scored = np.bincount(items.text, minlength=len(rows))
        ends, cuts = np.cumsum([0, *map(len, rows)]), np.cumsum([0, *scored])
        pair = items.pair[np.argsort(items.place)]
        counts = np.bincount(items.text, green, minlength=len(rows))
        p = self.tail(counts, scored)
        return [
            MessageReading(
                int(scored[i]), float(counts[i]), _expected(self.messages, self.share, int(scored[i])), float(p[i]),
                evidence[ends[i] : ends[i + 1]], int(best[i]) if scored[i] else None, self.messages,
                items.seed[pair[cuts[i] : cuts[i + 1]]], items.token[pair[cuts[i] : cuts[i + 1]]],
            )
            for i in range(len(rows))
        ]  # fmt: skip

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return the p-value of the best of all messages; see `TextScheme`."""
        return np.minimum(1.0, self.messages * green_tail(statistic, scored, self.share))

    def evidence(self, reading: MessageReading, messages: slice = slice(None)) -> Bools:
        """Return whether each scored token of a text is green under each of these messages, [scored, message]."""
        order = np.argsort(reading.seed, kind="stable")
        turned = self._turned(reading.seed[order], reading.token[order], np.arange(self.messages)[messages])
        return turned[np.argsort(order, kind="stable")]

    def of_windows(self, reading: MessageReading, starts: Ids, lengths: Ids) -> tuple[Ids, Ids]:
        """Return of each window of scored tokens the most that any message has green in it, and the message."""
        most, message = np.full(len(starts), -1), np.zeros(len(starts), dtype=np.int64)
        pace = max(1, _CELLS // (8 * (len(starts) + reading.scored)))
        for first in range(0, self.messages, pace):
            green = self.evidence(reading, slice(first, first + pace))
            sums = np.concatenate([np.zeros((1, green.shape[1]), np.int32), np.cumsum(green, axis=0, dtype=np.int32)])
            counts = sums[starts + lengths] - sums[starts]
            best, better = counts.max(axis=1), counts.argmax(axis=1)
            message = np.where(best > most, first + better, message)
            most = np.maximum(most, best)
        return most, message

    def _best(self, items: Items, texts: int) -> tuple[Ids, Bools]:
        """Return the message that fits each text best, [text], and whether each item is green under it, [scored]."""
        best, green = np.zeros(texts, dtype=np.int64), np.zeros(len(items.text), dtype=bool)
        ends, at = np.searchsorted(items.text, np.arange(texts + 1)), 0
        while at < texts:  # as many texts at a time as memory is meant for, one at least
            until = max(at + 1, int(np.searchsorted(ends, ends[at] + _CELLS // self.messages, side="right")) - 1)
            pairs, pair = np.unique(items.pair[ends[at] : ends[until]], return_inverse=True)
            turned = self._turned(items.seed[pairs], items.token[pairs], np.arange(self.messages))
            for one in range(at, until):
                under = turned[pair[ends[one] - ends[at] : ends[one + 1] - ends[at]]]
                best[one] = under.sum(axis=0).argmax()
                green[ends[one] : ends[one + 1]] = under[:, best[one]]
            at = until
        return best, green

    def _turned(self, seed: Seeds, token: Ids, messages: Ids) -> Bools:
        """Return whether each pair is green under each message, [pair, message]; seeds ascend."""
        turned = np.empty((len(seed), len(messages)), dtype=bool)
        different, starts = np.unique(seed, return_index=True)
        lists = first_ids_of(different.tolist(), self.vocabulary, self.size)
        for green, start, end in zip(lists, starts, np.append(starts, len(seed))[1:], strict=True):
            turned[start:end] = green[token[start:end, None] - messages]  # what is below 0 counts from the end
        return turned


@lru_cache(maxsize=4096)
def _expected(messages: int, share: float, scored: int) -> float:
    """Return the mean of the best of independent counts: the sum of the chances that it reaches 1, 2, ..., scored."""
    reached = green_tail(np.arange(1, scored + 1), scored, share)
    with np.errstate(divide="ignore"):
        return float(-np.expm1(messages * np.log1p(-reached)).sum())
