"""A density of rows of a table, number by number: each a mixture of Gaussians, given those to its left.

    p(x) = prod_d p(x_d | x_1, ..., x_{d-1}),    p(x_d | ...) = sum_k w_k N(x_d | m_k, s_k^2)

One pass of masked layers gives all of them (MADE, Germain et al. 2015, 1502.03509). Rows are standardised first, by
`centre` and `scale` of each number, and the density is that of the row as given.

Numbers that take few values, or one, have no density, and a model of them would grow without bound: training adds
noise of `noise` standard deviations to every number, so that what is learnt is the density of a row with that noise.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import linear, silu, softplus

from audit.models.opened.autoregressive_series import SeriesModel
from audit.models.opened.series_transformer import Mixture, log_density

__all__ = ["RowDensity", "RowMixture", "row_loss"]


class RowMixture(nn.Module):  # type: ignore[misc]
    """Parameters of the density of every number, given those to its left."""

    def __init__(self, numbers: int, width: int, components: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.steps, self.components = numbers, components
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.first, self.second = nn.Linear(numbers, width), nn.Linear(width, width)
        self.head, self.drop = nn.Linear(width, 3 * components * numbers), nn.Dropout(dropout)

    def mixture(self, rows: torch.Tensor) -> Mixture:
        """Return the density of every number, in the rows' own units, for rows [item, up to all numbers]."""
        given = rows.shape[1]
        centre, scale = self.centre[:given, None], self.scale[:given, None]
        u = nn.functional.pad((rows - self.centre[:given]) / self.scale[:given], (0, self.steps - given))
        own = torch.arange(self.steps, device=rows.device)
        inner = torch.arange(self.first.out_features, device=rows.device) % self.steps  # sees so many numbers
        h = silu(_masked(self.first, u, inner[:, None] > own))
        h = self.drop(silu(_masked(self.second, h, inner[:, None] >= inner)))
        told = own.repeat_interleave(3 * self.components)
        parts = _masked(self.head, h, told[:, None] >= inner).unflatten(-1, (self.steps, 3, self.components))
        weight, mean, spread = parts[:, :given].unbind(-2)
        return weight.log_softmax(-1), centre + scale * mean, scale * (softplus(spread) + 1e-3)


def _masked(layer: nn.Linear, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return linear(x, layer.weight * mask, layer.bias)


def row_loss(network: RowMixture, rows: torch.Tensor, noise: float) -> torch.Tensor:
    """Return nats a row of rows [item, number] with noise of so many standard deviations."""
    noisy = rows + noise * network.scale * torch.randn_like(rows)
    return -log_density(network.mixture(noisy), noisy).sum(1).mean()


class RowDensity(SeriesModel):
    """What can be asked of it is what can be asked of series: density, number by number, and draws."""

    family = "autoregressive_rows"
    modality = "tabular"
    item = "row"
