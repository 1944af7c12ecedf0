"""Training of the small image models of 17 levels by `audit.trainers.loop`, for a given number of steps."""

from __future__ import annotations

import numpy as np
import torch

from audit.models.opened.denoisers import ConvDenoiser
from audit.models.opened.gan import GANNetwork
from audit.models.opened.image_classifier import ClassifierNetwork
from audit.models.opened.latent_diffusion import LatentNetwork
from audit.models.opened.likelihoods import unit_levels
from audit.models.opened.pixel_transformer import PixelTransformer
from audit.models.opened.vae import VAENetwork
from audit.trainers.loop import minimise, seeded
from audit.trainers.objectives import class_loss, noise_loss, pixel_loss, vae_loss
from audit.trainers.stages import KL_WEIGHT, latent_loss, latent_of, oppose

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
    autoencoder = fit_vae(images, seed=seed, steps=steps[0], latent=16, weight=KL_WEIGHT)
    coder = {"side": images.shape[1], "levels": 17, "latent": 16, "hidden": 128}
    with seeded(seed + 1):
        x = torch.from_numpy(images)
        network = latent_of(autoencoder, {"autoencoder": coder, "denoiser": {"width": 128, "blocks": 3}}, x)
        mean, std = autoencoder.encode(x)
        minimise(
            network.denoiser, lambda rows: latent_loss(network, network.denoiser, mean[rows], std[rows]), len(mean),
            steps[1], 2e-3,
        )
        network.eval().requires_grad_(False)
        return network


def fit_gan(images: np.ndarray, *, seed: int, steps: int, latent: int = 16, hidden: int = 128) -> GANNetwork:
    """Return a GAN of images [item, side, side] of 17 levels; real pixels are spread over their bins."""
    with seeded(seed):
        network, x = GANNetwork(images.shape[1], 17, latent, hidden), torch.from_numpy(images).flatten(1)
        oppose(network, x, steps)
        return network


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
