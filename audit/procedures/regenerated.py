"""Images made again by a model: what somebody does who wants a mark gone and has a generator.

    diffusion    x_t = alpha_t x_0 + sigma_t eps,  denoised by DDIM to x      strength = t, in (0, 1]
    VAE          x <- the median of p(x | mean of q(z | x))                   strength = how many times, a whole number

(Zhao et al. 2023, 2306.01953: regeneration removes any invisible mark that lies in the pixels.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import CanDecode, CanEncode, Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, denoised_along, in_batches, noise_of, shared
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "RINSED", "LevelDenoiser", "LevelEncoder", "regenerated", "rinsed"]

_STEPS = 20


@runtime_checkable
class LevelDenoiser(Denoiser, Protocol):
    """A diffusion model of whole levels."""

    bounds: tuple[float, float]
    """What the least and the greatest level are as x_0."""
    levels: int


@runtime_checkable
class LevelEncoder(CanEncode, CanDecode, Protocol):
    """A VAE whose p(x | z) has an `icdf`."""

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x [item, ...] as a tensor."""


def regenerated(model: LevelDenoiser, items: Sequence[Item], *, strength: float, seed: int = 0) -> np.ndarray:
    """Return images of whole levels [item, ...] that a diffusion model makes of items at noise of time `strength`.

    The noise is the same for every item and depends on `seed` alone.
    """
    import numpy as np

    low, high = model.bounds
    count = max(3, round(strength * _STEPS))
    falling = [strength * (count - step) / count for step in range(count)]

    def run(x: Any) -> Any:
        (noise,) = shared(x, np.random.default_rng(seed), 1)
        return denoised_along(model, x + noise_of(model, x, [strength])[0][1] * noise, falling)

    made = (in_batches(model, items, run) - low) / (high - low)
    return np.rint(np.clip(made, 0, 1) * (model.levels - 1)).astype(int)


def rinsed(model: LevelEncoder, items: Sequence[Item], *, strength: float) -> np.ndarray:
    """Return items [item, ...] that were coded and decoded again so many times, in the levels of the model."""
    import numpy as np
    import torch

    with torch.no_grad():
        x = model.prepare(items)
        for _ in range(round(strength)):
            mean = model.encode(x)[0]
            told = model.decode(mean)
            x = told.icdf(mean.new_full(x.shape, 0.5)).to(x.dtype)
    return np.asarray(x.cpu().numpy())


PROCEDURE = Procedure(
    regenerated, needs=(LevelDenoiser,), lacking=Cause("it denoises no images of whole levels, so it makes none again")
)
RINSED = Procedure(rinsed, needs=(LevelEncoder,), lacking=Cause("it has no encoder and decoder of images"))
