"""A causal transformer over pixels in raster order: log p(x) = sum_i log p(x_i | x_1, ..., x_{i-1}), exact.

The pixel above is a second input, and a start value stands before the first pixel, so that the first is scored too.
Keys and values of earlier pixels are kept while drawing, so nothing is computed twice.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["Cache", "PixelTransformer", "TransformerBlock"]

Cache = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values [item, head, pixel, width] of each block so far."""


class TransformerBlock(nn.Module):  # type: ignore[misc]
    """Pre-norm attention and a layer of four times the width."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.again = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, h: torch.Tensor, before: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Return (h [item, pixel, width], keys and values so far); with `before`, h is the one newest pixel."""
        q, k, v = self.attention(self.norm(h)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if before is not None:
            k, v = torch.cat([before[0], k], 2), torch.cat([before[1], v], 2)
        seen = scaled_dot_product_attention(q, k, v, is_causal=before is None)
        h = h + self.dropout(self.joined(seen.transpose(1, 2).flatten(2)))
        return h + self.dropout(self.inner(self.again(h))), (k, v)


class PixelTransformer(nn.Module):  # type: ignore[misc]
    """Logits over grey levels for every pixel given those before it in raster order."""

    def __init__(self, side: int, levels: int, width: int, blocks: int, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape, self.levels = (side, side), levels
        self.value, self.above = nn.Embedding(levels + 1, width), nn.Embedding(levels + 1, width)
        self.row, self.column = nn.Embedding(side, width), nn.Embedding(side, width)
        self.blocks = nn.ModuleList([TransformerBlock(width, heads, dropout) for _ in range(blocks)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, levels)

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [item, pixel, level] for pixels [item, pixel]; row i of the answer has seen pixels before i only."""
        return self.head(self.norm(self.hidden(pixels)))

    def hidden(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the last block's output [item, pixel, width]."""
        side = self.shape[1]
        start = torch.full_like(pixels[:, :side], self.levels)
        before = torch.cat([start[:, :1], pixels[:, :-1]], 1)
        above = torch.cat([start, pixels[:, :-side]], 1)
        h = self._embedded(before, above, torch.arange(pixels.shape[1], device=pixels.device))
        for block in self.blocks:
            h, _ = block(h)
        return h

    def step(self, drawn: torch.Tensor, cache: Cache | None) -> tuple[torch.Tensor, Cache]:
        """Return (logits [item, level] of the pixel that follows `drawn` [item, pixels so far], cache for the next)."""
        place, side = drawn.shape[1], self.shape[1]
        start = drawn.new_full((len(drawn), 1), self.levels)
        before = drawn[:, -1:] if place else start
        above = drawn[:, place - side : place - side + 1] if place >= side else start
        h = self._embedded(before, above, torch.tensor([place], device=drawn.device))
        new: Cache = []
        for index, block in enumerate(self.blocks):
            h, kept = block(h, cache[index] if cache else None)
            new.append(kept)
        return self.head(self.norm(h))[:, 0], new

    def _embedded(self, before: torch.Tensor, above: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
        side = self.shape[1]
        where = self.row(place // side) + self.column(place % side)
        return self.value(before) + self.above(above) + where
