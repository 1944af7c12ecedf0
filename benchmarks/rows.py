"""Outliers of tables without a model: ours beside pyod and scikit-learn, on the same splits of ADBench's small sets.

    python benchmarks/rows.py FOLDER       FOLDER has ADBench's .npz files: X [row, number], y (1 = outlier)

As in the published tables of DTE (2305.18593) the scores learn from half of the normal rows, standardised by those, and
are shown the other half and all outliers. DTE-C is the classifier of diffusion time of
`dokimasia fit`, 600 steps of 64 rows. Prints AUROC in points, the mean over five splits, and says where a score is
more than a point away from its peer, or is not the same number. pyod is no dependency; where it is not installed, its
columns are left out. Published means are over 57 sets, of which these are a part.
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
from tables import broken, finish, show

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


def _times(fit: Floats, new: Floats, seed: int) -> Floats:
    """Return DTE-NP as it was published: the likeliest of 300 times, of which many rows share one."""
    from scipy.stats import invgamma

    scale = StandardScaler().fit(fit)
    variances = 1 - np.cumprod(1 - np.linspace(1e-4, 1e-2, 300))
    near = NearestNeighbors(n_neighbors=5).fit(scale.transform(fit)).kneighbors(scale.transform(new))[0]
    squared = np.maximum((near**2).mean(axis=1), 1e-12)
    density = invgamma.logpdf(variances, a=fit.shape[1] / 2 - 1, scale=squared[:, None] / 2)
    return np.asarray(density.argmax(axis=1), dtype=float)


def _of_pyod(name: str) -> Scorer | None:
    try:
        from pyod.models.iforest import IForest  # type: ignore[import-not-found]
        from pyod.models.knn import KNN  # type: ignore[import-not-found]
    except ImportError:
        return None

    def scored(fit: Floats, new: Floats, seed: int) -> Floats:
        scale = StandardScaler().fit(fit)
        made = KNN(n_neighbors=5) if name == "knn5" else IForest(random_state=seed)
        return np.asarray(made.fit(scale.transform(fit)).decision_function(scale.transform(new)))

    return scored


def peers() -> dict[tuple[str, str], Scorer]:
    """Return (score, whose) -> the same by others."""
    found: dict[tuple[str, str], Scorer] = {
        ("knn5", "scikit-learn"): _neighbours, ("isolation_forest", "scikit-learn"): _forest,
        ("dte_np", "300 times"): _times,
    }
    for name in ("knn5", "isolation_forest"):
        if (scorer := _of_pyod(name)) is not None:
            found[name, "pyod"] = scorer
    return found


def aurocs(file: Path) -> pd.Series[float]:
    """Return the mean AUROC in points of each score, ours and others', and of kNN the greatest gap between them."""
    with np.load(file, allow_pickle=False) as held:
        rows, outlier = held["X"].astype(float), held["y"].astype(float)
    told: dict[tuple[str, str], list[float]] = {}
    gap = 0.0
    for seed in range(SPLITS):
        fit, new, which = parted(rows, outlier, seed)
        ours = {name: scorer(fit, new, seed) for name, scorer in OURS.items()}
        for name, scores in ours.items():
            told.setdefault((name, "ours"), []).append(100 * roc_auc_score(which, scores))
        for (name, whose), scorer in peers().items():
            scores = scorer(fit, new, seed)
            if name == "knn5":
                gap = max(gap, float(np.abs(scores - ours[name]).max() / max(np.abs(scores).max(), 1e-12)))
            told.setdefault((name, whose), []).append(100 * roc_auc_score(which, scores))
    return pd.Series({key: float(np.mean(values)) for key, values in told.items()} | {("knn5", "gap"): gap})


def main(folder: Path) -> int:
    """Print the tables; returns 1 where a promise is broken."""
    begun = time.process_time()
    table = pd.DataFrame({file.stem: aurocs(file) for file in sorted(folder.glob("*.npz"))}).T
    values = table.drop(columns=[("knn5", "gap")])
    print(values.to_string(float_format="%.1f"))
    pairs: list[tuple[str, str]] = [*values.columns]
    told = (f"{name} ({whose}) {values[name, whose].mean():.2f}" for name, whose in pairs)
    print("mean " + ", ".join(told))
    print("published, 57 sets: " + ", ".join(f"{name} {mean}" for name, mean in PUBLISHED.items()))
    print("ours less the published mean, of other sets: " + ", ".join(
        f"{name} {values[name, 'ours'].mean() - mean:+.1f}" for name, mean in PUBLISHED.items()
    ))
    rows = []
    for name, whose in pairs:
        if whose != "ours":
            apart = float((values[name, "ours"] - values[name, whose]).mean())
            rows.append((f"{name:18s} {whose:14s} {apart:+.2f}", abs(apart) <= WITHIN))
    show(f"Mean AUROC over {len(values)} sets, ours less theirs, in points (at most {WITHIN:g} apart)", "", rows)
    far = float(table["knn5", "gap"].max())
    show("kNN distances, greatest gap to others relative to the largest", "", [(f"{far:.1e}", far < 1e-6)])
    print(f"\n{time.process_time() - begun:.0f} s of a core; {len(broken)} broken")
    return finish()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
