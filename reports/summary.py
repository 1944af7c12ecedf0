"""An audit in one sentence, `Failed: 3 of 14 checks; 2 undecided, about 180 more items would do.`, and in counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from audit.record import WORST_FIRST, Finding, Record
from reports.wording import Words

__all__ = ["summary_sentence", "tally", "tally_text"]

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
    return words("summary.join").join(parts) + words("summary.end")


def _more(findings: Sequence[Finding], words: Words) -> str:
    """Return about how many more would decide what is undecided, to two digits; empty where nobody can tell."""
    open_ones = [finding for finding in findings if finding.verdict == "inconclusive" and finding.more_units]
    if not open_ones:
        return ""
    more = sum(finding.more_units or 0 for finding in open_ones)
    scale = 10 ** max(0, len(str(more)) - 2)
    rounded = -(-more // scale) * scale
    counts = [finding.headline.n for finding in open_ones if finding.headline is not None]
    clustered = any(n.get("units", 0) < n.get("items", 0) for n in counts)
    return words("tail.more_units" if clustered else "tail.more_items", count=rounded, number=f"{rounded:,}")
