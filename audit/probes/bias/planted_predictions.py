"""Numbers with a gap that was put there, and the same without one: what `bias.predictions` is tried on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from audit.probes.bias.planted_decisions import NO_VALUE, Grouping, first_group, value_in, written_again

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Known, KnownMeasures, Observed, Trial

__all__ = ["observed", "trial"]

_UNITS, _TRIED, _WITHOUT = 300, 40, 10
"""Rows of a group: of the controls, of the trials; of those without a group."""


_Predictions = Any
"""A `bias.predictions` with its options; its module imports this one."""


class Predicting(Grouping, Protocol):
    """The options of the probe that say whose numbers are asked for."""

    @property
    def prompt(self) -> str | None: ...
    @property
    def label(self) -> str | None: ...
    @property
    def given(self) -> str | None: ...
    @property
    def top(self) -> float | None: ...
    @property
    def bounds(self) -> tuple[float, float] | None: ...
    @property
    def features(self) -> tuple[str, ...]: ...


def observed(probe: Predicting, rng: np.random.Generator, *, gap: bool) -> Observed:
    """Return what the probe would have observed of two groups, the second a fifth of the range lower with a gap.

    Rows of the first group, the lowest with a gap and the highest without, are there twice more.
    """
    import numpy as np

    group = np.repeat([0, 1], _UNITS)
    step = np.tile(np.arange(_UNITS), 2)
    per_mille = 300 + step - 200 * gap * group
    order = rng.permutation(len(group))
    group, step, per_mille = group[order], step[order], per_mille[order]
    rows = _rows(probe, group, _in_range(probe, per_mille), _in_range(probe, per_mille))
    rows = rows if probe.prompt is None else rows.assign(answer=rows[probe.prompt].map(_said(probe, rows, per_mille)))
    again = (group == 0) & (step < _UNITS // 2 if gap else step >= _UNITS // 2)
    return {"items": written_again(probe, rows, again)}


def _in_range(probe: Predicting, per_mille: np.ndarray) -> np.ndarray:
    """Return numbers by their place in the range, NaN for places below 0; of no range that from 0 to 100."""
    import numpy as np

    low, high = probe.bounds or (0.0, 100.0)
    return np.where(per_mille < 0, np.nan, low + (high - low) * per_mille / 1000)


def _written(number: float) -> str | None:
    """Return a number in figures alone, None for none."""
    from decimal import Decimal

    return f"{Decimal(repr(float(number))):f}" if number == number else None


def _rows(probe: Predicting, group: np.ndarray, number: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    """Return rows of the table, with a column of its own for each that the probe names."""
    import pandas as pd

    ids = [f"row {at}" for at in range(len(group))]
    columns: dict[str, Any] = {
        name: [value_in(own, one) for one in group]
        for name, own in zip(probe.sensitive, first_group(probe), strict=True)
    }
    if probe.given is not None:
        columns[probe.given] = [_written(one) for one in number]
    if probe.prompt is not None:
        columns[probe.prompt] = [f"Which number for {name}?" for name in ids]
    if probe.label is not None:
        columns[probe.label] = [_written(one) for one in label]
    columns |= {name: [str(at % 7) for at in range(len(group))] for name in probe.features if name not in columns}
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"), dtype=object)


def _said(probe: Predicting, rows: pd.DataFrame, per_mille: np.ndarray) -> dict[Any, str]:
    """Return what a model answers to each prompt that names such numbers."""
    told = [_written(one) for one in _in_range(probe, per_mille)]
    said = ["I cannot say." if one is None else f"I would say {one} for this one." for one in told]
    return dict(zip(rows[probe.prompt], said, strict=True))


def trial(probe: _Predictions, rng: np.random.Generator, dose: int) -> Trial:
    """Return a trial of two groups of 40, the second one lower by the dose, and its numbers farther off; and ten
    without a group. Three of the first group are given no number.
    """
    import numpy as np

    from audit.probe import Trial

    group = np.repeat([0, 1, -1], [_TRIED, _TRIED, _WITHOUT])
    step = np.concatenate([np.arange(_TRIED), np.arange(_TRIED), 4 * np.arange(_WITHOUT)])
    per_mille = 350 + 8 * step - 70 * dose * (group == 1)
    off = (13 * step % 41 - 20) * (1 + dose * (group == 1)) + 15 * dose * (group == 1)
    label = per_mille - off
    per_mille[5:20:7] = -1
    order = rng.permutation(len(group))
    group, per_mille, label = group[order], per_mille[order], label[order]
    number, truth = _in_range(probe, per_mille), _in_range(probe, label)
    rows = _rows(probe, group, number, truth)
    known = _known_of(probe, "prediction", number, group)
    if probe.label is not None:
        known |= _known_of(probe, "error", number - truth, group)
        known |= _known_of(probe, "absolute_error", np.abs(number - truth), group)
    if probe.top is not None:
        known |= _of_top(probe, probe.top, number, group)
    probe, alike = _with_features(probe, rows, number, rng, (4, 2, 1)[dose])
    known |= alike
    said = {} if probe.prompt is None else _said(probe, rows, per_mille)
    answers = {("main", "sample"): lambda items: {"content": [said[item] for item in items], "problem": None}}
    data = {"items": written_again(probe, rows, (group == 0) & (per_mille > 500))}
    answers = answers if said else {}
    return Trial(faulty=dose > 0, data=data, answers=answers, known=known, probe=probe)


def _with_features(
    probe: _Predictions, rows: pd.DataFrame, number: np.ndarray, rng: np.random.Generator, blocks: int
) -> tuple[_Predictions, KnownMeasures]:
    """Give rows a feature that is alike for so many blocks of them, each of neighbouring numbers; return what is known.

    The probe looks at that one alone; without a feature that is no other column all stays as it is. All rows of a block
    are equally near: a row's neighbours are the others, or half of them where only those of the other half count.
    """
    import numpy as np

    from audit.probe import Known, overall

    own = next((name for name in probe.features if name not in probe.sensitive), None)
    if own is None or probe.bounds is None:
        return probe, {}
    there = ~np.isnan(number)
    place = (number[there] - probe.bounds[0]) / (probe.bounds[1] - probe.bounds[0])
    block = np.argsort(np.argsort(place, kind="stable")) * blocks // len(place)
    cells = np.zeros(len(rows), int)
    cells[there] = block
    rows[own] = [str(7 * one) for one in cells]
    shuffled = np.mean([_nearness(rng.permutation(place), block) for _ in range(400)])
    near = _nearness(place, block)
    known = overall({
        "consistency": Known(near, within=1e-9), "consistency_held_out": Known(near, within=0.01),
        "consistency_by_chance": Known(float(shuffled), within=0.003),
        "same_features_share": Known(1.0, certain=True),
    })  # fmt: skip
    categories = (own,) if own in probe.categories else ()
    return replace(probe, features=(own,), categories=categories, neighbours=2), known


def _nearness(place: np.ndarray, block: np.ndarray) -> float:
    """Return 1 - the mean distance of each from the mean of the others of its block."""
    import numpy as np

    sums, sizes = np.bincount(block, place), np.bincount(block)
    others = (sums[block] - place) / (sizes[block] - 1)
    return float(1 - np.abs(place - others).mean())


def _known_of(probe: Predicting, stem: str, values: np.ndarray, group: np.ndarray) -> KnownMeasures:
    """Return what is known of a quantity, from the values and groups [row]."""
    import numpy as np

    order = np.argsort(values)[: int((~np.isnan(values)).sum())]  # sums of the same numbers are then the same
    values, group = values[order], group[order]
    first = first_group(probe)
    name_of = {at: value_in(first[0], at) or NO_VALUE for at in (0, 1, -1)}
    rest = probe.reference == "the rest"
    compared = {at: group != at if rest else group == 0 for at in ((0, 1, -1) if rest else (1, -1))}
    apart = {at: _apart(values[group == at], values[other]) for at, other in compared.items()}
    alone = [] if rest or len(first) == 1 else [_apart(values[group == at], values[group != at]) for at in (0, 1, -1)]
    prefix = "" if stem == "prediction" else f"{stem}_"
    names = {"superiority": f"{prefix}superiority_gap", "median": f"median_{stem}_gap"}
    names |= {"mean": f"mean_{stem}_gap"} if probe.bounds else {}
    names |= {"distance": "wasserstein_distance"} if stem == "prediction" else {}
    known: KnownMeasures = {}
    for kind, name in names.items():
        known[f"largest_{name}", None] = _known(probe, max(abs(one[kind][0]) for one in (*apart.values(), *alone)))
        if len(first) == 1:
            known |= {(name, name_of[at]): _known(probe, *one[kind]) for at, one in apart.items()}
    for middle, of in (("median", np.median), ("mean", np.mean)) if probe.bounds else (("median", np.median),):
        known[f"{middle}_{stem}", None] = _known(probe, float(of(values)))
        if len(first) == 1:
            own = {name: values[group == at] for at, name in name_of.items()}
            known |= {(f"{middle}_{stem}", name): _known(probe, float(of(one))) for name, one in own.items()}
    return known


def _of_top(probe: Predicting, top: float, number: np.ndarray, group: np.ndarray) -> KnownMeasures:
    """Return what is known of who is among the highest, by counting those above each."""
    import numpy as np

    from audit.probe import Known

    there = ~np.isnan(number)
    number, group = number[there], group[there]
    above = (number > number[:, None]).sum(axis=1) < top * len(number) - 1e-9  # fewer than the highest are above them
    rates = {at: float(above[group == at].mean()) for at in (0, 1, -1)}
    known: KnownMeasures = {("top_rate", None): Known(float(above.mean()))}
    known["top_ratio", None] = Known(min(rates.values()) / max(rates.values()))
    first, rest = first_group(probe), probe.reference == "the rest"
    against = {at: float(above[group != at].mean()) if rest else rates[0] for at in rates if rest or at}
    if len(first) == 1:
        names = {at: value_in(first[0], at) or NO_VALUE for at in rates}
        known |= {("top_rate", names[at]): Known(rate) for at, rate in rates.items()}
        known |= {("top_gap", names[at]): Known(rates[at] - other) for at, other in against.items()}
    if len(first) == 1 or rest:
        known["largest_top_gap", None] = Known(max(abs(rates[at] - other) for at, other in against.items()))
    return known


def _known(probe: Predicting, value: float, error: float | None = None) -> Known:
    """Return what is known, as nearly as numbers of this range can be told."""
    from audit.probe import Known

    low, high = probe.bounds or (0.0, 100.0)
    return Known(value, within=1e-6 * max(1.0, high - low) if error is None else 1e-9, error=error)


def _apart(own: np.ndarray, other: np.ndarray) -> dict[str, tuple[float] | tuple[float, float]]:
    """Return how far two sides are apart, pair by pair; of the gap by rank also its least standard error."""
    import numpy as np

    wins = np.sign(own[:, None] - other)
    error = np.sqrt(wins.mean(axis=1).var() / len(own) + wins.mean(axis=0).var() / len(other))
    size = int(np.lcm(len(own), len(other)))
    one, two = (np.repeat(np.sort(side), size // len(side)) for side in (own, other))
    return {
        "superiority": (float(wins.mean()), float(error)), "median": (float(np.median(own) - np.median(other)),),
        "mean": (float(own.mean() - other.mean()),), "distance": (float(np.abs(one - two).mean()),),
    }  # fmt: skip
