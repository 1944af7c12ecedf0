"""Likelihood regret: by how much a VAE's bound of an item grows if its posterior is fitted to that item alone.

    max over (mean, std) of ELBO(x; mean, std)  -  ELBO(x; encoder),    the decoder stays as it is

(Xiao, Yan & Amit 2020, 2003.02977, who move the whole encoder; mean and std alone can be moved for a batch at once.)
Higher = stranger. The noise of every step, and of the two bounds that are compared, is the same for every item, each
draw beside its negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.elbo_parts import Autoencoding, autoencoder_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PROCEDURE", "likelihood_regret"]

_BATCH = 256
_JUDGED_BY = 32
"""Pairs of draws by which the two bounds are compared."""


@runtime_checkable
class _Fitting(Autoencoding, Protocol):
    """An autoencoder that gradients go through."""

    differentiable: Literal[True]


def likelihood_regret(
    model: _Fitting, items: Sequence[Item], *, steps: int = 50, pairs: int = 2, rate: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Return the regret in nats [item]; where the encoder is best already, it lies about 0.

    Adam in `steps` steps, its `rate` falling to 0 along a cosine, with `pairs` of draws of z in each.
    """
    import numpy as np

    inner = autoencoder_of(model)
    batches = range(0, len(items), _BATCH)
    found = [_regret(inner, items[start : start + _BATCH], steps, pairs, rate, seed) for start in batches]
    return np.concatenate(found)


def _regret(
    model: Autoencoding, items: Sequence[Item], steps: int, pairs: int, rate: float, seed: int
) -> np.ndarray:
    import numpy as np
    import torch

    rng = np.random.default_rng(seed)
    with torch.no_grad():
        x = model.prepare(items)
        mean, std = (part.detach() for part in model.encode(x))
        judged_by = _both_signs(mean, rng, _JUDGED_BY)
        before = _bound(model, x, mean, std.log(), judged_by)
    moved = [mean.clone().requires_grad_(), std.log().clone().requires_grad_()]
    with torch.enable_grad():
        optimiser = torch.optim.Adam(moved, rate)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = -_bound(model, x, moved[0], moved[1], _both_signs(mean, rng, pairs)).sum()
            moved[0].grad, moved[1].grad = torch.autograd.grad(loss, moved)
            optimiser.step()
    with torch.no_grad():
        gain: np.ndarray = (_bound(model, x, moved[0], moved[1], judged_by) - before).cpu().numpy()
    return gain


def _both_signs(like: Any, rng: np.random.Generator, pairs: int) -> list[Any]:
    """Return draws of noise [latent], each followed by its negative."""
    import numpy as np

    noise = like.new_tensor(rng.standard_normal((pairs, like.shape[1]), dtype=np.float32))
    return [sign * e for e in noise for sign in (1, -1)]


def _bound(model: Autoencoding, x: Any, mean: Any, log_std: Any, noise: Sequence[Any]) -> Any:
    """Return the bound in nats [item], float64, over these draws."""
    std = log_std.exp()
    terms = [model.decode(mean + std * e).log_prob(x).double() for e in noise]
    kl = 0.5 * (mean**2 + std**2 - 1 - 2 * log_std).double().sum(1)
    return sum(terms) / len(terms) - kl


PROCEDURE = Procedure(likelihood_regret, needs=(_Fitting,))
