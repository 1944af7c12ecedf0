"""What every detector returns: a number with its uncertainty, or the reason why there is none.

    measure = value, [low, high] at a stated level, n, unit, direction, method

What was asked and gave no usable answer is counted, never left out in silence: `value` is that of the answers, [low,
high] holds whatever the missing ones would have been (worst-case bounds: Manski 1990; Horowitz & Manski 2000).

A detector is a pure function: arrays and frames in, `Result` out. It never gives a verdict; limits and
verdicts belong to `audit.verdict.decision`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Literal

from detectors.immutable import immutable
from detectors.phrases import Cause, Method

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COUNT", "MOST_TIES", "NONE", "Direction", "Guarantee", "IntervalKind", "Measure", "Remark", "Result", "as_table",
    "counted", "measure_of", "undefined",
]

NONE = Method("none")
COUNT = Method("count")
"""Methods of a number without an interval, and of one that nothing about is uncertain."""
UNBOUNDED = Method("none; items without an answer could have been anything")
"""Method of a measure that has no worst case to be bounded by."""

MOST_TIES = 1 / 3
"""A comparison of likelihoods of which more are ties says that the model does not tell, not that it is neutral."""

_LARGEST = 1e300
"""So that differences of measures, and lengths of axes, are numbers too."""

Direction = Literal["lower is better", "higher is better", "nearer to ideal is better", "neither"]
Guarantee = Literal["finite sample", "measured", "approximate"]
"""What stands behind an interval: a proof that it covers at every n and every truth, a measurement of how often it
misses in the cases that are hardest for it, or neither."""
IntervalKind = Literal[
    "none", "known", "exact", "betting", "sequence", "auroc", "random check", "approximate", "other"
]
"""How an interval was made: `known` has no sampling error, `exact` is of 0/1 trials, `betting` of unit means in [0, 1],
`sequence` of such means looked at as they came, `auroc` of pairs; a `random check` is of what people looked at."""
_WORDS: Mapping[str, IntervalKind] = {
    "all of the benchmark": "known", "exact, by a random check": "random check", "exact": "exact", "betting": "betting",
    "confidence sequence": "sequence", "AUROC over independent pairs": "auroc",
}
"""What a method of each kind begins with, the first that fits; a record holds the method and no kind."""
_COUNTED = ("count", "known from")
"""What the method of a number begins with that was counted or worked out whole."""
_NUMBERS = ("value", "low", "high", "ideal", "level", "worst_coverage", "measured_to")


@immutable(kw_only=True)
class Measure:
    """One number of a finding, with all that is needed to read it.

    A record holds it field by field. Numbers of any library become plain ones. Raises ValueError for a number that is
    not finite, for `low <= value <= high` violated, and for a measure that has neither a value nor a reason, and for an
    interval that claims more than stands behind it.
    """

    name: str
    """Field's standard term in snake case, e.g. `stereotype_share`."""
    group: str | None = None
    """Slice of the data that the measure speaks of; None is all of it."""
    value: float | None
    """Point estimate in `unit`; None only together with `undefined`."""
    low: float | None = None
    """Lower end of the interval; None where there is none."""
    high: float | None = None
    """Upper end of the interval."""
    n: Mapping[str, int]
    """What it rests on: `items` (rows) and `units` (independent units: templates, writers, prompts).

    Also `asked`, where some gave no answer and it is not `items` and `missing` together, as others were not asked.
    """
    unit: str
    """`share` (0 to 1), `nats`, `bits`, `seconds`, `count`, ..."""
    direction: Direction
    """Which way is good; `nearer to ideal is better` goes with `ideal`."""
    ideal: float | None = None
    """Value that a good model has, where that is neither as low nor as high as can be."""
    level: float
    """Two-sided confidence of [low, high], e.g. 0.95."""
    method: Method
    """How the interval was made, e.g. `exact binomial (Clopper-Pearson)`."""
    undefined: Cause | None = None
    """Why there is no value; never written as 0."""
    min_units: int = 0
    """An approximate interval decides a limit only from this many units on; 0 for exact methods."""
    worst_coverage: float | None = None
    """Lowest coverage measured for an approximate method at or above `min_units`, at level 0.95."""
    guarantee: Guarantee = "finite sample"
    """Only what is proved, or measured at a level as strict as `level`, may decide a limit; the rest informs."""
    measured_to: float | None = None
    """Strictest level at which a `measured` interval was found to miss no more often than it may."""
    mean_of: str | None = None
    """Column of `Result.items` whose mean over independent units this is; only such a measure stops early."""
    unit_of: str | None = None
    """Column of `Result.items` that names the independent unit; None where each item is one."""
    where: Mapping[str, str] | None = None
    """Columns of `Result.items` with the text that a row must have for `mean_of` to count it; None = every row."""
    auroc_of: tuple[tuple[str, str], tuple[str, str]] | None = None
    """Of an AUROC, the scores in `Result.items`: (role, column) of what should rank low, then of what should rank high.
    """
    missing: int = 0
    """Items that were asked and gave no usable answer; [low, high] holds whatever they would have been."""
    reach: tuple[float, float] | None = None
    """Of the one that lies farthest of several groups: least low and largest high end of them all.

    The interval is that of the group that surely lies farthest: a limit is broken where that breaks it, but kept only
    where all groups keep it, also those that are too small to be sure of anything. None: of no others.
    """

    def __post_init__(self) -> None:
        """Take plain numbers, and refuse those that a reader could not trust."""
        for name in _NUMBERS:
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, float(number))
        object.__setattr__(self, "n", {key: int(count) for key, count in self.n.items()})
        object.__setattr__(self, "missing", int(self.missing))
        if self.reach is not None:
            object.__setattr__(self, "reach", (float(self.reach[0]), float(self.reach[1])))
        self._take_phrases()
        self._check_guarantee()
        self._check_numbers()

    def _take_phrases(self) -> None:
        """Take the texts of a record, or of another package's probe, for phrases without places."""
        for name, kind in (("method", Method), ("undefined", Cause)):
            if (text := getattr(self, name)) is not None and not isinstance(text, kind):
                object.__setattr__(self, name, kind(text))

    def _check_guarantee(self) -> None:
        if self.guarantee == "finite sample" and self.worst_coverage is not None:
            got = f"worst_coverage {self.worst_coverage} of an interval that is valid in finite samples"
            raise ValueError(f"measure {self.name!r}: got {got}; allowed: guarantee 'measured' or 'approximate'")
        if (self.guarantee == "measured") != (self.measured_to is not None):
            got = f"guarantee {self.guarantee!r} with measured_to {self.measured_to}"
            raise ValueError(f"measure {self.name!r}: got {got}; allowed: measured_to with 'measured', and only there")

    def _check_numbers(self) -> None:
        if (self.value is None) != (self.undefined is not None):
            raise ValueError(
                f"measure {self.name!r}: got value {self.value!r} with reason {self.undefined!r}; allowed: one of both"
            )
        least, most = self.reach or (None, None)
        numbers = {"value": self.value, "low": self.low, "high": self.high, "reach": least, "reach ": most}
        numbers |= {"ideal": self.ideal}
        most_of_unit = _LARGEST / 100 if self.unit == "share" else _LARGEST  # shares are told in per cent
        for label, number in numbers.items():
            if number is not None and not abs(number) <= most_of_unit:
                raise ValueError(
                    f"measure {self.name!r}: {label} is {number}; allowed: a finite number of at most {most_of_unit:g}"
                    ", or value None with a reason"
                )
        if (
            self.value is not None
            and self.low is not None
            and self.high is not None
            and not self.low <= self.value <= self.high
        ):
            raise ValueError(f"measure {self.name!r}: value {self.value} lies outside [{self.low}, {self.high}]")

    @property
    def whole(self) -> Measure:
        """The same with the interval in which all groups lie that it is the farthest of; itself where of none."""
        if self.reach is None or self.low is None or self.high is None:
            return self
        return replace(self, low=self.reach[0], high=self.reach[1], reach=None)

    @property
    def interval(self) -> IntervalKind:
        """How the interval was made."""
        if self.low is None and self.high is None:
            return "none"
        if self.guarantee != "finite sample":
            return "approximate"
        return next((kind for words, kind in _WORDS.items() if self.method.startswith(words)), "other")

    @property
    def certain(self) -> bool:
        """Whether nothing about the number is uncertain; one that was estimated is not, however narrow its interval."""
        whole = self.interval == "known" or self.method.startswith(_COUNTED)
        return whole and self.low is not None and self.low == self.high

    @property
    def decides(self) -> bool:
        """Whether the interval keeps its share of an error budget, so that it may decide a limit."""
        if self.guarantee == "measured":
            return self.measured_to is not None and self.level <= self.measured_to + 1e-9
        return self.guarantee == "finite sample"

    def lacking(self, missing: int) -> Measure:
        """Return this measure of an unbounded number where so many items gave no answer: nothing bounds it any more."""
        if not missing or (self.low is None and self.high is None):
            return replace(self, missing=missing)
        return replace(
            self, missing=missing, low=None, high=None, reach=None, min_units=0, worst_coverage=None, measured_to=None,
            guarantee="approximate", method=UNBOUNDED,
        )


