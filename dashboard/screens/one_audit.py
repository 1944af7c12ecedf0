"""One audit: the decision page of its report, with what is decided here; behind it, in parts, all that it rests on.

An audit that still runs shows how far it is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from audit.errors import DokimasiaError
from audit.record import Audit
from dashboard.address import TABS, Address, Screen
from dashboard.findings_register import standing
from dashboard.listed_audits import progress_of
from dashboard.loading import is_running, opened, running, view_of
from dashboard.page_frame import crumbs, draw_anew, trust_line
from dashboard.rendering import draw, links_of, report_tools
from dashboard.review_forms import decide_audit, review_audit, waive_finding
from dashboard.speakers import speaker
from dashboard.thumbnails import thumbnails_of
from reports.text import Notation, Words, one_line
from reports.views import decision_page

__all__ = ["show"]

SECONDS = 2
"""How often a running audit is looked at again."""


def show(place: Address, words: Words) -> None:
    """Draw a finished audit as its report does, each check leading to a screen of its own, or one that still runs."""
    way = (words("heading.index"), place.to("audits"))
    if is_running(place.audit):
        crumbs(words, [way, (running(place.audit).title, place)])
        st.fragment(run_every=SECONDS)(_live)(place, words)
        return
    audit, view = opened(place.audit), view_of(place.audit, place.lang)
    others: tuple[Screen, ...] = ("compare", "frameworks", "export", "verify")
    crumbs(words, [way, (view.title, place)], [(words(f"dashboard.{one}"), place.to(one)) for one in others])
    trust_line(place, words)
    anchors, page = links_of(view, place), decision_page(audit, view, Notation(words), standing(place.audit))
    tools = {**report_tools(audit, view, words), "page": page}
    draw("audit.html.j2", words, anchors, **tools)
    left, right = st.columns([3, 1], vertical_alignment="center")
    tabs = [(one, place.to("audit", tab=one).link) for one in TABS]
    with right:
        _buttons(audit, words)
    with left:
        draw("audit_tabs.html.j2", words, tabs=tabs, chosen=place.tab)
    _draw_tab(audit, place, words, anchors, tools)


def _buttons(audit: Audit, words: Words) -> None:
    """Draw what whoever looks can decide here; each opens the form for it."""
    me = speaker()
    with st.container(horizontal=True, horizontal_alignment="right", key="decide"):
        offered: dict[Literal["approve", "return"], bool] = {"approve": me.approves, "return": me.speaks}
        for name, allowed in offered.items():
            if allowed and st.button(words(f"decide.{name}"), key=f"decide-{name}"):
                st.dialog(words(f"decide.{name}"))(decide_audit)(audit, name, words)
        if me.approves and st.button(words("decide.waive"), key="decide-waive"):
            st.dialog(words("decide.waive"))(waive_finding)(audit, words)


def _draw_tab(
    audit: Audit, place: Address, words: Words, anchors: Mapping[str, str], tools: Mapping[str, Any]
) -> None:
    more: dict[str, Any] = {}
    if place.tab == "findings":
        small = thumbnails_of(place.audit, place.lang)
        more["thumb"] = lambda one: small.get(one.finding.check, "")
    elif place.tab == "run":
        more["run"] = audit.run
    draw(f"audit_{place.tab}.html.j2", words, anchors, **tools, **more)
    if place.tab == "reviews":
        review_audit(audit, words)


def _live(place: Address, words: Words) -> None:
    try:
        found = running(place.audit) if is_running(place.audit) else None
    except DokimasiaError:
        found = None
    if found is None:  # it has its record now, or is gone: the whole screen says which
        draw_anew()
        return
    written = time.strftime("%H:%M:%S", time.localtime(found.written))
    title, progress = one_line(found.title, words), progress_of(found, words)
    draw("running.html.j2", words, found=found, written=written, title=title, progress=progress)
