"""The two parts of a VAE's bound, which cancel in the sum: log p(x) >= reconstruction - kl.

    reconstruction = mean_k log p(x | z_k),  z_k = mean + std eps_k          kl = KL(N(mean, std^2) || N(0, I))

The noise eps_k is the same for every item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import CanDecode, CanEncode, Item
from audit.procedure import Procedure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "Autoencoding", "elbo_parts"]

_BATCH = 256


@runtime_checkable
class Autoencoding(CanEncode, CanDecode, Protocol):
    """A model that encodes and decodes, and says how an item goes in."""

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x [item, ...] as a tensor."""


def elbo_parts(model: Autoencoding, items: Sequence[Item], *, samples: int = 16, seed: int = 0) -> pd.DataFrame:
    """Return columns, one row an item: `reconstruction` and `kl` in nats, `mean_norm` and `std_norm` of q(z|x).

    `samples` draws of z are averaged; their noise depends on `seed` alone.
    """
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    noise: Any = None
    frames = []
    for start in range(0, len(items), _BATCH):
        x = model.prepare(items[start : start + _BATCH])
        mean, std = model.encode(x)
        if noise is None:
            noise = mean.new_tensor(rng.standard_normal((samples, mean.shape[1]), dtype=np.float32))
        terms = [model.decode(mean + std * e).log_prob(x).double() for e in noise]
        columns = {
            "reconstruction": sum(terms) / samples,
            "kl": 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).double().sum(1),
            "mean_norm": mean.norm(dim=1),
            "std_norm": std.norm(dim=1),
        }
        frames.append(pd.DataFrame({name: part.detach().cpu().double().numpy() for name, part in columns.items()}))
    return pd.concat(frames, ignore_index=True)


PROCEDURE = Procedure(elbo_parts, needs=(Autoencoding,))
