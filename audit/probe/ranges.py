"""What a measure can be: its unit, and the ends between which it must lie.

    range = unit, [low, high]        None = no end on that side

A limit or a margin that lies outside can only be a mistake, 60 for 0.6 most of all, and it would pass or fail for ever
without anything being said. So every probe tells the range of each measure that a limit may speak of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audit.errors import UsageError
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = [
    "AMOUNT", "AUROC", "BYTES", "COUNT", "JOULES", "NATS", "NATS_GAP", "P_VALUE", "SCORE", "SECONDS", "SHARE",
    "SHARE_GAP", "SIGNED", "Range", "beyond", "margin_beyond", "never_shown", "range_in", "range_of",
]


@immutable
class Range:
    """Unit and ends of a measure."""

    unit: str
    """As in `detectors.result.Measure.unit`."""
    low: float | None = None
    """Least value; None = there is none."""
    high: float | None = None
    """Greatest value; None = there is none."""
    instead: str | None = None
    """Of a measure that no data bound from above: another one of the probe, that can be shown to keep a limit."""

    def holds(self, value: float) -> bool:
        """Tell whether a measure can have this value."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """Return `a share, 0 to 1`; a count has no greatest value: `a count, 0 or more`."""
        unit = self.unit if self.unit in _PLURALS else f"a {self.unit}"
        if self.low is None:
            return unit
        return f"{unit}, {self.low:g} {'or more' if self.high is None else f'to {self.high:g}'}"


_PLURALS = ("nats", "nats per token", "bits per dimension", "seconds", "tokens", "words", "bytes", "joules")
SHARE, SHARE_GAP = Range("share", 0, 1), Range("share", -1, 1)
AUROC, SIGNED = Range("score", 0, 1), Range("score", -1, 1)
"""`SIGNED`: a difference of two AUROCs, a correlation, a kappa."""
AMOUNT, SCORE = Range("score", 0), Range("score")
COUNT, SECONDS, P_VALUE = Range("count", 0), Range("seconds", 0), Range("p-value", 0, 1)
BYTES, JOULES = Range("bytes", 0), Range("joules", 0)
NATS, NATS_GAP = Range("nats"), Range("nats", 0)


def range_in(probe: str, measure: str) -> Range | None:
    """Return the range of a measure of an installed probe; None where the probe is not there or does not tell it."""
    from audit import plugins

    try:
        return range_of(plugins.load("probes", probe).measures, measure)
    except UsageError:
        return None


def range_of(measures: Any, name: str) -> Range | None:
    """Return the range of a measure among those of a probe; one of somebody else may name them and tell no ranges."""
    return measures.get(name) if isinstance(measures, Mapping) else None


def beyond(
    of: Range | None, measure: str, bounds: Mapping[str, Any], keys: Sequence[str] = ("at_least", "at_most")
) -> Iterator[tuple[str, str]]:
    """Yield (key, sentence) for each number under `keys`, those of a limit, that its measure cannot have."""
    for key in keys:
        bound = bounds.get(key)
        if of is not None and isinstance(bound, int | float) and not of.holds(bound):
            yield key, f"{key}: got {bound:g}; {measure} is {of}{_meant(bound, of)}"


def never_shown(of: Range | None, measure: str, bounds: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each of a limit's bounds that no data can show to be kept, or to be broken."""
    shown = {"at_most": "can be broken and never be kept", "at_least": "can be kept and never be broken"}
    for key, what in shown.items():
        if of is not None and of.instead is not None and bounds.get(key) is not None:
            yield f"{key} {what}: nothing bounds {measure} from above; take {of.instead}"


def margin_beyond(margin: float, measure: str, of: Range | None) -> Phrase | None:
    """Return what is wrong with a margin that no difference of this measure could exceed; None where all is well."""
    if of is None or of.low is None or of.high is None or margin < (width := of.high - of.low):
        return None
    return Phrase(
        "margin {margin:g}: {measure} is {range}; allowed: below {width:g}{near}",
        margin=margin, measure=measure, range=str(of), width=width, near=_meant(margin, of),
    )


def _meant(value: float, of: Range) -> Phrase:
    """Return the guess that a share was given in per cent."""
    if of.high == 1 and abs(value) <= 100 and of.holds(value / 100):
        return Phrase(" (did you mean {near:g}?)", near=value / 100)
    return Phrase("")
