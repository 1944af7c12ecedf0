"""One finding: its figures and measures, its groups, and the items behind it by the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import streamlit as st

from audit.errors import UsageError, did_you_mean
from audit.record import Audit, ItemsFile, items_of, table_of
from audit.review import state_of
from dashboard.address import Address
from dashboard.item_pages import SLICES, Filters, choices, matching, named
from dashboard.loading import opened, view_of
from dashboard.page_frame import bound, choose, clamped, crumbs, trust_line, turn_pages
from dashboard.rendering import draw, picture, report_tools
from dashboard.review_forms import draw_items, review_finding
from reports.text import Notation, Words, one_line
from reports.views import WORDED, FindingView, ItemsTable, Overview, laid_out

__all__ = ["SIZE", "filters_of", "finding_of", "show"]

SIZE = 25
"""Items on one page."""
MOST_ROWS = 200
"""Rows that are shown of a finding's table."""
CHARACTERS = 400_000
"""At most this much escaped text on one page."""


def show(place: Address, words: Words) -> None:
    """Draw a finding as its report does, then its table and its items."""
    audit, view = opened(place.audit), view_of(place.audit, place.lang)
    one = finding_of(view, place.check)
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit")), (one.name, place)]
    audited = audit.record.models.get("main") or audit.record.data
    followed = [] if audited is None or one.headline is None else [place.to("trends", model=audited.name)]
    crumbs(words, way, [(words("dashboard.trends"), there) for there in followed])
    trust_line(place, words)
    draw("finding.html.j2", words, one=one, **report_tools(audit, view, words))
    table = table_of(audit.folder, one.finding)
    if table is not None and not table.problem:
        draw("table.html.j2", words, found=_page(table, one, range(min(table.total, MOST_ROWS)), words))
    items = items_of(audit.folder, one.finding)
    if items is None or items.problem:
        draw("no_items.html.j2", words, items=items)
    else:
        _evidence(place, words, one, items, _overridden(audit, place.check, words))
    review_finding(audit, place.check, words)
    if items is not None and not items.problem:
        draw_items(audit, place.check, partial(_links, place, words, items), words)


def _links(place: Address, words: Words, items: ItemsFile, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return (name, address) of each named item; the filters are left out, for they may not show it."""
    there = place.to("item", failures=False, outcome="", group="")
    found = zip(names, named(items, names), strict=True)
    return [(one_line(name, words, 40), there.to("item", item=row).link) for name, row in found if row is not None]


def finding_of(view: Overview, check: str) -> FindingView:
    """Return the view of a check's finding; UsageError says which checks there are."""
    found = {one.finding.check: one for one in view.findings}
    if check not in found:
        raise UsageError("no check {check!r} here{near}", check=check, near=did_you_mean(check, found))
    return found[check]


def filters_of(place: Address) -> Filters:
    """Return the filters that an address names."""
    return Filters(place.failures, place.outcome, place.group)


def _overridden(audit: Audit, check: str, words: Words) -> Mapping[str, str]:
    """Return item -> what a reviewer said of it instead of the machine."""
    reviewed = state_of(audit, date.today()).reviewed.get(check)
    notation = Notation(words)
    return {
        one.item: words("dashboard.overridden", value=notation.set_number(one.reviewed, ""))
        for one in (reviewed.changes if reviewed else ())
    }


def _evidence(
    place: Address, words: Words, one: FindingView, items: ItemsFile, overridden: Mapping[str, str]
) -> None:
    numbers = matching(items, filters_of(place))
    place = clamped(place, len(numbers), SIZE)
    draw("items_head.html.j2", words, items=items, kept=len(numbers))
    _filters(place, words, items)
    shown = numbers[(place.page - 1) * SIZE : place.page * SIZE]
    ids = items.rows(shown)[items.id_column].to_pylist() if overridden and items.id_column else []
    draw(
        "items.html.j2",
        words,
        found=_page(items, one, shown, words),
        numbers=[int(number) + 1 for number in shown],
        hrefs=[place.to("item", item=int(number) + 1).link for number in shown],
        marks=[overridden.get(str(name), "") for name in ids],
    )
    turn_pages(place, words, len(numbers), SIZE)


def _filters(place: Address, words: Words, items: ItemsFile) -> None:
    offered = {name: found for name in SLICES if len(found := choices(items, name)) > 1}
    if not offered and not items.tells_failures:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if items.tells_failures:
            st.toggle(words("dashboard.failures"), **bound(place, "failures"))
        for name, found in offered.items():
            label = words.term("column", name)
            any_one = words("dashboard.any_of", what=label)
            say = partial(_option, any_one=any_one, words=words, column=name)
            choose(place, name, label, ["", *found], say, width=220)


def _option(one: str, any_one: str, words: Words, column: str) -> str:
    return one_line(words.term(WORDED[column], one), words, 60) if one else any_one


def _page(items: ItemsFile, one: FindingView, numbers: Any, words: Words) -> ItemsTable:
    """Return rows as the report lays them out."""
    found = ItemsTable(items.name, total=items.total)
    return laid_out(found, one.finding, items.rows(numbers), Notation(words), CHARACTERS, picture)
