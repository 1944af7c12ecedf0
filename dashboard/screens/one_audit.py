"""One audit: the sentence, what was not measured and why, findings worst first, controls, budget, environment."""

from __future__ import annotations

import time
from datetime import date

import streamlit as st

from audit.errors import DokimasiaError
from dashboard.address import Address, Screen
from dashboard.findings_register import settled_of, standing
from dashboard.loading import is_running, opened, running, view_of
from dashboard.page_frame import crumbs, trust_line
from dashboard.rendering import draw, links_of, report_tools
from dashboard.review_forms import review_audit
from reports.text import Words, one_line

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
    view = view_of(place.audit, place.lang)
    others: tuple[Screen, ...] = ("compare", "export", "verify")
    crumbs(words, [way, (view.title, place)], [(words(f"dashboard.{one}"), place.to(one)) for one in others])
    audit = opened(place.audit)
    anchors, tools = links_of(view, place), report_tools(audit, view, words)
    trust_line(place, words)
    today = date.today()
    draw("audit.html.j2", words, anchors, settled=settled_of(audit, standing(place.audit), today), **tools)
    review_audit(audit, words)
    draw("audit_rest.html.j2", words, anchors, run=audit.run, **tools)


def _live(place: Address, words: Words) -> None:
    try:
        found = running(place.audit) if is_running(place.audit) else None
    except DokimasiaError:
        found = None
    if found is None:  # it has its record now, or is gone: the whole screen says which
        st.rerun()
    written = time.strftime("%H:%M:%S", time.localtime(found.written))
    draw("running.html.j2", words, found=found, written=written, title=one_line(found.title, words))
