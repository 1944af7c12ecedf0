"""fairlearn's MetricFrame on counts: the same words and the same values, in a small part of the time.

    from detectors.bias import MetricFrame      instead of      from fairlearn.metrics import MetricFrame

Metrics that are functions of counts (`known_metrics`) are made from one tensor of counts; with any other callable among
them the frame is fairlearn's own. What is more than fairlearn has: labels may be absent, a row without a group belongs
to a group without a name, and a rate that a group does not have is told with its cause.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.bias.counted_frame import CountedFrame, ZeroDivision
from detectors.bias.counts import CountTensor, Role, cells_of
from detectors.bias.features import Rows, rows_of
from detectors.bias.known_metrics import KnownMetric, Levels, known_metric
from detectors.bias.levels import Coded
from detectors.bias.replicates import RandomState, drawn_as_counts, drawn_as_fairlearn

__all__ = ["MetricFrame", "UndefinedRateWarning"]

Errors = Literal["raise", "coerce"]
Comparison = Literal["between_groups", "to_overall"]
Draws = Literal["counts", "fairlearn"]
Function = Callable[..., Any]


class UndefinedRateWarning(UserWarning):
    """A group has no such rate, and the number that fairlearn puts in its place stands in the tables."""


class MetricFrame:
    """Metrics overall and by group, with aggregates over groups and intervals: fairlearn 0.15's class, word for word.

    Values, types, indices and NaN are fairlearn's to the bit. Where a group does not have a rate (a false-positive rate
    without negatives), fairlearn says 0, which may then be the smallest of all: here it says so too, warns, and lists
    it in `undefined`; with `zero_division="nan"` it is NaN and takes no part in any minimum, difference or ratio. Rows
    without a value of a feature are a group of their own, whose name is NaN; fairlearn refuses them.
    """

    _frame: CountedFrame | _Fairlearn

    def __init__(
        self, *, metrics: Function | Mapping[str, Function], y_true: Any = None, y_pred: Any, sensitive_features: Any,
        control_features: Any = None, sample_params: Mapping[str, Any] | None = None, n_boot: int | None = None,
        ci_quantiles: Sequence[float] | None = None, random_state: RandomState = None, rng: Draws = "counts",
        zero_division: ZeroDivision = "fairlearn",
    ) -> None:
        """Count the rows, and draw them anew `n_boot` times for intervals at `ci_quantiles`.

        y_true, y_pred [row]: labels and decisions; without labels, metrics that ask for none. sensitive_features,
        control_features: Series, DataFrame, list, dict, or array [row(, feature)]. sample_params: as in fairlearn; a
        metric with weights is no function of counts. rng: what is drawn for intervals, the counts, or the rows that
        fairlearn 0.15 draws, whose intervals then come to the bit. A frame that is fairlearn's own draws as fairlearn.

        Raises ValueError for no rows, lengths that differ, an option that is none, whatever fairlearn refuses, and
        predictions without a value, which its selection rate takes for rows that are not selected.
        """
        _require_one_of("rng", rng, get_args(Draws))
        rows = rows_of(y_true, y_pred, sensitive_features, control_features)
        self._begin(list(rows.sensitive), list(rows.controls), n_boot, ci_quantiles, zero_division)
        coded = None if _has_weights(sample_params, metrics) or not rows.sorted_alike else rows.coded
        known = None if coded is None else _known(metrics, *(coded[k].levels if k in coded else None for k in _SIDES))
        if coded is None or known is None:
            _require_decisions(metrics, rows)
            self._frame = _Fairlearn(
                metrics=metrics, y_true=y_true, y_pred=y_pred, sensitive_features=sensitive_features,
                control_features=control_features, sample_params=sample_params, n_boot=n_boot,
                ci_quantiles=ci_quantiles, random_state=random_state,
            )  # fmt: skip
            return
        cell, tensor = _counted(rows, coded)
        own = rng == "counts"
        draw = partial(drawn_as_counts if own else partial(drawn_as_fairlearn, cell), random_state=random_state)
        self._count(known, tensor, callable(metrics), zero_division, draw, drop=not own)

    @classmethod
    def from_counts(
        cls, counts: CountTensor, *, metrics: Function | Mapping[str, Function], n_boot: int | None = None,
        ci_quantiles: Sequence[float] | None = None, random_state: RandomState = None,
        zero_division: ZeroDivision = "fairlearn",
    ) -> Self:
        """Return the frame of rows that were counted before: by chunks, in several places, or for a published table.

        Raises ValueError for metrics that are no functions of these counts, and for rows without a label or decision.
        """
        groups, controls, labels, decisions = (counts.of(role) for role in _ROLES)
        if not groups or counts.of("score") or not counts.total:
            got = f"{counts.total} rows by {', '.join(f'{axis.name} ({axis.role})' for axis in counts.axes)}"
            raise ValueError(f"MetricFrame: got {got}; allowed: rows by group, with a label, a decision, or both")
        frame = cls.__new__(cls)
        frame._begin([one.name for one in groups], [one.name for one in controls], n_boot, ci_quantiles, zero_division)
        known = _known(metrics, *(axes[0].levels if axes else None for axes in (labels, decisions)))
        if known is None:
            raise ValueError(
                "MetricFrame: got metrics that are no functions of these counts; allowed: known ones, of rows that all "
                "have a level that they know"
            )
        draw = partial(drawn_as_counts, random_state=random_state)
        frame._count(known, counts, callable(metrics), zero_division, draw, drop=False)
        return frame

    def _begin(
        self, sensitive: list[str], controls: list[str], n_boot: int | None, ci_quantiles: Sequence[float] | None,
        zero_division: ZeroDivision,
    ) -> None:
        _require_one_of("zero_division", zero_division, get_args(ZeroDivision))
        _require_intervals(n_boot, ci_quantiles)
        self._sensitive, self._controls = sensitive, controls or None
        self._n_boot, self._ci_quantiles = n_boot, ci_quantiles

    def _count(
        self, known: Mapping[str, KnownMetric], tensor: CountTensor, single: bool, zero_division: ZeroDivision,
        draw: Callable[[CountTensor, int], Iterable[NDArray[Any]]], *, drop: bool,
    ) -> None:
        """Make the tables of counts, and of the replicates that are drawn for intervals."""
        self._frame = frame = CountedFrame(known, tensor, single=single, zero_division=zero_division)
        if zero_division == "fairlearn":
            _warn_of(frame)
        if self._n_boot and self._ci_quantiles:
            frame.draw(draw(tensor, self._n_boot), self._ci_quantiles, drop=drop)

    @property
    def overall(self) -> Any:
        """Metrics of all rows, of each control level where there are any."""
        return self._frame.table("overall")

    @property
    def by_group(self) -> Any:
        """Metrics of each group; NaN where no row is in it."""
        return self._frame.table("by_group")

    @property
    def undefined(self) -> pd.DataFrame:
        """Rates that a group does not have, one a row, by group.

        `metric`, `denominator`, `n`, `cause`, and what fairlearn says instead, `told`: NaN where the group has no rows.
        Raises ValueError for a frame that is fairlearn's own, which tells a 0 from an undefined rate nowhere.
        """
        if isinstance(self._frame, _Fairlearn):
            raise ValueError("MetricFrame: got metrics that are no functions of counts; allowed for `undefined`: those")
        return self._frame.undefined

    @property
    def control_levels(self) -> list[str] | None:
        """Names of the control features."""
        return self._controls

    @property
    def sensitive_levels(self) -> list[str]:
        """Names of the sensitive features."""
        return self._sensitive

    @property
    def ci_quantiles(self) -> Sequence[float] | None:
        """Quantiles of the replicates that the `_ci` tables stand for, in order."""
        return self._ci_quantiles

    @property
    def n_boot(self) -> int | None:
        """Number of replicates."""
        return self._n_boot

    @property
    def overall_ci(self) -> list[Any]:
        """`overall` at each quantile."""
        return self._ci("overall")

    @property
    def by_group_ci(self) -> list[Any]:
        """`by_group` at each quantile."""
        return self._ci("by_group")

    def group_min(self, errors: Errors = "raise") -> Any:
        """Return the least value over groups."""
        return self._aggregate("group_min", errors=errors)

    def group_max(self, errors: Errors = "raise") -> Any:
        """Return the largest value over groups."""
        return self._aggregate("group_max", errors=errors)

    def difference(self, method: Comparison = "between_groups", errors: Errors = "coerce") -> Any:
        """Return the largest minus the least value, or the largest distance from the overall one."""
        return self._aggregate("difference", method, errors=errors)

    def ratio(self, method: Comparison = "between_groups", errors: Errors = "coerce") -> Any:
        """Return the least over the largest value, or the least ratio to the overall one, turned below 1."""
        return self._aggregate("ratio", method, errors=errors)

    def group_min_ci(self) -> list[Any]:
        """Return `group_min` at each quantile."""
        return self._ci("group_min")

    def group_max_ci(self) -> list[Any]:
        """Return `group_max` at each quantile."""
        return self._ci("group_max")

    def difference_ci(self, method: Comparison = "between_groups") -> list[Any]:
        """Return `difference` at each quantile; biased upwards, and 0 never lies inside."""
        return self._ci("difference", method)

    def ratio_ci(self, method: Comparison = "between_groups") -> list[Any]:
        """Return `ratio` at each quantile; biased downwards, and 1 never lies inside."""
        return self._ci("ratio", method)

    def _aggregate(self, name: str, *method: str, errors: str) -> Any:
        _require_one_of("errors", errors, get_args(Errors))
        for one in method:
            _require_one_of("method", one, get_args(Comparison))
        if isinstance(self._frame, _Fairlearn):
            return self._frame.table(name, *method, errors=errors)
        return self._frame.table(name, *method)

    def _ci(self, name: str, *method: str) -> list[Any]:
        for one in method:
            _require_one_of("method", one, get_args(Comparison))
        if not (self._n_boot and self._ci_quantiles):
            raise ValueError("MetricFrame: got no n_boot and ci_quantiles; allowed for intervals: both")
        return self._frame.table_ci(name, *method)


class _Fairlearn:
    """fairlearn's own frame, asked by the names of `AGGREGATES`."""

    def __init__(self, *, y_true: Any, **given: Any) -> None:
        from fairlearn.metrics import MetricFrame as Own

        if y_true is None:
            raise ValueError("MetricFrame: got no y_true; allowed: none for metrics of counts that ask for no labels")
        self._own = Own(y_true=y_true, **given)

    def table(self, *name: str, **options: Any) -> Any:
        found = getattr(self._own, name[0])
        return found(*name[1:], **options) if callable(found) and options else found

    def table_ci(self, *name: str) -> Any:
        found = getattr(self._own, f"{name[0]}_ci")
        return found if isinstance(found, list) else found(*name[1:])


