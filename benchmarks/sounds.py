"""Spoken digits as rows: who hears a speaker, or a digit, that was not learnt?

    python benchmarks/sounds.py FOLDER       FOLDER has WAV files named DIGIT_SPEAKER_TAKE.wav

    speaker     learnt: clips of one; shown: the others of that speaker, and all of another
    digit       learnt: two thirds of all clips but one digit's; shown: the rest, and that digit; each digit in turn

Clips are cut into windows of 0.1 s, each 2 x 20 log-mel energies (`audit.data.audio`). Prints AUROC in points: of the
speaker with a 95 % interval over clips, of the digits the mean with a 95 % interval over the digits left out (Student).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.metrics import roc_auc_score

from audit import plugins
from audit.data.audio import AudioFolder
from audit.probes.novelty.scores import ROLES
from audit.trainer import Budget, Lesson
from audit.trainers.rows import TimeTrainer
from detectors.arrays import Floats
from detectors.novelty.baselines import diffusion_variance, isolation, knn_distance, mixture_surprise, standardised
from detectors.ranking import rank

SPEAKER = "(?P<unit>[0-9]_(?P<label>[a-z]+)_[0-9]+)"
DIGIT = "(?P<unit>(?P<label>[0-9])_[a-z]+_[0-9]+)"


def windows(folder: Path, names: str) -> pd.DataFrame:
    """Return the windows of all clips, with what their name says as label."""
    return pd.concat(AudioFolder(folder, window=0.1, parts=2, names=names).batches(ROLES["items"])).assign(
        label=lambda frame: frame["unit"].str.extract(names)["label"].to_numpy()
    )


def fitted(learnt: pd.DataFrame, shown: Floats, seed: int) -> Floats:
    """Return the expected diffusion time under a classifier trained on the windows of all learnt clips but two."""
    clips = learnt["unit"].unique()
    held = learnt["unit"].isin(clips[:2])
    lesson = Lesson(learnt[~held], learnt[held], None, seed)
    trained = TimeTrainer().fit(lesson, Budget(steps=600, every=50, threads=1))
    with tempfile.TemporaryDirectory() as folder:
        for name, data in trained.files.items():
            (Path(folder) / name).write_bytes(data)
        model = plugins.open_model("diffusion_time", path=Path(folder), threads=1)
    return np.asarray(-model.discriminate(list(shown))[0].numpy())


def scored(learnt: pd.DataFrame, shown: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the scores [window, score] of what is shown."""
    known, new = (np.stack(part["row"].to_list()).astype(float) for part in (learnt, shown))
    fit, items, rng = standardised(known, known), standardised(known, new), np.random.default_rng(seed)
    return pd.DataFrame({
        "knn5": knn_distance(fit, items), "dte_np": diffusion_variance(fit, items),
        "mixture": mixture_surprise(fit, items, rng=rng), "isolation_forest": isolation(fit, items, rng=rng),
        "diffusion_time (fitted)": fitted(learnt, new, seed),
    }, index=shown.index)  # fmt: skip


def speaker(folder: Path) -> None:
    """Print who hears another speaker."""
    whole = windows(folder, SPEAKER)
    one, *_ = sorted(whole["label"].unique())
    own, others = whole[whole["label"] == one], whole[whole["label"] != one]
    clips = np.random.default_rng(0).permutation(own["unit"].unique())
    learnt = own[own["unit"].isin(clips[: len(clips) // 2])]
    familiar = own[~own["unit"].isin(clips[: len(clips) // 2])]
    scores = scored(learnt, pd.concat([familiar, others]), 0)
    low, high = scores.loc[familiar.index], scores.loc[others.index]
    found = rank(low, high, (familiar["unit"], others["unit"]))
    print(f"speaker: {len(learnt)} windows learnt, {len(low)} familiar and {len(high)} foreign shown")
    for name in found.names:
        value, least, most = (100 * number for number in found.interval(name, 0.95))
        print(f"  {name:24s} {value:.1f} [{least:.1f}, {most:.1f}]")


def digits(folder: Path) -> None:
    """Print who hears a digit that was left out."""
    whole = windows(folder, DIGIT)
    told: dict[str, list[float]] = {}
    for place, digit in enumerate(sorted(whole["label"].unique())):
        others, own = whole[whole["label"] != digit], whole[whole["label"] == digit]
        clips = np.random.default_rng(place).permutation(others["unit"].unique())
        known = others["unit"].isin(clips[: 2 * len(clips) // 3])
        shown = pd.concat([others[~known], own])
        scores = scored(others[known], shown, place)
        which = np.repeat([0, 1], [int((~known).sum()), len(own)])
        for name in scores:
            told.setdefault(str(name), []).append(100 * roc_auc_score(which, scores[name]))
    print(f"digit: mean over {len(next(iter(told.values())))} digits left out")
    for name, values in told.items():
        arm = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
        print(f"  {name:24s} {np.mean(values):.1f} [{np.mean(values) - arm:.1f}, {np.mean(values) + arm:.1f}]")


if __name__ == "__main__":
    speaker(Path(sys.argv[1]))
    digits(Path(sys.argv[1]))
