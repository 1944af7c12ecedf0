"""The HTML report: one self-contained file for people, without script, network or clock.

The decision page first, then a page for each finding that somebody has to settle; all else is an appendix.

    render_html(audit, options) -> {"report.html": bytes}      under 5 MB, whatever the audit holds

Everything an audit says reaches the page through Jinja's autoescape; a content security policy forbids the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reports.documents.cards import labelled
from reports.documents.templating import environment, figure_tools, text_tools
from reports.options import DEFAULTS, ReportOptions
from reports.pictures import opening, pictures_of, thumbnail, within
from reports.text import Notation, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import Overview

__all__ = ["document", "render_html"]

MEASURES = 1200
"""At most this many measures are drawn in one report, shared by the findings."""
PAGES = 40
"""At most so many findings have a page of their own, the worst; the appendix has all."""
PICTURE_CHARACTERS = 800_000
"""At most this much of pictures is in one report, shared by the findings; those to settle have theirs first."""
EVIDENCE_CHARACTERS = 600_000
"""At most this much escaped text of items is shown in one report, shared by the findings that have items."""


def render_html(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as one HTML file; UsageError for a language that has no catalogue."""
    return {"report.html": document(audit, options, "html").encode()}


def document(audit: Audit, options: ReportOptions, format: str) -> str:
    """Return the page; `format` is what it names in the command that makes it again."""
    from audit.record import UNSETTLED
    from audit.review import state_of
    from reports.views import decision_page, overview, review_view, sheet_rows

    words, state = words_of(options.lang), state_of(audit)
    notation = Notation(words)
    view = overview(audit, words, most_measures=MEASURES)
    page = decision_page(audit, view, notation, state)
    unsettled = [row.view for row in page.rows if row.view.finding.verdict in UNSETTLED]
    paged = unsettled[:PAGES]
    review = review_view(audit, notation, state)
    filled = environment().get_template("report.html.j2").render(
        view=view,
        page=page,
        pages=paged,
        paged={one.anchor for one in paged},
        unpaged=len(unsettled) - len(paged),
        record=audit.record,
        lang=options.lang,
        format=format,
        notation=notation,
        alpha=notation.set_number(1 - audit.record.level, "share"),
        review=review,
        sheet=sheet_rows(audit, words),
        **_item_tools(audit, view, notation, options),
        **_picture_tools(audit, view, notation),
        **figure_tools(view, notation, review.waived if review else ()),
        **text_tools(words),
    )
    return labelled(filled)


def _item_tools(audit: Audit, view: Overview, notation: Notation, options: ReportOptions) -> dict[str, Any]:
    """Return what a template calls with a finding for its table, its worst items and their cards."""
    from reports.views import item_cards, shown_table, worst_items

    most, sharing = options.max_items, sum(bool(one.finding.evidence) for one in view.findings)
    room = EVIDENCE_CHARACTERS // max(1, sharing)
    return {
        "table": lambda one: shown_table(audit, one.finding, notation, most, room),
        "items": lambda one: worst_items(audit, one.finding, notation, most, room),
        "cards": lambda one: item_cards(audit, one.finding, notation),
    }


def _picture_tools(audit: Audit, view: Overview, notation: Notation) -> dict[str, Any]:
    """Return what a template calls with a finding for its pictures, those that it opens with apart."""
    from audit.record import UNSETTLED

    settle_first = sorted(view.findings, key=lambda one: one.finding.verdict not in UNSETTLED)
    made = {one.anchor: pictures_of(audit, one.finding, notation) for one in settle_first}
    drawn = within(made, PICTURE_CHARACTERS)
    return {
        "pictures": lambda one: drawn[one.anchor][: opening(drawn[one.anchor])],
        "more_pictures": lambda one: drawn[one.anchor][opening(drawn[one.anchor]) :],
        "undrawn": lambda one: len(made[one.anchor]) - len(drawn[one.anchor]),
        "thumb": lambda one: thumbnail(drawn[one.anchor][0]) if drawn[one.anchor] else "",
    }
