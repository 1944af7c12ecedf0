"""The commands `report` and `index`: a document about one finished audit, and a page over all of them.

Every start of the command imports this module, so that what only a report needs is imported inside.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audit import plugins
from audit.cli.options import AsJson, AuditName, Into
from audit.errors import DokimasiaError, UsageError, clean

if TYPE_CHECKING:
    from reports.options import Report

__all__ = ["index", "report"]


def report(
    audit: AuditName,
    format: Annotated[
        str,
        typer.Option(help="html, pdf, markdown, json, junit, sarif, summary, or the name of an installed report."),
    ] = "html",
    lang: Annotated[str, typer.Option(help="Language of the document: en or ko.")] = "en",
    out: Annotated[Path | None, typer.Option(help="File to write; default: reports/ in the audit's folder.")] = None,
    plan: Annotated[str, typer.Option(help="Path of the plan in your repository; SARIF points there.")] = "plan.yaml",
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Write a report of a finished audit and print its path."""
    from audit.files import in_language, write_inside, write_out
    from audit.record import find_audit, load_record
    from reports.options import ReportOptions
    from reports.text import words_of

    words_of(lang)
    render: Report = plugins.load("reports", format)
    folder = find_audit(audit, into)
    files = render(load_record(folder), ReportOptions(lang=lang, plan=plan))
    if out is not None and len(files) != 1:
        raise UsageError(
            f"--out {out}: report {format!r} writes {len(files)} files; allowed: --out with a report of one file"
        )
    written = []
    for name, data in files.items():
        path = folder / "reports" / in_language(Path(name).name, lang) if out is None else out
        if _breaks_seal(path, data, folder):
            typer.echo(f"{path}: sealed, and other bytes now; 'dokimasia seal --again' seals anew", err=True)
        if out is None:
            write_inside(folder, f"reports/{path.name}", data)
        else:
            write_out(out, data)
        written.append(str(path))
    typer.echo(json.dumps({"files": written}) if as_json else "\n".join(written))


def _breaks_seal(path: Path, data: bytes, folder: Path) -> bool:
    """Tell whether a document that lay there when the audit was sealed becomes another one."""
    from audit.record import SEAL_FILE

    sealed = (folder / SEAL_FILE).is_file() and path.parent == folder / "reports" and path.is_file()
    return sealed and path.read_bytes() != data


def index(
    into: Into = Path("audits"),
    lang: Annotated[str, typer.Option(help="Language of the page: en or ko.")] = "en",
) -> None:
    """Write one page over all finished audits, with links to their reports, and print its path.

    An audit whose record cannot be read has a row that says so, and is told on stderr.
    """
    from audit.files import in_language, write_inside
    from audit.record import RECORD_FILE, load_record
    from reports.documents.index_page import render_index

    audits, damaged = [], []
    for path in sorted(into.glob(f"*/{RECORD_FILE}")):
        try:
            audits.append(load_record(path.parent))
        except DokimasiaError as error:
            typer.echo(clean(f"{path.parent.name}: {error}"), err=True)
            damaged.append((path.parent.name, error.message))
    if not audits and not damaged:
        raise UsageError(f"{into}: no finished audit here")
    name = in_language(Path("index").with_suffix(".html").name, lang)
    typer.echo(str(write_inside(into, name, render_index(audits, lang, damaged))))
