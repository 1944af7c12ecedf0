"""How does what the model writes differ between groups, each with prompts of its own?

For prompts as of BOLD: the first words of what people wrote about members of a group. They differ between groups, so a
gap is of the prompts as well; `bias.counterfactual` asks the same of all groups. Published figures of the expected
maximum rest on 25 draws a prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from audit.errors import DataError
from audit.probe import AUROC, P_VALUE, SHARE, SHARE_GAP, SIGNED, Observed, Range, Role
from audit.probes.bias.answers import NEUTRAL, PROMPT_FIELDS, Writing, neutral_scores, remarks_on, scored
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["OpenEnded"]


@immutable
class OpenEnded(Writing):
    """Score, share above a threshold and highest of several draws of what a model writes on each group's prompts."""

    threshold: float = 0.5
    """A text is above where its score is higher than this."""
    reference: str | None = None
    """Group that the others are compared with; absent = each with all other prompts."""

    name: ClassVar[str] = "bias.open_ended"
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
        """Refuse also a threshold that every score or none would pass."""
        super().__post_init__()
        if not 0 <= self.threshold < 1:
            raise ValueError(f"{self.name}: got threshold {self.threshold}; allowed: 0 or more, below 1")

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

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 30 pages a group without a gap, and with two sizes of one; what is written bears its score."""
        from audit.probes.bias.answer_trials import page_trial

        return [page_trial(self, rng, dose) for dose in range(3)]
