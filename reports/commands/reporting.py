"""The commands `report` and `index`: a document about one finished audit, and a page over all of them.

Every start of the command imports this module, so that what only a report needs is imported inside.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit import plugins
from audit.cli.options import AsJson, AuditName, Into, PlanPath
from audit.errors import DokimasiaError, UsageError, clean, did_you_mean

if TYPE_CHECKING:
    from reports.options import Report

__all__ = ["index", "report"]

Format = Annotated[
    str,
    typer.Option(help="html, pdf, markdown, json, junit, sarif, summary, oscal, cyclonedx, ...; parts names all."),
]
FrameworkName = Annotated[
    str | None, typer.Option(help="Of which clauses it is evidence: eu-ai-act, nist-ai-rmf, ... (frameworks).")
]


def report(
    audit: AuditName,
    format: Format = "html",
    lang: Annotated[str, typer.Option(help="Language of the document: en or ko.")] = "en",
    out: Annotated[Path | None, typer.Option(help="File to write; default: reports/ in the audit's folder.")] = None,
    framework: FrameworkName = None,
    plan: PlanPath = "plan.yaml",
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Write a report of a finished audit and print its path; with --framework, by its clauses.

    Exit code 4, and no document, where the audit is not what was stored.
    """
    from audit.integrity import check_digests
    from audit.record import load_record, write_reports
    from audit.review import pull_reviews
    from audit.storage import find_audit
    from reports.options import ReportOptions
    from reports.text import words_of

    words_of(lang)
    render: Report = plugins.load("reports", format) if framework is None else _of_framework(framework, format)
    folder = find_audit(audit, into)
    found = load_record(folder)
    pull_reviews(found)
    check_digests(found)
    files = render(found, ReportOptions(lang=lang, plan=plan))
    written = [*map(str, write_reports(folder, files, lang=lang, out=out, remark=partial(typer.echo, err=True)))]
    typer.echo(json.dumps({"files": written}) if as_json else "\n".join(written))


def _of_framework(framework: str, format: str) -> Report:
    """Return what writes an audit as a framework sees it; UsageError for a format that has no place for clauses."""
    from reports.documents.coverage_files import WRITERS

    if format not in WRITERS:
        raise UsageError(f"report --framework: format {format!r}{did_you_mean(format, WRITERS)}")
    return lambda audit, options: WRITERS[format](audit, framework, options)


def index(
    into: Into = Path("audits"),
    lang: Annotated[str, typer.Option(help="Language of the page: en or ko.")] = "en",
) -> None:
    """Write one page over all finished audits, with links to their reports, and print its path.

    An audit whose record cannot be read or was changed has a row that says so, and is told on stderr.
    """
    from audit.files import in_language, write_inside
    from audit.integrity import check_told
    from audit.record import RECORD_FILE, load_record
    from audit.review import pull_reviews
    from audit.storage import TELLING, bring_heads, shown
    from reports.documents.index_page import render_index

    bring_heads(into, TELLING)
    audits, damaged = [], []
    for path in sorted(into.glob(f"*/{RECORD_FILE}")):
        try:
            found = load_record(path.parent)
            check_told(found)
            audits.append(found)
            pull_reviews(found)
        except DokimasiaError as error:
            typer.echo(clean(f"{path.parent.name}: {error}"), err=True)
            damaged.append((path.parent.name, error.message))
    if not audits and not damaged:
        raise UsageError(f"{shown(into)}: no finished audit here")
    name = in_language(Path("index").with_suffix(".html").name, lang)
    typer.echo(str(write_inside(into, name, render_index(audits, lang, damaged))))
