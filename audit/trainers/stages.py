"""What is not trained by one loss: a GAN, by two against each other, and a latent diffusion model, in two stages.

    GAN                critic      softplus(-D(x)) + softplus(D(G(z))) + 0.3 |grad D|^2     (Mescheder et al. 2018,
                       generator   softplus(-D(G(z)))                                        1801.04406)
    its encoder        mean (x - G(E(x)))^2 + mean (f(x) - f(G(E(x))))^2, G and the critic's features f as they are
                       (izi_f: f-AnoGAN, Schlegl et al. 2019), where it is wanted
    latent diffusion   a VAE with a KL term of weight 0.3, kept at its best; then the denoiser of its standardised
                       latents z ~ q(z|x)

A GAN has no likelihood that could tell when to stop, and its losses say who is ahead, not how good the draws are. Its
held-out loss is the energy distance between draws y and held-out images x, as points,

    E|x - y| - E|x - x'| / 2 - E|y - y'| / 2

which is 0 only where both have one distribution (Szekely & Rizzo 2013), estimated without bias, so below 0 by chance;
the draws' noise is the same at every look. What is kept is generator and critic of the nearest draws.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import softplus

from audit.models.opened.gan import GANNetwork
from audit.models.opened.latent_diffusion import LatentNetwork
from audit.models.opened.vae import VAENetwork
from audit.trainers.loop import BATCH, Average, Course, Held, Watch, batches, pace
from audit.trainers.networks import LOOKED_AT, descend, fitted, place_of
from audit.trainers.objectives import noise_loss, vae_loss

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audit.trainer import Budget, Fitted, Lesson

__all__ = [
    "KL_WEIGHT", "encoder_loss", "energy_distance", "fit_gan", "fit_latent", "latent_loss", "latent_of", "oppose",
]

KL_WEIGHT = 0.3
"""Of an autoencoder whose latents a diffusion model learns."""
_PENALTY = 0.3
_RATE = 1e-3


def fit_gan(
    images: Sequence[torch.Tensor], levels: int, lesson: Lesson, budget: Budget, *, latent: int, hidden: int,
    encoder: bool, batch: int,
) -> Fitted:
    """Return a GAN of (training, validation) images, integers [item, side, side].

    With an encoder each of the two may take all steps, the GAN half of the time and the encoder what is left.
    """
    config = {"side": images[0].shape[1], "levels": levels, "latent": latent, "hidden": hidden}
    config |= {"encoder": True} if encoder else {}  # folders of before have no such word
    place, begun = place_of(lesson, budget), time.monotonic()
    whole = budget
    if encoder and budget.seconds is not None:
        budget = replace(budget, seconds=budget.seconds / 2)
    train, validation = place.on(tuple(part.flatten(1) for part in images))
    with place.settled():
        network = GANNetwork(**config).to(place.device)
        held = network.middle(validation[:LOOKED_AT])
        noise = torch.randn(len(held), latent, device=place.device)
        look = Held(lambda: energy_distance(network.generator(noise), held), budget)
        course = oppose(network, train, budget.steps, held=look, batch=batch)
    if not encoder:
        return fitted("gan", config, network, course, "energy distance of draws to held-out images", place)
    left = None if whole.seconds is None else whole.seconds - (time.monotonic() - begun)
    second = replace(place, seed=lesson.seed + 1, budget=replace(whole, seconds=left))
    assert network.encoder is not None
    network.encoder.requires_grad_(True)
    with second.settled():
        learnt = descend(
            network.encoder, lambda coder, x: encoder_loss(network, coder, x), (network.middle(train),),
            (network.middle(validation),), second, rate=_RATE, decay=0.0, batch=batch,
        )
    return fitted("gan", config, network, learnt, "squared error of images and features", place, course.looks)


def encoder_loss(network: GANNetwork, encoder: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return what is not found again of x [item, pixel] in [-1, 1], and of the critic's features of it."""
    made = network.generator(encoder(x))
    features, again = network.criticise(x)[1], network.criticise(made)[1]
    return ((x - made) ** 2).mean() + ((features - again) ** 2).mean()