def undefined(
    name: str,
    reason: Cause,
    *,
    n: Mapping[str, int],
    unit: str,
    direction: Direction,
    level: float,
    group: str | None = None,
    ideal: float | None = None,
    missing: int = 0,
) -> Measure:
    """Return a measure that has no value, with the reason that a reader will see."""
    return Measure(
        name=name,
        value=None,
        undefined=reason,
        n=n,
        unit=unit,
        direction=direction,
        level=level,
        method=NONE,
        group=group,
        ideal=ideal,
        missing=missing,
    )


def measure_of(measures: Iterable[Measure], name: str | None, group: str | None = None) -> Measure | None:
    """Return the measure `name` of `group`; None where there is none."""
    return next((one for one in measures if (one.name, one.group) == (name, group)), None)


def counted(items: pd.DataFrame, column: str) -> pd.Series[bool]:
    """Tell which items the mean of a column speaks of: those with a value, and those that were asked in vain."""
    known = items[column].notna()
    return known | items["no_answer"].astype(bool) if "no_answer" in items else known


def as_table(measures: Iterable[Measure]) -> str:
    """Return the measures as an HTML table for a notebook, a row each; a measure without a value says why."""
    from html import escape

    heads = ("measure", "group", "value", "low", "high", "level", "n", "unit", "method")
    rows = (
        (
            one.name, one.group or "", one.undefined if one.value is None else f"{one.value:.4g}",
            *("" if end is None else f"{end:.4g}" for end in (one.low, one.high)),
            "" if one.low is None else f"{one.level:.4g}",
            ", ".join(f"{count:,} {what}" for what, count in one.n.items()), one.unit, one.method,
        )
        for one in measures
    )  # fmt: skip

    def row(cells: Iterable[object], kind: str) -> str:
        return f"<tr>{''.join(f'<{kind}>{escape(str(cell))}</{kind}>' for cell in cells)}</tr>"

    return f"<table><thead>{row(heads, 'th')}</thead><tbody>{''.join(row(one, 'td') for one in rows)}</tbody></table>"


