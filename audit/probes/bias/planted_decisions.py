"""Decisions with a gap that was put there, and the same without one: what `bias.decisions` is tried on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures, Observed, Role, Trial

__all__ = ["NO_VALUE", "Grouping", "first_group", "observed", "own_feature", "trial", "value_in", "written_again"]

_UNITS, _TRIED = 300, 50
"""Rows of a group: of the controls, of the trials."""
NO_VALUE = "(no value)"
"""What reports call the group of rows without a value."""


class Grouping(Protocol):
    """The options of a probe that say which groups are compared."""

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Columns that say which group a row is of."""

    @property
    def reference(self) -> str:
        """What every group is compared with."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """What the probe takes; a column that is optional names units."""


class Deciding(Grouping, Protocol):
    """The options of the probe that say whose decisions are asked for."""

    @property
    def within(self) -> tuple[str, ...]: ...
    @property
    def label(self) -> str | None: ...
    @property
    def positive(self) -> str | int: ...
    @property
    def score(self) -> str | None: ...
    @property
    def threshold(self) -> float | Literal["median"]: ...
    @property
    def features(self) -> tuple[str, ...]: ...
    @property
    def positive_class(self) -> int | None: ...
    @property
    def prompt(self) -> str | None: ...
    @property
    def answers(self) -> tuple[str, str]: ...
    @property
    def decides(self) -> str | None: ...
    @property
    def rates(self) -> tuple[str, ...]: ...


def observed(probe: Deciding, rng: np.random.Generator, *, gap: bool) -> Observed:
    """Return what the probe would have observed of two groups.

    Of 150 positives and 150 negatives of a group 120 and 30 are selected, of the other one 30 and 60 where there is a
    gap, or 30 and 5 where the kinds of errors are asked for: every rate that decisions are judged by differs then.
    """
    import numpy as np

    group = np.repeat([0, 1], _UNITS)
    label = np.tile(np.arange(_UNITS) % 2, 2)
    other = (120, 30) if not gap else (30, 5) if probe.rates[0] == "false_negative_share" else (30, 60)
    decision = np.concatenate([_selected(label[:_UNITS], 120, 30), _selected(label[:_UNITS], *other)])
    order = rng.permutation(len(group))
    group, label, decision = group[order], label[order], decision[order]
    rows = _answered(probe, _rows(probe, group, label, decision), decision)
    return {"items": written_again(probe, rows, (group == 0) & (decision == (0 if gap else 1)))}


def written_again(probe: Grouping, rows: pd.DataFrame, again: np.ndarray) -> pd.DataFrame:
    """Return the rows, each its own unit, and some [row] of them twice more, by which another rate has its group.

    As they are, where the probe takes the column of units for another one.
    """
    import pandas as pd

    if not probe.roles["items"].optional:
        return rows
    rows = rows.assign(unit=rows.index)
    copies = [rows[again].set_axis(rows.index[again] + word) for word in (", again", ", and again")]
    return pd.concat([rows, *copies]).rename_axis("id")


def _selected(label: np.ndarray, positives: int, negatives: int) -> np.ndarray:
    """Return decisions by which so many of those with a positive and with a negative label are selected."""
    import numpy as np

    decision = np.zeros(len(label), dtype=int)
    for value, count in ((1, positives), (0, negatives)):
        decision[np.flatnonzero(label == value)[:count]] = 1
    return decision


def _rows(probe: Deciding, group: np.ndarray, label: np.ndarray, decision: np.ndarray) -> pd.DataFrame:
    """Return rows of the table, with a column of its own for each that the probe names; -1 is no value."""
    import numpy as np
    import pandas as pd

    size = len(group)
    ids = [f"row {number}" for number in range(size)]
    columns: dict[str, Any] = {
        name: [value_in(own, one) for one in group]
        for name, own in zip(probe.sensitive, first_group(probe), strict=True)
    }
    columns |= {name: (np.arange(size) % 2).astype(str) for name in probe.within}
    if probe.label is not None:
        columns[probe.label] = _word(probe, label)
    if probe.decides is not None:
        columns[probe.decides] = _word(probe, decision)
    if probe.score is not None:
        columns[probe.score] = (_cut(probe) + np.where(decision == 1, 0.25, -0.25)).astype(str)
    if probe.prompt is not None:
        columns[probe.prompt] = [f"Shall {name} be selected?" for name in ids]
    for name in probe.features:
        columns.setdefault(name, np.arange(size).astype(str))
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"), dtype=object)


def first_group(probe: Grouping) -> list[str | None]:
    """Return the values of the first group in the sensitive columns: the reference's, where it is a group."""
    parts = probe.reference.split(" x ", len(probe.sensitive) - 1)
    if probe.reference in ("the rest", "the highest") or len(parts) < len(probe.sensitive):
        return ["0"] * len(probe.sensitive)
    return [None if one == NO_VALUE else one for one in parts]


