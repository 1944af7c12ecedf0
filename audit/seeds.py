"""One generator for each purpose, from the audit's seed: the order of checks changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.files import canonical, sha256

if TYPE_CHECKING:
    import numpy as np

__all__ = ["rng_for"]


def rng_for(seed: int, *words: str) -> np.random.Generator:
    """Return a generator that depends on the audit's seed and on what it is for, not on the order of checks."""
    import numpy as np

    return np.random.default_rng(int(sha256(canonical([seed, *words]))[7:39], 16))
