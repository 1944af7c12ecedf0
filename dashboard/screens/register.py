"""The findings register: over all audits, what has to be settled, by whom and by when; what is overdue comes first.

As a list, from which findings are picked and given to somebody together, or as a calendar of what ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from audit.catalogue import ToSettle
from audit.record import items_of
from audit.review import RATINGS, STATUSES
from dashboard.address import Address
from dashboard.bulk_forms import give_findings
from dashboard.expiries import as_calendar, as_csv, months
from dashboard.findings_register import End, RegisterRow, ends, register
from dashboard.indexing import index
from dashboard.item_pages import titled
from dashboard.loading import opened
from dashboard.page_frame import bound, choose, clamped, crumbs, turn_pages
from dashboard.rendering import draw
from dashboard.speakers import speaker
from reports.text import Notation, Words, one_line
from reports.views import printed, reason_text

__all__ = ["show"]

SIZE = 50
"""Findings on one page."""


def show(place: Address, words: Words) -> None:
    """Draw the register with its filters."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.register"), place)])
    asked = _asked(place)
    found = index().tallies(asked)
    told = words("dashboard.register_sentence", count=found["every"] - found["items"], overdue=found["overdue"])
    told = words("register.and_items", text=told, count=found["items"]) if found["items"] else told
    draw("heading.html.j2", words, title=words("dashboard.register"), sentence=told)
    _quick(place, words, found)
    _filters(place, words)
    if place.view == "calendar":
        place = clamped(place, found["ends"], SIZE)
        _tools(words, asked, asked, found["kept"])
        _calendar(ends(asked, (place.page - 1) * SIZE, SIZE), place, words, asked.on)
        turn_pages(place, words, found["ends"], SIZE)
        return
    place = clamped(place, found["kept"], SIZE)
    shown = register(asked, (place.page - 1) * SIZE, SIZE)
    picked = frozenset(place.picked.split(",")) - {""}
    given = ToSettle(asked.on, picked=picked)
    count = index().tallies(given)["kept"] if picked else 0
    _tools(words, given if count else asked, asked, count or found["kept"])
    every = ",".join(sorted(picked | {row.mark for row in shown}))
    items = _items(shown)
    draw(
        "register.html.j2", words, rows=[_told(row, place, picked, items, words) for row in shown],
        every=place.to("register", picked=every).link if every != ",".join(sorted(picked)) else "",
        none=place.to("register", picked="").link if picked else "",
        found=found["every"], plain=Address(screen="register", lang=place.lang).link,
    )
    turn_pages(place, words, found["kept"], SIZE)


def _asked(place: Address) -> ToSettle:
    """Return what an address asks of the index, for whoever looks."""
    return ToSettle(
        date.today(), search=place.search, owner=place.owner, rating=place.rating, standing=place.standing,
        whose=place.whose, me=speaker().name,
    )  # fmt: skip


def _quick(place: Address, words: Words, found: Mapping[str, int]) -> None:
    """Draw what is asked for most often, each with its count, and the two ways to look at it."""
    wanted = {
        "every": {}, "mine": {"whose": "mine"}, "nobody": {"whose": "nobody"}, "overdue": {"standing": "overdue"},
        "ending": {"standing": "ending"},
    }  # fmt: skip
    plain = {"whose": "", "standing": "", "picked": "", "page": 1}
    here = place.to("register", picked="", page=1).query
    links = {name: place.to("register", **{**plain, **asked}) for name, asked in wanted.items()}
    chips = [
        (words(f"register.{name}"), found[name], there.link, there.query == here) for name, there in links.items()
    ]
    views = [
        (words(f"register.as_{view or 'list'}"), place.to("register", view=view, page=1).link, place.view == view)
        for view in ("", "calendar")
    ]
    draw("register_head.html.j2", words, chips=chips, views=views)


