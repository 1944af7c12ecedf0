"""The same items of two audits beside each other, and how a measure differs over them.

    mean of a column     paired over its independent units      where the stored items give both audits' own numbers
    AUROC                paired over the items of both roles    likewise
    anything else        from the two stored intervals

A file whose digest is not the record's is never read: IntegrityError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from audit.compare.contents import Changes
from audit.record import Audit, erasures, items_of
from audit.seeds import rng_for
from detectors.immutable import immutable
from detectors.phrases import ComparisonTest
from detectors.result import Guarantee, Measure

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from detectors.differences import Difference

__all__ = ["Better", "MeasurePair", "difference_of"]

Better = Literal["lower", "higher", "ideal", "none"]
"""Which way is good: down, up, towards a number, or neither."""


@immutable
class MeasurePair:
    """One measure of one check in two audits of the same plan."""

    audits: tuple[Audit, Audit]
    check: str
    measures: tuple[Measure, Measure]
    aim: Better
    ideal: float | None = None
    """With the aim `ideal`: the difference is that of the distances to it."""
    early: bool = False
    """Whether the check stopped as soon as it was decided."""
    level: float | None = None
    """Level of a paired difference; None = that of the measures."""


@immutable
class _Values:
    items: np.ndarray
    first: np.ndarray
    second: np.ndarray
    units: np.ndarray | None
    """Label of each item's independent unit; None where every item is one."""
    in_turn: bool = True
    """Whether both audits asked these items in the same order."""


def difference_of(both: MeasurePair) -> tuple[Difference | None, Changes | None]:
    """Return how B differs from A, None where one has no interval; what changed, None where outcomes are not 0 or 1."""
    values = _values(both)
    if values is None:
        return (None if both.early else _of_aurocs(both)) or _unpaired(both), None
    # what one of them did not answer cannot be paired; their own intervals hold whatever it would have been
    apart = any(one.missing for one in both.measures)
    apart = apart or (both.early and (both.aim == "ideal" or not values.in_turn))
    return _unpaired(both) if apart else _of_means(both, values), _changes(both, values)


def _of_means(both: MeasurePair, values: _Values) -> Difference:
    from detectors.differences import distance_difference, mean_difference, watched_difference

    level, name = both.level or both.measures[0].level, both.measures[0].name
    if both.early:
        return watched_difference(values.first, values.second, values.units, level=level)
    rng = rng_for(both.audits[0].record.seed, both.check, "compare", name, both.measures[0].group or "")
    if both.ideal is not None:
        return distance_difference(values.first, values.second, values.units, both.ideal, level=level, rng=rng)
    return mean_difference(values.first, values.second, values.units, level=level, rng=rng)


def _changes(both: MeasurePair, values: _Values) -> Changes | None:
    import numpy as np

    from detectors.differences import sign_test_p

    outcomes = np.stack([values.first, values.second])
    if both.aim not in ("lower", "higher") or not np.isin(outcomes, (0.0, 1.0)).all():
        return None
    failed = outcomes == (1.0 if both.aim == "lower" else 0.0)
    worse, better = failed[1] & ~failed[0], failed[0] & ~failed[1]
    if both.early:
        p, test = None, ComparisonTest("none: the check was asked until it was decided")
    elif values.units is None:
        p, test = sign_test_p(int(worse.sum()), int(better.sum())), ComparisonTest("McNemar's exact test")
    else:
        _, unit = np.unique(values.units, return_inverse=True)
        lean = np.bincount(unit, weights=1.0 * worse - better)
        p = sign_test_p(int((lean > 0).sum()), int((lean < 0).sum()))
        test = ComparisonTest("exact sign test over units")
    lost, won = tuple(values.items[worse]), tuple(values.items[better])
    return Changes.of(both.audits, both.check, lost, won, len(values.items), p, test)


def _of_aurocs(both: MeasurePair) -> Difference | None:
    """Return the paired difference of two AUROCs whose scores are all among the items."""
    spec = both.measures[0].auroc_of
    if spec is None or both.measures[1].auroc_of != spec or both.aim == "ideal":
        return None
    import pandas as pd

    from detectors.arrays import units_of
    from detectors.differences import auroc_difference
    from detectors.intervals import auroc

    columns = ["role", *(column for _, column in spec)]
    frames = [_frame(audit, both.check, columns) for audit in both.audits]
    if any(frame is None for frame in frames):
        return None
    units = _frame(both.audits[0], both.check, ["unit"])
    sides = [_scores(frames, role, column) for role, column in spec]
    if min(map(len, sides)) < 2:
        return None
    for name, measure in zip(("first", "second"), both.measures, strict=True):
        if not _same(auroc(sides[0][name], sides[1][name])[0], measure.value):
            return None
    label = pd.Series(dtype=str) if units is None else units_of(units)
    labels = tuple(label.reindex(side.index).fillna(side.index.to_series()).to_numpy(str) for side in sides)
    level = both.level or both.measures[0].level
    return auroc_difference(sides[0], sides[1], (labels[0], labels[1]), level=level)


