"""Networks that predict the noise in x_t at time t in [0, 1]: one for small images, one for vectors."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import silu

__all__ = ["ConvDenoiser", "VectorDenoiser"]

_FREQUENCIES = 16


class _Time(nn.Module):  # type: ignore[misc]
    """Sines and cosines of t at frequencies 1 to 1000, then two layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * _FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        """Return [item, width] for t [item]."""
        angles = t[:, None] * torch.logspace(0, 3, _FREQUENCIES, device=t.device)
        return self.layers(torch.cat([angles.sin(), angles.cos()], 1))


class _ConvBlock(nn.Module):  # type: ignore[misc]
    """Residual: norm shifted by time, a dilated convolution, the mean over the image added, a convolution."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(width // 8, width)
        self.shift = nn.Linear(width, 2 * width)
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.whole = nn.Linear(width, width)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, h: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """Return [item, width, row, column]."""
        scale, shift = self.shift(time)[..., None, None].chunk(2, 1)
        inner = self.first(silu(self.norm(h) * (1 + scale) + shift))
        inner = inner + self.whole(inner.mean((2, 3)))[..., None, None]
        return h + self.second(silu(inner))


class ConvDenoiser(nn.Module):  # type: ignore[misc]
    """Residual convolutions over one grey image [item, row, column]; the place of a pixel is a second input."""

    def __init__(self, side: int, levels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.shape, self.levels = (side, side), levels
        self.time = _Time(width)
        self.given = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList([_ConvBlock(width, 1 + index % 2) for index in range(blocks)])
        self.out = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise [item, row, column]."""
        along = torch.linspace(-1, 1, self.shape[0], device=x.device)
        place = torch.stack(torch.meshgrid(along, along, indexing="ij")).expand(len(x), -1, -1, -1)
        h, time = self.given(torch.cat([x[:, None], place], 1)), self.time(t)
        for block in self.blocks:
            h = block(h, time)
        return self.out(h)[:, 0]


class VectorDenoiser(nn.Module):  # type: ignore[misc]
    """Residual layers over a vector [item, size], each shifted by time."""

    def __init__(self, size: int, width: int, blocks: int) -> None:
        super().__init__()
        self.time = _Time(width)
        self.given, self.out = nn.Linear(size, width), nn.Linear(width, size)
        self.shifts = nn.ModuleList([nn.Linear(width, 2 * width) for _ in range(blocks)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(blocks)])
        self.layers = nn.ModuleList([
            nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)) for _ in range(blocks)
        ])

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise [item, size]."""
        h, time = self.given(x), self.time(t)
        for shift, norm, layer in zip(self.shifts, self.norms, self.layers, strict=True):
            scale, moved = shift(time).chunk(2, -1)
            h = h + layer(norm(h) * (1 + scale) + moved)
        return self.out(h)
