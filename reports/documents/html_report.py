"""The HTML report: one self-contained file for people, without script, network or clock.

    render_html(audit, options) -> {"report.html": bytes}      under 5 MB, whatever the audit holds

Everything an audit says reaches the page through Jinja's autoescape; a content security policy forbids the rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from audit.record.folder import Audit
from reports.figures.axes import Axis, axis_of
from reports.figures.intervals import axis_head, interval_line, sign, tally_bar
from reports.options import DEFAULTS, ReportOptions
from reports.text.notation import Notation
from reports.text.sanitise import one_line
from reports.text.words import Words, words_of
from reports.views.evidence import shown_table, worst_items
from reports.views.overview import Block, FindingView, MeasureRow, Overview, overview
from reports.views.review import review_view, sheet_rows
from reports.views.summary import tally_text

__all__ = ["document", "environment", "figure_tools", "render_html", "text_tools"]

MEASURES = 1500
"""At most this many measures are drawn in one report, shared by the findings."""
EVIDENCE_CHARACTERS = 1_500_000
"""At most this much escaped text of items is shown in one report, shared by the findings that have items."""
WIDE, NARROW = 380, 280
"""Width of a figure in the overview and in a finding, in pixels."""


def render_html(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as one HTML file; UsageError for a language that has no catalogue."""
    return {"report.html": document(audit, options, "html").encode()}


def document(audit: Audit, options: ReportOptions, format: str) -> str:
    """Return the page; `format` is what it names in the command that makes it again."""
    words = words_of(options.lang)
    notation = Notation(words)
    view = overview(audit, words, most_measures=MEASURES)
    room = EVIDENCE_CHARACTERS // max(1, sum(bool(one.finding.evidence) for one in view.findings))
    review = review_view(audit, notation)
    template = environment().get_template("report.html.j2")
    return template.render(
        view=view,
        record=audit.record,
        lang=options.lang,
        format=format,
        notation=notation,
        alpha=notation.set_number(1 - audit.record.level, "share"),
        review=review,
        sheet=sheet_rows(audit, words),
        table=lambda one: shown_table(audit, one.finding, notation, options.max_items, room),
        items=lambda one: worst_items(audit, one.finding, notation, options.max_items, room),
        **figure_tools(view, notation, review.waived if review else ()),
        **text_tools(words),
    )


@cache
def environment() -> jinja2.Environment:
    """Return the templates, with autoescape and strict names."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text_tools(words: Words) -> dict[str, Any]:
    """What templates call for text: the catalogue, and text of unknown origin on one line."""
    return {
        "t": words,
        "term": lambda kind, raw: one_line(words.term(kind, raw), words, 80),
        "short": lambda text, most=240: one_line(str(text), words, most),
        "breakable": _breakable,
    }


def figure_tools(view: Overview, notation: Notation, waived: Collection[str] = ()) -> dict[str, Any]:
    """What templates call for figures, drawn wide in the overview, narrow in findings; `waived` are checks."""
    words, axes = notation.words, _axes(view)

    def sign_of(one: FindingView) -> Markup:
        """Draw the sign of a finding; hollow where it is waived."""
        if one.finding.check not in waived:
            return sign(one.finding.verdict, one.verdict)
        return sign(one.finding.verdict, f"{one.verdict} · {words('status.waived')}", hollow=True)

    def line(row: MeasureRow, one: FindingView, block: Block) -> Markup:
        """Draw a measure; only a finding's headline has the colour of its verdict."""
        reference = None if block.reference is None else block.reference.measure.value
        name = words("format.colon", left=one.name, right=row.group or row.name)
        verdict = one.finding.verdict if row is one.headline else "measured"
        return interval_line(
            row.measure,
            axes[id(block)],
            notation,
            name=name,
            verdict=verdict,
            limit=row.limit,
            reference=reference,
        )

    return {
        "line": line,
        "head": lambda block: axis_head(axes[id(block)], notation) if block.drawn else "",
        "sign": lambda verdict, hollow=False: sign(verdict, words(f"verdict.{verdict}"), hollow=hollow),
        "sign_of": sign_of,
        "bar": lambda: tally_bar(view.counts, words("figure.tally"), tally_text(view.counts, words)),
    }


def _axes(view: Overview) -> dict[int, Axis]:
    """Return the axis of each block, by its identity; blocks of one scale in one finding have the same one."""
    axes = {id(block): _axis(block.rows, WIDE) for block in view.blocks}
    for one in view.findings:
        for block in one.blocks:
            scale = block.rows[0].scale
            axes[id(block)] = _axis([row for row in one.rows if row.scale == scale], NARROW)
    return axes


def _axis(rows: Sequence[MeasureRow], width: int) -> Axis:
    return axis_of([(row.measure, row.limit) for row in rows], width)


def _breakable(text: str) -> Markup:
    """Let a long name such as `stereotype_share` break after its joints."""
    return Markup("<wbr>").join(re.split(r"(?<=[_./-])(?=[^_./-])", text))
