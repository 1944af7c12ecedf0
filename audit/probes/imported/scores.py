"""What do scores say that another tool has written: their mean by group, with an interval that holds, and a limit?

No model is asked: a log of the tool is read (`audit.importers`), and the finding says so first. Its scores are held
against its own numbers, answers without a score are counted both ways, and repeats of one item are one unit. `about`
says what the scores are about, so that a team's red-team logs stand in the record where its readers look for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from audit.probe import AMOUNT, SHARE, Ask, Observed, Range, Role
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures, Trial
    from detectors.result import Result

__all__ = ["ImportedScores"]

_FIELDS: Mapping[str, str] = {
    "score": "the score, from 0 to 1 on its scale; missing = there is none",
    "status": "scored, or why there is no score: error, unscored, invalid",
    "passed": "1 = the tool calls the answer good, 0 = bad; missing = it does not say",
    "unit": "what was asked, the same for its repeats; absent = every answer is its own",
    "group": "slice that the answer belongs to",
    "direction": "higher or lower: which way the score is good",
    "binary": "1 = a score is 0 or 1 by what it is, a tie between",
    "assumed_threshold": "from where on the tool's number counts as 1, by its default, where the log does not state it",
    "task": "what the tool calls the set of items",
    "item": "what the tool calls the item",
    "repeat": "how often it was asked before, and once more",
    "scorer": "what gave the score",
    "scored_by": "the model that gave it; missing = a rule",
    "input": "what the model was shown",
    "output": "what it answered",
    "target": "the right answer",
    "problem": "why there is no score",
    "locator": "where in the log it stands",
    "tool": "what wrote the log",
    "version": "its version",
    "model": "the model that answered",
    "file": "digest of the log",
    "stated": "the tool's own mean over the task, on the same scale",
    "recomputed": "the mean of the scores that the log holds of the task",
    "stated_within": "how far that may lie from the tool's own",
    "stated_items": "how many answers have a score by the tool's own count",
    "items_there": "how many have one in the log",
}


@immutable
class ImportedScores:
    """Mean and pass rate of scores that another tool wrote, by group, held against the tool's own numbers."""

    about: Literal[
        "quality", "bias", "factuality", "robustness", "toxicity", "jailbreak", "injection", "privacy"
    ] = "quality"
    """What the scores are about; the finding stands under that dimension."""

    name: ClassVar[str] = "imported.scores"
    dimension: ClassVar[str] = "quality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, optional=frozenset(_FIELDS) - {"status"}, repeats=True)
    }
    measures: ClassVar[Mapping[str, Range]] = {
        "mean_score": SHARE, "pass_share": SHARE, "no_score_share": SHARE, "aggregate_gap": AMOUNT,
    }

    def __post_init__(self) -> None:
        """Stand under the dimension that the scores are about."""
        object.__setattr__(self, "dimension", self.about)

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: the model answered elsewhere."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the scored answers as they are, scores and passes as numbers."""
        numbers = [name for name in ("score", "passed") if name in items]
        return items.assign(**{name: items[name].astype(float) for name in numbers})

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.imported.scores`."""
        from detectors.imported.scores import imported_scores

        return imported_scores(observed["items"], level=level, rng=rng)

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return scores that are bad but for ten items, each asked forty times, and the mirror image.

        Counted by answer, seven in ten are good; by item, one in seven. Twenty have no score.
        """
        return _planted(rng, good=0.0), _planted(rng, good=1.0)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half, the higher being better."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return 200 items of which 1, 3, or 6 in ten have the score 0, some asked again; a tool's mean stands by."""
        return [_trial(rng, dose, bad) for dose, bad in enumerate((1, 3, 6))]


def _planted(rng: np.random.Generator, *, good: float) -> Observed:
    import numpy as np
    import pandas as pd

    score = np.repeat([good, 1 - good, np.nan, 1 - good], [160, 20, 20, 400])
    unit = np.concatenate([np.arange(200), 200 + np.repeat(np.arange(10), 40)])
    frame = pd.DataFrame({
        "score": score, "status": np.where(np.isnan(score), "error", "scored"), "unit": [f"asked-{n}" for n in unit],
        "direction": "higher", "passed": score, "binary": "1",
    }, index=pd.Index([f"planted-{number}" for number in range(len(score))], name="id"))  # fmt: skip
    return {"items": frame.iloc[rng.permutation(len(frame))]}


def _trial(rng: np.random.Generator, dose: int, bad: int) -> Trial:
    """Return a trial: one item in twenty is asked three times, 1, 3, or 5 answers in 25 have no score."""
    import numpy as np
    import pandas as pd

    from audit.probe import Known, Trial, mean_of

    unit = np.concatenate([np.arange(200), np.repeat(np.arange(0, 200, 20), 2)])
    group = np.where(unit % 20 < 10, "even", "odd")
    score = np.where(unit * 7 % 10 < bad, 0.0, 1.0)
    lost = (unit % 25 <= 2 * dose) & (np.arange(len(unit)) < 200)
    score[lost] = np.nan
    frame = pd.DataFrame({"score": score, "unit": unit, "group": group, "lost": lost})
    by_unit = frame.groupby("unit").agg({"score": "mean", "group": "first", "lost": "mean"})
    no_score, by_unit = by_unit["lost"], by_unit.dropna()
    theirs = float(np.nanmean(score)) - dose / 20
    items = frame.assign(
        unit=[f"asked-{n}" for n in unit], status=np.where(lost, "error", "scored"), direction="higher",
        passed=score, task="task",
        binary="1", stated=theirs, recomputed=theirs + dose / 20, stated_within=1.0,
    ).set_index(pd.Index([f"trial-{number}" for number in range(len(unit))], name="id"))  # fmt: skip
    known: KnownMeasures = {
        ("mean_score", None): mean_of(by_unit["score"], 200),
        ("pass_share", None): mean_of(by_unit["score"], 200),
        ("no_score_share", None): mean_of(no_score, 200),
        ("aggregate_gap", None): Known(dose / 20, certain=True),
        **{
            ("mean_score", name): mean_of(by_unit.loc[by_unit["group"] == name, "score"], 100)
            for name in ("even", "odd")
        },
    }  # fmt: skip
    return Trial(dose > 0, {"items": items.iloc[rng.permutation(len(items))]}, {}, known)
