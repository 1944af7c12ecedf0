"""What procedures on a diffusion model share: batches, noise that no batch changes, and steps along its path.

    y = x_t / alpha_t,   nu = sigma_t / alpha_t:     dy / dnu = eps_hat(alpha_t y, t)

is the probability-flow ODE of every Gaussian diffusion (Song et al. 2021, 2011.13456); its Euler step is DDIM
(2010.02502), and a step to nu = 0 is the guess of x_0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import CanDenoise, CanStart, Item

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Denoiser", "denoised_along", "even_in_noise", "in_batches", "noise_of", "shared", "told_noise"]

_BATCH = 256


@runtime_checkable
class Denoiser(CanDenoise, Protocol):
    """A model that denoises, and says what x_0 of an item is.

    It may also have `bounds`, between which x_0 lies, and `levels`, into how many values these are cut.
    """

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x_0 [item, ...] as a tensor."""


def in_batches(model: Denoiser | CanStart, items: Sequence[Item], run: Callable[[Any], Any]) -> np.ndarray:
    """Return what `run` makes of x_0 [item, ...], batch by batch, as float64 [item, ...]; it builds no graph itself."""
    import numpy as np
    import torch

    found = []
    for start in range(0, len(items), _BATCH):
        with torch.no_grad():
            rows = run(model.prepare(items[start : start + _BATCH]))
        found.append(rows.detach().cpu().double().numpy())
    return np.concatenate(found)


def shared(x: Any, rng: np.random.Generator, count: int) -> Any:
    """Return `count` draws from N(0, I), each [1, ...] like one item of x and the same for all items."""
    import numpy as np

    return x.new_tensor(rng.standard_normal((count, 1, *x.shape[1:]), dtype=np.float32))


def noise_of(model: CanDenoise, x: Any, times: Sequence[float]) -> list[tuple[float, float]]:
    """Return (alpha, sigma / alpha) at each of these times."""
    alpha, sigma = (part.double().cpu().tolist() for part in model.schedule(x.new_tensor(list(times))))
    return [(a, s / a) for a, s in zip(alpha, sigma, strict=True)]


def even_in_noise(model: CanDenoise, x: Any, steps: int) -> list[float]:
    """Return `steps` + 1 rising times from 0 to 1, evenly spaced in log(sigma / alpha)."""
    import numpy as np

    fine = np.linspace(0, 1, 2001)
    log_noise = np.log([nu for _, nu in noise_of(model, x, fine.tolist())])
    wanted = np.linspace(log_noise[0], log_noise[-1], steps + 1)
    return [float(at) for at in np.interp(wanted, log_noise, fine)]


def told_noise(model: CanDenoise, y: Any, time: float, at: tuple[float, float]) -> Any:
    """Return eps_hat for y at a time with (alpha, nu); kept where x_0 can be, if the model says where that is."""
    alpha, nu = at
    noise = model.denoise(alpha * y, y.new_full((len(y),), time))
    bounds = getattr(model, "bounds", None)
    return noise if bounds is None else (y - (y - nu * noise).clamp(*bounds)) / nu


def denoised_along(
    model: CanDenoise, y: Any, times: Sequence[float], then: Callable[[Any, float], Any] | None = None
) -> Any:
    """Return x_0 [item, ...] from y at the first of falling times, a DDIM step from each to the next, the last to 0.

    `then` is handed y and nu after every step and returns y.
    """
    at = noise_of(model, y, times)
    for place, time in enumerate(times):
        nu = at[place + 1][1] if place + 1 < len(times) else 0.0
        y = y + (nu - at[place][1]) * told_noise(model, y, time, at[place])
        y = y if then is None else then(y, nu)
    return y
