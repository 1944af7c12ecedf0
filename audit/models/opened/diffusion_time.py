"""A small classifier of diffusion time: how much noise does a row of numbers look to have in it? (DTE-C, 2305.18593)

    x_t = x + s_t e,  s_t^2 = 1 - prod (1 - b_i),  b from 1e-4 to 1e-2 over 400 steps        x standardised
    p(k | x)    of the `bins` equal stretches of t that made x_t from a familiar x
    score       sum_k k p(k | x): higher = more outlying; the critic's logit is minus that
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from audit.models.opened.items import number_rows

__all__ = ["DiffusionTimes", "TimeClassifier", "time_loss"]

_STEPS = 400
_FIRST, _LAST = 1e-4, 1e-2


class TimeClassifier(nn.Module):  # type: ignore[misc]
    """Logits of the bins of time, for rows in the unit that they come in."""

    def __init__(self, numbers: int, width: int, bins: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.numbers, self.bins = numbers, bins
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.first = nn.Linear(numbers, width)
        self.second, self.third = (nn.Linear(width, width) for _ in range(2))
        self.head, self.drop = nn.Linear(width, bins), nn.Dropout(dropout)

    def standard(self, rows: torch.Tensor) -> torch.Tensor:
        """Return rows [item, number] standardised."""
        return (rows - self.centre) / self.scale

    def features(self, standard: torch.Tensor) -> torch.Tensor:
        """Return [item, width] of standardised rows."""
        hidden = self.drop(torch.relu(self.second(torch.relu(self.first(standard)))))
        return self.drop(torch.relu(self.third(hidden)))


def time_loss(network: TimeClassifier, rows: torch.Tensor) -> torch.Tensor:
    """Return nats a bin of rows [item, number], noisy by times spread evenly over the batch."""
    spread = (torch.rand(1, device=rows.device) + torch.arange(len(rows), device=rows.device) / len(rows)) % 1
    variance = 1 - torch.cumprod(1 - torch.linspace(_FIRST, _LAST, _STEPS, device=rows.device), 0)
    step = (spread * _STEPS).long().clamp(max=_STEPS - 1)
    standard = network.standard(rows)
    noisy = standard + variance[step].sqrt()[:, None] * torch.randn_like(standard)
    return cross_entropy(network.head(network.features(noisy)), (step * network.bins) // _STEPS)


class DiffusionTimes:
    """What can be asked of it: a critic's opinion."""

    family = "diffusion_time"
    modality = "tabular"
    missing = {"log_prob": "a classifier of diffusion time has no likelihood"}  # noqa: RUF012

    def __init__(self, network: TimeClassifier, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics

    def discriminate(self, items: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (minus the expected bin of time [item], features [item, width]) of rows; raises ModelError."""
        x = number_rows(items, self.network.numbers, "row").to(self.numerics["device"])
        with torch.inference_mode():
            features = self.network.features(self.network.standard(x))
            share = self.network.head(features).double().softmax(-1)
            expected = share @ torch.arange(self.network.bins, dtype=share.dtype, device=share.device)
        return -expected, features
