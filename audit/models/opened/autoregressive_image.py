"""What can be asked of an autoregressive image model: exact likelihood, pixel by pixel, and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from audit.model import LikelihoodKind, Sample
from audit.models.opened.draws import chunks, unconditional, uniforms
from audit.models.opened.items import grey_images

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ImageTransformer"]


class ImageTransformer:
    """Log p of images of integers [row, column]; its network has `shape`, `levels`, `logits`, `hidden` and `step`."""

    family = "autoregressive_image"
    modality = "image"

    def __init__(self, network: Any, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as int64 [item, pixel] in raster order."""
        images = grey_images(items, self.network.shape, self.network.levels)
        return images.flatten(1).to(self.numerics["device"])

    def log_prob(self, items: Sequence[np.ndarray]) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], `exact`): the sum over all pixels, the first among them."""
        with torch.inference_mode():
            nats = [_chosen(self._log_probs(x), x).double().sum(1) for x in self._batches(items)]
        return torch.cat(nats).cpu().numpy(), "exact"

    def nats(self, x: torch.Tensor) -> torch.Tensor:
        """Return log p [item] of x [item, pixel]; gradients reach the weights."""
        return _chosen(self._log_probs(x), x).sum(1)

    def learnt(self) -> list[torch.Tensor]:
        """Return the tensors that were learnt."""
        return list(self.network.parameters())

    def trace(self, items: Sequence[np.ndarray]) -> list[pd.DataFrame]:
        """Return a frame an item with one row a pixel; `element` is `row,column`."""
        import pandas as pd

        height, width = self.network.shape
        places = pd.Series([f"{row},{column}" for row in range(height) for column in range(width)])
        with torch.inference_mode():
            numbers = torch.cat([_moments(self._log_probs(x), x) for x in self._batches(items)]).cpu().numpy()
        columns = ["log_prob", "entropy", "variance", "rank"]
        return [pd.DataFrame({"element": places, **dict(zip(columns, one.T, strict=True))}) for one in numbers]

    def embed(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the last block's output, averaged over pixels, [item, width]."""
        with torch.inference_mode():
            return torch.cat([self.network.hidden(x).mean(1) for x in self._batches(items)])

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None,
        temperature: float = 1.0
    ) -> list[Sample]:
        """Return draws, pixel by pixel; at temperature 0 the most likely level each time."""
        which, pixels = unconditional(self.name, prompts, numbers), math.prod(self.network.shape)
        chances = uniforms(seed, which, (pixels,)).to(self.numerics["device"])
        with torch.inference_mode():
            drawn = torch.cat([self._draw(u, temperature) for u in chunks(chances, 512 * pixels)])
        images = drawn.cpu().numpy().reshape(len(which), *self.network.shape)
        return [Sample(image, elements=pixels) for image in images]

    def _draw(self, numbers: torch.Tensor, temperature: float) -> torch.Tensor:
        drawn, cache = numbers.new_zeros((len(numbers), 0), dtype=torch.int64), None
        for number in numbers.T:
            logits, cache = self.network.step(drawn, cache)
            if temperature == 0:
                pixel = logits.argmax(-1)
            else:
                below = (logits / temperature).softmax(-1).cumsum(-1)[:, :-1]
                pixel = (below <= number[:, None]).sum(-1)
            drawn = torch.cat([drawn, pixel[:, None]], 1)
        return drawn

    def _batches(self, items: Sequence[np.ndarray]) -> Any:
        x = self.prepare(items)
        return chunks(x, 64 * x.shape[1] * max(x.shape[1], self.network.levels) // 4)

    def _log_probs(self, x: torch.Tensor) -> torch.Tensor:
        return self.network.logits(x).log_softmax(-1)


def _chosen(log_probs: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return log_probs.gather(-1, x[..., None])[..., 0]


def _moments(log_probs: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Return log p, entropy, variance of log p and rank of the pixel that stands there, [item, pixel, 4]."""
    wide = log_probs.double()
    here, weight = _chosen(wide, x), wide.exp()
    entropy = -(weight * wide).sum(-1)
    variance = (weight * (wide + entropy[..., None]) ** 2).sum(-1)
    rank = 1 + (wide > here[..., None]).sum(-1)
    return torch.stack([here, entropy, variance, rank.double()], -1)
