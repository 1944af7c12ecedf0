"""The items behind a finding, to look through: found, narrowed, sorted, as a table or a gallery, taken away as CSV.

    browse(place, words, one, items, overridden)      draws the tools and one page of items

All that a reader sets stands in the address, so that a link or the Back button brings the same items in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from audit.errors import UsageError
from audit.record import AGAINST, ItemsFile
from audit.review import ReviewState, differ
from dashboard.address import Address
from dashboard.brushing import part_told
from dashboard.bulk_forms import MOST_GIVEN, give_items
from dashboard.findings_register import standing
from dashboard.item_pages import SLICES, Filters, among, as_csv, choices, columns_of, matching
from dashboard.loading import opened
from dashboard.page_frame import bound, choose, clamped, still_at, turn_pages
from dashboard.rendering import draw, picture
from dashboard.speakers import speaker
from reports.figures import drawn
from reports.text import Notation, Words, one_line
from reports.views import CONTENT, WORDED, FindingView, ItemsTable, laid_out, shown_cell

if TYPE_CHECKING:
    import numpy as np

__all__ = ["SIZE", "browse", "differing", "filters_of", "kept_rows", "laid_page"]

SIZE = 25
"""Items on one page."""
CHARACTERS = 400_000
"""At most this much escaped text on one page."""


def filters_of(place: Address) -> Filters:
    """Return the filters that an address names."""
    return Filters(place.failures, place.outcome, place.group, place.unit, place.find, place.part, place.sort)


def kept_rows(place: Address, items: ItemsFile) -> np.ndarray:
    """Return the numbers [row] of the rows that the address asks for; UsageError as `matching`."""
    numbers, asked = matching(items, filters_of(place)), REVIEWED.get(place.reviewed)
    if asked is None:
        return numbers
    state = standing(place.audit)
    return among(items, numbers, asked(state, place.check), inside=place.reviewed != "open")


def _spoken(state: ReviewState, check: str) -> Collection[str]:
    return state.calls.get(check, {}).keys()


def differing(state: ReviewState, check: str) -> list[str]:
    """Return the items of which two people say different things."""
    return [item for item, said in state.calls.get(check, {}).items() if differ(said)]


def _drawn(state: ReviewState, check: str) -> Collection[str]:
    found = state.reviewed.get(check)
    return () if found is None or found.check is None else found.check.left


def _given(state: ReviewState, check: str) -> Collection[str]:
    return [item for (of, item), said in state.targets.items() if of == check and item is not None and said.owner]


REVIEWED: Mapping[str, Callable[[ReviewState, str], Collection[str]]] = {
    "open": _spoken, "spoken": _spoken, "differ": differing, "drawn": _drawn, "given": _given,
}
"""What `reviewed` of an address may ask for -> the items of which that is so; `open` are all others."""


def browse(
    place: Address, words: Words, one: FindingView, items: ItemsFile, overridden: Mapping[str, str]
) -> None:
    """Draw the items that the address asks for; `overridden` says what a reviewer made of an item, by its name."""
    try:
        numbers, wrong = kept_rows(place, items), ""
    except UsageError as error:
        numbers = kept_rows(place.to("finding", find=""), items)
        wrong = one_line(words.term("error", error.message), words, 300)
    place = clamped(place, len(numbers), SIZE)
    shown = numbers[(place.page - 1) * SIZE : place.page * SIZE]
    hrefs = [place.to("item", item=int(number) + 1).link for number in shown]
    draw(
        "items_head.html.j2", words, items=items, kept=len(numbers), sort=place.sort, part=part_told(place, words),
        whole=place.to("finding", part="", page=1).link, erased=one.erased,
    )
    _filters(place, words, items)
    _tools(place, words, items, numbers)
    if wrong:
        draw("alarm.html.j2", words, text=wrong)
    if place.shown == "gallery":
        draw("gallery.html.j2", words, cards=_cards(items, shown, hrefs, words))
    else:
        ids = items.rows(shown)[items.id_column].to_pylist() if overridden and items.id_column else []
        draw(
            "items.html.j2",
            words,
            found=laid_page(items, one, shown, words, _chosen(place, items)),
            numbers=[int(number) + 1 for number in shown],
            hrefs=hrefs,
            marks=[overridden.get(str(name), "") for name in ids],
            sorts=_sorts(place, items),
        )
    turn_pages(place, words, len(numbers), SIZE)


def _chosen(place: Address, items: ItemsFile) -> list[str]:
    """Return the columns that the address names, as far as there are such."""
    return [name for name in place.columns.split(",") if name in items.columns]


def _sorts(place: Address, items: ItemsFile) -> dict[str, tuple[str, str]]:
    """Return column -> the address that sorts by it, and how it is sorted now; a second click turns the order round."""
    found = {}
    for name in columns_of(items).sortable:
        way = {name: "ascending", f"-{name}": "descending"}.get(place.sort, "")
        there = name if way == "descending" else f"-{name}"
        found[name] = (place.to("finding", sort=there, page=1).link, way)
    return found


def _cards(items: ItemsFile, numbers: np.ndarray, hrefs: Sequence[str], words: Words) -> list[dict[str, Any]]:
    """Return what a gallery shows of items: the picture or the text, and their own outcome."""
    notation, cards = Notation(words), []
    content = next((name for name in CONTENT if name in items.columns), None)
    told = [name for name in ("class", "outcome", "prefers", "group") if name in items.columns][:2]
    for cells, href in zip(items.rows(numbers).to_pylist(), hrefs, strict=True):
        value = cells.get(content) if content else None
        found = drawn(content, value, notation, 160, 60) if content else None
        said = [shown_cell(cells[name], notation, name) for name in told if cells[name] is not None]
        cards.append({
            "href": href, "picture": None if found is None else picture(found.picture),
            "text": one_line(str(value if value is not None else cells.get(items.id_column or "", "")), words, 160),
            "told": " · ".join(said), "against": bool(cells.get(AGAINST)),
        })
    return cards


def _filters(place: Address, words: Words, items: ItemsFile) -> None:
    """Draw the search and what narrows the items; only what this file has."""
    offered = {name: found for name in SLICES if len(found := choices(items, name)) > 1}
    with st.container(horizontal=True, vertical_alignment="center"):
        if columns_of(items).texts:
            st.text_input(
                words("dashboard.find"), placeholder=words("dashboard.find"), label_visibility="collapsed", width=210,
                max_chars=500, **bound(place, "find"),
            )
        if items.tells_failures:
            st.toggle(words("dashboard.failures"), **bound(place, "failures"))
        for name, found in offered.items():
            label = words.term("column", name)
            any_one = words("dashboard.any_of", what=label)
            say = partial(_option, any_one=any_one, words=words, column=name)
            choose(place, name, label, ["", *found], say, width=150)
        if items.id_column:
            choose(
                place, "reviewed", words("dashboard.by_review"), ["", *REVIEWED],
                lambda one: words(f"dashboard.reviewed_{one or 'any'}"), width=150,
            )


def _tools(place: Address, words: Words, items: ItemsFile, numbers: Any) -> None:
    """Draw how the items are shown, and the button that hands out what is kept as CSV."""
    with st.container(horizontal=True, vertical_alignment="center"):
        choose(place, "shown", words("dashboard.shown"), ["table", "gallery"], partial(_layout, words), width=130)
        with st.popover(words("dashboard.columns")):
            _columns(place, words, items)
        st.download_button(
            words("dashboard.csv"), partial(as_csv, items, numbers), file_name=f"{place.check}.csv", mime="text/csv",
            on_click="ignore",
        )
        if items.id_column and len(numbers) and speaker().speaks:
            with st.popover(words("register.give_items", count=len(numbers))):
                _give(place, words, items, numbers)


def _give(place: Address, words: Words, items: ItemsFile, numbers: Any) -> None:
    if len(numbers) > MOST_GIVEN:
        draw("alarm.html.j2", words, text=words("register.give_most", most=f"{MOST_GIVEN:,}"))
        return
    ids = [str(items.id_column)]
    give_items(opened(place.audit), place.check, lambda: items.table(ids).column(0).take(numbers).to_pylist(), words)


def _layout(words: Words, one: str) -> str:
    return words(f"dashboard.as_{one}")


def _columns(place: Address, words: Words, items: ItemsFile) -> None:
    st.session_state["columns"] = _chosen(place, items)
    st.multiselect(
        words("dashboard.columns_help"), [name for name in items.columns if name != items.id_column],
        format_func=lambda name: one_line(words.term("column", name), words, 40),
        key="columns", on_change=_write_columns, args=(place,),
    )


def _write_columns(place: Address) -> None:
    if now := still_at(place):
        st.query_params.from_dict(now.to("finding", columns=",".join(st.session_state["columns"])).query)


def _option(one: str, any_one: str, words: Words, column: str) -> str:
    if not one:
        return any_one
    return one_line(words.term(WORDED[column], one) if column in WORDED else one, words, 60)


def laid_page(
    items: ItemsFile, one: FindingView, numbers: Any, words: Words, chosen: Sequence[str] = ()
) -> ItemsTable:
    """Return rows as the report lays them out."""
    found = ItemsTable(items.name, total=items.total)
    return laid_out(found, one.finding, items.rows(numbers), Notation(words), CHARACTERS, picture, chosen)
