"""Training of the networks of a family for `dokimasia fit`: the same loop, with looks at what is held out.

The held-out loss is that of the averaged weights on at most 512 items, with the same noise at every look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from audit.errors import DataError, UsageError
from audit.models.opened.denoisers import ConvDenoiser
from audit.models.opened.diffusion_time import TimeClassifier, time_loss
from audit.models.opened.image_classifier import ClassifierNetwork
from audit.models.opened.likelihoods import unit_levels
from audit.models.opened.pixel_transformer import PixelTransformer
from audit.models.opened.row_classifier import RowClassifierNetwork
from audit.models.opened.row_mixture import RowMixture, row_loss
from audit.models.opened.series_transformer import SeriesTransformer
from audit.models.opened.vae import VAENetwork
from audit.models.threads import set_threads
from audit.trainer import Budget, Fitted, Lesson, Look
from audit.trainers.loop import Course, Held, minimise, seeded
from audit.trainers.objectives import class_loss, noise_loss, pixel_loss, series_loss, vae_loss
from detectors.immutable import immutable

__all__ = [
    "LOOKED_AT", "Place", "descend", "fit_classifier", "fit_denoiser", "fit_network", "fit_pixels",
    "fit_row_classifier", "fit_rows", "fit_series", "fit_times", "fit_vae", "fitted", "place_of",
]

LOOKED_AT = 512
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
    place = place_of(lesson, budget)
    with place.settled():
        network = build(**config, **fixed).to(place.device)
        if begin is not None:
            begin(network)
        course = descend(network, loss, train, validation, place, rate=rate, decay=decay, batch=batch)
    return fitted(family, config, network, course, unit, place)


@immutable
class Place:
    """Where and by what seed a network is trained, and how long it may take."""

    device: str
    threads: int
    seed: int
    budget: Budget

    def settled(self) -> AbstractContextManager[None]:
        """Return a block in which all that is drawn begins with the seed."""
        return seeded(self.seed, self.threads)

    def held(self, loss: Callable[..., torch.Tensor], parts: Parts, batch: int) -> Held:
        """Return the looks at a mean loss of held-out items, by batches, with the same noise every time."""
        held = self.on(tuple(part[:LOOKED_AT] for part in parts))

        def look() -> torch.Tensor:
            with self.settled():
                chunks = list(zip(*(part.split(batch) for part in held), strict=True))
                sums = torch.stack([loss(*chunk) * len(chunk[0]) for chunk in chunks])
            return sums.sum() / len(held[0])

        return Held(look, self.budget)

    def on(self, parts: Parts) -> Parts:
        """Return tensors where they are trained on."""
        return tuple(part.to(self.device) for part in parts)


def place_of(lesson: Lesson, budget: Budget) -> Place:
    """Return where a lesson is learnt; raises UsageError for a device that is not there."""
    there = torch.cuda.is_available()
    if budget.device == "cuda" and not there:
        raise UsageError("fit: device cuda is not there; allowed: cpu, auto")
    device = "cuda" if there and budget.device != "cpu" else "cpu"
    return Place(device, set_threads(budget.threads), lesson.seed, budget)


def descend(
    network: Any, loss: Callable[..., torch.Tensor], train: Parts, validation: Parts, place: Place, *, rate: float,
    decay: float, batch: int,
) -> Course:
    """Train a network in place, by a loss of it and of a batch of each tensor."""
    there, own = place.on(train), partial(loss, network)
    return minimise(
        network, lambda rows: own(*(part[rows] for part in there)), len(train[0]), place.budget.steps, rate, decay,
        held=place.held(own, validation, batch), batch=batch,
    )


def fitted(
    family: str, config: Mapping[str, Any], network: Any, course: Course, unit: str, place: Place,
    earlier: tuple[Look, ...] = (),
) -> Fitted:
    """Return the files of a trained network; raises DataError where a look at it found no number."""
    if not np.isfinite([one.validation for one in (*earlier, *course.looks)]).all():
        raise DataError(f"{family}: its held-out loss became no number; allowed: items that a network can learn from")
    weights = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    told = {"family": family, "network": dict(config)}
    files = {"config.json": f"{json.dumps(told, indent=1)}\n".encode(), "model.safetensors": save(weights)}
    numerics = {"device": place.device, "dtype": "float32", "threads": place.threads}
    return Fitted(files, course.looks, course.best, unit, course.stopped, numerics, earlier)


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
    classes, coded = _coded(labels)
    train, validation = zip(images, coded, strict=True)
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
    train, validation = ((part,) for part in rows)
    return fit_network(
        "diffusion_time", TimeClassifier, config, time_loss, train, validation, lesson, budget, rate=1e-3, decay=5e-4,
        batch=batch, unit="nats per bin", begin=_by(rows[0]), dropout=dropout,
    )


def fit_rows(
    rows: Sequence[torch.Tensor], lesson: Lesson, budget: Budget, *, width: int, components: int, noise: float,
    dropout: float, batch: int,
) -> Fitted:
    """Return a density of (training, validation) rows, float32 [item, number]; standardised as in `fit_times`."""
    config = {"numbers": rows[0].shape[1], "width": width, "components": components}
    train, validation = ((part,) for part in rows)
    return fit_network(
        "autoregressive_rows", RowMixture, config, partial(row_loss, noise=noise), train, validation, lesson, budget,
        rate=2e-3, decay=1e-2, batch=batch, unit="nats per row", begin=_by(rows[0]), dropout=dropout,
    )


def fit_row_classifier(
    rows: Sequence[torch.Tensor], labels: Sequence[Sequence[str]], lesson: Lesson, budget: Budget, *, width: int,
    dropout: float, batch: int,
) -> Fitted:
    """Return a classifier of (training, validation) rows into the labels of both; standardised as in `fit_times`."""
    classes, coded = _coded(labels)
    config = {"numbers": rows[0].shape[1], "width": width, "classes": classes}
    train, validation = zip(rows, coded, strict=True)
    return fit_network(
        "row_classifier", RowClassifierNetwork, config, class_loss, train, validation, lesson, budget, rate=2e-3,
        decay=1e-2, batch=batch, unit="nats per label", begin=_by(rows[0]), dropout=dropout,
    )


def _by(rows: torch.Tensor) -> Callable[[Any], None]:
    """Return what gives a network the moments of rows; a number that never varies is only shifted."""

    def standardise(network: Any) -> None:
        varies = (rows.max(dim=0).values > rows.min(dim=0).values).to(rows.dtype)
        network.centre.copy_(rows.mean(dim=0))
        network.scale.copy_(rows.std(dim=0, correction=0) * varies + (1 - varies))

    return standardise


def _coded(labels: Sequence[Sequence[str]]) -> tuple[list[str], list[torch.Tensor]]:
    """Return the classes of all parts, sorted, and the labels of each part as their places."""
    classes = sorted({label for part in labels for label in part})
    place = {label: number for number, label in enumerate(classes)}
    return classes, [torch.tensor([place[label] for label in part]) for part in labels]
