"""Reviews: what people say of an audit, in `reviews.jsonl`, and where the audit stands after it.

    add_reviews(audit, Rating(check="facts", rating="high"), author="Kim")      appends, one line an entry
    read_reviews(folder) -> Reviews                                             the entries, their chain checked
    state_of(audit) -> State                                                    the latest word on every target

Entries are only ever added. Each holds the digest of the line before it and that of record.json, so none can be
changed or taken out of the middle unseen; what nobody signed or sealed, its owner can still rewrite as a whole. Writers
wait for each other under a lock. A last line torn by a kill is dropped. The record is never changed: overrides and
waivers stand beside what the machine found.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from pydantic import ValidationError

from audit.errors import DokimasiaError, UsageError, did_you_mean
from audit.files import digest_file, sha256, sync_folder
from audit.overrides import PROBLEMS, ItemChange, Reviewed, has_item, override_problem, review_measure
from audit.record import Audit, Finding, Verdict
from audit.review_entries import (
    START,
    Action,
    Comment,
    Decision,
    Due,
    Entry,
    Override,
    Owner,
    Rating,
    Says,
    Status,
    parsed_lines,
    signature_of,
    signed,
)
from audit.signing import SigningKey
from audit.verdict import audit_verdict

__all__ = [
    "FILE", "Action", "Comment", "Decision", "Due", "Entry", "Override", "Owner", "Rating", "Reviews", "Says",
    "SignOff", "Standing", "State", "Status", "Target", "Waiver", "add_reviews", "read_reviews", "signature_of",
    "state_of",
]

FILE = "reviews.jsonl"
Target = tuple[str | None, str | None]
"""(check, item): an item of a check; (check, None): its finding; (None, None): the audit."""


@dataclass(frozen=True)
class Reviews:
    """The entries of one audit, in the order in which they were written."""

    entries: tuple[Entry, ...] = ()
    torn: int = 0
    """Bytes of a last line that was not written whole; they are dropped."""


@dataclass(frozen=True)
class Waiver:
    """A finding that shall not count, and until when."""

    reason: str
    until: date
    author: str

    def holds(self, on: date) -> bool:
        """Tell whether the waiver counts on that day; its last day is in."""
        return on <= self.until


@dataclass(frozen=True)
class Standing:
    """What people have said of one target: the latest word of each kind, and all comments."""

    rating: str | None = None
    owner: str | None = None
    action: str | None = None
    due: date | None = None
    status: str = "open"
    waiver: Waiver | None = None
    comments: tuple[Entry, ...] = ()

    def overdue(self, on: date) -> bool:
        """Tell whether it is open, and was due before that day."""
        return self.status == "open" and self.due is not None and self.due < on


@dataclass(frozen=True)
class SignOff:
    """One decision about the audit."""

    entry: Entry
    counts: bool
    """Not so for an approval that another person than the one who asked for review would have to give."""

    @property
    def decision(self) -> str:
        """What was decided."""
        assert isinstance(self.entry.says, Decision)
        return self.entry.says.decision


@dataclass(frozen=True)
class State:
    """Where an audit stands after its reviews, on a day."""

    on: date | None
    """The day on which waivers are looked at; None where there are no entries and no day was given."""
    entries: tuple[Entry, ...]
    torn: int
    decision: str
    """`draft`, `in review`, `changes asked`, `approved` or `rejected`."""
    two_person: bool
    """Whether an approval needs another person than the one who asks for review."""
    sign_off: tuple[SignOff, ...]
    targets: Mapping[Target, Standing]
    reviewed: Mapping[str, Reviewed]
    """Check -> the machine's and the reviewed result, for checks that have overrides."""
    findings: tuple[Finding, ...]
    """As they stand after review: overridden items counted anew, waived findings not gating."""
    verdict: Verdict
    """The audit's verdict over those."""

    def of(self, check: str | None = None, item: str | None = None) -> Standing:
        """Return what was said of an item, of a finding, or of the audit."""
        return self.targets.get((check, item), Standing())

    def waived(self, check: str) -> bool:
        """Tell whether a waiver of this finding counts on the day."""
        waiver = self.of(check).waiver
        return waiver is not None and self.on is not None and waiver.holds(self.on)


