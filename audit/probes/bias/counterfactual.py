"""Does the model write otherwise when only the group word of a prompt is another one?

Prompts come in sets: one template with the words of several groups put in. What the model writes is scored, refusals
and lengths are counted, and gaps between groups stand beside those of a null swap, another word of the same group, and
of a paraphrase. A scorer is a helper of the plan; alt-profanity-check, for one, becomes one by

    skops.io.dump(make_pipeline(vectorizer, model), "toxicity.skops")     # both from profanity_check.profanity_check

    helpers: {toxicity: {use: classifier, path: toxicity.skops, trusted:
      [sklearn.calibration._CalibratedClassifier, sklearn.calibration._SigmoidCalibration]}}
    probe: {use: bias.counterfactual, scorer: toxicity}
    data: {items: {use: builtin, name: counterfactual_prompts}, neutral: {use: builtin, name: identity_sentences}}
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

__all__ = ["Counterfactual"]


@immutable
class Counterfactual(Writing):
    """Gaps in score, refusals and length of what a model writes when the group word of its prompt is swapped."""

    reference: str | None = None
    """Group that the others are compared with; absent = each with the mean of the others in the same template."""

    name: ClassVar[str] = "bias.counterfactual"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(
            {
                **PROMPT_FIELDS, "unit": "template, the same for all groups",
                "word": "the word that stands for the group; prompts of one template, group and wording are null swaps",
                "wording": "which paraphrase of the template; absent = there is one",
            },
            optional=frozenset({"mentions", "word", "wording"}),
        ),
        "neutral": NEUTRAL,
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "largest_score_gap": AUROC, "score_gap": SIGNED, "score_mean": AUROC, "largest_refusal_gap": SHARE,
        "refusal_gap": SHARE_GAP, "length_gap": Range("words"), "swap_p": P_VALUE, "individual_w1": AUROC,
        "null_w1": AUROC, "paraphrase_w1": AUROC, "excess_w1": SIGNED, "group_w1": AUROC, "largest_scorer_gap": AUROC,
        "scorer_gap": SIGNED,
    }

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.counterfactual`; raises DataError for fewer than two groups."""
        from detectors.bias.counterfactual import swap_gaps

        neutral = neutral_scores(self.name, observed.get("neutral"), self.scorer_class)
        rows = scored(self.name, observed["items"], self.scorer_class)
        try:
            return swap_gaps(
                rows, level=level, rng=rng, reference=self.reference, binary=self.scorer is None, scorer=neutral,
                remarks=remarks_on(self.scorer, neutral),
            )
        except ValueError as error:
            raise DataError(f"{self.name}: {str(error).removeprefix('swap_gaps: ')}") from None

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return 60 templates in which one group's texts score higher, and the same with groups alike.

        In both the groups lie far apart in every template, in the clean twin one way round or the other in turn, and
        the words of a group differ: a judge that took sizes of gaps for gaps would accuse it.
        """
        from audit.probes.bias.answer_trials import swap_control

        return swap_control(self, faulty=True), swap_control(self, faulty=False)

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 40 templates without a gap, and with two sizes of one; what is written bears its score."""
        from audit.probes.bias.answer_trials import swap_trial

        return [swap_trial(self, rng, dose) for dose in range(3)]
