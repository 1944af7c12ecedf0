"""The list of audits as a matrix: audits against dimensions, what is wrong with each, who decides and by when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Any

import streamlit as st

from audit.catalogue import ORDERS, STATES, Asked, Counts
from audit.errors import DokimasiaError
from audit.record import WORST_FIRST
from audit.verdict import dimensions_of
from dashboard.address import Address, Screen
from dashboard.indexing import freshness, index
from dashboard.listed_audits import QUICK, Listed, as_csv, asked_for, hits_of, page_of, progress_of, rows_of
from dashboard.loading import Running, home
from dashboard.page_frame import bound, choose, clamped, crumbs, draw_anew, turn_pages
from dashboard.rendering import draw
from dashboard.saved_views import forget_view, save_view, saved_views
from dashboard.searched_audits import SHORTEST, still_searching
from dashboard.speakers import speaker
from dashboard.trust import changed_names, chip_of, look_over, still_looking, trust_of
from detectors.phrases import Phrase
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
    crumbs(words, [], [(words(f"dashboard.{one}"), place.to(one)) for one in others], here=place)
    counts = _counts()
    if not counts.total and not freshness().busy:
        draw("audits_head.html.j2", words, sentence="", home=home())
        return
    catalogue, judged = index(), Asked(judged=True, order="newest")
    total = catalogue.count(asked_for(place, words, speaker()))
    place = clamped(place, total, SIZE)
    for row in rows_of(*_asked(place, words)):
        if row["state"] in WORST_FIRST:
            trust_of(row["name"])  # what is shown is looked at first
    look_over(lambda: catalogue.names(judged), catalogue.state)
    again = SECONDS if _changes(counts, place) else None
    st.fragment(run_every=again)(_head)(place, words, again is not None)
    _filters(place, words, counts)
    st.fragment(run_every=again)(_table)(place, words)
    turn_pages(place, words, total, SIZE)


def _counts() -> Counts:
    return index().counts(speaker().name, changed_names())


def _asked(place: Address, words: Words) -> tuple[Asked, int, int]:
    """Return what the page asks of the index, from which place on, and how many at most."""
    return asked_for(place, words, speaker()), (place.page - 1) * SIZE, SIZE


def _changes(counts: Counts, place: Address) -> bool:
    """Tell whether the list changes by itself: audits run, are indexed, or are still looked at, or through."""
    return still_looking() or _searching(place) or freshness().busy or counts.only["running"] > 0


def _searching(place: Address) -> bool:
    return still_searching(place.search) or (len(place.search) >= SHORTEST and freshness().items)


def _head(place: Address, words: Words, followed: bool) -> None:
    """Draw how many audits there are, and the quick filters with how many each keeps.

    followed: whether it is drawn again and again; the screen is drawn anew when there is nothing more to follow.
    """
    found, looking = _counts(), still_looking()
    if followed and not _changes(found, place):
        draw_anew()
    chips = [
        (
            name, words(f"matrix.{name or 'all'}"), found.only[name] if name else found.total,
            place.to("audits", only=name, page=1).link, place.only == name,
        )
        for name in QUICK
    ]  # fmt: skip
    counts = [
        words("format.counted", count=found.states[state], what=_state(state, words, "tally"))
        for state in STATES if state in found.states
    ]  # fmt: skip
    sentence = words("index.sentence", count=found.total, tally=words("format.list").join(counts))
    draw(
        "audits_head.html.j2", words, sentence=sentence, home=home(), chips=chips, looking=looking,
        fresh=_fresh(words),
    )


def _fresh(words: Words) -> str:
    """Return when the list was last compared with the folder, and how far it is where that is going on."""
    told = freshness()
    if told.left:
        return words("matrix.indexing", count=told.left)
    at = datetime.fromtimestamp(told.at)
    return words("matrix.as_of", time=f"{at:%H:%M:%S}") if told.at else words("matrix.comparing")


def _filters(place: Address, words: Words, counts: Counts) -> None:
    states, families = [state for state in STATES if state in counts.states], counts.families
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
            words("dashboard.csv"), lambda: as_csv(asked_for(place, words, speaker()), date.today()),
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
    shown = page_of(*_asked(place, words), words.lang, date.today())
    hits = hits_of(place.search, [one.name for one in shown]) if place.search else {}
    rows = [_row(one, place, words, hits.get(one.name, ())) for one in shown]
    dimensions = dimensions_of(one["row"].row for one in rows if one["row"])
    named = [(name, one_line(words.term("dimension", name), words, 40)) for name in dimensions]
    draw("audits.html.j2", words, rows=rows, dimensions=named, searching=_searching(place))


def _row(one: Listed, place: Address, words: Words, hits: Sequence[str]) -> Mapping[str, Any]:
    """Return what is told of an audit; `hits`: checks in whose items the text that is searched stands."""
    row = one.found if isinstance(one.found, PrintedRow) else None
    running = one.found if isinstance(one.found, Running) else None
    state = row.verdict if row else "running" if running else "unreadable"
    stand, notation, to = one.stand, Notation(words), partial(place.to, "finding", audit=one.name)
    told = "" if running is None or running.progress is None else running.progress.model
    return {
        "name": one.name,
        "kind": state,
        "label": row.audited if row else one_line(told or (running.title if running else one.name), words, 120),
        "row": row,
        "why": words.term("error", one.found) if isinstance(one.found, Phrase) else "",
        "chip": chip_of(trust_of(one.name), words) if row else None,
        "running": running,
        "progress": None if running is None else progress_of(running, words),
        "stand": stand,
        "due": "" if stand is None or stand.due is None else notation.day(stand.due),
        "state": _state(state, words),
        "href": place.to("audit", audit=one.name).link,
        "verify": place.to("verify", audit=one.name).link,
        "cells": {} if row is None else {name: to(check=cell.check).link for name, cell in row.cells.items()},
        "hits": [(check, to(check=check, find=place.search).link) for check in hits],
        "hrefs": [] if row is None else [to(check=wrong.check).link for wrong in row.wrong],
        "written": notation.minute(datetime.fromtimestamp(one.written)),
    }
