"""Training of the small image models of 17 levels by `audit.trainers.loop`, for a given number of steps.

A GAN has two losses: softplus with a penalty on both gradients (Mescheder et al. 2018, 1801.04406).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import softplus

from audit.models.networks.denoisers import ConvDenoiser
from audit.models.networks.gan import GANNetwork
from audit.models.networks.image_classifier import ClassifierNetwork
from audit.models.networks.latent_diffusion import LatentNetwork
from audit.models.networks.likelihoods import unit_levels
from audit.models.networks.pixel_transformer import PixelTransformer
from audit.models.networks.vae import VAENetwork
from audit.trainers.loop import BATCH, Average, batches, minimise, pace, seeded
from audit.trainers.objectives import class_loss, noise_loss, pixel_loss, vae_loss

__all__ = ["fit_classifier", "fit_denoiser", "fit_gan", "fit_latent", "fit_pixels", "fit_vae"]


def fit_vae(
    images: np.ndarray, *, seed: int, steps: int, latent: int = 8, hidden: int = 128, weight: float = 1.0,
    dropout: float = 0.1,
) -> VAENetwork:
    """Return a VAE of images [item, side, side] of 17 levels; `weight` of the KL term is 1 for a proper bound."""
    with seeded(seed):
        network, x = VAENetwork(images.shape[1], 17, latent, hidden, dropout), torch.from_numpy(images)
        minimise(network, lambda rows: vae_loss(network, x[rows], weight), len(x), steps, 2e-3, 1e-2)
        return network


def fit_pixels(images: np.ndarray, *, seed: int, steps: int, width: int = 64) -> PixelTransformer:
    """Return a pixel transformer of images [item, side, side] of 17 levels."""
    with seeded(seed):
        network, x = PixelTransformer(images.shape[1], 17, width, 2, dropout=0.1), torch.from_numpy(images).flatten(1)
        minimise(network, lambda rows: pixel_loss(network, x[rows]), len(x), steps, 2e-3, 5e-2)
        return network


def fit_denoiser(images: np.ndarray, *, seed: int, steps: int, width: int = 48) -> ConvDenoiser:
    """Return a denoiser of images [item, side, side] of 17 levels."""
    with seeded(seed):
        network, x = ConvDenoiser(images.shape[1], 17, width, 4), unit_levels(torch.from_numpy(images), 17)
        minimise(network, lambda rows: noise_loss(network, x[rows]), len(x), steps, 2e-3)
        return network


def fit_latent(images: np.ndarray, *, seed: int, steps: tuple[int, int]) -> LatentNetwork:
    """Return an autoencoder and the denoiser of its latents, trained one after the other for `steps`."""
    autoencoder = fit_vae(images, seed=seed, steps=steps[0], latent=16, weight=0.3)
    with seeded(seed + 1):
        network = LatentNetwork(
            {"side": images.shape[1], "levels": 17, "latent": 16, "hidden": 128}, {"width": 128, "blocks": 3}
        )
        network.autoencoder.load_state_dict(autoencoder.state_dict())
        mean, std = autoencoder.encode(torch.from_numpy(images))
        network.shift.copy_(mean.mean(0))
        network.scale.copy_(1 / (mean.var(0) + (std**2).mean(0)).sqrt())

        def loss(rows: torch.Tensor) -> torch.Tensor:
            z = mean[rows] + std[rows] * torch.randn_like(std[rows])
            return noise_loss(network.denoiser, (z - network.shift) * network.scale)

        minimise(network.denoiser, loss, len(mean), steps[1], 2e-3)
        network.eval().requires_grad_(False)
        return network


def fit_gan(images: np.ndarray, *, seed: int, steps: int, latent: int = 16, hidden: int = 128) -> GANNetwork:
    """Return a GAN of images [item, side, side] of 17 levels; real pixels are spread over their bins."""
    with seeded(seed):
        network, x = GANNetwork(images.shape[1], 17, latent, hidden), torch.from_numpy(images).flatten(1)
        critic = [*network.first.parameters(), *network.second.parameters(), *network.logit.parameters()]
        making = torch.optim.Adam(network.generator.parameters(), 1e-3, betas=(0.0, 0.9))
        judging = torch.optim.Adam(critic, 1e-3, betas=(0.0, 0.9))
        average = Average(network)
        for step, rows in enumerate(batches(len(x), steps)):
            for group in (*making.param_groups, *judging.param_groups):
                group["lr"] = 1e-3 * pace(step, steps)
            real = (x[rows] + torch.rand(x[rows].shape)) / 8.5 - 1
            _descend(judging, _critic_loss(network, real))
            made = network.generator(torch.randn(BATCH, latent))
            _descend(making, softplus(-network.criticise(made)[0]).mean())
            average.update()
        average.settle()
        return network


def _critic_loss(network: GANNetwork, real: torch.Tensor) -> torch.Tensor:
    made = network.generator(torch.randn(len(real), network.latent)).detach().requires_grad_()
    real = real.requires_grad_()
    yes, no = network.criticise(real)[0], network.criticise(made)[0]
    slopes = torch.autograd.grad([yes.sum(), no.sum()], [real, made], create_graph=True)
    penalty = sum((slope**2).sum(1).mean() for slope in slopes)
    return softplus(-yes).mean() + softplus(no).mean() + 0.3 * penalty


def _descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def fit_classifier(
    images: np.ndarray, labels: list[str], *, seed: int, steps: int, width: int = 8, features: int = 32
) -> ClassifierNetwork:
    """Return a classifier of images [item, side, side] of 17 levels into the sorted labels."""
    classes = sorted(set(labels))
    with seeded(seed):
        network = ClassifierNetwork(images.shape[1], 17, width, features, classes)
        x, y = torch.from_numpy(images), torch.tensor([classes.index(label) for label in labels])
        minimise(network, lambda rows: class_loss(network, x[rows], y[rows]), len(x), steps, 3e-3, 1e-2)
        return network
