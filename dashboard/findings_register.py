"""What people have decided: of one audit, and of all findings that somebody has to settle.

    stand_of(name, on) -> where an audit stands after its reviews; None where nobody has spoken of it
    standing(name)     -> all that was said of an audit, as it stands today
    register(on)       -> rows over all audits, the most urgent first: overdue, then by rating, day and verdict

A finding is listed that failed, crashed or is undecided, and any other of which somebody has spoken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from audit.files import sha256
from audit.record import RECORD_FILE, REVIEWS_FILE, UNSETTLED, WORST_FIRST, Audit, Finding, Verdict
from audit.review import RATINGS, ReviewState, TargetState, signature_of, state_of
from audit.signing import known_keys
from dashboard.loading import entries, home, opened, readable

__all__ = ["SOON", "RegisterRow", "Stand", "register", "stand_of", "standing"]


SOON = 30
"""Days before its end in which a waiver is one that ends soon."""


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
    age: int
    """Days since the audit was run; since its record was written, where nothing tells when it was run."""
    given: int = 0
    """Items of it that are given to somebody."""

    @property
    def mark(self) -> str:
        """Eight letters that stand for the finding in an address."""
        return sha256(f"{self.audit}\n{self.finding.check}".encode("utf-8", "surrogatepass"))[7:15]

    @property
    def ends(self) -> tuple[tuple[date, Literal["due", "waiver"]], ...]:
        """The days on which something ends: the time to settle it while it is open, and its waiver."""
        waiver = self.standing.waiver
        due = self.standing.due if self.standing.status == "open" else None
        found: list[tuple[date, Literal["due", "waiver"]]] = [] if due is None else [(due, "due")]
        return tuple(found if waiver is None else [*found, (waiver.until, "waiver")])

    def ending(self, on: date) -> bool:
        """Tell whether its waiver ends within `SOON` days of a day, that day included."""
        return any(kind == "waiver" and 0 <= (day - on).days <= SOON for day, kind in self.ends)

    @property
    def urgency(self) -> tuple[bool, int, date, int, str, str]:
        """What the rows are sorted by."""
        rating = len(RATINGS) if self.standing.rating is None else RATINGS.index(self.standing.rating)
        verdict = WORST_FIRST.index(self.finding.verdict)
        return not self.overdue, rating, self.standing.due or date.max, verdict, self.title, self.finding.check


@dataclass(frozen=True)
class Stand:
    """Where an audit stands after its reviews, as far as a list tells it."""

    decision: str
    by: str
    """Who decided: the owner of the known key that signed it, else the name that was given; empty for a draft."""
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


def standing(name: str) -> ReviewState:
    """Return where an audit stands today, read anew only where its reviews were written; raises as `opened`."""
    return _standing(home(), name, date.today(), *_stamps(name))


@lru_cache(maxsize=32)
def _standing(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> ReviewState:
    return state_of(opened(name), on)


def stand_of(name: str, on: date) -> Stand | None:
    """Return where an audit stands on a day; None where nobody has spoken of it, or it cannot be read."""
    recorded, reviewed = _stamps(name)
    return _stand(home(), name, on, recorded, reviewed) if reviewed[1] else None


@lru_cache(maxsize=4096)
def _stand(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> Stand | None:
    return readable(name, lambda audit: _summed(audit, state_of(audit, on), on))


def _summed(audit: Audit, state: ReviewState, on: date) -> Stand | None:
    if not state.entries:
        return None
    checks = [one.check for one in audit.record.findings]
    said = [state.of(check) for check in checks]
    still = sorted((one for one in said if one.status == "open"), key=lambda one: one.due or date.max)
    return Stand(
        decision=state.decision,
        by=_decided_by(state),
        verdict=state.verdict,
        changed=state.verdict != audit.record.verdict,
        waived=sum(map(state.waived, checks)),
        owners=tuple(dict.fromkeys(one.owner for one in still if one.owner)),
        due=next((one.due for one in still if one.due), None),
        overdue=sum(one.overdue(on) for one in still),
    )


def _decided_by(state: ReviewState) -> str:
    last = next((row.entry for row in reversed(state.sign_off) if row.counts), None)
    if last is None:
        return ""
    key = last.key.fingerprint if last.key is not None and signature_of(last) == "holds" else ""
    return known_keys().get(key, last.author)


def register(on: date) -> list[RegisterRow]:
    """Return the rows as they stand on a day; audits that cannot be read are left to the list of audits."""
    names = [entry.name for entry in entries() if entry.state in WORST_FIRST]
    rows = (row for name in names for row in _of_audit(home(), name, on, *_stamps(name)))
    return sorted(rows, key=lambda row: row.urgency)


def _stamps(name: str) -> tuple[int, tuple[int, int]]:
    """Return when the record and the reviews were written, in nanoseconds, and the reviews' size; 0 without a file."""
    paths = [home() / name / file for file in (RECORD_FILE, REVIEWS_FILE)]
    recorded, reviewed = ((one.st_mtime_ns, one.st_size) if one else (0, 0) for one in map(_stat, paths))
    return recorded[0], reviewed


def _stat(path: Path) -> os.stat_result | None:
    return path.stat() if path.is_file() else None


@lru_cache(maxsize=4096)
def _of_audit(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> tuple[RegisterRow, ...]:
    return readable(name, lambda audit: tuple(_rows(audit, state_of(audit, on), on))) or ()


def _rows(audit: Audit, state: ReviewState, on: date) -> Iterator[RegisterRow]:
    audited = audit.record.models.get("main") or audit.record.data
    age = (on - _day_of(audit)).days
    for finding in audit.record.findings:
        said = state.of(finding.check)
        given = sum(of == finding.check and item is not None and one.owner is not None
                    for (of, item), one in state.targets.items())
        if finding.verdict in UNSETTLED or said != TargetState() or given:
            model = "" if audited is None else audited.name
            title, overdue = audit.record.title, said.overdue(on)
            yield RegisterRow(audit.folder.name, title, model, finding, said, overdue, age, given)


def _day_of(audit: Audit) -> date:
    """Return the day on which the audit ended."""
    written = date.fromtimestamp((audit.folder / RECORD_FILE).stat().st_mtime)
    try:
        return written if audit.run is None else datetime.fromisoformat(audit.run.finished).date()
    except ValueError:
        return written
