"""Unigram: one keyed share of the vocabulary is made likelier everywhere.

Zhao et al. 2023 (arXiv 2306.17439), bit for bit as the authors' code makes it: `detectors.provenance.text.fixed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.watermarks.text.kgw import Green
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import torch

    from detectors.provenance.text.fixed import FixedList

__all__ = ["Unigram"]


@immutable
class Unigram(Green):
    """The Unigram mark: the same green tokens after any text."""

    variant: ClassVar[str] = "unigram"

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        yield Cause("one list of words for all texts: who counts the words of many of them learns it")

    def scheme(self, vocabulary: int) -> FixedList:
        """Return how texts are read under this key."""
        from detectors.provenance.text.fixed import FixedList

        return FixedList(vocabulary, self.greenlist_ratio, self.hashing_key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on the green tokens; see `TextWatermark`."""
        import torch

        green = torch.from_numpy(self.scheme(logits.shape[-1]).green.astype("f4"))
        return logits + green.to(logits) * self.bias
