"""Is a mark there: how many texts carry it by the test, how many are accused without it, and what it costs.

    a text is found  <=>  its p-value is at most alpha        exact over the draw of the key, see `TextScheme`

Every text is an independent unit, unless a column says which texts are one. One in which nothing is scored cannot be
tested and is missing: every rate holds whatever the test would have said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr

from detectors.arrays import units_of
from detectors.intervals import CLUSTER_BOOTSTRAP, cluster_bootstrap, mean_over_units
from detectors.phrases import Cause, Method
from detectors.provenance.text.green import GreenLists
from detectors.provenance.text.scheme import Reading, TextScheme
from detectors.result import COUNT, Direction, Measure, Result, undefined

__all__ = ["KNOWN_KEY", "MARK_MEASURES", "READ_COLUMNS", "mark_detection", "median_of", "read_texts"]

READ_COLUMNS = ("tokens", "p_value", "green_fraction", "share", "tokens_needed", "per_token")

MARK_MEASURES = (
    "detection_rate", "false_positive_rate", "own_false_positive_rate", "other_key_rate", "tokens_needed",
    "green_fraction", "quality_cost", "retokenised_share", "not_tested",
)
KNOWN_KEY = "known_key_rate"
"""The measure of other keys at hand, where such were tried."""

_LENGTHS = ("up to 50 tokens", "51 to 100 tokens", "101 to 200 tokens", "over 200 tokens")
_TOO_SHORT = Cause("in no text is there anything to test")
_NO_LISTS = Cause("the mark has no green tokens")
_NO_HUMANS = Cause("the plan gives no texts that are known to be without the mark")
_NO_TOKENS = Cause("the mark was not put in here, so the tokens that were drawn are not known")
_UNFOUND = Cause("half of the texts or more are not found at their full length")
_TOO_FEW = Method("none; too few for an interval of the median")
_NO_TWIN = Cause("the mark was not put in here, so the model has no texts that are known to be without it")


def read_texts(scheme: TextScheme, texts: Iterable[ArrayLike], alpha: float) -> pd.DataFrame:
    """Return a row for each text, given as ids [token]: what its reading says, and when it is said.

    Columns: `tokens` (scored, each once), `p_value` (null where that is none), `green_fraction` (null where the mark
    has no green lists), `share` (what that is without the mark), `tokens_needed` (scored tokens after which the p-value
    is at most `alpha` and stays so; null where it is not), `per_token` (evidence of each token, NaN where it is not
    scored).
    """
    readings = scheme.read(texts)
    lists = isinstance(scheme, GreenLists)
    return pd.DataFrame({
        "tokens": [one.scored for one in readings],
        "p_value": [one.p_value for one in readings],
        "green_fraction": [one.statistic / one.scored if lists and one.scored else np.nan for one in readings],
        "share": scheme.share if isinstance(scheme, GreenLists) else np.nan,
        "tokens_needed": [_needed(scheme, one, alpha) for one in readings],
        "per_token": [one.per_token for one in readings],
    })  # fmt: skip


def _needed(scheme: TextScheme, reading: Reading, alpha: float) -> float:
    if not reading.p_value <= alpha:
        return float("nan")
    evidence = reading.per_token[~np.isnan(reading.per_token)]
    scored, running = np.arange(1, len(evidence) + 1), evidence.cumsum()
    if not np.isclose(running[-1], reading.statistic):
        running = running / scored
    above = np.flatnonzero(scheme.tail(running, scored) > alpha)
    return float(min(above[-1] + 2, len(evidence)) if above.size else 1)


def mark_detection(
    outputs: pd.DataFrame, unmarked: pd.DataFrame | None, *, alpha: float, level: float, rng: np.random.Generator
) -> Result:
    """Return `MARK_MEASURES`, then `detection_rate` by length; a text is found where its p-value is at most `alpha`.

    outputs, one row per text of the model: `tokens`, `p_value`, `green_fraction`, `tokens_needed` (see `read_texts`;
    all null = no text), `other_p_value` (under a key that was not put in). Where the audit itself put the mark in, also
    `plain_p_value` (of a text of the same model without it) and, for the quality, `nats`, `scored`, `plain_nats`,
    `plain_scored` (log-probability under the model without mark, summed, and over how many tokens), and `retokenised`
    (share of drawn tokens that reading the text does not give: every p-value is of what was read). unmarked, one row
    per text that is known to be without the mark: `tokens`, `p_value`. `known_p_value` is of other marks that the texts
    may carry instead, all of them counted; only then `known_key_rate` is there. Either may have `unit`, the independent
    unit of each text (of the texts without the mark that is `plain_unit`); a text without one, or that cannot be
    tested, is its own.

    `items` has the row of each text of the model with `value` (found 1, not 0); `table` the same for the unmarked
    texts. A text of the model in which the mark is not found counts against it, with its p-value as weight.
    """
    items = _told(outputs, alpha)
    table = None if unmarked is None else unmarked.assign(value=_found(unmarked["p_value"], alpha))
    rate, units = partial(_mean, level=level, rng=rng), _units(outputs, "unit", items["value"])
    measures = (
        *_of_tests(items, table, units, alpha, rate),
        _tokens_needed(items, units, level),
        _green_fraction(items, units, rate),
        _quality_cost(outputs, units, level, rng),
        rate("retokenised_share", outputs.get("retokenised"), units, "neither", reason=_NO_TOKENS),
        *_keyed_otherwise(outputs, alpha, units, rate), _not_tested(items, level),
        *_by_length(items, units, rate),
    )  # fmt: skip
    return Result(measures, items if "unit" not in items else items.assign(unit=units), table)


def _told(outputs: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Return the texts of the model with what the test says of each, and which count against it."""
    items = outputs.assign(tokens=outputs["tokens"].fillna(0).astype(int), value=_found(outputs["p_value"], alpha))
    untested = items["value"].isna()
    missed = items["value"].eq(0).astype("boolean").where(~untested)
    items = items.assign(against=missed, weight=items["p_value"])
    return items.assign(no_answer=untested) if untested.any() else items


