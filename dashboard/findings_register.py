"""What people have decided: of one audit, and of all findings that somebody has to settle.

    stand_of(name, on) -> where an audit stands after its reviews; None where nobody has spoken of it
    settled_of(...)    -> where each of its findings stands
    register(on)       -> rows over all audits, the most urgent first: overdue, then by rating, day and verdict

A finding is listed that failed, crashed or is undecided, and any other of which somebody has spoken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from audit.record import RECORD_FILE, REVIEWS_FILE, UNSETTLED, WORST_FIRST, Audit, Finding, Verdict
from audit.review import RATINGS, ReviewState, TargetState, state_of
from dashboard.loading import entries, home, readable

__all__ = ["RegisterRow", "Settled", "Stand", "register", "settled_of", "stand_of"]


@dataclass(frozen=True)
class RegisterRow:
    """One finding of one audit."""

    audit: str
    """Name of the audit's folder."""
    title: str
    model: str
    finding: Finding
    standing: TargetState
    overdue: bool

    @property
    def urgency(self) -> tuple[bool, int, date, int, str, str]:
        """What the rows are sorted by."""
        rating = len(RATINGS) if self.standing.rating is None else RATINGS.index(self.standing.rating)
        verdict = WORST_FIRST.index(self.finding.verdict)
        return not self.overdue, rating, self.standing.due or date.max, verdict, self.title, self.finding.check


@dataclass(frozen=True)
class Settled:
    """Where one finding stands after its reviews."""

    verdict: Verdict
    """After review, with overridden items counted anew."""
    changed: bool
    """Whether that is another verdict than the machine's."""
    waived: bool
    status: str
    owner: str
    due: date | None
    overdue: bool


def settled_of(audit: Audit, state: ReviewState, on: date) -> dict[str, Settled]:
    """Return check -> where its finding stands, for those of which somebody has spoken."""
    found = {}
    for machine, after in zip(audit.record.findings, state.findings, strict=True):
        said = state.of(machine.check)
        if said != TargetState() or machine.check in state.reviewed:
            changed, waived = after.verdict != machine.verdict, state.waived(machine.check)
            facts = (said.status, said.owner or "", said.due, said.overdue(on))
            found[machine.check] = Settled(after.verdict, changed, waived, *facts)
    return found


@dataclass(frozen=True)
class Stand:
    """Where an audit stands after its reviews, as far as a list tells it."""

    decision: str
    verdict: Verdict
    """After review: overridden items counted anew, waived findings not gating."""
    changed: bool
    """Whether that is another verdict than the machine's."""
    waived: int
    """Findings that a waiver takes out on the day."""
    owners: tuple[str, ...]
    """Of open findings, in the order of their days."""
    due: date | None
    """The first day by which an open finding shall be settled."""
    overdue: int


def stand_of(name: str, on: date) -> Stand | None:
    """Return where an audit stands on a day; None where nobody has spoken of it, or it cannot be read."""
    recorded, reviewed = _stamps(name)
    return _stand(home(), name, on, recorded, reviewed) if reviewed else None


@lru_cache(maxsize=4096)
def _stand(root: Path, name: str, on: date, recorded: int, reviewed: int) -> Stand | None:
    return readable(name, lambda audit: _summed(audit, state_of(audit, on), on))


def _summed(audit: Audit, state: ReviewState, on: date) -> Stand | None:
    if not state.entries:
        return None
    checks = [one.check for one in audit.record.findings]
    said = [state.of(check) for check in checks]
    still = sorted((one for one in said if one.status == "open"), key=lambda one: one.due or date.max)
    return Stand(
        decision=state.decision,
        verdict=state.verdict,
        changed=state.verdict != audit.record.verdict,
        waived=sum(map(state.waived, checks)),
        owners=tuple(dict.fromkeys(one.owner for one in still if one.owner)),
        due=next((one.due for one in still if one.due), None),
        overdue=sum(one.overdue(on) for one in still),
    )


def register(on: date) -> list[RegisterRow]:
    """Return the rows as they stand on a day; audits that cannot be read are left to the list of audits."""
    names = [entry.name for entry in entries() if entry.state in WORST_FIRST]
    rows = (row for name in names for row in _of_audit(home(), name, on, *_stamps(name)))
    return sorted(rows, key=lambda row: row.urgency)


def _stamps(name: str) -> tuple[int, int]:
    """Return when the record and the reviews were written, in nanoseconds; 0 for one that is not there."""
    paths = [home() / name / file for file in (RECORD_FILE, REVIEWS_FILE)]
    recorded, reviewed = (path.stat().st_mtime_ns if path.is_file() else 0 for path in paths)
    return recorded, reviewed


@lru_cache(maxsize=4096)
def _of_audit(root: Path, name: str, on: date, recorded: int, reviewed: int) -> tuple[RegisterRow, ...]:
    return readable(name, lambda audit: tuple(_rows(audit, state_of(audit, on), on))) or ()


def _rows(audit: Audit, state: ReviewState, on: date) -> Iterator[RegisterRow]:
    audited = audit.record.models.get("main") or audit.record.data
    for finding in audit.record.findings:
        standing = state.of(finding.check)
        if finding.verdict in UNSETTLED or standing != TargetState():
            model = "" if audited is None else audited.name
            yield RegisterRow(audit.folder.name, audit.record.title, model, finding, standing, standing.overdue(on))
