"""One page over several audits: audits against dimensions, each cell the worst finding and its number.

It is written beside the audits' folders, because it links to `<id>/reports/report.html` in each. A document that lies
in an audit of others and is not the one that we make of it gets no link: nobody here wrote it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from audit.errors import IntegrityError
from audit.files import digest_file, in_language, sha256
from audit.plan import is_own
from audit.record import DIMENSIONS, WORST_FIRST, Audit, decided
from reports.documents.html_report import render_html
from reports.documents.templating import environment, text_tools
from reports.figures import sign
from reports.options import ReportOptions
from reports.text import Words, one_line, words_of
from reports.views import FindingView, Overview, overview, tally_text

__all__ = ["render_index"]


@dataclass(frozen=True)
class _Row:
    view: Overview
    href: str
    """Place of the document; empty where others wrote it."""
    decided: str
    far: str
    """How many measures without a limit are far off; empty where none is."""
    cells: tuple[FindingView | None, ...]


def render_index(
    audits: Sequence[Audit], lang: str = "en", damaged: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Return the page, audits in the given order, then (folder, why) of those whose record cannot be read.

    Links lead to the reports of the same language. UsageError for a language that has no catalogue.
    """
    words = words_of(lang)
    asked = {one.dimension for audit in audits for one in audit.record.findings}
    dimensions = [*DIMENSIONS, *sorted(asked - set(DIMENSIONS))]
    rows = [_row(audit, words, dimensions) for audit in audits]
    verdicts = [row.view.record.verdict for row in rows]
    counts = [(verdict, verdicts.count(verdict)) for verdict in WORST_FIRST if verdict in verdicts]
    template = environment().get_template("index.html.j2")
    page = template.render(
        rows=rows,
        damaged=[(name, words.term("error", why)) for name, why in damaged],
        lang=lang,
        dimensions=[one_line(words.term("dimension", name), words, 40) for name in dimensions],
        tally=tally_text(counts, words),
        sign=lambda verdict: sign(verdict, words(f"verdict.{verdict}")),
        **text_tools(words),
    )
    return page.encode()


def _row(audit: Audit, words: Words, dimensions: Sequence[str]) -> _Row:
    view, name = overview(audit, words), in_language("report.html", words.lang)
    far = sum(one.far_count for one in view.findings)
    return _Row(
        view,
        href="" if _is_foreign(audit, name, words) else f"{quote(audit.folder.name, safe='')}/reports/{name}",
        decided="{}/{}".format(*decided(audit.record.findings)),
        far=words("tail.far_off", count=far) if far else "",
        cells=tuple(
            next((one for one in view.findings if one.finding.dimension == name), None) for name in dimensions
        ),
    )


def _is_foreign(audit: Audit, name: str, words: Words) -> bool:
    """Tell whether a document in an audit that was not run here is none that we make of it."""
    path = audit.folder / "reports" / name
    if not os.path.lexists(path) or is_own(audit):
        return False
    try:
        made = render_html(audit, ReportOptions(lang=words.lang))["report.html"]
        return path.is_symlink() or digest_file(path) != sha256(made)
    except (IntegrityError, OSError):
        return True
