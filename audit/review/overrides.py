"""What a check's number would be with the outcomes that reviewers put in the place of the machine's.

    value of an item -> the override's; then the same mean over units, the same level, the same kind of interval

Only a measure that is the mean of a column of the items can be made again from them, and only where the stored items
give the machine's own number first. The record is never changed: both numbers stand side by side.

People look at what was flagged, and what the machine let pass stays as it was, wrong or not. So a number after review
of some items is shown without an interval and decides nothing; it has one where every item that counts was looked at,
or all those of a random check (`audit.review.random_check`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from audit.record import Audit, Finding, ItemsFile, erasures, items_of
from audit.review.outcomes import Outcomes, columns_for, outcomes_of
from audit.review.random_check import Barrier, Draw, RandomCheck, barrier_to, bounded, progress_of
from audit.seeds import rng_for
from audit.verdict import decide, sentence
from detectors.immutable import immutable
from detectors.phrases import Method, Phrase
from detectors.result import Measure

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PROBLEMS", "ItemChange", "Numbers", "Problem", "Reviewed", "Unable", "draw_problem",
    "lacking_items", "numbers_of", "override_problem", "review_measure",
]

Unable = Literal["not_a_mean", "items_missing", "items_changed", "items_erased", "item_unknown", "not_reproduced"]
"""Why there is no reviewed number: the measure is no mean of items; the items' file is not there, not the record's, or
erased; an item is not in it or has no value; the items do not give the machine's number."""
Problem = Unable | Literal["chosen"] | Barrier
"""Or why it has no interval and decides nothing: the items that were looked at were chosen, or a random check of them
cannot give one."""

CHOSEN = Method("mean after review of chosen items, no interval")
"""Method of a reviewed number that decides nothing."""


@immutable
class ItemChange:
    """One item's outcome, by the machine and after review."""

    item: str
    machine: float | None
    """None where the items could not be read."""
    reviewed: float
    author: str
    reason: str | None


@immutable
class Reviewed:
    """A finding with its overrides: `machine` and `finding` stand side by side."""

    machine: Finding
    finding: Finding
    """With the headline measure, verdict and sentence after review; the machine's where there is a problem."""
    changes: tuple[ItemChange, ...]
    problem: Problem | None = None
    check: RandomCheck | None = None
    """The last random check; None without one, and where the items cannot be read."""

    @property
    def measure(self) -> Measure | None:
        """The headline after review, without an interval where it decides nothing; None where it cannot be made."""
        return self.finding.headline if self.problem is None or self.informs else None

    @property
    def informs(self) -> bool:
        """Whether there is a number that decides nothing."""
        return self.problem is not None and self.problem not in get_args(Unable)

    def as_json(self) -> dict[str, Any]:
        """Return both results as JSON data."""
        measure, machine = self.measure, self.machine.headline
        return {
            "machine": {
                "verdict": self.machine.verdict, "measure": None if machine is None else asdict(machine)
            },
            "after": None if measure is None else {
                "verdict": self.finding.verdict, "why": self.finding.why,
                "measure": asdict(measure),
            },
            "problem": self.problem,
            **({} if self.check is None else {"random_check": self.check.as_json()}),
            "items": [asdict(one) for one in self.changes],
        }


class _UnableError(Exception):
    def __init__(self, problem: Unable) -> None:
        super().__init__(problem)
        self.problem: Unable = problem


@immutable
class Numbers:
    """What a headline is made of, so that it can be made again."""

    audit: Audit
    finding: Finding
    file: ItemsFile
    headline: Measure
    outcomes: Outcomes

    @cached_property
    def items(self) -> pd.DataFrame:
        """The items [item], of which only what the headline is made of was read."""
        items = self.file.read(columns_for(self.file, self.headline))
        items.index = items.index.astype(str)
        return items

    @cached_property
    def before(self) -> pd.Series[float]:
        """The machine's values [item]."""
        values: pd.Series[float] = self.items[self.headline.mean_of].astype(float)
        return values

    @property
    def whole(self) -> bool:
        """Whether the items are all that the headline speaks of."""
        return self.headline.interval == "known"

    def mean(self, values: pd.Series[float], level: float) -> Measure:
        """Return the headline that these values of all items give."""
        headline = replace(self.headline, level=level)
        return _mean(self.audit, self.finding, headline, self.items, values)

    def after(self, told: tuple[ItemChange, ...]) -> pd.Series[float]:
        """Return the values after review."""
        import pandas as pd

        after = self.before.copy()
        after.update(pd.Series([one.reviewed for one in told], index=[one.item for one in told], dtype=float))
        return after

    def barrier(self, after: pd.Series[float]) -> Barrier | None:
        """Return why a random check gives no interval; None where it does."""
        from detectors.arrays import units_of
        from detectors.result import counted

        asked = self.items[counted(self.items, str(self.headline.mean_of))]
        return barrier_to(self.finding, self.headline, after, list(units_of(asked, self.headline.unit_of)))


