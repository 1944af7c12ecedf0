"""Do numbers about people, such as a predicted wage, a risk or a mark, depend on their group?

Numbers are those that a model names when it is asked, or those that were made elsewhere and stand in the table. Of an
answer the first number counts, as it is written: $35k is 35000, 45 % is 45. How many answers hold several numbers is
told, as the first need not be meant: "In 2024 50,000", "50 000" and "1e5" are such. A row without a value in a
sensitive column is in a group of its own; one without a number may have had any.

Rows that share a `unit`, such as the person, count once, as in `bias.decisions`, which is the probe for yes and no.

Whether people who are alike are given numbers that are alike (individual fairness) is told where `features` says what
makes rows alike, and `low` and `high` how far numbers can lie apart. Which features count is a question of the matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import DataError
from audit.probe import AMOUNT, AUROC, P_VALUE, SCORE, SHARE, SHARE_GAP, SIGNED, Ask, Observed, Range, Role
from audit.probes.bias import planted_predictions
from audit.probes.bias.columns import answers_to, finite_numbers
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Trial
    from detectors.factuality.mismatch.quantities import Quantity
    from detectors.result import Remark, Result

__all__ = ["Predictions"]

_MOST_SENSITIVE = 4
_UNIT = "unit"
_OWN = {"label", "prediction"}
"""Columns that rows get beside their groups."""
_OF_NEIGHBOURS = {
    "consistency": AUROC, "consistency_held_out": AUROC, "consistency_by_chance": AUROC, "same_features_share": SHARE,
}
_OF_TOP = {"largest_top_gap": SHARE, "top_gap": SHARE_GAP, "top_ratio": AUROC, "top_rate": SHARE}


def _measures(*, label: bool, bounds: bool, top: bool, alike: bool) -> dict[str, Range]:
    """Return what the numbers are told by, the headline first."""
    told: dict[str, Range] = {}
    for stem in ("prediction", "error", "absolute_error") if label else ("prediction",):
        prefix, level = "" if stem == "prediction" else f"{stem}_", AMOUNT if stem == "absolute_error" else SCORE
        told |= {f"largest_{prefix}superiority_gap": AUROC, f"{prefix}superiority_gap": SIGNED}
        if stem == "prediction":
            told |= {"largest_wasserstein_distance": AMOUNT, "wasserstein_distance": AMOUNT, "distribution_p": P_VALUE}
            told |= _OF_TOP if top else {}
        for middle in ("median", "mean") if bounds else ("median",):
            told |= {f"largest_{middle}_{stem}_gap": AMOUNT, f"{middle}_{stem}_gap": SCORE, f"{middle}_{stem}": level}
    return told | (_OF_NEIGHBOURS if alike else {})


@immutable
class Predictions:
    """How numbers about people differ between groups: who is given higher ones, and about whom they are farther off."""

    sensitive: tuple[str, ...] = ("group",)
    """Columns that say which group a row is of; of several all combinations are groups, and each column alone too."""
    prediction: str | None = None
    """Column of numbers made elsewhere; absent = `prediction`, unless a prompt asks a model."""
    prompt: str | None = None
    """Column of questions that a model answers by a number, in place of a prediction."""
    label: str | None = None
    """Column of the numbers that turned out to be so; absent = they are not known, and no error can be told."""
    low: float | None = None
    """Least number that a prediction and a label can be; with `high` means have intervals, which nothing else gives."""
    high: float | None = None
    """Greatest number that they can be; those outside count as missing, and are told."""
    top: float | None = None
    """Share of all predictions that counts as the highest, e.g. 0.1 = those who would be among the highest tenth."""
    reference: str = "the rest"
    """What every group is compared with: `the rest`, or a group."""
    features: tuple[str, ...] = field(default=(), metadata={"later": True})
    """Columns that say which rows are alike: how near numbers are to those of their nearest rows; needs `low`, `high`.
    Rows that lack one are left out there, and of more than 10,000 rows as many are drawn."""
    categories: tuple[str, ...] = field(default=(), metadata={"later": True})
    """Features that are words, equal or not; all others are numbers."""
    neighbours: int = field(default=5, metadata={"later": True})
    """How many nearest rows each is compared with."""
    permuted: Literal["together", "each"] = field(default="together", metadata={"before": "each"})
    """How `distribution_p` permutes groups: all `together`, or `each` by itself, which sees less the more there are."""

    name: ClassVar[str] = "bias.predictions"
    dimension: ClassVar[str] = "bias"
    roles: ClassVar[Mapping[str, Role]] = {
        "items": Role({"group": "a column of the table; which ones, the options say"}, repeats=True, table=True)
    }
    measures: ClassVar[Mapping[str, Range]] = _measures(label=True, bounds=True, top=True, alike=True)

    def __post_init__(self) -> None:
        """Refuse options that contradict each other, and tell which columns and measures they mean."""
        columns = self.columns
        self._refuse(self.prompt is not None and self.prediction is not None, "prediction and prompt", "one of both")
        self._refuse(
            not 0 < len(self.sensitive) <= _MOST_SENSITIVE or len(set(columns)) < len(columns),
            f"columns {', '.join(columns)}", f"1 to {_MOST_SENSITIVE} sensitive, each column once",
        )
        hidden = sorted(set(self.sensitive) & _OWN | set(columns) & ({"answer"} if self.prompt else set()))
        self._refuse(hidden, f"column {', '.join(hidden)}", "another name, as what is judged gets this one")
        got, bounds = f"low {self.low} and high {self.high}", self.bounds
        self._refuse((self.low is None) != (self.high is None), got, "both, or neither")
        self._refuse(bounds is not None and not -inf < bounds[0] < bounds[1] < inf, got, "finite, low below high")
        self._refuse(self.top is not None and not 0 < self.top < 1, f"top {self.top}", "above 0 and below 1")
        self._check_features()
        fields = {_UNIT: "independent unit, e.g. the person; absent = every row is its own"}
        fields |= dict.fromkeys(columns, "a column of the table")
        role = Role(fields, optional=frozenset({_UNIT}) - set(columns), repeats=True, table=True)
        object.__setattr__(self, "roles", {"items": role})
        told = _measures(
            label=self.label is not None, bounds=self.bounds is not None, top=self.top is not None,
            alike=bool(self.features),
        )
        object.__setattr__(self, "measures", told)

    def _check_features(self) -> None:
        named = ", ".join(self.features)
        taken = {self.given, self.prompt, self.label} & set(self.features)
        self._refuse(
            taken or len(set(self.features)) < len(self.features), f"features {named}",
            "each once, and neither prediction, prompt nor label",
        )
        self._refuse(self.features and self.bounds is None, f"features {named} without low and high", "with them")
        strange = sorted(set(self.categories) - set(self.features))
        self._refuse(strange, f"categories {', '.join(strange)}", "features")
        self._refuse(self.neighbours < 1, f"neighbours {self.neighbours}", "1 or more")

    def _refuse(self, wrong: object, got: str, allowed: str) -> None:
        if wrong:
            raise ValueError(f"{self.name}: got {got}; allowed: {allowed}")

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range of the numbers; None where it is not known."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def given(self) -> str | None:
        """The column of numbers made elsewhere; None where a model is asked."""
        return self.prediction or (None if self.prompt else "prediction")

    @property
    def columns(self) -> list[str]:
        """The columns of the table that are asked for."""
        own = [name for name in (*self.sensitive, self.given, self.prompt, self.label) if name is not None]
        return own + [name for name in self.features if name not in own]

    @property
    def needs(self) -> frozenset[str]:
        """`sample` for a prompt, nothing for numbers made elsewhere."""
        return frozenset({"sample"} if self.prompt else ())

    def estimate(self, items: int) -> int:
        """One question a row, where a model is asked."""
        return items if self.needs else 0

    def observe(self, ask: Ask, items: pd.DataFrame, role: str) -> pd.DataFrame:
        """Return the rows, with the `answer` where a model is asked; None where nothing came."""
        return items if self.prompt is None else items.assign(answer=answers_to(ask, items[self.prompt]))

    def judge(self, observed: Observed, *, level: float, rng: np.random.Generator) -> Result:
        """Return the measures of `detectors.bias.predictions`, and with features of `detectors.bias.consistency`.

        Raises DataError for a prediction, label or feature that is no number, and for a reference that is no group.
        """
        from dataclasses import replace

        from detectors.bias.predictions import prediction_gaps

        rows, told = self._independent(observed["items"], rng)
        try:
            result = prediction_gaps(
                rows, self.sensitive, level=level, rng=rng, reference=self.reference, bounds=self.bounds, top=self.top,
                each=self.permuted == "each",
            )
        except ValueError as error:
            raise DataError(f"{self.name}: {error}") from None
        result = replace(result, remarks=(*told, *result.remarks))
        if self.bounds is None or not self.features:
            return result
        return self._beside_neighbours(result, observed["items"].loc[rows.index], self.bounds, level, rng)

    def _beside_neighbours(
        self, result: Result, items: pd.DataFrame, bounds: tuple[float, float], level: float, rng: np.random.Generator
    ) -> Result:
        """Return the result with how near the numbers of rows lie to those of the rows that are most like them."""
        from dataclasses import replace

        import numpy as np
        import pandas as pd

        from detectors.bias.consistency import Features, consistency

        evidence, width = result.items, bounds[1] - bounds[0]
        assert evidence is not None
        whole = items[list(self.features)].notna().all(axis=1).to_numpy(bool)
        columns = {name: items.loc[whole, name] for name in self.features}
        numbers = [finite_numbers(self.name, columns[name]) for name in self.features if name not in self.categories]
        words = [pd.factorize(columns[name])[0] for name in self.categories]
        empty = np.empty((int(whole.sum()), 0))
        alike = Features(np.column_stack([empty, *numbers]), np.column_stack([empty, *words]).astype(np.int64))
        places = (evidence["prediction"].to_numpy(float)[whole] - bounds[0]) / width
        places[~((places >= 0) & (places <= 1))] = np.nan
        measures, means, remarks = consistency(alike, places, k=self.neighbours, level=level, rng=rng)
        near = np.full(len(items), np.nan)
        near[whole] = bounds[0] + width * means
        return replace(
            result, measures=(*result.measures, *measures), items=evidence.assign(neighbours=near),
            remarks=(*result.remarks, *remarks, *_told_of_bare(int((~whole).sum()), len(items))),
        )

    def _independent(self, items: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
        """Return the rows as the detector takes them, one of each unit, and what is told of those drawn or alike."""
        from detectors.bias.repeats import looks_repeated, one_of_each_unit

        rows, doubtful = self._rows(items)
        if _UNIT in items and _UNIT not in self.columns:
            rows, told = one_of_each_unit(rows, items[_UNIT], rng)
        else:
            told = looks_repeated(items[self.columns])
        return rows, (*told, *doubtful)

    def _rows(self, items: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Remark, ...]]:
        """Return groups, predictions and labels, and what is told of answers with several numbers."""
        import numpy as np
        import pandas as pd

        rows, several = pd.DataFrame({name: items[name] for name in self.sensitive}), 0
        if self.given is not None:
            rows["prediction"] = finite_numbers(self.name, items[self.given])
        else:
            found = [_numbers_in(one) for one in items["answer"]]
            rows["prediction"] = np.array([_first_number(one) for one in found], float)
            several = sum(len(one) > 1 for one in found)
        if self.label is not None:
            rows["label"] = finite_numbers(self.name, items[self.label])
        return rows, _told_of(several, len(items))

    def controls(self, rng: np.random.Generator) -> tuple[Observed, Observed]:
        """Return two groups of 300 of which one is given lower numbers, and two that are given the same.

        Rows of one person that stand there again hide the gap, and make one up in the clean twin.
        """
        return planted_predictions.observed(self, rng, gap=True), planted_predictions.observed(self, rng, gap=False)

    def found(self, result: Result) -> bool:
        """Tell whether the whole interval of the headline lies above 0."""
        return result.headline.low is not None and result.headline.low > 0

    def trials(self, rng: np.random.Generator) -> Sequence[Trial]:
        """Return two groups of 40 that are given the same numbers, or lower ones in two sizes; ten without a group.

        Rows are in no order, so that a number given to another row shows, and three of them have no number.
        """
        return [planted_predictions.trial(self, rng, dose) for dose in range(3)]


def _told_of(several: int, rows: int) -> tuple[Remark, ...]:
    """Return the remark on how many answers hold several numbers, of which the first need not be meant."""
    from detectors.result import Remark

    told: dict[str, str | float] = {"several_count": float(several), "row_count": float(rows)}
    return (Remark("several_numbers", told),) if several else ()


def _told_of_bare(bare: int, rows: int) -> tuple[Remark, ...]:
    """Return the remark on how many rows lack a feature, so that they have no neighbours and are nobody's."""
    from detectors.result import Remark

    told: dict[str, str | float] = {"bare_count": float(bare), "row_count": float(rows)}
    return (Remark("without_neighbours", told),) if bare else ()


def _numbers_in(answer: Any) -> list[Quantity]:
    """Return the numbers of an answer in their order."""
    from detectors.factuality.mismatch.quantities import quantities
    from detectors.factuality.words import read

    return [] if answer is None else [*quantities(read(str(answer)))]


def _first_number(numbers: Sequence[Quantity]) -> float | None:
    """Return the first number of an answer as it is written, without its unit; None where there is none.

    Of a number that countries read otherwise, as 1.234 and 1,234, a point is that of decimals.
    """
    found = next((one for one in numbers if one.readings and not one.names), None)
    if found is None:
        return None
    return min(found.bare, key=abs) if "." in found.written else max(found.bare, key=abs)
