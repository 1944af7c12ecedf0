"""P(X) against P(Y|X): who sees what neither has learnt, the density or the classifier?

    max_softmax    1 - max_y P(y|x)                                     (Hendrycks & Gimpel 2017, 1610.02136)
    energy         - log sum_y exp(logit_y)                             (Liu et al. 2020, 2010.03759)
    mahalanobis    least distance of the features to a class of `fit`   (Lee et al. 2018, 1807.03888)

What is measured of them, in this order:

    auroc                     of the audited model, and by group of each score
    auroc_difference          group `a - b`: AUROC of the density less that of each other score, paired
    confidence_on_foreign     mean of max_y P(y|x) over items of which no class is right
    confidence_on_familiar    the same over familiar items

All scores see the same items, so differences of AUROC are paired. Energy needs logits: log P(y|x) sums to one for every
x and has lost it. The classes' means and their common covariance are those of the `fit` items by predicted class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from detectors.arrays import Floats, Items, field_of, items_of, joined, units_of
from detectors.health import score_problem
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.lossless import compressed_bits, sizes
from detectors.novelty.answers import ANSWERS, check_roles, model_score
from detectors.novelty.baselines import comparable, diffusion_variance, isolation, knn_distance, mixture_surprise
from detectors.novelty.decisions import Rule, best_score_remark, decided
from detectors.novelty.likelihood import input_complexity
from detectors.phrases import Cause
from detectors.ranking import Ranking, rank
from detectors.result import Measure, Remark, Result, undefined

__all__ = ["energy", "mahalanobis", "max_softmax", "novelty_contrast"]

NO_LOGITS = Cause("the classifier gives no logits, and energy cannot be had from probabilities")
_ROLES = ("foreign", "items", "fit", "calibration")


_MODEL_FREE: Mapping[str, Callable[[Items, Items, np.random.Generator], Floats]] = {
    "mixture": lambda learnt, items, rng: mixture_surprise(learnt, items, rng=rng),
    "dte_np": lambda learnt, items, _: diffusion_variance(learnt, items),
    "isolation_forest": lambda learnt, items, rng: isolation(learnt, items, rng=rng),
}
"""What may stand beside kNN, from what was learnt and the items."""


def max_softmax(probabilities: Floats) -> Floats:
    """Return 1 - the largest probability of each row [item, class]."""
    return np.asarray(1 - probabilities.max(axis=1))


def energy(logits: Floats) -> Floats:
    """Return -log sum exp of each row of logits [item, class]."""
    return np.asarray(-logsumexp(logits, axis=1))


def mahalanobis(known: Floats, classes: Floats, features: Floats) -> Floats:
    """Return the least squared Mahalanobis distance of features [item, dim] to a class of `known` features.

    classes: class of each known item. One covariance for all classes, shrunk (Ledoit & Wolf 2004).
    """
    from sklearn.covariance import ledoit_wolf

    labels, code = np.unique(classes, return_inverse=True)
    means = np.stack([known[code == label].mean(axis=0) for label in range(len(labels))])
    precision = np.linalg.pinv(ledoit_wolf(known - means[code], assume_centered=True)[0], hermitian=True)
    gaps = features[:, None] - means
    return np.asarray(np.einsum("icf,fg,icg->ic", gaps, precision, gaps, optimize=True).min(axis=1))


def novelty_contrast(
    observed: Mapping[str, pd.DataFrame], *, score: str = "log_prob", audited: str = "generative",
    densities: Sequence[str] = (), complexity: bool = False, beside: Sequence[str] = (), fdr: float = 0.1,
    level: float, rng: np.random.Generator,
) -> Result:
    """Return how well the density, the classifier and kNN tell foreign items from familiar ones.

    observed: frames indexed by item id for the roles `items`, `foreign`, `fit`, `calibration` and, where there is one,
    `reference` (what the models learnt from, for kNN; else `fit`). Each has one of the columns `image`, `series`,
    `text`, where known `unit`, and but for `reference` the density's answer (`log_prob`, `logit` or `denoising_curve`,
    by `score`), the classifier's `probabilities` and `embedding` and, where it has them, `logits`. audited: whose score
    is the headline, that of the `generative` model or of the `classifier` (max_softmax). densities: names of further
    models of P(X), whose answers stand in `log_prob_NAME`, or `logit_NAME` of those without a likelihood; their scores
    are `nll_NAME` and `critic_NAME`. complexity: whether each likelihood is told a second time, less the length of the
    shortest lossless code, as `input_complexity` and `input_complexity_NAME`. beside: which of `mixture`, `dte_np` and
    `isolation_forest` (`baselines`) stand beside kNN, fitted on the same items.

    Measures: those of the module's list, in its order.
    Items: the foreign ones, those first that the classifier is surest of, then the familiar ones; their scores,
    `confidence`, and of the audited model `p_value`, `flagged` (at `fdr`) and `value` (1 = p-value at most 0.05).
    Table: each score's AUROC and its gap to the density, the best first. Remarks: which score sees best, how far behind
    that of the audited model is, and what that of the other sees.
    Raises ValueError where roles share items, `fit` has fewer than ten, or items have several shapes.
    """
    check_roles(observed)
    density = ANSWERS[score][1]
    main = density if audited == "generative" else "max_softmax"
    scores = _scores(observed, score, densities, rng, complexity=complexity, beside=beside)
    problems = {name: why for name, part in pd.concat(scores).items() if (why := score_problem(part))}
    if "energy" not in scores["items"]:
        problems["energy"] = NO_LOGITS
    trusted = [name for name in scores["items"] if name not in problems]
    units = (units_of(observed["items"]), units_of(observed["foreign"]))
    found = rank(scores["items"][trusted], scores["foreign"][trusted], units)
    judge = _Measures(found, problems, density, main, level)
    measures = (*judge.measures(), *_confidences(observed, level, rng))
    columns = {role: {str(name): told[name] for name in told} for role, told in scores.items()}
    evidence, _ = decided(observed, columns, main, problems.get(main), Rule(fdr), "max_softmax", rng)
    shown = evidence.assign(confidence=1 - evidence["max_softmax"])
    return Result(measures, items=shown, table=judge.table(), remarks=tuple(judge.remarks()))


def _scores(
    observed: Mapping[str, pd.DataFrame], score: str, densities: Sequence[str], rng: np.random.Generator, *,
    complexity: bool, beside: Sequence[str],
) -> dict[str, pd.DataFrame]:
    """Return role -> scores [item, score], indexed by item id; without energy where there are no logits."""
    frames = {role: observed[role] for role in _ROLES}
    sets = {role: items_of(frame) for role, frame in frames.items()}
    learnt = items_of(observed["reference"]) if "reference" in observed else sets["fit"]
    whole = pd.concat(frames)
    probabilities, features = _rows(whole["probabilities"]), _rows(whole["embedding"])
    of = np.repeat(_ROLES, [len(frame) for frame in frames.values()])
    fit, alike = of == "fit", comparable(field_of(observed["items"]), learnt, joined(list(sets.values())))
    columns = {
        **_densities(frames, sets, score, densities),
        "knn5": knn_distance(*alike),
        **{name: _MODEL_FREE[name](*alike, rng) for name in beside},
        "max_softmax": max_softmax(probabilities),
        "mahalanobis": mahalanobis(features[fit], probabilities[fit].argmax(axis=1), features),
    }
    if "logits" in whole:
        columns["energy"] = energy(_rows(whole["logits"]))
    if complexity:
        columns |= _less_code(columns, joined(list(sets.values())), learnt)
    table = pd.DataFrame(columns)
    return {role: table[of == role].set_axis(frame.index, axis=0) for role, frame in frames.items()}


def _densities(
    frames: Mapping[str, pd.DataFrame], sets: Mapping[str, Items], score: str, further: Sequence[str]
) -> dict[str, Floats]:
    """Return the score of the density, then of each further one, of the items of all frames in a row."""
    asked = {ANSWERS[score][1]: (score, "")}
    for name in further:
        kind = next(one for one in ("log_prob", "critic") if f"{ANSWERS[one][0]}_{name}" in frames["items"])
        asked[f"{ANSWERS[kind][1]}_{name}"] = (kind, f"_{name}")
    return {
        called: np.concatenate([
            model_score(pd.DataFrame({(own := ANSWERS[kind][0]): frame[own + of]}), kind, sets[role])
            for role, frame in frames.items()
        ])
        for called, (kind, of) in asked.items()
    }


def _less_code(columns: Mapping[str, Floats], items: Items, learnt: Items) -> dict[str, Floats]:
    """Return each likelihood [item] less the items' code length, in which numbers are as fine as the `learnt` ones."""
    scale = float(learnt.std()) if isinstance(learnt, np.ndarray) else 1.0
    code, size = compressed_bits(items, scale), sizes(items)
    return {
        name.replace("nll", "input_complexity", 1): input_complexity(bits, code, size)
        for name, bits in columns.items() if name.partition("_")[0] == "nll"
    }  # fmt: skip


