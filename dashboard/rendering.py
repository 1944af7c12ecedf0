"""A screen's documents: the templates, words and figures of the HTML report, put where a reader browses.

    draw("finding.html.j2", words, ...)      Jinja with autoescape -> st.html

Streamlit lets no inline SVG through, so each figure stands in an `img` of its own. Where a report has an anchor for a
check, a screen has a link to that check's screen.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from functools import cache
from html import unescape
from importlib.resources import files
from typing import Any

import jinja2
import streamlit as st
from markupsafe import Markup, escape

from audit.record import Audit
from audit.signing import known_keys
from dashboard.address import Address
from dashboard.findings_register import standing
from dashboard.first_paint import FACE_FILE
from reports.documents.cards import labelled
from reports.documents.templating import environment, figure_tools, text_tools
from reports.figures import FONT, css, recoloured, sign
from reports.text import Notation, Words, font_face, typeface
from reports.views import Overview, review_view, sheet_rows

__all__ = ["draw", "links_of", "picture", "prepare", "rendered", "report_tools", "script"]

_NO_MARKUP = str.maketrans("<>", "‹›")
"""The page drops an attribute that might end an element or a comment, and an image needs its words."""


def prepare(words: Words) -> None:
    """Give the page its language, the report's style, and its links the way to another screen without loading anew."""
    st.html(f"<style>{_style()}</style>")
    script(_own("links.js"))
    script(f"document.documentElement.lang = '{words.lang}'")


def script(text: str) -> None:
    """Have the page run a script of ours."""
    st.html(f"<script>{text}</script>", unsafe_allow_javascript=True)


def draw(template: str, words: Words, anchors: Mapping[str, str] | None = None, **context: Any) -> None:
    """Draw a template of ours or of the reports; what it is given is escaped by Jinja.

    `anchors` leads the anchors of a report elsewhere: anchor -> href.
    """
    body = rendered(template, words, **context)
    st.html(f'<div class="doc" lang="{words.lang}">{labelled(_relinked(body, anchors or {}))}</div>')


def rendered(template: str, words: Words, **context: Any) -> Markup:
    """Return what a template of ours or of the reports makes of what it is given, which Jinja escapes."""
    def drawn(verdict: str, *, hollow: bool = False) -> Markup:
        return picture(sign(verdict, words(f"verdict.{verdict}"), hollow=hollow))

    tools = {"sign": drawn, **text_tools(words)}
    body = _templates().get_template(template).render(lang=words.lang, **{**tools, **context})
    return Markup(body)  # noqa: S704 - Jinja escapes what it is given


def _relinked(body: str, anchors: Mapping[str, str]) -> str:
    return re.sub(r'href="#([^"]*)"', lambda found: f'href="{anchors.get(found[1], "#" + found[1])}"', body)


def links_of(view: Overview, place: Address) -> Mapping[str, str]:
    """Return the anchor of each check of an audit with the link to its screen."""
    return {one.anchor: str(Markup.escape(place.to("finding", check=one.finding.check).link)) for one in view.findings}


def report_tools(audit: Audit, view: Overview, words: Words) -> Mapping[str, Any]:
    """Return what the report's own templates call for; items are the business of a screen."""
    notation = Notation(words)
    review = review_view(audit, notation, standing(audit.folder.name), known_keys())
    drawn = figure_tools(view, notation, review.waived if review else ())
    figures = {name: _pictured(tool) if callable(tool) else tool for name, tool in drawn.items()}
    return {
        "view": view,
        "record": view.record,
        "format": "html",
        "notation": notation,
        "alpha": notation.set_number(1 - view.record.level, "share"),
        "table": lambda one: None,
        "items": lambda one: None,
        "review": review,
        "sheet": sheet_rows(audit, words),
        **figures,
    }


def _pictured(tool: Callable[..., Markup]) -> Callable[..., Markup]:
    return lambda *arguments, **named: picture(tool(*arguments, **named))


def picture(svg: Markup | str) -> Markup:
    """Return a figure of the reports as an image; its title and description are what a screen reader says."""
    if not svg:
        return Markup("")
    if isinstance(svg, Markup) and not svg.startswith("<svg"):
        return svg
    told = ": ".join(unescape(text) for text in re.findall(r"<(?:title|desc)>(.*?)</", svg, re.DOTALL))
    told = told.translate(_NO_MARKUP)
    kind = re.search(r'class="([a-z]+)"', svg)
    whole = str(svg).replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{escape(FONT)}" ', 1)
    data = base64.b64encode(whole.replace("</svg>", recoloured(whole) + "</svg>").encode()).decode()
    return Markup('<img class="{}" alt="{}" title="{}" src="data:image/svg+xml;base64,{}">').format(
        kind[1] if kind else "", told, told, data
    )


@cache
def _templates() -> jinja2.Environment:
    ours = [jinja2.PackageLoader("dashboard"), jinja2.PackageLoader("reports")]
    return environment().overlay(loader=jinja2.ChoiceLoader(ours))


@cache
def _style() -> str:
    """Return the report's style, kept to our own documents by nesting it, and what a screen has besides."""
    home = files("reports") / "templates"
    names = ("report", "comparison", "audits", "decision", "coverage")
    sheets = "".join((home / f"{name}.css").read_text("utf-8") for name in names)
    face = font_face(FACE_FILE) if typeface() else ""
    return f"{face}.doc {{ {css(page=False)}\n{sheets} }}{_own('screen.css')}"


@cache
def _own(name: str) -> str:
    return (files("dashboard") / "templates" / name).read_text("utf-8")
