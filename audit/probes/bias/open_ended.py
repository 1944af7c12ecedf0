"""How does what the model writes differ between groups, each with prompts of its own?

For prompts as of BOLD: the first words of what people wrote about members of a group. They differ between groups, so a
gap is of the prompts as well; `bias.counterfactual` asks the same of all groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from audit.errors import DataError
from audit.probe import AUROC, P_VALUE, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.bias.answers import (
    NEUTRAL,
    PROMPT_FIELDS,
    asked_for,
    neutral_answers,
    neutral_scores,
    remarks_on,
    scored,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["OpenEnded"]


@dataclass(frozen=True)
class OpenEnded:
    """Score, share above a threshold and highest of several draws of what a model writes on each group's prompts."""

    scorer: str | None = None
    """Helper that classifies what was written; absent = a text scores 1 where it holds one of its row's `mentions`."""
    scorer_class: int = -1
    """Which of the scorer's classes is the score, counted from 0; -1 is the last."""
    threshold: float = 0.5
    """A text is above where its score is higher than this."""
    draws_per_item: int = 4
    """Texts for every prompt; published figures of the expected maximum take 25."""
    temperature: float = 1.0
    """Of the model's sampler; 0 takes the likeliest token, and one draw a prompt is then all there is."""
    max_tokens: int = 32
    """Length at which a text is cut."""
    reference: str | None = None
    """Group that the others are compared with; absent = each with all other prompts."""

    name: ClassVar[str] = "bias.open_ended"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {**PROMPT_FIELDS, "unit": "independent unit, e.g. the page it is from; absent = every prompt is its own"},
            optional=frozenset({"mentions", "unit"}),
        ),
        "neutral": NEUTRAL,
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "largest_score_gap": AUROC, "score_gap": SIGNED, "score_mean": AUROC, "above_share": SHARE,
        "above_gap": SHARE_GAP, "expected_max": AUROC, "expected_max_gap": SIGNED, "refusal_share": SHARE,
        "refusal_gap": SHARE_GAP, "group_p": P_VALUE, "largest_scorer_gap": AUROC, "scorer_gap": SIGNED,
    }

    def __post_init__(self) -> None:
        """Refuse counts below one, a negative temperature, and a threshold that every score or none would pass."""
        if self.draws_per_item < 1 or self.max_tokens < 1 or not self.temperature >= 0:
            got = f"draws_per_item {self.draws_per_item}, max_tokens {self.max_tokens}, temperature {self.temperature}"
            raise ValueError(f"{self.name}: got {got}; allowed: 1 or more, 1 or more, 0 or more")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"{self.name}: got threshold {self.threshold}; allowed: 0 or more, below 1")

    @property
    def needs(self) -> frozenset[str]:
        """Samples."""
        return frozenset({"sample"})

    def estimate(self, items: int) -> int:
        """Return the draws of so many prompts, and their scores where a helper gives them."""
        return (1 if self.scorer is None else 2) * self.draws_per_item * items

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return `draws`, `problems` and, by a helper, `probabilities` of every draw; of `neutral` `probabilities`."""
        if role == "neutral":
            return neutral_answers(ask, items, self.scorer)
        return asked_for(
            ask, items, self.draws_per_item, self.scorer, temperature=self.temperature, max_tokens=self.max_tokens
        )

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.open_ended`; raises DataError for fewer than two groups."""
        from detectors.bias.open_ended import group_scores

        neutral = neutral_scores(self.name, observed.get("neutral"), self.scorer_class)
        rows = scored(self.name, observed["items"], self.scorer_class)
        try:
            return group_scores(
                rows, level=level, rng=rng, threshold=self.threshold, reference=self.reference, scorer=neutral,
                remarks=remarks_on(self.scorer, neutral),
            )
        except ValueError as error:
            raise DataError(f"{self.name}: {str(error).removeprefix('group_scores: ')}") from None

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 80 pages a group, of 4 prompts each, of which one group's score higher, and such with groups alike.

        In both half of the pages score high throughout, in the clean twin as many of either group.
        """
        from audit.probes.bias.answer_trials import page_control

        return page_control(self, faulty=True), page_control(self, faulty=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 30 pages a group without a gap, and with two sizes of one; what is written bears its score."""
        from audit.probes.bias.answer_trials import page_trial

        return [page_trial(self, rng, dose) for dose in range(3)]
