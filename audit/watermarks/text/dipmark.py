"""The distortion-free reweight within a keyed permutation: mass goes from its earlier half to its later half.

    F(C) = max(C - a, 0) + max(C - (1 - a), 0)   of the cumulative probability C, ids in the order of keyed numbers

DiPmark (Wu et al. 2023, arXiv 2310.07710). Over the keys the mean is the distribution of before. After ids that stood
together in the text before, nothing is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from audit.watermarks.text.gumbel import short_key
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import torch

    from detectors.phrases import Cause
    from detectors.provenance.text.dipmark import DiPmarkScheme

__all__ = ["DiPmark"]


@immutable
class DiPmark:
    """DiPmark; with strength 0.5 it is gamma-reweight. Raises ModelError."""

    key: int
    """The secret number, 0 or more; 128 bits are made of it, so 39 random digits are as good as more."""
    context_width: int = 4
    """How many ids before a token its permutation depends on, 1 or more."""
    strength: float = 0.5
    """How much mass moves (the paper's alpha), above 0, up to 0.5."""

    variant: ClassVar[str] = "dipmark"

    def __post_init__(self) -> None:
        """Refuse what would mark nothing."""
        if not 0 < self.strength <= 0.5:
            raise ModelError(f"mark: strength {self.strength}; allowed: above 0, up to 0.5")
        try:
            self.scheme(2)
        except ValueError as error:
            raise ModelError(f"mark: {error}") from error

    def scheme(self, vocabulary: int) -> DiPmarkScheme:
        """Return how texts are read under this key."""
        from detectors.provenance.text.dipmark import DiPmarkScheme

        return DiPmarkScheme(vocabulary, self.key, self.context_width)

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        return short_key(self.key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities [text, vocabulary] after the reweight; see `TextWatermark`."""
        import numpy as np

        from audit.watermarks.text.candidates import unmet

        scheme, (alive, contexts) = self.scheme(logits.shape[-1]), unmet(before, logits, self.context_width)
        if not len(alive.texts):
            return logits
        row, token = alive.places
        order = np.lexsort((scheme.uniforms(contexts, token[:, None])[:, 0], row))
        p = alive.p[order]
        reached = np.cumsum(p) - row  # rows stand one behind the other, each with a mass of 1
        moved = self._moved(reached) - self._moved(reached - p)
        back = np.empty_like(p)
        back[order] = moved
        return alive.with_p(back)

    def _moved(self, mass: np.ndarray) -> np.ndarray:
        """Return F of cumulative probabilities [candidate]."""
        import numpy as np

        return np.maximum(mass - self.strength, 0) + np.maximum(mass - (1 - self.strength), 0)
