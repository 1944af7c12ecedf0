"""What a diffusion model tells wrongly of an item: three tests of membership. Higher = less like what it learnt from.

    secmi    mean |x_t - x'_t|^2, x_t along the ODE to t = 0.1 in ten steps, x'_t one step on and back  (2302.01316)
    pia      (mean |e - eps_hat(alpha_t x_0 + sigma_t e, t)|^4)^(1/4),  e = eps_hat(x_0, 0),  t = 0.2   (2305.18355)
    sima     (mean |eps_hat(x_0, t)|^4)^(1/4),  t = 0.1, of x_0 as it is                       (SimA: one question)

Means over numbers, so that sizes compare. No noise is drawn: an item has the same errors in every batch. Times are
parts of the model's own schedule, as published for one of 1,000 steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.diffusing import Denoiser, in_batches, noise_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "membership_errors"]

_STEPS = 10
_ERROR, _PROXIMAL, _SIMPLE = 0.1, 0.2, 0.1
"""Times of the three."""


def membership_errors(model: Denoiser, items: Sequence[Item]) -> pd.DataFrame:
    """Return the errors of each item, `secmi`, `pia` and `sima`, float64, dimensionless."""
    import pandas as pd
    import torch

    def run(x: Any) -> Any:
        return torch.stack([_secmi(model, x), _pia(model, x), _norm(_noise(model, x, _SIMPLE))], 1)

    return pd.DataFrame(in_batches(model, items, run), columns=["secmi", "pia", "sima"])


def _secmi(model: Denoiser, x: Any) -> Any:
    """Return the error [item] of one step on and back from where the item has come to."""
    times = [_ERROR * step / _STEPS for step in range(_STEPS + 2)]
    at = noise_of(model, x, times)
    y = x / at[0][0]  # as published, the item itself is x at time 0
    for place in range(_STEPS):
        y = y + (at[place + 1][1] - at[place][1]) * _noise(model, at[place][0] * y, times[place])
    alpha, step = at[_STEPS][0], at[_STEPS + 1][1] - at[_STEPS][1]
    on = y + step * _noise(model, alpha * y, times[_STEPS])
    back = on - step * _noise(model, at[_STEPS + 1][0] * on, times[_STEPS + 1])
    return ((alpha * (back - y)).flatten(1).double() ** 2).mean(1)


def _pia(model: Denoiser, x: Any) -> Any:
    """Return how far [item] the noise that is seen on the item itself is from that which is seen once it is there."""
    (alpha, ratio), first = noise_of(model, x, [_PROXIMAL])[0], _noise(model, x, 0.0)
    again = _noise(model, alpha * (x + ratio * first), _PROXIMAL)
    return _norm(first - again)


def _norm(numbers: Any) -> Any:
    """Return the fourth root of the mean fourth power [item]."""
    return (numbers.flatten(1).double() ** 4).mean(1) ** 0.25


def _noise(model: Denoiser, x: Any, time: float) -> Any:
    return model.denoise(x, x.new_full((len(x),), time))


PROCEDURE = Procedure(membership_errors, needs=(Denoiser,))
