"""Decisions about people, by group: who is selected, who is wrongly decided about, and by how much groups differ.

    rows -> counts [stratum, group, label, decision] -> every rate as k of n by group -> gaps, ratios, tests

Rates and their names are fairlearn's; a row without a value in a sensitive feature is in a group of its own, and one
without decision or label is missing where the rate asks for it. Several sensitive features are looked at together, by
intersection, and each alone; the error is shared, so that all intervals of a rate hold at once. What groups differ by
within strata of control features is told beside what they differ by in all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.balance import class_balance
from detectors.bias.benefits import benefit_entropy
from detectors.bias.calibration import calibration, impossibility
from detectors.bias.conditional import conditional_gaps
from detectors.bias.counts import CountTensor
from detectors.bias.extremes import differential_fairness, equalized_odds, mass_gap, worst_group
from detectors.bias.gaps import group_gaps
from detectors.bias.groups import REST, Groups
from detectors.bias.impact import impact_ratios
from detectors.bias.levels import Coded, coded, crossed
from detectors.bias.missing_words import missing_words
from detectors.bias.rates import METRICS
from detectors.bias.scores import score_gaps
from detectors.immutable import immutable
from detectors.phrases import Method
from detectors.result import Direction, Measure, Result

__all__ = ["DIRECTIONS", "NO_VALUE", "Features", "decision_gaps", "joined_names", "spelt_out"]

NO_VALUE = "(no value)"
"""Name of the group of rows without a value."""
DIRECTIONS: Mapping[str, Direction] = {
    "selection_rate": "neither", "accuracy": "higher is better", "true_positive_rate": "higher is better",
    "true_negative_rate": "higher is better", "false_positive_rate": "lower is better",
    "false_negative_rate": "lower is better", "precision": "higher is better",
    "false_discovery_rate": "lower is better", "negative_predictive_value": "higher is better",
    "false_omission_rate": "lower is better", "false_negative_share": "neither",
}
"""The rates that decisions are judged by, and which way is good."""
_FAIRLEARN = {
    "selection_rate_difference": "demographic_parity_difference", "selection_rate_ratio": "demographic_parity_ratio",
}
_OF_LABEL = {"true_positive_rate": 1, "false_negative_rate": 1, "true_negative_rate": 0, "false_positive_rate": 0}
"""Rates of rows with one label only."""
Judged = Callable[..., Iterator[Result]]
"""(groups [row], level, whole = whether they are the intersection) -> results."""
_MOST_SCORES = 256
_ODDS = ("true_positive_rate", "false_positive_rate")
Cells = NDArray[np.int64]


@immutable
class Features:
    """Which columns of the rows say what."""

    sensitive: Sequence[str]
    controls: Sequence[str] = ()


def joined_names(rows: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """Return the name of each row's group, categorical: its values, ` x ` between them, `NO_VALUE` where there is none.

    Its categories are the groups that occur.
    """
    codes, levels = crossed([coded(rows[name], name) for name in columns])
    names = [" x ".join(NO_VALUE if one is None else str(one) for one in level) for level in levels]
    groups = {name: place for place, name in enumerate(dict.fromkeys(names))}  # others may read the same, joined
    places: Any = np.array([groups[name] for name in names], np.min_scalar_type(-len(names)))[codes]
    return pd.Series(pd.Categorical.from_codes(places, pd.Index([*groups])), index=rows.index)


def spelt_out(names: pd.Series[str]) -> pd.Series[str]:
    """Return categorical names as texts, by Arrow: pandas takes ten times the memory of the result on the way."""
    import pyarrow as pa

    held: Any = names.array
    codes, levels = pa.array(held.codes), pa.array(list(held.categories), pa.large_string())
    texts = pa.DictionaryArray.from_arrays(codes, levels).cast(pa.large_string())
    return pd.Series(pd.array(texts, dtype="str"), index=names.index)


def decision_gaps(
    rows: pd.DataFrame, features: Features, metrics: Sequence[str], *, level: float, rng: np.random.Generator,
    reference: str = REST, probability: bool = False,
) -> Result:
    """Return how rates differ between groups.

    rows: one a decision, independent, indexed by item id, with the columns that `features` name (text, None = no
    value), `decision` and, where known, `label` (1, 0, NaN = none) and `score` (higher = surer to be positive).
    metrics: of `DIRECTIONS`, the headline's first. probability: whether the score claims to be P(label = 1).

    Measures of every metric: those of `group_gaps`; of the selection rate those of `impact_ratios` too, difference and
    ratio by fairlearn's names, and `differential_fairness` and `selection_rate_mass_gap`; of the accuracy
    `worst_group_accuracy` and those of `benefit_entropy`; where controls are named those of `conditional_gaps`; those
    of `equalized_odds` where both of its rates are among the metrics. With several sensitive features, groups without
    the name of one are intersections. With scores and labels, those of `score_gaps` and, for probabilities, of
    `calibration` and `class_balance`.
    remarks: those of `missing_words` first.
    Items: the group, label, decision, score; a row that is decided wrongly counts against the model. table has a row a
    rate and group. Raises ValueError for an unknown metric or reference and for no rows.
    """
    if unknown := [name for name in metrics if name not in DIRECTIONS]:
        raise ValueError(f"decision_gaps: got metric {unknown[0]!r}; allowed: {', '.join(DIRECTIONS)}")
    if rows.empty or not metrics:
        raise ValueError(f"decision_gaps: got {len(rows)} rows and {len(metrics)} metrics; allowed: one or more")
    known = rows.assign(label=rows.get("label", np.nan))
    judge = _Judge(known, features, tuple(metrics), level, rng, reference, probability)
    parts = list(judge.results())
    if "score" in known and known["label"].notna().any():
        parts += judge.of_scores()
    tables = [one.table for one in parts if one.table is not None and "metric" in one.table]
    return Result(
        tuple(measure for one in parts for measure in one.measures), items=judge.items(),
        table=pd.concat(tables, ignore_index=True),
        remarks=(
            *missing_words(rows, (*features.sensitive, *features.controls)),
            *(remark for one in parts for remark in one.remarks),
        ),
    )


@immutable
class _Judge:
    rows: pd.DataFrame
    features: Features
    metrics: tuple[str, ...]
    level: float
    rng: np.random.Generator
    reference: str
    probability: bool

    def results(self) -> Iterator[Result]:
        """Yield the results of every set of groups: the intersection, then each feature alone."""

        def judged(groups: pd.Series[str], share: float, *, whole: bool) -> Iterator[Result]:
            return self._of_groups(groups, share, self.reference if whole else REST, with_controls=whole)

        return self._by_sets(self.rows, judged, reaching=self.reference == REST)

    def _by_sets(self, rows: pd.DataFrame, judged: Judged, *, reaching: bool) -> Iterator[Result]:
        """Yield what is judged of every set of groups of the rows, at a level at which all hold at once.

        reaching: whether the farthest group is one of all sets, as it is where all are compared alike.
        """
        sensitive = list(self.features.sensitive)
        alone = sensitive if len(sensitive) > 1 else []
        share = 1 - (1 - self.level) / (1 + len(alone))
        whole = list(judged(joined_names(rows, sensitive), share, whole=True))
        if not alone:
            yield from whole
            return
        parts = [
            replace(_renamed(part, name, self.level), remarks=())
            for name in alone
            for part in judged(joined_names(rows, [name]), share, whole=False)
        ]
        for part in whole:
            yield _reaching(_renamed(part, None, self.level), parts if reaching else [])
        yield from parts

    def _of_groups(
        self, groups: pd.Series[str], level: float, reference: str, *, with_controls: bool
    ) -> Iterator[Result]:
        names, cells = _counted(groups, self.rows)
        gaps = {metric: self._gaps(metric, cells, names, level, reference) for metric in self.metrics}
        for metric, result in gaps.items():
            yield _by_metric(result, metric)
            if metric == "selection_rate":
                k, n, missing = _rate(metric, cells)
                yield _fairlearn(impact_ratios(k, n, names, level=level, metric=metric, missing=missing))
        yield from self._extremes(cells, names, level, reference, gaps)
        if with_controls and self.features.controls:
            yield from self._within(groups, level, reference)

    def _gaps(self, metric: str, cells: Cells, names: list[str], level: float, reference: str) -> Result:
        k, n, missing = _rate(metric, cells)
        return group_gaps(
            k, n, names, level=level, rng=self.rng, metric=metric, missing=missing, better=DIRECTIONS[metric],
            reference=reference, cause=METRICS[metric].cause,
        )

    def _extremes(
        self, cells: Cells, names: list[str], level: float, reference: str, gaps: Mapping[str, Result]
    ) -> Iterator[Result]:
        """Yield what groups are worst off by, of those rates that are asked for."""
        rates = {
            metric: Groups.of(k, n, names, missing)
            for metric in self.metrics for k, n, missing in [_rate(metric, cells)]
        }  # fmt: skip
        if selected := rates.get("selection_rate"):
            yield Result((differential_fairness(selected, level=level), mass_gap(selected, level=level)))
        if right := rates.get("accuracy"):
            yield worst_group(right, level=level)
            told = cells[:, :2, :2]
            yield Result(benefit_entropy(told, missing=int(cells.sum() - told.sum()), level=level))
        if set(_ODDS) <= set(rates):
            one, two = _ODDS
            apart = gaps[one].headline, gaps[two].headline
            yield Result(equalized_odds((rates[one], rates[two]), apart, level=level, reference=reference))

    def _within(self, groups: pd.Series[str], level: float, reference: str) -> Iterator[Result]:
        places, labels = coded(joined_names(self.rows, list(self.features.controls)), "stratum")
        names = sorted(groups.cat.categories)
        whole = np.zeros((len(labels), len(names), 3, 3), dtype=np.int64)
        for at in range(len(labels)):
            there, cells = _counted(groups[places == at], self.rows[places == at])
            whole[at, [names.index(name) for name in there]] = cells
        for metric in self.metrics:
            k, n, missing = _rate(metric, whole)
            found = conditional_gaps(
                k, n, list(map(str, labels)), names, level=level, rng=self.rng, metric=metric, reference=reference,
                missing=missing,
            )
            yield replace(found, table=None)

    def of_scores(self) -> Iterator[Result]:
        """Yield what scores say of labels, and that not all rates can be equal where base rates differ."""
        known = self.rows["label"].notna() & self.rows["score"].notna()
        lost = int((~known).sum())
        there = self.rows[known] if lost else self.rows
        said, bins = _binned(there["score"].to_numpy(float))
        label = there["label"].to_numpy(float).astype(int)

        [own] = self.rng.spawn(1)

        def judged(groups: pd.Series[str], share: float, *, whole: bool) -> Iterator[Result]:
            places, levels = coded(groups.array, "group")
            names = list(map(str, levels))
            at = (places.astype(np.int64) * 2 + label) * len(said) + bins
            cells = np.bincount(at, minlength=len(names) * 2 * len(said)).reshape(len(names), 2, len(said))
            yield score_gaps(cells, names, level=share, rng=self.rng)
            if self.probability:
                yield calibration(cells, said, names, level=share, rng=self.rng)
                yield Result(class_balance(there["score"], label, places, names, level=share, rng=own))
            if whole:
                yield Result((), remarks=impossibility(cells[:, 1].sum(-1), cells.sum((1, 2)), names, share))

        for part in self._by_sets(there, judged, reaching=True):
            yield _lacking(part, lost)

    def items(self) -> pd.DataFrame:
        """Return the evidence, a row a decision."""
        rows = self.rows
        evidence = pd.DataFrame(index=rows.index)
        for name in ("label", "decision", "score"):
            if name in rows and rows[name].notna().any():
                evidence[name] = rows[name].astype(float)
        evidence["against"], evidence["weight"] = self._wrong()
        named = {"group": self.features.sensitive, "stratum": self.features.controls}
        for place, (name, columns) in enumerate(named.items()):  # last, as names of rows are the largest of them
            if columns:
                evidence.insert(place, name, spelt_out(joined_names(rows, list(columns))))
        lost = rows["decision"].isna()
        return evidence.assign(no_answer=lost) if lost.any() else evidence

    def _wrong(self) -> tuple[pd.Series[bool], pd.Series[float]]:
        """Return whether each decision is another than the label, and by how much a probability is off."""
        rows = self.rows
        wrong = (rows["decision"] != rows["label"]).astype("boolean")
        told = rows["decision"].notna() & rows["label"].notna()
        off = (rows["score"] - rows["label"]).abs() if self.probability and "score" in rows else wrong.astype(float)
        return wrong.where(told), off.astype(float).where(told)


def _counted(groups: pd.Series[str], rows: pd.DataFrame) -> tuple[list[str], Cells]:
    """Return the names of the groups, and counts [group, label, decision], both axes (0, 1, no value)."""
    columns = {"group": groups.array, **{name: _outcomes(rows[name]) for name in ("label", "decision")}}
    tensor = CountTensor.from_rows(columns, groups=["group"], label="label", decision="decision")
    return [str(name) for name in tensor.axes[0].levels], tensor.counts


def _outcomes(cells: pd.Series[float]) -> Coded:
    """Return 0, 1 and no value as bytes [row]; ValueError for anything else."""
    values, lost = cells.to_numpy(float, na_value=np.nan), cells.isna().to_numpy()
    codes = np.where(values == 1, np.uint8(1), np.uint8(0))
    if not (lost | (values == codes)).all():
        raise ValueError(f"decision_gaps: column {cells.name!r} has other values; allowed: 1, 0, NaN")
    codes[lost] = 2
    return Coded(codes, (0, 1, None))


def _rate(metric: str, cells: Cells) -> tuple[Cells, Cells, Cells]:
    """Return (events, units, missing) [..., group] of a rate, from counts [..., group, label, decision]."""
    if metric == "selection_rate":
        decided = cells.sum(axis=-2)
        return decided[..., 1], decided[..., :2].sum(axis=-1), decided[..., 2]
    found = METRICS[metric].of(cells[..., :2, :2])
    undecided = cells[..., :2, 2]
    if metric in _OF_LABEL:
        undecided = undecided[..., [_OF_LABEL[metric]]]
    return found.numerator, found.denominator, cells[..., 2, :].sum(axis=-1) + undecided.sum(axis=-1)


def _lacking(result: Result, missing: int) -> Result:
    """Return what scores say of the known rows alone as a result in which so many could have been anything.

    Nothing bounds its measures where some are missing, and nothing is claimed beside them.
    """
    told = () if missing else result.remarks
    return Result(tuple(one.lacking(missing) for one in result.measures), remarks=told)


def _binned(scores: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return the scores that are told apart, ascending, and the place of each row's; many are put into equal bins."""
    values = np.sort(pd.unique(scores))
    if len(values) <= _MOST_SCORES:
        return values, np.searchsorted(values, scores)
    edges = np.quantile(scores, np.linspace(0, 1, _MOST_SCORES + 1)[1:-1])
    bins = np.searchsorted(np.unique(edges), scores, side="right")
    places = pd.factorize(bins, sort=True)[0]
    return np.bincount(places, weights=scores) / np.bincount(places), places


