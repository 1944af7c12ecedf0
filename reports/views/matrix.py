"""Audits against dimensions in print: the rows of the index page and of the dashboard's list, from one function.

    printed_row(record, words) -> PrintedRow      a cell a dimension: verdict, number, unit and what it is read by

What stands in a row is chosen by `audit.verdict.matrix_row`, which the terminal's closing table prints too.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.record import Finding, Record, Verdict
from audit.verdict import MatrixCell, MatrixRow, matrix_row
from detectors.immutable import immutable
from reports.text import Notation, Words, one_line
from reports.views.measure_rows import MeasureRow, printed
from reports.views.verdict_text import brief_text
from reports.views.whole_audit import anchor_of

__all__ = ["PrintedCell", "PrintedRow", "Wrong", "printed_row"]

MOST = 2
"""Findings that a row tells; the others are counted."""


@immutable
class PrintedCell:
    """The worst finding of a dimension."""

    check: str
    anchor: str
    verdict: Verdict
    word: str
    value: str
    """With its unit; empty where there is none."""
    read: str
    """What the number is read by: the limit, else which way is good; empty where neither is told."""
    measure: str
    others: str
    """How many more checks the dimension has; empty where there is none."""
    far: str
    """How many measures without a limit are far off; empty where none is."""


@immutable
class Wrong:
    """A finding that somebody has to look at."""

    check: str
    anchor: str
    verdict: Verdict
    word: str
    told: str
    """What is wrong, in a clause."""


@immutable
class PrintedRow:
    """One audit."""

    row: MatrixRow
    audited: str
    family: str
    """Of the audited model; what stands for it where data were audited."""
    title: str
    verdict: Verdict
    word: str
    decided: str
    """`3 of 4 decided`; empty where no check gates."""
    cells: Mapping[str, PrintedCell]
    """By dimension, those that somebody asked about."""
    wrong: tuple[Wrong, ...]
    """The worst first, at most so many as a row tells."""
    more: str
    """How many more are wrong; empty where none is."""
    far: str
    """How many measures without a limit are far off, in short; empty where none is."""
    far_told: str


def printed_row(record: Record, words: Words) -> PrintedRow:
    """Return the row of an audit."""
    row, notation = matrix_row(record), Notation(words)
    settled, gating = row.decided
    main, left = record.models.get("main"), len(row.wrong) - MOST
    return PrintedRow(
        row=row,
        audited=one_line(row.audited, words, 120),
        family=words("label.no_model") if main is None else one_line(words.term("family", main.family), words, 80),
        title=one_line(record.title, words, 120),
        verdict=record.verdict,
        word=words(f"verdict.{record.verdict}"),
        decided=words("dashboard.decided", decided=settled, limited=gating) if gating else "",
        cells={name: _cell(cell, notation) for name, cell in row.cells.items()},
        wrong=tuple(_wrong(one, notation) for one in row.wrong[:MOST]),
        more=words("matrix.more", count=left) if left > 0 else "",
        far=words("matrix.far", count=row.far) if row.far else "",
        far_told=words("tail.far_off", count=row.far) if row.far else "",
    )


def _cell(cell: MatrixCell, notation: Notation) -> PrintedCell:
    words, worst = notation.words, cell.worst
    head = None if worst.headline is None else printed(worst.headline, worst.limit, notation)
    others = cell.checks - 1
    return PrintedCell(
        check=worst.check,
        anchor=anchor_of(worst.check),
        verdict=worst.verdict,
        word=words(f"verdict.{worst.verdict}"),
        value="" if head is None else _value(head),
        read="" if head is None else _read(head, words),
        measure="" if head is None else head.label,
        others=words("matrix.others", count=others) if others else "",
        far=words("matrix.far", count=cell.far) if cell.far else "",
    )


def _value(head: MeasureRow) -> str:
    """Return the number with its unit; empty where there is none."""
    return "" if head.measure.value is None else head.full


def _read(head: MeasureRow, words: Words) -> str:
    """Return the limit without breaks, else which way is good, in a word."""
    if head.limit_text or head.measure.direction == "neither":
        return head.limit_text.replace(" ", "\u00a0")
    turn = {"lower is better": "matrix.lower", "higher is better": "matrix.higher"}.get(head.measure.direction)
    return words(turn) if turn else head.better


def _wrong(finding: Finding, notation: Notation) -> Wrong:
    words = notation.words
    return Wrong(
        finding.check,
        anchor_of(finding.check),
        finding.verdict,
        words(f"verdict.{finding.verdict}"),
        brief_text(finding, notation),
    )
