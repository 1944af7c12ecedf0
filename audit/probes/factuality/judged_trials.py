"""Answers that are right or not, and what a judge and people say of them: trials of `factuality.judged`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.probe import Known, Trial, auroc_of, mean_of, overall
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures

__all__ = ["trials"]

_TRIED, _LABELLED = 400, 80
_ROUND = 40
"""Answers after which the same come again."""


def trials(rng: np.random.Generator) -> Sequence[Trial]:
    """Return 80 labelled answers and 320 others, of which 4, 2, or 1 in 5 are right, in both alike.

    The judge calls 7 of 8 right ones right, and a growing part of the wrong ones.
    """
    return [_trial(rng, dose, right, called) for dose, (right, called) in enumerate([(4, 1), (2, 2), (1, 4)])]


def _trial(rng: np.random.Generator, dose: int, right: int, called: int) -> Trial:
    judged = _Judged.planted(dose, right, called)
    items = judged.frame()
    return Trial(dose > 0, {"items": items.iloc[rng.permutation(_TRIED)]}, {}, judged.known())


@immutable
class _Judged:
    """What is planted, [answer] each."""

    right: np.ndarray
    said: np.ndarray
    """Whether the judge calls it right."""
    turns: np.ndarray
    """Whether it says otherwise where the pair is shown in the other order."""
    words: np.ndarray
    """How many the answer has: more by the dose where the judge calls it right."""

    @classmethod
    def planted(cls, dose: int, right: int, called: int) -> _Judged:
        """Return answers of which so many in 5 are right; so many in 8 wrong ones are called right."""
        import numpy as np

        place, truth = np.arange(_TRIED), np.tile(np.arange(_ROUND) % 5 < right, _TRIED // _ROUND)
        order = np.empty(_ROUND, dtype=int)  # of an answer among those of a round that are as right as it
        for of in (truth[:_ROUND], ~truth[:_ROUND]):
            order[of] = np.arange(of.sum())
        eighth = np.tile(order, _TRIED // _ROUND) % 8
        said = np.where(truth, eighth > 0, eighth < called)
        return cls(truth, said, turns=place % 20 <= 2 * dose, words=1 + place % 3 + dose * said)

    def frame(self) -> pd.DataFrame:
        """Return the answers; only the first ones have a label."""
        import numpy as np
        import pandas as pd

        return pd.DataFrame({
            "judge": np.where(self.said, 1.0, 0.0),
            "label": np.where(np.arange(_TRIED) < _LABELLED, self.right, np.nan),
            "swapped": np.where(self.said ^ self.turns, 1.0, 0.0),
            "text": ["word " * count for count in self.words.tolist()],
        }, index=pd.Index([f"trial-{number}" for number in range(_TRIED)], name="id"))  # fmt: skip

    def known(self) -> KnownMeasures:
        """Return what is known of them: of the judge's errors from the labelled ones alone."""
        import numpy as np

        said, true, told = self.said, self.right[:_LABELLED], self.said[:_LABELLED]
        words, spread = self.words[:_LABELLED], float(self.right.std() / np.sqrt(_TRIED))
        chance = true.mean() * told.mean() + (1 - true.mean()) * (1 - told.mean())
        known = {
            "right_share": Known(float(self.right.mean()), 1e-3, error=spread),
            "judge_share": mean_of(said, _TRIED), "label_share": mean_of(true, _LABELLED),
            "specificity": mean_of(~told[~true], int((~true).sum())),
            "cohen_kappa": Known(float(((true == told).mean() - chance) / (1 - chance))),
            "order_flip_share": mean_of(self.turns, _TRIED),
            "position_bias": mean_of(said.astype(float) - (said ^ self.turns)),
        }
        return overall(known) | {
            ("length_bias", group): Known(auroc_of(words[of & ~told], words[of & told]).value)
            for group, of in (("called right", true), ("called not right", ~true))
        }
