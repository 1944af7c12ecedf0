"""The dashboard's one page: read the address, draw its screen for whoever is let in."""

from __future__ import annotations

import streamlit as st

from audit.errors import DokimasiaError, IntegrityError
from dashboard.address import Address, asked, read
from dashboard.loading import folder_of
from dashboard.page_frame import crumbs, foot, notice
from dashboard.rendering import prepare
from dashboard.screens import (
    audits,
    compare,
    export,
    finding,
    frameworks,
    item,
    login,
    one_audit,
    one_framework,
    register,
    trends,
    verify,
)
from dashboard.speakers import behind_login, turned_away
from reports.text import Words, languages, words_of

SCREENS = {
    "audits": audits.show,
    "audit": one_audit.show,
    "finding": finding.show,
    "item": item.show,
    "compare": compare.show,
    "register": register.show,
    "trends": trends.show,
    "frameworks": frameworks.show,
    "framework": one_framework.show,
    "verify": verify.show,
    "export": export.show,
}


def main() -> None:
    """Draw the screen that the query string names, or say in one line why it cannot be."""
    st.set_page_config(page_title="Dokimasia", page_icon="⚖️", layout="wide")
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
        SCREENS[place.screen](place, words)
        foot(place, words)
    except DokimasiaError as error:
        _not_shown(error, place, words)


def _not_shown(error: DokimasiaError, place: Address, words: Words) -> None:
    damaged = folder_of(place.audit) if isinstance(error, IntegrityError) and place.audit else None
    here = words("dashboard.not_found") if damaged is None else place.audit
    crumbs(words, [(words("heading.index"), place.to("audits")), (here, place)])
    notice(words, error.message, damaged)


main()
