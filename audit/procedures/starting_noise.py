"""From items back to the noise that a generator starts from, where marks are read.

    diffusion, also of latents   DDIM steps backwards, with the schedule of the steps that drew: up to what each misses
    an encoder                   z = E(x), the mean of q(z | x)
    a generator alone (GAN)      z* = argmin |x - G(z)|, by gradient from several starts (`audit.procedures.inversion`)

What is found is not the noise itself. That harms power and no p-value: those of `detectors.provenance.image.latent`
hold over keys, whatever was found. `CanStart.sample_from` is the way there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import AbilityError
from audit.model import CanEncode, CanStart, Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, even_in_noise, in_batches, noise_of, told_noise
from audit.procedures.inversion import Generating, nearest_noise
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "starting_noise"]

_LACKING = Cause("it does not begin with noise that can be put in and found again")


def starting_noise(model: CanStart, items: Sequence[Item], *, steps: int = 25) -> np.ndarray:
    """Return the noise [item, *noise_shape] that leads to each item, as far as it is found; `steps` are of DDIM."""
    if isinstance(model, Denoiser):
        found = _undiffused(model, items, steps)
    elif isinstance(model, CanEncode):
        encode = model.encode
        found = in_batches(model, items, lambda x: encode(x)[0])
    elif isinstance(model, Generating):
        found = nearest_noise(model, items)
    else:
        raise AbilityError(str(getattr(model, "name", "")), "starting_noise", _LACKING)
    return found.reshape(len(items), *model.noise_shape)


def _undiffused(model: Denoiser, items: Sequence[Item], steps: int) -> np.ndarray:
    def run(x: Any) -> Any:
        times = even_in_noise(model, x, steps)
        at, y = noise_of(model, x, times), x
        for place in range(steps):
            y = y + (at[place + 1][1] - at[place][1]) * told_noise(model, y, times[place], at[place])
        return y / at[-1][1]

    return in_batches(model, items, run)


PROCEDURE = Procedure(starting_noise, needs=(CanStart,), lacking=_LACKING)
