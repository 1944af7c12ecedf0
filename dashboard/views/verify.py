"""Verify an audit that lies here, or a dropped bundle: is it what was written, who spoke of it, does its seal hold?

A bundle is checked byte for byte before anything of it is believed, and is unpacked here only on wish.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from audit.bundle import check_bundle, import_audit, unpacked
from audit.errors import DokimasiaError
from audit.verification import verify_audit
from dashboard.address import Address
from dashboard.drawing import draw
from dashboard.frame import crumbs
from dashboard.loading import folder_of, home, opened
from reports.inert import one_line
from reports.wording import Words

__all__ = ["show"]

MEGABYTES = 1024
"""Largest bundle that a browser may send."""


def show(place: Address, words: Words) -> None:
    """Draw what was verified of the audit that the address names, and the place to drop a bundle."""
    way = [(words("heading.index"), place.to("audits"))]
    if place.audit:
        way.append((one_line(opened(place.audit).record.title, words, 60), place.to("audit")))
    crumbs(words, [*way, (words("dashboard.verify"), place)])
    draw("heading.html.j2", words, title=words("dashboard.verify"), sentence=words("dashboard.verify_lead"))
    if place.audit:
        folder = folder_of(place.audit)
        _told(words, lambda: list(verify_audit(folder).lines()), f"dokimasia verify {folder} --recompute")
    draw("uploader.html.j2", words)
    sent = st.file_uploader(words("dashboard.drop"), type="zip", max_upload_size=MEGABYTES)
    if sent is not None:
        with tempfile.TemporaryDirectory(prefix="dokimasia-") as place_of:
            path = Path(place_of) / "bundle.zip"
            path.write_bytes(sent.getbuffer())
            _bundle(path, place, words)


def _told(words: Words, verified: Callable[[], Sequence[str]], command: str) -> bool:
    """Draw the lines of a verification, or the one line that says what does not agree."""
    try:
        lines, why = verified(), None
    except DokimasiaError as error:
        lines, why = [], str(error)
    told = [words.term("verified", line.strip()) for line in lines]
    draw("verified.html.j2", words, lines=told, why=why and words.term("error", why))
    st.code(command, language=None)
    return why is None


def _bundle(path: Path, place: Address, words: Words) -> None:
    def verified() -> list[str]:
        with unpacked(check_bundle(path)) as folder:
            return list(verify_audit(folder).lines())

    whole = _told(words, verified, f"dokimasia import BUNDLE.zip --into {home()}")
    if whole and st.button(words("dashboard.import"), type="primary"):
        try:
            folder = import_audit(path, home())
        except DokimasiaError as error:
            draw("verified.html.j2", words, lines=[], why=words.term("error", str(error)))
            return
        draw("links.html.j2", words, links=[(words("dashboard.imported"), place.to("audit", audit=folder.name).link)])
