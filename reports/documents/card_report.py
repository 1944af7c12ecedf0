"""The transparency card: one page of Markdown to publish beside a model, of what was measured and what was not.

    what it is and is for (the plan's sheet), each result with its interval, what failed or stayed open, what nobody
    measured, the data that were used, who signed

It is short, and it leaves nothing out that speaks against the model: what failed comes before what passed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reports.exchange.facts import sources
from reports.options import DEFAULTS, ReportOptions
from reports.text import Notation, Words, escape_markdown, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView, Overview

__all__ = ["render_card"]

MOST = 40
"""At most so many results are told one by one, the worst first; the report has all."""


def render_card(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the card as one Markdown file; UsageError for a language that has no catalogue."""
    from audit.record import UNSETTLED
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words)
    parts = [
        _head(audit, view, words), _list("card.about", [*_about(audit, words)], words),
        _list("card.against", [_told(one) for one in view.findings if one.finding.verdict in UNSETTLED], words),
        _list("card.results", [_told(one) for one in view.findings if one.finding.verdict not in UNSETTLED], words),
        _list("heading.gaps", [*_gaps(view)], words), _list("card.data", [*_data(audit, words)], words),
        _list("heading.sign_off", [*_signed(audit, words)], words),
        ["", f"`dokimasia report {view.record.id} --format card --lang {words.lang}`", ""],
    ]  # fmt: skip
    return {"card.md": "\n".join(line for part in parts for line in part).encode()}


def _head(audit: Audit, view: Overview, words: Words) -> list[str]:
    name = " · ".join(view.models) or view.title
    lines = [f"# {escape_markdown(name)}", "", f"**{escape_markdown(view.sentence)}**"]
    if audit.run is not None:
        when = words("format.colon", left=words("tested.finished"), right=Notation(words).moment(audit.run.finished))
        lines += ["", escape_markdown(when)]
    told = [*view.attempts, *filter(None, [view.deviates])]
    return [*lines, *(line for one in told for line in ("", f"**{escape_markdown(one)}**")), "",
            escape_markdown(words("exchange.lead"))]  # fmt: skip


def _list(heading: str, rows: list[str], words: Words) -> list[str]:
    """Return a heading and its rows; where there is none, that nothing is said."""
    lines = [f"- {escape_markdown(row)}" for row in rows[:MOST]] or [f"- {words('card.nothing')}"]
    if len(rows) > MOST:
        lines.append(f"- {words('note.cut_short', count=len(rows) - MOST)}")
    return ["", f"## {words(heading)}", "", *lines]


def _about(audit: Audit, words: Words) -> Iterator[str]:
    from reports.views import sheet_rows

    yield from (words("format.colon", left=label, right=text) for label, text in sheet_rows(audit, words))


def _told(one: FindingView) -> str:
    return f"{one.verdict} · {one.name}: {one.statement}"


def _gaps(view: Overview) -> Iterator[str]:
    yield from filter(None, (view.hurried, view.unasked))
    yield from (f"{gap.view.name} · {gap.what} · {gap.why}" for gap in view.gaps)


def _data(audit: Audit, words: Words) -> Iterator[str]:
    for one in sources(audit.record.findings, words):
        yield " · ".join(part for part in (one.name, one.licence, one.cite, one.digest[:19]) if part)


def _signed(audit: Audit, words: Words) -> Iterator[str]:
    from audit.review import state_of
    from reports.views import review_view

    said = review_view(audit, Notation(words), state_of(audit))
    for row in said.sign_off if said else ():
        yield " · ".join(part for part in (row.decision, row.author, row.when, row.signature) if part)
