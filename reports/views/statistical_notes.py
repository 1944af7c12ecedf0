"""What stands behind the verdicts: how little a passed check would have seen, families, deviations, attempts.

    effect_text(finding)      one sentence of a passed finding; empty where nothing is known
    controls_text(finding)    whether controls held and which measures they cover; empty where there were none
    budget_text(record)       what the gating checks promise together, and which of them stand outside
    family_text(record)       one sentence where two checks or more are judged together
    attempts_text(record)     which checks are not the first attempt
    changes_of(record)        what is asked otherwise than registered, as it is printed
"""

from __future__ import annotations

import json
from typing import Any

from audit.record import DECIDED, Deviation, EarlierAttempt, Finding, Record
from detectors.immutable import immutable
from reports.text import Notation, one_line, told_in
from reports.views.verdict_text import units_text

__all__ = [
    "Change", "attempts_text", "budget_text", "changes_of", "controls_text", "deviates_text", "effect_text",
    "family_text",
]

MOST_CHANGES = 100
MOST_EARLIER = 5
DIGEST = 19
"""Characters of a digest that tell it from another."""


@immutable
class Change:
    """One deviation as it is printed."""

    check: str
    what: str
    before: str
    after: str

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """All four, in the order in which a table has them."""
        return self.check, self.what, self.before, self.after


def effect_text(finding: Finding, notation: Notation) -> str:
    """Return how far beyond the limit a true value would have been seen."""
    effect, headline, words = finding.smallest_effect, finding.headline, notation.words
    if effect is None or headline is None:
        return ""
    power, kind = notation.set_number(effect.power, "share"), "" if effect.exact else "_about"
    common = {"units": units_text(finding, effect.units, words), "power": power}
    told = []
    for side, value in (("below", effect.below), ("above", effect.above)):
        if value is not None:
            unit, times = told_in(finding.probe, headline, words)
            number = notation.with_unit(notation.number(times * value, unit), unit)
            told.append(words(f"effect.{side}{kind}", value=number, **common))
    return " ".join(told) or words("effect.none", **common)


def budget_text(record: Record, notation: Notation) -> str:
    """Return with what probability gating checks may err together, and for which this is not proved or not promised."""
    words, gating = notation.words, [finding for finding in record.findings if finding.gating]
    if not gating:
        return words("note.no_budget")
    key = "note.budget" if record.promise == "every_finding" else "note.budget_audit"
    told = [words(key, alpha=notation.set_number(1 - record.level, "share"), data=words(f"note.of_{record.target}"))]
    known = [(finding.check, finding.headline) for finding in gating if finding.limit and finding.headline]
    for key, named in (
        ("note.budget_measured", [check for check, one in known if one.decides and one.guarantee == "measured"]),
        ("note.budget_outside", [check for check, one in known if not one.decides]),
    ):
        if named:
            told.append(words(key, checks=words("format.list").join(one_line(check, words, 80) for check in named)))
    return " ".join(told)


def controls_text(finding: Finding, notation: Notation) -> str:
    """Return whether the controls of a finding held, what they cover, and whether that leaves its limit out."""
    words, controls = notation.words, finding.controls
    if controls is None:
        return ""
    for side in ("positive", "negative"):
        if not controls.get(side, True):
            return words(f"note.controls_{side}")

    def named(measures: list[str]) -> str:
        return words("format.list").join(one_line(words.term("measure", name), words, 60) for name in measures)

    covered, told = finding.controlled, [words("note.controls_ok")]
    told.append(words("note.controls_cover", measures=named(covered)) if covered else words("note.controls_judge"))
    if finding.limit is not None and covered and finding.limit.measure not in covered:
        told.append(words("note.controls_not", measure=named([finding.limit.measure])))
    return "; ".join(told)


def family_text(record: Record, notation: Notation) -> str:
    """Return how the exploratory checks were judged together; empty where there are fewer than two."""
    family, words = [finding for finding in record.findings if finding.family], notation.words
    levels = [finding.measures[0].level for finding in family if finding.measures]
    if len(family) < 2 or not levels:
        return ""
    alpha, decided = 1 - record.level, sum(one.verdict in DECIDED for one in family)
    return words(
        "note.family" if decided else "note.family_none",
        count=len(family), alpha=notation.set_number(alpha, "share"), level=notation.level(levels[0]),
    )  # fmt: skip


def deviates_text(record: Record, notation: Notation) -> str:
    """Return the sentence that says how many things are asked otherwise; empty where none is."""
    if not record.deviations:
        return ""
    registered = one_line(record.deviations[0].registered, notation.words, 80)
    told = [notation.words("note.deviates", count=len(record.deviations), registered=registered)]
    if more := max(0, len(record.deviations) - MOST_CHANGES):
        told.append(notation.words("note.changes_more", count=more))
    return " ".join(told)


def attempts_text(record: Record, notation: Notation) -> tuple[str, ...]:
    """Return a sentence for each check that is not the first attempt, with the earlier verdicts."""
    words = notation.words

    def earlier(one: EarlierAttempt) -> str:
        verdict = words("note.not_ended") if one.verdict is None else words.term("verdict", one.verdict)
        return words("format.colon", left=one_line(one.audit, words, 40), right=verdict)

    return tuple(
        words(
            "note.attempt" if record.data is None else "note.attempt_of_data",
            ordinal=one.ordinal, check=one_line(one.check, words, 80),
            earlier=words("format.list").join(map(earlier, one.earlier[-MOST_EARLIER:])),
        )
        for one in record.attempts
    )  # fmt: skip


def changes_of(record: Record, notation: Notation) -> tuple[Change, ...]:
    """Return the deviations of an audit as they are printed, `MOST_CHANGES` at most."""
    units = {one.check: one.headline.unit for one in record.findings if one.headline is not None}
    words = notation.words

    def printed(one: Deviation, value: Any) -> str:
        return _value(one.what, value, units.get(one.check or "", ""), notation)

    return tuple(
        Change(
            words("label.whole_plan") if one.check is None else one_line(one.check, words, 80),
            one_line(words.term("deviation", one.what), words, 80),
            printed(one, one.before),
            printed(one, one.after),
        )
        for one in record.deviations[:MOST_CHANGES]
    )


def _value(what: str, value: Any, unit: str, notation: Notation) -> str:
    """Return a value of a plan: numbers as they were set, digests cut, anything else as JSON."""
    words = notation.words
    if value is None:
        return words("format.none")
    if isinstance(value, bool):
        return words("format.yes" if value else "format.no")
    if isinstance(value, int | float):
        shown = {"level": "share", "limit.at_most": unit, "limit.at_least": unit}
        return notation.set_number(value, shown.get(what, ""))
    if isinstance(value, str) and value.startswith("sha256:"):
        value = f"{value[:DIGEST]}…"
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), words, 120)
