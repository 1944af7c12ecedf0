"""Training of the small image models: one loop, one loss for each family.

    vae, autoencoder      - E log p(x|z) + weight KL
    gan                   softplus losses with a penalty on both gradients (Mescheder et al. 2018, 1801.04406)
    diffusion             |eps - eps_hat(x_t, t)|^2 over uniform t
    pixel transformer     - log p(x)
    classifier            - log p(y|x)

Weights are averaged over the last steps; the rate rises, then falls to nothing along a cosine. Images are integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from audit.models.networks.denoisers import ConvDenoiser
from audit.models.networks.gan import GANNetwork
from audit.models.networks.gaussian_diffusion import vp_schedule
from audit.models.networks.image_classifier import ClassifierNetwork
from audit.models.networks.latent_diffusion import LatentNetwork
from audit.models.networks.likelihoods import unit_levels
from audit.models.networks.pixel_transformer import PixelTransformer
from audit.models.networks.vae import VAENetwork, gaussian_kl

__all__ = ["fit_classifier", "fit_denoiser", "fit_gan", "fit_latent", "fit_pixels", "fit_vae", "seeded"]

N = TypeVar("N", bound=nn.Module)
_BATCH = 64
_MEMORY = 0.99
"""Share of the averaged weights that a step keeps."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block and leave its state outside as it was; one thread, so that sums come out alike."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


def _batches(count: int, steps: int) -> Iterator[torch.Tensor]:
    """Yield `steps` batches of positions, every image once before any comes again."""
    order = torch.randperm(count)
    for _ in range(steps):
        if len(order) < _BATCH:
            order = torch.cat([order, torch.randperm(count)])
        yield order[:_BATCH]
        order = order[_BATCH:]


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _minimise(
    network: N, loss: Callable[[torch.Tensor], torch.Tensor], count: int, steps: int, rate: float, decay: float = 0.0
) -> N:
    """Train in place on batches of positions; return the network with its averaged weights, frozen."""
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, steps))
    average = _Average(network)
    network.train()
    for positions in _batches(count, steps):
        value = loss(positions)
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update()
    average.settle()
    return network


class _Average:
    """The running mean of a network's weights."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.kept = {name: value.clone() for name, value in network.state_dict().items()}

    def update(self) -> None:
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.kept[name].lerp_(value, 1 - _MEMORY)

    def settle(self) -> None:
        self.network.load_state_dict(self.kept)
        self.network.eval().requires_grad_(False)


def fit_vae(
    images: np.ndarray, *, seed: int, steps: int, latent: int = 8, hidden: int = 128, weight: float = 1.0,
    dropout: float = 0.1,
) -> VAENetwork:
    """Return a VAE of images [item, side, side] of 17 levels; `weight` of the KL term is 1 for a proper bound."""
    with seeded(seed):
        network, x = VAENetwork(images.shape[1], 17, latent, hidden, dropout), torch.from_numpy(images)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            mean, std = network.encode(x[rows])
            fit = network.decode(mean + std * torch.randn_like(std)).log_prob(x[rows])
            return (weight * gaussian_kl(mean, std) - fit).mean()

        return _minimise(network, loss, len(x), steps, 2e-3, 1e-2)


def fit_pixels(images: np.ndarray, *, seed: int, steps: int, width: int = 64) -> PixelTransformer:
    """Return a pixel transformer of images [item, side, side] of 17 levels."""
    with seeded(seed):
        network, x = PixelTransformer(images.shape[1], 17, width, 2, dropout=0.1), torch.from_numpy(images).flatten(1)

        def loss(rows: torch.Tensor) -> torch.Tensor:
            return cross_entropy(network.logits(x[rows]).transpose(1, 2), x[rows])

        return _minimise(network, loss, len(x), steps, 2e-3, 5e-2)


def fit_denoiser(images: np.ndarray, *, seed: int, steps: int, width: int = 48) -> ConvDenoiser:
    """Return a denoiser of images [item, side, side] of 17 levels."""
    with seeded(seed):
        network, x = ConvDenoiser(images.shape[1], 17, width, 4), unit_levels(torch.from_numpy(images), 17)
        return _minimise(network, lambda rows: _noise_loss(network, x[rows]), len(x), steps, 2e-3)


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
            return _noise_loss(network.denoiser, (z - network.shift) * network.scale)

        _minimise(network.denoiser, loss, len(mean), steps[1], 2e-3)
        network.eval().requires_grad_(False)
        return network


def _noise_loss(denoise: Any, x: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error of the predicted noise, at times spread evenly over the batch."""
    t = (torch.rand(1) + torch.arange(len(x)) / len(x)) % 1
    alpha, sigma = (part.view(-1, *[1] * (x.dim() - 1)) for part in vp_schedule(t))
    noise = torch.randn_like(x)
    return ((denoise(alpha * x + sigma * noise, t) - noise) ** 2).mean()


def fit_gan(images: np.ndarray, *, seed: int, steps: int, latent: int = 16, hidden: int = 128) -> GANNetwork:
    """Return a GAN of images [item, side, side] of 17 levels; real pixels are spread over their bins."""
    with seeded(seed):
        network, x = GANNetwork(images.shape[1], 17, latent, hidden), torch.from_numpy(images).flatten(1)
        critic = [*network.first.parameters(), *network.second.parameters(), *network.logit.parameters()]
        making = torch.optim.Adam(network.generator.parameters(), 1e-3, betas=(0.0, 0.9))
        judging = torch.optim.Adam(critic, 1e-3, betas=(0.0, 0.9))
        average = _Average(network)
        for step, rows in enumerate(_batches(len(x), steps)):
            for group in (*making.param_groups, *judging.param_groups):
                group["lr"] = 1e-3 * _rate(step, steps)
            real = (x[rows] + torch.rand(x[rows].shape)) / 8.5 - 1
            _descend(judging, _critic_loss(network, real))
            made = network.generator(torch.randn(_BATCH, latent))
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
        return _minimise(network, lambda rows: cross_entropy(network(x[rows]), y[rows]), len(x), steps, 3e-3, 1e-2)