def _of_tests(
    items: pd.DataFrame, table: pd.DataFrame | None, units: pd.Series[str], alpha: float, rate: Callable[..., Measure]
) -> Iterator[Measure]:
    """Yield how often a mark is found where it is, where it is not, and under a key that was not put in."""
    yield rate("detection_rate", items["value"], units, "higher is better", mean_of="value", unit_of=_unit_of(items))
    known = None if table is None else table["value"]
    yield rate("false_positive_rate", known, _units(table, "unit", known), "lower is better", reason=_NO_HUMANS)
    plain = _found(items["plain_p_value"], alpha) if "plain_p_value" in items else None
    of_plain = _units(items, "plain_unit", plain)
    yield rate("own_false_positive_rate", plain, of_plain, "lower is better", reason=_NO_TWIN)
    yield rate("other_key_rate", _found(items["other_p_value"], alpha), units, "lower is better")


def _unit_of(items: pd.DataFrame) -> str | None:
    """Return the column that holds the units, where one does."""
    return "unit" if "unit" in items else None


def _tokens_needed(items: pd.DataFrame, units: pd.Series[str], level: float) -> Measure:
    """Return the median number of tokens after which a mark is found, of the first text of each unit."""
    untested = items["value"].isna()
    return median_of(
        "tokens_needed", items.loc[~untested & ~units.duplicated(), "tokens_needed"], _UNFOUND, unit="tokens",
        direction="lower is better", level=level, missing=int(untested.sum()),
    )


def _green_fraction(items: pd.DataFrame, units: pd.Series[str], rate: Callable[..., Measure]) -> Measure:
    green = items["green_fraction"].astype(float)
    why = _NO_LISTS if green.isna().all() and not items["value"].isna().all() else _TOO_SHORT
    return rate(
        "green_fraction", green, units, "neither", mean_of="green_fraction", unit_of=_unit_of(items), reason=why
    )


def _units(texts: pd.DataFrame | None, column: str, tested: pd.Series[Any] | None) -> pd.Series[str]:
    """Return the independent unit of every text, its own id where nothing names one or it was not tested (null)."""
    if texts is None or tested is None:
        return pd.Series(dtype=str)
    return units_of(texts, column).where(tested.notna(), units_of(texts, None))


def _keyed_otherwise(
    outputs: pd.DataFrame, alpha: float, units: pd.Series[str], rate: Callable[..., Measure]
) -> list[Measure]:
    """Return the share of texts that carry the mark of another key at hand, where such were tried."""
    if "known_p_value" not in outputs:
        return []
    return [rate(KNOWN_KEY, _found(outputs["known_p_value"], alpha), units, "lower is better")]


def _by_length(items: pd.DataFrame, units: pd.Series[str], rate: Callable[..., Measure]) -> list[Measure]:
    """Return the detection rate of the texts of each length that there is; a missing text might have had any."""
    length, lost = pd.cut(items["tokens"], [0, 50, 100, 200, np.inf], labels=_LENGTHS), items["value"].isna()
    found = (items.loc[(length == name) | lost, "value"].rename(name) for name in _LENGTHS if (length == name).any())
    return [rate("detection_rate", one, units, "higher is better", group=one.name) for one in found]


