"""One item: what was asked and answered, its scores, its picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import streamlit as st

from audit.errors import UsageError
from audit.record import AGAINST, WEIGHT, Audit, items_of
from audit.signing import known_keys
from dashboard.address import Address
from dashboard.evidence_browser import SIZE, filters_of
from dashboard.item_pages import matching, observed
from dashboard.loading import opened, view_of
from dashboard.page_frame import crumbs
from dashboard.rendering import draw, picture
from dashboard.review_forms import review_item
from dashboard.screens.finding import finding_of
from reports.figures import drawn
from reports.text import Notation, Words, one_line, visible
from reports.views import CONTENT, SHORT, WORDED, review_view, shown_cell

__all__ = ["show"]

MOST = 100_000
"""At most this many characters of one text."""
TEXTS = ("prompt", "question", "answer", "output", "text", "right", "reference")
"""Columns that are read as texts however short they are."""


def show(place: Address, words: Words) -> None:
    """Draw an item: its pictures; its texts as they are, no markup being read; then what is short."""
    audit, view = opened(place.audit), view_of(place.audit, place.lang)
    one = finding_of(view, place.check)
    items = items_of(audit.folder, one.finding)
    there = items.total if items is not None and not items.problem else 0
    if items is None or place.item > there:
        raise UsageError(
            "check {check!r}: got item {item}; there are {total:,}", check=place.check, item=place.item, total=there
        )
    cells = items.rows([place.item - 1]).to_pylist()[0]
    own = str(cells.pop(items.id_column)) if items.id_column else f"{place.item:,}"
    name = one_line(own, words, 80)
    numbers = matching(items, filters_of(place))
    found = np.flatnonzero(numbers == place.item - 1)
    at = int(found[0]) if found.size else None
    page = 1 if at is None else at // SIZE + 1
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit"))]
    way += [(one.name, place.to("finding", page=page)), (name, place)]
    letters = {words("dashboard.before"): "k", words("dashboard.after"): "j"}
    crumbs(words, way, _neighbours(place, words, numbers, at), letters)
    position = None if at is None else f"{at + 1:,}"
    head: dict[str, Any] = {"row": f"{place.item:,}", "at": position, "kept": f"{numbers.size:,}"}
    title, outcome = _title(cells, name, place.item, words), _outcome(cells, words)
    draw("item_head.html.j2", words, one=one, name=name, title=title, own=outcome, **head)
    choices = _choices(observed(audit, one.finding, own), words)
    if choices:
        draw("item_choices.html.j2", words, choices=choices)
    _body(cells, words)
    if items.id_column:
        _said(audit, place.check, name, words)
        review_item(audit, place.check, own, words)


def _title(cells: Mapping[str, Any], name: str, row: int, words: Words) -> str:
    """Return what the item is: its question or text; of a picture its kind and row; else its name."""
    for column in CONTENT:
        value = cells.get(column)
        if isinstance(value, str) and value.strip():
            return one_line(value, words, 160)
        if value is not None:
            return f"{words.term('column', column)} {row:,}"
    return name


def _outcome(cells: Mapping[str, Any], words: Words) -> Mapping[str, str]:
    """Return the item's own outcome: sign, word, and whether it counts against the model."""
    against = cells.get(AGAINST)
    key, sign = ("not_told", "measured") if against is None else ("not_against", "passed")
    if against:
        key, sign = "against", "failed"
    told = words(f"dashboard.item_{key}")
    shown = next((cells[name] for name in ("outcome", "prefers") if isinstance(cells.get(name), str)), None)
    if shown is None:
        return {"sign": sign, "word": told, "told": ""}
    return {"sign": sign, "word": one_line(words.term("cell", shown), words, 40).capitalize(), "told": told}


def _choices(seen: Mapping[str, Any], words: Words) -> list[tuple[str, str, list[str]]]:
    """Return (choice, log-probability in nats, right and preferred) of a question, the likeliest first."""
    choices, nats, right = (seen.get(name) for name in ("choices", "log_probs", "correct"))
    if not choices or not nats or len(choices) != len(nats):
        return []
    notation, known = Notation(words), [number for number in nats if number is not None]
    order = sorted(range(len(nats)), key=lambda at: -math.inf if nats[at] is None else nats[at], reverse=True)
    return [
        (
            one_line(str(choices[at]), words, 240),
            shown_cell(nats[at], notation),
            [words(f"dashboard.choice_{key}") for key, holds in (
                ("right", at in (right or ())), ("preferred", bool(known) and nats[at] == max(known)),
            ) if holds],
        )
        for at in order
    ]


def _said(audit: Audit, check: str, item: str, words: Words) -> None:
    """Draw the finding's result with all overrides beside the machine's, and what was said of this item."""
    review = review_view(audit, Notation(words), date.today(), known_keys())
    said = review and review.findings.get(check)
    if said:
        draw("said.html.j2", words, said=replace(said, facts=(), said=tuple(s for s in said.said if s.about == item)))


def _neighbours(place: Address, words: Words, numbers: np.ndarray, at: int | None) -> list[tuple[str, Address]]:
    """Return the items before and after this one, in the order in which the reader sees them."""
    steps = () if at is None else ((words("dashboard.before"), at - 1), (words("dashboard.after"), at + 1))
    return [(label, place.to("item", item=int(numbers[to]) + 1)) for label, to in steps if 0 <= to < numbers.size]


def _body(cells: Mapping[str, Any], words: Words) -> None:
    notation = Notation(words)
    pictures = {name: found for name, value in cells.items() if (found := drawn(name, value, notation, 960, 220))}
    texts = {name: value for name, value in cells.items() if isinstance(value, str) and _is_text(name, value)}
    short = [
        (one_line(words.term("column", name), words, 40), shown_cell(value, notation, name))
        for name, value in cells.items()
        if name not in pictures and name not in texts and name not in (AGAINST, WEIGHT)
    ]
    if pictures:
        draw("item_pictures.html.j2", words, pictures=pictures, picture=picture)
    for name, value in texts.items():
        draw("item_text.html.j2", words, label=one_line(words.term("column", name), words, 40))
        st.code(visible(value[:MOST]) or " ", language=None, wrap_lines=True)
        if len(value) > MOST:
            st.text(words("dashboard.cut", shown=f"{MOST:,}", total=f"{len(value):,}"))
    if short:
        draw("item_facts.html.j2", words, facts=short)


def _is_text(name: str, value: str) -> bool:
    return name not in WORDED and (name in TEXTS or len(value) > SHORT or "\n" in value)
