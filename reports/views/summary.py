"""An audit in one sentence, `Failed: 3 of 14 checks; 2 undecided, about 180 more items would do.`, and in counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from audit.record import WORST_FIRST, Finding, Record, Undecided
from audit.verdict import far_off
from reports.text import Words

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
    return words("summary.join").join(parts) + words("summary.end")


def _more(findings: Sequence[Finding], words: Words) -> str:
    """Return about how many would decide what is undecided; empty where nobody can tell."""
    open_ones = [one for one in findings if one.verdict == "inconclusive" and (one.more_units or one.fresh_units)]
    counts = [finding.headline.n for finding in open_ones if finding.headline is not None]
    clustered = any(n.get("units", 0) < n.get("items", 0) for n in counts)
    return would_do(open_ones, words, "units" if clustered else "items")


def would_do(undecided: Sequence[Undecided], words: Words, unit: Literal["items", "units"]) -> str:
    """Return how many more, and of how many a fresh sample, would do; the most that one check needs, for each.

    Nothing is added up over checks, since they may share their items.
    """
    needs = {
        "more": [one.more_units for one in undecided if one.more_units],
        "fresh": [one.fresh_units for one in undecided if one.fresh_units],
    }
    told = ""
    for kind, counts in needs.items():
        if counts:
            most = _two_digits(max(counts))
            told += words(f"tail.{kind}_{unit}", count=most, number=f"{most:,}")
            told += words("tail.each") if len(counts) > 1 else ""
    return told


def _two_digits(count: int) -> int:
    scale = int(10 ** max(0, len(str(count)) - 2))
    return -(-count // scale) * scale
