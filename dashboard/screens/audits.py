"""The list of audits: which there are, what they found, and the worst of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import streamlit as st

from audit.record import WORST_FIRST
from dashboard.address import Address, Screen
from dashboard.findings_register import stand_of
from dashboard.loading import AuditEntry, entries, home
from dashboard.page_frame import bound, choose, clamped, crumbs, turn_pages
from dashboard.rendering import draw
from dashboard.trust import chip_of, trust_of
from reports.text import Notation, Words
from reports.views import reason_text

__all__ = ["show"]

SIZE = 50
"""Audits on one page of the list."""
SECONDS = 5
"""How often the list looks again while an audit runs."""
STATES = ("running", "unreadable", *WORST_FIRST)
ORDERS: Mapping[str, Callable[[AuditEntry], Any]] = {
    "newest": lambda entry: -entry.written,
    "worst": lambda entry: STATES.index(entry.state),
    "title": lambda entry: entry.title.casefold(),
    "model": lambda entry: entry.model.casefold(),
}


def show(place: Address, words: Words) -> None:
    """Draw the list with its filters."""
    others: tuple[Screen, ...] = ("register", "trends", "compare", "verify")
    crumbs(words, [], [(words(f"dashboard.{one}"), place.to(one)) for one in others])
    found = entries()
    draw("audits_head.html.j2", words, sentence=_sentence(found, words) if found else "", home=home())
    if not found:
        return
    _filters(place, words, found)
    kept = _kept(found, place)
    place = clamped(place, len(kept), SIZE)
    going = any(entry.state == "running" for entry in found) or any(
        entry.state in WORST_FIRST and trust_of(entry.name) is None for entry in _shown(kept, place)
    )
    st.fragment(run_every=SECONDS if going else None)(_table)(place, words)
    turn_pages(place, words, len(kept), SIZE)


def _sentence(found: Sequence[AuditEntry], words: Words) -> str:
    states = [entry.state for entry in found]
    counts = [(states.count(state), _state(state, words).lower()) for state in STATES if state in states]
    tally = words("format.list").join(words("format.counted", count=count, what=what) for count, what in counts)
    return words("index.sentence", count=len(found), tally=tally)


def _filters(place: Address, words: Words, found: Sequence[AuditEntry]) -> None:
    states = [state for state in STATES if any(entry.state == state for entry in found)]
    families = sorted({entry.family for entry in found} - {""})
    search, verdict, family, order = st.columns([3, 2, 2, 2])
    label = words("dashboard.search")
    search.text_input(label, placeholder=label, label_visibility="collapsed", **bound(place, "search"))
    with verdict:
        choose(place, "verdict", words("col.verdict"), ["", *states], lambda one: _state(one, words))
    with family:
        choose(place, "family", words("col.family"), ["", *families], lambda one: _family(one, words))
    with order:
        choose(place, "order", words("dashboard.order"), list(ORDERS), lambda one: words(f"dashboard.order_{one}"))


def _state(state: str, words: Words) -> str:
    if state in WORST_FIRST:
        return words(f"verdict.{state}")
    return words(f"dashboard.state_{state}" if state else "dashboard.any_verdict")


def _family(family: str, words: Words) -> str:
    return words.term("family", family) if family else words("dashboard.any_family")


def _kept(found: Sequence[AuditEntry], place: Address) -> list[AuditEntry]:
    """Return the audits that the filters keep, in the order that is asked for."""
    wanted = place.search.casefold()
    kept = [
        entry
        for entry in found
        if place.verdict in ("", entry.state)
        and place.family in ("", entry.family)
        and wanted in "\n".join((entry.title, entry.name, entry.model, entry.worst)).casefold()
    ]
    return sorted(kept, key=ORDERS[place.order])


def _table(place: Address, words: Words) -> None:
    shown = _shown(_kept(entries(), place), place)
    draw("audits.html.j2", words, rows=[_row(entry, place, words) for entry in shown])


def _shown(kept: Sequence[AuditEntry], place: Address) -> Sequence[AuditEntry]:
    return kept[(place.page - 1) * SIZE : place.page * SIZE]


def _row(entry: AuditEntry, place: Address, words: Words) -> Mapping[str, Any]:
    judged, today = entry.state in WORST_FIRST, date.today()
    stand = stand_of(entry.name, today) if judged else None
    return {
        "entry": entry,
        "judged": judged,
        "chip": chip_of(trust_of(entry.name), words) if judged else None,
        "stand": stand,
        "after": None if stand is None else _state(stand.verdict, words),
        "due": "" if stand is None or stand.due is None else Notation(words).day(stand.due),
        "state": _state(entry.state, words),
        "href": place.to("audit", audit=entry.name).link,
        "family": words.term("family", entry.family) if entry.family else "",
        "worst_href": place.to("finding", audit=entry.name, check=entry.worst).link,
        "why": reason_text(entry.finding, Notation(words)) if entry.finding else words.term("error", entry.why),
        "written": Notation(words).minute(datetime.fromtimestamp(entry.written)),
    }
