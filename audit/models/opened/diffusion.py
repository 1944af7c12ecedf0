"""What can be asked of a diffusion model in pixel space.

Integers v below V levels become x_0 = 2 v / (V - 1) - 1. The bound's decoder is P(x = v | x_{t_0}) proportional to
q(x_{t_0} | x_0 = v) for each pixel: a distribution over levels, so the bound speaks of integers and not of a density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch

from audit.model import LikelihoodKind, Sample
from audit.models.opened.denoisers import ConvDenoiser
from audit.models.opened.draws import chunks, normals, shared_normals, unconditional
from audit.models.opened.gaussian_diffusion import diffusion_terms, draw, vp_schedule
from audit.models.opened.items import grey_images
from audit.models.opened.likelihoods import GreyLevels, nearest_level, unit_levels

__all__ = ["GreyDenoiser", "ImageDiffusion", "PixelNetwork"]

_APART = 0.4
"""sigma / alpha at t_0 as a share of the gap between levels: there the decoder tells most of them apart, and smaller
noise costs more nats in the steps than it saves in the decoder."""


class GreyDenoiser:
    """Our denoiser with its schedule and its way from integers [row, column] to x_0 and back."""

    def __init__(self, network: ConvDenoiser) -> None:
        self._network = network
        self.shape: tuple[int, ...] = network.shape
        self.levels = network.levels

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in x_t [item, row, column] at times t [item] in [0, 1]."""
        return self._network(x_t, t)

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item]."""
        return vp_schedule(t)

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return x_0 [item, row, column] in [-1, 1]."""
        return unit_levels(grey_images(items, self.shape, self.levels), self.levels)

    def restore(self, x: torch.Tensor) -> np.ndarray:
        """Return integers [item, row, column], the level next to each value."""
        levels: np.ndarray = nearest_level(x, self.levels).cpu().numpy()
        return levels


class PixelNetwork(Protocol):
    """What a diffusion model in pixel space is made of."""

    shape: tuple[int, ...]
    levels: int

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in x_t [item, ...] at times t [item] in [0, 1]."""

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item]."""

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return x_0 [item, ...] in [-1, 1]."""

    def restore(self, x: torch.Tensor) -> np.ndarray:
        """Return items [item, ...]."""


class ImageDiffusion:
    """A diffusion model that can be asked."""

    family = "diffusion"
    modality = "image"
    differentiable: Literal[True] = True

    def __init__(self, network: PixelNetwork, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics
        self.bounds, self.levels, self.noise_shape = (-1.0, 1.0), network.levels, network.shape

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as x_0 [item, ...] in [-1, 1]."""
        return self.network.prepare(items).to(self.numerics["device"])

    def denoise(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in x_t [item, ...] at times t [item] in [0, 1]."""
        return self.network.denoise(x_t, t)

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item], at times t [item] in [0, 1]."""
        return self.network.schedule(t)

    def sample(
        self, prompts: Sequence[None], *, seed: int, numbers: Sequence[int] | None = None,
        steps: int = 50, eta: float = 0.0
    ) -> list[Sample]:
        """Return draws in `steps` steps: DDIM at eta 0, ancestral (DDPM) at eta 1."""
        which = unconditional(self.name, prompts, numbers)
        noise = normals(seed, which, (1 + steps if eta else 1, *self.network.shape)).to(self.numerics["device"])
        return self._drawn(noise if eta else noise.expand(-1, steps + 1, *self.network.shape), steps, eta)

    def sample_from(
        self, noise: np.ndarray, *, seed: int, numbers: Sequence[int] | None = None, steps: int = 50
    ) -> list[Sample]:
        """Return DDIM's draws from noise [item, ...], after which nothing is left to chance."""
        start = torch.as_tensor(noise, dtype=torch.float32, device=self.numerics["device"])[:, None]
        return self._drawn(start.expand(-1, steps + 1, *self.network.shape), steps, 0.0)

    def _drawn(self, noise: torch.Tensor, steps: int, eta: float) -> list[Sample]:
        pixels = math.prod(self.network.shape)
        with torch.inference_mode():
            drawn = [
                self.network.restore(draw(self, part, steps, eta, lambda x: x.clamp(-1, 1)))
                for part in chunks(noise, 256 * pixels)
            ]
        return [Sample(image, elements=pixels) for batch in drawn for image in batch]

    def log_prob(self, items: Sequence[np.ndarray], *, steps: int = 64) -> tuple[np.ndarray, LikelihoodKind]:
        """Return (nats [item], `lower_bound`) of the ancestral sampler in `steps` steps.

        One draw of noise a step, the same for every item, so items compare; the mean over noise is the bound. On 8 x 8
        digits and at 64 steps the level moves by about 0.05 bits per dimension from noise to noise.
        """
        return self._nats(items, steps, self._noise(0, steps)).reshape(len(items), -1).sum(1), "lower_bound"

    def element_nats(self, items: Sequence[np.ndarray], *, steps: int = 64, pairs: int = 4) -> np.ndarray:
        """Return the bound pixel by pixel, nats [item, ...] of the items' shape, by noise that is the same for all.

        One draw of it would light up the same pixels in every item, so this is the mean over `pairs` draws and minus
        each (antithetic, which takes off all that is odd in the noise): it costs `2 * pairs` times what `log_prob`
        does, and adds up to a bound of its own, as far from that as one draw's level is.
        """
        draws = [sign * self._noise(seed, steps) for seed in range(pairs) for sign in (1, -1)]
        return np.asarray(np.mean([self._nats(items, steps, noise) for noise in draws], axis=0))

    def _noise(self, seed: int, steps: int) -> torch.Tensor:
        return shared_normals(seed, (steps + 1, *self.network.shape)).to(self.numerics["device"])

    def _nats(self, items: Sequence[np.ndarray], steps: int, noise: torch.Tensor) -> np.ndarray:
        """Return the bound pixel by pixel, nats [item, ...], by one draw of noise [steps + 1, ...]."""
        numbers = max(256, self.network.levels) * math.prod(self.network.shape)
        with torch.inference_mode():
            nats = torch.cat([self._bound(x, steps, noise) for x in chunks(self.prepare(items), numbers)])
        return np.asarray(nats.cpu().numpy())

    def _bound(self, x: torch.Tensor, steps: int, noise: torch.Tensor) -> torch.Tensor:
        levels = self.network.levels
        nats, noisy, (sigma, alpha) = diffusion_terms(self, x, steps, noise, _APART * 2 / (levels - 1))
        centres = unit_levels(torch.arange(levels, device=x.device), levels)
        logits = -0.5 * ((noisy[..., None] - alpha * centres) / sigma) ** 2
        return nats + GreyLevels(logits, x.dim() - 1).by_element(nearest_level(x, levels)).double()
