"""Frameworks against audits: by law, standard or guidance, of how many clauses an audit is evidence, and how far."""

from __future__ import annotations

from typing import Any

from audit.catalogue import Asked
from audit.frameworks import framework_names, load_framework
from dashboard.address import Address
from dashboard.coverage import covered, own_sign, tally_of
from dashboard.indexing import index
from dashboard.loading import opened, readable
from dashboard.page_frame import clamped, crumbs, turn_pages
from dashboard.rendering import draw
from reports.frameworks.coverage_view import SHOWN_AS, status_told
from reports.text import Words, one_line

__all__ = ["show"]

SIZE = 6
"""Audits beside each other on one page."""


def show(place: Address, words: Words) -> None:
    """Draw the matrix of all finished audits, the newest first, or of the one that the address names."""
    way = [(words("heading.index"), place.to("audits"))]
    if place.audit:
        way.append((one_line(opened(place.audit).record.title, words, 60), place.to("audit")))
    crumbs(words, [*way, (words("dashboard.frameworks"), place)])
    judged = Asked(judged=True, order="newest")
    total = 1 if place.audit else index().count(judged)
    place = clamped(place, total, SIZE)
    names = [place.audit] if place.audit else index().names(judged, (place.page - 1) * SIZE, SIZE)
    shown = [one for one in names if readable(one, _whole)]
    draw("heading.html.j2", words, title=words("dashboard.frameworks"), sentence=words("coverage.matrix_lead"))
    if not shown:
        draw("empty.html.j2", words, text=words("matrix.empty"))
        return
    heads = [_head(name, place, words) for name in shown]
    rows = [_row(framework, shown, place, words) for framework in framework_names()]
    legend = [(status_told(status, words), *shown_as) for status, shown_as in SHOWN_AS.items()]
    draw("frameworks.html.j2", words, heads=heads, rows=rows, legend=legend, own_sign=own_sign)
    if not place.audit:
        turn_pages(place, words, total, SIZE)


def _whole(name: str) -> bool:
    """Tell that an audit's reviews and seal can be read; raises where they cannot."""
    return bool(covered(name, framework_names()[0]).clauses)


def _head(name: str, place: Address, words: Words) -> tuple[str, str, str]:
    """Return what an audit is called, its title, and where it leads."""
    record = opened(name).record
    main = record.models.get("main")
    audited = main.name if main else record.data.name if record.data else record.title
    return one_line(audited, words, 60), one_line(record.title, words, 80), place.to("audit", audit=name).link


def _row(framework: str, names: list[str], place: Address, words: Words) -> dict[str, Any]:
    found = load_framework(framework)
    cells = [
        (tally_of(covered(name, framework), words), place.to("framework", audit=name, framework=framework).link)
        for name in names
    ]
    standing = words.term("framework_status", found.status)
    return {"title": found.title.of(words.lang), "standing": standing, "cells": cells, "count": len(found.clauses)}
