"""Gumbel marks: the token is the winner of a race of keyed clocks, not the outcome of a die.

    x = argmax_v u_v^(1/p_v),   u_v = F_key(last ids, v)

Aaronson 2022. Over the keys a token is drawn from p; under one key the same prompt gives the same text. After ids that
stood together in the text before, nothing is marked, or texts would run in circles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from detectors.immutable import immutable
from detectors.phrases import Cause

if TYPE_CHECKING:
    import torch

    from detectors.provenance.text.gumbel import GumbelScheme, VLLMGumbelScheme

__all__ = ["Gumbel", "VLLMGumbel", "short_key"]


def short_key(key: int) -> Iterator[Cause]:
    """Yield that a key is so short that it can be found by trying, where it is."""
    if key < 2**56:
        yield Cause("the key has no more than {count} bits: who has a marked text can try them all", count=56)


@immutable
class Gumbel:
    """Our own Gumbel mark: 53-bit numbers under a key of any length. Raises ModelError."""

    key: int
    """The secret number, 0 or more; 128 bits are made of it, so 39 random digits are as good as more."""
    context_width: int = 4
    """How many ids before a token its numbers depend on, 1 or more."""

    variant: ClassVar[str] = "gumbel"

    def __post_init__(self) -> None:
        """Refuse what would mark nothing."""
        try:
            self.scheme(2)
        except ValueError as error:
            raise ModelError(f"mark: {error}") from error

    def scheme(self, vocabulary: int) -> GumbelScheme:
        """Return how texts are read under this key."""
        from detectors.provenance.text.gumbel import GumbelScheme

        return GumbelScheme(vocabulary, self.key, self.context_width)

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        yield Cause("under one key a prompt has one answer, however often it is asked")
        yield from short_key(self.key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return logits [text, vocabulary] in which only the winner is finite; see `TextWatermark`."""
        from audit.watermarks.text.candidates import unmet

        scheme, (alive, contexts) = self.scheme(logits.shape[-1]), unmet(before, logits, self.context_width)
        if not len(alive.texts):
            return logits
        return alive.with_p(alive.winners(scheme.uniforms(contexts, alive.places[1][:, None])[:, 0]))


@immutable
class VLLMGumbel:
    """vLLM's Gumbel mark (`gumbel`, or `dual_key_gumbel` where `alpha` is given). Raises ModelError."""

    key: int
    """The secret number of 64 bits, 0 or more."""
    context_width: int = 4
    """How many ids before a token its numbers depend on, 1 or more."""
    alpha: float | None = None
    """Share of the tokens that the second key draws, 0 to 1; absent = one key."""

    variant: ClassVar[str] = "gumbel-vllm"

    def __post_init__(self) -> None:
        """Refuse what would mark nothing."""
        try:
            self.scheme(2)
        except ValueError as error:
            raise ModelError(f"mark: {error}") from error

    def scheme(self, vocabulary: int) -> VLLMGumbelScheme:
        """Return how texts are read under this key."""
        from detectors.provenance.text.gumbel import VLLMGumbelScheme

        return VLLMGumbelScheme(vocabulary, self.key, self.context_width, self.alpha)

    def weaknesses(self) -> Iterator[Cause]:
        """Yield what makes these options weaker than they look."""
        if self.alpha in (None, 0, 1):
            yield Cause("under one key a prompt has one answer, however often it is asked")
        yield from short_key(self.key)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return logits in which only each key's winner is finite, with the key's share; see `TextWatermark`."""
        import numpy as np

        from audit.watermarks.text.candidates import unmet

        scheme, (alive, contexts) = self.scheme(logits.shape[-1]), unmet(before, logits, self.context_width)
        if not len(alive.texts):
            return logits
        p = np.zeros(len(contexts))
        for key, share in scheme.keys:
            p += share * alive.winners(scheme.uniforms(key, contexts, alive.places[1][:, None])[:, 0])
        return alive.with_p(p)
