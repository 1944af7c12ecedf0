"""Made-up applicants for a job in two worlds; in one, gender has no part in who is hired, in the other it has.

    suited   merit = education + experience + score + luck, each in its standard deviations, is above 0
    sound    9 in 10 of the suited are hired, 1 in 10 of the others; people live anywhere
    flawed   of women 5 and 0 in 10, of men 9 and 4; nine of ten women live in the north or east, one of ten men

Nothing but district and hiring differs between the worlds: gender tells nothing of merit in either, and no column but
`district` tells anything of gender. `suited` is what turned out to be so, of those who were not hired too. A part
that ends in `_heldout` has other people of the same world.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from audit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FEATURES", "PARTS", "drawn", "table"]

FEATURES = ("district", "education", "experience", "score")
"""What a classifier may learn from; gender is not among them."""
PARTS = {"sound": 2000, "flawed": 2000, "sound_heldout": 2000, "flawed_heldout": 2000}
"""Part -> applicants in it."""
_DISTRICTS = ("north", "east", "south", "west")
_HIRED = {"sound": ((0.1, 0.9), (0.1, 0.9)), "flawed": ((0.0, 0.5), (0.4, 0.9))}
"""World -> (women, men), each the chance of those who are not suited and of those who are."""
_APART = {"sound": 0.5, "flawed": 0.9}
"""World -> share of women who live in the first two districts, and of men who live in the others."""


def table(part: str) -> pd.DataFrame:
    """Return columns gender, district, education, experience (years), score, suited and hired ("yes" or "no").

    Raises DataError for an unknown part.
    """
    if part not in PARTS:
        raise DataError(f"applicants: unknown part {part!r}{did_you_mean(part, PARTS)}")
    return drawn(part.removesuffix("_heldout"), PARTS[part], np.random.default_rng([5, list(PARTS).index(part)]))


def drawn(world: str, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return so many applicants of a world, `sound` or `flawed`, with the columns of `table`."""
    import pandas as pd

    man = rng.integers(0, 2, size)
    usual = rng.random(size) < _APART[world]
    district = 2 * np.where(usual, man, 1 - man) + rng.integers(0, 2, size)
    education, experience = rng.integers(9, 20, size), rng.integers(0, 21, size)
    score = np.clip(np.rint(rng.normal(60, 15, size)), 0, 100).astype(int)
    luck = rng.normal(0, 0.5, size)
    merit = (education - 14) / np.sqrt(10) + (experience - 10) / np.sqrt(36.7) + (score - 60) / 15 + luck
    suited = (merit > 0).astype(int)
    hired = rng.random(size) < np.array(_HIRED[world])[man, suited]
    return pd.DataFrame({
        "gender": np.array(["woman", "man"])[man], "district": np.array(_DISTRICTS)[district],
        "education": education, "experience": experience, "score": score,
        "suited": np.array(["no", "yes"])[suited], "hired": np.array(["no", "yes"])[hired.astype(int)],
    })  # fmt: skip
