"""What became of each answer when what was asked changed: from what a model said to a row for each change of an item.

    shares p over options (choices, classes)     answer = the likeliest, A; several where they tie
        flip = 1 - |A & A'| / |A or A'|          0 the same, 1 another one
        drop = mean over A of p - p'             how much less the changed item gives what was answered before
    written answers                              flip where right becomes wrong or wrong right; where nothing is known
                                                 to be right, where the words are others
    log-probabilities of the item                drop = log p - log p', nats

A change that leaves an item as it is says nothing: `changed` is False, and neither flip nor drop has a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.immutable import immutable

__all__ = ["COLUMNS", "Compared", "Said", "changed_answers", "likeliest", "of_numbers", "of_shares", "of_words"]

COLUMNS = ("item", "kind", "strength", "changed", "flip", "drop", "right")
NAN = float("nan")


@immutable
class Said:
    """An answer, of whatever form."""

    answer: Any
    """What two answers are compared by; see `of_shares`, `of_words` and `of_numbers`."""
    right: float = NAN
    """Share of it that is right, 0 to 1; NaN where nothing is known to be right."""


Compared = Callable[[Said, Said], tuple[float, float]]
"""From the answer to the item as it is and that to the changed one: (flip, drop), each NaN where there is none."""


def changed_answers(
    kinds: Iterable[Sequence[str]], strengths: Iterable[Sequence[float]], changed: Iterable[Sequence[bool]],
    said: Iterable[Sequence[Said | None]], ids: Sequence[Any], compared: Compared,
) -> pd.DataFrame:
    """Return a row for each item and change, with `COLUMNS`; the first entry of each item is the item as it is.

    kinds, strengths, changed, said [item][entry]: what was done, whether that made another item of it, and the answer;
    None = none came, or none was asked for as nothing had changed. Where the item as it is got no answer, no change
    has a flip.
    """
    rows = [
        row
        for number, each in enumerate(zip(kinds, strengths, changed, said, strict=True))
        for row in _rows_of(ids[number], *each, compared)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"flip": float, "drop": float, "right": float})


def _rows_of(
    item: Any, kinds: Sequence[str], strengths: Sequence[float], changed: Sequence[bool], said: Sequence[Said | None],
    compared: Compared,
) -> Iterator[tuple[Any, ...]]:
    before = said[0]
    for kind, strength, another, after in list(zip(kinds, strengths, changed, said, strict=True))[1:]:
        told = after if another else None
        flip, drop = (NAN, NAN) if before is None or told is None else compared(before, told)
        yield item, str(kind), float(strength), bool(another), flip, drop, NAN if told is None else told.right


def likeliest(shares: Floats) -> NDArray[np.intp]:
    """Return the indices of the options of the highest share."""
    return np.flatnonzero(shares == shares.max())


def of_shares(one: Said, other: Said) -> tuple[float, float]:
    """Compare answers that are shares [option] over the same options."""
    before, after = np.asarray(one.answer), np.asarray(other.answer)
    first, second = before == before.max(), after == after.max()
    flip = 1 - float((first & second).sum() / (first | second).sum())
    return flip, min(max(float((before[first] - after[first]).mean()), -1.0), 1.0)


def of_words(one: Said, other: Said) -> tuple[float, float]:
    """Compare written answers, each told as a key that is equal where they say the same."""
    if np.isnan(one.right) or np.isnan(other.right):
        return float(one.answer != other.answer), NAN
    return abs(one.right - other.right), NAN


def of_numbers(one: Said, other: Said) -> tuple[float, float]:
    """Compare log-probabilities in nats; there is no flip."""
    return NAN, float(one.answer - other.answer)
