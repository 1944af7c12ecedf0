"""What HTML templates are given: words, numbers, figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.figures import Axis, axis_head, axis_of, css, funnel_chart, interval_line, sign
from reports.text import Notation, Words, one_line

if TYPE_CHECKING:
    import jinja2

    from reports.views import Block, FindingView, MeasureRow, Overview

__all__ = ["environment", "figure_tools", "text_tools"]

WIDE, NARROW = 300, 280
"""Width of a line on the decision page and in a finding, in pixels."""


@cache
def environment() -> jinja2.Environment:
    """Return the templates, with autoescape and strict names."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals["palette"] = Markup(css(page=True))  # noqa: S704 - style of ours
    return templates


def text_tools(words: Words) -> dict[str, Any]:
    """What templates call for text: the catalogue, and text of unknown origin on one line."""
    return {
        "t": words,
        "term": lambda kind, raw: one_line(words.term(kind, raw), words, 80),
        "short": lambda text, most=240: one_line(str(text), words, most),
        "breakable": _breakable,
    }


def figure_tools(view: Overview, notation: Notation, waived: Collection[str] = ()) -> dict[str, Any]:
    """What templates call for figures, drawn wide on the decision page, narrow in findings; `waived` are checks."""
    words, axis = notation.words, _axes(view)

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
            axis(block),
            notation,
            name=name,
            verdict=verdict,
            limit=row.limit,
            reference=reference,
        )

    return {
        "line": line,
        "head": lambda block: axis_head(axis(block), notation) if block.drawn else "",
        "sign": lambda verdict, hollow=False: sign(verdict, words(f"verdict.{verdict}"), hollow=hollow),
        "sign_of": sign_of,
        "funnel": lambda page: funnel_chart(page.steps, words("figure.funnel"), page.steps_told),
    }


def _axes(view: Overview) -> Callable[[Block], Axis]:
    """Return what gives a block of the view its axis, made when it is first asked for: a screen shows few of them.

    Blocks of one scale in one finding have the same axis.
    """
    finding = {id(block): one for one in view.findings for block in one.blocks}
    made: dict[int, Axis] = {}

    def axis(block: Block) -> Axis:
        if id(block) not in made:
            one, scale = finding.get(id(block)), block.rows[0].scale
            rows = block.rows if one is None else [row for row in one.rows if row.scale == scale]
            made[id(block)] = axis_of([(row.measure, row.limit) for row in rows], WIDE if one is None else NARROW)
        return made[id(block)]

    return axis


def _breakable(text: str) -> Markup:
    """Let a long name such as `stereotype_share` break after its joints."""
    return Markup("<wbr>").join(re.split(r"(?<=[_./-])(?=[^_./-])", text))