def _tools(words: Words, given: ToSettle, kept: ToSettle, count: int) -> None:
    """Draw what is done with the findings: give them to somebody, take them away as a table or a calendar."""
    with st.container(horizontal=True, vertical_alignment="center"):
        give_findings(count, given, words)
        st.download_button(
            words("dashboard.csv"), lambda: as_csv(register(kept), words), "findings.csv", "text/csv",
            on_click="ignore",
        )
        st.download_button(
            words("register.calendar_file"), lambda: as_calendar(ends(kept), words), "findings.ics", "text/calendar",
            on_click="ignore",
        )


def _calendar(found: Sequence[End], place: Address, words: Words, on: date) -> None:
    notation = Notation(words)
    told = [
        (
            words("register.month", year=year, month=month),
            [
                {
                    "day": notation.day(one.day), "past": one.day < on, "kind": words(f"register.{one.kind}"),
                    "href": place.to("finding", audit=one.row.audit, check=one.row.finding.check).link, "row": one.row,
                }
                for one in of_month
            ],
        )
        for (year, month), of_month in months(found)
    ]
    draw("register_calendar.html.j2", words, months=told)


def _filters(place: Address, words: Words) -> None:
    owners = index().owners()
    search, owner, rating, standing = st.columns([3, 2, 2, 2])
    label = words("dashboard.search")
    search.text_input(label, placeholder=label, label_visibility="collapsed", **bound(place, "search"))
    with owner:
        choose(place, "owner", words("reviewed.owner"), ["", *owners], lambda one: _owner(one, words))
    with rating:
        choose(place, "rating", words("reviewed.rating"), ["", *RATINGS], lambda one: _of("rating", one, words))
    with standing:
        every = ["", "overdue", "ending", *STATUSES]
        choose(place, "standing", words("reviewed.status"), every, lambda one: _of("status", one, words))


def _owner(one: str, words: Words) -> str:
    return one_line(one, words, 60) if one else words("dashboard.any_owner")


def _of(kind: str, one: str, words: Words) -> str:
    if one in ("overdue", "ending"):
        return words(f"register.{one}")
    return words(f"{kind}.{one}" if one else f"dashboard.any_{kind}")


def _items(rows: Sequence[RegisterRow]) -> Mapping[str, tuple[int, str]]:
    """Return the mark of each row that is an item with the item's own row, counted from 1, and what it is."""
    wanted: dict[tuple[str, str], dict[str, RegisterRow]] = {}
    for row in rows:
        if row.item is not None:
            wanted.setdefault((row.audit, row.finding.check), {})[row.item] = row
    found = {}
    for (audit, _), mine in wanted.items():
        items = items_of(opened(audit).folder, next(iter(mine.values())).finding)
        for name, number, title in () if items is None else titled(items, list(mine)):
            found[mine[name].mark] = number, title
    return found


def _told(
    row: RegisterRow, place: Address, picked: frozenset[str], items: Mapping[str, tuple[int, str]], words: Words
) -> Mapping[str, Any]:
    standing, waiver, notation, headline = row.standing, row.standing.waiver, Notation(words), row.finding.headline
    number = None if headline is None or row.item else printed(headline, row.finding.limit, notation)
    toggled = picked ^ {row.mark}
    there = place.to("finding", audit=row.audit, check=row.finding.check)
    at, title = items.get(row.mark, (None, row.item or ""))
    return {
        "row": row,
        "picked": row.mark in picked,
        "pick": place.to("register", picked=",".join(sorted(toggled))).link,
        "verdict": words(f"verdict.{row.finding.verdict}"),
        "why": one_line(title, words, 200) if row.item else reason_text(row.finding, notation),
        "number": number,
        "href": there.link if at is None else there.to("item", item=at, reviewed="given").link,
        "audit_href": place.to("audit", audit=row.audit).link,
        "rating": _of("rating", standing.rating, words) if standing.rating else "",
        "status": words(f"status.{standing.status}"),
        "due": "" if standing.due is None else notation.day(standing.due),
        "until": "" if waiver is None else words("register.until", day=notation.day(waiver.until)),
    }
