"""Intervals and verdicts that may be looked at after every outcome, and stopped on at any time, at no cost in level.

A bettor against "the mean is at least m" plays each x in [0, 1] as if the mean were a smaller q:

    K_t(m) = prod_{i<=t} [x_i q/m + (1 - x_i)(1 - q)/(1 - m)]

starts with 1 and is a non-negative supermartingale wherever she is wrong, so it ever reaches 1/alpha with probability
alpha at most (Ville). Her capital is spread over several q (Robbins 1970), at these distances on the arcsine scale, on
which rates are equally hard to tell apart everywhere: some fixed, for close calls, and some relative to the nearer end
of [0, 1], for rare events. Every factor grows with m, so the means still standing are an interval. The bettor against
"at most m" is the mirror image. For 0/1 outcomes the capital depends on the counts alone, so what the test does is
known exactly before anything is asked (`stopping`). Waudby-Smith & Ramdas 2020 (arXiv 2010.09686) for the theory.

The two verdicts need not be equally sure: where `level` is a pair, the first is that of "below" and the second that of
"above", each the confidence of the two-sided interval that would say so.

A difference d in [-1, 1] of a pair, or of two samples drawn in turn, is bounded too: (1 + d) / 2 is watched against
(1 + margin) / 2. Samples that grow unevenly, or come from finite sets of their own, get a sequence each.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.intervals import EMPTY, Level, sides_of, still_to_come

__all__ = [
    "DifferenceTest", "RateTest", "Verdict", "bets_against", "boundaries", "confidence_sequence", "decided_at",
    "first_verdicts", "paired_sequence", "stopping", "two_sample_sequence",
]

Verdict = Literal["below", "above"]

FIXED = np.array([0.03, 0.1, 0.3])
"""Distances 2 |arcsin sqrt(m) - arcsin sqrt(q)|; one of d needs about 2 log(1/alpha) / d^2 outcomes."""
RELATIVE = np.array([2 / 3, 1])
"""Distances in shares of that to the nearer end; 1 is all-in on "never", in the direction of that end."""
SHARES = np.array([0.03, 0.07, 0.3, 0.4, 0.2])
"""Starting capital of each; benchmarks/statistical.py prints what it buys against the information floor."""
_STEPS, _SECANTS = 1 << 30, 12
BROKE, PROVEN = -1e9, 1e15
"""Log growth that stands for losing all and for an impossible mean; finite, so that sums and products stay so."""


class RateTest:
    """Watches outcomes until their mean is known to lie below or above `limit`.

    The wrong one of two verdicts is ever given with probability (1 - level) / 2 at most, however long it runs, for
    independent outcomes in [0, 1] (0/1 or bounded values such as unit means); each by its own level, where `level` is a
    pair. `population`: size of the finite set whose items come in random order without replacement, where the mean of
    that very set is meant.
    Raises ValueError for a limit outside (0, 1).
    """

    def __init__(self, limit: float, level: Level = 0.95, *, population: int | None = None) -> None:
        if not 0 < limit < 1:
            raise ValueError(f"RateTest: got limit {limit}; allowed: between 0 and 1, both excluded")
        self.limit, self.level, self.population = limit, level, population
        self.verdict: Verdict | None = None
        self.decided_after: int | None = None
        """Number of outcomes after which the verdict stood; None while there is none."""
        self._seen = self._most = EMPTY
        self._logs = np.zeros((2, len(SHARES)))

    def update(self, outcomes: ArrayLike, most: ArrayLike | None = None) -> Verdict | None:
        """Take the next outcomes [batch], in order, and return the verdict so far; the first one stands.

        most [batch]: where outcomes are known in part, the most that each may be, `outcomes` being the least; "above"
        goes by the least and "below" by the most, so that either stands whatever they are. Raises ValueError for
        outcomes outside [0, 1] or more of them than the population holds.
        """
        holds = None if self.population is None else self.population - len(self._seen)
        x, y = (_bounded(one, holds) for one in (outcomes, outcomes if most is None else most))
        start = len(self._seen)
        self._play(0, "below", _log_factors(y, *still_to_come(self.limit, y, self.population, self._most)), start)
        rest, left = still_to_come(self.limit, x, self.population, self._seen)
        self._play(1, "above", _log_factors(1 - x, 1 - rest, left), start)
        self._seen, self._most = np.concatenate([self._seen, x]), np.concatenate([self._most, y])
        return self.verdict

    def _play(self, side: int, word: Verdict, growth: Floats, start: int) -> None:
        """Move the capitals of one side by `growth` [n, bettor]; the verdict is hers if she is the first to be rich."""
        logs = np.cumsum(np.vstack([self._logs[side], growth]), axis=0)
        self._logs[side] = logs[-1]
        rich = np.flatnonzero(_mixed(logs[1:]) >= _threshold(sides_of(self.level)[side]))
        if rich.size and (self.decided_after is None or start + rich[0] + 1 < self.decided_after):
            self.verdict, self.decided_after = word, start + int(rich[0]) + 1

    @property
    def interval(self) -> tuple[float, float]:
        """Return (low, high) of the confidence sequence now: the means that no bettor has ever refused."""
        return confidence_sequence(self._seen, self.level, population=self.population, most=self._most)

    def quiet(self, most: int, risk: float = 0.02) -> int:
        """Return how many of the next outcomes, 1 to `most`, may be taken at once without passing over a verdict.

        The verdict falls before the last of them with probability `risk` at most, where outcomes go on as 0/1 at the
        rate seen so far (one event and one other imagined). So batches are single next to a verdict, and large
        elsewhere; what is promised does not depend on them.
        """
        rate = (float(self._seen.sum()) + 1) / (len(self._seen) + 2)
        steps, events = np.arange(1, most)[:, None], np.arange(most)[None, :]
        said = np.zeros((most - 1, most), dtype=bool)
        for side, mean in enumerate((self.limit, 1 - self.limit)):
            seen = 1 - self._seen if side else self._most
            rest, left = still_to_come(mean, np.zeros(most - 1), self.population, seen)
            none, event = (_log_factors(np.full(rest.shape, one), rest, left)[:, None] for one in (0.0, 1.0))
            if self.population is not None:  # what is left to come is richer after every outcome of 0
                none = np.cumsum(none, axis=0) / steps[:, :, None]
            hits = events if side == 0 else steps - events
            logs = self._logs[side] + (steps - hits)[..., None] * none + hits[..., None] * event
            said |= _mixed(logs) >= _threshold(sides_of(self.level)[side])
        over = _first_passages(said, rate)
        return 1 + int(np.searchsorted(over, risk, side="right"))


def first_verdicts(x: Floats, limit: float, level: Level) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return (after, below) [sample] of a `RateTest` that watches each row of outcomes x [sample, n] in [0, 1].

    after: outcomes after which its verdict stood, n + 1 where it never did; below: whether that is "below".
    """
    size, after = x.shape[1], []
    for values, mean, sure in zip((x, 1 - x), (limit, 1 - limit), sides_of(level), strict=True):
        growth = _log_factors(values.ravel(), *still_to_come(mean, EMPTY, None)).reshape(*x.shape, len(SHARES))
        rich = _mixed(np.cumsum(growth, axis=1)) >= _threshold(sure)
        after.append(np.where(rich.any(axis=1), rich.argmax(axis=1) + 1, size + 1))
    return np.minimum(*after), after[0] < after[1]


