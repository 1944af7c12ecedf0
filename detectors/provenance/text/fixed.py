"""One green list for every place of every text: Unigram.

    green(x) = x is among the floor(ratio V) ids that a shuffle puts there, seeded with SHA-256 of the key
    p = P(Hypergeometric(V, floor(ratio V), T) >= S),   S green ones of T distinct ids of the text

Zhao et al. 2023 (arXiv 2306.17439), bit for bit as the authors' code makes it: NumPy's generator, seeded with the first
four bytes of the digest of the key as a 64-bit number, all little-endian. Few edits hurt it, and few texts suffice to
learn the list. Distinct ids are drawn from the list without putting back, so the tail is hypergeometric.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from detectors.immutable import immutable
from detectors.provenance.text.green import GreenLists, Items
from detectors.provenance.text.scheme import Ids
from detectors.provenance.text.shuffle import Bools, Seeds

__all__ = ["FixedList"]


@immutable
class FixedList(GreenLists):
    """The one green list of a key."""

    variant: ClassVar[str] = "unigram"

    @property
    def green(self) -> Bools:
        """Return whether each id is green, [vocabulary]."""
        return _green_of(self.hashing_key, self.vocabulary, self.size)

    def seeds(self, ids: Ids, text: Ids) -> tuple[Ids, Seeds]:
        """Return every place: all tokens have the one list."""
        return np.arange(len(ids)), np.zeros(len(ids), dtype=np.uint32)

    def colours(self, items: Items) -> Bools:
        """Return whether each of the distinct ids is green."""
        found: Bools = self.green[items.token]
        return found

    def tail(self, statistic: ArrayLike, scored: ArrayLike) -> NDArray[np.float64]:
        """Return P(Hypergeometric(V, floor(ratio V), scored) >= statistic); see `TextScheme`."""
        hits, many = np.broadcast_arrays(np.ceil(np.asarray(statistic, dtype=float)).astype(int), np.asarray(scored))
        p = np.full(hits.shape, np.nan)
        for one in np.unique(many[many > 0]):
            law = _tails(self.vocabulary, self.size, int(one))
            p[many == one] = law[np.clip(hits[many == one], 0, len(law) - 1)]
        return p


@lru_cache(maxsize=64)
def _green_of(key: int, vocabulary: int, size: int) -> Bools:
    green = np.arange(vocabulary) < size
    seed = int.from_bytes(sha256(key.to_bytes(8, "little")).digest()[:4], "little")
    np.random.default_rng(seed).shuffle(green)
    green.flags.writeable = False
    return green


@lru_cache(maxsize=4096)
def _tails(vocabulary: int, size: int, scored: int) -> NDArray[np.float64]:
    """Return P(so many or more of `scored` ids are green) for 0, 1, ..., scored + 1 green ones."""
    drawn = min(scored, vocabulary)
    green = np.arange(drawn + 1)
    logs = _choose(size, green) + _choose(vocabulary - size, drawn - green) - _choose(vocabulary, np.array(drawn))
    return np.append(np.minimum(np.exp(logs)[::-1].cumsum()[::-1], 1.0), 0.0)


def _choose(of: int, many: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log of the binomial coefficient, -inf where there is none."""
    possible = (many >= 0) & (many <= of)
    safe = np.where(possible, many, 0)
    return np.asarray(np.where(possible, gammaln(of + 1) - gammaln(safe + 1) - gammaln(of - safe + 1), -np.inf))