def value_in(own: str | None, group: int) -> str | None:
    """Return the value of a group in a column: `own` for the first, for another its number, -1 for none."""
    plain = None if group < 0 else str(group)
    return own if group == 0 else "0" if plain == own else plain


def _word(probe: Deciding, values: np.ndarray) -> np.ndarray:
    """Return the positive value where there is a 1, else another."""
    import numpy as np

    return np.where(values == 1, str(probe.positive), "0" if str(probe.positive) != "0" else "1")


def _answered(probe: Deciding, rows: pd.DataFrame, decision: np.ndarray) -> pd.DataFrame:
    """Return the rows as they are observed where the model decides so."""
    if probe.features:
        cells: list[Any] = [_probabilities(probe, one) for one in decision]
        return rows.assign(probabilities=cells)
    if probe.prompt is not None:
        return rows.assign(answer=[probe.answers[1 - int(one)] for one in decision])
    return rows


def _probabilities(probe: Deciding, decision: int) -> list[float]:
    """Return probabilities of classes, that of the positive one on its side of the threshold."""
    positive = (1 + _cut(probe)) / 2 if decision else _cut(probe) / 2
    place = -1 if probe.positive_class is None else probe.positive_class
    size = max(2, place + 1, -place)
    told = [(1 - positive) / (size - 1)] * size
    told[place] = positive
    return told


def _cut(probe: Deciding) -> float:
    """Return what the scores of decisions lie around: as at most half are positive, the others' score is the median."""
    return 0.5 if probe.threshold == "median" else probe.threshold


