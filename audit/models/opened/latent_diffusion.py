"""Diffusion in the latent space of an autoencoder: log p(x) bounded through both.

    u = (z - shift) * scale,   z ~ q(z|x)
    log p(x) >= E_q[ log p(x|z) + log p(u) ] + H(q(u|x))      log p(u) >= diffusion bound with the last step
                                                              p(u|u_{t_0}) = N(u_{t_0} / alpha, (sigma / alpha)^2)

(Vahdat et al. 2021, 2106.05931.) The bound is that of the ancestral sampler with this last step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import nn

from audit.model import LikelihoodKind, Sample
from audit.models.opened.denoisers import VectorDenoiser
from audit.models.opened.draws import chunks, normals, shared_normals, unconditional, uniforms
from audit.models.opened.gaussian_diffusion import diffusion_terms, draw, vp_schedule
from audit.models.opened.vae import Autoencoding, ImageVAE, VAENetwork

__all__ = ["ImageLatentDiffusion", "LatentNetwork", "TwoStages"]

_LOG_2PI = math.log(2 * math.pi)


class LatentNetwork(nn.Module):  # type: ignore[misc]
    """Our autoencoder and the denoiser of its latents, brought to mean 0 and variance 1 by `shift` and `scale`."""

    def __init__(self, autoencoder: dict[str, int], denoiser: dict[str, int]) -> None:
        super().__init__()
        self.autoencoder = VAENetwork(**autoencoder)
        size = self.autoencoder.latent
        self.noise_shape: tuple[int, ...] = (size,)
        self.denoiser = VectorDenoiser(size, **denoiser)
        self.register_buffer("shift", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in standardised latents x_t [item, latent] at times t [item] in [0, 1]."""
        return self.denoiser(x_t, t)

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item]."""
        return vp_schedule(t)


class TwoStages(Protocol):
    """What a latent diffusion model is made of."""

    autoencoder: Autoencoding
    shift: torch.Tensor | float
    scale: torch.Tensor | float
    noise_shape: tuple[int, ...]
    """Of standardised latents before they are flattened."""

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in standardised latents x_t [item, latent] at times t [item] in [0, 1]."""

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item]."""


class ImageLatentDiffusion:
    """A latent diffusion model that can be asked."""

    family = "latent_diffusion"
    modality = "image"
    differentiable: Literal[True] = True

    def __init__(self, network: TwoStages, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics
        self.latent: int = network.autoencoder.latent
        self.noise_shape = network.noise_shape
        self.autoencoder = ImageVAE(network.autoencoder, name=name, fingerprint=fingerprint, numerics=numerics)

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as x_0 [item, latent] of the diffusion: their posterior means, standardised."""
        with torch.inference_mode():
            mean, _ = self.encode(self._images(items))
        return self._standard(mean).clone()

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of the autoencoder's q(z|x), each [item, latent], for images x [item, ...]."""
        return self.network.autoencoder.encode(x)

    def decode(self, z: torch.Tensor) -> torch.distributions.Distribution:
        """Return the autoencoder's p(x|z) for z [item, latent]."""
        return self.network.autoencoder.decode(z)

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in standardised latents x_t [item, latent] at times t [item] in [0, 1]."""
        return self.network.denoise(x_t, t)

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item], at times t [item] in [0, 1]."""
        return self.network.schedule(t)

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None,
        steps: int = 50, eta: float = 0.0
    ) -> list[Sample]:
        """Return draws: latents in `steps` steps (DDIM at eta 0, ancestral at 1), then x from p(x|z)."""
        which, device = unconditional(self.name, prompts, numbers), self.numerics["device"]
        noise = normals(seed, which, (1 + steps if eta else 1, self.latent)).to(device).expand(-1, steps + 1, -1)
        return self._drawn(noise, seed, which, steps, eta)

    def sample_from(
        self, noise: np.ndarray, *, seed: int, numbers: Sequence[int] | None = None, steps: int = 50
    ) -> list[Sample]:
        """Return draws: DDIM's latents from noise [item, *noise_shape], then x from p(x|z)."""
        start = torch.as_tensor(noise, dtype=torch.float32, device=self.numerics["device"]).flatten(1)[:, None]
        which = range(len(noise)) if numbers is None else numbers
        return self._drawn(start.expand(-1, steps + 1, -1), seed, which, steps, 0.0)

    def _drawn(self, noise: torch.Tensor, seed: int, which: Sequence[int], steps: int, eta: float) -> list[Sample]:
        shape = self.network.autoencoder.shape
        pixels, chances = math.prod(shape), uniforms(seed, which, shape).to(noise.device)
        drawn: list[np.ndarray] = []
        with torch.inference_mode():
            pieces = zip(chunks(noise, 256 * pixels), chunks(chances, 256 * pixels), strict=True)
            for part, number in pieces:
                latents = draw(self, part, steps, eta, lambda x: x) / self.network.scale + self.network.shift
                drawn.extend(self.decode(latents).icdf(number).cpu().numpy())
        return [Sample(image, elements=pixels) for image in drawn]

    def log_prob(
        self, items: Sequence[np.ndarray], *, steps: int = 64, samples: int = 4
    ) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], `lower_bound`), averaged over `samples` draws of z, `steps` steps each.

        The noise of z and of every step is the same for every item.
        """
        device = self.numerics["device"]
        latent = shared_normals(0, (samples, self.latent)).to(device)
        noise = shared_normals(1, (samples, steps + 1, self.latent)).to(device)
        with torch.inference_mode():
            nats = torch.cat([
                torch.stack([self._bound(x, steps, e, n) for e, n in zip(latent, noise, strict=True)]).mean(0)
                for x in chunks(self._images(items), 256 * math.prod(self.network.autoencoder.shape))
            ])
        return nats.cpu().numpy(), "lower_bound"

    def element_nats(self, items: Sequence[np.ndarray]) -> np.ndarray:
        """Return the autoencoder's log p(x|z) pixel by pixel; what the latents cost has no place in an image."""
        return self.autoencoder.element_nats(items)

    def _bound(self, x: torch.Tensor, steps: int, latent: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        mean, std = self.encode(x)
        z = mean + std * latent
        u = self._standard(z)
        entropy = ((std * self.network.scale).log() + 0.5 * (1 + _LOG_2PI)).double().sum(1)
        nats, noisy, (sigma, alpha) = diffusion_terms(self, u, steps, noise)
        spread = sigma / alpha
        last = -0.5 * (((u - noisy / alpha) / spread) ** 2 + _LOG_2PI) - spread.log()
        return self.decode(z).log_prob(x).double() + nats.sum(1) + last.double().sum(1) + entropy

    def _images(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        return self.network.autoencoder.prepare(items).to(self.numerics["device"])

    def _standard(self, z: torch.Tensor) -> torch.Tensor:
        return (z - self.network.shift) * self.network.scale
