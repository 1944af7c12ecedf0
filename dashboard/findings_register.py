"""What people have decided: of one audit, and of all findings that somebody has to settle.

    stand_of(name, on) -> where an audit stands after its reviews; None where nobody has spoken of it
    standing(name)     -> all that was said of an audit, as it stands today, for whoever looks
    register(asked)    -> rows over all audits that are asked for, most urgent first (`catalogue.register_queries`)
    ends(asked)        -> what ends of them and when, in order of the days

Which rows these are the index tells, which is asked for the few that are shown; what a row says is read from its audit.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

from audit.catalogue import Place, Stand, ToSettle, given_items, is_listed, mark_of, stand_in
from audit.files import sha256
from audit.record import RECORD_FILE, REVIEWS_FILE, Audit, Finding
from audit.review import CHAIN_START, ReviewState, TargetState, pull_reviews, state_of
from dashboard.blind_review import seen_by
from dashboard.indexing import index
from dashboard.loading import home, opened, readable
from dashboard.speakers import speaker
from detectors.immutable import immutable

__all__ = ["End", "RegisterRow", "Stand", "ends", "looked_at", "register", "stand_of", "standing"]

T = TypeVar("T")


@immutable
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
        return mark_of(*self.place)

    @property
    def place(self) -> Place:
        """Its audit, its check, and the item where it is one."""
        return self.audit, self.finding.check, self.item


@immutable
class End:
    """Something that ends on a day: the time to settle a finding, while it is open, or its waiver."""

    day: date
    kind: Literal["due", "waiver"]
    row: RegisterRow


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


def register(asked: ToSettle, start: int = 0, most: int | None = None) -> list[RegisterRow]:
    """Return the rows that are asked for, from place `start` on; audits that cannot be read are left to the list."""
    found = _looked_again(lambda: index().settling(asked, start, most), lambda place: place[0])
    return [row for place in found if (row := _row_of(place, asked.on)) is not None]


def ends(asked: ToSettle, start: int = 0, most: int | None = None) -> list[End]:
    """Return what ends of the rows that are asked for, in order of the days, from place `start` on."""
    found = _looked_again(lambda: index().ends(asked, start, most), lambda one: one[2][0])
    rows = ((day, kind, _row_of(place, asked.on)) for day, kind, place in found)
    return [
        End(date.fromisoformat(day), "due" if kind == "due" else "waiver", row)
        for day, kind, row in rows if row is not None
    ]  # fmt: skip


def _looked_again(ask: Callable[[], list[T]], audit_of: Callable[[T], str]) -> list[T]:
    """Return what is asked of the index, once more where one of the audits was written since it was brought up."""
    found = ask()
    return ask() if index().look_again({audit_of(one) for one in found}) else found


def _row_of(place: Place, on: date) -> RegisterRow | None:
    return _of_audit(home(), place[0], on, *_stamps(place[0])).get(place)


def _stamps(name: str) -> tuple[int, tuple[int, int]]:
    """Return when the record and the reviews were written, in nanoseconds, and the reviews' size; 0 without a file."""
    paths = [home() / name / file for file in (RECORD_FILE, REVIEWS_FILE)]
    recorded, reviewed = ((one.st_mtime_ns, one.st_size) if one else (0, 0) for one in map(_stat, paths))
    return recorded[0], reviewed


def _stat(path: Path) -> os.stat_result | None:
    return path.stat() if path.is_file() else None


@lru_cache(maxsize=1024)
def _of_audit(root: Path, name: str, on: date, recorded: int, reviewed: tuple[int, int]) -> Mapping[Place, RegisterRow]:
    return readable(name, lambda name: {row.place: row for row in _rows(opened(name), on)}) or {}


def _rows(audit: Audit, on: date) -> Iterator[RegisterRow]:
    state = state_of(audit, on)
    audited = audit.record.models.get("main") or audit.record.data
    age = (on - _day_of(audit)).days
    model = "" if audited is None else audited.name
    for finding in audit.record.findings:
        spoken = state.of(finding.check)
        listed = [(None, spoken)] if is_listed(finding.verdict, spoken) else []
        for item, said in (*listed, *given_items(state, finding.check)):
            yield RegisterRow(
                audit.folder.name, audit.record.title, model, finding, said, said.overdue(on), age, item
            )


def _day_of(audit: Audit) -> date:
    """Return the day on which the audit ended."""
    written = date.fromtimestamp((audit.folder / RECORD_FILE).stat().st_mtime)
    try:
        return written if audit.run is None else datetime.fromisoformat(audit.run.finished).date()
    except ValueError:
        return written
