"""Trials of `novelty.contrast`: what density, classifier, features and kNN see is moved, each by an amount of its own.

Scores are points of a normal grid, as in `audit.probes.novelty.trials`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Known, Trial, auroc_of, mean_of
from audit.probes.novelty.trials import ITEMS, ROLES, frame_of, grid, key_of, script_of, shortest_code
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import KnownMeasures

__all__ = ["contrast_trials"]

_MOVED: Mapping[str, tuple[float, float, float]] = {
    "own": (1.0, 2.0, 3.0), "further": (2.25, 0.75, -1.0),
    "sure": (1.5, 0.25, -0.75), "apart": (0.25, 1.0, 1.75), "near": (0.5, 1.5, 1.0),
}
"""What is moved how far in each trial, in standard deviations: the density's score, that of any further one, the
classifier's doubt, the features' distance from their class, and the items' distance from those that were learnt."""


def contrast_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign items of which density, classifier, features and kNN see much or little, each in its own way."""
    closed = tuple(name for name in probe.beside if name == "dte_np")  # of the others no closed form is known
    return [_contrast_trial(replace(probe, fdr=0.1, beside=closed), rng, dose) for dose in range(3)]


def _contrast_trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    sides = {role: _side(rng, role, dose) for role in ROLES}
    data = {role: frame_of(role, "series", side.series) for role, side in sides.items()}
    return Trial(dose > 0, data, _answers(probe, sides), _known(probe, sides), probe)


@immutable
class _Side:
    """Items of one role, and what the models say of each."""

    points: Mapping[str, np.ndarray]
    """What is moved -> where it is, [item]."""
    series: np.ndarray
    """The items, [item, step]."""
    logits: np.ndarray
    """Of the classifier, [item, class]."""
    embedding: np.ndarray
    """Its features, [item, number]."""

    @property
    def own(self) -> np.ndarray:
        """How strange the density finds each item, [item]."""
        return 100 + 10 * self.points["own"]

    @property
    def further(self) -> np.ndarray:
        """The same of any further density."""
        return 100 + 10 * self.points["further"]

    @property
    def codes(self) -> np.ndarray:
        """Bits of the shortest code of each item, in numbers an eighth as wide as what was learnt, [item]."""
        import numpy as np

        eighths = np.rint(self.series * 8 / np.linspace(0, 1, ITEMS).std())
        return np.array([shortest_code(row) for row in eighths])


def _side(rng: np.random.Generator, role: str, dose: int) -> _Side:
    import numpy as np

    at = {name: grid(rng) + (moved[dose] if role == "foreign" else 0.0) for name, moved in _MOVED.items()}
    at["sure"] += 0.25 * dose  # in both, so that confidence differs and ranks do not
    at["near"] += ROLES.index(role) / 500  # so that no item is in two roles
    kind, half = np.arange(ITEMS) % 2, np.where(np.arange(ITEMS) // 2 % 2, 1.0, -1.0)
    ahead = 4.0 - at["sure"]  # how far the likelier class is, in logits
    apart = (5 + at["apart"] / 2) * half
    if role == "fit":  # what distances from the classes' means are taken by
        apart = half
    near = np.linspace(0, 1, ITEMS) if role == "fit" else 2.5 + at["near"] / 2
    return _Side(
        at, series=np.repeat(near[:, None], 4, axis=1),
        logits=np.where(kind[:, None] == [0, 1], ahead[:, None], 0.0),
        embedding=np.stack([np.where(kind, 50.0, -50.0), apart], axis=1),
    )  # fmt: skip


def _answers(probe: Any, sides: Mapping[str, _Side]) -> dict[tuple[str, str], Answer]:
    """Return the scripts of all models, which look an item up by its numbers."""
    import numpy as np

    from audit.probes.novelty.scores import QUESTIONS
    from detectors.novelty.answers import ANSWERS

    places = {key_of(item): (side, at) for side in sides.values() for at, item in enumerate(side.series)}

    def column(name: str, items: Sequence[Any]) -> list[Any]:
        return [getattr(side, name)[at] for side, at in (places[key_of(item)] for item in items)]

    def predict(items: Sequence[Any]) -> Mapping[str, Any]:
        mass = np.exp(np.stack(column("logits", items)))
        return {"probabilities": list(mass / mass.sum(axis=1, keepdims=True))}

    def levels(name: str) -> Callable[[Sequence[Any]], np.ndarray]:
        return lambda items: np.array(column(name, items))

    question = QUESTIONS[probe.score]
    return {
        (probe.generative, question): script_of(question, [ANSWERS[probe.score][0]], levels("own")),
        (probe.classifier, "predict"): predict,
        (probe.classifier, "logits"): lambda items: {"logits": column("logits", items)},
        (probe.classifier, "embed"): lambda items: {"embedding": column("embedding", items)},
        **{(name, "log_prob"): script_of("log_prob", ["log_prob"], levels("further")) for name in probe.densities},
    }


def _known(probe: Any, sides: Mapping[str, _Side]) -> KnownMeasures:
    """Return what is known of scores that rank items as their points do, or as these less the bits of their codes."""
    import numpy as np

    from detectors.novelty.answers import ANSWERS

    density = ANSWERS[probe.score][1]
    aurocs = _aurocs(probe, density, sides["items"], sides["foreign"])
    known: KnownMeasures = {("auroc", score): one for score, one in aurocs.items()}
    known["auroc", None] = aurocs["max_softmax" if probe.classifier == "main" else density]
    for score in aurocs.keys() - {density}:
        known["auroc_difference", f"{density} - {score}"] = Known(aurocs[density].value - aurocs[score].value)
    for role, name in (("foreign", "confidence_on_foreign"), ("items", "confidence_on_familiar")):
        known[name, None] = mean_of(1 / (1 + np.exp(sides[role].points["sure"] - 4.0)))
    return known


def _aurocs(probe: Any, density: str, familiar: _Side, foreign: _Side) -> dict[str, Known]:
    """Return score -> its AUROC."""
    import numpy as np

    ranks = {density: "own", "max_softmax": "sure", "energy": "sure", "mahalanobis": "apart", "knn5": "near"}
    ranks |= {f"nll_{name}": "further" for name in probe.densities}
    ranks |= {"dte_np": "near"} if "dte_np" in probe.beside else {}  # the nearest are the same five for all
    aurocs = {score: auroc_of(familiar.points[by], foreign.points[by]) for score, by in ranks.items()}
    for score in [one for one in ranks if probe.complexity and one.startswith("nll")]:
        less = [getattr(side, ranks[score]) / np.log(2) - side.codes for side in (familiar, foreign)]
        aurocs[score.replace("nll", "input_complexity", 1)] = auroc_of(*less)
    return aurocs
