"""The list of audits as a matrix: audits against dimensions, what is wrong with each, who decides and by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

import streamlit as st

from audit.errors import DokimasiaError
from audit.record import WORST_FIRST
from audit.verdict import dimensions_of
from dashboard.address import Address, Screen
from dashboard.item_search import item_hits, still_searching
from dashboard.listed_audits import ORDERS, QUICK, STATES, Listed, as_csv, kept, listed, progress_of
from dashboard.loading import home, row_of
from dashboard.page_frame import bound, choose, clamped, crumbs, turn_pages
from dashboard.rendering import draw
from dashboard.saved_views import forget_view, save_view, saved_views
from dashboard.speakers import speaker
from dashboard.trust import chip_of, look_over, still_looking, trust_of
from reports.text import Notation, Words, one_line
from reports.views import PrintedRow

__all__ = ["show"]

SIZE = 50
"""Audits on one page of the list."""
SECONDS = 5
"""How often the list looks again while an audit runs."""


def show(place: Address, words: Words) -> None:
    """Draw the list with its filters."""
    others: tuple[Screen, ...] = ("register", "trends", "frameworks", "compare", "verify")
    crumbs(words, [], [(words(f"dashboard.{one}"), place.to(one)) for one in others])
    found = listed(date.today())
    if not found:
        draw("audits_head.html.j2", words, sentence="", home=home())
        return
    left = kept(found, place, words, speaker().name)
    place = clamped(place, len(left), SIZE)
    for one in _page(left, place):
        if one.judged:
            trust_of(one.entry.name)  # what is shown is looked at first
    look_over(one.entry.name for one in found if one.judged)
    again = SECONDS if _changes(found, place) else None
    st.fragment(run_every=again)(_head)(place, words, again is not None)
    _filters(place, words, found)
    st.fragment(run_every=again)(_table)(place, words)
    turn_pages(place, words, len(left), SIZE)


def _changes(found: Sequence[Listed], place: Address) -> bool:
    """Tell whether the list changes by itself: an audit runs, or is still looked at, or through."""
    return still_looking() or still_searching(place.search) or any(one.entry.state == "running" for one in found)


def _page(left: Sequence[Listed], place: Address) -> Sequence[Listed]:
    return left[(place.page - 1) * SIZE : place.page * SIZE]


def _head(place: Address, words: Words, followed: bool) -> None:
    """Draw how many audits there are, and the quick filters with how many each keeps.

    followed: whether it is drawn again and again; the screen is drawn anew when there is nothing more to follow.
    """
    found, me, looking = listed(date.today()), speaker().name, still_looking()
    if followed and not _changes(found, place):
        st.rerun()
    chips = [
        (
            name, words(f"matrix.{name or 'all'}"), sum(test(one, me) for one in found),
            place.to("audits", only=name, page=1).link, place.only == name,
        )
        for name, test in QUICK.items()
    ]  # fmt: skip
    states = [one.entry.state for one in found]
    counts = [
        words("format.counted", count=states.count(state), what=_state(state, words, "tally"))
        for state in STATES if state in states
    ]  # fmt: skip
    sentence = words("index.sentence", count=len(found), tally=words("format.list").join(counts))
    draw("audits_head.html.j2", words, sentence=sentence, home=home(), chips=chips, looking=looking)


def _filters(place: Address, words: Words, found: Sequence[Listed]) -> None:
    states = [state for state in STATES if any(one.entry.state == state for one in found)]
    families = sorted({one.entry.family for one in found} - {""})
    label = words("matrix.search")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.text_input(
            label, placeholder=label, label_visibility="collapsed", width=300, max_chars=500, **bound(place, "search")
        )
        choose(place, "verdict", words("col.verdict"), ["", *states], partial(_state, words=words), width=170)
        choose(place, "family", words("col.family"), ["", *families], partial(_family, words=words), width=190)
        choose(place, "order", words("dashboard.order"), list(ORDERS), partial(_order, words=words), width=150)
        with st.popover(words("matrix.views")):
            _views(place, words)
        st.download_button(
            words("dashboard.csv"), lambda: as_csv(kept(listed(date.today()), place, words, speaker().name)),
            file_name="audits.csv", mime="text/csv", on_click="ignore",
        )


def _state(state: str, words: Words, kind: str = "verdict") -> str:
    if state in WORST_FIRST:
        return words(f"{kind}.{state}")
    told = words(f"dashboard.state_{state}" if state else "dashboard.any_verdict")
    return told.lower() if kind == "tally" else told


def _family(family: str, words: Words) -> str:
    return words.term("family", family) if family else words("dashboard.any_family")


def _order(order: str, words: Words) -> str:
    return words(f"dashboard.order_{order}")


def _views(place: Address, words: Words) -> None:
    """Draw the views that this user has named, and the fields that name this one or forget one."""
    try:
        saved = saved_views()
    except DokimasiaError as error:
        _alarm(error, words)
        return
    links = [(one_line(name, words, 60), replace(view, lang=place.lang).link) for name, view in saved.items()]
    draw("views.html.j2", words, links=links)
    if not speaker().speaks:
        return
    name = st.text_input(words("matrix.view_name"), max_chars=60, key="view_name")
    keep, forget = st.columns(2)
    try:
        if keep.button(words("matrix.keep_view"), disabled=not name.strip(), width="stretch"):
            save_view(name, place)
            st.rerun()
        if forget.button(words("matrix.forget_view"), disabled=name not in saved, width="stretch"):
            forget_view(name)
            st.rerun()
    except DokimasiaError as error:
        _alarm(error, words)


def _alarm(error: DokimasiaError, words: Words) -> None:
    draw("alarm.html.j2", words, text=one_line(words.term("error", error.message), words, 300))


def _table(place: Address, words: Words) -> None:
    shown = _page(kept(listed(date.today()), place, words, speaker().name), place)
    hits = item_hits(place.search, ())
    rows = [_row(one, place, words, hits.get(one.entry.name, ())) for one in shown]
    dimensions = dimensions_of(one["row"].row for one in rows if one["row"])
    named = [(name, one_line(words.term("dimension", name), words, 40)) for name in dimensions]
    draw("audits.html.j2", words, rows=rows, dimensions=named, searching=still_searching(place.search))


def _row(one: Listed, place: Address, words: Words, hits: Sequence[str]) -> Mapping[str, Any]:
    """Return what is told of an audit; `hits`: checks in whose items the text that is searched stands."""
    entry, stand, notation = one.entry, one.stand, Notation(words)
    found = row_of(entry.name, words.lang) if one.judged else None
    row = found if isinstance(found, PrintedRow) else None
    why = entry.why if found is None or isinstance(found, PrintedRow) else found
    to = partial(place.to, "finding", audit=entry.name)
    return {
        "entry": entry,
        "row": row,
        "why": words.term("error", why),
        "chip": chip_of(trust_of(entry.name), words) if row else None,
        "progress": None if entry.running is None else progress_of(entry.running, words),
        "stand": stand,
        "due": "" if stand is None or stand.due is None else notation.day(stand.due),
        "state": _state(entry.state if row or not one.judged else "unreadable", words),
        "href": place.to("audit", audit=entry.name).link,
        "verify": place.to("verify", audit=entry.name).link,
        "cells": {} if row is None else {name: to(check=cell.check).link for name, cell in row.cells.items()},
        "hits": [(check, to(check=check, find=place.search).link) for check in hits],
        "hrefs": [] if row is None else [to(check=wrong.check).link for wrong in row.wrong],
        "written": notation.minute(datetime.fromtimestamp(entry.written)),
    }
