"""A measure and a limit in plain words, as the record tells them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from audit.record.schema import Limit
from detectors.result import Measure
from detectors.units import STEPS, short_unit

if TYPE_CHECKING:
    from detectors.result import Measure

__all__ = ["asked_of", "bounds", "in_full", "label", "number", "reach", "span"]

_BARE = ("", "auroc", "count", "p-value", "score")


def asked_of(measure: Measure) -> int:
    """Return how many items were asked; where a measure rests on further ones, such as labelled items, its n tells."""
    return measure.n.get("asked", measure.missing + measure.n.get("items", 0))


def number(value: float, unit: str) -> str:
    """Return a number with three significant digits in the unit that keeps it short; shares as per cent."""
    if unit not in STEPS:
        return in_full(value, unit)
    name, size = short_unit(value, STEPS[unit])
    whole = size == 1 and float(value).is_integer()
    return f"{f'{value:,.0f}' if whole else _three(value / size)} {name}".rstrip()


def in_full(value: float, unit: str) -> str:
    """Return a number in its own unit; records of earlier versions tell all numbers so."""
    if unit == "share":
        return f"{_three(100 * value)} %"
    if unit == "count" and float(value).is_integer():
        return f"{value:,.0f}"
    return _three(value) if unit in _BARE else f"{_three(value)} {unit}"


def _three(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def span(measure: Measure, told: Callable[[float, str], str] = number) -> str:
    """Return `61 % [57 %, 65 %] of 480 items in 24 units`, and how many further items gave no answer.

    told: a number and its unit -> how it is told.
    """
    assert measure.value is not None
    text = told(measure.value, measure.unit)
    holds = ""
    if measure.low is not None and measure.high is not None:
        text += f" {reach(measure, told)}"
        holds = ", and the interval holds whatever they would have been"
    items = measure.n.get("items", 0)
    text += f" of {items:,} items"
    if measure.n.get("units", items) < items:
        text += f" in {measure.n['units']:,} units"
    if measure.missing:
        text += f" ({measure.missing:,} of {asked_of(measure):,} gave no usable answer{holds})"
    return text


def reach(measure: Measure, told: Callable[[float, str], str] = number) -> str:
    """Return the interval of a measure that has one: `[57 %, 65 %]`."""
    low, high = ("" if end is None else told(end, measure.unit) for end in (measure.low, measure.high))
    return f"[{low}, {high}]"


def bounds(limit: Limit, unit: str, told: Callable[[float, str], str] = number) -> str:
    """Return `at most 55 %`; a limit is shown as it was set, without zeros behind it."""
    parts = [("at least", limit.at_least), ("at most", limit.at_most)]
    shown = [f"{word} {_bare(bound, unit, told)}" for word, bound in parts if bound is not None]
    return " and ".join(shown)


def _bare(bound: float, unit: str, told: Callable[[float, str], str]) -> str:
    return f"{100 * bound:g} %" if unit == "share" else told(bound, unit)


def label(name: str, group: str | None) -> str:
    """Return the name of a measure in words, `share of women` where it is that of a group."""
    words = name.replace("_", " ")
    return words if group is None else f"{words} of {group}"
