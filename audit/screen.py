"""What the terminal shows: a line for each finding as it lands, and the closing table of models against dimensions.

Text that came from models or files is stripped of control characters before it is printed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from audit.record import DIMENSIONS, WORST_FIRST, Audit, Deviation, Finding, Record, Undecided, decided
from audit.terminal import clean
from audit.verdict import capitalised, number

__all__ = ["SIGNS", "Progress", "clean", "closing_table", "finding_line", "notes", "summary_line", "would_do"]

SIGNS: Mapping[str, str] = {
    "passed": "v",
    "failed": "x",
    "inconclusive": "?",
    "skipped": "~",
    "crashed": "!",
    "measured": ".",
}
EVERY = 10.0
"""Seconds between two lines of progress where stderr is no terminal."""
LEGEND = "v passed  x failed  ? undecided  ~ not measurable  ! crashed  . measured, no limit  - not asked"


def finding_line(finding: Finding) -> str:
    """Return `x stereotypes: failed. Stereotype share is ...`."""
    word = finding.verdict + ("" if finding.gating or finding.verdict == "measured" else ", not gating")
    return clean(f"{SIGNS[finding.verdict]} {finding.check}: {word}. {capitalised(finding.why)}")


def summary_line(record: Record) -> str:
    """Return one sentence: `Failed: 3 of 14 checks; 2 undecided, about 180 more units would do for each.`"""
    count = {verdict: sum(f.verdict == verdict for f in record.findings) for verdict in WORST_FIRST}
    total = len(record.findings)
    parts = [f"{record.verdict.capitalize()}: {total} check{'s' if total != 1 else ''}"]
    if count["failed"]:
        parts = [f"Failed: {count['failed']} of {total} checks"]
    if count["inconclusive"]:
        parts.append(f"{count['inconclusive']} undecided" + would_do(record.findings))
    parts += [f"{count[word]} {word}" for word in ("crashed", "skipped") if count[word]]
    return "; ".join(parts) + "."


def would_do(undecided: Sequence[Undecided]) -> str:
    """Return `, about 180 more units would do for each`, the most that one needs: checks may share their items."""
    told = []
    for counts, form in (
        ([one.more_units for one in undecided if one.more_units], ", about {:,} more units would do"),
        ([one.fresh_units for one in undecided if one.fresh_units], ", a fresh sample of about {:,} units would do"),
    ):
        if counts:
            told.append(form.format(max(counts)) + (" for each" if len(counts) > 1 else ""))
    return "".join(told)


def notes(record: Record) -> Iterator[str]:
    """Yield what stands under the summary: how the exploratory family was judged, and deviations."""
    family = [finding for finding in record.findings if finding.family]
    levels = [finding.measures[0].level for finding in family if finding.measures]
    if len(family) > 1 and levels:
        settled = sum(finding.verdict in ("passed", "failed") for finding in family)
        wrong = number(1 - record.level, "share")
        yield (
            f"exploratory: {settled} of {len(family)} decided together at level {100 * levels[0]:.4g} %; "
            f"on average at most {wrong} of what is decided is wrong"
        )
    if record.deviations:
        changes = [_change(one) for one in record.deviations[:5]]
        more = [f"{len(record.deviations) - 5} more"] if len(record.deviations) > 5 else []
        yield clean(f"NOT AS REGISTERED in {record.deviations[0].registered}: {'; '.join([*changes, *more])}")


def _change(one: Deviation) -> str:
    sides = ["-" if value is None else json.dumps(value, ensure_ascii=False)[:80] for value in (one.before, one.after)]
    return f"{one.check or 'plan'} {one.what} {sides[0]} -> {sides[1]}"


def _worst(findings: Sequence[Finding]) -> Finding:
    return min(findings, key=lambda f: (WORST_FIRST.index(f.verdict), not f.gating))


def _cell(findings: Sequence[Finding]) -> str:
    if not findings:
        return "-"
    worst = _worst(findings)
    head = worst.headline
    shown = number(head.value, head.unit) if head is not None and head.value is not None else ""
    return f"{SIGNS[worst.verdict]} {shown}".rstrip()


def closing_table(audits: Iterable[Audit]) -> str:
    """Return the table of models against dimensions, a row an audit; a cell is the worst finding's sign and number."""
    records = [audit.record for audit in audits]
    asked = {finding.dimension for record in records for finding in record.findings}
    columns = [one for one in DIMENSIONS if one in asked] + sorted(asked - set(DIMENSIONS))
    rows = [["model", *columns, "decided", "worst finding"]]
    for record in records:
        main = record.models.get("main")
        cells = [_cell([f for f in record.findings if f.dimension == one]) for one in columns]
        bad = [f for f in record.findings if f.verdict in ("failed", "crashed", "inconclusive")]
        worst = _worst(bad).why.partition(";")[0].rstrip(".") if bad else "-"
        rows.append([main.name if main else record.title, *cells, "{}/{}".format(*decided(record.findings)), worst])
    rows = [[clean(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, "", LEGEND])


@dataclass
class Progress:
    """`120 of 960 items, 35/s, about 24 s left` on stderr: rewritten in place, or a line in ten seconds for a log."""

    total: int
    done: int = 0
    _begun: float = field(default_factory=time.perf_counter)
    _shown: float = field(default_factory=time.perf_counter)

    def __call__(self, items: int) -> None:
        """Count items and show the line where it is time for it."""
        self.done += items
        terminal, now = sys.stderr.isatty(), time.perf_counter()
        if now - self._shown < (0.1 if terminal else EVERY):
            return
        self._shown = now
        rate = self.done / max(now - self._begun, 1e-9)
        left = max(self.total - self.done, 0) / max(rate, 1e-9)
        line = f"{self.done:,} of {self.total:,} items, {rate:,.0f}/s, about {left:,.0f} s left"
        print(f"\r{line}\x1b[K" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away before something else is printed."""
        if sys.stderr.isatty() and self.done:
            print("\r\x1b[K", end="", file=sys.stderr)
