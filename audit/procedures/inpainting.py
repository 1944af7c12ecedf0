"""Inpainting: half of an item is hidden behind a chequerboard, and a diffusion model fills it in from the other half.

    d_k = mean over what was hidden of (filled in - x_0)^2,    board and its complement in turn

(Liu et al. 2023, 2302.10326.) Higher = the model puts something else there. Squared distances suit small images;
photos would need a perceptual one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, denoised_along, in_batches, noise_of, shared

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "inpainting"]

_FIELDS = 4
"""Fields of the board along an axis."""


def inpainting(
    model: Denoiser, items: Sequence[Item], *, tries: int = 4, steps: int = 15, seed: int = 0
) -> np.ndarray:
    """Return d_k [item, try] in squared units of x_0.

    After every step what is known is put back at the noise of that step; all noise is the same for every item and
    depends on `seed` alone.
    """
    import numpy as np
    import torch

    falling = [1 - step / steps for step in range(steps)]

    def run(x: Any) -> Any:
        board, rng = x.new_tensor(_board(x.shape[1:])) > 0, np.random.default_rng(seed)
        gaps = []
        for number in range(tries):
            hidden = board if number % 2 else ~board
            noise = iter(shared(x, rng, steps + 1))
            y = noise_of(model, x, [1.0])[0][1] * next(noise).expand_as(x)
            filled = denoised_along(model, y, falling, partial(_known_again, x, hidden, noise))
            gaps.append((((filled - x) ** 2) * hidden).flatten(1).double().sum(1) / hidden.sum().double())
        return torch.stack(gaps, 1)

    return in_batches(model, items, run)


def _known_again(x: Any, hidden: Any, noise: Iterator[Any], y: Any, nu: float) -> Any:
    """Return y with what is not hidden put back at this noise."""
    return y.where(hidden, x + nu * next(noise))


def _board(shape: Sequence[int]) -> np.ndarray:
    """Return 1 on the dark fields of a chequerboard over the last two axes (the last of a vector), else 0."""
    import numpy as np

    sides = shape[-2:]
    fields = [np.arange(side) // max(1, side // _FIELDS) for side in sides]
    dark = sum(np.ix_(*fields)) % 2
    return np.broadcast_to(dark, shape).astype(float)


PROCEDURE = Procedure(inpainting, needs=(Denoiser,))
