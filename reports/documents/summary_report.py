"""The summary for a pull request: at most 24 lines of Markdown, one sentence and a table of what needs a look.

    render_pull_request(audit, options) -> {"summary.md": bytes}      failed, crashed and undecided checks, worst first

Text of unknown origin is escaped as in the Markdown report.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, escape_markdown, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView, Overview

__all__ = ["MOST_ROWS", "render_pull_request", "short_table"]

MOST_ROWS = 10
"""Rows of the table; with heading, facts, blank lines and the command that makes 24 lines at most."""


def render_pull_request(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the summary as one Markdown file; UsageError for a language that has no catalogue."""
    from audit.record import UNSETTLED
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words, most_measures=600)
    told = (*view.models, one_line(view.record.id, words))
    facts = [f"**{escape_markdown(view.title)}**", *map(escape_markdown, told)]
    rows = [_row(one, words) for one in view.findings if one.finding.verdict in UNSETTLED]
    heads = ("col.verdict", "col.check", "col.measure", "col.value", "col.limit")
    name = re.sub(r"[^0-9A-Za-z-]", "_", view.record.id)
    lines = [
        f"## {words(f'sign.{view.record.verdict}')} {view.sentence}", "", " · ".join(facts),
        *(line for told in _promises(view) for line in ("", f"**{escape_markdown(told)}**")),
        *short_table(heads, rows, words),
        "", f"`dokimasia report {name} --format html --lang {options.lang}`", "",
    ]
    return {"summary.md": "\n".join(lines).encode()}


def _promises(view: Overview) -> list[str]:
    """Return that the plan is not the registered one, and what is not the first attempt, in two lines at most."""
    more = f" +{len(view.attempts) - 1}" if len(view.attempts) > 1 else ""
    return [*filter(None, [view.deviates]), *(f"{told}{more}" for told in view.attempts[:1])]


def short_table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: Words) -> list[str]:
    """Return a Markdown table of at most `MOST_ROWS` rows, a blank line before it and what is left out behind it."""
    if not rows:
        return []
    lines = ["", "| " + " | ".join(words(head) for head in heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(escape_markdown(cell) for cell in row) + " |" for row in rows[:MOST_ROWS]]
    left = len(rows) - MOST_ROWS
    return [*lines, "", words("note.more_rows", count=left)] if left > 0 else lines


def _row(one: FindingView, words: Words) -> list[str]:
    verdict = f"{words(f'sign.{one.finding.verdict}')} {one.verdict}"
    row = one.headline
    if row is None:
        return [verdict, one.name, one_line(one.why, words, 160), "", ""]
    value = row.full
    return [verdict, one.name, row.label, f"{value} {row.interval}" if row.interval else value, row.limit_text]
