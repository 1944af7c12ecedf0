"""KGW marks: of every next token, a keyed share of the vocabulary is made likelier.

    logit(v) + bias  for v among the first floor(ratio V) of a shuffle of V ids seeded by key and text

Kirchenbauer et al. 2023 (arXiv 2301.10226), bit for bit as transformers' `WatermarkLogitsProcessor` makes it on a
processor: text that is marked here is found there, and the other way round. A GPU's shuffles are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from detectors.provenance.text.green import LeftHashLists

__all__ = ["LeftHash"]


@dataclass(frozen=True)
class LeftHash:
    """The KGW mark with left hash; the names are those of transformers' `WatermarkingConfig`. Raises ModelError."""

    greenlist_ratio: float = 0.25
    """Share of the vocabulary that is green, above 0 and below 1."""
    bias: float = 2.5
    """What is added to the logits of green tokens, above 0."""
    hashing_key: int = 15485863
    """The key, 1 or more; torch keeps the low 32 bits of a seed, so there are no more keys than that."""

    variant: ClassVar[str] = "kgw-lefthash"

    def __post_init__(self) -> None:
        """Refuse what would mark nothing."""
        for name, fits, allowed in (
            ("greenlist_ratio", 0 < self.greenlist_ratio < 1, "above 0, below 1"),
            ("bias", self.bias > 0, "above 0"),
            ("hashing_key", self.hashing_key >= 1, "1 or more"),
        ):
            if not fits:
                raise ModelError(f"mark: {name} {getattr(self, name)}; allowed: {allowed}")

    def scheme(self, vocabulary: int) -> LeftHashLists:
        """Return how texts are read under this key."""
        from detectors.provenance.text.green import LeftHashLists

        return LeftHashLists(vocabulary, self.greenlist_ratio, self.hashing_key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on the green tokens; see `TextWatermark`."""
        import numpy as np
        import torch

        vocabulary = logits.shape[-1]
        lists = [_green_list(self.hashing_key, self.greenlist_ratio, vocabulary, ids[-1]) for ids in before]
        green = torch.from_numpy(np.unpackbits(np.stack(lists), axis=1, count=vocabulary))
        return logits + green.to(logits.device) * self.bias


@lru_cache(maxsize=8192)
def _green_list(key: int, ratio: float, vocabulary: int, before: int) -> np.ndarray:
    """Return which ids are green after the id `before`, one bit each; kept, as a text meets the same ids again."""
    import numpy as np
    import torch

    shuffled = torch.randperm(vocabulary, generator=torch.Generator().manual_seed(key * before % (2**64 - 1)))
    green = np.zeros(vocabulary, dtype=bool)
    green[shuffled[: int(vocabulary * ratio)].numpy()] = True
    return np.packbits(green)
