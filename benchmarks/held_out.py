"""Who sees the class that was never learnt, and who takes the simple for the familiar? Small models, trained here.

    held-out class   trained on digits 0-4, shown 5-9                      P(X) against P(Y|X) against kNN
    reversal         trained on photo patches, shown constant images       raw likelihood ranks them as more familiar

`python benchmarks/held_out.py [class|reversal]`: prints the AUROC of each score with its 95 % interval; higher scores =
more outlying. About six minutes of one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from audit.data.sets import digits, patches
from audit.models.opened.autoregressive_image import ImageTransformer
from audit.models.opened.diffusion import GreyDenoiser, ImageDiffusion
from audit.models.opened.image_classifier import ImageClassifier
from audit.models.opened.vae import ImageVAE
from audit.procedures.denoising_curve import denoising_curve
from audit.reference.training.images import fit_classifier, fit_denoiser, fit_pixels, fit_vae
from detectors.intervals import auroc

Images = list[NDArray[np.int64]]
Scores = Mapping[str, Callable[[Images], NDArray[np.float64]]]
FACTS = {"fingerprint": "none", "numerics": {"device": "cpu"}}
KNOWN, UNKNOWN = list("01234"), list("56789")


def generative(images: NDArray[np.int64], seed: int, steps: tuple[int, int, int]) -> Scores:
    """Train VAE, pixel model and diffusion model for `steps` each; return their scores."""
    vae = ImageVAE(fit_vae(images, seed=seed, steps=steps[0]), name="vae", **FACTS)
    pixels = ImageTransformer(fit_pixels(images, seed=seed, steps=steps[1]), name="pixels", **FACTS)
    diffusion = ImageDiffusion(GreyDenoiser(fit_denoiser(images, seed=seed, steps=steps[2])), name="diffusion", **FACTS)
    return {
        "pixel model: -log p": lambda shown: -pixels.log_prob(shown)[0],
        "VAE: -bound": lambda shown: -vae.log_prob(shown)[0],
        "diffusion: -bound": lambda shown: -diffusion.log_prob(shown)[0],
        "diffusion: denoising loss": lambda shown: denoising_curve(diffusion, shown).mean(1),
    }


def neighbours(images: NDArray[np.int64]) -> Scores:
    """Return the distance to the fifth-nearest training image."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=5).fit(images.reshape(len(images), -1))
    return {"kNN-5 pixel distance": lambda shown: near.kneighbors(np.reshape(shown, (len(shown), -1)))[0][:, -1]}


def discriminative(images: NDArray[np.int64], labels: list[str], seed: int) -> Scores:
    """Train a classifier; return 1 - max softmax, energy, and the least Mahalanobis distance to a class."""
    model = ImageClassifier(fit_classifier(images, labels, seed=seed, steps=800), name="classifier", **FACTS)
    features = model.embed(list(images)).double().numpy()
    groups = [features[np.array(labels) == name] for name in model.classes]
    spread = sum((len(group) - 1) * np.cov(group.T) for group in groups) / len(features)
    inverse = np.linalg.pinv(spread + 1e-3 * np.trace(spread) / len(spread) * np.eye(len(spread)))

    def mahalanobis(shown: Images) -> NDArray[np.float64]:
        found = model.embed(shown).double().numpy()
        gaps = np.stack([found - group.mean(0) for group in groups])
        return np.einsum("cif,fg,cig->ci", gaps, inverse, gaps).min(0)

    return {
        "classifier: 1 - max softmax": lambda shown: 1 - model.predict(shown).amax(1).numpy(),
        "classifier: energy": lambda shown: -model.logits(shown).double().logsumexp(1).numpy(),
        "classifier: Mahalanobis": mahalanobis,
    }


def report(title: str, scores: Scores, familiar: Images, foreign: Images) -> None:
    """Print the AUROC of each score."""
    print(f"\n{title}: {len(familiar)} familiar, {len(foreign)} foreign")
    for name, score in scores.items():
        value, low, high = auroc(score(familiar), score(foreign))
        print(f"  {name:28s} {value:.3f} [{low:.3f}, {high:.3f}]")


def held_out_class(seed: int = 0) -> None:
    """Train on digits 0-4 and show 5-9."""
    table = digits.table("train", KNOWN)
    images, labels = np.stack(table["image"].to_list()), table["label"].to_list()
    scores = generative(images, seed, (1500, 700, 1600)) | neighbours(images) | discriminative(images, labels, seed)
    familiar, foreign = (digits.table("heldout", some)["image"].to_list() for some in (KNOWN, UNKNOWN))
    report("digits 0-4 learnt, 5-9 shown", scores, familiar, foreign)


def reversal(seed: int = 0) -> None:
    """Train on photo patches and show constant images."""
    images = np.stack(patches.table("train")["image"].to_list())
    scores = generative(images, seed, (4000, 800, 1200)) | neighbours(images)
    familiar = patches.table("heldout")["image"].to_list()
    levels = np.random.default_rng(seed).integers(patches.LEVELS, size=len(familiar))
    foreign = [np.full((8, 8), level) for level in levels]
    report("photo patches learnt, constant images shown", scores, familiar, foreign)


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted, begun = sys.argv[1:] or ["class", "reversal"], time.process_time()
    for name, experiment in (("class", held_out_class), ("reversal", reversal)):
        if name in wanted:
            experiment()
    print(f"\n{time.process_time() - begun:.0f} s of a core")