def add_reviews(
    audit: Audit, *says: Says, author: str, key: SigningKey | None = None, at: datetime | None = None
) -> tuple[Entry, ...]:
    """Append what `author` says, signed where a key is given, and return the entries as they are stored.

    Each is one write and one fsync. `at` is the local time now if not given. Raises UsageError, before anything is
    written, for a check or item that is not there and for an approval that the two-person rule forbids.
    """
    key_name = None if key is None else key.public.fingerprint
    for one in says:
        _refuse(audit, one, author, key_name)
    record = digest_file(audit.folder / "record.json")
    path = audit.folder / FILE
    written = []
    if not path.exists():
        path.touch()
        sync_folder(audit.folder)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        whole, torn = _whole(file.read() or b"")
        if torn:
            file.truncate(len(whole))
        previous = sha256(whole[whole.rfind(b"\n", 0, -1) + 1 :]) if whole else START
        for one in says:
            entry = _entry(previous, record, author, at or datetime.now().astimezone().replace(microsecond=0), one)
            entry = entry if key is None else signed(entry, key)
            _append(file.fileno(), entry.line, path)
            previous = sha256(entry.line)
            written.append(entry)
    return tuple(written)


def _entry(previous: str, record: str, author: str, at: datetime, says: Says) -> Entry:
    try:
        return Entry(previous=previous, record=record, author=author, at=at, says=says)
    except ValidationError as error:
        raise UsageError(f"author {author!r}: {error.errors()[0]['msg']}") from None


def _append(handle: int, line: bytes, path: Path) -> None:
    """Write a line whole or not at all, and onto the disk."""
    before = os.fstat(handle).st_size
    try:
        if os.write(handle, line) != len(line):
            raise OSError(0, "the disk is full")
        os.fsync(handle)
    except OSError as error:
        os.ftruncate(handle, before)
        raise DokimasiaError(f"{path}: cannot be written ({error.strerror})") from None


def _refuse(audit: Audit, says: Says, author: str, key: str | None) -> None:
    """Raise UsageError where this cannot be said."""
    checks = [finding.check for finding in audit.record.findings]
    if says.check is not None and says.check not in checks:
        raise UsageError(f"no check {says.check!r} in this audit{did_you_mean(says.check, checks)}")
    if says.check is not None and says.item is not None and not has_item(audit, says.check, says.item):
        raise UsageError(f"check {says.check!r} has no item {says.item!r}; see the ids in items/{says.check}.parquet")
    if isinstance(says, Override) and says.check is not None and says.item is not None and says.value is not None:
        problem = override_problem(audit, says.check, says.item)
        if problem is not None:
            raise UsageError(f"item {says.item!r} of {says.check!r} cannot be overridden: {PROBLEMS[problem]}")
    if isinstance(says, Decision) and says.decision == "approved":
        signing = _signing(audit, read_reviews(audit.folder).entries)
        if signing.two_person and not signing.second(author, key):
            asked = "nobody asked for one" if signing.asked is None else f"{signing.asked.author} asked for this one"
            raise UsageError(f"an approval by {author!r} does not count: it needs a review (--ask) that another person "
                             f"asked for; {asked}")


def read_reviews(folder: str | os.PathLike[str]) -> Reviews:
    """Return the reviews in an audit folder; IntegrityError where the chain is broken or the record is another."""
    path = Path(folder, FILE)
    if not path.is_file():
        return Reviews()
    whole, torn = _whole(path.read_bytes())
    record = digest_file(Path(folder, "record.json"))
    return Reviews(tuple(parsed_lines(whole, FILE, record)), torn)


def _whole(data: bytes) -> tuple[bytes, int]:
    """Return the whole lines, and the number of bytes of a last line that is torn."""
    end = data.rfind(b"\n") + 1
    return data[:end], len(data) - end