class DifferenceTest:
    """Watches pairs of outcomes until the mean of first - second is known to lie below or above `margin`.

    Pairs are two answers to one item, or draws of two independent samples in turn. A wrong verdict is given with the
    probability stated in `RateTest`; `population`: number of pairs in the finite set that comes in random order.
    Raises ValueError for a margin outside (-1, 1).
    """

    def __init__(self, margin: float = 0.0, level: float = 0.95, *, population: int | None = None) -> None:
        if not -1 < margin < 1:
            raise ValueError(f"DifferenceTest: got margin {margin}; allowed: between -1 and 1, both excluded")
        self.margin = margin
        self._watch = RateTest((1 + margin) / 2, level, population=population)

    def update(self, first: ArrayLike, second: ArrayLike) -> Verdict | None:
        """Take the next pairs [batch], in order, and return the verdict so far; the first one stands.

        Raises ValueError for outcomes outside [0, 1], unequal lengths or more pairs than the population holds.
        """
        return self._watch.update(_half_way(first, second))

    @property
    def verdict(self) -> Verdict | None:
        """Return the verdict so far."""
        return self._watch.verdict

    @property
    def decided_after(self) -> int | None:
        """Return the number of pairs after which the verdict stood; None while there is none."""
        return self._watch.decided_after

    @property
    def interval(self) -> tuple[float, float]:
        """Return (low, high) of the difference now, as `paired_sequence` does."""
        low, high = self._watch.interval
        return 2 * low - 1, 2 * high - 1


