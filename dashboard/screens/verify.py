"""Verify an audit that lies here, or a dropped bundle: sealed by a known key, unchanged but unsealed, or changed?

A bundle is checked byte for byte before anything of it is believed, and is unpacked here only on wish.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from audit.errors import DokimasiaError
from audit.integrity import Verification, check_bundle, import_audit, unpacked
from audit.storage import shown
from dashboard.address import Address
from dashboard.loading import folder_of, home, opened
from dashboard.page_frame import crumbs
from dashboard.rendering import draw
from dashboard.speakers import must_speak, speaker
from dashboard.trust import Trust, chip_of, trust_in, verified
from reports.text import Words, one_line
from reports.views import verification_lines

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
        _told(words, lambda: verified(folder), f"dokimasia verify {shown(folder)} --recompute")
    draw("uploader.html.j2", words)
    sent = st.file_uploader(words("dashboard.drop"), type="zip", max_upload_size=MEGABYTES)
    if sent is not None:
        with tempfile.TemporaryDirectory(prefix="dokimasia-") as place_of:
            path = Path(place_of) / "bundle.zip"
            path.write_bytes(sent.getbuffer())
            _bundle(path, place, words)


def _told(words: Words, verify: Callable[[], Verification], command: str) -> bool:
    """Draw which of the three states it is in, and the lines of a verification."""
    try:
        found = verify()
        trust, lines = trust_in(found), verification_lines(found, words)
    except DokimasiaError as error:
        trust, lines = Trust("changed", why=error.message), []
    draw("verified.html.j2", words, lines=lines, state=trust.state, chip=chip_of(trust, words))
    st.code(command, language=None)
    return trust.state != "changed"


def _bundle(path: Path, place: Address, words: Words) -> None:
    def verify() -> Verification:
        with unpacked(check_bundle(path)) as folder:
            return verified(folder)

    whole = _told(words, verify, f"dokimasia import BUNDLE.zip --into {shown(home())}")
    if whole and speaker().speaks and st.button(words("dashboard.import"), type="primary"):
        try:
            must_speak(speaker())
            folder = import_audit(path, home())
        except DokimasiaError as error:
            draw("alarm.html.j2", words, text=one_line(words.term("error", error.message), words, 300))
            return
        draw("links.html.j2", words, links=[(words("dashboard.imported"), place.to("audit", audit=folder.name).link)])
