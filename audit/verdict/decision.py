"""Verdicts: one meaning everywhere.

    passed, failed    the whole interval lies on one side of the limit; for `promise: audit` a pass goes by one-sided
                      bounds (`audit.record.promises`)
    inconclusive      it does not, or is only approximate, or a control failed, or the model changed
    measured          there is no limit
    skipped           an ability or data are missing
    crashed           an exception, kept with its message

A verdict comes with one sentence that holds the numbers, and the same as `reason` (a key and values) for translation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audit.record import (
    WORST_FIRST,
    Finding,
    Limit,
    OneSided,
    SmallestEffect,
    Verdict,
    asked_of,
    bounds,
    label,
    number,
    one_sided,
    reach,
    span,
)
from audit.verdict.missing import too_much_missing
from audit.verdict.sample_size import fresh_units, more_units, smallest_effect, unit_count
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.result import Measure, measure_of

__all__ = [
    "Decision", "audit_verdict", "capitalised", "decide", "facts_of", "informs_only", "invalidate", "sentence",
]

_MOST = 12
"""Groups that a sentence lists."""
_CROSSES = ("inconclusive", "inconclusive_more", "inconclusive_fresh")
"""Reasons of an interval that lies on both sides of its limit."""


_SENTENCES = {
    "passed": "{measure} is {value}; the whole interval keeps the limit {limit}.",
    "passed_one_sided": "{measure} is {value}; the bound that holds alone at {sure} keeps the limit {limit}.",
    "failed": "{measure} is {value}; the whole interval breaks the limit {limit}.",
    "inconclusive": "{measure} is {value}; the interval crosses the limit {limit}.",
    "inconclusive_more": "{measure} is {value}; the interval crosses the limit {limit}; "
    "about {more} more {unit} would decide.",
    "inconclusive_fresh": "{measure} is {value}; the interval crosses the limit {limit}; "
    "a fresh sample of about {fresh} {unit} would decide.",
    "inconclusive_others": "{measure} is {value}; the limit {limit} is kept there, but {others} may lie in {reach}: "
    "too few {unit} to tell.",
    "too_few": "{measure} is {value}; its interval decides a limit only from {min_units} {unit} on, here are {units}.",
    "missing": "{measure} is {value}; with more than a third of the answers missing, the limit {limit} is not decided.",
    "no_answers": "{measure} has no value: none of the {asked} items asked gave a usable answer.",
    "approximate": "{measure} is {value}; this interval is approximate: it informs and does not decide the limit "
    "{limit}.",
    "measured_less": "{measure} is {value}; this interval was tried at levels up to {measured} only and is needed at "
    "{level}: it informs and does not decide the limit {limit}.",
    "no_interval": "{measure} is {value} and has no interval; the limit {limit} is not decided.",
    "undefined": "{measure} has no value: {undefined}.",
    "no_measure": "The check gave no measure {measure}; the limit is not decided.",
    "no_group": "The check gave no measure {measure}; its groups are {groups}; the limit is not decided.",
    "measured": "{measure} is {value}; no limit was set.",
    "control_positive": "The planted fault was not found by this check's own control, or not at its size; its number "
    "is not trusted.",
    "control_negative": "The clean control was accused or measured wrongly by this check; its number is not trusted.",
    "changed": "The model changed during the audit; what it answered does not belong to one model.",
    "ability": "{model} cannot answer {ability!r}: {why}.",
    "library": "{library} is not installed; the extra {extra} brings it.",
    "data": "The plan gives no data for {role}.",
    "no_items": "The data of {role} hold no items.",
    "crashed": "{error}",
}


@immutable
class Decision:
    """A verdict with its reason."""

    verdict: Verdict
    reason: dict[str, Any]
    more_units: int | None = None
    fresh_units: int | None = None
    smallest_effect: SmallestEffect | None = None
    one_sided: OneSided | None = None
    """The bounds by which it passes, where those are not the interval of the measure."""


def sentence(reason: Mapping[str, Any]) -> str:
    """Return the English sentence of a reason."""
    return _SENTENCES[reason["key"]].format(**{key: value for key, value in reason.items() if key != "key"})


def capitalised(text: str) -> str:
    """Return a sentence with a capital, unless it begins with a name: a model's, a file's, an address."""
    word = text.partition(" ")[0]
    named = not word.isalpha() or (" cannot answer '" in text and not text.startswith("the plan "))
    return text if named else text[:1].upper() + text[1:]


def decide(
    measures: Sequence[Measure],
    limit: Limit | None,
    controls: Mapping[str, bool],
    budget: int | None = None,
    *,
    kept: Measure | None = None,
    power: bool = True,
    sizes: bool = True,
) -> Decision:
    """Return the verdict on a check's measures; `budget`: the units that a check which stops early might have asked.

    kept: the limit's measure with the interval by which it passes, where that is another one. Without `power` a passed
    check does not say which effect it would have seen, without `sizes` an undecided one not how many units would
    decide; SciPy is not loaded for them.
    """
    for side in ("positive", "negative"):
        if not controls.get(side, True):
            return Decision("inconclusive", {"key": f"control_{side}"})
    wanted = None if limit is None else measure_of(measures, limit.measure, limit.group)
    if limit is not None and wanted is None:
        return Decision("inconclusive", _absent(measures, limit))
    measure = wanted or (measures[0] if measures else None)
    if measure is None:
        return Decision("measured", {"key": "no_measure", "measure": Cause("of any kind")})
    if measure.value is None:
        name = {"measure": label(measure.name, measure.group)}
        return Decision("measured" if limit is None else "inconclusive", _no_value(measure, name))
    facts = facts_of(measure, limit)
    if limit is None:
        return Decision("measured", {"key": "measured", **facts})
    own_bounds = None if kept is None or kept.low is None or kept.high is None else kept.whole
    decision = _against(measure, own_bounds or measure.whole, limit, facts, budget, power=power, sizes=sizes)
    if decision.reason["key"] in _CROSSES and _keeps(measure, limit):
        told = {"key": "inconclusive_others", **facts, **_others(measures, measure, limit)}
        decision = Decision("inconclusive", told)
    return replace(decision, one_sided=_one_sided(own_bounds))


def facts_of(
    measure: Measure, limit: Limit | None, told: Callable[[float, str], str] = number
) -> dict[str, Any]:
    """Return what the sentence on a measure with a value says of it: its name, its value, its limit.

    told: a number and its unit -> how it is told.
    """
    facts = {"measure": label(measure.name, measure.group), "value": span(measure, told)}
    return facts if limit is None else {**facts, "limit": bounds(limit, measure.unit, told)}


def _no_value(measure: Measure, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the reason of a measure without a value."""
    if measure.missing and measure.missing == asked_of(measure):
        return {"key": "no_answers", **facts, "asked": measure.missing}
    return {"key": "undefined", **facts, "undefined": measure.undefined}


