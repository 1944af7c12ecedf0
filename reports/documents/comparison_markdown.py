"""The Markdown report of two to five audits: short enough for a pull request's comment, with all of the numbers.

    render_comparison_markdown(comparisons, lang) -> {"compare-<id of A>.md": bytes}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reports.documents.comparison_html import command_of
from reports.documents.markdown_report import MOST_CHARACTERS
from reports.figures import SIGNS
from reports.text import Words, escape_markdown, one_line, words_of

if TYPE_CHECKING:
    from audit.compare import Comparison
    from reports.views import ChangesView, CheckView, ComparisonView, GroupsView

__all__ = ["render_comparison_markdown"]

MOST_ITEMS = 20
"""Items of one kind that are named under a check."""


def render_comparison_markdown(found: Sequence[Comparison], lang: str = "en") -> dict[str, bytes]:
    """Return the report as one Markdown file; UsageError for a language that has no catalogue."""
    from reports.views import comparison_view

    words = words_of(lang)
    view = comparison_view(found, words)
    lines = [*_opening(view, words), *_table(view, words)]
    foot = ["", *view.reading[:2], "", f"`{command_of(found, 'markdown', lang)}`", ""]
    room = MOST_CHARACTERS - len("\n".join(lines + foot)) - 200
    told = [one for one in view.checks if one.word in ("worse", "undecided") or one.changes or one.groups]
    for position, one in enumerate(told):
        section = "\n".join(_section(one, words))
        room -= len(section) + 1
        if room < 0:
            lines += ["", words("note.cut_short", count=len(told) - position)]
            break
        lines.append(section)
    return {f"compare-{found[0].a.id}.md": "\n".join(lines + foot).encode()}


def _opening(view: ComparisonView, words: Words) -> list[str]:
    facts = [
        f"- **{escape_markdown(label)}**: {escape_markdown(one_line(f'{models} · {side.title} · {side.id}', words))}"
        for label, side, models in view.sides
    ]
    margin = f"- {words('compare.margin')}: {escape_markdown(view.margins)}"
    each = [
        f"- **{letter}**: {words(f'sign.{SIGNS[word]}')} {escape_markdown(sentence)}"
        for letter, word, sentence in view.each
    ]
    return [f"## {words(f'sign.{SIGNS[view.word]}')} {view.sentence}", "", *each, *facts, margin]


def _table(view: ComparisonView, words: Words) -> list[str]:
    """Return a table with a row for each difference."""
    if not view.checks:
        return ["", words("note.no_findings")]
    heads = [*(words(f"col.{key}") for key in ("verdict", "check", "measure")), "A",
             words("compare.candidates") if view.each else "B", words("compare.signed"), words("col.interval"),
             words("compare.margin"), words("compare.p"), words("col.n")]
    rule = "|---|---|---|" + "---:|" * 7
    rows = (f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in _rows(view, words))
    return ["", "| " + " | ".join(heads) + " |", rule, *rows]


def _rows(view: ComparisonView, words: Words) -> Iterable[list[str]]:
    for check in view.checks:
        name = check.name if check.gating else f"{check.name} ({words('label.not_gating')})"
        if not check.measures:
            yield [f"{words(f'sign.{SIGNS[check.word]}')} {check.told}", name, *([""] * 8)]
        for one in check.measures:
            values = {side.letter: side.value for side in one.sides}
            for gap in one.differences:
                told, lettered = words.term("compare_word", gap.word), view.each or gap.is_distance
                yield [
                    f"{words(f'sign.{SIGNS[gap.word]}')} {told}", name, one.name, values["A"], values[gap.letter],
                    words("format.colon", left=gap.label, right=gap.value) if lettered else gap.value,
                    gap.interval, gap.limit_text, gap.p, gap.n,
                ]


def _section(one: CheckView, words: Words) -> list[str]:
    title = f"### {words(f'sign.{SIGNS[one.word]}')} {one.told} · {escape_markdown(one.name)}"
    several = len(one.whys) > 1
    lines = ["", title]
    for letter, _, why in one.whys:
        lines += ["", escape_markdown(f"{letter}: {why}" if several else why)]
    lines += [line for told in one.erased for line in ("", escape_markdown(told))]
    for groups in one.groups:
        lines += _groups(groups, words)
    for changes in one.changes:
        lines += ["", *_changed(changes, words)]
    return lines


def _groups(groups: GroupsView, words: Words) -> list[str]:
    heads = [words("col.verdict"), words("col.measure"), "A", groups.letter, words("compare.signed"),
             words("col.interval"), words("compare.p"), words("col.n")]
    rows = [
        [f"{words(f'sign.{SIGNS[one.word]}')} {one.told}", one.name, one.sides[0].value, one.sides[1].value,
         gap.value, gap.interval, gap.p, gap.n]
        for one in groups.rows[:MOST_ITEMS] for gap in one.differences
    ]
    table = [f"| {' | '.join(escape_markdown(cell) for cell in row)} |" for row in rows]
    left = len(groups.rows) - MOST_ITEMS
    more = ["", words("note.more_rows", count=left)] if left > 0 else []
    rule = "|---|---|" + "---:|" * 6
    return ["", "| " + " | ".join(heads) + " |", rule, *table, *more, "", escape_markdown(groups.note)]


def _changed(changes: ChangesView, words: Words) -> list[str]:
    lines = [escape_markdown(f"{changes.sentence}.")]
    for key, items in (("compare.failing", changes.failing), ("compare.passing", changes.passing)):
        shown = [escape_markdown(item.line) for item in items[:MOST_ITEMS]]
        more = [words("note.more_rows", count=len(items) - MOST_ITEMS)] if len(items) > MOST_ITEMS else []
        if shown:
            lines += ["", f"{words(key)}:", "", *(f"- {one}" for one in [*shown, *more])]
    return lines
