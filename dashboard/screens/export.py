"""Export: every document of an audit as a file, each with the command line that writes the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import streamlit as st

from audit import plugins
from audit.integrity import export_audit
from audit.record import SEAL_FILE
from audit.storage import shown
from dashboard.address import Address
from dashboard.loading import folder_of, opened, view_of
from dashboard.page_frame import crumbs
from dashboard.rendering import draw
from reports.options import ReportOptions
from reports.text import Words

__all__ = ["show"]


def show(place: Address, words: Words) -> None:
    """Draw a button for every format; a document is made when its button is pressed."""
    view = view_of(place.audit, place.lang)
    way = [(words("heading.index"), place.to("audits")), (view.title, place.to("audit"))]
    crumbs(words, [*way, (words("dashboard.export"), place)])
    draw("heading.html.j2", words, title=words("dashboard.export"), sentence=words("dashboard.export_lead"))
    folder = folder_of(place.audit)
    lang = "" if words.lang == "en" else f" --lang {words.lang}"
    for name in plugins.names("reports"):
        if name.endswith("pdf") and find_spec("weasyprint") is None:
            continue  # an extra; a button that makes nothing is worse than none
        if name.startswith("dossier") and not (folder / SEAL_FILE).is_file():
            continue  # of sealed audits alone
        if name == "every-eval-ever" and view.record.data is not None:
            continue  # of models alone
        command = f"dokimasia report {shown(folder)} --format {name}{lang}"
        _offer(words, name, partial(_document, place, name), command)
    out = f"{place.audit}.zip"
    _offer(words, "bundle", partial(_bundle, place), f"dokimasia export {shown(folder)} --out {out}", out)


def _offer(
    words: Words, name: str, make: Callable[[], bytes], command: str, file: str | None = None
) -> None:
    button, line = st.columns([2, 7], vertical_alignment="center")
    label = words.term("export", name)
    button.download_button(
        label, make, file_name=file or f"report.{_ENDINGS.get(name, name)}", on_click="ignore", width="stretch"
    )
    line.code(command, language=None)


_ENDINGS = {
    "markdown": "md", "card": "md", "junit": "xml", "summary": "md", "hf": "yaml", "cyclonedx": "cdx.json",
    "cyclonedx-1.6": "1.6.cdx.json", "oscal": "oscal.json", "spdx": "spdx.json", "croissant": "croissant.json",
    "every-eval-ever": "eee.json", "ll144": "ll144.html", "dossier": "html", "dossier-pdf": "pdf",
}


def _document(place: Address, name: str) -> bytes:
    render = plugins.load("reports", name)
    made: dict[str, bytes] = render(opened(place.audit), ReportOptions(lang=place.lang))
    return next(iter(made.values()))


def _bundle(place: Address) -> bytes:
    with tempfile.TemporaryDirectory(prefix="dokimasia-") as folder:
        path = Path(folder) / "bundle.zip"
        export_audit(folder_of(place.audit), path)
        return path.read_bytes()
