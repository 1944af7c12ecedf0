"""One page over several audits: audits against dimensions, each cell the worst finding and its number.

It is written beside the audits' folders, because it links to `<id>/reports/report.html` in each. A document that lies
in an audit of others and is not the one that we make of it gets no link: nobody here wrote it. The worst audits come
first; what people said is told as it stood on the day of the last entry, so that the page holds no clock.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote

from audit.errors import IntegrityError
from audit.files import digest_file, in_language, sha256
from audit.plan import is_own
from audit.record import WORST_FIRST, Audit, Verdict
from audit.review import state_of
from audit.verdict import badness, dimensions_of
from detectors.immutable import immutable
from reports.documents.cards import labelled
from reports.documents.html_report import render_html
from reports.documents.templating import environment, text_tools
from reports.figures import sign
from reports.options import ReportOptions
from reports.text import Words, one_line, words_of
from reports.views import PrintedRow, printed_row, tally_text

__all__ = ["render_index"]


@immutable
class _Row:
    row: PrintedRow
    href: str
    """Place of the document; empty where others wrote it."""
    after: Verdict | None
    """After review; None where nobody has spoken of it."""
    decision: str
    problem: str
    """Why its reviews cannot be read."""

    @property
    def hrefs(self) -> list[str]:
        """Where what is wrong is told."""
        return [f"{self.href}#{one.anchor}" if self.href else "" for one in self.row.wrong]


def render_index(
    audits: Sequence[Audit], lang: str = "en", damaged: Sequence[tuple[str, str]] = ()
) -> bytes:
    """Return the page, the worst audits first, then (folder, why) of those whose record cannot be read.

    Links lead to the reports of the same language. UsageError for a language that has no catalogue.
    """
    words = words_of(lang)
    ranked = sorted(audits, key=lambda one: (*badness(one.record.verdict, one.record.findings), one.folder.name))
    rows = [_row(audit, words) for audit in ranked]
    verdicts = [row.row.verdict for row in rows]
    counts = [(verdict, verdicts.count(verdict)) for verdict in WORST_FIRST if verdict in verdicts]
    dimensions = dimensions_of(one.row.row for one in rows)
    template = environment().get_template("index.html.j2")
    page = template.render(
        rows=rows,
        damaged=[(name, words.term("error", why)) for name, why in damaged],
        lang=lang,
        dimensions=[(name, one_line(words.term("dimension", name), words, 40)) for name in dimensions],
        reviewed=any(row.after or row.problem for row in rows),
        tally=tally_text(counts, words),
        sign=lambda verdict: sign(verdict, words(f"verdict.{verdict}")),
        **text_tools(words),
    )
    return labelled(page).encode()


def _row(audit: Audit, words: Words) -> _Row:
    name = in_language("report.html", words.lang)
    href = "" if _is_foreign(audit, name, words) else f"{quote(audit.folder.name, safe='')}/reports/{name}"
    row = printed_row(audit.record, words)
    try:
        state = state_of(audit)
    except IntegrityError as error:
        return _Row(row, href, None, "", one_line(words.term("error", error.message), words, 240))
    return _Row(row, href, state.verdict if state.entries else None, state.decision, "")


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
