"""What a VAE says of an item before it is summed up: the parts of its bound, and its importance weights.

    log p(x) >= reconstruction - kl,    reconstruction = mean_k log p(x | z_k),  z_k = mean + std eps_k
    log w_k = log p(x, z_k) - log q(z_k | x),    log p(x) ~ log mean_k w_k    (Burda et al. 2016, 1509.00519)

The noise eps_k is the same for every item. Of a latent diffusion model it is its autoencoder that speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import CanDecode, CanEncode, Item
from audit.procedure import Procedure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "Autoencoding", "autoencoder_of", "elbo_parts"]

_BATCH = 256


@runtime_checkable
class Autoencoding(CanEncode, CanDecode, Protocol):
    """A model that encodes and decodes, and says how an item goes in."""

    def prepare(self, items: Sequence[Item]) -> Any:
        """Return x [item, ...] as a tensor."""


def autoencoder_of(model: Any) -> Autoencoding:
    """Return a model that has two stages' first one, any other itself."""
    found: Autoencoding = getattr(model, "autoencoder", model)
    return found


def elbo_parts(model: Autoencoding, items: Sequence[Item], *, samples: int = 64, seed: int = 0) -> pd.DataFrame:
    """Return columns, one row an item: `reconstruction` and `kl` in nats, `mean_norm` and `std_norm` of q(z|x), and
    `log_weights` [sample], in nats.

    `samples` draws of z; their noise depends on `seed` alone.
    """
    import numpy as np
    import pandas as pd
    import torch

    rng, inner = np.random.default_rng(seed), autoencoder_of(model)
    noise: Any = None
    frames = []
    for start in range(0, len(items), _BATCH):
        with torch.no_grad():
            x = inner.prepare(items[start : start + _BATCH])
            mean, std = inner.encode(x)
            if noise is None:
                noise = mean.new_tensor(rng.standard_normal((samples, mean.shape[1]), dtype=np.float32))
            terms = torch.stack([inner.decode(mean + std * e).log_prob(x).double() for e in noise], 1)
            columns = {
                "reconstruction": terms.mean(1),
                "kl": 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).double().sum(1),
                "mean_norm": mean.norm(dim=1),
                "std_norm": std.norm(dim=1),
            }
            # log p(z) - log q(z|x): the normalising constants cancel.
            ratio = [0.5 * (e**2 - (mean + std * e) ** 2 + 2 * std.log()).double().sum(1) for e in noise]
            weights = (terms + torch.stack(ratio, 1)).cpu().numpy()
        frame = pd.DataFrame({name: part.detach().cpu().double().numpy() for name, part in columns.items()})
        frames.append(frame.assign(log_weights=list(weights)))
    return pd.concat(frames, ignore_index=True)


PROCEDURE = Procedure(elbo_parts, needs=(Autoencoding,))
