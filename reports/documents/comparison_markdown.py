"""The Markdown report of two audits: short enough for a pull request's comment, with all of the numbers.

    render_comparison_markdown(comparison, lang) -> {"compare-<id of A>.md": bytes}
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reports.documents.comparison_html import command_of
from reports.documents.markdown_report import MOST_CHARACTERS
from reports.text import Words, escape_markdown, one_line, words_of
from reports.views import SIGNS, ChangesView, CheckView, ComparisonView, comparison_view

if TYPE_CHECKING:
    from audit.compare import Comparison

__all__ = ["render_comparison_markdown"]

MOST_ITEMS = 20
"""Items of one kind that are named under a check."""


def render_comparison_markdown(found: Comparison, lang: str = "en") -> dict[str, bytes]:
    """Return the report as one Markdown file; UsageError for a language that has no catalogue."""
    words = words_of(lang)
    view = comparison_view(found, words)
    lines = [*_opening(view, words), *_table(view, words)]
    foot = ["", words("compare.rule"), "", f"`{command_of(found, 'markdown', lang)}`", ""]
    room = MOST_CHARACTERS - len("\n".join(lines + foot)) - 200
    told = [one for one in view.checks if one.word in ("worse", "undecided") or one.changes is not None or one.groups]
    for position, one in enumerate(told):
        section = "\n".join(_section(one, words))
        room -= len(section) + 1
        if room < 0:
            lines += ["", words("note.cut_short", count=len(told) - position)]
            break
        lines.append(section)
    return {f"compare-{found.a.id}.md": "\n".join(lines + foot).encode()}


def _opening(view: ComparisonView, words: Words) -> list[str]:
    facts = [
        f"- **{escape_markdown(label)}**: {escape_markdown(one_line(f'{models} · {side.title} · {side.id}', words))}"
        for label, side, models in view.sides
    ]
    margin = f"- {words('compare.margin')}: {escape_markdown(view.margins)}"
    return [f"## {words(f'sign.{SIGNS[view.word]}')} {view.sentence}", "", *facts, margin]


def _table(view: ComparisonView, words: Words) -> list[str]:
    if not view.checks:
        return ["", words("note.no_findings")]
    keys = ("col.verdict", "col.check", "col.measure")
    heads = [*(words(key) for key in keys), "A", "B", words("compare.difference"), words("col.interval"),
             words("compare.margin"), words("compare.p"), words("col.n")]
    rule = "|---|---|---|" + "---:|" * 7
    rows = (f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in _rows(view, words))
    return ["", "| " + " | ".join(heads) + " |", rule, *rows]


def _rows(view: ComparisonView, words: Words) -> Iterable[list[str]]:
    for check in view.checks:
        verdict = f"{words(f'sign.{SIGNS[check.word]}')} {check.told}"
        name = check.name if check.gating else f"{check.name} ({words('label.not_gating')})"
        if not check.measures:
            yield [verdict, name, *([""] * 8)]
        for one in check.measures:
            gap = one.difference
            value = f"{one.difference.label}: {gap.value}" if gap.label != words("compare.difference") else gap.value
            verdict = f"{words(f'sign.{SIGNS[one.word]}')} {one.told}"
            yield [
                verdict, name, one.name, one.sides[0].value, one.sides[1].value, value, gap.interval, gap.limit_text,
                gap.p, gap.n,
            ]


def _section(one: CheckView, words: Words) -> list[str]:
    title = f"### {words(f'sign.{SIGNS[one.word]}')} {one.told} · {escape_markdown(one.name)}"
    lines = ["", title, "", escape_markdown(one.why)]
    if one.groups:
        lines += _groups(one, words)
    return lines if one.changes is None else [*lines, "", *_changed(one.changes, words)]


def _groups(check: CheckView, words: Words) -> list[str]:
    heads = [words("col.verdict"), words("col.measure"), "A", "B", words("compare.difference"), words("col.interval"),
             words("compare.p"), words("col.n")]
    rows = [
        [f"{words(f'sign.{SIGNS[one.word]}')} {one.told}", one.name, one.sides[0].value, one.sides[1].value,
         one.difference.value, one.difference.interval, one.difference.p, one.difference.n]
        for one in check.groups[:MOST_ITEMS]
    ]
    table = [f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in rows]
    left = len(check.groups) - MOST_ITEMS
    more = ["", words("note.more_rows", count=left)] if left > 0 else []
    rule = "|---|---|" + "---:|" * 6
    return ["", "| " + " | ".join(heads) + " |", rule, *table, *more, "", escape_markdown(check.groups_note)]


def _changed(changes: ChangesView, words: Words) -> list[str]:
    lines = [escape_markdown(f"{changes.sentence}.")]
    for key, items in (("compare.failing", changes.failing), ("compare.passing", changes.passing)):
        shown = [escape_markdown(one_line(changes.says(item), words, 320)) for item in items[:MOST_ITEMS]]
        more = [words("note.more_rows", count=len(items) - MOST_ITEMS)] if len(items) > MOST_ITEMS else []
        if shown:
            lines += ["", f"{words(key)}:", "", *(f"- {one}" for one in [*shown, *more])]
    return lines
