"""An audit in one sentence, `Failed: 3 of 14 checks; 2 undecided, about 180 items more would do.`, and in counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit.record import WORST_FIRST, Finding, Record, Undecided
from audit.verdict import contradicts, far_off
from reports.text import Counting, Words
from reports.views.verdict_text import unit_of

__all__ = ["summary_sentence", "tally", "tally_text", "would_do"]


def tally(findings: Iterable[Finding]) -> tuple[tuple[str, int], ...]:
    """Return (verdict, checks), worst first, only those that occur."""
    found = [finding.verdict for finding in findings]
    return tuple((verdict, found.count(verdict)) for verdict in WORST_FIRST if verdict in found)


def tally_text(counts: Iterable[tuple[str, int]], words: Words) -> str:
    """Return `2 failed, 5 passed`."""
    return words("format.list").join(
        words("format.counted", count=count, what=words(f"tally.{verdict}")) for verdict, count in counts
    )


def summary_sentence(record: Record, words: Words) -> str:
    """Return the audit in one sentence: its verdict, how many checks made it, and what else is open."""
    counts = dict(tally(record.findings))
    gating = dict(tally(finding for finding in record.findings if finding.gating))
    leading: str = record.verdict if record.findings else "empty"
    if leading == "inconclusive" and leading not in gating:
        leading = "skipped"
    made = counts.get(leading, 0) if leading in ("passed", "measured") else gating.get(leading, 0)
    scope = "_all" if made == len(record.findings) and leading != "empty" else ""
    parts = [words(f"summary.{leading}{scope}", count=made, all=len(record.findings))]
    rest = {**counts, leading: counts.get(leading, 0) - made}
    for verdict in (*WORST_FIRST[:4], *(["measured"] if leading == "passed" else [])):
        if rest.get(verdict):
            free = verdict != "measured" and (verdict == leading or verdict not in gating)
            parts.append(words(f"tail.{verdict}_free" if free else f"tail.{verdict}", count=rest[verdict]))
        if verdict == "inconclusive" and verdict in counts:
            parts[-1 if rest.get(verdict) else 0] += _more(record.findings, words)
    if far := sum(len(far_off(finding)) for finding in record.findings):
        parts.append(words("tail.far_off", count=far))
    against = sum(map(contradicts, record.findings))
    first = words("tail.contradicted", count=against) if against else ""
    return first + words("summary.join").join(parts) + words("summary.end")


def _more(findings: Sequence[Finding], words: Words) -> str:
    """Return about how many would decide what is undecided; empty where nobody can tell."""
    open_ones = [one for one in findings if one.verdict == "inconclusive" and (one.more_units or one.fresh_units)]
    called = {unit_of(one) for one in open_ones}
    return would_do(open_ones, words, *(called.pop() if len(called) == 1 else (Counting(""), "units")))


def would_do(undecided: Sequence[Undecided], words: Words, counting: Counting, kind: str) -> str:
    """Return how many more, and of how many a fresh sample, would do; the most that one check needs, for each.

    counting, kind: what is counted, as `unit_of` has it. Nothing is added up over checks, since they may share items.
    """
    needs = {
        "more": [one.more_units for one in undecided if one.more_units],
        "fresh": [one.fresh_units for one in undecided if one.fresh_units],
    }
    told = ""
    for key, counts in needs.items():
        if counts:
            each, most = words("tail.each") if len(counts) > 1 else "", _two_digits(max(counts))
            told += words(f"tail.{key}", units=counting.counted(kind, most, words), each=each)
    return told


def _two_digits(count: int) -> int:
    scale = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // scale) * scale
