"""How many outputs keep each duty to mark them, and how many keep every duty that is about them.

    share of a duty = outputs that keep it / outputs that it is about     exact, equal outputs being one unit
    kept share      = outputs that keep all duties in force that are about them and can be tested

An output that could not be read might have kept any duty or none: it bounds the shares both ways. What is not testable
has no number and says why; it neither helps nor harms. A duty that is not yet in force is measured by another name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, objects, units_of
from detectors.immutable import immutable
from detectors.intervals import mean_over_units
from detectors.phrases import Cause
from detectors.result import COUNT, Direction, Measure, Result, undefined

__all__ = ["ITEMS", "TESTS", "Outcome", "Owed", "duties_kept"]

ITEMS = ("provider", "system", "version", "time", "id", "kind")
"""What a hidden disclosure may tell: of the last, whether the output was made or altered."""
Outcome = Literal["kept", "broken", "open", "not testable"]
_LABEL = 0.05
"""Height of a visible label over the shorter side of its image."""
_NO_OUTPUT = Cause("there are no outputs of the kinds that it is about")
_UNREAD = Cause("none of the outputs that it is about could be read")
_NO_DUTY = Cause("no duty that is in force could be tested on these outputs")
_NO_KEY = Cause("the plan names no key of a mark that such outputs may carry")
_NO_LABEL = Cause("the data do not say how high visible labels are")
_OF_MARKS = ("marked", "two_layers")
"""Tests that say nothing where no mark was sought, though what is unsigned has no second layer."""
_NO_TOKENS = Cause("nothing says how many tokens the texts have: the plan names no tokenizer")
_TOO_SHORT = Cause("there is no text of so many tokens")


@immutable
class Owed:
    """A duty, as it stands on the day of the audit."""

    name: str
    kinds: frozenset[str]
    """Of outputs that it is about: text, image, audio, video, document."""
    test: str | None
    """One of `TESTS`; None where no output can tell."""
    least_tokens: int = 0
    """Of a text that it is about."""
    in_force: bool = True
    untested: Cause | None = None
    """Why it cannot be tested, where it cannot."""


def _all(*layers: Floats) -> Floats:
    """Return 1 where all are 1, 0 where one is 0, else NaN."""
    low: Floats = reduce(np.fmin, layers)
    unknown = reduce(np.logical_or, map(np.isnan, layers))
    return np.asarray(np.where((low == 0) | ~unknown, low, np.nan), dtype=np.float64)


def _any(*layers: Floats) -> Floats:
    """Return 1 where one is 1, 0 where all are 0, else NaN."""
    return 1 - _all(*(1 - one for one in layers))


def _said(outputs: pd.DataFrame, column: str) -> Floats:
    """Return what a column of true and false says, NaN where it is null."""
    return np.array([np.nan if one is None or pd.isna(one) else float(one) for one in outputs[column]], np.float64)


def _state(*wanted: str) -> Callable[[pd.DataFrame], Floats]:
    def test(outputs: pd.DataFrame) -> Floats:
        state = outputs["state"]
        return np.where(state.isna(), np.nan, state.isin(wanted).astype(float))

    return test


def _marked(outputs: pd.DataFrame) -> Floats:
    """Return whether a mark was found; NaN where none was sought or the output could not be read."""
    mark = outputs["mark"]
    return np.where(mark.isin(["found", "not found"]), mark.eq("found").astype(float), np.nan)


def _known_mark(outputs: pd.DataFrame) -> Floats:
    """Return whether a mark was found; one that nobody was told to seek is none that anybody can detect."""
    return np.where(outputs["mark"].eq("not sought"), 0.0, _marked(outputs))


def _layers(outputs: pd.DataFrame) -> Floats:
    signed = _state("Trusted", "Valid")(outputs)
    return _any(signed, _said(outputs, "source_type"), _said(outputs, "aigc"), _known_mark(outputs))


def _label_size(outputs: pd.DataFrame) -> Floats:
    share = outputs["label_share"].astype(float).to_numpy()
    return np.where(np.isnan(share), np.nan, share >= _LABEL)


def _disclosed(*items: str) -> Callable[[pd.DataFrame], Floats]:
    def test(outputs: pd.DataFrame) -> Floats:
        told = [
            np.nan if not isinstance(cell, Sequence | np.ndarray) else float({*items} <= {*cell})
            for cell in outputs["disclosed"]
        ]
        return np.array(told, dtype=float)

    return test


TESTS: Mapping[str, Callable[[pd.DataFrame], Floats]] = {
    "trusted": _state("Trusted"),
    "whole": _state("Trusted", "Valid"),
    "time_stamped": lambda outputs: _said(outputs, "time_stamped"),
    "marked": _marked,
    "two_layers": lambda outputs: _all(_state("Trusted")(outputs), _marked(outputs)),
    "any_layer": _layers,
    "any_notice": lambda outputs: _any(_layers(outputs), _said(outputs, "worded")),
    "worded": lambda outputs: _said(outputs, "worded"),
    "label_size": _label_size,
    "source_type": lambda outputs: _said(outputs, "source_type"),
    "aigc": lambda outputs: _said(outputs, "aigc"),
    "four_items": _disclosed(*ITEMS[:5]),
    "five_items": _disclosed(*ITEMS),
}
"""Test -> of each output 1 (kept), 0 or NaN (could not be read, or was not looked for), [output]."""


def duties_kept(
    outputs: pd.DataFrame, owed: Sequence[Owed], *, least: float, level: float, rng: np.random.Generator
) -> Result:
    """Return `all_duties_share`, `duties_broken`, `duties_not_testable`, `unreadable`, and shares of duties as groups.

    These are of `duty_share` where the duty is in force, of `coming_duty_share` where it is not yet.

    outputs, one row each: `kind` (text, image, audio, video, document, other), `state` (Trusted, Valid, Invalid, none;
    null = could not be read), `time_stamped`, `source_type`, `aigc`, `worded` (true, false, null), `mark` (found,
    not found, not sought; null = could not be read), `label_share` (height of its visible label over its shorter side),
    `disclosed` (those of `ITEMS` that it tells), `tokens` (of a text; null = not known), `unit` where there is one.
    least: share of outputs from which on a duty counts as kept.

    `items` has each output with `value` (1 = it keeps all), `duties_missed` and `no_answer`; `table` a row a duty with
    its `outcome`: kept or broken where the whole interval lies on one side of `least`, else open; not testable.
    """
    units = units_of(outputs, "unit" if "unit" in outputs else None)
    values = {one.name: _values(outputs, one) for one in owed}
    duties = [_measure(one, values[one.name], outputs, units, level, rng) for one in owed]
    there = [one.name for one, found in zip(owed, duties, strict=True) if one.in_force and found.value is not None]
    about = {one.name: _about(outputs, one) for one in owed if one.name in there}
    asked = np.logical_or.reduce([np.zeros(len(outputs), bool), *about.values()])
    kept = _all(np.where(asked, 1.0, np.nan), *(np.where(about[name], values[name], 1.0) for name in there))
    table = _table(owed, duties, least)
    outcomes = table.loc[table["in_force"], "outcome"]
    measures = (
        _share("all_duties_share", None, kept[asked], units[pd.Series(asked, units.index)], _NO_DUTY, level, rng),
        _count("duties_broken", int(outcomes.eq("broken").sum()), len(outcomes), level),
        _count("duties_not_testable", int(outcomes.eq("not testable").sum()), len(outcomes), level),
        _count("unreadable", int(outputs["state"].isna().sum()), len(outputs), level),
        *duties,
    )
    items = _evidence(outputs, np.where(asked, kept, np.nan), asked, {name: values[name] for name in there})
    return Result(measures, items if "unit" not in outputs else items.assign(unit=units), table)


def _evidence(
    outputs: pd.DataFrame, kept: Floats, asked: NDArray[np.bool_], values: Mapping[str, Floats]
) -> pd.DataFrame:
    """Return each output with whether it keeps all duties, and which it does not.

    kept [output]: NaN where nobody can tell; asked [output]: whether a duty is about it; values: duty -> [output].
    """
    missed = [[name for name, told in values.items() if told[at] == 0] for at in range(len(outputs))]
    items = outputs.assign(value=kept, no_answer=asked & np.isnan(kept))
    items["duties_missed"] = objects(missed, outputs.index)
    items["against"] = items["value"].eq(0).astype("boolean").mask(items["value"].isna())
    items["weight"] = [float(len(names)) for names in missed]
    return items


def _about(outputs: pd.DataFrame, one: Owed) -> NDArray[np.bool_]:
    """Return whether a duty is about each output; about a text of unknown length it may be."""
    kind = outputs["kind"].isin(one.kinds).to_numpy(bool)
    tokens = outputs["tokens"].astype(float).to_numpy()
    return kind & ~(tokens < one.least_tokens) if one.least_tokens else kind


def _values(outputs: pd.DataFrame, one: Owed) -> Floats:
    """Return what the duty's test says of each output, NaN where it is not about it or its length is not known."""
    if one.test is None or one.untested is not None:
        return np.full(len(outputs), np.nan)
    if one.test in _OF_MARKS and not outputs.loc[_about(outputs, one), "mark"].ne("not sought").any():
        return np.full(len(outputs), np.nan)
    known = outputs["tokens"].notna().to_numpy(bool) if one.least_tokens else np.ones(len(outputs), bool)
    return np.where(_about(outputs, one) & known, TESTS[one.test](outputs), np.nan)


