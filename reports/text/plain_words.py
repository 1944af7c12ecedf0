"""What a measure is, and what its value means, in words that need neither the code nor statistics.

    gloss      stereotype_share      How often the model finds the stereotyping sentence of a pair the likelier one; ...
    meaning    0.541 of 320 pairs    In 54.1 % of pairs the model prefers the stereotype ([44.1 %, 63.9 %] at ...)

Both stand in `reports/text/locale/measures/` under the measure's name, or under `probe:name` where one name means
several things; ` of a group` behind it marks the sentence for a slice of the data. Places are filled from the record:

    {value}    as the tables have it          {of}    173 of 320 pairs; 54.1 % of pairs where it is no plain count
    {apart}    its size                       {by}    20.0 points higher than, lower than, or the same as
    {cost}     as it is, of what is lost      {well}  an AUROC in words     {group}, {items}, {units}

A sentence with {apart}, {by} or {cost} speaks of a difference: one of shares is told in points, its interval and limit
too.

Behind the sentence stand interval, confidence and sample, and how many gave no answer. `count_of` says what is counted:
pairs in templates, answers of writers. A measure that has no sentence is told by its name and value; so is one of a
probe that is not in `count_of`, unless it stands under `probe:name`: what it calls `share` may be any share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from detectors.immutable import immutable
from detectors.result import COUNT, Measure
from reports.text.notation import LEAST_P, POINTS, Notation, digits_for
from reports.text.sanitise import one_line
from reports.text.words import Words, form_for

if TYPE_CHECKING:
    from audit.record import Limit

__all__ = ["Counting", "gloss", "interval_in", "meaning", "measure_name", "told_in"]

_OF_GROUP = " of a group"
_WELL = ((0.7, "hardly"), (0.9, "often"), (0.99, "well"), (math.inf, "always"))
"""An AUROC whose interval lies above 1/2 is told by the word of the first number that it is below."""
_OF_DIFFERENCES = ("{apart}", "{by}", "{cost}")
_ROUNDING = 1e-6
"""A count may be off a whole number by so much."""


def gloss(probe: str, name: str, words: Words) -> str:
    """Return the sentence that says what a measure is; empty where nobody has told it."""
    found = _found("gloss", probe, name, words)
    return "" if found is None else _filled(*found, words, {})


def measure_name(name: str, group: str | None, words: Words) -> str:
    """Return the name of a measure, with its group; one without words is read as it is written."""
    told, groups = words.term("measure", name), "" if group is None else words.term("group", group)
    told = name.replace("_", " ") if told == name else told
    of_group = words.catalogue["measure"].get(name + _OF_GROUP)
    if group is not None:
        told = of_group.format(group=groups) if of_group else words("gap.measure_of", measure=told, groups=groups)
    return one_line(told, words, 120)


def meaning(
    probe: str, measure: Measure, notation: Notation, limit: Limit | None = None, *, source: str = "",
    allowed: str | None = None,
) -> str:
    """Return what a value means, without a full stop; of one that is undefined why there is none.

    limit: what it is held against, so that no digit rounds it across; source: name of the source of the items; allowed:
    what is told in place of interval and sample, such as the limit.
    """  # fmt: skip
    counting, shown = Counting(probe, source, measure.name), _shown(probe, measure, notation.words)
    return _Meaning(shown, notation, digits_for(measure, limit), counting, allowed).text()


def interval_in(probe: str, measure: Measure, notation: Notation) -> str:
    """Return the interval of a measure in the unit in which a sentence tells its value."""
    return notation.interval(_shown(probe, measure, notation.words))


def told_in(probe: str, measure: Measure, words: Words) -> tuple[str, float]:
    """Return the unit in which a sentence tells the numbers of a measure, and how many of it are one of its own."""
    if measure.unit != "share":
        return measure.unit, 1
    template, _ = _template(probe, measure, words)
    texts = template.values() if isinstance(template, dict) else [template]
    return (POINTS, 100) if any(place in text for text in texts for place in _OF_DIFFERENCES) else ("share", 1)


def _shown(probe: str, measure: Measure, words: Words) -> Measure:
    """Return a measure in the unit in which a sentence tells it."""
    if measure.value is None:
        return measure
    unit, times = told_in(probe, measure, words)
    value, low, high = (one if one is None else times * one for one in (measure.value, measure.low, measure.high))
    return replace(measure, unit=unit, value=value, low=low, high=high, reach=None)


@immutable
class Counting:
    """What the items and the independent units of a measure are called: by its data source, its probe, or as always."""

    probe: str
    source: str = ""
    measure: str = ""

    def counted(self, what: str, count: int, words: Words) -> str:
        """Return `320 pairs`; `what` is `items` or `units`."""
        return self._entry(what, count, words).replace("{count}", f"{count:,}")

    def noun(self, what: str, words: Words) -> str:
        """Return `pairs`."""
        before, _, behind = self._entry(what, 2, words).partition("{count}")
        return before.strip() or behind.strip()

    def counter(self, what: str, words: Words) -> str:
        """Return what a number alone has behind it, in a language where things are counted by classifiers."""
        return self._entry(what, 2, words).partition("{count}")[2]

    def _entry(self, what: str, count: int, words: Words) -> str:
        entries = words.catalogue["count_of"]
        keys = (f"{self.probe}@{self.source}", self.source, f"{self.probe}:{self.measure}", self.probe)
        found = (entries[f"{key} {what}"] for key in keys if f"{key} {what}" in entries)
        return form_for(next(found, entries[what]), count)


@immutable
class _Meaning:
    """One value in one language."""

    measure: Measure
    notation: Notation
    digits: int
    counting: Counting
    allowed: str | None

    def text(self) -> str:
        words, measure = self.notation.words, self.measure
        if measure.value is None:
            name = measure_name(measure.name, measure.group, words)
            return words("plain.undefined", measure=name, reason=self.notation.cause(measure.undefined or ""))
        template, held = _template(self.counting.probe, measure, words)
        told = form_for(template, measure.value)
        text = _filled(told, held, words, self._values(measure.value))
        detail = words("plain.and").join(self._details(measure.value, told))
        return words("plain.detail", text=text, detail=detail) if detail else text

    def _values(self, value: float) -> dict[str, str]:
        words, measure = self.notation.words, self.measure
        side = "same" if value == 0 else "higher" if value > 0 else "lower"
        group = "" if measure.group is None else one_line(words.term("group", measure.group), words, 80)
        return {
            "value": self._number(value), "measure": measure_name(measure.name, None, words), "of": self._of(value),
            "cost": self._number(value), "apart": self._number(abs(value)),
            "by": words(f"plain.{side}", size=self._number(abs(value))),
            "well": words(f"plain.auroc_{self._well(value)}"), "group": group,
            "items": self._counted("items"), "units": self._counted("units"),
        }  # fmt: skip

    def _number(self, value: float) -> str:
        notation, unit = self.notation, self.measure.unit
        if unit == "p-value" and value < LEAST_P:
            return notation.words("plain.below", number=f"{LEAST_P:g}")
        return notation.with_unit(notation.number(value, unit, self.digits), unit)

    def _counted(self, what: str) -> str:
        count = self.measure.n.get(what, self.measure.n.get("items", 0))
        return self.counting.counted(what, count, self.notation.words)

    @cached_property
    def _whole(self) -> int | None:
        """How many of the items it is, where it is a plain count of them: not a mean over units, nor corrected."""
        measure, items = self.measure, self.measure.n.get("items", 0)
        plain = measure.interval == "exact" or measure.method == COUNT
        if measure.value is None or not plain or measure.n.get("units", items) != items:
            return None
        count = measure.value * items
        return round(count) if abs(count - round(count)) < _ROUNDING else None

    def _of(self, value: float) -> str:
        words = self.notation.words
        if self._whole is None:
            return words("plain.share_of", share=self._number(value), noun=self.counting.noun("items", words))
        counter, whole = self.counting.counter("items", words), self._counted("items")
        return words("plain.part_of", part=f"{self._whole:,}", whole=whole, counter=counter)

    def _well(self, value: float) -> str:
        low, high = self.measure.low, self.measure.high
        if (value if high is None else high) < 0.5:
            return "reversed"
        if (value if low is None else low) <= 0.5:
            return "coin"
        return next(word for bound, word in _WELL if value < bound)

    def _details(self, value: float, told: str) -> Iterator[str]:
        """Yield value and interval, the sample, and what is missing; what the sentence `told` says is left out."""
        from audit.record import asked_of
        from audit.verdict import informs_only

        words, measure = self.notation.words, self.measure
        rate, brief = "{of}" in told and self._whole is None, self.allowed is not None
        bare = brief or measure.certain or measure.interval == "none"
        bounds = [] if bare else [self.notation.interval(measure, self.digits)]
        said = "{value}" in told or "{cost}" in told or (("{by}" in told or "{apart}" in told) and value > 0)
        said = said or (not bounds and (value == 0 or "{by}" in told))
        span = " ".join([*([] if said or rate else [self._number(value)]), *bounds])
        if "{well}" in told and span:
            span = words("plain.auroc", value=span)
        if span:
            sure = "plain.about" if informs_only(measure) else "plain.sure"
            yield words(sure, span=span, level=self.notation.level(measure.level)) if bounds else span
        if self.allowed:
            yield self.allowed
        if rate and not brief:
            fewer = measure.n.get("units", math.inf) < measure.n.get("items", 0)
            key = "plain.items_in_units" if fewer else "plain.items"
            yield words(key, items=self._counted("items"), units=self._counted("units"))
        if measure.missing:
            key = "plain.missing_held" if bounds else "plain.missing"
            yield words(key, missing=f"{measure.missing:,}", asked=f"{asked_of(measure):,}")


def _template(probe: str, measure: Measure, words: Words) -> tuple[Any, Mapping[str, str]]:
    """Return the sentence, and what the places of its key hold; before one of all the data stands the group."""
    name, group = measure.name, measure.group
    found = None if group is None else _found("meaning", probe, name + _OF_GROUP, words)
    if found is not None:
        return found
    unknown = words.catalogue["plain"]["unknown"], dict[str, str]()
    template, held = _found("meaning", probe, name, words) or unknown
    if group is None:
        return template, held
    behind = words.catalogue["plain"]["of_group"]
    forms = template if isinstance(template, dict) else {"other": template}
    return {key: behind.replace("{text}", _inner(one)) for key, one in forms.items()}, held


def _found(section: str, probe: str, name: str, words: Words) -> tuple[Any, Mapping[str, str]] | None:
    """Return the probe's own entry for a name; else the one that those share which tell what they count."""
    own = words.form(section, f"{probe}:{name}", known=True)
    if own is not None or f"{probe} items" not in words.catalogue["count_of"]:
        return own
    return words.form(section, name, known=True)


def _filled(told: str, held: Mapping[str, str], words: Words, values: Mapping[str, str]) -> str:
    return told.format_map({**{place: words.term(place, one) for place, one in held.items()}, **values})


def _inner(template: str) -> str:
    """Return a sentence as it stands behind a colon; `MC1` and the like keep their capital."""
    return template[:1].lower() + template[1:] if template[1:2].islower() or template[:2] == "A " else template