_SIDES = ("y_true", "y_pred")
_ROLES: tuple[Role, ...] = ("group", "control", "label", "decision")


def _known(
    metrics: Function | Mapping[str, Function], labels: Levels | None, decisions: Levels | None
) -> dict[str, KnownMetric] | None:
    """Return metrics by name; None where one is no function of counts, or fairlearn reads these levels another way."""
    known = _by_name(metrics)
    union = list(dict.fromkeys((*(labels or ()), *(decisions or ()))))
    found = {name: one for name, one in known.items() if one is not None and one.fits(union, decisions or ())}
    if not found or len(found) < len(known):
        return None
    there = {"labels": labels is not None, "decisions": decisions is not None}
    for name, one in found.items():
        if absent := [need for need in one.metric.needs if not there[need]]:
            raise ValueError(f"MetricFrame: got no {absent[0]} for {name}; allowed: none where nothing asks for them")
    return found


def _by_name(metrics: Function | Mapping[str, Function]) -> dict[str, KnownMetric | None]:
    given = {getattr(metrics, "__name__", "metric"): metrics} if callable(metrics) else metrics
    return {name: known_metric(one) for name, one in given.items()}


def _require_decisions(metrics: Function | Mapping[str, Function], rows: Rows) -> None:
    asking = [name for name, one in _by_name(metrics).items() if one is not None and "decisions" in one.metric.needs]
    if asking and (lost := int(np.count_nonzero(pd.isna(rows.decisions)))):
        raise ValueError(f"MetricFrame: got {lost} predictions without a value for {asking[0]}; allowed: none")


