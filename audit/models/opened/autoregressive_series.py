"""What can be asked of an autoregressive series model: exact density, step by step, and draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audit.model import LikelihoodKind, Sample
from audit.models.opened.draws import chunks, normals, unconditional, uniforms
from audit.models.opened.items import number_rows
from audit.models.opened.series_transformer import Mixture, SeriesTransformer, log_density

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SeriesModel"]

_NODES = 32
"""Gauss-Hermite nodes a component for the moments of log p; exact to about 1e-3 nats."""


class SeriesModel:
    """Log p of real-valued series [step] of the length that the network was made for."""

    family = "autoregressive_series"
    modality = "series"
    item = "series"
    """What one is called where it is refused."""

    def __init__(self, network: SeriesTransformer, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return float32 [item, step]; raises ModelError for another length or a value that is not finite."""
        return number_rows(items, self.network.steps, self.item).to(self.numerics["device"])

    def log_prob(self, items: Sequence[np.ndarray]) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], `exact`): the log density of the whole series, the first step among them."""
        with torch.inference_mode():
            nats = [log_density(self.network.mixture(x), x).double().sum(1) for x in self._batches(items)]
        return torch.cat(nats).cpu().numpy(), "exact"

    def nats(self, x: torch.Tensor) -> torch.Tensor:
        """Return the log density [item] of x [item, step]; gradients reach the weights."""
        return log_density(self.network.mixture(x), x).sum(1)

    def learnt(self) -> list[torch.Tensor]:
        """Return the tensors that were learnt."""
        return list(self.network.parameters())

    def trace(self, items: Sequence[np.ndarray]) -> list[pd.DataFrame]:
        """Return a frame an item with one row a step; entropy is differential, and a density has no rank (NaN)."""
        import pandas as pd

        columns = ["log_prob", "entropy", "variance"]
        with torch.inference_mode():
            numbers = torch.cat([_moments(self.network.mixture(x), x) for x in self._batches(items)]).cpu().numpy()
        steps = pd.Series([str(step) for step in range(self.network.steps)])
        return [
            pd.DataFrame({"element": steps, **dict(zip(columns, one.T, strict=True)), "rank": np.nan})
            for one in numbers
        ]

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None,
        temperature: float = 1.0
    ) -> list[Sample]:
        """Return draws, step by step; `temperature` scales every component's spread."""
        which, steps = unconditional(self.name, prompts, numbers), self.network.steps
        device = self.numerics["device"]
        choose, noise = (made(seed, which, (steps,)).to(device) for made in (uniforms, normals))
        drawn = torch.zeros(len(which), 0, device=device)
        with torch.inference_mode():
            for step in range(steps):
                mixture = self.network.mixture(torch.cat([drawn, drawn.new_zeros(len(which), 1)], 1))
                weight, mean, deviation = (part[:, -1] for part in mixture)
                one = (weight.exp().cumsum(-1)[:, :-1] <= choose[:, step, None]).sum(-1, keepdim=True)
                next_step = mean.gather(-1, one) + temperature * deviation.gather(-1, one) * noise[:, step, None]
                drawn = torch.cat([drawn, next_step], 1)
        return [Sample(series, elements=steps) for series in drawn.double().cpu().numpy()]

    def _batches(self, items: Sequence[np.ndarray]) -> Any:
        x = self.prepare(items)
        return chunks(x, 64 * x.shape[1])


def _moments(mixture: Mixture, x: torch.Tensor) -> torch.Tensor:
    """Return log p of the step that stands there, and mean (negated) and variance of log p over all, [..., 3]."""
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.hermite_e.hermegauss(_NODES))
    weight, mean, deviation = (part.double() for part in mixture)
    places = mean[..., None] + deviation[..., None] * nodes
    wide = tuple(part[..., None, None, :] for part in (weight, mean, deviation))
    inside = log_density(wide, places)
    share = weight.exp()[..., None] * weights / weights.sum()
    expected = (share * inside).sum((-2, -1))
    variance = (share * (inside - expected[..., None, None]) ** 2).sum((-2, -1))
    return torch.stack([log_density(mixture, x).double(), -expected, variance], -1)