def confidence_sequence(
    x: ArrayLike, level: Level = 0.95, *, population: int | None = None, most: ArrayLike | None = None
) -> tuple[float, float]:
    """Return (low, high) for the mean after outcomes x [n] in [0, 1], in the order in which they came.

    All intervals of a growing x cover together with confidence `level`; they only shrink, so looking and stopping are
    free. No outcomes give [0, 1]. `level`, `population` and `most` as in `RateTest`. Raises ValueError for outcomes
    outside [0, 1].
    """
    least, greatest = (_bounded(one, population) for one in (x, x if most is None else most))
    if not len(least):
        return 0.0, 1.0
    below, above = sides_of(level)
    low, high = 1 - _least_refused(1 - least, above, population), _least_refused(greatest, below, population)
    return min(low, float(least.mean())), max(high, float(greatest.mean()))


def bets_against(x: ArrayLike, mean: float) -> tuple[Floats, Floats]:
    """Return the log growth [n, bettor] of the capitals bet on "the mean is above `mean`", and their shares [bettor].

    The product of one's growths is an e-process wherever the mean of each outcome, given those before, is `mean` or
    less; so is the mixture. Raises ValueError for outcomes x [n] outside [0, 1].
    """
    return _log_factors(1 - _bounded(x, None), *still_to_come(1 - mean, EMPTY, None)), SHARES


def paired_sequence(
    first: ArrayLike, second: ArrayLike, level: float = 0.95, *, population: int | None = None
) -> tuple[float, float]:
    """Return (low, high) for the mean of first - second after pairs [n] of outcomes in [0, 1], in their order.

    Covers at all times at once, like `confidence_sequence`; pairs and `population` as in `DifferenceTest`. Raises
    ValueError for outcomes outside [0, 1] and unequal lengths.
    """
    low, high = confidence_sequence(_half_way(first, second), level, population=population)
    return 2 * low - 1, 2 * high - 1


def two_sample_sequence(
    first: ArrayLike, second: ArrayLike, level: float = 0.95, *,
    populations: tuple[int | None, int | None] = (None, None),
) -> tuple[float, float]:
    """Return (low, high) for the difference of the means of two samples, first [n] less second [m], each in its order.

    Covers at all pairs of times at once, however the two samples take turns and whatever decides whose turn it is.
    Each has a sequence at half the error; where draws alternate, `paired_sequence` is the narrower. populations: as in
    `RateTest`, for each sample. Raises ValueError for outcomes outside [0, 1].
    """
    half = (1 + level) / 2
    ends = [confidence_sequence(x, half, population=size) for x, size in zip((first, second), populations, strict=True)]
    return ends[0][0] - ends[1][1], ends[0][1] - ends[1][0]


