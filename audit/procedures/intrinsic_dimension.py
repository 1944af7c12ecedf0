"""How many dimensions the model's data have around an item, by a diffusion model at little noise.

    LID(x) = D + sigma^2 (div s + |s|^2),   s the score at x_t = alpha x,   sigma small

(FLIPD, Kamkari et al. 2024, 2406.03537.) For the dual threshold of 2403.18910: what is likely and yet lies where the
model has few dimensions is density piled up in a thin place, and no familiar item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import in_batches, noise_of
from audit.procedures.flow_log_prob import Flowing, directions_of, noise_and_divergence

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "intrinsic_dimension"]


def intrinsic_dimension(
    model: Flowing, items: Sequence[Item], *, time: float = 0.1, probes: int = 4, seed: int = 0
) -> np.ndarray:
    """Return LID [item], in dimensions; an estimate that may lie outside 0 to D.

    With eps_hat = -sigma s it is D - sigma div eps_hat + |eps_hat|^2. The divergence is Hutchinson's, by `probes` of
    random signs that are the same for every item, and exact where an item has at most 16 numbers.
    """
    import numpy as np

    def run(x: Any) -> Any:
        directions = directions_of(x, probes, np.random.default_rng(seed))
        (at,) = noise_of(model, x, [time])
        noise, divergence = noise_and_divergence(model, x, time, at, directions)
        return x[0].numel() - at[1] * divergence + (noise.double() ** 2).flatten(1).sum(1)

    return in_batches(model, items, run)


PROCEDURE = Procedure(intrinsic_dimension, needs=(Flowing,))
