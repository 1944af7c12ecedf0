"""The findings register: over all audits, what has to be settled, by whom and by when; what is overdue comes first.

As a list, from which findings are picked and given to somebody together, or as a calendar of what ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

import streamlit as st

from audit.record import items_of
from audit.review import RATINGS, STATUSES
from audit.signing import same_person
from dashboard.address import Address
from dashboard.bulk_forms import give_findings
from dashboard.expiries import as_calendar, as_csv, months
from dashboard.findings_register import RegisterRow, register
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
    today, found = date.today(), register(date.today())
    overdue = sum(row.overdue for row in found)
    given = sum(row.item is not None for row in found)
    told = words("dashboard.register_sentence", count=len(found) - given, overdue=overdue)
    told = words("register.and_items", text=told, count=given) if given else told
    draw("heading.html.j2", words, title=words("dashboard.register"), sentence=told)
    me = speaker().name
    _quick(place, words, found, today, me)
    _filters(place, words, found)
    kept = [row for row in found if _kept(row, place, today, me)]
    if place.view == "calendar":
        _tools(words, kept, kept)
        _calendar(kept, place, words, today)
        return
    place = clamped(place, len(kept), SIZE)
    shown = kept[(place.page - 1) * SIZE : place.page * SIZE]
    picked = frozenset(place.picked.split(",")) - {""}
    _tools(words, [row for row in found if row.mark in picked] or kept, kept)
    every = ",".join(sorted(picked | {row.mark for row in shown}))
    items = _items(shown)
    draw(
        "register.html.j2", words, rows=[_told(row, place, picked, items, words) for row in shown],
        every=place.to("register", picked=every).link if every != ",".join(sorted(picked)) else "",
        none=place.to("register", picked="").link if picked else "",
        found=found, plain=Address(screen="register", lang=place.lang).link,
    )
    turn_pages(place, words, len(kept), SIZE)


def _quick(place: Address, words: Words, found: Sequence[RegisterRow], on: date, me: str) -> None:
    """Draw what is asked for most often, each with its count, and the two ways to look at it."""
    tests: dict[str, tuple[dict[str, str], Callable[[RegisterRow], bool]]] = {
        "every": ({}, lambda row: True),
        "mine": ({"whose": "mine"}, partial(_is_of, me=me)),
        "nobody": ({"whose": "nobody"}, lambda row: row.standing.owner is None),
        "overdue": ({"standing": "overdue"}, lambda row: row.overdue),
        "ending": ({"standing": "ending"}, lambda row: row.ending(on)),
    }
    plain = {"whose": "", "standing": "", "picked": "", "page": 1}
    chips = [
        (words(f"register.{name}"), sum(map(holds, found)), there.link, there.query == place.to(
            "register", picked="", page=1).query)
        for name, (asked, holds) in tests.items()
        for there in [place.to("register", **{**plain, **asked})]
    ]
    views = [
        (words(f"register.as_{view or 'list'}"), place.to("register", view=view, page=1).link, place.view == view)
        for view in ("", "calendar")
    ]
    draw("register_head.html.j2", words, chips=chips, views=views)


def _tools(words: Words, given: Sequence[RegisterRow], kept: Sequence[RegisterRow]) -> None:
    """Draw what is done with the findings: give them to somebody, take them away as a table or a calendar."""
    with st.container(horizontal=True, vertical_alignment="center"):
        give_findings(given, words)
        st.download_button(
            words("dashboard.csv"), partial(as_csv, kept, words), "findings.csv", "text/csv", on_click="ignore"
        )
        st.download_button(
            words("register.calendar_file"), partial(as_calendar, kept, words), "findings.ics", "text/calendar",
            on_click="ignore",
        )


def _calendar(kept: Sequence[RegisterRow], place: Address, words: Words, on: date) -> None:
    notation = Notation(words)
    told = [
        (
            words("register.month", year=year, month=month),
            [
                {
                    "day": notation.day(one.day), "past": one.day < on, "kind": words(f"register.{one.kind}"),
                    "href": place.to("finding", audit=one.row.audit, check=one.row.finding.check).link, "row": one.row,
                }
                for one in ends
            ],
        )
        for (year, month), ends in months(kept)
    ]
    draw("register_calendar.html.j2", words, months=told)


def _filters(place: Address, words: Words, found: Sequence[RegisterRow]) -> None:
    owners = sorted({row.standing.owner for row in found if row.standing.owner})
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


def _is_of(row: RegisterRow, me: str) -> bool:
    return bool(me) and row.standing.owner is not None and same_person(row.standing.owner, me)


def _kept(row: RegisterRow, place: Address, on: date, me: str) -> bool:
    said = (row.title, row.audit, row.model, row.finding.check, row.item or "", row.standing.action or "")
    text = "\n".join(said).casefold()
    special = {"overdue": row.overdue, "ending": row.ending(on)}
    whose = {"mine": _is_of(row, me), "nobody": not row.standing.owner}
    return (
        place.search.casefold() in text
        and place.owner in ("", row.standing.owner)
        and place.rating in ("", row.standing.rating)
        and special.get(place.standing, place.standing in ("", row.standing.status))
        and whose.get(place.whose, True)
    )


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
