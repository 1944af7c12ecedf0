"""One item: what it is, how the model did, its choices and pictures; beside it what people call it, with one key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from audit.errors import UsageError
from audit.files import canonical, sha256, stored_json
from audit.record import AGAINST, PLAN_FILE, WEIGHT, Audit, Finding, ItemsFile, items_of
from audit.signing import known_keys
from dashboard.address import Address
from dashboard.elsewhere import AUDITS_LOOKED_AT, Elsewhere, elsewhere
from dashboard.evidence_browser import SIZE, kept_rows
from dashboard.findings_register import standing
from dashboard.item_calls import Turn, call_buttons, mark_of
from dashboard.item_pages import observed
from dashboard.loading import opened, view_of
from dashboard.page_frame import crumbs
from dashboard.rendering import draw, picture
from dashboard.review_forms import review_item
from dashboard.screens.finding import finding_of
from reports.figures import Drawing, drawn
from reports.pictures import figure_of
from reports.text import Notation, Words, one_line, visible
from reports.views import CONTENT, SHORT, WORDED, FindingView, Overview, choices_of, item_review, sent_of, shown_cell

__all__ = ["show"]

MOST = 100_000
"""At most this many characters of one text."""
TEXTS = ("prompt", "question", "answer", "output", "text", "right", "reference")
"""Columns that are read as texts however short they are."""
CHOSEN = ("question", "answer", "right", "more", "less")
"""Texts that stand among the choices already."""
MAPPED = (
    "surprisal", "tokens", "claims", "states", "rules", "supports", "reasons", "spans", "evidence", "tree", "regions",
    "sizes", "tried", "passed",
)
"""Lists that are drawn as one map."""


def show(place: Address, words: Words) -> None:
    """Draw an item and, beside it, the panel of its review."""
    audit, view = opened(place.audit), view_of(place.audit, place.lang)
    one = finding_of(view, place.check)
    items = items_of(audit.folder, one.finding)
    if items is not None and _is_gone(view, one, items, place, words):
        return
    there = items.total if items is not None and not items.problem else 0
    if items is None or place.item > there:
        raise UsageError(
            "check {check!r}: got item {item}; there are {total:,}", check=place.check, item=place.item, total=there
        )
    cells = items.rows([place.item - 1]).to_pylist()[0]
    own = str(cells.pop(items.id_column)) if items.id_column else f"{place.item:,}"
    name = one_line(own, words, 80)
    numbers = kept_rows(place, items)
    found = np.flatnonzero(numbers == place.item - 1)
    at = int(found[0]) if found.size else None
    page = 1 if at is None else at // SIZE + 1
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit"))]
    way += [(one.name, place.to("finding", page=page)), (name, place)]
    letters = {words("dashboard.before"): "k", words("dashboard.after"): "j"}
    steps = _neighbours(place, words, numbers, at)
    crumbs(words, way, steps, letters)
    position = None if at is None else f"{at + 1:,}"
    head: dict[str, Any] = {"row": f"{place.item:,}", "at": position, "kept": f"{numbers.size:,}"}
    title, outcome = _title(cells, name, place.item, words), _outcome(cells, words)
    left, right = st.columns([11, 4], gap="medium")
    with left:
        draw("item_head.html.j2", words, one=one, name=name, title=title, own=outcome, mark=mark_of(place), **head)
        _body(audit, one.finding, own, cells, words)
    if items.id_column:
        with right:
            turn = Turn(place, own, title, dict(steps).get(words("dashboard.after")))
            _panel(audit, one, turn, words)
        with left:
            _elsewhere(place, own, cells, words)


def _is_gone(view: Overview, one: FindingView, items: ItemsFile, place: Address, words: Words) -> bool:
    """Tell whether the items were erased, and, where they were, the reader by whom, when and why."""
    if items.problem != "erased":
        return False
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit"))]
    crumbs(words, [*way, (one.name, place.to("finding")), (f"{place.item:,}", place)])
    draw("no_items.html.j2", words, items=items, erased=one.erased)
    return True


def _panel(audit: Audit, one: FindingView, turn: Turn, words: Words) -> None:
    """Draw the review of the item: calls and their effect on the number, what was said, the form for more."""
    said = item_review(standing(turn.place.audit), one.finding, turn.item, Notation(words), known_keys())
    draw("item_panel.html.j2", words, said=said)
    call_buttons(audit, turn, words)
    draw("item_said.html.j2", words, said=said)
    review_item(audit, turn.place.check, turn.item, words)


def _title(cells: Mapping[str, Any], name: str, row: int, words: Words) -> str:
    """Return what the item is: its question or text; of a picture its kind and row; else its name, or its id."""
    for column in CONTENT:
        value = cells.get(column)
        if isinstance(value, str) and value.strip():
            return one_line(value, words, 160)
        if value is not None:
            return f"{words.term('column', column)} {row:,}"
    return one_line(str(cells.get("name") or name), words, 160)


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
    pair = cells.get("prefers") == shown and shown in ("more", "less")
    told_word = words(f"dashboard.prefers_{shown}") if pair else one_line(words.term("cell", shown), words, 40)
    word = f"{told_word[:1].upper()}{told_word[1:]}"
    answer, right = (one_line(str(cells.get(name) or ""), words, 80) for name in ("answer", "right"))
    if against and answer and right:
        told = words("dashboard.item_prefers", answer=answer, right=right)
    return {"sign": sign, "word": word, "told": told}


def _neighbours(place: Address, words: Words, numbers: np.ndarray, at: int | None) -> list[tuple[str, Address]]:
    """Return the items before and after this one, in the order in which the reader sees them."""
    steps = () if at is None else ((words("dashboard.before"), at - 1), (words("dashboard.after"), at + 1))
    return [(label, place.to("item", item=int(numbers[to]) + 1)) for label, to in steps if 0 <= to < numbers.size]


def _body(audit: Audit, finding: Finding, own: str, cells: Mapping[str, Any], words: Words) -> None:
    notation = Notation(words)
    choices = choices_of(observed(audit, finding, own), notation)
    if choices:
        draw("item_choices.html.j2", words, choices=choices)
    sent = sent_of(_plan_of(audit), finding.check, cells)
    if sent:
        _text("dashboard.sent", sent, words)
    mapped = figure_of(finding.probe).of_item(finding, cells, notation)
    seen = {name: value for name, value in cells.items() if mapped is None or name not in (*CONTENT, *MAPPED)}
    pictures = {name: found for name, value in seen.items() if (found := drawn(name, value, notation, 960, 220))}
    if pictures:
        near = _nearest(audit, finding, cells, notation)
        draw("item_pictures.html.j2", words, pictures=pictures, near=near, picture=picture)
    if mapped is not None:
        draw("item_map.html.j2", words, found=replace(mapped, drawing=picture(mapped.drawing)))
    texts = {name: value for name, value in cells.items() if isinstance(value, str) and _is_text(name, value)}
    for name, value in texts.items():
        if not (choices and name in CHOSEN):  # they are the title and the choices
            _text(name, value, words)
    short = [
        (one_line(words.term("column", name), words, 40), shown_cell(value, notation, name))
        for name, value in seen.items()
        if name not in pictures and name not in texts and name not in (AGAINST, WEIGHT) and value is not None
    ]
    if short:
        draw("item_facts.html.j2", words, facts=short)


def _plan_of(audit: Audit) -> Mapping[str, Any]:
    """Return the frozen plan; empty where it is not the one that the record names."""
    path = audit.folder / PLAN_FILE
    plan: Mapping[str, Any] = stored_json(path) if path.is_file() else {}
    return plan if sha256(canonical(plan)) == audit.record.plan else {}


def _text(name: str, value: str, words: Words) -> None:
    label = words(name) if name.startswith("dashboard.") else one_line(words.term("column", name), words, 40)
    draw("item_text.html.j2", words, label=label)
    st.code(visible(value[:MOST]) or " ", language=None, wrap_lines=True)
    if len(value) > MOST:
        st.text(words("dashboard.cut", shown=f"{MOST:,}", total=f"{len(value):,}"))


def _nearest(audit: Audit, finding: Finding, cells: Mapping[str, Any], notation: Notation) -> Drawing | None:
    """Return the picture of the training item that lies nearest; None without one."""
    name = cells.get("nearest_item")
    there = observed(audit, finding, str(name), "train") if name is not None else {}
    shown = (drawn(column, there[column], notation, 960, 220) for column in CONTENT if there.get(column) is not None)
    return next(shown, None)


def _elsewhere(place: Address, own: str, cells: Mapping[str, Any], words: Words) -> None:
    """Draw what other checks and other audits say of the same item."""
    found = elsewhere(place.audit, place.check, own, cells)
    rows = [
        {"own": _outcome(one.cells, words), "check": one.check, "title": one.title if one.audit != place.audit else "",
         "href": _plain(place, one).link}
        for one in found
    ]
    draw("item_elsewhere.html.j2", words, rows=rows, count=AUDITS_LOOKED_AT)


def _plain(place: Address, one: Elsewhere) -> Address:
    return Address(lang=place.lang).to("item", audit=one.audit, check=one.check, item=one.row)


def _is_text(name: str, value: str) -> bool:
    return name not in WORDED and (name in TEXTS or len(value) > SHORT or "\n" in value)
