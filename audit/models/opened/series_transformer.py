"""A causal transformer over the steps of a series, with a mixture of Gaussians for every next step.

    p(x_t | x_1, ..., x_{t-1}) = sum_k w_k N(x_t | m_k, s_k^2)        after standardising: x = centre + scale * u

log p(x) = log p(u) - T log scale, so the density is that of the series as given, whatever unit it is in.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from audit.models.opened.pixel_transformer import TransformerBlock

__all__ = ["Mixture", "SeriesTransformer", "log_density"]

Mixture = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Log weights, means and standard deviations, each [..., component]."""


class SeriesTransformer(nn.Module):  # type: ignore[misc]
    """Parameters of the next step's density for every step, given those before it; the first has seen nothing."""

    def __init__(
        self, steps: int, width: int, blocks: int, components: int, heads: int = 4, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.steps, self.components = steps, components
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))
        self.value, self.place = nn.Linear(2, width), nn.Embedding(steps, width)
        self.blocks = nn.ModuleList([TransformerBlock(width, heads, dropout) for _ in range(blocks)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 3 * components)

    def mixture(self, series: torch.Tensor) -> Mixture:
        """Return the density of every step, in the series' own unit, for series [item, up to `steps`].

        Step i of the answer has seen the steps before i only, so a series one step longer than what is known, its last
        step anything at all, gives the density of what comes next.
        """
        u = (series - self.centre) / self.scale
        seen = torch.cat([torch.zeros_like(u[:, :1]), u[:, :-1]], 1)
        started = torch.ones_like(seen)
        started[:, 0] = 0
        h = self.value(torch.stack([seen, started], -1)) + self.place.weight[: series.shape[1]]
        for block in self.blocks:
            h, _ = block(h)
        weight, mean, spread = self.head(self.norm(h)).unflatten(-1, (3, self.components)).unbind(-2)
        deviation = torch.nn.functional.softplus(spread) + 1e-3
        return weight.log_softmax(-1), self.centre + self.scale * mean, self.scale * deviation


def log_density(mixture: Mixture, x: torch.Tensor) -> torch.Tensor:
    """Return log p in nats of x [...] under mixtures [..., component]."""
    weight, mean, deviation = mixture
    z = (x[..., None] - mean) / deviation
    return torch.logsumexp(weight - 0.5 * z**2 - deviation.log() - 0.5 * math.log(2 * math.pi), -1)
