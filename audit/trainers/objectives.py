"""What each family minimises, as the mean over a batch.

    pixel transformer     - log p(x) a pixel
    series transformer    - log p(x) a step
    vae                   - E log p(x|z) + weight KL
    diffusion             |eps - eps_hat(x_t, t)|^2 over uniform t
    classifier            - log p(y|x)
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from audit.models.opened.gaussian_diffusion import vp_schedule
from audit.models.opened.pixel_transformer import PixelTransformer
from audit.models.opened.series_transformer import SeriesTransformer, log_density
from audit.models.opened.vae import VAENetwork, gaussian_kl

__all__ = ["class_loss", "noise_loss", "pixel_loss", "series_loss", "vae_loss"]


def pixel_loss(network: PixelTransformer, x: torch.Tensor) -> torch.Tensor:
    """Return nats a pixel of integers [item, pixel]."""
    return cross_entropy(network.logits(x).transpose(1, 2), x)


def series_loss(network: SeriesTransformer, x: torch.Tensor) -> torch.Tensor:
    """Return nats a step of series [item, step]."""
    return -log_density(network.mixture(x), x).mean()


def vae_loss(network: VAENetwork, x: torch.Tensor, weight: float = 1.0) -> torch.Tensor:
    """Return nats an image of integers [item, row, column]; `weight` of the KL term is 1 for a proper bound."""
    mean, std = network.encode(x)
    fit = network.decode(mean + std * torch.randn_like(std)).log_prob(x)
    return (weight * gaussian_kl(mean, std) - fit).mean()


def noise_loss(denoise: Any, x: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the predicted noise, at times spread evenly over the batch."""
    t = (torch.rand(1, device=x.device) + torch.arange(len(x), device=x.device) / len(x)) % 1
    alpha, sigma = (part.view(-1, *[1] * (x.dim() - 1)) for part in vp_schedule(t))
    noise = torch.randn_like(x)
    return ((denoise(alpha * x + sigma * noise, t) - noise) ** 2).mean()


def class_loss(network: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return nats a label of images [item, row, column] and classes [item]."""
    return cross_entropy(network(x), y)