def _one_sided(kept: Measure | None) -> OneSided | None:
    """Return the bounds by which a check passes; None where those are the interval of its measure."""
    if kept is None or kept.low is None or kept.high is None:
        return None
    return OneSided(level=one_sided(kept.level), low=kept.low, high=kept.high)


def _others(measures: Sequence[Measure], farthest: Measure, limit: Limit) -> dict[str, Any]:
    """Return which group may lie farthest beyond a limit that the one that surely lies farthest keeps, and where."""
    lower, upper = _ends(limit)
    name, found = farthest.name, dict[str, tuple[float, Measure]]()
    for one in measures:
        if one.name == name and one.group is not None and one.low is not None and one.high is not None:
            found[one.group] = max(lower - one.low, one.high - upper), one
    # a group and the column that it is the farthest of say the same: the group has the longer name
    group = max(found, key=lambda one: (found[one][0], len(one)), default=None)
    if group is None or found[group][0] <= 0:  # too many groups for each to have measures of its own
        return {"others": Cause("other groups"), "reach": reach(farthest.whole), "unit": _unit_word(farthest)}
    return {"others": group, "reach": reach(found[group][1]), "unit": _unit_word(farthest)}


def _absent(measures: Sequence[Measure], limit: Limit) -> dict[str, Any]:
    """Return why nothing can be held against a limit; the groups that there are, where it names another."""
    groups = [str(one.group) for one in measures if one.name == limit.measure and one.group is not None]
    if limit.group is None or not groups:
        return {"key": "no_measure", "measure": label(limit.measure, limit.group)}
    shown = ", ".join(groups[:_MOST]) + (f", {len(groups) - _MOST} more" if len(groups) > _MOST else "")
    return {"key": "no_group", "measure": label(limit.measure, limit.group), "groups": shown}


