"""How far an item would move a model's weights: |d log p(x) / d theta_l|^2, tensor by tensor.

The score statistic g^T F^-1 g of an item is large where the model has not learnt it (Bergamin et al. 2022, 2203.01097).
With a Fisher matrix F that is diagonal and alike within a tensor it is a weighted sum of these; the weights follow from
familiar items (`detectors.novelty.rarity.score_statistic`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import Item
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "Weighing", "gradient_norms"]


@runtime_checkable
class Weighing(Protocol):
    """A model that tells its weights, and a log p through which gradients reach them."""

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x [item, ...] as a tensor."""

    def nats(self, x: Any) -> Any:
        """Return log p, or a bound with the same noise for every item, [item]; a graph where gradients are enabled."""

    def learnt(self) -> list[Any]:
        """Return the tensors that were learnt."""


def gradient_norms(model: Weighing, items: Sequence[Item]) -> np.ndarray:
    """Return the squared length of the gradient of log p, in squared nats, [item, tensor], float64.

    One call and one gradient an item, one item after the other: in a batch they would come summed up. A tensor on which
    log p does not depend has 0.
    """
    import numpy as np
    import torch

    weights = model.learnt()
    before = [one.requires_grad for one in weights]
    found = []
    try:
        for one in weights:
            one.requires_grad_(True)
        for item in items:
            with torch.enable_grad():
                nats = model.nats(model.prepare([item]))
                slopes = torch.autograd.grad(nats.sum(), weights, allow_unused=True)
            found.append([0.0 if slope is None else float((slope.double() ** 2).sum()) for slope in slopes])
    finally:
        for one, was in zip(weights, before, strict=True):
            one.requires_grad_(was)
    return np.array(found).reshape(len(items), len(weights))


PROCEDURE = Procedure(
    gradient_norms, needs=(Weighing,), lacking=Cause("it does not let gradients reach its weights")
)
