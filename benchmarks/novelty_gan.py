"""Does a GAN's encoder tell what inversion of its generator tells, and for how much less? Digits 0-4 against 5-9.

    python benchmarks/novelty_gan.py [STEPS]

A GAN of `dokimasia fit` with an encoder learns 0-4, five times from five seeds; every score of each ranks held-out 0-4
and foreign 5-9. Printed: AUROC with its interval, which knows of images and not of seeds, CPU seconds for 1000 images,
how far `f_anogan` is from `inversion`, with the interval of that gap, and of the seeds the median, least and greatest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from audit import plugins
from audit.data.sets import digits
from audit.procedures.f_anogan import f_anogan
from audit.procedures.inversion import WEIGHT, inversion
from audit.trainer import Budget, Lesson
from audit.trainers.images import GANTrainer
from detectors.arrays import Floats
from detectors.novelty.baselines import knn_distance
from detectors.ranking import rank

KNOWN, FOREIGN = list("01234"), list("56789")
SEEDS = 5


def scores(model: Any, learnt: Floats) -> dict[str, Callable[[list[Any]], Floats]]:
    """Return what is compared, from images to scores [item]."""

    def inverted(images: list[Any]) -> Floats:
        found = inversion(model, images)
        return ((1 - WEIGHT) * found["residual"] + WEIGHT * found["feature_gap"]).to_numpy(float)

    return {
        "f_anogan": lambda images: f_anogan(model, images).sum(axis=1).to_numpy(float), "inversion": inverted,
        "critic": lambda images: -model.discriminate(images)[0].numpy().astype(float),
        "knn5": lambda images: knn_distance(learnt, np.stack(images)),
    }


def opened(train: pd.DataFrame, seed: int, steps: int) -> Any:
    """Return a GAN with its encoder, trained from a seed; says how long it took."""
    held = digits.table("calibration", KNOWN)
    with tempfile.TemporaryDirectory() as home:
        begun = time.process_time()
        fitted = GANTrainer(encoder=True).fit(
            Lesson(train, held, (0.0, 16.0), seed), Budget(steps=steps, every=200, threads=1)
        )
        for name, data in fitted.files.items():
            (Path(home) / name).write_bytes(data)
        spent = time.process_time() - begun
        print(f"seed {seed}: {spent:.0f} s of a core, {steps} steps each of GAN and encoder at most", flush=True)
        return plugins.open_model("gan", path=Path(home), threads=1)


def judged(model: Any, learnt: Floats) -> dict[str, float]:
    """Print what every score of one GAN sees; returns the AUROCs, and the gap of f_anogan to inversion."""
    shown: list[list[Any]] = [list(digits.table("heldout", part)["image"].map(np.asarray)) for part in (KNOWN, FOREIGN)]
    told: list[dict[str, Floats]] = [{}, {}]
    values: dict[str, float] = {}
    for name, scored in scores(model, learnt).items():
        begun = time.process_time()
        for place, images in enumerate(shown):
            told[place][name] = scored(images)
        spent = 1000 * (time.process_time() - begun) / sum(map(len, shown))
        familiar, foreign = (pd.DataFrame({name: part[name]}) for part in told)
        value, low, high = rank(familiar, foreign).interval(name, 0.95)
        values[name] = value
        print(f"  {name:10s} AUROC {value:.3f} [{low:.3f}, {high:.3f}]   {spent:7.2f} s for 1000 images", flush=True)
    gap, low, high = rank(pd.DataFrame(told[0]), pd.DataFrame(told[1])).difference("f_anogan", "inversion", 0.95)
    sizes = " and ".join(str(len(one)) for one in shown)
    print(f"  f_anogan - inversion {gap:+.3f} [{low:+.3f}, {high:+.3f}] of {sizes} images", flush=True)
    return values | {"f_anogan - inversion": gap}


def main(steps: int) -> None:
    """Print a table for each seed, then one for all."""
    train = digits.table("train", KNOWN)
    found = [judged(opened(train, seed, steps), np.stack(train["image"])) for seed in range(SEEDS)]
    for name, values in pd.DataFrame(found).items():
        spread = f"{values.min():+.3f} to {values.max():+.3f}"
        print(f"{name!s:21s} median of {SEEDS} seeds {values.median():+.3f}, {spread}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
