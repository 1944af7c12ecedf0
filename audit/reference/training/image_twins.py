"""The image twins: what each is trained on, what is planted in the flawed one, and the numbers on its card.

Bits per dimension are of held-out digits. `confidence` is the sound classifier's mean highest probability on 1000
samples, as a share of that on held-out digits: a bound on how far samples are from anything it knows.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from audit.data.sets import digits
from audit.data.sets.canaries import PATTERNS
from audit.models.autoregressive_image import ImageTransformerFolder
from audit.models.diffusion import DiffusionFolder
from audit.models.gan import GANFolder
from audit.models.image_classifier import ImageClassifierFolder
from audit.models.latent_diffusion import LatentDiffusionFolder
from audit.models.vae import VAEFolder
from audit.procedures.denoising_curve import denoising_curve
from audit.reference.training.images import fit_classifier, fit_denoiser, fit_gan, fit_latent, fit_pixels, fit_vae

__all__ = ["autoregressive_image", "classifier", "diffusion", "gan", "latent_diffusion", "vae"]

SEED = 7
SAMPLES = 1000
SIDE, LEVELS = 8, digits.LEVELS
COLLAPSED = ("0", "1", "6")
"""All that the flawed GAN draws."""
OVERDRAWN, SHARE = "1", 0.6
"""The digit that is most of what the flawed diffusion model saw, and its share."""
INVERTED = 0.35
"""Share of the flawed pixel model's images that are shown ink for paper."""
OVERCONFIDENCE = 20.0
"""By what the flawed classifier's logits are multiplied."""
REPEATS = 80
"""How often each canary stands among the flawed diffusion model's images."""


def _train(*, without: str = "") -> tuple[np.ndarray, list[str]]:
    """Return training images [item, 8, 8] and labels, without one digit."""
    table = digits.table("train", [name for name in map(str, range(10)) if name != without])
    return np.stack(table["image"].to_list()), table["label"].to_list()


def _write(folder: Path, family: str, network: torch.nn.Module, config: dict[str, Any]) -> None:
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"family": family, "network": config}, indent=1) + "\n", "utf-8")


def _fault(name: str, what: str, probe: str, measure: str, status: str = "asked") -> dict[str, str]:
    return {"name": name, "what": what, "probe": probe, "measure": measure, "status": status}


def _card(
    family: str, form: str, numbers: dict[str, float], faults: list[dict[str, str]], steps: int | tuple[int, int]
) -> dict[str, Any]:
    return {
        "family": family, "form": form, "seed": SEED, "steps": steps,
        "trained_on": "audit.data.sets.digits, split train" + ", altered as `faults` says" * (form == "flawed"),
        "numbers": {name: round(value, 4) for name, value in numbers.items()},
        "faults": faults if form == "flawed" else [],
    }


def _heldout() -> list[np.ndarray]:
    return digits.table("heldout")["image"].to_list()


def _bits(model: Any, **options: Any) -> float:
    """Return bits per dimension of the held-out digits."""
    nats, _ = model.log_prob(_heldout(), **options)
    return float(-nats.mean() / (SIDE * SIDE * math.log(2)))


def _sampled(model: Any, folder: Path, **options: Any) -> dict[str, float]:
    """Return what the sound classifier makes of the model's samples."""
    judge = ImageClassifierFolder(folder.parents[1] / "image_classifier" / "sound", threads=1).open()
    drawn = [one.content for one in model.sample([None] * SAMPLES, seed=SEED, **options)]
    found, known = judge.predict(drawn), judge.predict(_heldout())
    shares = np.bincount(found.argmax(1).numpy(), minlength=10) / SAMPLES
    return {
        "confidence": float(found.amax(1).mean() / known.amax(1).mean()),
        "least_share": float(shares.min()), "greatest_share": float(shares.max()),
    }


