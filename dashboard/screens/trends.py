"""Trends: every gating measure over the audits of one model, on a true axis of time, with the limits of then.

Audits are of one model where their sheets name the same inventory id, whatever each version is called; without a sheet,
where the name is the same. A point leads to the comparison with the audit before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from audit.catalogue import Asked
from dashboard.address import Address
from dashboard.indexing import index
from dashboard.loading import opened, readable
from dashboard.page_frame import choose, crumbs
from dashboard.rendering import draw, picture
from reports.text import Notation, Words, one_line
from reports.views import AskedAudit, TrendPanel, asked_of, label_of, trend_of, trends_of

__all__ = ["show"]

_DOT = " · "
MOST = 60
"""Audits that are drawn, the newest."""
Followed = tuple[str, int, str]
"""Inventory id or name of a model, how many audits it has, and the name of the newest's model."""


def show(place: Address, words: Words) -> None:
    """Draw the choice of model, and how its measures went."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.trends"), place)])
    draw("heading.html.j2", words, title=words("dashboard.trends"), sentence=words("dashboard.trends_lead"))
    catalogue = index()
    known = catalogue.followed()
    if not known:
        draw("begin.html.j2", words)
        return
    place = place.to("trends", model=place.model or known[0][0])
    same = catalogue.rows(Asked(judged=True, followed=place.model, order="newest"), most=MOST)
    read = [(row["written"], readable(row["name"], opened)) for row in same]
    asked = [asked_of(audit, written, date.today()) for written, audit in read if audit is not None]
    _choices(place, words, known, asked)
    panels = _panels(place, asked, Notation(words))
    if not panels:
        draw("empty.html.j2", words, text=words("dashboard.trends_empty"))
        return
    draw("trends.html.j2", words, panels=[_panel(one, place, words) for one in panels], alone=len(asked) == 1)


def _choices(place: Address, words: Words, known: Sequence[Followed], asked: Sequence[AskedAudit]) -> None:
    """Draw the choice of the model, and of a check and a measure instead of all that decide."""
    findings = [one for each in asked for one in each.audit.record.findings if one.measures]
    checks = list(dict.fromkeys(one.check for one in findings))
    measures = list(dict.fromkeys(label_of(m) for one in findings if one.check == place.check for m in one.measures))
    offered: dict[str, tuple[str, Sequence[str], Callable[[str], str]]] = {
        "model": (words("label.model"), [key for key, _, _ in known], _subject(known, words)),
        "check": (words("col.check"), ["", *checks], lambda one: one_line(one, words, 80) or words("trends.all")),
    }
    if place.check:
        offered["measure"] = (words("col.measure"), ["", *measures], _told(words))
    for column, (name, (label, options, say)) in zip(st.columns([3, 3, 3]), offered.items(), strict=False):
        with column:
            choose(place, name, label, list(options), say)


def _subject(known: Sequence[Followed], words: Words) -> Callable[[str], str]:
    """Return how a choice of model is told: inventory id, the newest model's name, how many audits."""
    told = {key: (count, newest) for key, count, newest in known}

    def say(followed: str) -> str:
        count, newest = told.get(followed, (0, ""))
        parts = (followed, newest, words("trends.audits", count=count))
        return one_line(_DOT.join(filter(None, dict.fromkeys(parts))), words, 100)

    return say


def _told(words: Words) -> Callable[[str], str]:
    """Return how a measure that an address names, `name · group`, is told."""
    def say(label: str) -> str:
        if not label:
            return words("trends.deciding")
        name, dot, group = label.partition(_DOT)
        return one_line(f"{words.term('measure', name)}{dot}{words.term('group', group)}", words, 80)

    return say


def _panels(place: Address, asked: Sequence[AskedAudit], notation: Notation) -> Sequence[TrendPanel]:
    """Return what the address asks for: one measure, the headline of one check, or all that decide."""
    if not place.check:
        return trends_of(asked, notation)
    measure = place.measure or next(
        (label_of(one.headline) for each in asked for one in each.audit.record.findings
         if one.check == place.check and one.headline is not None), "",
    )  # fmt: skip
    found = trend_of(asked, place.check, measure, notation)
    return () if found is None else (found,)


def _panel(one: TrendPanel, place: Address, words: Words) -> Mapping[str, Any]:
    names = [row.audit.folder.name for row in one.rows]
    finding = [place.to("finding", audit=name, check=one.check).link for name in names]
    before = [None, *names[:-1]]
    lead = [
        there if left is None else place.to("compare", audit=left, other=name).link
        for there, left, name in zip(finding, before, names, strict=True)
    ]
    rows = [
        {
            "verdict": row.finding.verdict, "word": words(f"verdict.{row.finding.verdict}"), "row": row, "href": href,
            "compare": to if left else "", "title": row.audit.record.title,
        }
        for row, href, to, left in zip(one.rows, finding, lead, before, strict=True)
    ]
    return {
        "panel": one, "rows": rows[::-1], "figure": picture(one.drawing),
        "spots": [(row.spot, to, row.told, left) for row, to, left in zip(one.rows, lead, before, strict=True)],
        "href": place.to("trends", check=one.check, measure=one.measure).link,
    }
