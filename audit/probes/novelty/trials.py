"""Trials of the novelty probes: scripted scores of which every AUROC can be counted.

Scores of familiar items are the points of a normal grid, those of foreign ones the same points moved, so that no
chance is in them; which item has which point is drawn. Scripts look an item up by its own numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Known, Trial, auroc_of, mean_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["contrast_trials", "likelihood_trials"]

_ITEMS = 40
_ROLES = ("items", "foreign", "fit", "calibration")


def _grid(rng: np.random.Generator, mean: float = 0.0, spread: float = 1.0) -> np.ndarray:
    """Return the points of a normal grid in random order."""
    import numpy as np

    points = [NormalDist().inv_cdf((place + 0.5) / _ITEMS) for place in range(_ITEMS)]
    return mean + spread * rng.permutation(np.array(points))


def _key(item: Any) -> bytes:
    import numpy as np

    return np.asarray(item, dtype=float).tobytes()


def _frame(role: str, column: str, items: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column: items.tolist()}, index=pd.Index([f"{role}-{n}" for n in range(len(items))], name="id"))


def _own(score: str, scores: Callable[[Sequence[Any]], np.ndarray]) -> tuple[str, Answer]:
    """Return the question of a score of P(X), and the script that answers it so that the score is `scores` [item]."""
    from audit.probes.novelty.scores import QUESTIONS

    columns: dict[str, Answer] = {
        "log_prob": lambda items: {"log_prob": -scores(items), "kind": "exact"},
        "critic": lambda items: {"logit": -scores(items)},
        "denoising_loss": lambda items: {"denoising_curve": [[one - 1.0, one + 1.0] for one in scores(items)]},
    }
    return QUESTIONS[score], columns[score]


def likelihood_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign and distorted items that look stranger than familiar ones, hardly stranger, and less strange.

    Noise looks strange in all, so that the health check finds nothing.
    """
    tried = replace(probe, fdr=0.1)
    return [_likelihood_trial(tried, rng, dose, moved) for dose, moved in enumerate((25.0, 8.0, -8.0))]


def _likelihood_trial(probe: Any, rng: np.random.Generator, dose: int, moved: float) -> Trial:
    import numpy as np

    from detectors.novelty.blindspots import ARRAY_KINDS

    base = 100.0 + 8 * dose
    means = {"foreign": moved, "calibration": -3.0 * dose, "constant": moved + 2, "noise": 90.0, "half_noise": 60.0}
    images = {role: rng.integers(0, 17, (_ITEMS, 4, 4)) for role in _ROLES}
    points = {name: _grid(rng, base + means.get(name, 0.01), 10.0) for name in _ROLES}
    spots = {kind: _grid(rng, base + means.get(kind, 30.0 + moved), 10.0) for kind in ARRAY_KINDS}
    table = {_key(item): one for role in _ROLES for item, one in zip(images[role], points[role], strict=True)}
    distorted = np.concatenate(list(spots.values()))

    def scores(items: Sequence[Any]) -> np.ndarray:
        """Distortions come behind their items, kind by kind."""
        own = [table[_key(item)] for item in items[:_ITEMS]]
        return np.concatenate([own, distorted[: len(items) - _ITEMS]])

    blind = {kind: auroc_of(points["items"], spot) for kind, spot in spots.items()}
    share = {role: _flagged(points["calibration"], points[role]) for role in ("foreign", "items")}
    known: dict[tuple[str, str | None], Known] = {
        ("auroc", None): auroc_of(points["items"], points["foreign"]),
        ("worst_blind_spot_auroc", None): Known(min(one.value for one in blind.values())),
        **{("blind_spot_auroc", kind): one for kind, one in blind.items()},
        ("flagged_share", None): mean_of(share["foreign"], _ITEMS),
        ("false_alarm_share", None): mean_of(share["items"], _ITEMS),
    }
    if probe.score == "log_prob":
        known["bits_per_dim", None] = mean_of(points["items"] / 16 / np.log(2), _ITEMS)
    question, answer = _own(probe.score, scores)
    data = {role: _frame(role, "image", images[role]) for role in _ROLES}
    return Trial(dose > 0, data, {("main", question): answer}, known, probe)


