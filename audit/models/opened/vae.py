"""A small VAE on grey levels, and what can be asked of any VAE.

    x -> two layers -> q(z|x) = N(mean, std^2)        z -> two layers -> p(x|z) = product of categoricals
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import nn

from audit.model import LikelihoodKind, Sample
from audit.models.opened.draws import chunks, normals, shared_normals, unconditional, uniforms
from audit.models.opened.items import grey_images
from audit.models.opened.likelihoods import GreyLevels, unit_levels

__all__ = ["Autoencoding", "ImageVAE", "VAENetwork", "gaussian_kl", "reconstruction_terms"]


class VAENetwork(nn.Module):  # type: ignore[misc]
    """Encoder and decoder of two hidden layers each; items are integers [row, column] below `levels`."""

    def __init__(self, side: int, levels: int, latent: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape: tuple[int, ...] = (side, side)
        self.levels, self.latent, self.noise_shape = levels, latent, (latent,)
        pixels = side * side
        self.encoder = _three_layers(pixels, hidden, 2 * latent, dropout)
        self.decoder = _three_layers(latent, hidden, pixels * levels, dropout)

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as int64 [item, row, column]."""
        return grey_images(items, self.shape, self.levels)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of q(z|x), each [item, latent]."""
        mean, log_variance = self.encoder(unit_levels(x, self.levels).flatten(1)).chunk(2, -1)
        return mean, (log_variance.clamp(-8, 4) / 2).exp()

    def decode(self, z: torch.Tensor) -> GreyLevels:
        """Return p(x|z): a categorical over the levels for each pixel."""
        return GreyLevels(self.decoder(z).unflatten(-1, (*self.shape, self.levels)))


def _three_layers(given: int, hidden: int, out: int, dropout: float) -> nn.Sequential:
    first = (nn.Linear(given, hidden), nn.GELU(), nn.Dropout(dropout))
    return nn.Sequential(*first, nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out))


class Autoencoding(Protocol):
    """What a VAE is made of, and the first half of a latent diffusion model."""

    shape: tuple[int, ...]
    latent: int
    noise_shape: tuple[int, ...]
    """Of z before it is flattened."""

    def parameters(self) -> Iterator[torch.Tensor]:
        """Yield what was learnt."""

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return x [item, ...]."""

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of q(z|x), each [item, latent]."""

    def decode(self, z: torch.Tensor) -> torch.distributions.Distribution:
        """Return p(x|z) for z [item, latent]; it has `icdf`."""


def gaussian_kl(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Return KL(N(mean, std^2) || N(0, 1)) in nats [item], for mean and std [item, latent]."""
    return 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum(-1)


def reconstruction_terms(
    network: Autoencoding, x: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, noise: torch.Tensor
) -> torch.Tensor:
    """Return log p(x | mean + std noise_k) in nats [sample, item]; noise [sample, latent], the same for all items."""
    z = mean + std * noise[:, None]
    repeated = x.expand(len(noise), *x.shape).flatten(0, 1)
    return network.decode(z.flatten(0, 1)).log_prob(repeated).unflatten(0, z.shape[:2])


class ImageVAE:
    """A VAE that can be asked."""

    family = "vae"
    modality = "image"
    differentiable: Literal[True] = True

    def __init__(self, network: Autoencoding, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics
        self.latent: int = network.latent
        self.noise_shape = network.noise_shape

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as the tensor [item, ...] that `encode` takes."""
        return self.network.prepare(items).to(self.numerics["device"])

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of q(z|x), each [item, latent]."""
        return self.network.encode(x)

    def decode(self, z: torch.Tensor) -> torch.distributions.Distribution:
        """Return p(x|z) for z [item, latent]."""
        return self.network.decode(z)

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None
    ) -> list[Sample]:
        """Return draws: z from N(0, I), then x from p(x|z)."""
        which = unconditional(self.name, prompts, numbers)
        return self.sample_from(normals(seed, which, (self.latent,)).numpy(), seed=seed, numbers=which)

    def sample_from(
        self, noise: np.ndarray, *, seed: int, numbers: Sequence[int] | None = None
    ) -> list[Sample]:
        """Return draws of x from p(x|z) for z [item, *noise_shape]."""
        which = range(len(noise)) if numbers is None else numbers
        device, pixels = self.numerics["device"], math.prod(self.network.shape)
        latents = torch.as_tensor(noise, dtype=torch.float32, device=device).flatten(1)
        chances = uniforms(seed, which, self.network.shape).to(device)
        with torch.inference_mode():
            drawn = [
                self.decode(z).icdf(u).cpu().numpy()
                for z, u in zip(chunks(latents, 32 * pixels), chunks(chances, 32 * pixels), strict=True)
            ]
        return [Sample(image, elements=pixels) for batch in drawn for image in batch]

    def log_prob(
        self, items: Sequence[np.ndarray], *, samples: int = 16, importance_samples: int | None = None
    ) -> tuple[np.ndarray, LikelihoodKind]:
        """Return nats [item] and what they are.

        Without `importance_samples`: the evidence lower bound, its reconstruction term averaged over `samples` draws of
        z. With it: log mean_k p(x, z_k) / q(z_k|x) over so many draws (Burda et al. 2016, 1509.00519), an estimate of
        log p(x) from below. The draws' noise is the same for every item.
        """
        count = importance_samples or samples
        noise = shared_normals(0, (count, self.latent)).to(self.numerics["device"])
        score = self._weighted if importance_samples else self._bound
        numbers = 32 * count * math.prod(self.network.shape)
        with torch.inference_mode():
            nats = torch.cat([score(x, noise) for x in chunks(self.prepare(items), numbers)])
        return nats.double().cpu().numpy(), "estimate" if importance_samples else "lower_bound"

    def element_nats(self, items: Sequence[np.ndarray], *, samples: int = 16) -> np.ndarray:
        """Return log p(x|z) pixel by pixel, averaged over `samples` draws of z, nats [item, ...] of the items' shape.

        They add up to the bound but for KL(q(z|x) || p(z)), which has no place in an image.
        """
        noise = shared_normals(0, (samples, self.latent)).to(self.numerics["device"])
        parts = []
        with torch.inference_mode():
            for x in chunks(self.prepare(items), 32 * math.prod(self.network.shape)):
                mean, std = self.encode(x)
                parts.append(sum(self.decode(mean + std * e).by_element(x).double() for e in noise) / samples)
        return np.asarray(torch.cat(parts).cpu().numpy())

    def nats(self, x: torch.Tensor) -> torch.Tensor:
        """Return the bound [item] of x [item, ...] over 16 draws of z; gradients reach the weights."""
        return self._bound(x, shared_normals(0, (16, self.latent)).to(self.numerics["device"]))

    def learnt(self) -> list[torch.Tensor]:
        """Return the tensors that were learnt, the encoder's among them."""
        return list(self.network.parameters())

    def _bound(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mean, std = self.encode(x)
        return reconstruction_terms(self.network, x, mean, std, noise).mean(0) - gaussian_kl(mean, std)

    def _weighted(self, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mean, std = self.encode(x)
        z = mean + std * noise[:, None]
        # log p(z) - log q(z|x): the normalising constants cancel.
        ratio = (0.5 * noise[:, None] ** 2 + std.log() - 0.5 * z**2).sum(-1)
        weights = reconstruction_terms(self.network, x, mean, std, noise) + ratio
        return weights.logsumexp(0) - math.log(len(noise))

    def embed(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return posterior means [item, latent]."""
        with torch.inference_mode():
            return self.encode(self.prepare(items))[0]