def boundaries(limit: float, level: Level, budget: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (below [budget], above [budget]): for 0/1 outcomes, the counts at which a `RateTest` decides.

    After n + 1 outcomes it says "below" at below[n] events or fewer (-1: at none), "above" at above[n] or more.
    """
    n, (below, above) = np.arange(1, budget + 1), sides_of(level)
    return _most_events(limit, below, n), n - _most_events(1 - limit, above, n)


def decided_at(rate: float, limit: float, level: Level) -> int | None:
    """Return after how many outcomes a `RateTest` decides if events come steadily; None if not after 10^9.

    Log capital is then convex in the number of outcomes and starts at 0, so it passes the threshold once.
    """
    growths = _steady(rate, limit), _steady(1 - rate, 1 - limit)

    def rich(n: int) -> bool:
        return any(_mixed(n * one) >= _threshold(sure) for one, sure in zip(growths, sides_of(level), strict=True))

    if not rich(10**9):
        return None
    low, high = 0, 1
    while not rich(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rich(middle) else (middle, high)
    return high


def _steady(rate: float, mean: float) -> Floats:
    """Return the log growth [bettor] of the capitals from above on "the mean is `mean`" at a steady rate of events."""
    none, event = _log_factors(np.array([0.0, 1.0]), *still_to_come(mean, EMPTY, None))
    return np.asarray((1 - rate) * none + rate * event)


def stopping(rate: float, limit: float, level: Level, budget: int) -> tuple[Floats, Floats]:
    """Return (below [budget], above [budget]): probability that a `RateTest` says so at each call, at a true rate.

    Exact, by dynamic programming over the counts of events; what is left of 1 is undecided at the budget.
    """
    least, most = boundaries(limit, level, budget)
    said, at_count, first = np.zeros((2, budget)), np.ones(1), 0
    for n, (low, high) in enumerate(zip(least, most, strict=True)):
        # at_count: probability of first, first + 1, ... events with no verdict yet
        before, at_count = at_count, np.zeros(len(at_count) + 1)
        at_count[:-1] = before * (1 - rate)
        at_count[1:] += before * rate
        start, end = max(0, low + 1 - first), max(0, high - first)
        said[:, n] = at_count[:start].sum(), at_count[end:].sum()
        at_count, first = at_count[start:end], first + start
    return said[0], said[1]


def _first_passages(said: NDArray[np.bool_], rate: float) -> Floats:
    """Return the probability [n] that a verdict has fallen; said [n, events] tells where, outcomes are 1 at `rate`."""
    at_count, falls = np.ones(1), np.zeros(len(said))
    for n, verdict in enumerate(said):
        before, at_count = at_count, np.zeros(len(at_count) + 1)
        at_count[:-1] = before * (1 - rate)
        at_count[1:] += before * rate
        here = verdict[: len(at_count)]
        falls[n] = at_count[here].sum()
        at_count[here] = 0.0
    return np.cumsum(falls)


def _bounded(outcomes: ArrayLike, most: int | None) -> Floats:
    """Return outcomes [n] as floats."""
    x = np.atleast_1d(np.asarray(outcomes, dtype=float))
    if x.ndim != 1 or not np.all((x >= 0) & (x <= 1)) or (most is not None and len(x) > most):
        limit = "" if most is None else f", {most} at most"
        raise ValueError(f"got outcomes of shape {x.shape}; allowed: [n] in [0, 1]{limit}")
    return x


def _half_way(first: ArrayLike, second: ArrayLike) -> Floats:
    """Return (1 + first - second) / 2 [n], in [0, 1], for outcomes [n] in [0, 1]."""
    one, other = _bounded(first, None), _bounded(second, None)
    if one.shape != other.shape:
        raise ValueError(f"got {len(one)} outcomes and {len(other)}; allowed: pairs")
    return (1 + one - other) / 2


def _threshold(level: float) -> float:
    """Return the log capital at which one side refuses."""
    return float(-np.log((1 - level) / 2))


def _log_factors(x: Floats, rest: Floats, left: Floats) -> Floats:
    """Return the log growth [n, bettor] of the capitals on x [n] against "the mean of what is left is `rest` or more".

    A mean that the others after x could not make up any more is refused at once.
    """
    impossible, mean = (rest - 1) * left + 1 - x > 1e-9, np.clip(rest, 0, 1)
    angle = 2 * np.arcsin(np.sqrt(mean))
    relative = RELATIVE[:, None] * np.minimum(angle, np.pi - angle)
    distance = np.vstack([np.broadcast_to(FIXED[:, None], (len(FIXED), len(mean))), relative])
    q = np.sin(np.maximum(angle - distance, 0) / 2) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = np.where(mean > 0, x * q / mean, 0) + np.where(mean < 1, (1 - x) * (1 - q) / (1 - mean), 0)
        return np.asarray(np.clip(np.log(np.where(impossible, np.inf, growth)), BROKE, PROVEN).T)


def _mixed(logs: Floats) -> Floats:
    """Return the log capital [...] of all bettors together, from those of each [..., bettor]."""
    return np.asarray(np.logaddexp.reduce(logs + np.log(SHARES), axis=-1))


def _least_refused(x: Floats, level: float, population: int | None) -> float:
    """Return the smallest mean that the bettor from above has ever refused, in steps of 2^-30; 1 if none.

    Her capital grows with the mean: secants, of which the end that stays counts half (Illinois), find the step in a
    third of the looks that halving takes; what they have not found then jumps, and is halved.
    """
    enough = _threshold(level)
    low, high, poor, rich, refused, looks = 0, _STEPS, -enough, enough, None, 0
    while high - low > 1:
        looks += 1
        guess = (low + high) // 2 if looks > _SECANTS else round((rich * low - poor * high) / (rich - poor))
        place = min(max(guess, low + 1), high - 1)
        logs = np.cumsum(_log_factors(x, *still_to_come(place / _STEPS, x, population)), axis=0)
        excess, before = float(_mixed(logs).max()) - enough, refused
        refused = excess >= 0
        if refused:
            high, rich, poor = place, min(excess, enough) + 1e-12, poor / (1 + (before is True))
        else:
            low, poor, rich = place, max(excess, -enough), rich / (1 + (before is False))
    return high / _STEPS


def _most_events(limit: float, level: float, n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each n the largest count of events at which the bettor from above has refused `limit`; -1 for none."""
    none, event = _log_factors(np.array([0.0, 1.0]), *still_to_come(limit, EMPTY, None))
    low, high = np.full(n.shape, -1), n.copy()
    while np.any(high - low > 0):
        middle = (low + high + 1) // 2
        refused = _mixed((n - middle)[:, None] * none + middle[:, None] * event) >= _threshold(level)
        low, high = np.where(refused, middle, low), np.where(refused, high, middle - 1)
    return low
