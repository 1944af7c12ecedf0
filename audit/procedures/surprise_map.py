"""Where in an image the surprise sits, of models that have no trace: the parts of their bound, pixel by pixel.

    VAE              mean_k log p(x_i | z_k), z_k ~ q(z|x); the KL term has no place in the image
    diffusion        all of the bound: what every step of noise, the prior and the last step cost at pixel i

Of a latent diffusion model it is its autoencoder that tells. The noise is the same for every item, and there are
several draws of it, of diffusion in antithetic pairs: of one alone the same pixels would stand out in every item.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from audit.model import Item
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["PROCEDURE", "Mapped", "surprise_map"]


@runtime_checkable
class Mapped(Protocol):
    """A model that can say of every element what it adds to log p, or to the bound."""

    def element_nats(self, items: Sequence[Item]) -> np.ndarray:
        """Return nats [item, ...] of the items' shape."""


def surprise_map(model: Mapped, items: Sequence[Item]) -> pd.DataFrame:
    """Return the column `element_log_prob`, one row an item: nats [element], in the order of the item's numbers."""
    import pandas as pd

    nats = model.element_nats(items)
    return pd.DataFrame({"element_log_prob": nats.reshape(len(items), -1).tolist()})


PROCEDURE = Procedure(
    surprise_map, needs=(Mapped,), lacking=Cause("it does not say of single pixels how likely they are")
)
