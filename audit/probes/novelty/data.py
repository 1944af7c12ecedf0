"""What in the data themselves is novel, told without any model of P(X): the bar that a model has to clear.

    dte_np             how much noise an item would be a noisy copy of familiar ones by (DTE-NP, 2305.18593)
    knn5               distance to the fifth-nearest familiar item
    mixture            a Gaussian mixture in the leading directions
    isolation_forest   how few random cuts set an item apart

All are fitted on familiar items and stand beside each other. Rows of a table are standardised by the familiar ones, and
distorted after that, each number between the least and the greatest of theirs; other items within their own range.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.probe import AUROC, SHARE, Ask, Observed, Range, Role
from audit.probes.items import storable_items
from audit.probes.novelty.scores import ROLES, Bar, calibration_needed
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["DataNovelty"]


@immutable
class DataNovelty:
    """AUROC of scores that need no model on foreign data, their blind spots, and what they flag."""

    score: Literal["dte_np", "knn5", "mixture", "isolation_forest"] = "dte_np"
    """What is judged; all others but the forest stand beside it."""
    beside: tuple[Bar, ...] = ("isolation_forest",)
    """Which of the dearer ones stand beside it too."""
    fdr: float = 0.1
    """False discovery rate at which foreign items are flagged."""
    tpr: float | None = field(default=None, metadata={"later": True})
    """Share of foreign items that is to be found, e.g. 0.95, for which the share of familiar items accused is told
    (FPR at 95 % TPR); absent = it is not."""
    prevalence: float | None = field(default=None, metadata={"later": True})
    """Share of what comes in use that is foreign, e.g. 0.01, for which the average precision of alarms is told; absent
    = it is not."""

    name: ClassVar[str] = "novelty.data"
    dimension: ClassVar[str] = "novelty"
    roles: ClassVar[Mapping[str, Role]] = ROLES
    measures: ClassVar[Mapping[str, Range]] = {
        "auroc": AUROC, "worst_blind_spot_auroc": AUROC, "blind_spot_auroc": AUROC, "flagged_share": SHARE,
        "false_alarm_share": SHARE, "fpr_at_tpr": SHARE, "average_precision": AUROC,
    }

    def __post_init__(self) -> None:
        """Refuse a share that is none."""
        for name in ("tpr", "prevalence"):
            if (share := getattr(self, name)) is not None and not 0 < share < 1:
                raise ValueError(f"{self.name}: {name}: got {share:g}; allowed: more than 0, less than 1")

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def units_needed(self, items: Mapping[str, int]) -> Mapping[str, tuple[int, int]]:
        """Return how many calibration units it takes before an item can be flagged."""
        return {"calibration": calibration_needed(items, self.fdr)}

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items; raises DataError for items of no one kind."""
        return storable_items(self.name, items)[0]

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.novelty.familiarity`, those of likelihoods left out."""
        from detectors.novelty.decisions import Rule
        from detectors.novelty.familiarity import likelihood_novelty

        return likelihood_novelty(
            observed, score=self.score, beside=self.beside, rule=Rule(self.fdr), tpr=self.tpr,
            prevalence=self.prevalence, level=level, rng=rng,
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return foreign rows in the midst of the familiar ones, and such that lie far from all of them."""
        from audit.probes.novelty.rows_trials import planted

        return planted(rng, apart=0.0), planted(rng, apart=4.0)

    def found(self, result: Result) -> bool:
        """Tell whether the score surely takes foreign rows for more familiar than familiar ones."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return rows of which every score and so every AUROC is known; see `audit.probes.novelty.rows_trials`."""
        from audit.probes.novelty.rows_trials import trials

        return trials(self, rng)
