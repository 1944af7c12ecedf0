"""Measures that no limit judges and that lie far from where they should: they decide nothing, and are never silent.

A measure should lie at its `ideal`, or where its baseline lies: another measure that tells what one would get of data
that nothing is wrong with. It is far off where its whole interval lies on the bad side of that, and even the nearer end

    of a share    is 10 points or more away
    of a count    is 1 or more away
    of any other  is more than twice, or less than half, a reference above 0

What has no interval, no direction, no ideal and no baseline, or an ideal of 0 in a unit in which nothing says what is
much, is not told. Of a baseline that end counts which is nearer to the measure. All is read from a record, so that it
holds for audits that were stored before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audit.record import Finding
from detectors.immutable import immutable
from detectors.result import Measure

__all__ = ["BASELINES", "FAR_TOLD", "FarOff", "far_off"]

FAR_TOLD = 4
"""So many are told in a sentence, those of all the data first; the others are counted."""
BASELINES = {"kid": "kid_training"}
"""Measure -> the one of the same check that says what it would be of real data."""
_POINTS, _COUNT, _FACTOR = 0.1, 1.0, 2.0
_Stored = Mapping[str, Any]


@immutable
class FarOff:
    """A measure that is far off, and from what."""

    measure: Measure
    reference: float
    """Its ideal, or the value of its baseline."""
    baseline: Measure | None = None


def far_off(finding: Finding) -> tuple[FarOff, ...]:
    """Return the measures that are far off, those of all the data first; that of the limit is none of them."""
    limit = None if finding.limit is None else vars(finding.limit)
    found = _found([vars(measure) for measure in finding.measures], limit)
    far = (
        FarOff(finding.measures[at], reference, None if base is None else finding.measures[base])
        for at, reference, base in found
    )
    return tuple(sorted(far, key=lambda one: one.measure.group is not None))


def _found(measures: Sequence[_Stored], limit: _Stored | None) -> Iterator[tuple[int, float, int | None]]:
    """Yield (position, reference, position of the baseline) of what is far off."""
    judged = None if limit is None else (limit["measure"], limit.get("group"))
    places = {(one["name"], one.get("group")): at for at, one in enumerate(measures)}
    for at, one in enumerate(measures):
        base = places.get((BASELINES.get(one["name"], ""), one.get("group")))
        ends = _ends(one if base is None else measures[base], of_baseline=base is not None)
        if (one["name"], one.get("group")) != judged and ends is not None and _is_far(one, ends):
            yield at, ends[1], base


def _ends(one: _Stored, *, of_baseline: bool) -> tuple[float, float, float] | None:
    """Return (low, value, high) of what a measure is read by; None where there is no such number."""
    if not of_baseline:
        ideal = one.get("ideal")
        return None if ideal is None else (ideal, ideal, ideal)
    low, value, high = one.get("low"), one.get("value"), one.get("high")
    return None if value is None or low is None or high is None else (low, value, high)


def _is_far(one: _Stored, reference: tuple[float, float, float]) -> bool:
    low, high, direction = one.get("low"), one.get("high"), one["direction"]
    if low is None or high is None or one.get("value") is None or direction == "neither":
        return False
    above = direction != "higher is better" and _is_beyond(reference[2], low, one["unit"])
    return above or (direction != "lower is better" and _is_beyond(high, reference[0], one["unit"]))


def _is_beyond(lower: float, upper: float, unit: str) -> bool:
    """Tell whether `upper` is far above `lower`."""
    if unit in ("share", "count"):
        return upper - lower >= (_POINTS if unit == "share" else _COUNT)
    return lower > 0 and upper > _FACTOR * lower
