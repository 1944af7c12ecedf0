"""P(X) against P(Y|X): who sees what neither has learnt, a generative model or a classifier?

Both are shown the same items. The classifier is scored by its confidence, by the energy of its logits where it gives
them, and by its features; the generative model by its likelihood, or by what `score` names. kNN stands beside both, and
as many further models of P(X) as are named, each by its likelihood, or by its critic where it has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.probe import AUROC, SHARE, SIGNED, Ask, Observed, Range, Role
from audit.probes.items import storable_items
from audit.probes.novelty.scores import ROLES, Raw, calibration_needed, needed_for, own_answers
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Contrast"]


@immutable
class Contrast:
    """AUROC of a generative model's score beside a classifier's scores and kNN on data that neither has learnt."""

    classifier: str = "classifier"
    """Name of the helper that predicts; `main` where the audited model is the classifier."""
    generative: str = "main"
    """Name of the model of P(X); a helper where the audited model is the classifier."""
    score: Raw = "log_prob"
    """What the generative model is scored by; see `novelty.likelihood`."""
    fdr: float = 0.1
    """False discovery rate at which foreign items are flagged."""
    densities: tuple[str, ...] = field(default=(), metadata={"later": True})
    """Names of helpers that are models of P(X) too, e.g. one of every family; all are told side by side."""
    complexity: bool = field(default=False, metadata={"later": True})
    """Whether each likelihood is told a second time, less the length of a lossless code: simple items do not fool it.
    """
    beside: tuple[Literal["mixture", "dte_np", "isolation_forest"], ...] = field(default=(), metadata={"later": True})
    """What needs no model and stands beside kNN: a mixture of Gaussians, the estimated diffusion time, a forest."""

    name: ClassVar[str] = "novelty.contrast"
    dimension: ClassVar[str] = "novelty"
    roles: ClassVar[Mapping[str, Role]] = {**ROLES, "foreign": replace(ROLES["foreign"], required=True)}
    measures: ClassVar[Mapping[str, Range]] = {
        "auroc": AUROC, "auroc_difference": SIGNED, "confidence_on_foreign": SHARE, "confidence_on_familiar": SHARE,
    }

    def __post_init__(self) -> None:
        """Refuse a contrast in which the audited model has no part, or both."""
        if (self.classifier == "main") == (self.generative == "main"):
            got = f"classifier {self.classifier!r}, generative {self.generative!r}"
            raise ValueError(f"{self.name}: got {got}; allowed: exactly one of them is 'main'")
        told = (self.classifier, self.generative, *self.densities)
        if twice := sorted({name for name in self.densities if name == "main" or told.count(name) > 1}):
            raise ValueError(f"{self.name}: densities name {twice[0]!r}; allowed: helpers that are not asked already")

    @property
    def needs(self) -> frozenset[str]:
        """What the audited model must answer, be it the generative model or the classifier."""
        return frozenset({"predict", "embed"}) if self.classifier == "main" else needed_for(self.score)

    def estimate(self, items: int) -> int:
        """Four at most: the density, probabilities, features and logits; one for each further density."""
        return (4 + len(self.densities)) * items

    def units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Return how many calibration units it takes before an item can be flagged."""
        return {"calibration": calibration_needed(items, self.fdr)}

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with the answers of both models, and no answers for `reference`; columns as
        `detectors.novelty.contrast` wants them. Raises DataError for items of no one kind.
        """
        frame, shown = storable_items(self.name, items)
        if role == "reference":
            return frame
        asked = {"probabilities": "predict", "embedding": "embed"}
        if ask.can("logits", model=self.classifier):
            asked["logits"] = "logits"
        own = own_answers(ask, shown, self.score, self.generative)
        told = {
            column: ask(question, list(shown), model=self.classifier)[column] for column, question in asked.items()
        }
        for name in self.densities:
            kind: Raw = "log_prob" if ask.can("log_prob", model=name) else "critic"
            answer = own_answers(ask, shown, kind, name).drop(columns="likelihood", errors="ignore")
            told |= {f"{column}_{name}": answer[column] for column in answer}
        return frame.join(own.assign(**told).set_axis(items.index, axis=0))

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.novelty.contrast`."""
        from detectors.novelty.contrast import novelty_contrast

        audited = "classifier" if self.classifier == "main" else "generative"
        return novelty_contrast(
            observed, score=self.score, audited=audited, densities=self.densities, complexity=self.complexity,
            beside=self.beside, fdr=self.fdr, level=level, rng=rng,
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return a classifier that is surer of foreign items than of familiar ones, and one that doubts them.

        The density sees the foreign items in both, in the second less well than the classifier.
        """
        return self._planted(rng, faulty=True), self._planted(rng, faulty=False)

    def _planted(self, rng: np.random.Generator, *, faulty: bool) -> Observed:
        import numpy as np
        import pandas as pd

        from detectors.novelty.answers import ANSWERS

        observed = {}
        for role in ("items", "foreign", "fit", "calibration"):
            strange = role == "foreign"
            scores = rng.normal((160.0 if faulty else 115.0) if strange else 100.0, 10.0, _CONTROL_ITEMS)
            low, high = (0.98, 1.0) if strange and faulty else (0.5, 0.7) if strange else (0.9, 0.98)
            sure, kind = rng.uniform(low, high, _CONTROL_ITEMS), np.arange(_CONTROL_ITEMS) % 2
            first = np.where(kind == 0, sure, 1 - sure)
            column = ANSWERS[self.score][0]
            observed[role] = pd.DataFrame(
                {
                    "image": rng.integers(0, 17, (_CONTROL_ITEMS, 4, 4)).tolist(),
                    column: np.stack([scores, scores], 1).tolist() if column == "denoising_curve" else -scores,
                    "probabilities": np.stack([first, 1 - first], 1).tolist(),
                    "embedding": rng.normal(kind[:, None], 1.0, (_CONTROL_ITEMS, 3)).tolist(),
                    **{f"log_prob_{name}": rng.permutation(-scores) for name in self.densities},
                },
                index=pd.Index([f"{role}-{number}" for number in range(_CONTROL_ITEMS)], name="id"),
            )
        return observed

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return trials of which every AUROC is known; see `contrast_trials`."""
        from audit.probes.novelty.contrast_trials import contrast_trials

        return contrast_trials(self, rng)

    def found(self, result: Result) -> bool:
        """Tell whether the density sees what the classifier's confidence does not: the whole difference is above 0."""
        named = (measure for measure in result.measures if measure.name == "auroc_difference")
        difference = next(measure for measure in named if str(measure.group).endswith("max_softmax"))
        return difference.low is not None and difference.low > 0


_CONTROL_ITEMS = 60
