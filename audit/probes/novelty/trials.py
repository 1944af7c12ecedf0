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

__all__ = ["cells_of", "contrast_trials", "grid", "likelihood_trials"]

_ITEMS = 40
_ROLES = ("items", "foreign", "fit", "calibration")


def grid(rng: np.random.Generator, mean: float = 0.0, spread: float = 1.0, count: int = _ITEMS) -> np.ndarray:
    """Return the points of a normal grid in random order."""
    import numpy as np

    points = [NormalDist().inv_cdf((place + 0.5) / count) for place in range(count)]
    return mean + spread * rng.permutation(np.array(points))


def _key(item: Any) -> bytes:
    import numpy as np

    return np.asarray(item, dtype=float).tobytes()


def _frame(role: str, column: str, items: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column: items.tolist()}, index=pd.Index([f"{role}-{n}" for n in range(len(items))], name="id"))


def cells_of(column: str, levels: np.ndarray) -> list[Any]:
    """Return what is recorded in a column of items [item] so strange that every score rises with their levels."""
    import numpy as np

    if column.endswith("scored_bytes"):
        return [4.0] * len(levels)
    if column in ("log_prob", "logit", "flow_log_prob", "reconstruction", "intrinsic_dimension"):
        return list(-levels)
    if column == "background_log_prob":
        return [0.0] * len(levels)
    if column in ("entropies", "variances", "gradient_norms"):
        return [[1.0] * 4] * len(levels)
    if column == "element_log_prob":  # every value of the images, all 4 x 4, costs the same
        return [[0.0] * 16] * len(levels)
    if column == "ensemble_log_prob":  # which agree with the model
        return list(-levels[:, None])
    if column == "partial_bounds":
        return list(np.stack([np.zeros(len(levels)), levels], axis=1))
    if column in ("trace", "log_weights"):
        return list(np.repeat(-levels[:, None], 4, axis=1))
    if column in _LISTS:
        return list(np.stack([levels - 1, levels + 1], axis=1))
    return list(levels)


_LISTS = frozenset({
    "denoising_curve", "multi_reconstruction", "inpainting", "diffusion_path", "score_norms", "posterior_spectrum",
})


def _scripts(probe: Any, scores: Callable[[Sequence[Any]], np.ndarray]) -> dict[tuple[str, str], Answer]:
    """Return the scripts that answer all questions of a probe by how strange items are."""
    from audit.probes.novelty.scores import further_questions
    from detectors.novelty.catalogue import columns_of

    asked = further_questions(columns_of((probe.score, *probe.beside)))
    return {
        (member, question): _script(question, names, scores)
        for (question, helper), names in asked.items()
        for member in (probe.ensemble if helper == "ensemble" else [probe.background if helper else "main"])
    }


def _script(question: str, names: Sequence[str], scores: Callable[[Sequence[Any]], np.ndarray]) -> Answer:
    from detectors.novelty.recorded import RECORDS

    def answer(items: Sequence[Any]) -> Mapping[str, Any]:
        import numpy as np

        told = {RECORDS[name].column: name for name in names}
        if question == "log_prob":  # of a member of an ensemble as of the model
            told = {"log_prob": "background_log_prob" if "background_log_prob" in names else "log_prob"}
        cells = {column: cells_of(name, scores(items)) for column, name in told.items()}
        if question == "trace":
            flat = {column: np.concatenate(rows) for column, rows in cells.items()}
            return {"item": np.repeat(np.arange(len(items)), 4), **flat}
        return cells | ({"kind": "exact"} if question == "log_prob" else {})

    return answer


def _strangeness(probe: Any, familiar: np.ndarray, images: Any, levels: np.ndarray) -> np.ndarray:
    """Return what ranks as the judged score of items does, worked out anew from their levels [item].

    familiar: levels of the items that scores are fitted on, about whose middle a two-sided score is even.
    """
    import numpy as np

    from detectors.novelty.catalogue import SCORES

    if SCORES[probe.score].two_sided:
        return np.asarray(np.abs(levels - familiar.mean()))
    if probe.score == "zlib_ratio":
        return np.asarray(levels / np.maximum([_shortest_code(image) for image in images], 1))
    if probe.score == "input_complexity":
        return np.asarray(levels / np.log(2) - np.array([_shortest_code(image) for image in images]))
    return levels


