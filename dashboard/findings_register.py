"""What people have decided: of one audit, and of all findings that somebody has to settle.

    stand_of(name, on) -> where an audit stands after its reviews; None where nobody has spoken of it
    standing(name)     -> all that was said of an audit, as it stands today, for whoever looks
    register(on)       -> rows over all audits, the most urgent first: overdue, then by rating, day and verdict

A finding is listed that failed, crashed or is undecided, and any other of which somebody has spoken; an item that was
given to somebody, until somebody has said what is right of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from audit.catalogue import Stand, stand_in
from audit.files import sha256
from audit.record import RECORD_FILE, REVIEWS_FILE, UNSETTLED, WORST_FIRST, Audit, Finding
from audit.review import CHAIN_START, RATINGS, ReviewState, TargetState, pull_reviews, state_of
from dashboard.blind_review import seen_by
from dashboard.loading import entries, home, opened, readable
from dashboard.speakers import speaker

__all__ = ["SOON", "RegisterRow", "Stand", "looked_at", "register", "stand_of", "standing"]


SOON = 30
"""Days before its end in which a waiver is one that ends soon."""


@dataclass(frozen=True)
class RegisterRow:
    """One finding of one audit, or one item of it."""

    audit: str
    """Name of the audit's folder."""
    title: str
    model: str
    finding: Finding
    standing: TargetState
    overdue: bool
    age: int
    """Days since the audit was run; since its record was written, where nothing tells when it was run."""
    item: str | None = None
    """Id of the item; None for the finding."""

    @property
    def mark(self) -> str:
        """Eight letters that stand for the finding, or the item, in an address."""
        names = (self.audit, self.finding.check, *(() if self.item is None else (self.item,)))
        return sha256("\n".join(names).encode("utf-8", "surrogatepass"))[7:15]

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
    def urgency(self) -> tuple[bool, int, date, int, str, str, str]:
        """What the rows are sorted by."""
        rating = len(RATINGS) if self.standing.rating is None else RATINGS.index(self.standing.rating)
        verdict = WORST_FIRST.index(self.finding.verdict)
        due, names = self.standing.due or date.max, (self.title, self.finding.check, self.item or "")
        return not self.overdue, rating, due, verdict, *names


def standing(name: str) -> ReviewState:
    """Return where an audit stands today as whoever looks may see it; raises as `opened`.

    It is read anew only where its reviews were written.
    """
    return looked_at(name)[0]


def looked_at(name: str) -> tuple[ReviewState, str]:
    """Return `standing`, and the digest of the last entry that there is, seen or hidden."""
    _brought_up(home(), name, int(time.monotonic()))
    state = _standing(home(), name, date.today(), *_stamps(name))
    return seen_by(speaker(), state), sha256(state.entries[-1].line) if state.entries else CHAIN_START


@lru_cache(maxsize=32)
def _brought_up(root: Path, name: str, second: int) -> None:
    """Bring an audit's reviews up to their database, once a second at most."""
    pull_reviews(opened(name))


@lru_cache(maxsize=32)
def _standing(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> ReviewState:
    return state_of(opened(name), on)


def stand_of(name: str, on: date) -> Stand | None:
    """Return where an audit stands on a day; None where nobody has spoken of it, or it cannot be read."""
    recorded, reviewed = _stamps(name)
    return _stand(home(), name, on, recorded, reviewed) if reviewed[1] else None


@lru_cache(maxsize=4096)
def _stand(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> Stand | None:
    return readable(name, lambda name: stand_in(root / name, on))


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
    return readable(name, lambda name: tuple(_rows(opened(name), on))) or ()


def _rows(audit: Audit, on: date) -> Iterator[RegisterRow]:
    state = state_of(audit, on)
    audited = audit.record.models.get("main") or audit.record.data
    age = (on - _day_of(audit)).days
    model = "" if audited is None else audited.name
    for finding in audit.record.findings:
        spoken = state.of(finding.check)
        listed = [(None, spoken)] if finding.verdict in UNSETTLED or spoken != TargetState() else []
        for item, said in (*listed, *_given(state, finding.check)):
            yield RegisterRow(
                audit.folder.name, audit.record.title, model, finding, said, said.overdue(on), age, item
            )


def _given(state: ReviewState, check: str) -> Iterator[tuple[str, TargetState]]:
    """Yield the items of a check that somebody has to look at, and nobody has."""
    done = state.calls.get(check, {})
    for (of, item), said in state.targets.items():
        if of == check and item is not None and item not in done and said.owner and said.status == "open":
            yield item, said


def _day_of(audit: Audit) -> date:
    """Return the day on which the audit ended."""
    written = date.fromtimestamp((audit.folder / RECORD_FILE).stat().st_mtime)
    try:
        return written if audit.run is None else datetime.fromisoformat(audit.run.finished).date()
    except ValueError:
        return written
