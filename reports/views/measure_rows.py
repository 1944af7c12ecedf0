"""A measure as every document and screen prints it, and the methods that its interval was made by.

    printed(measure, limit, notation, probe) -> MeasureRow   method_rows((method, user, measure), ...) -> MethodRow, ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from audit.record import Limit
from detectors.immutable import immutable
from detectors.result import Measure
from reports.figures import scale_of
from reports.text import Notation, digits_for, gloss, measure_name, one_line

__all__ = ["MeasureRow", "MethodRow", "method_rows", "printed"]

U = TypeVar("U")


@immutable
class MeasureRow:
    """One measure as it is printed."""

    measure: Measure
    limit: Limit | None
    """The limit, only where it speaks of this measure."""
    name: str
    group: str | None
    value: str
    full: str
    """The value with its unit."""
    interval: str
    n: str
    level: str
    better: str
    unit: str
    scale: str
    """Measures of one scale share an axis, see `reports.figures.axes.scale_of`."""
    limit_text: str
    undefined: str | None
    method: str
    line: str
    """Value, interval, n and limit on one line."""
    gloss: str = ""
    """One sentence that says what the measure is; empty where nobody has told it."""
    mark: str = ""
    """The letter under which a finding explains the method."""

    @property
    def label(self) -> str:
        """The measure's name, with its group."""
        return self.name if self.group is None else f"{self.name} · {self.group}"


@immutable
class MethodRow(Generic[U]):
    """A method of making intervals, and where it was used."""

    method: str
    users: tuple[U, ...]
    """What uses it, each once."""
    min_units: int
    """It decides a limit only from this many independent units on; 0 for exact methods."""
    worst_coverage: float | None
    """Lowest coverage measured at or above `min_units`; None for exact methods."""


def printed(measure: Measure, limit: Limit | None, notation: Notation, probe: str = "") -> MeasureRow:
    """Return the measure in print, of the probe where that is told; a limit on another measure is none."""
    words = notation.words
    if limit is not None and not limit.speaks_of(measure):
        limit = None
    digits, unit = digits_for(measure, limit), measure.unit
    value = words("format.undefined") if measure.value is None else notation.number(measure.value, unit, digits)
    return MeasureRow(
        measure=measure,
        limit=limit,
        name=measure_name(measure.name, None, words),
        group=None if measure.group is None else one_line(words.term("group", measure.group), words, 80),
        value=value,
        full=value if measure.value is None else notation.with_unit(value, unit),
        interval=notation.interval(measure, digits),
        n=notation.sample(measure.n),
        level="" if unit == "p-value" else notation.level(measure.level),
        better=notation.better(measure),
        unit=notation.unit(unit),
        scale=scale_of(measure),
        limit_text=notation.limit(limit, unit),
        undefined=None if measure.undefined is None else notation.cause(measure.undefined),
        method=one_line(words.term("method", measure.method), words, 160),
        line=notation.sentence(measure, limit),
        gloss=gloss(probe, measure.name, words),
    )


def method_rows(uses: Iterable[tuple[str, U, Measure]], key: Callable[[U], str]) -> tuple[MethodRow[U], ...]:
    """Return a row for each method, by name, of (method, what uses it, the measure); key: which users are one."""
    found: dict[str, list[tuple[U, Measure]]] = {}
    for method, user, measure in uses:
        found.setdefault(method, []).append((user, measure))
    return tuple(_method_row(method, found[method], key) for method in sorted(found))


def _method_row(method: str, uses: list[tuple[U, Measure]], key: Callable[[U], str]) -> MethodRow[U]:
    coverages = [measure.worst_coverage for _, measure in uses if measure.worst_coverage is not None]
    return MethodRow(
        method,
        users=tuple({key(user): user for user, _ in uses}.values()),
        min_units=max(measure.min_units for _, measure in uses),
        worst_coverage=min(coverages, default=None),
    )
