"""The dashboard's one page: read the address, draw its screen for whoever is let in."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import streamlit as st

from audit.errors import DokimasiaError, IntegrityError
from dashboard.address import Address, Screen, asked, read
from dashboard.indexing import one_moment
from dashboard.loading import folder_of
from dashboard.page_frame import crumbs, foot, notice
from dashboard.rendering import prepare
from dashboard.screens import login
from dashboard.speakers import behind_login, turned_away
from reports.text import Words, languages, words_of

# Screens that are drawn by a file of another name. No sentence below it: Streamlit draws those of its script.
FILES = {"audit": "one_audit", "framework": "one_framework"}


def main() -> None:
    """Draw the screen that the query string names, or say in one line why it cannot be."""
    st.set_page_config(page_title="Dokimasia", layout="wide")
    lang = asked().get("lang")
    place = Address(lang=lang) if lang in languages() else Address()
    words = words_of(place.lang)
    prepare(words)
    why = turned_away()
    if why is not None:
        login.show(why, words)
        return
    if behind_login():
        login.return_to_wanted()
    try:
        place = read(asked())
        with one_moment():
            _drawer(place.screen)(place, words)
        foot(place, words)
    except DokimasiaError as error:
        _not_shown(error, place, words)


def _drawer(screen: Screen) -> Callable[[Address, Words], None]:
    """Return what draws a screen, whose file is read when somebody first asks for it: the list waits for no other."""
    show: Callable[[Address, Words], None] = import_module(f"dashboard.screens.{FILES.get(screen, screen)}").show
    return show


def _not_shown(error: DokimasiaError, place: Address, words: Words) -> None:
    damaged = folder_of(place.audit) if isinstance(error, IntegrityError) and place.audit else None
    here = words("dashboard.not_found") if damaged is None else place.audit
    crumbs(words, [(words("heading.index"), place.to("audits")), (here, place)])
    notice(words, error.message, damaged)


main()