def _scores(frames: Sequence[pd.DataFrame | None], role: str, column: str) -> pd.DataFrame:
    """Return `first` and `second` of the items of one role that have a finite score in both audits, in A's order."""
    import numpy as np

    parts = [frame[frame["role"].astype(str) == role] for frame in frames if frame is not None]
    one, two = (part[column].astype(float) for part in parts)
    table: pd.DataFrame = one.rename("first").to_frame().join(two.rename("second"), how="inner")
    finite = np.isfinite(table["first"]) & np.isfinite(table["second"])
    kept: pd.DataFrame = table.loc[finite.to_numpy()]
    return kept


def _unpaired(both: MeasurePair) -> Difference | None:
    from detectors.differences import Estimate, apart_difference

    first, second = both.measures
    sides = []
    for one in (first.whole, second.whole):  # the groups that lie farthest in A and in B need not be the same
        if one.value is None or one.low is None or one.high is None:
            return None
        sides.append(Estimate(one.value, one.low, one.high))
    n = [min(first.n.get(key, first.n["items"]), second.n.get(key, second.n["items"])) for key in ("items", "units")]
    found = apart_difference(sides[0], sides[1], level=first.level, n=(n[0], n[1]), ideal=both.ideal)
    return _trusted(found, both.measures)


def _trusted(found: Difference, made_of: Sequence[Measure]) -> Difference:
    """Return a difference that is no more to be trusted than what it was made of."""
    every: tuple[Difference | Measure, ...] = (found, *made_of)
    weakest = max((one.guarantee for one in every), key=get_args(Guarantee).index)
    return replace(
        found,
        min_units=max(one.min_units for one in every),
        worst_coverage=min((one.worst_coverage for one in every if one.worst_coverage is not None), default=None),
        guarantee=weakest,
        measured_to=None
        if weakest == "approximate"
        else min((one.measured_to for one in every if one.measured_to is not None), default=None),
    )


def _values(both: MeasurePair) -> _Values | None:
    """Return the paired values of a mean; None where it is no mean of a column, or the items do not give its number."""
    first, second = both.measures
    if (first.mean_of, first.unit_of, first.where) != (second.mean_of, second.unit_of, second.where):
        return None
    one, two = (_counted(audit, both.check, measure) for audit, measure in zip(both.audits, both.measures, strict=True))
    if one is None or two is None:
        return None
    table = one.join(two["value"].rename("other"), how="inner")
    if table.empty:
        return None
    units = None if first.unit_of is None else table["unit"].to_numpy(object)
    items, in_turn = table.index.to_numpy(object), list(two.index[two.index.isin(table.index)]) == list(table.index)
    return _Values(items, table["value"].to_numpy(), table["other"].to_numpy(), units, in_turn)


def _counted(audit: Audit, check: str, measure: Measure) -> pd.DataFrame | None:
    """Return `value` and `unit` of the items that a mean counts, by id; None where they do not give its number."""
    from detectors.arrays import units_of

    if measure.mean_of is None:
        return None
    where = measure.where or {}
    columns = [measure.mean_of, *where, *([] if measure.unit_of is None else [measure.unit_of])]
    frame = _frame(audit, check, columns)
    if frame is None:
        return None
    for column, text in where.items():
        frame = frame[frame[column].astype(str) == text]
    frame = frame[frame[measure.mean_of].notna()]
    # a hair outside [0, 1] is rounding; what is further out does not give the number
    values = frame[measure.mean_of].astype(float).clip(0, 1)
    table = values.rename("value").to_frame().assign(unit=units_of(frame, measure.unit_of))
    mean = table["value"].groupby(table["unit"], sort=False).mean().mean()
    return table if len(table) and _same(float(mean), measure.value) else None


def _frame(audit: Audit, check: str, columns: Sequence[str]) -> pd.DataFrame | None:
    """Return these columns of a check's items by id; None where one is missing, and where ids are or are not unique."""
    file = items_of(audit.folder, audit.finding(check))
    if any(check in one.checks for one in erasures(audit.folder)):  # the rest may give the number by chance
        return None
    if file is None or (file.problem is None and (file.id_column is None or not set(columns) <= set(file.columns))):
        return None
    frame = file.read(columns)
    frame.index = frame.index.astype(str)
    return frame if frame.index.is_unique else None


def _same(made: float, stored: float | None) -> bool:
    return stored is not None and math.isclose(made, stored, rel_tol=1e-9, abs_tol=1e-9)
