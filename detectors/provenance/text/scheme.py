"""What is read in a text under a key: how much evidence, over how many tokens, and how surprising it is.

    p = P(a statistic as large or larger | T scored items), over the draw of the key, for a text that knows none of it

What depends on the same numbers of the key is one item and is scored once a text, where it stands first: then it holds
however much a text repeats itself. A text in which nothing can be scored has no p-value, and none is no evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.immutable import immutable

__all__ = ["Ids", "Reading", "TextScheme", "joined", "more_at_this_rate"]

Ids = NDArray[np.int64]

_MOST = 1 << 20
"""Tokens beyond which no more are asked for: nobody has them."""


@immutable
class Reading:
    """What one text shows under one key."""

    scored: int
    """T, items that are scored, each once."""
    statistic: float
    """Evidence over all of them; more of it speaks for the mark."""
    expected: float
    """What it is on average in a text without the mark."""
    p_value: float
    """Of so much evidence or more without the mark; NaN where nothing is scored."""
    per_token: NDArray[np.float64]
    """Evidence of each token of the text, [token]; NaN where it is not scored. The scored ones sum to `statistic`, or
    to it times T where it is a mean."""


class TextScheme(Protocol):
    """How texts are read under one key, by one variant of one mark."""

    @property
    def variant(self) -> str:
        """The name of the variant, such as `kgw-lefthash`."""

    @property
    def vocabulary(self) -> int:
        """How many logits the model has, by its config; a tokenizer may have fewer ids."""

    def read(self, texts: Iterable[ArrayLike]) -> list[Reading]:
        """Return a reading of each text, given as its ids [token]; raises ValueError for an id that cannot be."""

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return the p-value of a statistic over `scored` items, as `read` gives it; NaN for 0. They broadcast."""

    def more_needed(self, reading: Reading, alpha: float) -> int | None:
        """Return how many more tokens of the same kind bring the p-value to `alpha` or below.

        0 = it is there; None = at this rate none do.
        """


def joined(texts: Iterable[ArrayLike], vocabulary: int) -> tuple[Ids, Ids]:
    """Return the ids of all texts one behind the other, and which text each is of, both [token].

    Raises ValueError for an id outside the vocabulary.
    """
    rows = [np.asarray(ids, dtype=np.int64) for ids in texts]
    flat = np.concatenate([np.empty(0, dtype=np.int64), *rows])
    if flat.size and not 0 <= flat.min() <= flat.max() < vocabulary:
        raise ValueError(f"ids: got {flat.min()} to {flat.max()}; allowed: 0 to {vocabulary - 1}")
    return flat, np.repeat(np.arange(len(rows)), [len(ids) for ids in rows])


def more_at_this_rate(p_after: Callable[[int], float], alpha: float) -> int | None:
    """Return the least number of more tokens after which the p-value is at most `alpha`, by doubling and halving.

    `p_after`(n): the p-value of the text with n more tokens that speak for the mark as its own do. None = never.
    """
    if not p_after(0) > alpha:
        return None if np.isnan(p_after(0)) else 0
    above, below = 0, 1
    while p_after(below) > alpha:
        above, below = below, 2 * below
        if below > _MOST:
            return None
    while below - above > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if p_after(middle) > alpha else (above, middle)
    return below
