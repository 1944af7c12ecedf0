"""Where an audit stands after its reviews, as far as a list tells it, and for how long that stays so.

A day that is due goes by and a waiver ends without anybody writing a word: until the first of these days a stand holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from audit.catalogue.header import Header, header_of
from audit.record import Audit, Verdict, load_record
from audit.review import Override, ReviewState, Sample, read_reviews, signature_of, state_of
from audit.signing import known_keys
from detectors.immutable import immutable

__all__ = ["Stand", "stand_in", "stand_of", "state_in"]


@immutable
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
    holds_until: date
    """The last day on which it is so while nobody writes."""


def stand_in(folder: Path, on: date) -> Stand | None:
    """Return where the audit in a folder stands on a day; None where nobody has spoken of it. Raises as `state_in`."""
    found = state_in(folder, on)
    return None if found is None else stand_of(*found, on)


def state_in(folder: Path, on: date, head: Header | None = None) -> tuple[Audit, ReviewState] | None:
    """Return the audit in a folder and all that was said of it; None where nobody has spoken of it.

    Its measures are read only where somebody put outcomes in the machine's place, and `head` where it is not given.
    Raises as `read_reviews` and `header_of`.
    """
    reviews = read_reviews(folder)
    if not reviews.entries:
        return None
    counted = any(isinstance(one.says, Override | Sample) for one in reviews.entries)
    audit = load_record(folder) if counted else (head or header_of(folder)).outlined(folder)
    return audit, state_of(audit, on, reviews=reviews)


def stand_of(audit: Audit, state: ReviewState, on: date) -> Stand:
    """Return where an audit stands on a day by what was said of it."""
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
        holds_until=min(_last_days(state, on), default=date.max),
    )


def _decided_by(state: ReviewState) -> str:
    last = next((row.entry for row in reversed(state.sign_off) if row.counts), None)
    if last is None:
        return ""
    key = last.key.fingerprint if last.key is not None and signature_of(last) == "holds" else ""
    return known_keys().get(key, last.author)


def _last_days(state: ReviewState, on: date) -> Iterator[date]:
    """Yield the days, from `on`, after which something else is so: reviews may be dated ahead, too."""
    latest = max(one.at.date() for one in state.entries)
    if latest > on:
        yield latest - timedelta(days=1)
    for one in state.targets.values():
        days = (one.due, None if one.waiver is None else one.waiver.until)
        yield from (day for day in days if day is not None and day >= on)