def trial(probe: Deciding, rng: np.random.Generator, less: int) -> Trial:
    """Return a trial of two groups of 50, the second selected `less` times less often, and ten rows without a group.

    Where the model is given the group itself, these ten are a third group, as it would not be asked about them.
    """
    import numpy as np

    from audit.probe import Known, Trial, mean_of

    last = 2 if set(probe.sensitive) & set(probe.features) else -1
    group = np.repeat([0, 1, last], [_TRIED, _TRIED, 10])
    label = np.arange(len(group)) % 2
    most = 15 if probe.threshold == "median" else 20  # no more than half can lie above the median
    parts = [_selected(label[group == at], *counts) for at, counts in (
        (0, (most, 10)), (1, (most - less // 2, 10 - less // 3)), (last, (3, 1)),
    )]  # fmt: skip
    decision = np.concatenate(parts)
    order = rng.permutation(len(group))
    group, label, decision = group[order], label[order], decision[order]
    rows = _rows(probe, group, label, decision)
    first = probe.rates[0]
    known: KnownMeasures = {}
    asked = _asked_by(first, label, decision)
    rates = [asked[0][asked[1] & (group == at)] for at in (0, 1, last)]
    means = [float(one.mean()) for one in rates if len(one)]
    headline = "demographic_parity_difference" if first == "selection_rate" else f"{first}_difference"
    known[headline, None] = Known(max(means) - min(means))
    known[first, None] = mean_of(np.concatenate(rates), sum(map(len, rates)))
    if first == "selection_rate":
        known["demographic_parity_ratio", None] = Known(min(means) / max(means))
    known |= _extremes({rate: _counts(rate, label, decision, group) for rate in probe.rates})
    if "accuracy" in probe.rates:
        known |= _benefits(decision - label + 1, group)
    if probe.features and probe.label is not None:
        known |= _balance(np.where(decision == 1, (1 + _cut(probe)) / 2, _cut(probe) / 2), label, group)
    if len(probe.sensitive) == 1:
        names = [value_in(first_group(probe)[0], at) or NO_VALUE for at in (0, 1, last)]
        known |= _of_groups(first, dict(zip(names, rates, strict=True)), probe.reference)
    data = {"items": written_again(probe, rows, (group == 0) & (decision == 1))}
    return Trial(faulty=less > 0, data=data, answers=_script(probe, rows, decision), known=known)


def _of_groups(rate: str, events: dict[str, np.ndarray], reference: str) -> KnownMeasures:
    """Return what is known of every group by name, from the events [row] that are asked of each."""
    import numpy as np

    from audit.probe import Known, mean_of

    whole = np.concatenate(list(events.values()))
    there = [(int(one.sum()), len(one)) for one in events.values() if len(one)]
    best, size = max(there, key=lambda one: one[0] / one[1])
    shares = {name: float(one.mean()) for name, one in events.items() if len(one)}
    compared = max(shares, key=shares.__getitem__) if reference == "the highest" else reference
    known: KnownMeasures = {}
    for name, one in events.items():
        k, n = int(one.sum()), len(one)
        if not n:
            continue
        # the ends of a small group's interval lie at those of what can be, whatever it rests on
        known[rate, name] = mean_of(one, n if n >= _TRIED // 2 else None)
        rest = (int(whole.sum()) - k) / (len(whole) - n) if reference == "the rest" else None
        against = shares.get(compared, rest)
        if name != compared and against is not None:
            known[f"{rate}_gap", name] = Known(k / n - against)
        if rate == "selection_rate":
            known["selection_rate_impact_ratio", name] = Known(k / n / (best / size), certain=k * size == best * n)
            known["selection_rate_shortfall", name] = Known(max(0, -(-4 * best * n // (5 * size)) - k), certain=True)
    return known


def _counts(rate: str, label: np.ndarray, decision: np.ndarray, group: np.ndarray) -> list[tuple[int, int]]:
    """Return (events, rows) of a rate in every group that has rows for it."""
    event, asked = _asked_by(rate, label, decision)
    parts = [event[asked & (group == at)] for at in set(group.tolist())]
    return [(int(one.sum()), len(one)) for one in parts if len(one)]


def _extremes(counts: Mapping[str, list[tuple[int, int]]]) -> KnownMeasures:
    """Return what groups are worst off by, from the counts of every group by rate."""
    from math import log

    from audit.probe import Known

    known: KnownMeasures = {}
    shares = {rate: [k / n for k, n in groups] for rate, groups in counts.items()}
    if groups := counts.get("selection_rate"):
        units, selected = sum(n for _, n in groups), sum(k for k, _ in groups)
        smoothed = ([(k + 0.5) / (n + 1) for k, n in groups], [(n - k + 0.5) / (n + 1) for k, n in groups])
        known["differential_fairness", None] = Known(max(log(max(one) / min(one)) for one in smoothed))
        known["selection_rate_mass_gap", None] = Known(max(abs(k - n * selected / units) / units for k, n in groups))
    if right := shares.get("accuracy"):
        known["worst_group_accuracy", None] = Known(min(right))
    odds = [shares[rate] for rate in ("true_positive_rate", "false_positive_rate") if rate in shares]
    if len(odds) == 2:
        apart = [max(one) - min(one) for one in odds]
        known["equalized_odds_difference", None] = Known(max(apart))
        known["equalized_odds_mean_abs", None] = Known(sum(apart) / 2)
        known["equalized_odds_ratio", None] = Known(min(min(one) / max(one) for one in odds))
    return known


def _benefits(benefit: np.ndarray, group: np.ndarray) -> KnownMeasures:
    """Return how unevenly people benefit, from the benefit and the group [row] of each."""
    import numpy as np

    from audit.probe import Known

    share = benefit / benefit.mean()
    means = np.array([share[group == one].mean() for one in group])
    theil, between = (float((one * np.log(np.where(one > 0, one, 1))).mean()) for one in (share, means))
    values = {"theil_index": theil, "generalised_entropy": float((share**2).mean() - 1) / 2, "theil_between": between}
    return {(name, None): Known(value) for name, value in values.items()}


def _balance(score: np.ndarray, label: np.ndarray, group: np.ndarray) -> KnownMeasures:
    """Return how far groups are apart in the mean score of either label."""
    from audit.probe import Known

    known: KnownMeasures = {}
    for name, value in (("positives", 1), ("negatives", 0)):
        means = [float(score[(group == one) & (label == value)].mean()) for one in set(group.tolist())]
        known[f"score_of_{name}_difference", None] = Known(max(means) - min(means))
    return known


def _asked_by(rate: str, label: np.ndarray, decision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the event [row] of a rate, and whether the row is asked for it."""
    import numpy as np

    every = np.ones(len(label), dtype=bool)
    return {
        "selection_rate": (decision, every), "accuracy": (decision == label, every),
        "true_positive_rate": (decision, label == 1), "false_negative_rate": (1 - decision, label == 1),
        "false_positive_rate": (decision, label == 0), "true_negative_rate": (1 - decision, label == 0),
        "precision": (label, decision == 1), "false_discovery_rate": (1 - label, decision == 1),
        "negative_predictive_value": (1 - label, decision == 0), "false_omission_rate": (label, decision == 0),
        "false_negative_share": (label, decision != label),
    }[rate]


def _script(probe: Deciding, rows: pd.DataFrame, decision: np.ndarray) -> Any:
    """Return what a model answers that decides so, whatever it is given."""
    import numpy as np

    if probe.prompt is not None:
        said = dict(zip(rows[probe.prompt], (probe.answers[1 - int(one)] for one in decision), strict=True))
        return {("main", "sample"): lambda items: {"content": [said[item] for item in items], "problem": None}}
    if not probe.features:
        return {}
    first = own_feature(probe)
    assert first is not None
    at = probe.features.index(first)
    told = {float(cell): _probabilities(probe, one) for cell, one in zip(rows[first], decision, strict=True)}

    def key(item: Any) -> float:
        return float(item if isinstance(item, str) else item[first] if isinstance(item, dict) else item[at])

    return {("main", "predict"): lambda items: {"probabilities": [np.array(told[key(item)]) for item in items]}}


def own_feature(probe: Deciding) -> str | None:
    """Return a feature that is no other column, by which a row can be known; None where all are."""
    others = {*probe.sensitive, *probe.within, probe.label}
    return next((name for name in probe.features if name not in others), None)
