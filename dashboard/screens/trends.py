"""Trends: one measure over all audits of the same model, the oldest first, with the limit that it was held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st

from audit.record import WORST_FIRST, Audit, Finding
from dashboard.address import Address
from dashboard.loading import AuditEntry, entries, readable
from dashboard.page_frame import choose, crumbs
from dashboard.rendering import draw, picture
from detectors.result import Measure
from reports.figures import Point, trend
from reports.text import Notation, Words, one_line
from reports.views import printed

__all__ = ["show"]

_DOT = " · "
MOST = 60
"""Audits that are drawn, the newest."""


@dataclass(frozen=True)
class _Audited:
    """One audit of the model, with the measure that is followed."""

    entry: AuditEntry
    finding: Finding
    measure: Measure
    when: str

    def point(self) -> Point:
        limit = self.finding.limit
        ours = limit is not None and limit.speaks_of(self.measure)
        verdict = self.finding.verdict if self.measure is self.finding.headline else "measured"
        return Point(self.when, self.measure, verdict, limit if ours else None)


def show(place: Address, words: Words) -> None:
    """Draw the choice of model, check and measure, and how the measure went."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.trends"), place)])
    draw("heading.html.j2", words, title=words("dashboard.trends"), sentence=words("dashboard.trends_lead"))
    known = [entry for entry in entries() if entry.state in WORST_FIRST and entry.model]
    models = sorted({entry.model for entry in known})
    if not models:
        draw("empty.html.j2", words, text=words("note.index_empty"))
        return
    place = place.to("trends", model=place.model or known[0].model)
    same = [(entry, readable(entry.name, lambda audit: audit)) for entry in known if entry.model == place.model]
    audits = [(entry, audit) for entry, audit in same if audit is not None]
    checks = list(dict.fromkeys(one.check for _, audit in audits for one in audit.record.findings if one.measures))
    place = place.to("trends", check=place.check or next(iter(checks), ""))
    measures = _measures(audits, place.check)
    place = place.to("trends", measure=place.measure if place.measure in measures else next(iter(measures), ""))
    _choices(place, words, models, checks, measures)
    followed = sorted(_followed(audits, place), key=lambda one: (one.when, one.entry.written))[-MOST:]
    if not followed:
        draw("empty.html.j2", words, text=words("dashboard.trends_empty"))
        return
    _draw(place, words, followed)


def _label(measure: Measure) -> str:
    return measure.name if measure.group is None else f"{measure.name}{_DOT}{measure.group}"


def _measures(audits: Sequence[tuple[AuditEntry, Audit]], check: str) -> list[str]:
    found = [one for _, audit in audits for one in audit.record.findings if one.check == check]
    heads = [_label(one.headline) for one in found if one.headline is not None]
    return list(dict.fromkeys([*heads, *(_label(measure) for one in found for measure in one.measures)]))


def _choices(
    place: Address, words: Words, models: Sequence[str], checks: Sequence[str], measures: Sequence[str]
) -> None:
    offered = {"model": ("label.model", models), "check": ("col.check", checks), "measure": ("col.measure", measures)}
    for column, (name, (label, options)) in zip(st.columns([3, 3, 3]), offered.items(), strict=True):
        with column:
            say = _told(words) if name == "measure" else lambda one: one_line(one, words, 80)
            choose(place, name, words(label), list(options), say)


def _told(words: Words) -> Callable[[str], str]:
    """Return how a measure that an address names, `name · group`, is told."""

    def say(label: str) -> str:
        name, dot, group = label.partition(_DOT)
        return one_line(f"{words.term('measure', name)}{dot}{words.term('group', group)}", words, 80)

    return say


def _followed(audits: Sequence[tuple[AuditEntry, Audit]], place: Address) -> Iterator[_Audited]:
    for entry, audit in audits:
        for finding in audit.record.findings:
            measure = next((one for one in finding.measures if _label(one) == place.measure), None)
            if finding.check == place.check and measure is not None:
                written = datetime.fromtimestamp(entry.written).date().isoformat()
                when = audit.run.started[:10] if audit.run is not None else written
                yield _Audited(entry, finding, measure, when)


def _draw(place: Address, words: Words, followed: Sequence[_Audited]) -> None:
    notation = Notation(words)
    units = {one.measure.unit for one in followed}
    points = [one.point() for one in followed]
    drawn = len(units) == 1 and any(one.measure.value is not None for one in followed)
    title = one_line(words("format.colon", left=place.check, right=_told(words)(place.measure)), words, 160)
    figure = picture(trend(points, notation, title=title)) if drawn else ""
    rows = [_row(one, point, place, notation) for one, point in zip(followed, points, strict=True)]
    draw("trends.html.j2", words, figure=figure, rows=rows[::-1])


def _row(one: _Audited, point: Point, place: Address, notation: Notation) -> Mapping[str, Any]:
    row, words = printed(one.measure, point.limit, notation), notation.words
    return {
        "verdict": one.finding.verdict,
        "word": words(f"verdict.{one.finding.verdict}"),
        "when": notation.day(one.when),
        "title": one.entry.title,
        "href": place.to("finding", audit=one.entry.name, check=one.finding.check).link,
        "value": row.value,
        "interval": row.interval,
        "n": row.n,
        "limit": row.limit_text,
    }
