"""Where an audit stands after its reviews: the latest word on every target, and what overrides and waivers change.

    state_of(audit) -> State     decision, standing of audit, findings and items, machine and reviewed results, verdict
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Literal

from audit.record import Audit, Finding, Verdict
from audit.review.calls import Calls, Said, call_of, counting, then
from audit.review.entries import (
    Action,
    Comment,
    Decision,
    Due,
    Entry,
    Kept,
    Override,
    Owner,
    Rating,
    RatingWord,
    Reviews,
    Sample,
    Status,
    StatusWord,
    read_reviews,
    signature_of,
)
from audit.review.overrides import ItemChange, Reviewed, review_measure
from audit.review.random_check import Draw
from audit.review.tombstones import as_kept, kept_in
from audit.review.waivers import Waiver, waiver_of
from audit.signing import same_person
from audit.verdict import audit_verdict
from detectors.immutable import immutable

__all__ = [
    "Problem", "ReviewState", "SignOff", "SignOffState", "Target", "TargetState", "sign_off_of", "state_after",
    "state_of",
]

Problem = Literal["not_asked", "same_key", "same_person", "unsigned", "request_unsigned", "not_named"]
"""Nobody asked for a review; the key, or the person, is that of who asked; it is not signed; nobody who asked signed; a
policy names keys, and it, or what asked for it, is signed with none of them."""
Target = tuple[str | None, str | None]
"""(check, item): an item of a check; (check, None): its finding; (None, None): the audit."""


@immutable
class TargetState:
    """What people have said of one target: the latest word of each kind, and all comments."""

    rating: RatingWord | None = None
    owner: str | None = None
    action: str | None = None
    due: date | None = None
    status: StatusWord = "open"
    waiver: Waiver | None = None
    comments: tuple[Entry, ...] = ()

    def overdue(self, on: date) -> bool:
        """Tell whether it is open, and was due before that day."""
        return self.status == "open" and self.due is not None and self.due < on

    def as_json(self, on: date | None) -> dict[str, Any]:
        """Return the standing on a day as JSON data."""
        waiver = self.waiver
        return {
            "rating": self.rating, "owner": self.owner, "action": self.action,
            "due": None if self.due is None else self.due.isoformat(), "status": self.status,
            "overdue": on is not None and self.overdue(on),
            "waiver": None if waiver is None else {
                "reason": waiver.reason, "until": waiver.until.isoformat(), "author": waiver.author,
                "key": waiver.key,
                "holds": on is not None and waiver.holds(on),
            },
            "comments": [
                {"author": one.author, "at": one.at.isoformat(), "text": one.says.text, "signature": signature_of(one)}
                for one in self.comments
                if isinstance(one.says, Comment)
            ],
        }


@immutable
class SignOff:
    """One decision about the audit."""

    entry: Entry
    problem: Problem | None = None
    """Why an approval that another person than the one who asked for review has to give does not count."""

    @property
    def counts(self) -> bool:
        """Whether it is a decision."""
        return self.problem is None

    @property
    def decision(self) -> str:
        """What was decided."""
        assert isinstance(self.entry.says, Decision)
        return self.entry.says.decision


@immutable
class ReviewState:
    """Where an audit stands after its reviews, on a day."""

    on: date | None
    """The day on which waivers are looked at, never before the latest entry; None without entries and without a day."""
    entries: tuple[Entry, ...]
    torn: int
    decision: str
    """`draft`, `in review`, `changes asked`, `approved` or `rejected`."""
    two_person: bool
    """Whether an approval needs another person than the one who asks for review."""
    sign_off: tuple[SignOff, ...]
    targets: Mapping[Target, TargetState]
    calls: Calls
    """Check -> item -> what each person says of its outcome."""
    reviewed: Mapping[str, Reviewed]
    """Check -> the machine's and the reviewed result, for checks of which outcomes were changed."""
    findings: tuple[Finding, ...]
    """As they stand after review: overridden items counted anew, waived findings not gating."""
    verdict: Verdict
    """The audit's verdict over those."""

    def of(self, check: str | None = None, item: str | None = None) -> TargetState:
        """Return what was said of an item, of a finding, or of the audit."""
        return self.targets.get((check, item), TargetState())

    def waived(self, check: str) -> bool:
        """Tell whether a waiver of this finding counts on the day."""
        waiver = self.of(check).waiver
        return waiver is not None and self.on is not None and waiver.holds(self.on)

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON data; what nobody has said is null or left out."""
        return {
            "on": None if self.on is None else self.on.isoformat(),
            "decision": self.decision,
            "two_person": self.two_person,
            "verdict": self.verdict,
            "sign_off": [
                {
                    "author": row.entry.author, "at": row.entry.at.isoformat(), "decision": row.decision,
                    "counts": row.counts, "signature": signature_of(row.entry),
                    "key": None if row.entry.key is None else row.entry.key.fingerprint,
                }
                for row in self.sign_off
            ],
            "targets": [
                {"check": check, "item": item, **standing.as_json(self.on)}
                for (check, item), standing in self.targets.items()
            ],
            "reviewed": {check: reviewed.as_json() for check, reviewed in self.reviewed.items()},
            "entries": len(self.entries),
            "torn": bool(self.torn),
        }


def state_of(
    audit: Audit, on: date | None = None, *, with_reason: bool = False, reviews: Reviews | None = None
) -> ReviewState:
    """Return where the audit stands; without `on`, waivers are looked at on the latest day of all entries.

    So the same files give the same state, whenever one asks. with_reason: of the outcomes that people put in the place
    of the machine's only those count that say why. reviews: the audit's, where they were read already. IntegrityError
    as `read_reviews`.
    """
    reviews = read_reviews(audit.folder) if reviews is None else reviews
    return _state(audit, reviews, on, kept_in(reviews), with_reason=with_reason)


def state_after(audit: Audit, count: int) -> ReviewState:
    """Return where the audit stood after its first `count` entries, on the day of the last of them."""
    reviews = read_reviews(audit.folder)
    return _state(audit, Reviews(reviews.entries[:count]), None, kept_in(reviews))


def _state(
    audit: Audit, reviews: Reviews, on: date | None, kept: Sequence[Kept], *, with_reason: bool = False
) -> ReviewState:
    entries = reviews.entries
    on = reviews.day(on)
    targets: dict[Target, TargetState] = defaultdict(TargetState)
    for entry in entries:
        target = entry.says.check, entry.says.item
        targets[target] = _after(targets[target], entry)
    calls, draws = _spoken(entries)
    counted = _spoken(one for one in entries if not _bare(one))[0] if with_reason else calls  # of the same draws
    reviewed = dict(_reviewed(audit, counted, draws, kept))
    after = [reviewed[one.check].finding if one.check in reviewed else one for one in audit.record.findings]
    signing = sign_off_of(audit, entries)
    state = ReviewState(
        on=on, entries=entries, torn=reviews.torn, decision=signing.decision, two_person=signing.two_person,
        sign_off=signing.rows, targets=dict(targets), calls={check: said for check, said in calls.items() if said},
        reviewed=reviewed, findings=(),
        verdict=audit.record.verdict,
    )
    after = [one.model_copy(update={"gating": False}) if state.waived(one.check) else one for one in after]
    return replace(state, findings=tuple(after), verdict=audit_verdict(after))


def _after(now: TargetState, entry: Entry) -> TargetState:
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
            return replace(now, status=said.status, waiver=waiver_of(entry))
        case _:
            return now


def _spoken(entries: Iterable[Entry]) -> tuple[dict[str, dict[str, Said]], dict[str, Draw]]:
    """Return what stands of all that was said of items by check, the last said at the end, and each last draw."""
    calls: dict[str, dict[str, Said]] = defaultdict(dict)
    draws: dict[str, Draw] = {}
    for entry in entries:
        match entry.says:
            case Override(check=str() as check, item=str() as item):
                if (call := call_of(entry)) is not None and (said := then(calls[check].pop(item, {}), call)):
                    calls[check][item] = said
            case Sample(check=str() as check) as says:
                ordinal = draws[check].ordinal + 1 if check in draws else 1
                seen = frozenset(_changes(calls[check]))
                draws[check] = Draw(check, says.count, says.token, entry.record, ordinal, seen)
            case _:
                pass
    return calls, draws


def _bare(entry: Entry) -> bool:
    """Tell whether an entry puts an outcome in the place of the machine's without saying why."""
    says = entry.says
    return isinstance(says, Override) and says.value is not None and not (says.reason or "").strip()