def _measure(
    one: Owed, values: Floats, outputs: pd.DataFrame, units: pd.Series[str], level: float, rng: np.random.Generator
) -> Measure:
    about = _about(outputs, one)
    why = one.untested or (_lacking(one, outputs) if not about.any() or np.isnan(values[about]).all() else _UNREAD)
    name = "duty_share" if one.in_force else "coming_duty_share"
    given = values[about] if one.untested is None else values[:0]
    return _share(name, one.name, given, units[about] if one.untested is None else units[:0], why, level, rng)


def _lacking(one: Owed, outputs: pd.DataFrame) -> Cause:
    """Return why a duty has no number though outputs may be at hand."""
    of_kind = outputs[outputs["kind"].isin(one.kinds)]
    if of_kind.empty:
        return _NO_OUTPUT
    if one.least_tokens and not _about(outputs, one).any():
        return _TOO_SHORT
    if one.least_tokens and of_kind["tokens"].isna().all():
        return _NO_TOKENS
    if of_kind["state"].isna().all():
        return _UNREAD
    if one.test in _OF_MARKS and not of_kind["mark"].ne("not sought").any():
        return _NO_KEY
    return _NO_LABEL if one.test == "label_size" else _UNREAD


def _share(
    name: str, group: str | None, values: Floats, units: pd.Series[str], why: Cause, level: float,
    rng: np.random.Generator,
) -> Measure:  # fmt: skip
    facts: dict[str, Any] = {"unit": "share", "direction": "higher is better", "level": level, "group": group}
    if np.isnan(values).all():
        return undefined(name, why, n={"items": 0, "units": 0}, missing=len(values), **facts)
    found = mean_over_units(values, units.to_numpy(str), level=level, rng=rng, binary=True)
    return Measure(
        name=name, value=found.value, low=found.low, high=found.high, n=found.n, method=found.method,
        missing=found.missing, **facts,
    )


def _count(name: str, count: int, size: int, level: float) -> Measure:
    way: Direction = "neither" if name == "duties_not_testable" else "lower is better"
    return Measure(
        name=name, value=count, low=count, high=count, n={"items": size}, unit="count", direction=way, level=level,
        method=COUNT,
    )  # fmt: skip


def _table(owed: Sequence[Owed], duties: Sequence[Measure], least: float) -> pd.DataFrame:
    rows = [
        {"duty": one.name, "in_force": one.in_force, "outcome": _outcome(found, least), "value": found.value,
         "low": found.low, "high": found.high, "why": None if found.undefined is None else str(found.undefined)}
        for one, found in zip(owed, duties, strict=True)
    ]  # fmt: skip
    columns = ["duty", "in_force", "outcome", "value", "low", "high", "why"]
    return pd.DataFrame(rows, columns=columns)


def _outcome(found: Measure, least: float) -> Outcome:
    if found.value is None or found.low is None or found.high is None:
        return "not testable"
    return "kept" if found.low >= least else "broken" if found.high < least else "open"
