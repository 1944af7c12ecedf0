"""Norms of the score over noise levels, at the item itself.

    s(t) = sqrt(mean eps_hat(alpha_t x_0, t)^2),      the norm of sigma_t grad log p_t at alpha_t x_0, per number

(Mahmood, Oliva & Styner 2021, 2010.13132.) No noise is drawn. Neither end is the stranger one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches, noise_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "score_norms"]

_TIMES = tuple((1 + 2 * i) / 20 for i in range(10))


def score_norms(model: Denoiser, items: Sequence[Item], *, times: Sequence[float] = _TIMES) -> np.ndarray:
    """Return s(t) [item, time], dimensionless."""
    import torch

    def run(x: Any) -> Any:
        told = [
            model.denoise(alpha * x, x.new_full((len(x),), time))
            for time, (alpha, _) in zip(times, noise_of(model, x, times), strict=True)
        ]
        return torch.stack([(noise**2).flatten(1).double().mean(1).sqrt() for noise in told], 1)

    return in_batches(model, items, run)


PROCEDURE = Procedure(score_norms, needs=(Denoiser,))