def _against(
    measure: Measure, kept: Measure, limit: Limit, facts: dict[str, Any], budget: int | None,
    *, power: bool, sizes: bool,
) -> Decision:
    """Return the verdict of a measure that passes by the interval of `kept` and fails by its own."""
    if too_much_missing(measure):
        return Decision("inconclusive", {"key": "missing", **facts})
    if measure.low is None or measure.high is None:
        return Decision("inconclusive", {"key": "no_interval", **facts})
    own = measure.whole
    by = next((one for one in (own, kept) if _keeps(one, limit)), None)
    if by is not None:
        told = {"key": "passed"} if by is own else {"key": "passed_one_sided", "sure": _level(one_sided(by.level))}
        seen = smallest_effect(measure, limit, budget, kept.level) if power else None
        return Decision("passed", {**told, **facts}, smallest_effect=seen)
    if only := informs_only(measure):
        more = measure.min_units - unit_count(measure) if only["key"] == "too_few" else None
        return Decision("inconclusive", {"key": only["key"], **facts, **only}, more_units=more)
    lower, upper = _ends(limit)
    if measure.high < lower or measure.low > upper:
        return Decision("failed", {"key": "failed", **facts})
    if not sizes:
        return Decision("inconclusive", {"key": "inconclusive", **facts})
    assert measure.value is not None
    nearer = kept if lower <= measure.value <= upper else measure
    return _undecided(nearer, limit, {**facts, "unit": _unit_word(measure)})


def informs_only(measure: Measure) -> dict[str, Any] | None:
    """Return why an interval decides nothing, as a reason without what it is about; None where it may decide."""
    if measure.guarantee == "approximate":
        return {"key": "approximate"}
    if not measure.decides:
        told = {"measured": _level(measure.measured_to or 0.0), "level": _level(measure.level)}
        return {"key": "measured_less", **told}
    if (units := unit_count(measure)) < measure.min_units:
        return {"key": "too_few", "min_units": measure.min_units, "unit": _unit_word(measure), "units": units}
    return None


def _unit_word(measure: Measure) -> str:
    return "units" if "units" in measure.n else "items"


def _ends(limit: Limit) -> tuple[float, float]:
    """Return the least and the most that a limit allows."""
    return -math.inf if limit.at_least is None else limit.at_least, math.inf if limit.at_most is None else limit.at_most


def _keeps(measure: Measure, limit: Limit) -> bool:
    """Tell whether the whole interval keeps the limit, and may decide."""
    if measure.low is None or measure.high is None or informs_only(measure):
        return False
    lower, upper = _ends(limit)
    return lower <= measure.low and measure.high <= upper


def _undecided(measure: Measure, limit: Limit, facts: dict[str, Any]) -> Decision:
    """Return the decision on an interval that crosses the limit: how many more units, or fresh ones, would decide."""
    more, fresh = more_units(measure), fresh_units(measure, limit)
    if more is not None:
        return Decision("inconclusive", {"key": "inconclusive_more", **facts, "more": f"{more:,}"}, more)
    if fresh is not None:
        reason = {"key": "inconclusive_fresh", **facts, "fresh": f"{fresh:,}"}
        return Decision("inconclusive", reason, fresh_units=fresh)
    return Decision("inconclusive", {"key": "inconclusive", **{key: facts[key] for key in facts if key != "unit"}})


def _level(level: float) -> str:
    return f"{100 * level:.6g} %"


def invalidate(finding: Finding) -> Finding:
    """Return the finding of a model that changed during the audit."""
    if finding.verdict in ("skipped", "crashed"):
        return finding
    reason = {"key": "changed"}
    told = {"verdict": "inconclusive", "reason": reason, "why": sentence(reason)}
    return finding.model_copy(update={**told, "more_units": None, "fresh_units": None, "smallest_effect": None})


def audit_verdict(findings: Iterable[Finding]) -> Verdict:
    """Return what holds first of gating checks: failed, crashed, inconclusive (or skipped), passed; else measured."""
    gating = {finding.verdict for finding in findings if finding.gating}
    worst: Verdict = next((verdict for verdict in WORST_FIRST if verdict in gating), "measured")
    return "inconclusive" if worst == "skipped" else worst
