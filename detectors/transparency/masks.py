"""Which sources stand in a prompt, and log p of the answer under each mask that was asked about.

    mask "101"   of three sources the first and the third stand there

A question of S sources is asked about with all of them and with none, with all but one, and under three kinds of masks:

    drawn       each source stands there with probability 1/2, with repeats: what a method is fitted to
    held out    different ones that are none of those: what predictions are tried on
    of orders   the first sources of an order, one more each time: what Shapley values and curves are made of
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = [
    "EXACT", "LEAST", "Drawn", "Gradients", "Scored", "bits_of", "draw", "every_mask", "first_of", "texts_of",
    "without_each",
]

EXACT = 8
"""Sources up to which Shapley values are exact: 2^8 masks."""
LEAST = 4
"""Sources from which on masks can be held out: a quarter of all, at most."""


@immutable
class Drawn:
    """The masks of a question that are drawn by lot."""

    fitted: tuple[str, ...]
    """With repeats."""
    held_out: tuple[str, ...]
    """Different, none of them fitted, or with all sources, none, or all but one; empty below LEAST sources."""
    orders: tuple[tuple[int, ...], ...]
    """Orders of the sources, each followed by its reverse; empty up to EXACT sources."""


class Gradients(NamedTuple):
    """What a method by gradients says of a question, in nats."""

    sources: Floats
    """[source], the sum over its tokens."""
    drop: float
    """By how much log p falls where the sources say nothing: the sum over sources, were it exact."""

    @property
    def gap(self) -> float:
        """How far the sum is from exact."""
        return float(abs(self.sources.sum() - self.drop))


@immutable
class Scored:
    """A question whose answer was scored under masks."""

    sources: int
    tokens: int
    """Of the answer, 1 or more."""
    log_p: Mapping[str, float]
    """Mask -> log p of the answer, in nats."""
    drawn: Drawn
    gradients: Mapping[str, Gradients] = field(default_factory=dict)
    """Method -> what it says, of those by gradients that were asked and could be told."""

    def nats(self, masks: Iterable[str]) -> Floats:
        """Return log p [mask]; NaN for a mask that was not asked about."""
        return np.array([self.log_p.get(mask, np.nan) for mask in masks], dtype=float)

    @property
    def whole(self) -> float:
        """Log p with all sources."""
        return self.log_p["1" * self.sources]

    @property
    def none(self) -> float:
        """Log p without any source."""
        return self.log_p["0" * self.sources]


def draw(sources: int, fitted: int, held_out: int, orders: int, rng: np.random.Generator) -> Drawn:
    """Draw the masks of a question of so many sources; `orders` counts those before each gets its reverse."""
    count = min(held_out, 2**sources // 4) if sources >= LEAST else 0
    always = {"1" * sources, "0" * sources, *without_each(sources)}
    kept: dict[str, None] = {}
    while len(kept) < count:
        kept |= dict.fromkeys(mask for mask in _some(sources, count - len(kept), rng) if mask not in always)
    seen: list[str] = []
    while len(seen) < fitted:
        seen += [mask for mask in _some(sources, fitted, rng) if mask not in kept]
    there = [tuple(rng.permutation(sources).tolist()) for _ in range(orders if sources > EXACT else 0)]
    return Drawn(tuple(seen[:fitted]), tuple(kept), tuple(one for order in there for one in (order, order[::-1])))


def _some(sources: int, count: int, rng: np.random.Generator) -> list[str]:
    return texts_of(rng.random((count, sources)) < 0.5)


def texts_of(rows: NDArray[np.bool_]) -> list[str]:
    """Return the masks of truth values [mask, source]."""
    count, size = rows.shape
    text = (rows + np.uint8(ord("0"))).tobytes().decode()
    return [text[place * size : (place + 1) * size] for place in range(count)]


def bits_of(masks: Sequence[str]) -> Floats:
    """Return masks as numbers [mask, source], 1 where the source stands there."""
    digits = np.frombuffer("".join(masks).encode(), dtype=np.uint8)
    return (digits - ord("0")).astype(float).reshape(len(masks), -1)


def every_mask(sources: int) -> Iterator[str]:
    """Yield all masks, in the order of the numbers that they are in the binary system."""
    return map("".join, product("01", repeat=sources))


def without_each(sources: int) -> Iterator[str]:
    """Yield the masks of all sources but one, the first, the second, ..."""
    return ("1" * place + "0" + "1" * (sources - place - 1) for place in range(sources))


def first_of(order: Sequence[int]) -> list[str]:
    """Return the masks of the first 0, 1, ..., S sources of an order."""
    return texts_of(np.argsort(order) < np.arange(len(order) + 1)[:, None])
