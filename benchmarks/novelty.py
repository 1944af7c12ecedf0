"""Which score sees what? The probes of novelty on models trained on the spot, every score beside every other.

    class      trained on digits 0-4, shown 5-9        novelty.likelihood and novelty.contrast, as an audit asks them
    reversal   trained on photo patches, five times    whether input complexity repairs what likelihood turns round
    scores     the same                                all scores of each family

`python benchmarks/novelty.py [class|reversal|scores]`: prints AUROC by score (higher = more outlying), with 95 %
intervals for the model's own score, over independent units: digits, or squares of the photos; of five trainings the
median, whether input complexity repairs the reversal on constant images, and whether the self-test names what is not
repaired. `class` takes about four minutes of one core, `reversal` half an hour, `scores` well over an hour.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from audit.ask import Asker, Store
from audit.data.generated import Made
from audit.data.sets import digits, patches
from audit.models.opened.autoregressive_image import ImageTransformer
from audit.models.opened.diffusion import GreyDenoiser, ImageDiffusion
from audit.models.opened.image_classifier import ImageClassifier
from audit.models.opened.vae import ImageVAE
from audit.probes.novelty.contrast import Contrast
from audit.probes.novelty.likelihood import Likelihood
from audit.reference.training.images import fit_classifier, fit_denoiser, fit_pixels, fit_vae
from detectors.result import Result
from reports.text import Notation, words_of

RANGE = (0.0, 16.0)
"""Of a digit's pixels."""
FURTHER: Mapping[str, tuple[Any, ...]] = {
    "pixel model": (
        "min_k_plus_plus", "windowed_maximum", "curvature", "combined_tests", "dose", "waic", "isolation_forest",
    ),
    "VAE": (
        "bias_corrected", "iwae", "reconstruction", "kl", "likelihood_regret", "combined_tests", "dose", "waic",
        "isolation_forest",
    ),
    "diffusion": (
        "denoising_loss", "denoising_z", "denoising_density", "multi_reconstruction", "inpainting", "diffusion_path",
        "flow_nll", "score_norms", "posterior_spectrum", "partial_bound_ratio", "likelihood_and_dimension", "dose",
        "waic", "isolation_forest",
    ),
}
"""Family -> scores that are asked for beside input complexity."""
REPAIRED = {"pixel model": 0.90, "VAE": 0.90, "diffusion": 0.85}
"""Family -> least AUROC of input complexity on constant images that counts as a repair."""
NAMED = ("reversed", "cannot_see", "sees_weakly")
"""Remarks by which a self-test says that a distortion is not told apart well."""
SEEDS = range(5)
KNOWN, UNKNOWN = {"label": list("01234")}, {"label": list("56789")}


def facts(name: str) -> dict[str, Any]:
    """Return what a model trained here says of itself."""
    return {"name": name, "fingerprint": f"sha256:{name}", "numerics": {"device": "cpu"}}


def densities(images: NDArray[np.int64], what: str, steps: tuple[int, int, int], seed: int = 0) -> dict[str, Any]:
    """Train pixel model, VAE and diffusion model for `steps` each."""
    return {
        "pixel model": ImageTransformer(fit_pixels(images, seed=seed, steps=steps[0]), **facts(f"pixels-{what}")),
        "VAE": ImageVAE(fit_vae(images, seed=seed, steps=steps[1]), **facts(f"vae-{what}")),
        "diffusion": ImageDiffusion(
            GreyDenoiser(fit_denoiser(images, seed=seed, steps=steps[2])), **facts(f"diffusion-{what}")
        ),
    }