def _numbers(audit: Audit, finding: Finding) -> Numbers:
    """Return what the headline is made of, where it gives the machine's own number."""
    headline, file = _headline(finding), _file(audit, finding)
    if headline.mean_of not in file.columns:
        raise _UnableError("not_a_mean")
    if file.id_column is None or not {headline.unit_of or headline.mean_of, *(headline.where or {})} <= {*file.columns}:
        raise _UnableError("not_reproduced")
    outcomes = outcomes_of(file, headline)
    if not _same(outcomes.mean({}), headline.value):
        raise _UnableError("not_reproduced")
    return Numbers(audit, finding, file, headline, outcomes)


def numbers_of(audit: Audit, finding: Finding) -> Numbers | None:
    """Return what the headline is made of; None where it cannot be made again."""
    try:
        return _numbers(audit, finding)
    except _UnableError:
        return None


def review_measure(
    audit: Audit, finding: Finding, changes: Mapping[str, ItemChange], draw: Draw | None = None
) -> Reviewed:
    """Return the finding with these items' values changed; `draw`: the last random check of it."""
    told = tuple(changes[item] for item in sorted(changes))
    try:
        made = _numbers(audit, finding)
        values, rows = made.outcomes.values, made.outcomes.rows(changes)
        if any(item not in rows or not math.isfinite(values[rows[item]]) for item in changes):
            raise _UnableError("item_unknown")
    except _UnableError as unable:
        return Reviewed(finding, finding, told, unable.problem)
    told = tuple(replace(one, machine=float(values[rows[one.item]])) for one in told)
    check = None if draw is None else progress_of(draw, made.before, {one.item: one.reviewed for one in told})
    return _reviewed(made, told, {rows[one.item]: one.reviewed for one in told}, check)


def _reviewed(
    made: Numbers, told: tuple[ItemChange, ...], changed: Mapping[int, float], check: RandomCheck | None
) -> Reviewed:
    """Return both results of changes that can be made; changed: row -> value after review."""
    finding, headline = made.finding, made.headline
    said, finished = {one.item: one.reviewed for one in told}, check is not None and not check.left
    problem: Problem = made.barrier(made.after(told)) or "chosen" if finished else "chosen"
    if check is not None and finished and problem == "chosen":
        bounds = partial(bounded, check, made.before, said, mean=made.mean, whole=made.whole)
        measures = _at_levels(made, lambda level: bounds(level=level))
    elif all(one.machine == one.reviewed for one in told):
        return Reviewed(finding, finding, told, check=check)
    elif len(told) == made.outcomes.known:
        measures = _at_levels(made, lambda level: made.mean(made.after(told), level))
    else:
        bare = replace(headline, value=made.outcomes.mean(changed), low=None, high=None, method=CHOSEN)
        shown = [bare if one is headline else one for one in finding.measures]
        return Reviewed(finding, finding.model_copy(update={"measures": shown}), told, problem, check)
    return Reviewed(finding, _judged(finding, headline, *measures), told, check=check)


def _headline(finding: Finding) -> Measure:
    """Return the headline that is the mean of a column of the items."""
    headline = finding.headline
    if headline is None or headline.mean_of is None or headline.group is not None or headline.value is None:
        raise _UnableError("not_a_mean")
    return headline


def _file(audit: Audit, finding: Finding) -> ItemsFile:
    file = items_of(audit.folder, finding)
    if any(finding.check in one.checks for one in erasures(audit.folder)):  # the rest may give its number by chance
        raise _UnableError("items_erased")
    if file is None or file.problem is not None:
        raise _UnableError("items_changed" if file is not None and file.problem == "changed" else "items_missing")
    return file


def _mean(
    audit: Audit, finding: Finding, headline: Measure, items: pd.DataFrame, values: pd.Series[float]
) -> Measure:
    """Return the headline made again from these values of all items."""
    if "population" in headline.n:
        return _of_benchmark(finding, headline, items.assign(**{str(headline.mean_of): values}))
    if finding.stop == "early":
        return _sequence(headline, items.assign(**{str(headline.mean_of): values}))
    from detectors.intervals import mean_over_units
    from detectors.result import counted

    there = items.assign(**{str(values.name): values})
    for column, text in (headline.where or {}).items():
        there = there[there[column].astype(str) == text]
    asked = there[str(values.name)][counted(there, str(values.name))]
    units = None if headline.unit_of is None else items.loc[asked.index, headline.unit_of].astype(str).to_numpy(object)
    rng = rng_for(audit.record.seed, finding.check, "judge")
    binary = headline.interval == "exact"
    mean = mean_over_units(asked.to_numpy(), units, level=headline.level, rng=rng, binary=binary)
    return replace(
        headline, value=mean.value, low=mean.low, high=mean.high, n=mean.n, method=mean.method, missing=mean.missing
    )