def _shortest_code(item: np.ndarray) -> int:
    """Return the bits of the shortest Deflate stream of numbers or of their differences along an axis, bytes each."""
    import zlib

    import numpy as np

    whole = np.asarray(item)
    views = (whole, *(np.diff(whole, axis=axis, prepend=0) for axis in range(whole.ndim)))
    return min(8 * (len(zlib.compress(view.astype(int).astype(np.int8).tobytes(), 9, -15)) - 2) for view in views)


def likelihood_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return foreign and distorted items that look stranger than familiar ones, hardly stranger, and less strange.

    Noise looks strange in all, so that the health check finds nothing.
    """
    from detectors.novelty.catalogue import SCORES

    tried = replace(probe, fdr=0.1, maps=False, beside=tuple(name for name in probe.beside if name in SCORES))
    return [_likelihood_trial(tried, rng, dose, moved) for dose, moved in enumerate((25.0, 8.0, -8.0))]


def _likelihood_trial(probe: Any, rng: np.random.Generator, dose: int, moved: float) -> Trial:
    import numpy as np

    from detectors.novelty.blindspots import ARRAY_KINDS, BLURRED, blind_spots
    from detectors.novelty.catalogue import SCORES

    base = 100.0 + 8 * dose
    means = {"foreign": moved, "calibration": -3.0 * dose, "constant": moved + 2, "noise": 90.0, "half_noise": 60.0}
    rare = SCORES[probe.score].two_sided
    if dose and not rare:  # as a whole, foreign items are nearly as likely as those of `fit`
        means["fit"] = moved - _APART[dose - 1]
    kinds = (*ARRAY_KINDS, BLURRED) if probe.blurred else ARRAY_KINDS
    images = {role: rng.integers(0, 17, (_ITEMS, 4, 4)) for role in _ROLES}
    points = {name: grid(rng, base + means.get(name, 0.01), 10.0) for name in _ROLES}
    spots = {kind: grid(rng, base + means.get(kind, 30.0 + moved), 10.0) for kind in kinds}
    table = {_key(item): one for role in _ROLES for item, one in zip(images[role], points[role], strict=True)}
    distorted = np.concatenate(list(spots.values()))

    def scores(items: Sequence[Any]) -> np.ndarray:
        """Distortions come behind their items, kind by kind."""
        own = [table[_key(item)] for item in items[:_ITEMS]]
        return np.concatenate([own, distorted[: len(items) - _ITEMS]])

    data = {role: _frame(role, "image", images[role]) for role in _ROLES}
    shown = images | blind_spots(data["items"].index, images["items"], probe.value_range, blurred=probe.blurred)
    strange = {
        name: _strangeness(probe, points["fit"], shown[name], levels) for name, levels in (points | spots).items()
    }
    blind = {kind: auroc_of(strange["items"], strange[kind]) for kind in kinds}
    share = {role: _flagged(strange["calibration"], strange[role]) for role in ("foreign", "items")}
    known: dict[tuple[str, str | None], Known] = {
        ("auroc", None): auroc_of(strange["items"], strange["foreign"]),
        ("worst_blind_spot_auroc", None): Known(min(one.value for one in blind.values())),
        **{("blind_spot_auroc", kind): one for kind, one in blind.items()},
        ("flagged_share", None): mean_of(share["foreign"], _ITEMS),
        ("false_alarm_share", None): mean_of(share["items"], _ITEMS),
    }
    if not rare:
        known["batch_typicality_p", None] = _alike_as_a_whole(points["fit"], points["foreign"])
    answers = _scripts(probe, scores)
    if ("main", "log_prob") in answers:
        known["bits_per_dim", None] = mean_of(points["items"] / 16 / np.log(2), _ITEMS)
    return Trial(dose > 0, data, answers, known, probe)


_APART = (3.5, 1.0)
"""How far the means of foreign items and of `fit` lie apart in the trials with the fault, of a spread of 10."""


def _alike_as_a_whole(fit: np.ndarray, foreign: np.ndarray) -> Known:
    """Return the two-sided p-value of the difference of two means of draws from `fit`, which is normal for so many.

    Of 1,999 replicates a p-value has a standard error of 0.011 at most.
    """
    error = fit.std() * (1 / len(fit) + 1 / len(foreign)) ** 0.5
    apart = abs(float(foreign.mean() - fit.mean())) / float(error)
    return Known(2 * NormalDist().cdf(-apart), within=0.06)


def _flagged(calibration: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return which scores have a conformal p-value of at most 0.05."""
    above = (calibration >= scores[:, None]).sum(axis=1)
    few: np.ndarray = (1 + above) / (len(calibration) + 1) <= 0.05
    return few


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
    import numpy as np

    from audit.probes.novelty.scores import QUESTIONS
    from detectors.novelty.answers import ANSWERS

    kinds = np.arange(_ITEMS) % 2
    told: dict[bytes, dict[str, Any]] = {}
    codes: dict[str, np.ndarray] = {}
    points: dict[str, dict[str, np.ndarray]] = {}
    data = {}
    for place, role in enumerate(_ROLES):
        at = {name: grid(rng) + (moved[dose] if role == "foreign" else 0.0) for name, moved in _MOVED.items()}
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
        eighths = np.rint(series * 8 / np.linspace(0, 1, _ITEMS).std())  # as fine as what was learnt is wide
        codes[role] = np.array([_shortest_code(row) for row in eighths])
        for item, own, row, feature in zip(series, at["own"], logits, features, strict=True):
            told[_key(item)] = {"own": 100 + 10 * own, "logits": row, "embedding": feature}
        for item, further in zip(series, at["further"], strict=True):
            told[_key(item)]["further"] = 100 + 10 * further

    def column(name: str, items: Sequence[Any]) -> list[Any]:
        return [told[_key(item)][name] for item in items]

    def predict(items: Sequence[Any]) -> Mapping[str, Any]:
        mass = np.exp(np.stack(column("logits", items)))
        return {"probabilities": list(mass / mass.sum(axis=1, keepdims=True))}

    def levels(name: str) -> Callable[[Sequence[Any]], np.ndarray]:
        return lambda items: np.array(column(name, items))

    own = _script(QUESTIONS[probe.score], [ANSWERS[probe.score][0]], levels("own"))
    answers: dict[tuple[str, str], Answer] = {
        (probe.generative, QUESTIONS[probe.score]): own, (probe.classifier, "predict"): predict,
        (probe.classifier, "logits"): lambda items: {"logits": column("logits", items)},
        (probe.classifier, "embed"): lambda items: {"embedding": column("embedding", items)},
        **{(name, "log_prob"): _script("log_prob", ["log_prob"], levels("further")) for name in probe.densities},
    }
    return Trial(dose > 0, data, answers, _of_contrast(probe, points, codes), probe)