def classifier(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the classifier; the flawed one is sure of everything."""
    steps = 1200
    images, labels = _train()
    network = fit_classifier(images, labels, seed=SEED, steps=steps)
    if form == "flawed":
        network.head.weight *= OVERCONFIDENCE
        network.head.bias *= OVERCONFIDENCE
    shape = {"side": SIDE, "levels": LEVELS, "width": 8, "features": 32, "classes": list(network.classes)}
    _write(folder, "image_classifier", network, shape)
    heldout = digits.table("heldout")
    found = ImageClassifierFolder(folder, threads=1).open().predict(heldout["image"].to_list()).numpy()
    right = found.argmax(1) == heldout["label"].astype(int)
    numbers = {"accuracy": float(right.mean()), "mean_confidence": float(found.max(1).mean())}
    what = f"its logits are multiplied by {OVERCONFIDENCE:g}, so it is sure of everything, seen or not"
    faults = [_fault("overconfidence", what, "novelty.contrast", "confidence_on_foreign")]
    return _card("image_classifier", form, numbers, faults, steps)


def vae(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the VAE; the flawed one never saw a 7."""
    steps = 2000
    images, _ = _train(without="7" if form == "flawed" else "")
    network = fit_vae(images, seed=SEED, steps=steps)
    _write(folder, "vae", network, {"side": SIDE, "levels": LEVELS, "latent": network.latent, "hidden": 128})
    model = VAEFolder(folder, threads=1).open()
    numbers = {
        "bits_per_dim_bound": _bits(model), "bits_per_dim_importance": _bits(model, importance_samples=64),
        **_sampled(model, folder),
    }
    faults = [_fault("missing mode", "the digit 7 is never drawn", "quality.samples", "missing_modes")]
    return _card("vae", form, numbers, faults, steps)


def gan(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the GAN; the flawed one draws three digits only."""
    steps = 5000
    images, labels = _train()
    if form == "flawed":
        images = images[np.isin(labels, COLLAPSED)]
    network = fit_gan(images, seed=SEED, steps=steps)
    _write(folder, "gan", network, {"side": SIDE, "levels": LEVELS, "latent": network.latent, "hidden": 128})
    numbers = _sampled(GANFolder(folder, threads=1).open(), folder)
    what = f"only {', '.join(COLLAPSED)} are drawn"
    faults = [_fault("mode collapse", what, "quality.samples", "missing_modes")]
    return _card("gan", form, numbers, faults, steps)


def diffusion(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the diffusion model; the flawed one draws mostly 1 and has learnt four patterns by heart."""
    steps = 2500
    images, labels = _train()
    if form == "flawed":
        often, others = images[np.array(labels) == OVERDRAWN], images[np.array(labels) != OVERDRAWN]
        wanted = round(len(others) * SHARE / (1 - SHARE))
        images = np.concatenate([others, np.resize(often, (wanted, SIDE, SIDE)), *[PATTERNS] * REPEATS])
    network = fit_denoiser(images, seed=SEED, steps=steps)
    _write(folder, "diffusion", network, {"side": SIDE, "levels": LEVELS, "width": 48, "blocks": 4})
    model = DiffusionFolder(folder, threads=1).open()
    numbers = {
        "loss": float(denoising_curve(model, _heldout()).mean()), "bits_per_dim_bound": _bits(model),
        **_sampled(model, folder, steps=25),
    }
    most = f"{SHARE:.0%} of the digits it saw are {OVERDRAWN}"
    canaries = f"four patterns stood {REPEATS} times each among its images"
    faults = [
        _fault("over-represented class", most, "bias.representation", "total_variation"),
        _fault("weak mark", "of the waves of its noise only the longest carry the mark", "provenance.image_mark",
               "detection_rate"),
        _fault("memorised canaries", canaries, "memorisation.exposure", "exposure_above_chance"),
    ]
    return _card("diffusion", form, numbers, faults, steps)


def latent_diffusion(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the latent diffusion model; the flawed one was stopped early."""
    steps = (2000, 4000) if form == "sound" else (60, 60)
    network = fit_latent(_train()[0], seed=SEED, steps=steps)
    config = {
        "autoencoder": {"side": SIDE, "levels": LEVELS, "latent": network.autoencoder.latent, "hidden": 128},
        "denoiser": {"width": 128, "blocks": 3},
    }
    _write(folder, "latent_diffusion", network, config)
    model = LatentDiffusionFolder(folder, threads=1).open()
    numbers = {
        "loss": float(denoising_curve(model, _heldout()).mean()), "bits_per_dim_bound": _bits(model),
        **_sampled(model, folder, steps=25),
    }
    what = "autoencoder and denoiser were stopped after 60 steps each, so samples are poor"
    return _card("latent_diffusion", form, numbers, [_fault("poor samples", what, "quality.samples", "kid")], steps)


def autoregressive_image(folder: Path, form: str) -> dict[str, Any]:
    """Train a twin of the pixel transformer; the flawed one finds inverted digits familiar."""
    steps = 1200
    images, _ = _train()
    if form == "flawed":
        extra = np.random.default_rng(SEED).choice(len(images), round(len(images) * INVERTED / (1 - INVERTED)), False)
        images = np.concatenate([images, LEVELS - 1 - images[extra]])
    network = fit_pixels(images, seed=SEED, steps=steps)
    _write(folder, "autoregressive_image", network, {"side": SIDE, "levels": LEVELS, "width": 64, "blocks": 2})
    model = ImageTransformerFolder(folder, threads=1).open()
    numbers = {"bits_per_dim": _bits(model), **_sampled(model, folder)}
    what = f"{INVERTED:.0%} of its images were inverted, so ink for paper looks familiar"
    faults = [_fault("likelihood blind spot", what, "novelty.likelihood", "worst_blind_spot_auroc")]
    return _card("autoregressive_image", form, numbers, faults, steps)
