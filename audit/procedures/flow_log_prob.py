"""The likelihood of a diffusion model along its probability-flow ODE (Song et al. 2021, 2011.13456).

    dy / dnu = eps_hat(alpha y, t),    log p(y_0) = log p(y_1) + integral of div_y eps_hat dnu,    y = x / alpha

in Runge-Kutta steps (order 4) that are even in log nu; p(x_1) is N(0, alpha^2 + sigma^2), as if data had mean 0 and
variance 1. An estimate, of a density: of items that are cut into V levels on [-1, 1] a uniform number in the cell
around each level is taken (the same for every item) and D log(2 / (V - 1)), the cell's size, is added, so that nats are
those of the levels and not of the density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from audit.errors import ModelError
from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, even_in_noise, in_batches, noise_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "Flowing", "directions_of", "flow_log_prob", "noise_and_divergence"]

_ALWAYS, _EXACT = 16, 200
"""Numbers of an item up to which the divergence is exact unasked, and up to which it may be asked for."""


@runtime_checkable
class Flowing(Denoiser, Protocol):
    """A denoiser that gradients go through."""

    differentiable: Literal[True]


def flow_log_prob(
    model: Flowing, items: Sequence[Item], *, steps: int = 16, probes: int = 2, exact: bool | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return nats [item], an estimate.

    The divergence is Hutchinson's (`probes` of random signs, the same for every item and step), or `exact`, by one
    gradient a number: unasked where an item has at most 16, refused above 200 with ModelError. A step costs four
    calls, and as many gradients for every probe.
    """
    import numpy as np

    def run(x: Any) -> Any:
        size = x[0].numel()
        if exact and size > _EXACT:
            raise ModelError(f"an exact divergence of {size} numbers; allowed: at most {_EXACT}")
        rng = np.random.default_rng(seed)
        directions = directions_of(x, probes, rng, exact)
        y, cell = _spread(model, x, rng)
        return _along(model, y, even_in_noise(model, x, 2 * steps), directions) + cell

    return in_batches(model, items, run)


def directions_of(x: Any, probes: int, rng: np.random.Generator, exact: bool | None = None) -> list[Any]:
    """Return v [1, ...] like an item of x, over which sum v . (J v) is a trace: `probes` of random signs, or `exact`,
    by default up to 16 numbers, all axes.
    """
    import numpy as np

    size = x[0].numel()
    whole = exact or (exact is None and size <= _ALWAYS)
    signs = np.eye(size) if whole else rng.choice([-1.0, 1.0], (probes, size)) / math.sqrt(probes)
    return list(x.new_tensor(signs).reshape(-1, 1, *x.shape[1:]))


def _spread(model: Any, x: Any, rng: np.random.Generator) -> tuple[Any, float]:
    """Return x with a uniform number in its cell for each, and the log of a cell's size in all dimensions."""
    levels = getattr(model, "levels", None)
    if levels is None:
        return x, 0.0
    cell = 2 / (levels - 1)
    return x + cell * (x.new_tensor(rng.random(x.shape[1:])) - 0.5), x[0].numel() * math.log(cell)


def _along(model: Flowing, y: Any, times: Sequence[float], directions: Sequence[Any]) -> Any:
    """Return log p [item] of y at the first of rising times, as a density in y; every other time is a middle."""
    at = noise_of(model, y, times)
    grown = y.new_zeros(len(y)).double()

    def slope(y: Any, place: int) -> tuple[Any, Any]:
        """Return dy and d log p for a unit of log nu."""
        noise, spread = noise_and_divergence(model, y, times[place], at[place], directions)
        return at[place][1] * noise, at[place][1] * spread

    for place in range(0, len(times) - 2, 2):
        h = math.log(at[place + 2][1] / at[place][1])
        first, first_grown = slope(y, place)
        second, second_grown = slope(y + h / 2 * first, place + 1)
        third, third_grown = slope(y + h / 2 * second, place + 1)
        last, last_grown = slope(y + h * third, place + 2)
        y = y + h / 6 * (first + 2 * second + 2 * third + last)
        grown = grown + h / 6 * (first_grown + 2 * second_grown + 2 * third_grown + last_grown)
    variance = 1 + at[-1][1] ** 2
    rest = (y.double() ** 2).flatten(1).sum(1) / variance + y[0].numel() * math.log(2 * math.pi * variance)
    return grown - rest / 2


def noise_and_divergence(
    model: Flowing, y: Any, time: float, at: tuple[float, float], directions: Sequence[Any]
) -> tuple[Any, Any]:
    """Return eps_hat [item, ...] and its divergence in y, [item]."""
    import torch

    with torch.enable_grad():
        x = (at[0] * y).detach().requires_grad_()
        noise = model.denoise(x, x.new_full((len(x),), time))
        slopes = [torch.autograd.grad((noise * v).sum(), x, retain_graph=True)[0] * v for v in directions]
    return noise.detach(), at[0] * sum(slope.flatten(1).double().sum(1) for slope in slopes)


PROCEDURE = Procedure(flow_log_prob, needs=(Flowing,))