def state_of(audit: Audit, on: date | None = None) -> State:
    """Return where the audit stands; without `on`, waivers are looked at on the day of the last entry.

    So the same files give the same state, whenever one asks. IntegrityError as `read_reviews`.
    """
    reviews = read_reviews(audit.folder)
    entries = reviews.entries
    on = on or (entries[-1].at.date() if entries else None)
    targets: dict[Target, Standing] = defaultdict(Standing)
    for entry in entries:
        target = entry.says.check, entry.says.item
        targets[target] = _after(targets[target], entry)
    reviewed = dict(_reviewed(audit, entries))
    after = [reviewed[one.check].finding if one.check in reviewed else one for one in audit.record.findings]
    signing = _signing(audit, entries)
    state = State(
        on=on, entries=entries, torn=reviews.torn, decision=signing.decision, two_person=signing.two_person,
        sign_off=signing.rows, targets=dict(targets), reviewed=reviewed, findings=(), verdict=audit.record.verdict,
    )
    after = [one.model_copy(update={"gating": False}) if state.waived(one.check) else one for one in after]
    return replace(state, findings=tuple(after), verdict=audit_verdict(after))


def _after(now: Standing, entry: Entry) -> Standing:
    """Return what is said of a target with one more entry."""
    match entry.says:
        case Comment():
            return replace(now, comments=(*now.comments, entry))
        case Rating(rating=rating):
            return replace(now, rating=rating)
        case Owner(owner=owner):
            return replace(now, owner=owner)
        case Action(action=action):
            return replace(now, action=action)
        case Due(due=due):
            return replace(now, due=due)
        case Status() as said:
            return replace(now, status=said.status, waiver=_waiver(said, entry.author))
        case _:
            return now


def _waiver(said: Status, author: str) -> Waiver | None:
    if said.status != "waived" or said.reason is None or said.until is None:
        return None
    return Waiver(said.reason, said.until, author)


def _reviewed(audit: Audit, entries: tuple[Entry, ...]) -> list[tuple[str, Reviewed]]:
    """Return the checks that have overrides with both results; of several for one item the last counts."""
    changes: dict[str, dict[str, ItemChange]] = {}
    for entry in entries:
        says = entry.says
        if isinstance(says, Override) and says.check is not None and says.item is not None:
            of_check = changes.setdefault(says.check, {})
            of_check.pop(says.item, None)
            if says.value is not None:
                of_check[says.item] = ItemChange(says.item, None, says.value, entry.author, says.reason)
    known = {finding.check: finding for finding in audit.record.findings}
    return [
        (check, review_measure(audit, known[check], items))
        for check, items in changes.items()
        if items and check in known
    ]


@dataclass(frozen=True)
class _Signing:
    """The decisions, one after the other."""

    two_person: bool
    decision: str = "draft"
    asked: Entry | None = None
    rows: tuple[SignOff, ...] = ()

    def second(self, author: str, key: str | None) -> bool:
        """Tell whether this is another person than the one who asked: another name, and no same key."""
        if self.asked is None:
            return False
        same_key = key is not None and self.asked.key is not None and key == self.asked.key.fingerprint
        return author.strip().casefold() != self.asked.author.strip().casefold() and not same_key

    def then(self, entry: Entry, says: Decision) -> _Signing:
        """Return the decisions with one more."""
        two_person = self.two_person or says.two_person
        if says.decision == "in review":
            row = SignOff(entry, counts=True)
            return _Signing(two_person, "in review", entry, (*self.rows, row))
        if says.decision != "approved":
            return _Signing(two_person, says.decision, None, (*self.rows, SignOff(entry, counts=True)))
        counts = not two_person or self.second(entry.author, None if entry.key is None else entry.key.fingerprint)
        return replace(
            self, two_person=two_person, rows=(*self.rows, SignOff(entry, counts)),
            decision="approved" if counts else self.decision,
        )


def _signing(audit: Audit, entries: tuple[Entry, ...]) -> _Signing:
    signing = _Signing(audit.record.two_person)
    for entry in entries:
        if isinstance(entry.says, Decision):
            signing = signing.then(entry, entry.says)
    return signing
