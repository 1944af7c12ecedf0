"""Marks in the noise that our generators begin with: how often they are found in images that are taken together.

Of each reference model 512 images with a mark, in sets of 1, 2, ... 64 by one key, read as they are and after JPEG: the
share of sets found at p <= 1e-3 with its exact interval at 95 %, and how many of 200 keys that were not used are found
at 1e-2 in the first set. Which image has which pattern of signs is known, as who draws them may write it down. About a
minute of a core.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import binom

from audit import plugins
from audit.procedures.starting_noise import starting_noise
from audit.reference.cards import WEIGHTS
from audit.watermarks.image import GaussianShading, TreeRing
from detectors.changes.pixels import compressed
from detectors.intervals import exact_binomial
from detectors.provenance.image.latent import ringed_p, shading

IMAGES, SETS, ALPHA, KEY, WRONG = 512, (1, 2, 4, 8, 16, 32, 64), 1e-3, b"the key", 200
FORMS = {"none": None, "jpeg 90": 90, "jpeg 70": 70, "jpeg 50": 50}
FAMILIES = ("diffusion", "gan", "vae", "latent_diffusion")


def main(_: list[str]) -> int:
    """Print a table for each model and mark; 1 where wrong keys are found more often than they may be."""
    torch.set_num_threads(1)
    loud = False
    for family in FAMILIES:
        model = plugins.open_model(family, path=str(WEIGHTS / family / "sound"))
        marks = [GaussianShading(streams=1 << 16), *([TreeRing()] if len(model.noise_shape) == 2 else [])]
        for mark in marks:
            noise = mark.begun(model.noise_shape, KEY, seed=11, numbers=range(IMAGES))
            how = {"steps": 25} if "diffusion" in family else {}
            made = np.stack([one.content for one in model.sample_from(noise, seed=11, **how)])
            print(f"\n{family}, {mark.variant}, {noise[0].size} numbers of noise")
            print("sets of   " + "".join(f"{size:>17}" for size in SETS) + f"{f'wrong of {WRONG}':>15}", flush=True)
            for name, quality in FORMS.items():
                found = starting_noise(model, list(after(made, quality)))
                print(f"{name:10}" + "".join(f"{told(found, size, mark):>17}" for size in SETS), end="")
                wrong = sum(p_of(found[:64], range(64), mark, b"wrong %d" % n) <= 1e-2 for n in range(WRONG))
                loud |= bool(binom.sf(wrong - 1, WRONG, 1e-2) < 1e-4)
                print(f"{wrong:>15}", flush=True)
    return int(loud)


def after(images: np.ndarray, quality: int | None) -> np.ndarray:
    """Return images [item, row, column] of 17 levels after JPEG of this quality."""
    if quality is None:
        return images
    return np.stack([np.rint(16 * compressed(one / 16, quality=quality)).astype(int) for one in images])


def p_of(found: np.ndarray, numbers: range, mark: GaussianShading | TreeRing, key: bytes) -> float:
    """Return the p-value of a key in the noise found behind images with these numbers, together."""
    if isinstance(mark, TreeRing):
        return ringed_p(found, key, mark.radius)
    one = np.zeros(1, dtype=bool)
    read = [shading(part, one, key, number.to_bytes(4)) for part, number in zip(found, numbers, strict=True)]
    return float(binom.sf(sum(part.matches for part in read) - 1, sum(part.length for part in read), 0.5))


def told(found: np.ndarray, size: int, mark: GaussianShading | TreeRing) -> str:
    """Return the share of sets in which the mark is found, in per cent, with its interval."""
    starts = range(0, len(found) - size + 1, size)
    hits = sum(p_of(found[at : at + size], range(at, at + size), mark, KEY) <= ALPHA for at in starts)
    low, high = exact_binomial(hits, len(starts))
    return f"{100 * hits / len(starts):.0f} [{100 * low:.0f}, {100 * high:.0f}]"
