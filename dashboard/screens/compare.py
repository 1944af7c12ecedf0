"""Two to five audits, the baseline and candidates: differences with their words, or why there are none.

Audits of one plan are compared as `dokimasia compare` does it, with the items that fail or pass anew as content, linked
to all audits. Of others it is said what was asked differently.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from audit.catalogue import Asked
from audit.compare import MOST_AUDITS, Comparison
from audit.errors import DokimasiaError, IntegrityError, UsageError
from audit.plan import plan_differences
from audit.record import Audit
from dashboard.address import Address
from dashboard.indexing import index
from dashboard.loading import compared, folder_of, opened, view_of
from dashboard.page_frame import bound, crumbs, notice, still_at, trust_chips
from dashboard.rendering import draw, picture
from dashboard.side_by_side import apart
from reports.documents.comparison_html import comparison_tools
from reports.text import Notation, Words, one_line
from reports.views import LETTERS, comparison_view

__all__ = ["show"]

MOST_ITEMS = 60
"""Items of one kind that are named under a check."""
MOST_OFFERED = 1_000
"""Audits that are offered, the newest; an address may name any."""
Row = Mapping[str, Any]
"""What the index has of an audit."""


def show(place: Address, words: Words) -> None:
    """Draw the choice of audits and, once two are named, how the others differ from the first."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.compare"), place)])
    _choice(place, words)
    names = [one for one in (place.audit, *place.others) if one]
    if len(names) < 2 or not place.audit:
        draw("empty.html.j2", words, text=words("dashboard.choose_two"))
        return
    audits = []
    for name in names:
        try:
            audits.append(opened(name))
        except DokimasiaError as error:
            notice(words, error.message, folder_of(name) if isinstance(error, IntegrityError) else None)
            return
    sides = [
        (letter, view_of(name, place.lang), chip, *(place.to(one, audit=name).link for one in ("audit", "verify")))
        for letter, name, chip in zip(LETTERS, names, trust_chips(names, words), strict=False)
    ]
    draw("compare_sides.html.j2", words, sides=sides)
    tools = {
        **comparison_tools(Notation(words), picture), "most": MOST_ITEMS,
        "item_href": _item_href(names, place),
        "finding_href": lambda check, letter: place.to("finding", audit=names[LETTERS.index(letter)], check=check).link,
    }
    try:
        found = compared(names, float(place.margin or 0))
    except (UsageError, IntegrityError) as error:
        _draw_apart(names, audits, place, words, error, tools)
    else:
        _draw_differences(found, words, tools)


def _item_href(names: Sequence[str], place: Address) -> Callable[[str, str, int], str]:
    def href(check: str, letter: str, row: int) -> str:
        return place.to("item", audit=names[LETTERS.index(letter)], check=check, item=row).link if row else ""

    return href


def _choice(place: Address, words: Words) -> None:
    judged = Asked(judged=True, order="newest")
    known = {row["name"]: row for row in index().rows(judged, most=MOST_OFFERED)}
    say = _label(known, words)
    baseline, margin = st.columns([5, 1])
    if (total := index().count(judged)) > len(known):
        draw("empty.html.j2", words, text=words("compare.newest", count=len(known), total=total))
    with baseline:
        options = list(dict.fromkeys(["", *known, place.audit]))
        st.selectbox(words("compare.a"), options, format_func=say, **bound(place, "audit"))
    with margin:
        st.text_input(words("compare.margin"), placeholder=words("compare.margin_hint"), **bound(place, "margin"))
    st.session_state["others"] = list(place.others)
    st.multiselect(
        words("dashboard.candidates"), _alike_first(known, place), format_func=say, max_selections=MOST_AUDITS - 1,
        placeholder=words("dashboard.choose"), key="others", on_change=_write_others, args=(place,),
    )


def _alike_first(known: Mapping[str, Row], place: Address) -> list[str]:
    """Return what can be chosen beside the baseline, audits of its title first."""
    title = known[place.audit]["title"] if place.audit in known else ""
    others = sorted((one for one in known if one != place.audit), key=lambda one: known[one]["title"] != title)
    return list(dict.fromkeys([*others, *place.others]))


def _write_others(place: Address) -> None:
    if now := still_at(place):
        st.query_params.from_dict(now.to("compare", other=",".join(st.session_state["others"])).query)


def _label(known: Mapping[str, Row], words: Words) -> Callable[[str], str]:
    """Return how an audit is told in a choice: model, verdict, when; its title and name where another reads alike."""
    notation = Notation(words)

    def told(one: Row, *more: str) -> str:
        when = notation.minute(datetime.fromtimestamp(one["written"]))
        verdict = f"{words('sign.' + one['state'])} {words('verdict.' + one['state'])}"
        return one_line(" · ".join((one["model"] or one["title"], verdict, when, *more)), words, 160)

    texts = {name: told(one) for name, one in known.items()}
    for more in (("title",), ("title", "name")):
        often = Counter(texts.values())
        alike = {name: known[name] for name, text in texts.items() if often[text] > 1}
        texts |= {name: told(one, *(one[key] for key in more)) for name, one in alike.items()}
    unnamed = words("dashboard.choose")
    return lambda name: texts.get(name) or (one_line(name, words, 60) if name else unnamed)


def _draw_apart(
    names: Sequence[str], audits: Sequence[Audit], place: Address, words: Words, error: UsageError | IntegrityError,
    tools: Mapping[str, Any],
) -> None:
    """Say why nothing is compared, and of each candidate that was asked otherwise what is different."""
    base = (audits[0], view_of(names[0], place.lang), place.to("finding", audit=names[0]))
    found = [
        apart(letter, (base[0], audit), (base[1], view_of(name, place.lang)),
              (base[2], place.to("finding", audit=name)), words)
        for letter, name, audit in zip(LETTERS[1:], names[1:], audits[1:], strict=False)
        if _asked_otherwise(base[0], audit)
    ]  # fmt: skip
    told = one_line(words.term("error", error.message), words, 400)
    refused = found and isinstance(error, UsageError)
    why = words("compare.refused") if refused else words("compare.unreadable", why=told)
    draw("compare.html.j2", words, found=found, why=why, **tools)


def _asked_otherwise(a: Audit, b: Audit) -> bool:
    try:
        return bool(plan_differences(a, b))
    except IntegrityError:
        return True


def _draw_differences(found: Sequence[Comparison], words: Words, tools: Mapping[str, Any]) -> None:
    """Draw a comparison as its report shows it."""
    draw("compared.html.j2", words, view=comparison_view(found, words), **tools)
