"""Training of the networks of a family for `dokimasia fit`: the same loop, with looks at what is held out.

The held-out loss is that of the averaged weights on at most 512 items, with the same noise at every look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from audit.errors import DataError, UsageError
from audit.models.networks.denoisers import ConvDenoiser
from audit.models.networks.diffusion_time import TimeClassifier, time_loss
from audit.models.networks.image_classifier import ClassifierNetwork
from audit.models.networks.likelihoods import unit_levels
from audit.models.networks.pixel_transformer import PixelTransformer
from audit.models.networks.series_transformer import SeriesTransformer
from audit.models.networks.vae import VAENetwork
from audit.models.threads import set_threads
from audit.trainer import Budget, Fitted, Lesson
from audit.trainers.loop import Held, minimise, seeded
from audit.trainers.objectives import class_loss, noise_loss, pixel_loss, series_loss, vae_loss

__all__ = ["fit_classifier", "fit_denoiser", "fit_network", "fit_pixels", "fit_series", "fit_times", "fit_vae"]

_LOOKED_AT = 512
"""Held-out items of a look at most."""
Parts = tuple[torch.Tensor, ...]


def fit_network(
    family: str, build: Callable[..., Any], config: Mapping[str, Any], loss: Callable[..., torch.Tensor],
    train: Parts, validation: Parts, lesson: Lesson, budget: Budget, *, rate: float, decay: float, batch: int,
    unit: str, begin: Callable[[Any], None] | None = None, **fixed: Any,
) -> Fitted:
    """Return a network of a family, trained.

    build: network class, called with `config` and with what is `fixed` in training alone. loss: of the network and a
    batch of each tensor in `train`, whose first axis is the item; `validation` has the same for the held-out items.
    begin: is given the network before the first step. Raises DataError where training led to no number.
    """
    device = _device(budget)
    threads = set_threads(budget.threads)
    train, held = _on(device, train), _on(device, tuple(part[:_LOOKED_AT] for part in validation))
    with seeded(lesson.seed, threads):
        network = build(**config, **fixed).to(device)
        if begin is not None:
            begin(network)

        def step(rows: torch.Tensor) -> torch.Tensor:
            return loss(network, *(part[rows] for part in train))

        def look() -> torch.Tensor:
            with seeded(lesson.seed, threads):
                chunks = list(zip(*(part.split(batch) for part in held), strict=True))
                sums = torch.stack([loss(network, *chunk) * len(chunk[0]) for chunk in chunks])
            return sums.sum() / len(held[0])

        course = minimise(
            network, step, len(train[0]), budget.steps, rate, decay, held=Held(look, budget), batch=batch
        )
    if not np.isfinite([one.validation for one in course.looks]).all():
        raise DataError(f"{family}: its held-out loss became no number; allowed: items that a network can learn from")
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    told = {"family": family, "network": dict(config)}
    files = {"config.json": f"{json.dumps(told, indent=1)}\n".encode(), "model.safetensors": save(weights)}
    return Fitted(
        files, course.looks, course.best, unit, course.stopped, {"device": device, "dtype": "float32",
                                                                 "threads": threads},
    )  # fmt: skip


def _device(budget: Budget) -> str:
    there = torch.cuda.is_available()
    if budget.device == "cuda" and not there:
        raise UsageError("fit: device cuda is not there; allowed: cpu, auto")
    return "cuda" if there and budget.device != "cpu" else "cpu"


def _on(device: str, parts: Parts) -> Parts:
    return tuple(part.to(device) for part in parts)


def fit_pixels(
    images: Sequence[torch.Tensor], levels: int, lesson: Lesson, budget: Budget, *, width: int, blocks: int,
    dropout: float, batch: int,
) -> Fitted:
    """Return a pixel transformer of (training, validation) images, integers [item, side, side]."""
    config = {"side": images[0].shape[1], "levels": levels, "width": width, "blocks": blocks}
    train, validation = ((part.flatten(1),) for part in images)
    return fit_network(
        "autoregressive_image", PixelTransformer, config, pixel_loss, train, validation, lesson, budget, rate=2e-3,
        decay=5e-2, batch=batch, unit="nats per pixel", dropout=dropout,
    )


def fit_vae(
    images: Sequence[torch.Tensor], levels: int, lesson: Lesson, budget: Budget, *, latent: int, hidden: int,
    dropout: float, batch: int,
) -> Fitted:
    """Return a VAE of (training, validation) images, integers [item, side, side]."""
    config = {"side": images[0].shape[1], "levels": levels, "latent": latent, "hidden": hidden}
    train, validation = ((part,) for part in images)
    return fit_network(
        "vae", VAENetwork, config, vae_loss, train, validation, lesson, budget, rate=2e-3, decay=1e-2, batch=batch,
        unit="nats per image", dropout=dropout,
    )


def fit_denoiser(
    images: Sequence[torch.Tensor], levels: int, lesson: Lesson, budget: Budget, *, width: int, blocks: int, batch: int
) -> Fitted:
    """Return a diffusion model of (training, validation) images, integers [item, side, side]."""
    config = {"side": images[0].shape[1], "levels": levels, "width": width, "blocks": blocks}
    train, validation = ((unit_levels(part, levels),) for part in images)
    return fit_network(
        "diffusion", ConvDenoiser, config, noise_loss, train, validation, lesson, budget, rate=2e-3, decay=0.0,
        batch=batch, unit="squared error of the noise",
    )


def fit_classifier(
    images: Sequence[torch.Tensor], labels: Sequence[Sequence[str]], levels: int, lesson: Lesson, budget: Budget, *,
    width: int, features: int, batch: int,
) -> Fitted:
    """Return a classifier of (training, validation) images [item, side, side] into the labels of both."""
    classes = sorted({label for part in labels for label in part})
    place = {label: number for number, label in enumerate(classes)}
    train, validation = (
        (part, torch.tensor([place[label] for label in names])) for part, names in zip(images, labels, strict=True)
    )
    config = {
        "side": images[0].shape[1], "levels": levels, "width": width, "features": features, "classes": classes,
    }  # fmt: skip
    return fit_network(
        "image_classifier", ClassifierNetwork, config, class_loss, train, validation, lesson, budget, rate=3e-3,
        decay=1e-2, batch=batch, unit="nats per label",
    )


def fit_series(
    series: Sequence[torch.Tensor], lesson: Lesson, budget: Budget, *, width: int, blocks: int, components: int,
    dropout: float, batch: int,
) -> Fitted:
    """Return a transformer over (training, validation) series, float32 [item, step]; standardised by the former."""
    config = {"steps": series[0].shape[1], "width": width, "blocks": blocks, "components": components}

    def standardise(network: SeriesTransformer) -> None:
        network.centre.fill_(series[0].mean())
        network.scale.fill_(series[0].std().clamp(min=1e-6))

    train, validation = ((part,) for part in series)
    return fit_network(
        "autoregressive_series", SeriesTransformer, config, series_loss, train, validation, lesson, budget, rate=3e-3,
        decay=2e-2, batch=batch, unit="nats per step", begin=standardise, dropout=dropout,
    )


def fit_times(
    rows: Sequence[torch.Tensor], lesson: Lesson, budget: Budget, *, width: int, bins: int, dropout: float, batch: int
) -> Fitted:
    """Return a classifier of diffusion time for (training, validation) rows, float32 [item, number]; standardised by
    the former, and what never varies there is only shifted.
    """
    config = {"numbers": rows[0].shape[1], "width": width, "bins": bins}

    def standardise(network: TimeClassifier) -> None:
        varies = (rows[0].max(dim=0).values > rows[0].min(dim=0).values).to(rows[0].dtype)
        network.centre.copy_(rows[0].mean(dim=0))
        network.scale.copy_(rows[0].std(dim=0, correction=0) * varies + (1 - varies))

    train, validation = ((part,) for part in rows)
    return fit_network(
        "diffusion_time", TimeClassifier, config, time_loss, train, validation, lesson, budget, rate=1e-3, decay=5e-4,
        batch=batch, unit="nats per bin", begin=standardise, dropout=dropout,
    )
