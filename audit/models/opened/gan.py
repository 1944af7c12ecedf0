"""A small GAN: a generator that makes images of noise, and a critic that tells data from its images. No likelihood.

With an encoder, trained to the finished generator, it also tells the noise that an image would be made of.

Both work on x in [-1, 1]: integer v below V levels stands for the middle of its bin, (2 v + 1) / V - 1, and the
generator's output falls into the bin that holds it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import leaky_relu

from audit.model import Sample
from audit.models.opened.draws import normals, unconditional
from audit.models.opened.items import grey_images

__all__ = ["EncodedGAN", "GANNetwork", "ImageGAN"]


class GANNetwork(nn.Module):  # type: ignore[misc]
    """Generator, critic and where wanted an encoder, of two hidden layers each, for integers [row, column] below
    `levels`.
    """

    def __init__(self, side: int, levels: int, latent: int, hidden: int, encoder: bool = False) -> None:
        super().__init__()
        self.shape, self.levels, self.latent = (side, side), levels, latent
        pixels = side * side
        self.generator = nn.Sequential(
            nn.Linear(latent, hidden), nn.LayerNorm(hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Tanh(),
        )
        self.first, self.second = nn.Linear(pixels, hidden), nn.Linear(hidden, hidden)
        self.logit = nn.Linear(hidden, 1)
        self.encoder = nn.Sequential(
            nn.Linear(pixels, hidden), nn.LayerNorm(hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, latent),
        ) if encoder else None

    def criticise(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logit [item], features [item, hidden]) for x [item, pixel] in [-1, 1]."""
        features = leaky_relu(self.second(leaky_relu(self.first(x), 0.2)), 0.2)
        return self.logit(features)[:, 0], features

    def middle(self, levels: torch.Tensor) -> torch.Tensor:
        """Return x in [-1, 1] for integers, each in the middle of its bin."""
        return (2 * levels + 1) / self.levels - 1

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        """Return integers [item, row, column] for x [item, pixel]: the bin that holds each value."""
        levels = ((x + 1) * (self.levels / 2)).floor().clamp(0, self.levels - 1).long()
        return levels.unflatten(-1, self.shape)


class ImageGAN:
    """A GAN that can be asked for draws and for its critic's opinion."""

    family = "gan"
    modality = "image"
    missing = {  # noqa: RUF012
        "log_prob": "a GAN has no likelihood",
        "trace": "a GAN has no likelihood",
        "encode": "a GAN has no encoder",
    }

    def __init__(self, network: GANNetwork, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics
        self.latent: int = network.latent
        self.noise_shape = (network.latent,)

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as x [item, pixel] in [-1, 1], each in the middle of its bin."""
        images = grey_images(items, self.network.shape, self.network.levels).flatten(1)
        return self.network.middle(images).to(self.numerics["device"])

    def generate(self, z: torch.Tensor) -> torch.Tensor:
        """Return x [item, pixel] in [-1, 1] for noise z [item, latent] from N(0, I)."""
        return self.network.generator(z)

    def criticise(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logit [item], features [item, dim]) of x [item, pixel]; higher = more like data."""
        return self.network.criticise(x)

    def discriminate(self, x: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (logit [item], features [item, dim]) of items; higher = more like data."""
        with torch.inference_mode():
            return self.network.criticise(self.prepare(x))

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None
    ) -> list[Sample]:
        """Return draws: noise from N(0, I) through the generator."""
        which = unconditional(self.name, prompts, numbers)
        return self.sample_from(normals(seed, which, (self.network.latent,)).numpy(), seed=seed)

    def sample_from(
        self, noise: np.ndarray, *, seed: int, numbers: Sequence[int] | None = None
    ) -> list[Sample]:
        """Return what the generator makes of noise [item, latent]; nothing is left to chance."""
        z = torch.as_tensor(noise, dtype=torch.float32, device=self.numerics["device"])
        with torch.inference_mode():
            drawn = self.network.restore(self.network.generator(z)).cpu().numpy()
        return [Sample(image, elements=math.prod(self.network.shape)) for image in drawn]


class EncodedGAN(ImageGAN):
    """The same, with its encoder."""

    missing = {**ImageGAN.missing, "encode": "a GAN's encoder tells a point, and no Gaussian"}  # noqa: RUF012

    def infer(self, x: torch.Tensor) -> torch.Tensor:
        """Return the noise [item, latent] from which the generator would make x [item, pixel]."""
        assert self.network.encoder is not None
        return self.network.encoder(x)
