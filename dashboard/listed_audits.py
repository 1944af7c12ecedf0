"""Which audits a list holds, in which order, and how many wait for whom: selecting and sorting, nothing else.

    listed(on)                  all audits with what people decided of them
    kept(found, place, ...)     those that an address asks for, in its order
    as_csv(rows, ...)           these as a file for a spreadsheet, one line an audit and dimension

An audit waits for a decision while something in it fails, crashed or is undecided after review, or a review is under
way, and nobody has approved or rejected it.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from audit.errors import DokimasiaError
from audit.record import UNSETTLED, WORST_FIRST
from audit.signing import same_person
from dashboard.address import Address
from dashboard.findings_register import Stand, stand_of
from dashboard.item_pages import inert
from dashboard.item_search import item_hits
from dashboard.loading import AuditEntry, Running, entries, opened
from dashboard.trust import was_changed
from reports.text import Words
from reports.views import ProgressView, progress_view

__all__ = ["ORDERS", "QUICK", "STATES", "Listed", "as_csv", "kept", "listed", "progress_of"]

STATES = ("running", "unreadable", *WORST_FIRST)
CLOSED = ("approved", "rejected")
_SEARCHED = ("dimension", "probe", "measure", "family")


@dataclass(frozen=True)
class Listed:
    """An audit of the list."""

    entry: AuditEntry
    stand: Stand | None
    """What people decided; None where nobody has spoken of it."""

    @property
    def judged(self) -> bool:
        """Whether it has a record that can be read."""
        return self.entry.state in WORST_FIRST

    @property
    def to_decide(self) -> bool:
        """Whether it waits for a decision."""
        if not self.judged:
            return False
        verdict, decision = (
            (self.entry.state, "draft") if self.stand is None else (self.stand.verdict, self.stand.decision)
        )
        return decision not in CLOSED and (verdict in UNSETTLED or decision != "draft")

    @property
    def damaged(self) -> bool:
        """Whether it cannot be read, or is not what was stored, as far as that is known."""
        return self.entry.state == "unreadable" or was_changed(self.entry.name)

    def of(self, somebody: str) -> bool:
        """Tell whether a person owns an open finding of it."""
        return self.stand is not None and any(same_person(owner, somebody) for owner in self.stand.owners)


Test = Callable[[Listed, str], bool]
QUICK: Mapping[str, Test] = {
    "": lambda one, me: True,
    "decide": lambda one, me: one.to_decide,
    "mine": lambda one, me: bool(me) and one.of(me),
    "overdue": lambda one, me: one.stand is not None and one.stand.overdue > 0,
    "damaged": lambda one, me: one.damaged,
    "running": lambda one, me: one.entry.state == "running",
}
"""Filter -> whether it keeps an audit, for the person who looks."""
ORDERS: Mapping[str, Callable[[AuditEntry], Any]] = {
    "worst": lambda entry: (STATES.index(entry.state), entry.bad, -entry.written),
    "newest": lambda entry: -entry.written,
    "title": lambda entry: entry.title.casefold(),
    "model": lambda entry: entry.model.casefold(),
}


def listed(on: date) -> list[Listed]:
    """Return all audits as they stand on a day, the newest first."""
    return [Listed(one, stand_of(one.name, on) if one.state in WORST_FIRST else None) for one in entries()]


def progress_of(found: Running, words: Words) -> ProgressView | None:
    """Return how far a running audit is; None where it does not tell."""
    return None if found.progress is None else progress_view(found.progress, found.partial, time.time(), words)


def kept(found: Sequence[Listed], place: Address, words: Words, me: str) -> list[Listed]:
    """Return the audits that the filters of an address keep, in the order that it asks for.

    A search keeps also those in whose items the text stands, as far as these were looked through.
    """
    wanted, quick = place.search.casefold(), QUICK[place.only]
    terms = _terms(wanted, words) if wanted else frozenset()
    hits = item_hits(place.search, [one.entry.name for one in found if one.judged])
    left = [
        one
        for one in found
        if place.verdict in ("", one.entry.state)
        and place.family in ("", one.entry.family)
        and quick(one, me)
        and (wanted in one.entry.text or not terms.isdisjoint(one.entry.terms) or one.entry.name in hits)
    ]
    return sorted(left, key=lambda one: ORDERS[place.order](one.entry))


def _terms(wanted: str, words: Words) -> frozenset[str]:
    """Return the terms whose name in the reader's language holds a text."""
    return frozenset(
        raw for kind in _SEARCHED for raw, told in words.catalogue[kind].items() if wanted in str(told).casefold()
    )


def as_csv(rows: Sequence[Listed]) -> bytes:
    """Return audits as CSV in UTF-8: a line for each finding, with what people decided of the audit.

    Numbers are those of the record, in their units; an audit without a record, or of which none can be read, has one
    line.
    """
    written = io.StringIO(newline="")
    table = csv.writer(written)
    table.writerow(_COLUMNS)
    for one in rows:
        table.writerows([inert(str(cell)) if isinstance(cell, str) else cell for cell in line] for line in _lines(one))
    return written.getvalue().encode()


_COLUMNS = (
    "audit", "title", "model", "family", "state", "after_review", "decision", "owners", "due", "overdue", "written",
    "dimension", "check", "verdict", "gating", "measure", "group", "value", "low", "high", "unit", "at_least",
    "at_most", "why",
)


def _lines(one: Listed) -> Iterable[Sequence[Any]]:
    entry, stand = one.entry, one.stand
    after = ("", "", "", "", "") if stand is None else (
        stand.verdict, stand.decision, "; ".join(stand.owners), stand.due or "", stand.overdue
    )  # fmt: skip
    written = datetime.fromtimestamp(entry.written).isoformat(timespec="seconds")
    head = (entry.name, entry.title, entry.model, entry.family, entry.state, *after, written)
    try:
        findings = opened(entry.name).record.findings if one.judged else []
    except DokimasiaError:
        findings = []
    for finding in findings:
        measure, limit = finding.headline, finding.limit
        number = ("",) * 6 if measure is None else (
            measure.name, measure.group, measure.value, measure.low, measure.high, measure.unit
        )  # fmt: skip
        bounds = ("", "") if limit is None else (limit.at_least, limit.at_most)
        yield *head, finding.dimension, finding.check, finding.verdict, finding.gating, *number, *bounds, finding.why
    if not findings:
        yield *head, *("",) * (len(_COLUMNS) - len(head) - 1), str(entry.why)
