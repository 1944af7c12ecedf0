"""The Markdown report: short enough for a pull request's comment, with all of the numbers.

    render_markdown(audit, options) -> {"report.md": bytes}      at most 60,000 characters

Text of unknown origin is escaped, so that it cannot become a link, an image, HTML, a table cell or a mention.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reports.options import DEFAULTS, ReportOptions
from reports.text import Notation, Words, escape_markdown, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import DecisionPage, FindingReview, FindingView, MeasureRow, Overview, ReviewView, Standing

__all__ = ["MOST_CHARACTERS", "render_markdown"]

MOST_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65,536 characters."""
MOST_SAID = 30
"""At most so many decisions, and so many findings of which somebody has spoken."""
_NUMBERS = ("col.measure", "col.value", "col.interval", "col.n", "col.limit")


def render_markdown(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as one Markdown file; UsageError for a language that has no catalogue."""
    from audit.record import UNSETTLED
    from audit.review import state_of
    from reports.views import decision_page, overview, review_view

    words, state = words_of(options.lang), state_of(audit)
    view = overview(audit, words, most_measures=600)
    page = decision_page(audit, view, Notation(words), state)
    said = _reviews(view, review_view(audit, Notation(words), state), words)
    head = [*_opening(view, words), *_deviations(view, words), *_decision(page, words), *_sheet(audit, words)]
    head += [*_table(view, page, words), *_gaps(view, page, words), *said]
    foot = ["", f"`dokimasia report {view.record.id} --format markdown --lang {options.lang}`", ""]
    room = MOST_CHARACTERS - len("\n".join(head + foot)) - 200
    urgent = [one for one in view.findings if one.finding.verdict in UNSETTLED or one.far or one.contradicted]
    # of the others the table has the headline already
    others = [one for one in view.findings if one not in urgent and (len(one.rows) > 1 or one.erased)]
    told = ["\n".join(_section(one, words)) for one in urgent]
    told += [*_effects(view, words), *("\n".join(_section(one, words)) for one in others)]
    for position, section in enumerate(told):
        room -= len(section) + 1
        if room < 0:
            head += ["", words("note.cut_short", count=len(told) - position)]
            break
        head.append(section)
    else:
        glosses = _glosses(view, words)
        head += glosses if sum(map(len, glosses)) + len(glosses) < room else []
    return {"report.md": "\n".join(head + foot).encode()}


def _opening(view: Overview, words: Words) -> list[str]:
    what = words("label.model" if "main" in view.record.models else "label.data")
    models = (f"{what} {escape_markdown(row)}" for row in view.models)
    level = f"{words('label.confidence')} {Notation(words).level(view.record.level)}"
    facts = [f"**{escape_markdown(view.title)}**", escape_markdown(one_line(view.record.id, words)), *models, level]
    return [f"## {words(f'sign.{view.record.verdict}')} {view.sentence}", "", " · ".join(facts)]


def _decision(page: DecisionPage, words: Words) -> list[str]:
    """Return who found what, who has to act, and the checks that are left after each step."""
    after = [words(f"verdict.{page.after}")] if page.after else []
    told = {
        "reviewed.machine": [words(f"verdict.{page.machine}")],
        "reviewed.after": [*after, page.after_told],
        "decide.next": [page.decision, *(f"{who} {words('dashboard.overdue')}" if late else who
                                         for who, late in page.acts)],
    }  # fmt: skip
    rows = [f"- **{words(key)}** {escape_markdown(' · '.join(parts))}" for key, parts in told.items()]
    steps = " → ".join(f"{step.label} {step.count:,}" for step in page.steps)
    spent = [f"- {escape_markdown(one_line(told, words))}" for told in page.spent]
    return ["", *rows, *([f"- {escape_markdown(steps)}"] if page.rows or page.gaps else []), *spent]


def _deviations(view: Overview, words: Words) -> list[str]:
    """Return earlier attempts, and as a table what is asked otherwise than registered; nothing where there is none."""
    tries = [line for told in view.attempts for line in ("", f"**{escape_markdown(told)}**")]
    if not view.deviations:
        return tries
    rows = (list(one.cells) for one in view.deviations)
    heads = ["col.check", "col.what", "col.registered", "col.now"]
    return [*tries, "", f"**{escape_markdown(view.deviates)}**", "", *_grid(heads, rows, words)]


def _effects(view: Overview, words: Words) -> list[str]:
    """Return a line for each passed check that says what it would have seen, the first under a heading."""
    seen = [words("format.colon", left=one.name, right=one.effect) for one in view.findings if one.effect]
    lines = [f"- {escape_markdown(line)}" for line in seen]
    return [f"\n### {words('heading.effects')}\n\n{lines[0]}", *lines[1:]] if lines else []


def _sheet(audit: Audit, words: Words) -> list[str]:
    from reports.views import sheet_rows

    rows = [
        f"- {words('format.colon', left=label, right=escape_markdown(one_line(text, words)))}"
        for label, text in sheet_rows(audit, words)
    ]
    return ["", f"### {words('heading.sheet')}", "", *rows] if rows else []


def _reviews(view: Overview, review: ReviewView | None, words: Words) -> list[str]:
    """Return decisions, and a line for each finding of which somebody has spoken."""
    if review is None:
        return []
    heads = ["col.author", "col.decision", "col.when", "col.why", "col.signature"]
    rows = [[row.author, row.decision, row.when, row.reason, row.signature] for row in review.sign_off]
    lines = ["", f"### {words('heading.sign_off')}", "", escape_markdown(review.sentence)]
    lines += ["", escape_markdown(words("reviewed.torn"))] if review.torn else []
    lines += ["", *_grid(heads, rows[-MOST_SAID:], words)] if rows else []
    told = [line for one in view.findings if (line := _standing(one, review.findings.get(one.finding.check), words))]
    lines += ["", *told[:MOST_SAID]] if told else []
    if len(told) > MOST_SAID:
        lines += ["", words("note.cut_short", count=len(told) - MOST_SAID)]
    return [*lines, "", escape_markdown(words("reviewed.claim"))]


def _standing(one: FindingView, said: FindingReview | None, words: Words) -> str:
    """Return the line of one finding; empty where nothing but comments was said."""
    if said is None:
        return ""
    parts = [words("format.colon", left=label, right=one_line(text, words)) for label, text in said.facts]
    for row in said.result.rows if said.result else ():
        numbers = " ".join(part for part in (row.verdict, row.value, row.interval) if part)
        parts.append(words("format.colon", left=row.label, right=numbers))
    parts += [text for text in (said.result.check, said.result.problem) if text] if said.result else []
    for two in said.agreement:
        pair, kappa = words("called.pair", first=two.first, second=two.second), words.term("measure", "cohen_kappa")
        told = two.why or f"{kappa} {two.kappa} {two.interval}"
        parts.append(words("format.colon", left=pair, right=told))
    return f"- {escape_markdown(' · '.join([one.name, *parts]))}" if parts else ""


def _gaps(view: Overview, page: DecisionPage, words: Words) -> list[str]:
    lines = [f"- {escape_markdown(f'{gap.view.name} · {gap.what} · {gap.why}')}" for gap in page.gaps]
    lines += [f"- {escape_markdown(told)}" for told in (view.hurried, view.unasked) if told]
    return ["", f"### {words('heading.gaps')}", "", *lines] if lines else []


def _table(view: Overview, page: DecisionPage, words: Words) -> list[str]:
    if not view.findings:
        return ["", words("note.no_findings")]
    heads = ["col.verdict", "col.check", "col.dimension", *_NUMBERS, *(["reviewed.after"] if page.spoken_of else [])]
    rows = ([*_row(one.view, words), *([_after(one.after, words)] if page.spoken_of else [])] for one in page.rows)
    family = ["", escape_markdown(view.family)] if view.family else []
    return ["", f"### {words('heading.findings')}", "", *_grid(heads, rows, words), *family]


def _row(one: FindingView, words: Words) -> list[str]:
    return [f"{words(f'sign.{one.finding.verdict}')} {one.verdict}", one.name, one.dimension, *_numbers(one.headline)]


def _after(one: Standing | None, words: Words) -> str:
    """Return where people left a finding, whose it is, and until when."""
    if one is None:
        return words("format.none")
    due = f"{one.due} {words('dashboard.overdue')}" if one.overdue else one.due
    return " · ".join(part for part in (one.word, one.status, one.owner, due) if part)


def _numbers(row: MeasureRow | None) -> list[str]:
    """Return the cells of `_NUMBERS`."""
    if row is None:
        return [""] * len(_NUMBERS)
    if row.undefined is not None:
        return [row.label, f"{row.value}: {row.undefined}", "", "", row.limit_text]
    return [row.label, row.full, row.interval, row.n, row.limit_text]


def _section(one: FindingView, words: Words) -> list[str]:
    from audit.verdict import capitalised

    heads = [*_NUMBERS, "col.level", "col.better", "col.method"]
    rows = ([*_numbers(row), row.level, row.better, row.method if row.mark else ""] for row in one.rows)
    far = ["", escape_markdown(f"{words('label.far_off')} {one.far}")] if one.far else []
    title = f"### {words(f'sign.{one.finding.verdict}')} {one.verdict} · {escape_markdown(one.name)}"
    erased = [line for told in one.erased for line in ("", escape_markdown(told))]
    told = capitalised(one.statement) if words.lang == "en" else one.statement
    lines = ["", title, "", escape_markdown(told), *far, *erased]
    return [*lines, "", *_grid(heads, rows, words)] if one.rows else lines


def _glosses(view: Overview, words: Words) -> list[str]:
    """Return a line for each measure that says what it is, the first under a heading."""
    lines = [f"- **{escape_markdown(name)}**: {escape_markdown(told)}" for name, told in view.glosses]
    return ["", f"### {words('heading.glosses')}", "", *lines] if lines else []


def _grid(heads: list[str], rows: Iterable[list[str]], words: Words) -> list[str]:
    """Return a table; `heads` are keys of the catalogue, numbers stand on the right."""
    right = (*_NUMBERS[1:], "col.level")
    labels = "| " + " | ".join(words(head) for head in heads) + " |"
    rule = "|" + "|".join("---:" if head in right else "---" for head in heads) + "|"
    return [labels, rule, *("| " + " | ".join(escape_markdown(cell) for cell in row) + " |" for row in rows)]