def oppose(
    network: GANNetwork, x: torch.Tensor, steps: int, *, held: Held | None = None, batch: int = BATCH
) -> Course:
    """Train generator and critic in place on integers x [item, pixel], spread over their bins, and freeze them.

    Weights are averaged; with `held` the best are kept. The loss that is told on the way is the critic's.
    """
    critic = [*network.first.parameters(), *network.second.parameters(), *network.logit.parameters()]
    making = torch.optim.Adam(network.generator.parameters(), _RATE, betas=(0.0, 0.9))
    judging = torch.optim.Adam(critic, _RATE, betas=(0.0, 0.9))
    average = Average(network, rising=held is not None)
    watch = None if held is None else Watch(average, held, steps)
    for step, rows in enumerate(batches(len(x), steps, batch), 1):
        for group in (*making.param_groups, *judging.param_groups):
            group["lr"] = _RATE * pace(step - 1, steps)
        real = (x[rows] + torch.rand(x[rows].shape, device=x.device)) / (network.levels / 2) - 1
        value = _critic_loss(network, real)
        _descend(judging, value)
        made = network.generator(torch.randn(batch, network.latent, device=x.device))
        _descend(making, softplus(-network.criticise(made)[0]).mean())
        average.update()
        if watch is not None and watch.ends(step, value):
            break
    average.settle(None if watch is None else watch.weights)
    return Course() if watch is None else watch.course()


def _critic_loss(network: GANNetwork, real: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(len(real), network.latent, device=real.device)
    made = network.generator(noise).detach().requires_grad_()
    real = real.requires_grad_()
    yes, no = network.criticise(real)[0], network.criticise(made)[0]
    slopes = torch.autograd.grad([yes.sum(), no.sum()], [real, made], create_graph=True)
    penalty = sum((slope**2).sum(1).mean() for slope in slopes)
    return softplus(-yes).mean() + softplus(no).mean() + _PENALTY * penalty


def _descend(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def energy_distance(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the energy distance of two samples [item, dim] of two or more each, without bias, in their unit."""
    within = [torch.cdist(one, one).sum() / (len(one) * (len(one) - 1)) for one in (x, y)]
    return torch.cdist(x, y).mean() - sum(within) / 2


def fit_latent(
    images: Sequence[torch.Tensor], levels: int, lesson: Lesson, budget: Budget, *, latent: int, hidden: int,
    width: int, blocks: int, dropout: float, batch: int,
) -> Fitted:
    """Return an autoencoder of (training, validation) images and the denoiser of its latents.

    Each stage may take all steps, the first half of the time and the second what is left.
    """
    coder = {"side": images[0].shape[1], "levels": levels, "latent": latent, "hidden": hidden}
    config = {"autoencoder": coder, "denoiser": {"width": width, "blocks": blocks}}
    place, begun = place_of(lesson, budget), time.monotonic()
    half = None if budget.seconds is None else budget.seconds / 2
    with place.settled():
        autoencoder = VAENetwork(**coder, dropout=dropout).to(place.device)
        first = descend(
            autoencoder, lambda network, x: vae_loss(network, x, KL_WEIGHT), (images[0],), (images[1],),
            replace(place, budget=replace(budget, seconds=half)), rate=2e-3, decay=1e-2, batch=batch,
        )
    left = None if budget.seconds is None else budget.seconds - (time.monotonic() - begun)
    second_place = replace(place, seed=lesson.seed + 1, budget=replace(budget, seconds=left))
    with second_place.settled():
        network = latent_of(autoencoder, config, place.on((images[0],))[0])
        parts = [autoencoder.encode(place.on((part,))[0]) for part in images]
        course = descend(
            network.denoiser, lambda denoiser, mean, std: latent_loss(network, denoiser, mean, std), parts[0],
            parts[1], second_place, rate=2e-3, decay=0.0, batch=batch,
        )
        network.eval().requires_grad_(False)
    unit = "squared error of the noise in latents"
    return fitted("latent_diffusion", config, network, course, unit, place, first.looks)


def latent_of(
    autoencoder: VAENetwork, config: Mapping[str, Mapping[str, int]], images: torch.Tensor
) -> LatentNetwork:
    """Return an autoencoder with a denoiser that has learnt nothing, its latents standardised by those of images."""
    network: LatentNetwork = LatentNetwork(dict(config["autoencoder"]), dict(config["denoiser"])).to(images.device)
    network.autoencoder.load_state_dict(autoencoder.state_dict())
    mean, std = autoencoder.encode(images)
    network.shift.copy_(mean.mean(0))
    network.scale.copy_(1 / (mean.var(0) + (std**2).mean(0)).sqrt())
    return network


def latent_loss(
    network: LatentNetwork, denoiser: torch.nn.Module, mean: torch.Tensor, std: torch.Tensor
) -> torch.Tensor:
    """Return the loss of the denoiser on latents drawn from N(mean, std^2), each [item, latent], and standardised."""
    z = mean + std * torch.randn_like(std)
    return noise_loss(denoiser, (z - network.shift) * network.scale)