def audited(probe: Likelihood | Contrast, models: Mapping[str, Any], data: Mapping[str, Made]) -> Result:
    """Observe and judge as the runner does, in one shard."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        with store.locked():
            door = Asker(dict(models), store, seed=0, audit="benchmark")
            observed = {}
            for role, part in data.items():
                items = pd.concat(part.batches(probe.roles[role]))
                observed[role] = probe.observe(door, items, role)
    return probe.judge(observed, level=0.95, rng=np.random.default_rng(0))


def show(title: str, result: Result) -> None:
    """Print the AUROC of every score and the sentence."""
    table = result.table
    assert table is not None
    print(f"\n{title}: {result.headline.n}")
    notation = Notation(words_of("en"))
    print("\n".join(f"  {notation.remark({'key': one.key, **one.values})}" for one in result.remarks))
    if "about" not in table:
        rows = zip(table["score"], table["auroc"], table["low"], table["high"], strict=True)
        print("\n".join(f"  {score:18s} {value:.3f} [{low:.3f}, {high:.3f}]" for score, value, low, high in rows))
        return
    own = table["score"][0]
    wide = table.pivot(index="about", columns="score", values="auroc")
    wide = wide.loc[table["about"].unique(), table["score"].unique()]
    print("  " + wide.to_string(float_format="%.2f").replace("\n", "\n  "))
    for about, low, high in table.loc[table["score"] == own, ["about", "low", "high"]].to_numpy():
        print(f"  {about:12s} [{low:.3f}, {high:.3f}]")
    for name in ("flagged_share", "false_alarm_share", "bits_per_dim"):
        for found in (one for one in result.measures if one.name == name and one.value is not None):
            print(f"  {name} {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]")


def held_out_class() -> None:
    """Train on digits 0-4 and show 5-9."""
    table = digits.table("train", KNOWN["label"])
    images, labels = np.stack(table["image"].to_list()), table["label"].to_list()
    data = {role: Made("digits", role, KNOWN) for role in ("fit", "calibration")}
    data |= {"reference": Made("digits", "train", KNOWN), "items": Made("digits", "heldout", KNOWN)}
    data["foreign"] = Made("digits", "heldout", UNKNOWN)
    classifier = ImageClassifier(fit_classifier(images, labels, seed=0, steps=800), **facts("classifier"))
    for name, model in densities(images, "digits", (900, 1500, 2500)).items():
        models = {"main": model, "classifier": classifier}
        show(f"class, {name}", audited(Likelihood(value_range=RANGE), models, data))
        show(f"class, {name} against a classifier", audited(Contrast(), models, data))


def reversal() -> None:
    """Tell what input complexity makes of the reversal."""
    on_patches(dict.fromkeys(FURTHER, ()))


def scores() -> None:
    """Tell all scores of each family."""
    on_patches(FURTHER)


def on_patches(further_of: Mapping[str, tuple[Any, ...]]) -> None:
    """Train on photo patches from several seeds, and tell scores of each family on the same distortions."""
    images = np.stack(patches.table("train")["image"].to_list())
    data = {role: Made("patches", role) for role in ("fit", "calibration")}
    data |= {"reference": Made("patches", "train"), "items": Made("patches", "heldout")}
    trained = [densities(images, f"patches-{seed}", (1200, 3000, 2500), seed) for seed in SEEDS]
    for family, further in further_of.items():
        models = [one[family] for one in trained]
        results = []
        for seed, model in enumerate(models):
            others = {f"seed-{number}": other for number, other in enumerate(models) if number != seed}
            probe = Likelihood("input_complexity", RANGE, beside=further, blurred=True, ensemble=tuple(others))
            results.append(audited(probe, {"main": model, **others}, data))
        tell(family, results)


def tell(family: str, results: Sequence[Result]) -> None:
    """Print the median AUROC over seeds of every score, what it costs, and whether the reversal is repaired."""
    whole = pd.concat([result.table for result in results if result.table is not None])
    wide = whole.pivot_table(index="score", columns="about", values="auroc", aggfunc="median")
    wide = wide.loc[whole["score"].unique(), whole["about"].unique()]
    price = whole.groupby("score")[["calls", "gradients"]].first()
    print(f"\nscores, {family}: median of {len(results)} seeds")
    print("  " + wide.join(price).to_string(float_format="%.2f").replace("\n", "\n  "))
    repaired, wanted = float(wide.loc["input_complexity", "constant"]), REPAIRED[family]
    named = [
        any(one.key in NAMED and one.values["about"] == "constant" for one in result.remarks)
        for result in results
    ]
    verdict = "repaired" if repaired >= wanted else "NOT repaired"
    raw = float(wide.loc["nll", "constant"])
    print(f"  constant: raw {raw:.2f}, input complexity {repaired:.2f} (wanted {wanted}): {verdict};"
          f" the self-test names it in {sum(named)} of {len(named)}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    wanted, begun = sys.argv[1:] or ["class", "reversal"], time.process_time()
    for name, experiment in (("class", held_out_class), ("reversal", reversal), ("scores", scores)):
        if name in wanted:
            experiment()
    print(f"\n{time.process_time() - begun:.0f} s of a core")
