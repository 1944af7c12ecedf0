"""The HTML report of two audits: one self-contained file, with the look and the promises of the audit's report.

    render_comparison_html(comparison, lang) -> {"compare-<id of A>.html": bytes}
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.documents.templating import environment, text_tools
from reports.figures import OPEN, Axis, axis_head, axis_of, interval_line, sign
from reports.text import Notation, Words, words_of
from reports.views import SIGNS, CheckView, ComparisonRow, ComparisonView, MeasureView, comparison_view

if TYPE_CHECKING:
    from audit.compare import Comparison, Word

__all__ = ["command_of", "comparison_tools", "render_comparison_html"]

WIDTH = 280
"""Width of a figure in pixels."""
MOST_ITEMS = 200
"""Items of one kind that are named under a check; the JSON twin has all."""


def render_comparison_html(found: Comparison, lang: str = "en") -> dict[str, bytes]:
    """Return the report as one HTML file; UsageError for a language that has no catalogue."""
    words = words_of(lang)
    view = comparison_view(found, words)
    page = environment().get_template("comparison.html.j2").render(
        view=view,
        lang=lang,
        command=command_of(found, "html", lang),
        most=MOST_ITEMS,
        links=lambda check, item: (),
        of_check=lambda check: ("", ""),
        **comparison_tools(view, Notation(words)),
        **text_tools(words),
    )
    return {f"compare-{found.a.id}.html": page.encode()}


def command_of(found: Comparison, format: str, lang: str) -> str:
    """Return the command that writes this report again."""
    margins = [f"{found.margins.plain:g}"] if found.margins.plain else []
    margins += [f"{name}={margin:g}" for name, margin in sorted((found.margins.named or {}).items())]
    options = [part for margin in margins for part in ("--margin", margin)]
    return shlex.join(
        ["dokimasia", "compare", found.a.id, found.b.id, *options, "--format", format, "--lang", lang]
    )


def comparison_tools(
    view: ComparisonView, notation: Notation, drawn: Callable[[Markup], Markup] = lambda svg: svg
) -> Mapping[str, Any]:
    """What templates call for figures: A and B of one scale on one axis, their differences on another.

    `drawn` puts a figure into the document.
    """
    words = notation.words
    axes: dict[int, tuple[Axis, Axis]] = {}
    for block in view.blocks:
        measures = [measure for _, measure in block]
        values = [row for measure in measures for row in measure.sides]
        pair = (_axis(values), _axis([measure.difference for measure in measures], OPEN))
        axes |= dict.fromkeys(map(id, measures), pair)

    def line(check: CheckView, measure: MeasureView, row: ComparisonRow) -> Markup:
        apart = row is measure.difference
        return drawn(interval_line(
            row.measure,
            axes[id(measure)][apart],
            notation,
            name=words("format.colon", left=check.name, right=row.label),
            verdict=SIGNS[measure.word] if apart else "measured",
            limit=row.limit,
            reference=0.0 if apart else None,
        ))

    return {
        "notation": notation,
        "signs": SIGNS,
        "line": line,
        "head": lambda measure, apart: drawn(axis_head(axes[id(measure)][apart], notation)),
        "word_sign": lambda word: drawn(_sign(word, words)),
        "verdict_sign": lambda verdict: drawn(sign(verdict, words(f"verdict.{verdict}"))),
    }


def _sign(word: Word, words: Words) -> Markup:
    return sign(SIGNS[word], words.term("compare_word", word))


def _axis(rows: Sequence[ComparisonRow], scale: str | None = None) -> Axis:
    return axis_of([(row.measure, row.limit) for row in rows], WIDTH, scale)