def _counted(rows: Rows, coded: Mapping[str, Coded]) -> tuple[NDArray[Any], CountTensor]:
    """Return the cell of each row, and the counts."""
    parts: list[tuple[Role, Mapping[str, Any]]] = [
        ("control", rows.controls), ("group", rows.sensitive),
        ("label", {name: coded[name] for name in coded if name == "y_true"}), ("decision", {"y_pred": coded["y_pred"]}),
    ]
    return cells_of(
        {name: column for _, part in parts for name, column in part.items()},
        [(name, role) for role, part in parts for name in part],
    )


def _has_weights(sample_params: Mapping[str, Any] | None, metrics: Function | Mapping[str, Function]) -> bool:
    """Tell whether any metric is given more than labels and decisions, or what is given is none of its arguments."""
    if not sample_params:
        return sample_params is not None and not isinstance(sample_params, dict)
    nested = not callable(metrics)
    told = list(sample_params.values()) if nested and isinstance(sample_params, dict) else [sample_params]
    known = not nested or set(sample_params) <= set(metrics)  # type: ignore[arg-type]
    return not (known and all(isinstance(one, dict) and all(value is None for value in one.values()) for one in told))


def _warn_of(frame: CountedFrame) -> None:
    if count := frame.stand_ins:
        table = frame.undefined
        first = table[table["told"].notna()].iloc[0]
        warnings.warn(
            f"{count} rates are undefined and stand as fairlearn says them, first {first['metric']} of {first.name!r}: "
            f"{first['cause']}; zero_division='nan' leaves them out, `undefined` lists them",
            UndefinedRateWarning, stacklevel=4,
        )  # fmt: skip


def _require_intervals(n_boot: int | None, ci_quantiles: Sequence[float] | None) -> None:
    wanted = ci_quantiles is not None and len(ci_quantiles) > 0
    if (n_boot is not None) != wanted:
        raise ValueError("MetricFrame: got n_boot or ci_quantiles alone; allowed: both, or neither")
    if n_boot is not None and not (isinstance(n_boot, int | np.integer) and n_boot > 0):
        raise ValueError(f"MetricFrame: got n_boot {n_boot!r}; allowed: an integer of 1 or more")
    if bad := [one for one in ci_quantiles or () if not isinstance(one, float) or not 0 < one < 1]:
        raise ValueError(f"MetricFrame: got the quantile {bad[0]!r}; allowed: numbers between 0 and 1")


def _require_one_of(name: str, got: object, allowed: Sequence[str]) -> None:
    if got not in allowed:
        raise ValueError(f"MetricFrame: got {name} {got!r}; allowed: {', '.join(allowed)}")