def _by_metric(result: Result, metric: str) -> Result:
    table = result.table
    assert table is not None
    table.insert(0, "metric", metric)
    return _fairlearn(replace(result, table=table))


def _fairlearn(result: Result) -> Result:
    """Return a result whose measures have the names that fairlearn gives them."""
    named = (replace(one, name=_FAIRLEARN.get(one.name, one.name)) for one in result.measures)
    return replace(result, measures=tuple(named))


def _reaching(part: Result, others: Sequence[Result]) -> Result:
    """Return a result whose measures of the farthest group reach as far as those of the features alone do."""
    reaches = [(one.name, one.reach) for other in others for one in other.measures if one.reach is not None]

    def wider(one: Measure) -> Measure:
        if one.reach is None or one.group is not None:
            return one
        ends = [one.reach, *(reach for name, reach in reaches if name == one.name)]
        return replace(one, reach=(min(low for low, _ in ends), max(high for _, high in ends)))

    return replace(part, measures=tuple(map(wider, part.measures)))


def _renamed(result: Result, feature: str | None, level: float) -> Result:
    """Return the measures of groups of one feature under its name; all hold at `level`, as every set of groups does."""
    measures = []
    for one in result.measures:
        group = one.group if feature is None else feature if one.group is None else f"{feature}: {one.group}"
        method = one.method if one.low is None else Method("{method}; by all features at once", method=one.method)
        measures.append(replace(one, group=group, level=level, method=method))
    table = result.table
    if table is not None and feature is not None:
        table = table.assign(group=feature + ": " + table["group"].astype(str))
    return replace(result, measures=tuple(measures), table=table)
