"""Two audits, the baseline and the candidate: differences with their words, or why there are none.

Audits of one plan are compared as `dokimasia compare` does it, with items that fail or pass anew linked to both audits.
Others stand side by side, with what was asked differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from audit.compare import Comparison
from audit.errors import IntegrityError, UsageError
from audit.plan import plan_differences
from audit.record import Audit, items_of
from dashboard.address import Address
from dashboard.item_pages import named
from dashboard.loading import compared, entries, opened, view_of
from dashboard.page_frame import bound, choose, crumbs
from dashboard.rendering import draw, picture
from dashboard.side_by_side import asked_differently, blocks_of, changed_items, pairs_of
from reports.documents.comparison_html import comparison_tools
from reports.text import Notation, Words, one_line
from reports.views import ComparisonView, comparison_view

__all__ = ["show"]

MOST_ITEMS = 60
"""Items of one kind that are named under a check."""


def show(place: Address, words: Words) -> None:
    """Draw the choice of two audits and, once both are named, how the second differs from the first."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.compare"), place)])
    _choice(place, words)
    if not place.audit or not place.other:
        draw("empty.html.j2", words, text=words("dashboard.choose_two"))
        return
    names = (place.audit, place.other)
    audits = (opened(names[0]), opened(names[1]))
    views = [view_of(name, place.lang) for name in names]
    sides = [
        (one, view, place.to("audit", audit=name).link) for one, view, name in zip("AB", views, names, strict=True)
    ]
    frame: dict[str, Any] = {"sides": sides, "differences": _asked(audits, words)}
    try:
        found = compared(*names, float(place.margin or 0))
    except (UsageError, IntegrityError) as error:
        refused = isinstance(error, UsageError)
        told = one_line(words.term("error", error.message), words)
        why = words("compare.refused") if refused else words("compare.unreadable", why=told)
        pairs = pairs_of(views[0], views[1])
        draw(
            "compare.html.j2", words, why=why, blocks=blocks_of(pairs, place, words), **frame,
            changed=[one for pair in pairs if (one := changed_items(audits, pair, place, words))],
        )
        return
    _draw_differences(found, audits, place, words, frame)


def _asked(audits: tuple[Audit, Audit], words: Words) -> list[tuple[str, ...]]:
    """Return what was asked differently: of the models by the records, of all else by the plans where there are any."""
    found = asked_differently(audits[0].record, audits[1].record)
    try:
        plans = plan_differences(*audits)
        found = [one for one in found if one.what.startswith("models.")] + plans
    except IntegrityError:
        pass  # an audit without a readable plan: its record says most of it
    none = words("format.none")
    return [
        (one.place, *(none if side is None else one_line(side, words, 160) for side in one.texts)) for one in found
    ]


def _choice(place: Address, words: Words) -> None:
    known = {one.name: one.title for one in entries() if one.state not in ("running", "unreadable")}
    unnamed = words("dashboard.choose")

    def say(name: str) -> str:
        return one_line(f"{known.get(name, '')} · {name}", words, 100) if name else unnamed

    columns = st.columns([5, 5, 2])
    for column, name in zip(columns, ("audit", "other"), strict=False):
        with column:
            choose(place, name, words("col.audit"), ["", *known], say)
    with columns[2]:
        hint = words("compare.margin_hint")
        st.text_input(hint, placeholder=hint, label_visibility="collapsed", **bound(place, "margin"))


def _draw_differences(
    found: Comparison, audits: tuple[Audit, Audit], place: Address, words: Words, frame: Mapping[str, Any]
) -> None:
    """Draw a comparison as its report shows it, with links to the findings and to the items of both audits."""
    view = comparison_view(found, words)
    names = (place.audit, place.other)
    links = _item_links(view, audits, place)
    draw(
        "compared.html.j2", words, view=view, most=MOST_ITEMS,
        links=lambda check, item: links.get((check, item), ()),
        of_check=lambda check: [place.to("finding", audit=name, check=check).link for name in names],
        **frame, **comparison_tools(view, Notation(words), picture),
    )


def _item_links(
    view: ComparisonView, audits: tuple[Audit, Audit], place: Address
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Return (check, item) -> (letter, link) of every item that is named, in both audits."""
    links: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for check in view.checks:
        if check.changes is None:
            continue
        shown = [*check.changes.failing[:MOST_ITEMS], *check.changes.passing[:MOST_ITEMS]]
        for letter, audit, name in zip("AB", audits, (place.audit, place.other), strict=True):
            items = items_of(audit.folder, audit.finding(check.check))
            for item, row in zip(shown, [] if items is None else named(items, shown), strict=False):
                if row is not None:
                    link = place.to("item", audit=name, check=check.check, item=row).link
                    links.setdefault((check.check, item), []).append((letter, link))
    return links
