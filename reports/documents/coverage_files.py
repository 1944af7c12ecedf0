"""An audit in the eyes of one framework: HTML, PDF, Markdown and JSON of one view, OSCAL and CycloneDX.

    WRITERS[format](audit, framework, options) -> {"coverage-<framework>.html": bytes}

They are evidence for reviewers: each status stands with its reason, its next step and what it never says.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from audit.files import canonical
from audit.frameworks import load_framework
from audit.policy import Answered, ClauseCoverage, Coverage, coverage_of
from audit.record import Audit
from reports.documents.cards import labelled
from reports.documents.pdf_report import printed
from reports.documents.templating import environment, text_tools
from reports.exchange.cyclonedx_bom import coverage_cyclonedx, coverage_cyclonedx_16
from reports.exchange.oscal_results import coverage_oscal
from reports.figures import sign
from reports.frameworks.coverage_view import ClauseRow, CoverageView, coverage_view
from reports.options import DEFAULTS, ReportOptions
from reports.text import Notation, Words, escape_markdown, words_of

__all__ = ["WRITERS", "ask_command", "coverage_json"]

Writer = Callable[[Audit, str, ReportOptions], dict[str, bytes]]


def coverage_html(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the page as one file; UsageError for an unknown framework or language."""
    return {f"coverage-{framework}.html": labelled(_page(audit, framework, options, "html")).encode()}


