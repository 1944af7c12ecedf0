"""One page over several audits: audits against dimensions, each cell the worst finding and its number.

It is written beside the audits' folders, because it links to `<id>/reports/report.html` in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from audit.files import in_language
from audit.record import DIMENSIONS, WORST_FIRST, Audit, decided
from reports.figures import sign
from reports.html_report import environment, text_tools
from reports.summary import tally_text
from reports.tables import FindingView, Overview, overview
from reports.wording import Words, words_of

__all__ = ["render_index"]


@dataclass(frozen=True)
class _Row:
    view: Overview
    href: str
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
    rows = [_row(audit, words) for audit in audits]
    verdicts = [row.view.record.verdict for row in rows]
    counts = [(verdict, verdicts.count(verdict)) for verdict in WORST_FIRST if verdict in verdicts]
    template = environment().get_template("index.html.j2")
    page = template.render(
        rows=rows,
        damaged=damaged,
        lang=lang,
        dimensions=[words.term("dimension", name) for name in DIMENSIONS],
        tally=tally_text(counts, words),
        sign=lambda verdict: sign(verdict, words(f"verdict.{verdict}")),
        **text_tools(words),
    )
    return page.encode()


def _row(audit: Audit, words: Words) -> _Row:
    view = overview(audit, words)
    far = sum(len(one.far) for one in view.findings)
    return _Row(
        view,
        href=f"{quote(audit.folder.name, safe='')}/reports/{in_language('report.html', words.lang)}",
        decided="{}/{}".format(*decided(audit.record.findings)),
        far=words("tail.far_off", count=far) if far else "",
        cells=tuple(findings[0] if findings else None for _, findings in view.dimensions[: len(DIMENSIONS)]),
    )