def _found(p_values: pd.Series[Any], alpha: float) -> pd.Series[float]:
    """Return 1 for what is found, 0 for what is not; null where there is no p-value."""
    p = p_values.astype(float)
    return p.le(alpha).astype(float).where(p.notna())


def _mean(
    name: str, values: pd.Series[Any] | None, units: pd.Series[str], direction: Direction, *, level: float,
    rng: np.random.Generator, group: str | None = None, mean_of: str | None = None, unit_of: str | None = None,
    reason: Cause = _TOO_SHORT,
) -> Measure:
    """Return the mean over units of values in [0, 1], null = not tested; `reason` is why there may be none."""
    asked = np.empty(0) if values is None else values.to_numpy(float)
    if values is None or np.isnan(asked).all():
        return undefined(
            name, reason, n={"items": 0, "units": 0}, unit="share", direction=direction, level=level, group=group,
            missing=len(asked),
        )
    binary, labels = name not in ("green_fraction", "retokenised_share"), units[values.index].to_numpy(str)
    found = mean_over_units(asked, labels, level=level, rng=rng, binary=binary)
    return Measure(
        name=name, group=group, value=found.value, low=found.low, high=found.high, n=found.n, unit="share",
        direction=direction, level=level, method=found.method, mean_of=mean_of, unit_of=unit_of,
        missing=found.missing,
    )


def median_of(
    name: str, values: pd.Series[Any], nothing: Cause, *, unit: str, direction: Direction, level: float,
    missing: int = 0,
) -> Measure:
    """Return the median of independent values with its exact order-statistic interval; `nothing` is why there is none.

    Null = more than any number, as of a text that is not found at its full length. What is missing could be any.
    """
    size, ordered = len(values), np.sort(values.astype(float).fillna(np.inf).to_numpy())
    facts: dict[str, Any] = {
        "n": {"items": size, "units": size}, "unit": unit, "direction": direction, "level": level, "missing": missing,
    }
    if not size or np.isinf(ordered[size // 2]):
        return undefined(name, nothing, **facts)
    asked = size + missing
    outside = int((bdtr(np.arange(asked), asked, 0.5) <= (1 - level) / 2).sum())
    # what is missing stands below all others for the lower end, above them for the upper one
    if outside <= missing or np.isinf(ordered[missing - outside]):
        return Measure(name=name, value=ordered[size // 2], method=_TOO_FEW, **facts)
    return Measure(
        name=name, value=ordered[size // 2], low=ordered[outside - 1 - missing], high=ordered[missing - outside],
        method=Method("order statistics of the median"), **facts,
    )


def _quality_cost(outputs: pd.DataFrame, units: pd.Series[str], level: float, rng: np.random.Generator) -> Measure:
    """Return mean log p per token of the texts without the mark minus that of those with it, under the model."""
    facts: dict[str, Any] = {"unit": "nats per token", "direction": "lower is better", "level": level}
    if "plain_nats" not in outputs:
        return undefined("quality_cost", _NO_TWIN, n={"items": len(outputs), "units": units.nunique()}, **facts)
    sums = outputs[["plain_nats", "plain_scored", "nats", "scored"]].to_numpy(float)
    there = (sums[:, [1, 3]] > 0).all(axis=1)
    lost, whole = int((~there).sum()), pd.DataFrame(sums[there]).groupby(units.to_numpy()[there], sort=False).sum()
    facts["n"] = {"items": int(there.sum()), "units": len(whole)}
    try:
        value, low, high = cluster_bootstrap(_difference, whole.to_numpy(), level=level, rng=rng)
    except ValueError as error:
        return undefined("quality_cost", error.args[0], missing=lost, **facts)
    if not np.isfinite([low, high]).all():
        method = Method("none; the texts are too few")
        return Measure(name="quality_cost", value=value, method=method, missing=lost, **facts)
    return Measure(
        name="quality_cost", value=value, low=low, high=high, **CLUSTER_BOOTSTRAP.facts, **facts,
    ).lacking(lost)


def _difference(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return plain_nats / plain_scored - nats / scored for totals [..., 4]."""
    plain_nats, plain_scored, nats, scored = np.moveaxis(totals, -1, 0)
    return np.asarray(plain_nats / plain_scored - nats / scored)


def _not_tested(items: pd.DataFrame, level: float) -> Measure:
    """Return how many texts hold no pair of tokens, or are none."""
    count = float(items["value"].isna().sum())
    return Measure(
        name="not_tested", value=count, low=count, high=count, n={"items": len(items)}, unit="count",
        direction="lower is better", level=level, method=COUNT,
    )