def _of_benchmark(finding: Finding, headline: Measure, items: pd.DataFrame) -> Measure:
    """Return the headline of a benchmark: all of it, or a random part."""
    import numpy as np

    from audit.verdict import Part, of_benchmark, sequenced, unit_means

    population = headline.n["population"]
    means = unit_means(items, headline)
    part = Part(population if headline.interval == "known" else len(means), population)
    if finding.stop == "early" and not part.whole:
        return sequenced(headline, items, headline.level, part)
    value = float(np.nanmean(means))
    return of_benchmark(replace(headline, value=value, low=0.0, high=1.0), items, part)


def _sequence(headline: Measure, items: pd.DataFrame) -> Measure:
    """Return the headline of a check that stops early: the confidence sequence over its units, in their order."""
    from audit.verdict import sequenced

    return sequenced(headline, items, headline.level)


def _judged(
    finding: Finding, headline: Measure, measure: Measure, kept: Measure | None
) -> Finding:
    """Return the finding with another headline, `kept` being that by which it passes.

    What spoilt it (a control, a changed model) still does.
    """
    measures = [measure if one is headline else one for one in finding.measures]
    seen = finding.smallest_effect
    budget = None if seen is None else seen.units
    decision = decide([measure], finding.limit, finding.controls or {}, budget, kept=kept)
    update: dict[str, object] = {"measures": measures, "one_sided": decision.one_sided}
    if not finding.model_changed:
        update |= {
            "verdict": decision.verdict, "reason": decision.reason, "why": sentence(decision.reason),
            "more_units": decision.more_units, "fresh_units": decision.fresh_units,
            "smallest_effect": decision.smallest_effect,
        }
    return finding.model_copy(update=update)


def _at_levels(
    made: Numbers, measure: Callable[[float], Measure]
) -> tuple[Measure, Measure | None]:
    """Return the measure at its own level, and at that of the bounds by which the check passes, where those differ."""
    by = made.finding.one_sided
    return measure(made.headline.level), None if by is None else measure(2 * by.level - 1)


def _same(made: float | None, stored: float | None) -> bool:
    return made is not None and stored is not None and math.isclose(made, stored, rel_tol=1e-9, abs_tol=1e-9)


def lacking_items(audit: Audit, check: str, items: Collection[str]) -> list[str]:
    """Return those of these ids that no item of the check has; IntegrityError where the file is not the record's."""
    file = items_of(audit.folder, audit.finding(check))
    there = {} if file is None or file.problem in ("missing", "erased") else file.find(items)
    return [item for item in items if item not in there]


def override_problem(audit: Audit, check: str, item: str) -> Problem | None:
    """Return why an item of a check cannot be overridden; None where it can."""
    found = review_measure(audit, audit.finding(check), {item: ItemChange(item, None, 0.0, "", "")})
    return None if found.informs else found.problem


def draw_problem(audit: Audit, draw: Draw, last: Reviewed | None) -> Phrase | None:
    """Return why a random check cannot be drawn, in words; None where it can. last: where the check's reviews stand."""
    try:
        made = _numbers(audit, audit.finding(draw.check))
    except _UnableError as unable:
        return PROBLEMS[unable.problem]
    if last is not None and last.check is not None and last.check.left:
        left, drawn = len(last.check.left), len(last.check.drawn)
        unfinished = "the last one is not finished; {left} of its {drawn} items are still to be looked at"
        return Phrase(unfinished, left=left, drawn=drawn)
    if (barrier := made.barrier(made.before)) is not None:
        return PROBLEMS[barrier]
    rest = len(progress_of(draw, made.before, {}).rest)
    if not rest:
        return Phrase("every item that counts was looked at")
    if draw.count <= rest:
        return None
    return Phrase("got {count} items; allowed: 1 to {rest}, which nobody has looked at", count=draw.count, rest=rest)


PROBLEMS: Mapping[Problem, Phrase] = {
    "not_a_mean": Phrase("the check's first number is no mean of its items"),
    "items_missing": Phrase("the check has no items in the folder"),
    "items_erased": Phrase("items of the check were erased, so that its number cannot be made again"),
    "items_changed": Phrase("the items' file is not the one that the record names"),
    "item_unknown": Phrase("there is no such item, or the number does not count it"),
    "not_reproduced": Phrase("the items do not give the machine's own number"),
    "chosen": Phrase(
        "its items were chosen, so it has no interval and decides nothing; the machine's verdict stands"
    ),
    "early": Phrase(
        "the check stops early, so looking decided how many items were asked; a random check gives no interval"
    ),
    "units": Phrase(
        "some of its independent units hold several items; a random check gives an interval for single ones only"
    ),
    "values": Phrase(
        "not every value is 0 or 1 by what it is; a random check gives an interval for such values only"
    ),
}
"""The problems in words, for the terminal."""
