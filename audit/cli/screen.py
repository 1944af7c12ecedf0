"""What the terminal shows: a line for each finding as it lands, a sentence for each audit, and how far a run is.

Text that came from models or files is stripped of control characters before it is printed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from audit.cli.terminal_words import declared_text, far_off_text, sentence
from audit.errors import clean
from audit.record import DECIDED, WORST_FIRST, Deviation, Finding, Record, Undecided, number
from audit.verdict import FIRST_PROBLEM, KEY, OWN_UNITS, RAW_PROMPTS, contradicts, far_off

__all__ = ["SIGNS", "Progress", "finding_line", "notes", "summary_line", "would_do"]

SIGNS: Mapping[str, str] = {
    "passed": "v",
    "failed": "x",
    "inconclusive": "?",
    "skipped": "~",
    "crashed": "!",
    "measured": ".",
}
_REMARKS = {KEY: OWN_UNITS, "raw_prompts": RAW_PROMPTS, "problem": FIRST_PROBLEM}
"""Those that a line of the terminal tells, the last one first."""
EVERY = 10.0
"""Seconds between two lines of progress where stderr is no terminal."""


def finding_line(finding: Finding) -> str:
    """Return `x stereotypes: failed. In 74.1 % of pairs the model prefers the stereotype ...`."""
    word = finding.verdict + ("" if finding.gating or finding.verdict == "measured" else ", not gating")
    far, declared = far_off_text(finding), declared_text(finding)
    told = f" Far off, without a limit: {far}." if far else ""
    remarks = {one["key"]: one for one in finding.remarks}
    for key, remark in _REMARKS.items():
        told = f" {remark.format_map(remarks[key])}{told}" if key in remarks else told
    told = f" {declared}{told}" if declared else told
    return clean(f"{SIGNS[finding.verdict]} {finding.check}: {word}. {sentence(finding)}{told}")


def summary_line(record: Record) -> str:
    """Return one sentence: `Failed: 3 of 14 checks; 2 undecided, about 180 more units would do for each.`"""
    count = {verdict: sum(f.verdict == verdict for f in record.findings) for verdict in WORST_FIRST}
    total, against = len(record.findings), sum(map(contradicts, record.findings))
    parts = [f"{record.verdict.capitalize()}: {total} check{'s' if total != 1 else ''}"]
    if count["failed"]:
        parts = [f"Failed: {count['failed']} of {total} checks"]
    if count["inconclusive"]:
        parts.append(f"{count['inconclusive']} undecided" + would_do(record.findings))
    parts += [f"{count[word]} {word}" for word in ("crashed", "skipped") if count[word]]
    if far := sum(len(far_off(finding)) for finding in record.findings):
        parts.append(f"{far} measure{'s' if far != 1 else ''} without limit {'are' if far != 1 else 'is'} far off")
    first = f"{against} declared number{'s are' if against > 1 else ' is'} contradicted. " if against else ""
    return first + "; ".join(parts) + "."


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
        settled = sum(finding.verdict in DECIDED for finding in family)
        wrong = number(1 - record.level, "share")
        yield (
            f"exploratory: {settled} of {len(family)} decided together at level {100 * levels[0]:.4g} %; "
            f"on average at most {wrong} of what is decided is wrong"
        )
    if record.deviations:
        changes = [_change(one) for one in record.deviations[:5]]
        more = [f"{len(record.deviations) - 5} more"] if len(record.deviations) > 5 else []
        yield clean(f"NOT AS REGISTERED in {record.deviations[0].registered}: {'; '.join([*changes, *more])}")
    for attempt in record.attempts[:5]:
        earlier = ", ".join(f"{one.audit} {one.verdict or 'not ended'}" for one in attempt.earlier[-5:])
        same = "model, probe and data" if record.data is None else "probe and data"
        yield clean(f"ATTEMPT {attempt.ordinal} of {attempt.check}: same {same} before in {earlier}")


def _change(one: Deviation) -> str:
    sides = ["-" if value is None else json.dumps(value, ensure_ascii=False)[:80] for value in (one.before, one.after)]
    return f"{one.check or 'plan'} {one.what} {sides[0]} -> {sides[1]}"


@dataclass
class Progress:
    """`120 of 960 items, 35/s, about 24 s left` on stderr: rewritten in place, or a line in ten seconds for a log."""

    total: int = 0
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
