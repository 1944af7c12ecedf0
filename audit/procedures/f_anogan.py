"""What a GAN's encoder cannot find again: f-AnoGAN (Schlegl et al. 2019, Medical Image Analysis 54:30).

    pixel_error      mean (x - G(E(x)))^2                  over the numbers of x
    feature_error    mean (f(x) - f(G(E(x))))^2            over the critic's features f

The score is their sum, which is also what E was trained to make small. Where inversion of the generator looks for the
noise of every item by hundreds of steps, E tells it at once: four calls an item, and no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from audit.model import Item
from audit.procedure import Procedure
from audit.procedures.inversion import Generating
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "Inferring", "f_anogan"]

_BATCH = 256


@runtime_checkable
class Inferring(Generating, Protocol):
    """A generator and a critic, with an encoder that was trained to them."""

    def infer(self, x: Any) -> Any:
        """Return the noise [item, latent] from which the generator would make x [item, ...]."""


def f_anogan(model: Inferring, items: Sequence[Item]) -> pd.DataFrame:
    """Return the columns `pixel_error` and `feature_error`, one row an item, in squared units of x and of f."""
    import pandas as pd
    import torch

    told = []
    with torch.inference_mode():
        for place in range(0, len(items), _BATCH):
            x = model.prepare(items[place : place + _BATCH])
            made = model.generate(model.infer(x))
            features, again = model.criticise(x)[1], model.criticise(made)[1]
            apart = (x - made, features - again)
            told.append(torch.stack([one.double().flatten(1).square().mean(1) for one in apart], 1).cpu())
    return pd.DataFrame(torch.cat(told).numpy(), columns=["pixel_error", "feature_error"])


PROCEDURE = Procedure(
    f_anogan, needs=(Inferring,),
    lacking=Cause("it has no encoder that finds the noise of an item at once, beside a generator and a critic"),
)