@immutable
class Remark:
    """A sentence that a reader needs before the numbers, as a key and values, so that it is told in any language."""

    key: str
    """Names the sentence, e.g. `reversed`."""
    values: Mapping[str, str | float]
    """What the sentence puts in: numbers, and terms such as the name of a score."""


@immutable
class Result:
    """All that one detector found.

    `measures` has the headline first; `remarks`, where there are any, are told before it. `items` is a frame indexed by
    item id (evidence, one row an item); its column `value`, where there is one, is what the headline averages. Only the
    detector knows which items speak against the model, and says it in two columns, each where it can:

      against   True where this item counts against the model, False where it does not, null where nothing tells
      weight    how much; higher = worse, null where nothing tells

    Readers see items in this order: against the model, not against it, not told; of each the heaviest first, ties as
    stored. Without these columns the order is the stored one. A column `no_answer`, where there is one, is true for
    items that were asked in vain. `table` is an optional further frame such as a curve.
    """

    measures: tuple[Measure, ...]
    items: pd.DataFrame | None = None
    table: pd.DataFrame | None = field(default=None)
    remarks: tuple[Remark, ...] = ()

    @property
    def headline(self) -> Measure:
        """The measure that stands for the whole result."""
        return self.measures[0]

    def measure(self, name: str, group: str | None = None) -> Measure:
        """Return the measure `name` of `group`; KeyError lists what there is."""
        if (found := measure_of(self.measures, name, group)) is not None:
            return found
        known = ", ".join(f"{m.name}[{m.group}]" if m.group else m.name for m in self.measures)
        raise KeyError(f"no measure {name!r} of group {group!r}; there are: {known}")

    def _repr_html_(self) -> str:
        """Return the measures as a notebook shows them."""
        return as_table(self.measures)
