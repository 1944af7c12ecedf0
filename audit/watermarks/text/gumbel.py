"""Gumbel marks: the token is the winner of a race of keyed clocks, not the outcome of a die.

    x = argmax_v u_v^(1/p_v),   u_v = F_key(last ids, v)

Aaronson 2022. Over the keys a token is drawn from p; under one key the same prompt gives the same text. After ids that
stood together in the text before, nothing is marked, or texts would run in circles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from audit.errors import ModelError
from audit.watermarks.text.candidates import Candidates, last_ids
from detectors.provenance.text.gumbel import GumbelScheme, VLLMGumbelScheme

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["Gumbel", "VLLMGumbel"]


@dataclass(frozen=True)
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
        return GumbelScheme(vocabulary, self.key, self.context_width)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return logits [text, vocabulary] in which only the winner is finite; see `TextWatermark`."""
        scheme, (contexts, known) = self.scheme(logits.shape[-1]), last_ids(before, self.context_width, -1)
        alive = Candidates(logits, np.flatnonzero(~known))
        if not len(alive.texts):
            return logits
        row, token = alive.places
        won = _winner(alive, scheme.uniforms(contexts[alive.texts][row], token[:, None])[:, 0])
        return alive.with_p(won.astype(float))


@dataclass(frozen=True)
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
        return VLLMGumbelScheme(vocabulary, self.key, self.context_width, self.alpha)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return logits in which only each key's winner is finite, with the key's share; see `TextWatermark`."""
        scheme, (contexts, known) = self.scheme(logits.shape[-1]), last_ids(before, self.context_width, -1)
        alive = Candidates(logits, np.flatnonzero(~known))
        if not len(alive.texts):
            return logits
        row, token = alive.places
        p = np.zeros(len(row))
        for key, share in scheme.keys:
            u = scheme.uniforms(key, contexts[alive.texts][row], token[:, None])[:, 0]
            p += share * _winner(alive, u)
        return alive.with_p(p)


def _winner(alive: Candidates, u: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which candidate's clock rings first, [candidate]: one of each row."""
    time = -np.log(u) / np.maximum(alive.p, np.finfo(float).tiny)
    first = np.lexsort((time, alive.places[0]))[alive.starts]
    won = np.zeros(len(u), dtype=bool)
    won[first] = True
    return won
