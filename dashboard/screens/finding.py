"""One finding: its sentence, line and pictures, the items behind it to look through, then all its measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from audit.errors import UsageError, did_you_mean
from audit.record import Audit, ItemsFile, items_of, table_of
from dashboard.address import Address
from dashboard.brushing import brushed
from dashboard.evidence_browser import browse, differing, laid_page
from dashboard.findings_register import standing
from dashboard.item_pages import named, titled
from dashboard.loading import opened, view_of
from dashboard.page_frame import crumbs, trust_line
from dashboard.rendering import draw, report_tools
from dashboard.review_forms import draw_items, review_finding
from dashboard.thumbnails import drawn_once
from reports.pictures import opening
from reports.text import Notation, Words, one_line
from reports.views import FindingView, Overview, called, effect_of

__all__ = ["finding_of", "show"]

MOST_ROWS = 200
"""Rows that are shown of a finding's table."""


def show(place: Address, words: Words) -> None:
    """Draw a finding as its report does, then its table and its items."""
    audit, view = opened(place.audit), view_of(place.audit, place.lang)
    one = finding_of(view, place.check)
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit")), (one.name, place)]
    audited = audit.record.models.get("main") or audit.record.data
    followed = [] if audited is None or one.headline is None else [place.to("trends", model=audited.name)]
    crumbs(words, way, [(words("dashboard.trends"), there) for there in followed])
    trust_line(place, words)
    items = items_of(audit.folder, one.finding)
    drawn = brushed(drawn_once(place.audit, place.check, place.lang), place, items, words)
    tools = {
        **report_tools(audit, view, words), "spoken": place.to("finding", reviewed="spoken", page=1).link,
        "hrefs": dict(_differing(place, items)),
        "effect": effect_of(standing(place.audit), one.finding, Notation(words)),
        "pictures": lambda _: drawn[: opening(drawn)], "more_pictures": lambda _: drawn[opening(drawn) :],
    }
    left, right = st.columns([11, 4], gap="medium")
    with left:
        draw("finding.html.j2", words, one=one, **tools)
        if items is None or items.problem:
            draw("no_items.html.j2", words, items=items, erased=one.erased)
        else:
            browse(place, words, one, items, _overridden(audit, place.check, words))
    with right:
        review_finding(audit, place.check, words)
        if items is not None and not items.problem:
            draw_items(audit, place.check, partial(_links, place, words, items), words)
    table = table_of(audit.folder, one.finding)
    if table is not None and not table.problem:
        draw("table.html.j2", words, found=laid_page(table, one, range(min(table.total, MOST_ROWS)), words))
    if one.rows:
        draw("finding_rest.html.j2", words, one=replace(one, erased=()), folded=bool(items), **tools)


def _differing(place: Address, items: ItemsFile | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each item on which reviewers differ, with the address of its screen and what it is."""
    if items is None or items.problem:
        return
    for name, row, title in titled(items, differing(standing(place.audit), place.check)):
        yield name, (place.to("item", reviewed="differ", item=row).link, title)


def _links(place: Address, words: Words, items: ItemsFile, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return (name, address) of each named item; the filters are left out, for they may not show it."""
    there = place.to("item", failures=False, outcome="", group="", unit="", find="", part="", reviewed="drawn")
    found = zip(names, named(items, names), strict=True)
    return [(one_line(name, words, 40), there.to("item", item=row).link) for name, row in found if row is not None]


def finding_of(view: Overview, check: str) -> FindingView:
    """Return the view of a check's finding; UsageError says which checks there are."""
    found = {one.finding.check: one for one in view.findings}
    if check not in found:
        raise UsageError("no check {check!r} here{near}", check=check, near=did_you_mean(check, found))
    return found[check]


def _overridden(audit: Audit, check: str, words: Words) -> Mapping[str, str]:
    """Return item -> what a reviewer said of it instead of the machine."""
    state, notation = standing(audit.folder.name), Notation(words)
    found = {item: said.owner for (of, item), said in state.targets.items() if of == check and item and said.owner}
    marks = {item: one_line(owner, words, 30) for item, owner in found.items()}
    for item, said in state.calls.get(check, {}).items():
        last = list(said.values())[-1].says
        word = called(last.word, words) if last.word else notation.set_number(last.value or 0.0, "")
        marks[item] = f"✎ {word}"
    return marks