def _reviewed(
    audit: Audit, calls: Calls, draws: Mapping[str, Draw], kept: Sequence[Kept]
) -> Iterator[tuple[str, Reviewed]]:
    """Yield the checks of whose items people spoke with both results."""
    known = {finding.check: finding for finding in audit.record.findings}
    for check, items in ((check, _changes(calls.get(check, {}))) for check in (*calls, *draws)):
        if check not in known or not (items or check in draws):
            continue
        said = {item: one.reviewed for item, one in items.items()}
        stays = next((one for one in kept if (one.check, one.outcomes) == (check, said)), None)
        if stays is None:
            yield check, review_measure(audit, known[check], items, draws.get(check))
        else:
            yield check, as_kept(known[check], items, stays.problem, stays.after)


def _changes(items: Mapping[str, Said]) -> dict[str, ItemChange]:
    """Return item -> the outcome that counts after review, for those that have one."""
    counts = ((item, counting(said)) for item, said in items.items())
    return {
        item: ItemChange(item, None, one.says.value, one.entry.author, one.says.reason)
        for item, one in counts if one is not None and one.says.value is not None
    }


@immutable
class SignOffState:
    """The decisions, one after the other."""

    two_person: bool
    keys: tuple[str, ...] | None = None
    """Fingerprints: an approval, and with two persons also what asks for it, counts only signed with one of them."""
    decision: str = "draft"
    asked: tuple[Entry, ...] = ()
    """Who asked for the review that is going on."""
    rows: tuple[SignOff, ...] = ()

    def problem(self, author: str, key: str | None) -> Problem | None:
        """Return why an approval by this person, with this key, would not count; None where it would.

        Two persons are told apart by two keys: a name is whatever somebody types.
        """
        if self.keys is not None and key not in self.keys:
            return "not_named"
        if not self.two_person:
            return None
        if not self.asked:
            return "not_asked"
        keys = {one.key.fingerprint for one in self.asked if one.key is not None}
        if key is not None and key in keys:
            return "same_key"
        if any(same_person(author, one.author) for one in self.asked):
            return "same_person"
        if key is None or not keys:
            return "unsigned" if key is None else "request_unsigned"
        return "not_named" if self.keys is not None and not keys.issubset(self.keys) else None

    def then(self, entry: Entry, says: Decision) -> SignOffState:
        """Return the decisions with one more."""
        now = replace(self, two_person=self.two_person or says.two_person)
        if says.decision == "in review":
            asked = (*self.asked, entry) if self.decision == "in review" else (entry,)
            return replace(now, decision="in review", asked=asked, rows=(*self.rows, SignOff(entry)))
        if says.decision != "approved":
            return replace(now, decision=says.decision, asked=(), rows=(*self.rows, SignOff(entry)))
        problem = now.problem(entry.author, None if entry.key is None else entry.key.fingerprint)
        rows = (*self.rows, SignOff(entry, problem))
        return replace(now, rows=rows, decision=self.decision if problem else "approved")


def sign_off_of(
    audit: Audit, entries: tuple[Entry, ...], *, two_person: bool = False, keys: Iterable[str] | None = None
) -> SignOffState:
    """Return the decisions about the audit so far; a policy may ask for two persons, and for keys that it names."""
    signing = SignOffState(audit.record.two_person or two_person, None if keys is None else tuple(keys))
    for entry in entries:
        if isinstance(entry.says, Decision):
            signing = signing.then(entry, entry.says)
    return signing
