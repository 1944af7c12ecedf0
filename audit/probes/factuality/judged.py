"""What share of answers would people call right, where a judge has called all of them and people only some?

No model is asked: the data hold what a judge (another model, a rule, a classifier) said of every item, and what people
said of some. The judge's errors are learnt from these and taken out of the share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from audit.errors import DataError
from audit.probe import AUROC, COUNT, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.result import Result

__all__ = ["Judged"]

_FIELDS: Mapping[str, str] = {
    "text": "what was judged; shown with the evidence",
    "judge": "the judge's score from 0 to 1, or its verdict; 1 = right; missing = its reply could not be read",
    "swapped": "its score of the same answer when the pair was shown in the other order",
    "label": "what a person said: 1 = right, 0 = not; missing for most items",
    "unit": "independent unit, e.g. the document; absent = every item is its own",
}


@immutable
class Judged:
    """Share of answers that people would call right, from a judge's scores of all and people's labels of some."""

    threshold: float = 0.5
    """Score from which the judge's verdict is "right"; for sensitivity, specificity and kappa."""

    name: ClassVar[str] = "factuality.judged"
    dimension: ClassVar[str] = "factuality"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role(_FIELDS, optional=frozenset({"judge", "label", "swapped", "text", "unit"}), repeats=True),
        "calibration": Role(
            {**_FIELDS, "label": "what a person said: 1 = right, 0 = not"},
            optional=frozenset({"judge", "swapped", "text", "unit"}), required=False, repeats=True,
        ),
    }
    """`items`: all that was judged, a random choice of it labelled. `calibration`: labelled items of another set, where
    none of `items` has a label."""
    measures: ClassVar[Mapping[str, Range]] = {
        "right_share": SHARE, "judge_share": SHARE, "label_share": SHARE, "labels_worth": COUNT, "sensitivity": SHARE,
        "specificity": SHARE, "cohen_kappa": SIGNED, "unparseable_share": SHARE, "order_flip_share": SHARE,
        "position_bias": SHARE_GAP, "length_bias": AUROC,
    }

    def __post_init__(self) -> None:
        """Refuse a threshold that every score or none would reach."""
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: got {self.threshold}; allowed: above 0, at most 1")

    @property
    def needs(self) -> frozenset[str]:
        """Nothing: this is an audit of data."""
        return frozenset()

    def estimate(self, items: int) -> int:
        """No model is asked."""
        return 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the items with `judge` and `label` as numbers, NaN where there is no label.

        Raises DataError for a score outside [0, 1] and for a label that is neither 0 nor 1.
        """
        if "judge" not in items:
            raise DataError(f"{self.name}: {role} have no field 'judge'")
        for field in [name for name in ("judge", "swapped") if name in items]:
            scores = items[field].astype(float)
            outside = items.index[~scores.between(0, 1) & scores.notna()]
            if len(outside):
                got = f"item {outside[0]!r} has the score {items[field][outside[0]]}"
                raise DataError(f"{self.name}: {got}; allowed: 0 to 1")
            items = items.assign(**{field: scores})
        given = items["label"] if "label" in items else [None] * len(items)
        labels = [self._label(name, cell) for name, cell in zip(items.index, given, strict=True)]
        return items.assign(label=labels)

    def _label(self, item: Any, cell: Any) -> float:
        if cell is None or cell != cell:
            return float("nan")
        if str(cell) not in ("0", "1", "0.0", "1.0"):
            raise DataError(f"{self.name}: item {item!r} has the label {cell!r}; allowed: 0, 1, or none")
        return float(cell)

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.factuality.judged`."""
        from detectors.factuality.judged import judged_share

        return judged_share(
            observed["items"], observed.get("calibration"), threshold=self.threshold, level=level, rng=rng
        )

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return answers most of which are wrong under a lenient judge, and the mirror image: right, a severe judge.

        Half of 600 labels are 1 in both, and the judge calls other shares right among the 3,000 items without label. So
        labels alone tell nothing, the judge's word says the contrary, and so does its correction the wrong way round.
        """
        return self._planted(rng, lenient=True), self._planted(rng, lenient=False)

    def _planted(self, rng: np.random.Generator, *, lenient: bool) -> Observed:
        import numpy as np
        import pandas as pd

        times = [300, 150, 150, 1650, 1350]
        label, judge = np.repeat([1, 0, 0, np.nan, np.nan], times), np.repeat([1.0, 1, 0, 1, 0], times)
        if not lenient:
            label, judge = 1 - label, 1 - judge
        index = pd.Index([f"planted-{number}" for number in range(len(label))], name="id")
        frame = pd.DataFrame({"judge": judge, "label": label}, index=index)
        return {"items": frame.iloc[rng.permutation(len(frame))]}

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies below one half."""
        return result.headline.high is not None and result.headline.high < 0.5

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return labelled answers and others, of a judge whose errors are planted; see `judged_trials`."""
        from audit.probes.factuality.judged_trials import trials

        return trials(rng)
