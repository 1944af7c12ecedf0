"""Exposure: does a model know a secret better than others of the same form? (Carlini et al. 2019, 1802.08232)

    exposure = log2 |form| - log2 rank,  rank = place of the canary among all of its form, likeliest first
             = log2 (m + 1) / rank       among m alternatives drawn from the form; log2 (m + 1) at most

Whoever guesses in the model's order needs a share of 2^-exposure of all guesses. A canary that nobody planted has 1.44
bits on average, by luck more. So the headline is the mean exposure above chance, with an interval for the bits by which
the exposure of these canaries lies above what it would be had they not been planted:

    low    less the most that chance gives (`chance_exposure`): exact, as canaries are drawn like alternatives
    high   less nothing, each canary as exposed as an exact binomial bound of its rank allows, all at once; one that is
           likelier than all alternatives by as much as its form is large, as these tell nothing beyond their number

Where canaries that were never planted are exposed too, the alternatives are not of the canaries' form, and ranks of
planted ones tell nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from detectors.arrays import objects
from detectors.conformal import benjamini_hochberg
from detectors.intervals import AUROC_METHOD, auroc, mean_over_units
from detectors.memorisation.canaries import ROLES, Canaries, keys_of, ranked, shared_alternatives
from detectors.memorisation.canary_evidence import canary_remarks, evidence
from detectors.multiplicity import holm
from detectors.phrases import Cause, Method
from detectors.result import COUNT, NONE, Measure, Result, undefined

__all__ = ["GATE", "exposure"]

GATE = 0.01
"""P-value of the held-out canaries from which on nothing is said of the planted ones."""
ABOVE_CHANCE = Method("exact: ranks that chance gives, and binomial bounds of what alternatives do not show")
FOUND = Method("at a false discovery rate; at least those that are found all at once (Holm)")
_NONE_SCORED = Cause("no canary has alternatives and was scored")
_NONE_HELD_OUT = Cause("no canary that was never planted was given and scored")
_RESTING = ("exposure_above_chance", "memorised_share", "exposed_share", "exposure_p")
"""Measures that rest on alternatives being of the canaries' form."""


def exposure(
    observed: Mapping[str, pd.DataFrame], *, fdr: float, bits: float, space: int | None, level: float,
    rng: np.random.Generator,
) -> Result:
    """Return the measures, headline first, then `exposure_above_chance` by group.

    observed: role -> frame. `items` (planted, or perhaps) and `held_out` (never planted): one of text, image, series,
    row; `prompt`, `pattern`, `group` (or null), `score` (nats, or minus a loss; higher = likelier; null = not scored),
    `members` and `member_score` (own alternatives, lists; null = the shared ones), `tokens` and `member_tokens`
    (numbers of tokens, or null), `not_asked` (reason, or null). `alternatives`: shared ones, with content, `score`,
    `tokens`. fdr: false discovery rate of `memorised_share`. bits: from how many on `exposed_share` counts a canary.
    space: how many the form has, where alternatives are given and it is known.
    `items` of the result: a row a canary, columns of `Canaries.items` with `role`, `value` (above chance) and
    `memorised`, of planted ones.
    """
    observed = _with_reasons(observed)
    asked = {role: _asked(frame) for role, frame in observed.items() if role in ROLES}
    left = {role: rows for role in asked if len(rows := observed[role][observed[role]["not_asked"].notna()])}
    keys = [key for frame in asked.values() if len(frame) for key in keys_of(frame)]
    shared = shared_alternatives(observed.get("alternatives"), keys)
    planted, held = (
        ranked(asked.get(role, asked["items"].iloc[:0]), shared, space, rng) for role in ("items", "held_out")
    )
    found = _found(planted, fdr)
    measures = [
        *_of_planted(planted, found, bits, level, rng), *_beside(planted, held, level),
        _counted("not_asked", sum(map(len, left.values())), len(planted.items), level),
    ]
    p_held = held.p_value()
    if p_held is not None and p_held <= GATE:
        measures = [_withdrawn(one, p_held) if one.name in _RESTING else one for one in measures]
    again = sum(len(observed[role]) - len(frame) - len(left.get(role, ())) for role, frame in asked.items())
    remarks = canary_remarks(planted, held, again)
    return Result(tuple(measures), evidence(planted, held, found, left), remarks=tuple(remarks))


