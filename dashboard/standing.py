"""Findings over all audits that somebody has to settle: what the machine found, and where people stand with it.

    register() -> rows, the most urgent first: overdue, then by rating, day and verdict

A finding is listed that failed, crashed or is undecided, and any other of which somebody has spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from audit.errors import DokimasiaError
from audit.record import WORST_FIRST, Finding, audited_first
from audit.reviews import FILE, Standing, state_of
from dashboard.loading import entries, home, opened

__all__ = ["RATINGS", "Row", "register"]

RATINGS = ("high", "medium", "low", "note", "")
_UNSETTLED = ("failed", "crashed", "inconclusive")


@dataclass(frozen=True)
class Row:
    """One finding of one audit."""

    audit: str
    """Name of the audit's folder."""
    title: str
    model: str
    finding: Finding
    standing: Standing
    overdue: bool

    @property
    def urgency(self) -> tuple[bool, int, date, int, str, str]:
        """What the rows are sorted by."""
        rating = RATINGS.index(self.standing.rating or "")
        verdict = WORST_FIRST.index(self.finding.verdict)
        return not self.overdue, rating, self.standing.due or date.max, verdict, self.title, self.finding.check


def register(on: date) -> list[Row]:
    """Return the rows as they stand on a day; audits that cannot be read are left to the list of audits."""
    names = [entry.name for entry in entries() if entry.state in WORST_FIRST]
    return sorted((row for name in names for row in _rows(name, on)), key=lambda row: row.urgency)


def _rows(name: str, on: date) -> tuple[Row, ...]:
    stamps = []
    for file in ("record.json", FILE):
        path = home() / name / file
        stamps.append(path.stat().st_mtime_ns if path.is_file() else 0)
    return _of_audit(home(), name, on, *stamps)


@lru_cache(maxsize=4096)
def _of_audit(root: Path, name: str, on: date, recorded: int, reviewed: int) -> tuple[Row, ...]:
    return tuple(_read(name, on))


def _read(name: str, on: date) -> Iterator[Row]:
    try:
        audit = opened(name)
        state = state_of(audit, on)
    except DokimasiaError:
        return
    model = next((one.name for one in audited_first(audit.record.models)), "")
    for finding in audit.record.findings:
        standing = state.of(finding.check)
        if finding.verdict in _UNSETTLED or standing != Standing():
            yield Row(name, audit.record.title, model, finding, standing, standing.overdue(on))
