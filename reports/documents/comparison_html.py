"""The HTML report of two to five audits: one self-contained file, with the look and the promises of the audit's report.

    render_comparison_html(comparisons, lang) -> {"compare-<id of A>.html": bytes}
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from reports.documents.cards import labelled
from reports.documents.templating import environment, text_tools
from reports.figures import OPEN, SIGNS, Axis, Side, axis_head, axis_of, drawn, interval_line, sign, slopes
from reports.text import Notation, Words, words_of

if TYPE_CHECKING:
    from audit.compare import Comparison, Word
    from reports.views import CheckView, ComparisonRow, MeasureView

__all__ = ["command_of", "comparison_tools", "render_comparison_html"]

WIDTH = 420
"""Width of the line of a difference, in pixels."""
SHOWN, MOST_ITEMS = 8, 200
"""Items of one kind that are shown at once under a check, and that are named; the JSON twin has all."""


def render_comparison_html(found: Sequence[Comparison], lang: str = "en") -> dict[str, bytes]:
    """Return the report as one HTML file; UsageError for a language that has no catalogue."""
    from reports.views import comparison_view

    words = words_of(lang)
    page = environment().get_template("comparison.html.j2").render(
        view=comparison_view(found, words),
        lang=lang,
        command=command_of(found, "html", lang),
        most=MOST_ITEMS,
        item_href=lambda check, letter, row: "",
        finding_href=lambda check, letter: "",
        **comparison_tools(Notation(words)),
        **text_tools(words),
    )
    return {f"compare-{found[0].a.id}.html": labelled(page).encode()}


def command_of(found: Sequence[Comparison], format: str, lang: str) -> str:
    """Return the command that writes this report again."""
    given = found[0].margins
    margins = [f"{given.plain:g}"] if given.plain else []
    margins += [f"{name}={margin:g}" for name, margin in sorted((given.named or {}).items())]
    options = [part for margin in margins for part in ("--margin", margin)]
    ids = [found[0].a.id, *(one.b.id for one in found)]
    return shlex.join(["dokimasia", "compare", *ids, *options, "--format", format, "--lang", lang])


def comparison_tools(
    notation: Notation, framed: Callable[[Markup], Markup] = lambda svg: svg
) -> Mapping[str, Any]:
    """What templates call for figures; `framed` puts one into the document."""
    words = notation.words

    def line(check: CheckView, measure: MeasureView, row: ComparisonRow) -> Markup:
        return framed(_difference(check, measure, row, notation))

    def head(measure: MeasureView) -> Markup:
        axis = _axis(measure)
        return Markup("") if axis is None else framed(axis_head(axis, notation))

    def item_picture(column: str, cell: Any) -> Markup:
        found = drawn(column, cell, notation, 132, 44)
        return Markup("") if found is None else framed(found.picture)

    return {
        "notation": notation,
        "signs": SIGNS,
        "shown_items": SHOWN,
        "slope": lambda check, measure: framed(_slopes(check, measure, notation)),
        "line": line,
        "head": head,
        "item_picture": item_picture,
        "word_sign": lambda word: framed(_sign(word, words)),
        "verdict_sign": lambda verdict: framed(sign(verdict, words(f"verdict.{verdict}"))),
    }


def _sign(word: Word, words: Words) -> Markup:
    return sign(SIGNS[word], words.term("compare_word", word))


def _slopes(check: CheckView, measure: MeasureView, notation: Notation) -> Markup:
    means = {row.letter: SIGNS[row.word] for row in measure.differences}
    verdicts = dict(zip("ABCDE", check.verdicts, strict=False))
    sides = [
        Side(row.letter, row.measure, verdicts[row.letter] if row.limit else "measured", row.limit,
             means.get(row.letter, "measured"))
        for row in measure.sides
    ]  # fmt: skip
    title = notation.words("format.colon", left=check.name, right=measure.name)
    return slopes(sides, notation, title=title)


def _axis(measure: MeasureView) -> Axis | None:
    """Return the axis of the differences, with no difference on it; None where none has a value."""
    rows = [row.in_points for row in measure.differences if row.in_points and row.measure.value is not None]
    if not rows:
        return None
    return axis_of([(replace(shown, ideal=0.0), keeps) for shown, keeps in rows], WIDTH, OPEN)


def _difference(check: CheckView, measure: MeasureView, row: ComparisonRow, notation: Notation) -> Markup:
    axis = _axis(measure)
    if axis is None or row.in_points is None or row.measure.value is None:
        return Markup("")
    shown, keeps = row.in_points
    name = notation.words("format.colon", left=check.name, right=row.label)
    return interval_line(
        shown, axis, notation, name=name, verdict=SIGNS[row.word], limit=keeps, reference=0.0
    )
