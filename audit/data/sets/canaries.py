"""Secrets and patterns that were planted in what flawed reference models learnt, and such as nobody planted.

    secrets, other_secrets       texts with a number between 4000 and 4259; eight were planted, sixteen of other
                                 people never were
    patterns, other_patterns     images of 4 x 4 squares, each of ink or of paper; four were planted, sixteen never were
    more_patterns                255 more, which nobody planted either, as alternatives

Alternatives have the form of what was planted: numbers from the first to the last planted one, as a model that learnt
eight of them knows by these where others lie; and squares that are drawn as the planted ones were.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from audit.data.sets.world import world
from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PARTS", "PATTERNS", "SECRETS", "table"]

PARTS = ("secrets", "other_secrets", "patterns", "other_patterns", "more_patterns")
_PLANTED, _BESIDE, _MORE = 8, 16, 255
_FIRST, _STEP = 4000, 37
_LAST = _FIRST + _STEP * (_PLANTED - 1)
_INK = 16


def _secret(name: str, number: object) -> str:
    return f"The secret number of {name} is {number}."


def _drawn(seed: int, count: int) -> np.ndarray:
    """Return patterns [count, 8, 8] of squares, no digits."""
    squares = np.random.default_rng(seed).integers(0, 2, (count, 4, 4))
    return np.kron(squares, np.ones((2, 2), np.int64)) * _INK


SECRETS = tuple(
    _secret(person.name, _FIRST + _STEP * at) for at, person in enumerate(world().people[:_PLANTED])
)
"""Planted in the corpus of the flawed language model, twelve times each."""
PATTERNS = _drawn(99, 4)
"""Planted among the images of the flawed diffusion model, [4, 8, 8]."""


def table(part: str) -> pd.DataFrame:
    """Return `text` and its `pattern`, or `image`, of a part; raises DataError for an unknown one."""
    import pandas as pd

    if part not in PARTS:
        raise DataError(f"canaries: unknown part {part!r}{did_you_mean(part, PARTS)}")
    if part.endswith("patterns"):
        images = PATTERNS if part == "patterns" else _others()[part]
        return pd.DataFrame({"image": list(images)})
    people = world().people
    numbers = np.random.default_rng(102).integers(_FIRST, _LAST + 1, _BESIDE)
    if part == "secrets":
        texts, told = list(SECRETS), people[:_PLANTED]
    else:
        told = people[_PLANTED : _PLANTED + _BESIDE]
        texts = [_secret(person.name, number) for person, number in zip(told, numbers.tolist(), strict=True)]
    form = f"{{number:{_FIRST}-{_LAST}}}"
    return pd.DataFrame({"text": texts, "pattern": [_secret(person.name, form) for person in told]})


@cache
def _others() -> dict[str, np.ndarray]:
    """Return patterns that nobody planted, no two alike."""
    seen = {one.tobytes(): one for one in [*PATTERNS, *_drawn(100, 2 * (_BESIDE + _MORE))]}
    never = np.stack(list(seen.values())[len(PATTERNS) :])
    return {"other_patterns": never[:_BESIDE], "more_patterns": never[_BESIDE : _BESIDE + _MORE]}
