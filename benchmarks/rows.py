"""Outliers of tables without a model: ours beside pyod and scikit-learn, on the same splits of ADBench's small sets.

    python benchmarks/rows.py FOLDER       FOLDER has ADBench's .npz files: X [row, number], y (1 = outlier)

As in the published tables of DTE (2305.18593) the scores learn from half of the normal rows, standardised by those, and
are shown the other half and all outliers. DTE-C is the classifier of diffusion time of
`dokimasia fit`, 600 steps of 64 rows. Prints AUROC in points, the mean over five splits, and says where a score is
more than a point away from its peer, or is not the same number.

The peers of DTE-NP are its exact closed form: the mean of the inverse gamma posterior of the variance, D / (D - 4) of
the mode that ours is, of distances that scikit-learn and pyod find; so it takes sets of five numbers or more. The code
that the paper's tables are made with rounds that to the likeliest of 300 times and ends at the last, so that far rows
tie. That form stands beside, with how far it is from ours: it is another score, and no peer.

pyod is no dependency; where it is not installed, its columns are left out. Published means are over 57 sets, of which
these are a part.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from tables import finish, show

from audit import plugins
from audit.trainer import Budget, Lesson
from audit.trainers.rows import TimeTrainer
from detectors.arrays import Floats
from detectors.novelty.baselines import diffusion_variance, isolation, knn_distance, standardised

SPLITS = 5
STEPS = 600
PUBLISHED = {"dte_np": 81.5, "knn5": 80.9, "dte_c": 80.4, "isolation_forest": 75.7}
"""Mean AUROC over 57 sets and five seeds in the tables of vicliv/DTE, trained on normal rows only."""
WITHIN = 1.0
"""Points that a score may differ from its peer."""
SAME = 1e-6
"""Greatest gap of values that are the same number, relative to the largest."""
Scorer = Callable[[Floats, Floats, int], Floats]


def parted(rows: Floats, outlier: Floats, seed: int) -> tuple[Floats, Floats, Floats]:
    """Return half of the normal rows, the other rows, and which of those are outliers."""
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(outlier == 0))
    shown = np.concatenate([normal[len(normal) // 2 :], np.flatnonzero(outlier == 1)])
    return rows[normal[: len(normal) // 2]], rows[shown], outlier[shown]


def _classified(fit: Floats, new: Floats, seed: int) -> Floats:
    """Return DTE-C: the expected diffusion time by our trainer's network; a tenth of what it learns is held out."""
    cut = max(2, len(fit) // 10)
    frames = [pd.DataFrame({"row": list(part)}) for part in (fit[cut:], fit[:cut])]
    fitted = TimeTrainer().fit(Lesson(frames[0], frames[1], None, seed), Budget(steps=STEPS, every=100, threads=1))
    with tempfile.TemporaryDirectory() as home:
        for name, data in fitted.files.items():
            (Path(home) / name).write_bytes(data)
        model: Any = plugins.open_model("diffusion_time", path=Path(home), threads=1)
    return np.asarray(-model.discriminate(list(new))[0].numpy(), dtype=float)


OURS: Mapping[str, Scorer] = {
    "knn5": lambda fit, new, seed: knn_distance(standardised(fit, fit), standardised(fit, new)),
    "isolation_forest": lambda fit, new, seed: isolation(
        standardised(fit, fit), standardised(fit, new), rng=np.random.default_rng(seed)
    ),
    "dte_np": lambda fit, new, seed: diffusion_variance(standardised(fit, fit), standardised(fit, new)),
    "dte_c": _classified,
}


def _forest(fit: Floats, new: Floats, seed: int) -> Floats:
    scale = StandardScaler().fit(fit)
    return np.asarray(-IsolationForest(random_state=seed).fit(scale.transform(fit)).score_samples(scale.transform(new)))


def _neighbours(fit: Floats, new: Floats, seed: int) -> Floats:
    scale = StandardScaler().fit(fit)
    near = NearestNeighbors(n_neighbors=5).fit(scale.transform(fit))
    return np.asarray(near.kneighbors(scale.transform(new))[0][:, -1])


def _posterior_mean(near: Floats, numbers: int) -> Floats:
    """Return DTE-NP exactly, of distances [row, neighbour]: the mean of the posterior of the variance."""
    from scipy.stats import invgamma

    return np.asarray(invgamma.mean(numbers / 2 - 1) * (near**2).mean(axis=1) / 2)


def _exact(fit: Floats, new: Floats, seed: int) -> Floats:
    scale = StandardScaler().fit(fit)
    near = NearestNeighbors(n_neighbors=5).fit(scale.transform(fit)).kneighbors(scale.transform(new))[0]
    return _posterior_mean(near, fit.shape[1])


def _times(fit: Floats, new: Floats, seed: int) -> Floats:
    """Return DTE-NP as its code rounds it: the likeliest of 300 times, of which many rows share one."""
    from scipy.stats import invgamma

    scale = StandardScaler().fit(fit)
    variances = 1 - np.cumprod(1 - np.linspace(1e-4, 1e-2, 300))
    near = NearestNeighbors(n_neighbors=5).fit(scale.transform(fit)).kneighbors(scale.transform(new))[0]
    squared = np.maximum((near**2).mean(axis=1), 1e-12)
    density = invgamma.logpdf(variances, a=fit.shape[1] / 2 - 1, scale=squared[:, None] / 2)
    return np.asarray(density.argmax(axis=1), dtype=float)


def _of_pyod() -> dict[str, Scorer]:
    """Return pyod's scores; empty where it is not installed."""
    try:
        from pyod.models.iforest import IForest  # type: ignore[import-not-found]
        from pyod.models.knn import KNN  # type: ignore[import-not-found]
    except ImportError:
        return {}

    def scored(made: Any, fit: Floats, new: Floats) -> Floats:
        scale = StandardScaler().fit(fit)
        return np.asarray(made.fit(scale.transform(fit)).decision_function(scale.transform(new)))

    def exact(fit: Floats, new: Floats, seed: int) -> Floats:
        near = np.stack([scored(KNN(n_neighbors=count), fit, new) for count in range(1, 6)], axis=1)
        return _posterior_mean(near, fit.shape[1])

    return {
        "knn5": lambda fit, new, seed: scored(KNN(n_neighbors=5), fit, new),
        "isolation_forest": lambda fit, new, seed: scored(IForest(random_state=seed), fit, new), "dte_np": exact,
    }


PEERS: Mapping[tuple[str, str], Scorer] = {
    ("knn5", "scikit-learn"): _neighbours, ("isolation_forest", "scikit-learn"): _forest,
    ("dte_np", "scikit-learn"): _exact, **{(name, "pyod"): scorer for name, scorer in _of_pyod().items()},
}
"""(score, whose) -> the same by others."""
ROUNDED = ("dte_np", "of 300 times")
EXACT: Mapping[str, Callable[[Floats, int], Floats]] = {
    "knn5": lambda scores, numbers: scores, "dte_np": lambda scores, numbers: scores * numbers / (numbers - 4),
}
"""Score -> ours in the unit of its peers, which must be the same numbers."""


def compared(file: Path) -> tuple[pd.Series[float], pd.Series[float]]:
    """Return the mean AUROC in points of each score, ours and others', and the greatest gap to a peer that is the same
    number, as a share of the largest; raises ValueError for rows of four numbers or fewer.
    """
    with np.load(file, allow_pickle=False) as held:
        rows, outlier = held["X"].astype(float), held["y"].astype(float)
    if (numbers := rows.shape[1]) < 5:
        raise ValueError(f"{file}: got rows of {numbers} numbers; allowed: 5 or more, else the posterior has no mean")
    told: list[dict[tuple[str, str], float]] = []
    gaps: list[dict[tuple[str, str], float]] = []
    for seed in range(SPLITS):
        fit, new, which = parted(rows, outlier, seed)
        ours = {name: scorer(fit, new, seed) for name, scorer in OURS.items()}
        others = {key: scorer(fit, new, seed) for key, scorer in PEERS.items()}
        all_of_them = {(name, "ours"): scores for name, scores in ours.items()} | others
        all_of_them[ROUNDED] = _times(fit, new, seed)
        told.append({key: 100 * float(roc_auc_score(which, scores)) for key, scores in all_of_them.items()})
        gaps.append({
            key: float(np.abs(EXACT[key[0]](ours[key[0]], numbers) - scores).max() / scores.max())
            for key, scores in others.items() if key[0] in EXACT
        })
    return pd.DataFrame(told).mean(), pd.DataFrame(gaps).max()


def show_all(found: Mapping[str, tuple[pd.Series[float], pd.Series[float]]]) -> None:
    """Print the tables of what `compared` found, by set."""
    values = pd.DataFrame({name: of for name, (of, _) in found.items()}).T
    far = pd.DataFrame({name: gap for name, (_, gap) in found.items()}).T.max()
    print(values.set_axis(pd.MultiIndex.from_tuples([*values]), axis=1).to_string(float_format="%.1f"))
    means, spread = values.mean(), values.std() / np.sqrt(len(values))
    print("\nmean, and its standard error over sets: " + ", ".join(
        f"{name} ({whose}) {means[name, whose]:.2f} +- {spread[name, whose]:.1f}" for name, whose in values
    ))
    print("published, 57 sets: " + ", ".join(f"{name} {mean}" for name, mean in PUBLISHED.items()))
    show("Greatest gap of values to a peer, relative to the largest (at most 1e-6)", "", [
        (f"{name:18s} {whose:14s} {gap:.1e}", bool(gap < SAME)) for (name, whose), gap in far.items()
    ])
    apart = {key: values[key[0], "ours"] - values[key] for key in PEERS}
    show(f"AUROC in points, ours less theirs, mean over {len(values)} sets (at most {WITHIN:g}) and farthest set", "", [
        (f"{name:18s} {whose:14s} {one.mean():+.2f} {one.loc[one.abs().idxmax()]:+.2f}", abs(one.mean()) <= WITHIN)
        for (name, whose), one in apart.items()
    ])
    rounded = values["dte_np", "ours"] - values[ROUNDED]
    print(
        f"\nDTE-NP, not rounded less rounded to 300 times, which is another score: {rounded.mean():+.2f} points, "
        f"{rounded.min():+.2f} to {rounded.max():+.2f}; it gains in {(rounded > 0.05).sum()} of {len(rounded)} sets, "
        f"loses in {(rounded < -0.05).sum()}"
    )


def main(folder: Path) -> int:
    """Print the tables; returns 1 where a promise is broken."""
    found = {}
    for file in sorted(folder.glob("*.npz")):
        found[file.stem] = compared(file)
        print(f"{file.stem}: {time.process_time():.0f} s of a core so far", file=sys.stderr, flush=True)
    show_all(found)
    return finish()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
