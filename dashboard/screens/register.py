"""The findings register: over all audits, what has to be settled, by whom and by when; what is overdue comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import streamlit as st

from audit.review import RATINGS, STATUSES
from dashboard.address import Address
from dashboard.findings_register import RegisterRow, register
from dashboard.page_frame import bound, choose, clamped, crumbs, turn_pages
from dashboard.rendering import draw
from reports.text import Notation, Words, one_line

__all__ = ["show"]

SIZE = 50
"""Findings on one page."""


def show(place: Address, words: Words) -> None:
    """Draw the register with its filters."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.register"), place)])
    found = register(date.today())
    overdue = sum(row.overdue for row in found)
    told = words("dashboard.register_sentence", count=len(found), overdue=overdue)
    draw("heading.html.j2", words, title=words("dashboard.register"), sentence=told)
    _filters(place, words, found)
    kept = [row for row in found if _kept(row, place)]
    place = clamped(place, len(kept), SIZE)
    shown = kept[(place.page - 1) * SIZE : place.page * SIZE]
    draw("register.html.j2", words, rows=[_told(row, place, words) for row in shown])
    turn_pages(place, words, len(kept), SIZE)


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
        every = ["", "overdue", *STATUSES]
        choose(place, "standing", words("reviewed.status"), every, lambda one: _of("status", one, words))


def _owner(one: str, words: Words) -> str:
    return one_line(one, words, 60) if one else words("dashboard.any_owner")


def _of(kind: str, one: str, words: Words) -> str:
    if one == "overdue":
        return words("dashboard.overdue")
    return words(f"{kind}.{one}" if one else f"dashboard.any_{kind}")


def _kept(row: RegisterRow, place: Address) -> bool:
    text = "\n".join((row.title, row.audit, row.model, row.finding.check, row.standing.action or "")).casefold()
    status = "overdue" if place.standing == "overdue" else row.standing.status
    return (
        place.search.casefold() in text
        and place.owner in ("", row.standing.owner)
        and place.rating in ("", row.standing.rating)
        and place.standing in ("", status)
        and (place.standing != "overdue" or row.overdue)
    )


def _told(row: RegisterRow, place: Address, words: Words) -> Mapping[str, Any]:
    standing, waiver, notation = row.standing, row.standing.waiver, Notation(words)
    return {
        "row": row,
        "verdict": words(f"verdict.{row.finding.verdict}"),
        "href": place.to("finding", audit=row.audit, check=row.finding.check).link,
        "audit_href": place.to("audit", audit=row.audit).link,
        "rating": _of("rating", standing.rating, words) if standing.rating else "",
        "status": words(f"status.{standing.status}"),
        "due": "" if standing.due is None else notation.day(standing.due),
        "until": "" if waiver is None else words("format.at_most", number=notation.day(waiver.until)),
    }