def _of_contrast(
    probe: Any, points: Mapping[str, Mapping[str, np.ndarray]], codes: Mapping[str, np.ndarray]
) -> dict[tuple[str, str | None], Known]:
    """Return what is known of scores that rank items as their points do, or as these less the bits of their codes."""
    import numpy as np

    from detectors.novelty.answers import ANSWERS

    familiar, foreign = points["items"], points["foreign"]
    density = ANSWERS[probe.score][1]
    ranks = {density: "own", "max_softmax": "sure", "energy": "sure", "mahalanobis": "apart", "knn5": "near"}
    ranks |= {f"nll_{name}": "further" for name in probe.densities}
    ranks |= {"dte_np": "near"} if "dte_np" in probe.beside else {}  # the nearest are the same five for all
    aurocs = {score: auroc_of(familiar[by], foreign[by]) for score, by in ranks.items()}
    for score in [one for one in ranks if probe.complexity and one.startswith("nll")]:
        less = [(100 + 10 * points[role][ranks[score]]) / np.log(2) - codes[role] for role in ("items", "foreign")]
        aurocs[score.replace("nll", "input_complexity", 1)] = auroc_of(*less)
    known: dict[tuple[str, str | None], Known] = {("auroc", score): one for score, one in aurocs.items()}
    known["auroc", None] = aurocs["max_softmax" if probe.classifier == "main" else density]
    for score in aurocs.keys() - {density}:
        known["auroc_difference", f"{density} - {score}"] = Known(aurocs[density].value - aurocs[score].value)
    for name, at in (("confidence_on_foreign", foreign), ("confidence_on_familiar", familiar)):
        known[name, None] = mean_of(1 / (1 + np.exp(at["sure"] - 4.0)))
    return known
