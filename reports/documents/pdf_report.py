"""The PDF report: the HTML report printed by WeasyPrint, tagged as PDF/UA, for people who file and sign paper.

    render_pdf(audit, options) -> {"report.pdf": bytes}

Template, words and figures are those of the HTML report; the style's print part lays them out on A4. No address is
ever fetched, and no clock enters: same record, fonts and libraries, same bytes.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from audit.errors import UsageError
from reports.documents.html_report import document
from reports.options import DEFAULTS, ReportOptions
from reports.text import font_face, typeface

if TYPE_CHECKING:
    from audit.record import Audit

__all__ = ["printed", "render_pdf"]

_PANGO = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
"""Debian packages of the libraries that WeasyPrint opens."""


def render_pdf(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as one PDF file; UsageError where WeasyPrint or a library that it opens is missing."""
    return {"report.pdf": printed(document(audit, options, "pdf"))}


def printed(page: str) -> bytes:
    """Return an HTML page as a tagged PDF; every address that it names is refused, but for data inside the page.

    The face that may be installed beside us is the one file that is read.
    """
    try:
        with redirect_stdout(io.StringIO()):  # it prints a page of advice where a library is missing
            from weasyprint import CSS, HTML
            from weasyprint.text.fonts import FontConfiguration
            from weasyprint.urls import URLFetcher
    except ImportError:
        raise UsageError("report pdf: got no WeasyPrint; install it: pip install 'dokimasia[pdf]'") from None
    except OSError as error:
        why = str(error).partition(":")[0].strip()
        raise UsageError(
            "report pdf: {why}; install what draws text, on Debian: apt install {packages}", why=why, packages=_PANGO
        ) from None
    fonts, face = FontConfiguration(), typeface()
    ours = font_face(face.as_uri()) if face else ""
    with _screens_untold():
        style = CSS(string=ours, font_config=fonts, url_fetcher=URLFetcher(allowed_protocols=("file",)))
        document = HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=("data",)))
        return bytes(document.write_pdf(pdf_variant="pdf/ua-1", font_config=fonts, stylesheets=[style]))


@contextmanager
def _screens_untold() -> Iterator[None]:
    """Let WeasyPrint say what failed, and nothing of rules of the style that are for screens."""
    logger = logging.getLogger("weasyprint")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
