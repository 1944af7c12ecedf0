"""One audit by the clauses of one framework: their statuses, the findings behind them, the questions, the documents."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import streamlit as st
from markupsafe import Markup

from audit.frameworks import load_framework
from dashboard.address import Address
from dashboard.coverage import covered, own_sign
from dashboard.loading import folder_of, opened
from dashboard.page_frame import crumbs
from dashboard.rendering import draw
from dashboard.review_forms import answer_framework
from reports.documents.coverage_files import WRITERS, ask_command
from reports.frameworks.coverage_view import CoverageView, coverage_view
from reports.options import ReportOptions
from reports.text import Words, one_line

__all__ = ["show"]


def show(place: Address, words: Words) -> None:
    """Draw the clauses by status, or those of the one that the address names; then who is bound, by whose word."""
    audit, framework = opened(place.audit), load_framework(place.framework)
    way = [(words("heading.index"), place.to("audits")), (one_line(audit.record.title, words, 60), place.to("audit"))]
    way.append((words("dashboard.frameworks"), place.to("frameworks")))
    crumbs(words, [*way, (framework.title.of(words.lang), place)])
    found = covered(place.audit, place.framework)
    view = coverage_view(found, audit, words)
    tools: dict[str, Any] = {"own_sign": own_sign, "sign_of": lambda one: own_sign(one.finding.verdict, one.verdict)}
    command = ask_command(place.framework, audit)
    heading = f"{view.title}: {view.audited}"
    draw("heading.html.j2", words, title=heading, sentence=view.sentence)
    draw("_framework.html.j2", words, _filters(view, place), view=view, command=command, **tools)
    _documents(place, words)
    if place.status:
        draw("links.html.j2", words, links=[(words("coverage.every_status"), place.to("framework", status="").link)])
    kept = replace(view, groups=tuple(one for one in view.groups if place.status in ("", one.key)))
    links = {one.finding.check: place.to("finding", check=one.finding.check).link
             for row in view.rows for _, one in row.evidence}  # fmt: skip
    draw("_clauses.html.j2", words, view=kept, href=lambda one: links[one.finding.check], **tools)
    draw("_bound.html.j2", words, view=view)
    answer_framework(audit, found, words)


def _filters(view: CoverageView, place: Address) -> dict[str, str]:
    """Return where the parts of the tally lead: to the clauses of that status."""
    links = [str(Markup.escape(place.to("framework", status=group.key).link)) for group in view.groups]
    return {f"status-{number}": link for number, link in enumerate(links, start=1)}


def _documents(place: Address, words: Words) -> None:
    """Draw a button for each document of these clauses; one is made when its button is pressed."""
    with st.container(horizontal=True):
        for name in WRITERS:
            if name == "pdf" and find_spec("weasyprint") is None:
                continue
            made = partial(_document, place, name)
            ending = {"markdown": "md", "oscal": "oscal.json", "cyclonedx": "cdx.json", "cyclonedx-1.6": "1.6.cdx.json"}
            file = f"coverage-{place.framework}.{ending.get(name, name)}"
            st.download_button(words.term("export", name), made, file_name=file, on_click="ignore")
    lang = "" if words.lang == "en" else f" --lang {words.lang}"
    command = f"dokimasia report {folder_of(place.audit)} --framework {place.framework}{lang}"
    st.code(command, language=None)


def _document(place: Address, name: str) -> bytes:
    made = WRITERS[name](opened(place.audit), place.framework, ReportOptions(lang=place.lang))
    return next(iter(made.values()))
