"""KGW with a message: the green list after each token is turned by a number, which reading finds again.

    logit(v) + bias  where v - message mod V is green under kgw-lefthash

Cyclic shifts after Fernandez et al. 2023 (arXiv 2308.00113); see `detectors.provenance.text.shifted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import ModelError
from audit.watermarks.text.kgw import Green, green_after
from detectors.immutable import immutable

if TYPE_CHECKING:
    import torch

    from detectors.provenance.text.shifted import ShiftedLists

__all__ = ["Shifted"]


@immutable
class Shifted(Green):
    """The KGW mark with left hash that carries a message of some bits, such as who asked for the text."""

    payload_bits: int = 8
    """Bits of the message, 1 to 16; each doubles the messages that reading tries and pays for."""
    message: int = 0
    """The message, 0 to 2^bits - 1; 0 is the plain kgw-lefthash."""

    variant: ClassVar[str] = "kgw-shift"

    def __post_init__(self) -> None:
        """Refuse a message that the bits cannot hold."""
        super().__post_init__()
        if not 1 <= self.payload_bits <= 16:
            raise ModelError(f"mark: payload_bits {self.payload_bits}; allowed: 1 to 16")
        if not 0 <= self.message < 2**self.payload_bits:
            raise ModelError(f"mark: message {self.message}; allowed: 0 to {2**self.payload_bits - 1}")

    def scheme(self, vocabulary: int) -> ShiftedLists:
        """Return how texts are read under this key; raises ModelError where there are more messages than ids."""
        from detectors.provenance.text.shifted import ShiftedLists

        if 2**self.payload_bits > vocabulary:
            raise ModelError(f"mark: payload_bits {self.payload_bits} with {vocabulary} ids; allowed: no more messages")
        return ShiftedLists(vocabulary, self.greenlist_ratio, self.hashing_key, 2**self.payload_bits)

    def marked(self, before: Sequence[Sequence[int]], logits: torch.Tensor) -> torch.Tensor:
        """Return `logits` [text, vocabulary] with the bias on the green tokens; see `TextWatermark`."""
        import numpy as np
        import torch

        lists = self.scheme(logits.shape[-1])
        packed = [green_after(self.hashing_key, self.greenlist_ratio, lists.vocabulary, ids[-1]) for ids in before]
        green = np.roll(np.unpackbits(np.stack(packed), axis=1, count=lists.vocabulary), self.message, axis=1)
        return logits + torch.from_numpy(green).to(logits.device) * self.bias
