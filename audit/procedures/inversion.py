"""Inversion of a generator: the noise from which a GAN makes what looks most like an item, and what is left over.

    z* = argmin (1 - w) sum |x - G(z)| + w sum |f(x) - f(G(z))|,    w = 0.1, f the critic's features

(AnoGAN, Schlegl et al. 2017, 1703.05921.) All items move at once. `f_anogan` does without the search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import Item
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["PROCEDURE", "WEIGHT", "Generating", "inversion", "nearest_noise"]

WEIGHT = 0.1
"""Of the features' part."""
_BATCH = 256
_STEPS = 200


@runtime_checkable
class Generating(Protocol):
    """A generator and a critic; both build a graph where gradients are enabled."""

    latent: int
    """Numbers of noise."""

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x [item, ...] as a tensor."""

    def generate(self, z: Any) -> Any:
        """Return x [item, ...] for noise z [item, latent] from N(0, I)."""

    def criticise(self, x: Any) -> tuple[Any, Any]:
        """Return (logit [item], features [item, dim]) of x [item, ...]."""


def inversion(
    model: Generating, items: Sequence[Item], *, steps: int = _STEPS, starts: int = 2, rate: float = 0.1, seed: int = 0
) -> pd.DataFrame:
    """Return columns, one row an item: `residual` = sum |x - G(z*)|, `feature_gap` = sum |f(x) - f(G(z*))| and
    `latent_norm` = |z*|^2.

    Adam from each of `starts`, which are the same for every item, the better end kept.
    """
    import pandas as pd

    ends = _ends(model, items, steps, starts, rate, seed)
    return pd.DataFrame(ends[:, :3], columns=["residual", "feature_gap", "latent_norm"])


def nearest_noise(model: Generating, items: Sequence[Item], *, starts: int = 4, seed: int = 0) -> np.ndarray:
    """Return z* [item, latent] of each item, the best of so many starts."""
    return _ends(model, items, _STEPS, starts, 0.1, seed)[:, 3:]


def _ends(
    model: Generating, items: Sequence[Item], steps: int, starts: int, rate: float, seed: int
) -> np.ndarray:
    """Return residual, feature gap, |z*|^2 and z* of each item, [item, 3 + latent] float64."""
    import numpy as np
    import torch

    found = []
    for place in range(0, len(items), _BATCH):
        with torch.no_grad():
            x = model.prepare(items[place : place + _BATCH])
            wanted = model.criticise(x)[1]
            drawn = np.random.default_rng(seed).standard_normal((starts, 1, model.latent), dtype=np.float32)
            begun = [x.new_tensor(z).float().expand(len(x), -1) for z in drawn]
        ends = torch.stack([_found(model, x, wanted, z, steps, rate) for z in begun])
        best = ((1 - WEIGHT) * ends[..., 0] + WEIGHT * ends[..., 1]).argmin(0)
        found.append(ends[best, torch.arange(len(x), device=best.device)].cpu().numpy())
    return np.concatenate(found)


def _found(model: Generating, x: Any, wanted: Any, start: Any, steps: int, rate: float) -> Any:
    """Return residual, feature gap, |z|^2 and z, [item, 3 + latent] float64, at the end of the way from one start."""
    import torch

    z = start.clone().requires_grad_()
    with torch.enable_grad():
        optimiser = torch.optim.Adam([z], rate)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            left, gap = _left_over(model, x, wanted, z)
            (z.grad,) = torch.autograd.grad(((1 - WEIGHT) * left + WEIGHT * gap).sum(), [z])
            optimiser.step()
    with torch.no_grad():
        told = torch.stack([*_left_over(model, x, wanted, z), (z.double() ** 2).sum(1)], 1)
        return torch.cat([told, z.double()], 1)


def _left_over(model: Generating, x: Any, wanted: Any, z: Any) -> tuple[Any, Any]:
    made = model.generate(z)
    features = model.criticise(made)[1]
    return (x - made).abs().flatten(1).double().sum(1), (wanted - features).abs().double().sum(1)


PROCEDURE = Procedure(
    inversion, needs=(Generating,), lacking=Cause("it has no generator that noise can be put into, or no critic")
)