def _rows(cells: pd.Series[Any]) -> Floats:
    return np.array([np.asarray(cell, dtype=float) for cell in cells])


@immutable
class _Measures:
    """Makes the measures of a ranking and puts them into words."""

    found: Ranking
    problems: Mapping[Any, Cause]
    """Score -> why it has no AUROC."""
    density: str
    main: str
    level: float

    def measures(self) -> Iterator[Measure]:
        """Yield the AUROC of the audited model, of each score, and what the density is ahead of each other score."""
        names = (*self.found.names, *self.problems)
        yield self._auroc(self.main, None)
        yield from (self._auroc(name, name) for name in names)
        for other in names:
            if other != self.density:
                yield self._difference(other)

    def _auroc(self, score: str, group: str | None) -> Measure:
        if score in self.problems:
            return self._none("auroc", group, self.problems[score])
        found = self.found.auroc(score, name="auroc", level=self.level, group=group)
        return replace(found, auroc_of=(("items", score), ("foreign", score)))

    def _difference(self, other: str) -> Measure:
        problem = self.problems.get(self.density) or self.problems.get(other)
        if problem is not None:
            return self._none("auroc_difference", f"{self.density} - {other}", problem)
        return self.found.auroc_difference(self.density, other, level=self.level)

    def _none(self, name: str, group: str | None, reason: Cause) -> Measure:
        n = {"items": self.found.items, "units": self.found.units}
        return undefined(
            name, reason, n=n, unit="score", direction="higher is better", level=self.level, group=group
        )

    def remarks(self) -> Iterator[Remark]:
        """Yield who sees the foreign items best, and what the model beside the audited one sees."""
        main = self.main if self.main in self.found.names else self.found.names[int(np.argmax(self.found.values))]
        told = best_score_remark(self.found, main, self.level)
        yield told
        other = "max_softmax" if self.main == self.density else self.density
        if other in self.found.names and other not in told.values.values():
            value, low, high = self.found.interval(other, self.level)
            yield Remark("beside", {"score": other, "auroc": value, "low": low, "high": high})

    def table(self) -> pd.DataFrame:
        """Return a row per trusted score, the best first: AUROC and its gap to the density."""
        order = np.argsort(-self.found.values, kind="stable")
        return pd.DataFrame([self._row(self.found.names[at]) for at in order])

    def _row(self, score: str) -> dict[str, Any]:
        value, low, high = self.found.interval(score, self.level)
        apart = score != self.density and self.density in self.found.names
        gap = self.found.difference(score, self.density, self.level) if apart else (None, None, None)
        return {
            "score": score, "auroc": value, "low": low, "high": high,
            **dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True)),
        }


def _confidences(observed: Mapping[str, pd.DataFrame], level: float, rng: np.random.Generator) -> Iterator[Measure]:
    """Yield the classifier's mean confidence on foreign and on familiar items."""
    for name, role in (("confidence_on_foreign", "foreign"), ("confidence_on_familiar", "items")):
        frame = observed[role]
        sure = _rows(frame["probabilities"]).max(axis=1)
        mean = mean_over_units(np.minimum(sure, 1), units_of(frame), level=level, rng=rng)
        yield Measure(
            name=name, value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share", level=level,
            direction="lower is better" if role == "foreign" else "neither", method=mean.method,
            mean_of="confidence", unit_of="unit" if "unit" in frame else None, where={"role": role},
        )