def _flagged(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return which scores have a conformal p-value of at most 0.05."""
    above = (calibration >= scores[:, None]).sum(axis=1)
    few: np.ndarray = (1 + above) / (len(calibration) + 1) <= 0.05
    return few


_MOVED: Mapping[str, tuple[float, float, float]] = {
    "own": (1.0, 2.0, 3.0), "sure": (1.5, 0.25, -0.75), "apart": (0.25, 1.0, 1.75), "near": (0.5, 1.5, 1.0),
}
"""What is moved how far in each trial, in standard deviations: the density's score, the classifier's doubt, the
features' distance from their class, and the items' distance from those that were learnt."""


def contrast_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign items of which density, classifier, features and kNN see much or little, each in its own way."""
    return [_contrast_trial(replace(probe, fdr=0.1), rng, dose) for dose in range(3)]


def _contrast_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np

    kinds = np.arange(_ITEMS) % 2
    told: dict[bytes, dict[str, Any]] = {}
    points: dict[str, dict[str, np.ndarray]] = {}
    data = {}
    for place, role in enumerate(_ROLES):
        at = {name: _grid(rng) + (moved[dose] if role == "foreign" else 0.0) for name, moved in _MOVED.items()}
        at["sure"] += 0.25 * dose  # in both, so that confidence differs and ranks do not
        sure = 4.0 - at["sure"]  # how far the likelier class is ahead, in logits
        apart = (5 + at["apart"] / 2) * np.where(np.arange(_ITEMS) // 2 % 2, 1, -1)
        at["near"] += place / 500  # so that no item is in two roles
        near = np.linspace(0, 1, _ITEMS) if role == "fit" else 2.5 + at["near"] / 2
        logits = np.where(kinds[:, None] == [0, 1], sure[:, None], 0.0)
        features = np.stack([np.where(kinds, 50.0, -50.0), apart], axis=1)
        if role == "fit":  # what distances from the classes' means are taken by
            features[:, 1] = np.where(np.arange(_ITEMS) // 2 % 2, 1.0, -1.0)
        series = np.repeat(near[:, None], 4, axis=1)
        points[role], data[role] = at, _frame(role, "series", series)
        for item, own, row, feature in zip(series, at["own"], logits, features, strict=True):
            told[_key(item)] = {"own": 100 + 10 * own, "logits": row, "embedding": feature}

    def column(name: str, items: Sequence[Any]) -> list[Any]:
        return [told[_key(item)][name] for item in items]

    def predict(items: Sequence[Any]) -> Mapping[str, Any]:
        mass = np.exp(np.stack(column("logits", items)))
        return {"probabilities": list(mass / mass.sum(axis=1, keepdims=True))}

    question, answer = _own(probe.score, lambda items: np.array(column("own", items)))
    answers: dict[tuple[str, str], Answer] = {
        (probe.generative, question): answer, (probe.classifier, "predict"): predict,
        (probe.classifier, "logits"): lambda items: {"logits": column("logits", items)},
        (probe.classifier, "embed"): lambda items: {"embedding": column("embedding", items)},
    }
    return Trial(dose > 0, data, answers, _of_contrast(probe, points["items"], points["foreign"]), probe)


def _of_contrast(
    probe: Any, familiar: Mapping[str, np.ndarray], foreign: Mapping[str, np.ndarray]
) -> dict[tuple[str, str | None], Known]:
    """Return what is known of scores that all rank items as their points do."""
    import numpy as np

    from detectors.novelty.answers import ANSWERS

    density = ANSWERS[probe.score][1]
    ranks = {density: "own", "max_softmax": "sure", "energy": "sure", "mahalanobis": "apart", "knn5": "near"}
    aurocs = {score: auroc_of(familiar[by], foreign[by]) for score, by in ranks.items()}
    known: dict[tuple[str, str | None], Known] = {("auroc", score): one for score, one in aurocs.items()}
    known["auroc", None] = aurocs["max_softmax" if probe.classifier == "main" else density]
    for score in ranks.keys() - {density}:
        known["auroc_difference", f"{density} - {score}"] = Known(aurocs[density].value - aurocs[score].value)
    for name, at in (("confidence_on_foreign", foreign), ("confidence_on_familiar", familiar)):
        known[name, None] = mean_of(1 / (1 + np.exp(at["sure"] - 4.0)))
    return known