def coverage_pdf(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the page as tagged PDF; UsageError as `coverage_html`, and where WeasyPrint is missing."""
    return {f"coverage-{framework}.pdf": printed(_page(audit, framework, options, "pdf"))}


def coverage_markdown(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the same as Markdown, clauses as tables by status."""
    words = words_of(options.lang)
    view = _view(audit, framework, words)
    lines = [*_opening(view, words), *_steps(view, words)]
    for group in view.groups:
        lines += ["", f"## {group.status} ({len(group.rows)})", "", escape_markdown(group.means), ""]
        lines += _grid(["clause", "why", "next", "evidence"], (_cells(row, words) for row in group.rows), words)
    lines += [*_bound(view, words), "", f"`{_again(audit, framework, 'markdown', words.lang)}`", ""]
    return {f"coverage-{framework}.md": "\n".join(lines).encode()}


def coverage_json(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the statuses with all that they rest on, for programs; sentences in the language that is asked for."""
    found = coverage_of(audit, load_framework(framework))
    words = words_of(options.lang)
    told = {row.coverage.clause.id: row for row in coverage_view(found, audit, words).rows}
    twin = {
        "schema": 1, "audit": audit.record.id, "framework": found.framework.id, "claim": words("note.clauses"),
        "framework_status": found.framework.status, "checked": found.framework.checked.model_dump(mode="json"),
        "day": None if found.day is None else found.day.isoformat(), "sealed": found.sealed,
        "answers": _answers(found), "counts": found.counts(),
        "clauses": [_clause(one, told[one.clause.id]) for one in found.clauses],
    }  # fmt: skip
    return {f"coverage-{framework}.json": canonical(twin) + b"\n"}


WRITERS: Mapping[str, Writer] = {
    "html": coverage_html, "pdf": coverage_pdf, "markdown": coverage_markdown, "json": coverage_json,
    "oscal": coverage_oscal, "cyclonedx": coverage_cyclonedx, "cyclonedx-1.6": coverage_cyclonedx_16,
}  # fmt: skip
"""Format -> what writes it, of an audit, the name of a framework, and options."""


def _view(audit: Audit, framework: str, words: Words) -> CoverageView:
    return coverage_view(coverage_of(audit, load_framework(framework)), audit, words)


def _page(audit: Audit, framework: str, options: ReportOptions, format: str) -> str:
    words = words_of(options.lang)
    page: str = environment().get_template("coverage.html.j2").render(
        view=_view(audit, framework, words), lang=words.lang, notation=Notation(words),
        command=ask_command(framework, audit), again=_again(audit, framework, format, words.lang),
        href=lambda one: "", own_sign=lambda kind, word, hollow: sign(kind, word, hollow=hollow),
        sign_of=lambda one: sign(one.finding.verdict, one.verdict), **text_tools(words),
    )  # fmt: skip
    return page


def ask_command(framework: str, audit: Audit) -> str:
    """Return the command that puts the questions of a framework."""
    return shlex.join(["dokimasia", "frameworks", "ask", framework, audit.record.id])


def _again(audit: Audit, framework: str, format: str, lang: str) -> str:
    words = ["dokimasia", "report", audit.record.id, "--framework", framework, "--format", format, "--lang", lang]
    return shlex.join(words)


def _opening(view: CoverageView, words: Words) -> list[str]:
    told = [view.standing, view.checked, view.day]
    lines = [f"# {escape_markdown(f'{view.title}: {view.audited}')}", "", f"**{escape_markdown(view.sentence)}**", ""]
    lines += [escape_markdown(f"{words('note.clauses')} {words('coverage.claim')}"), ""]
    lines += [escape_markdown(" · ".join(told))]
    return lines if view.stated else [*lines, "", f"**{escape_markdown(words('coverage.not_stated'))}**"]


def _steps(view: CoverageView, words: Words) -> list[str]:
    if not view.steps:
        return []
    rows = [
        f"{number}. {escape_markdown(step.step)} ({words('coverage.of_clauses', count=len(step.refs))})"
        for number, step in enumerate(view.steps, start=1)
    ]
    return ["", f"## {words('coverage.first')}", "", *rows]


def _cells(row: ClauseRow, words: Words) -> list[str]:
    proofs = [f"{one.verdict} {one.name}" for _, one in row.evidence]
    never = [f"{words('coverage.never')} {row.never}"] if row.positive and row.never else []
    why = " · ".join(part for part in (row.reason, row.tests) if part)
    parts = [row.strength, *proofs, row.shows, *never]
    head = " ".join(part for part in (row.ref, row.title, row.says, row.unsure) if part)
    return [head, why, row.next_step, " · ".join(part for part in parts if part)]


def _bound(view: CoverageView, words: Words) -> list[str]:
    answers = (
        [row.question, row.answer or words("coverage.unanswered"),
         " · ".join([f"{row.who} {row.when}", *([words("coverage.signed")] if row.signed else []), *row.against])]
        for row in view.answers
    )  # fmt: skip
    dates = ([row.day, row.what, row.sure, words("coverage.later") if row.later else ""] for row in view.dates)
    bound = [f"## {words('coverage.bound')}", "", *_grid(["question", "answer", "by"], answers, words)]
    when = [f"## {words('coverage.dates')}", "", *_grid(["day", "what", "sure", "later"], dates, words)]
    return ["", *bound, "", *when, "", escape_markdown(view.note)]


def _grid(heads: list[str], rows: Iterable[list[str]], words: Words) -> list[str]:
    labels = " | ".join(words(f"coverage.{head}") for head in heads)
    cells = ("| " + " | ".join(escape_markdown(cell) for cell in row) + " |" for row in rows)
    return [f"| {labels} |", "|" + "---|" * len(heads), *cells]


def _answers(found: Coverage) -> dict[str, Any]:
    return {
        question: {**_answer(one), **({"against": [_answer(other) for other in one.against]} if one.against else {})}
        for question, one in found.answers.items()
    }


def _answer(one: Answered) -> dict[str, Any]:
    return {"choices": list(one.choices), "author": one.author, "on": one.on.isoformat(), "key": one.key}


def _clause(one: ClauseCoverage, row: ClauseRow) -> dict[str, Any]:
    return {
        "id": one.clause.id, "ref": one.clause.ref, "says": row.says, "sure": one.sure, "status": one.status,
        "status_when_in_force": one.once, "strength": one.clause.strength, "reason": row.reason,
        "next_step": row.next_step, "findings": list(one.findings), "against": list(one.against),
        "undecided": list(one.undecided), "tests_mapped": list(one.tests_mapped), "tests_run": list(one.tests_run),
        "tests_absent": list(one.tests_absent), "lacking": list(one.lacking), "not_full": list(one.not_full),
        "caps": list(one.caps), "evidence": row.shows, "never": row.never, "applies": one.applies.word,
        "since": None if one.applies.since is None else one.applies.since.isoformat(),
    }  # fmt: skip
