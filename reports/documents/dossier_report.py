"""The dossier of tests that Annex IV 2(g) of the EU AI Act asks for, from a sealed audit, as a page or on paper.

    tests and metrics, data, possibly discriminatory effects, logs with digests, who signed what and when

Only a sealed audit has one: the file is about reports that are dated and signed. It says what was tested, not that it
was enough.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from audit.errors import UsageError
from audit.files import digest_file
from detectors.immutable import immutable
from reports.documents.cards import labelled
from reports.documents.pdf_report import printed
from reports.documents.templating import environment, text_tools
from reports.exchange.facts import sources
from reports.figures import sign
from reports.options import DEFAULTS, ReportOptions
from reports.text import Notation, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView, MeasureRow

__all__ = ["render_dossier", "render_dossier_pdf"]

FRAMEWORK, CLAUSE = "eu-ai-act", "annex-iv-2-g"
MOST_FILES = 400
"""At most so many files are listed with their digests; the seal names all."""


@immutable
class _Test:
    view: FindingView
    before: bool
    """Whether its limit was fixed before the first answer."""


def render_dossier(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the dossier as one HTML file; UsageError for an audit without a seal, or an unknown language."""
    return {"dossier.html": labelled(_page(audit, options, "dossier")).encode()}


def render_dossier_pdf(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the dossier as tagged PDF; UsageError as `render_dossier`, and where WeasyPrint is missing."""
    return {"dossier.pdf": printed(_page(audit, options, "dossier-pdf"))}


def _page(audit: Audit, options: ReportOptions, format: str) -> str:
    from audit.frameworks import load_framework
    from audit.integrity import check_seal
    from audit.policy import coverage_of
    from audit.review import state_of
    from audit.signing import known_keys
    from reports.frameworks.coverage_view import coverage_view
    from reports.views import overview, review_view, sheet_rows

    words, sealed = words_of(options.lang), check_seal(audit)
    if sealed is None:
        raise UsageError("report dossier: got an audit without a seal; allowed: a sealed one (dokimasia seal)")
    notation, view = Notation(words), overview(audit, words)
    found = coverage_view(coverage_of(audit, load_framework(FRAMEWORK)), audit, words)
    again = shlex.join(["dokimasia", "report", audit.record.id, "--format", format, "--lang", words.lang])
    filled: str = environment().get_template("dossier.html.j2").render(
        view=view, record=audit.record, run=audit.run, lang=words.lang, notation=notation, again=again,
        clause=next(row for row in found.rows if row.coverage.clause.id == CLAUSE), sealed=sealed,
        sealer=sealed.owner or sealed.by, review=review_view(audit, notation, state_of(audit), known_keys()),
        sheet=sheet_rows(audit, words), tests=[*_tests(audit, view.findings)], groups=[*_groups(view.findings)],
        data=sources(audit.record.findings, words), files=[*_files(audit)][:MOST_FILES],
        sign=lambda verdict: sign(verdict, words(f"verdict.{verdict}")),
        sign_of=lambda one: sign(one.finding.verdict, one.verdict), **text_tools(words),
    )  # fmt: skip
    return filled


def _tests(audit: Audit, findings: tuple[FindingView, ...]) -> Iterator[_Test]:
    from audit.policy import facts_of, post_hoc

    facts = facts_of(audit)
    for one in findings:
        yield _Test(one, not post_hoc(facts, one.finding))


def _groups(findings: tuple[FindingView, ...]) -> Iterator[tuple[FindingView, MeasureRow]]:
    """Yield the numbers of groups, those of one check and measure together, the worst group first."""
    for one in findings:
        yield from ((one, row) for block in one.blocks if block.grouped for row in block.rows)


def _files(audit: Audit) -> Iterator[tuple[str, str]]:
    from audit.record import audit_files

    for name in audit_files(audit.folder):
        if not name.startswith("reports/"):
            yield name, digest_file(audit.folder / name)