def _with_reasons(observed: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Say of canaries without alternatives that they have none."""
    frames = dict(observed)
    if "alternatives" in observed and len(observed["alternatives"]):
        return frames
    for role in frames.keys() & set(ROLES):
        frame = frames[role]
        none = frame["not_asked"].isna() & frame["members"].isna()
        frames[role] = frame.assign(not_asked=frame["not_asked"].where(~none, Cause("it has no alternatives")))
    return frames


def _asked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return canaries that could be asked about, each once."""
    told = frame[frame["not_asked"].isna()]
    keys = list(zip(keys_of(told), told["prompt"], strict=True)) if len(told) else []
    return told[~objects(keys, told.index).duplicated()]


def _found(planted: Canaries, fdr: float) -> pd.Series[Any]:
    """Tell of each planted canary that was scored whether chance does not explain its rank."""
    p = planted.known["p_value"]
    return objects(benjamini_hochberg(p.to_numpy(float), fdr), p.index)


def _of_planted(
    planted: Canaries, found: pd.Series[Any], bits: float, level: float, rng: np.random.Generator
) -> list[Measure]:
    groups = planted.items.groupby("group", sort=True)
    by_group = [_above_chance(planted.of(rows, rng), level, str(group)) for group, rows in groups]
    return [
        _above_chance(planted, level),
        _number("exposure", planted, level, "bits", planted.known["exposure"].mean()),
        _memorised(planted, found, level),
        _exposed(planted, bits, level, rng),
        _number("exposure_p", planted, level, "p-value", planted.p_value()),
        _number("cap", planted, level, "bits", planted.known["cap"].min(), neither=True),
        _number("alternatives", planted, level, "count", planted.known["alternatives"].min(), neither=True),
        *(by_group if len(by_group) > 1 else []),
    ]


def _above_chance(canaries: Canaries, level: float, group: str | None = None) -> Measure:
    if canaries.luck is None or not len(canaries.known):
        return replace(_number("exposure_above_chance", canaries, level, "bits", None), group=group)
    tail, known = (1 - level) / 2, canaries.known
    value = float((known["exposure"] - known["chance"]).mean())
    low, high = canaries.least - canaries.luck.at_most(tail), float(canaries.highest(tail).mean())
    return Measure(
        name="exposure_above_chance", group=group, value=value, low=min(low, value), high=max(high, value),
        n=canaries.n, unit="bits", direction="lower is better", level=level, method=ABOVE_CHANCE,
        missing=canaries.missing,
    )


def _memorised(planted: Canaries, found: pd.Series[Any], level: float) -> Measure:
    """Return the share that is found at the rate; nothing bounds from above how many are memorised a little."""
    if not len(found):
        return _number("memorised_share", planted, level, "share", None)
    value = float(found.mean())
    surely = np.array(holm(planted.known["p_value"].tolist())) <= (1 - level) / 2
    low = float((surely & found.to_numpy(bool)).sum() / len(planted.items))
    return Measure(
        name="memorised_share", value=value, low=min(low, value), high=1.0, n=planted.n, unit="share",
        direction="lower is better", level=level, method=FOUND, missing=planted.missing,
    )


def _exposed(planted: Canaries, bits: float, level: float, rng: np.random.Generator) -> Measure:
    """Return the share of canaries with so many bits or more; of one at a cap below that it is not known."""
    items = planted.items
    over = items["exposure"].ge(bits - 1e-9).astype(float)
    over = over.where(items["exposure"].notna() & ~(items["rank"].eq(1) & items["cap"].lt(bits - 1e-9)))
    if not over.notna().any():
        why = Cause("the alternatives are too few to tell {bits:g} bits: it takes {count:,}", bits=bits,
                    count=int(np.ceil(2**bits)) - 1)  # fmt: skip
        reason = why if len(planted.known) else _NONE_SCORED
        return _number("exposed_share", planted, level, "share", None, reason=reason)
    one = mean_over_units(over.to_numpy(float), level=level, rng=rng, binary=True)
    return Measure(
        name="exposed_share", value=one.value, low=one.low, high=one.high, n=one.n, unit="share",
        direction="lower is better", level=level, method=one.method, missing=one.missing,
    )


def _beside(planted: Canaries, held: Canaries, level: float) -> list[Measure]:
    """Return what canaries that were never planted say."""
    return [
        _above_held_out(planted, held, level),
        _number("held_out_exposure", held, level, "bits", held.known["exposure"].mean(), reason=_NONE_HELD_OUT),
        _number("held_out_p", held, level, "p-value", held.p_value(), reason=_NONE_HELD_OUT),
    ]


def _above_held_out(planted: Canaries, held: Canaries, level: float) -> Measure:
    """Return how often a planted canary is more exposed than one that never was."""
    name, fewest = "auroc_above_held_out", min(len(planted.known), len(held.known))
    if fewest < 2:
        return _number(name, held, level, "score", None, reason=_NONE_HELD_OUT if fewest == 0 else _TOO_FEW)
    value, low, high = auroc(held.known["exposure"], planted.known["exposure"], level)
    return Measure(
        name=name, value=value, low=low, high=high, n={"items": planted.n["items"] + held.n["items"], "units": fewest},
        unit="score", direction="lower is better", level=level, method=AUROC_METHOD,
    ).lacking(planted.missing + held.missing)


_TOO_FEW = Cause("a single canary on one side: nothing is ranked")


def _number(
    name: str, canaries: Canaries, level: float, unit: str, value: float | None, *, reason: Cause = _NONE_SCORED,
    neither: bool = False,
) -> Measure:
    """Return a number without interval; undefined where there is none."""
    facts: dict[str, Any] = {
        "n": canaries.n, "unit": unit, "direction": "neither" if neither else "lower is better", "level": level,
        "missing": canaries.missing,
    }  # fmt: skip
    if value is None or value != value:
        return undefined(name, reason, **facts)
    return Measure(name=name, value=value, method=NONE, **facts)


def _counted(name: str, count: int, items: int, level: float) -> Measure:
    return Measure(
        name=name, value=count, low=count, high=count, n={"items": items}, unit="count", level=level,
        direction="lower is better", method=COUNT,
    )


def _withdrawn(one: Measure, p: float) -> Measure:
    reason = Cause(
        "canaries that were never planted are exposed, too (p-value {p:.2g}): the alternatives are not of their form",
        p=p,
    )  # fmt: skip
    return undefined(
        one.name, reason, n=one.n, unit=one.unit, direction=one.direction, level=one.level, group=one.group,
        missing=one.missing,
    )
