"""The command `review`: what people say of an audit, said and shown.

Every start of the command imports this module, so that what only a review needs is imported inside.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AsJson, AuditName, Author, Into, KeyFile, ReviewsPlace
from audit.errors import UsageError, clean
from detectors.immutable import immutable

if TYPE_CHECKING:
    from datetime import date

    from audit.record import Audit
    from audit.review import Agreement, ReviewState, Statement

__all__ = ["review"]


_MOST = 20
"""Items that are still to be looked at, in one line."""
Waive = Annotated[str | None, typer.Option(metavar="CHECK", help="Waive a finding, with --reason and --until.")]
Overridden = Annotated[
    str | None, typer.Option(metavar="ITEM=VALUE", help="The item's right value, 0 to 1; ITEM=machine undoes it.")
]
Called = Annotated[
    str | None, typer.Option(help="right, wrong or unsure: what the model did with --item; 'taken back' undoes it.")
]
Drawn = Annotated[
    int | None, typer.Option(metavar="N", help="Draw N items of --check that nobody looked at, for a random check.")
]
Reason = Annotated[str | None, typer.Option(help="Why: of a waiver, an override, a status or a decision.")]
Seen = Annotated[
    str | None,
    typer.Option(
        metavar="DIGEST",
        help="The last entry that you saw, or none: where others said meanwhile what bears on it, nothing is said.",
    ),
]
Sync = Annotated[
    bool, typer.Option("--sync", help="Bring file and database of reviews to the same; refused where they part.")
]


def review(
    audit: AuditName,
    check: Annotated[str | None, typer.Option(help="Speak of this check's finding; without it of the audit.")] = None,
    item: Annotated[str | None, typer.Option(help="Speak of this item of the check.")] = None,
    comment: Annotated[str | None, typer.Option(help="A remark.")] = None,
    rate: Annotated[str | None, typer.Option(help="high, medium, low or note.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who has to settle it.")] = None,
    action: Annotated[str | None, typer.Option(help="What has to be done.")] = None,
    due: Annotated[str | None, typer.Option(help="By which day, as 2027-01-31.")] = None,
    status: Annotated[str | None, typer.Option(help="open, accepted or fixed.")] = None,
    waive: Waive = None,
    override: Overridden = None,
    call: Called = None,
    sample: Drawn = None,
    reason: Reason = None,
    until: Annotated[str | None, typer.Option(help="Last day of a waiver.")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for a review of the audit.")] = False,
    two_person: Annotated[bool, typer.Option("--two-person", help="With --ask: another person must approve.")] = False,
    approve: Annotated[bool, typer.Option("--approve", help="Approve the audit.")] = False,
    return_: Annotated[bool, typer.Option("--return", help="Ask for changes.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Reject the audit.")] = False,
    author: Author = None,
    key: KeyFile = None,
    seen: Seen = None,
    reviews: ReviewsPlace = None,
    sync: Sync = False,
    show: Annotated[bool, typer.Option("--list", help="Show every entry, and say nothing.")] = False,
    into: Into = Path("audits"),
    as_json: AsJson = False,
) -> None:
    """Say something of an audit, a finding or an item; without anything said, show where the audit stands.

    Exit code 4, and nothing is said, where its record is not the one that the run wrote.
    """
    about = _About(_opened(audit, into), check, item, reason, until, waive)
    raw = [
        *about.plain(comment=comment, rating=rate, owner=owner, action=action, due=due), *about.status(status),
        *about.override(override), *about.call(call), *about.sample(sample),
        *about.decision(ask=ask, approve=approve, return_=return_, reject=reject, two_person=two_person),
    ]
    _refuse_mixed(raw, silent=show or sync)
    _kept(about.audit, reviews, sync=sync)
    _say(about.audit, raw, author, key, _seen(seen), reviews)
    _print(about.audit, whole=show, as_json=as_json)


def _opened(name: str, into: Path) -> Audit:
    from audit.integrity import check_told
    from audit.record import load_record
    from audit.storage import find_audit

    found = load_record(find_audit(name, into))
    check_told(found)
    return found


def _refuse_mixed(raw: list[dict[str, Any]], *, silent: bool) -> None:
    """Raise UsageError where something is said beside an option that says nothing."""
    if silent and raw:
        raise UsageError("--list and --sync say nothing; leave the rest out")


@immutable
class _About:
    """What the options speak of; each method yields what one of them says, as statements not yet checked."""

    audit: Audit
    check: str | None
    item: str | None
    reason: str | None
    until: str | None
    waive: str | None

    @property
    def target(self) -> str | None:
        """The check that is waived, else the one that is named."""
        return self.waive or self.check

    def plain(self, **given: str | None) -> Iterator[dict[str, Any]]:
        for kind, value in given.items():
            if value is not None:
                field = "text" if kind == "comment" else kind
                yield {"kind": kind, field: value, "check": self.target, "item": self.item}

    def status(self, status: str | None) -> Iterator[dict[str, Any]]:
        if self.waive is not None:
            if status is not None or self.check not in (None, self.waive):
                raise UsageError(f"--waive {self.waive}: goes with no --status, and with no --check but its own")
            status = "waived"
        if status is not None:
            about = {"check": self.target, "item": self.item, "reason": self.reason, "until": self.until}
            yield {"kind": "status", "status": status, **about}

    def override(self, override: str | None) -> Iterator[dict[str, Any]]:
        if override is None:
            return
        name, _, text = override.rpartition("=")
        try:
            value = None if text == "machine" else float(text)
        except ValueError:
            raise UsageError(
                f"--override {override}: not ITEM=VALUE with a number from 0 to 1, or ITEM=machine"
            ) from None
        yield {"kind": "override", "check": self.check, "item": name or None, "value": value, "reason": self.reason}

    def call(self, call: str | None) -> Iterator[dict[str, Any]]:
        if call is None:
            return
        from audit.review import CALLS, call_item

        word = next((one for one in CALLS if one == call), None)
        if word is None or self.check is None or self.item is None:
            raise UsageError(f"--call {call}: allowed: {', '.join(CALLS)}, with --check and --item")
        yield call_item(self.audit, self.check, self.item, word, self.reason).model_dump()

    def sample(self, count: int | None) -> Iterator[dict[str, Any]]:
        if count is not None:
            yield {"kind": "sample", "check": self.check, "item": self.item, "count": count}

    def decision(
        self, *, ask: bool, approve: bool, return_: bool, reject: bool, two_person: bool
    ) -> Iterator[dict[str, Any]]:
        decisions = {"in review": ask, "approved": approve, "changes asked": return_, "rejected": reject}
        made = [decision for decision, chosen in decisions.items() if chosen]
        if len(made) > 1:
            raise UsageError(f"one decision at a time; got {', '.join(made)}")
        if two_person and made != ["in review"]:
            raise UsageError("--two-person goes with --ask")
        for decision in made:
            yield {"kind": "decision", "decision": decision, "reason": self.reason, "two_person": two_person}


def _kept(audit: Audit, place: str | None, *, sync: bool) -> None:
    """Bring the file up to the database, if there is one, and with `sync` the database up to the file."""
    from audit.review import REVIEWS, passed_over, pull_reviews, push_reviews

    if passed_over(audit):
        told = f"the database that {REVIEWS} names has no part in it"
        print(f"{audit.record.id} lives in an object store, which keeps its reviews: {told}", file=sys.stderr)
    if not sync:
        pull_reviews(audit, place)
        return
    came, went = push_reviews(audit, place)
    print(f"{came} entries came from the database, {went} went there", file=sys.stderr)


def _seen(given: str | None) -> str | None:
    from audit.review import CHAIN_START

    if given is None or re.fullmatch(r"(sha256:)?[0-9a-f]{8,64}", given):
        return given
    if given != "none":
        raise UsageError(f"--seen {given}: allowed: none, or at least 8 of the digits that 'review' prints")
    return CHAIN_START


def _say(
    audit: Audit, raw: list[dict[str, Any]], author: str | None, key: Path | None, seen: str | None, place: str | None
) -> None:
    """Append what was said; one line for the first thing that is wrong, and nothing is written."""
    if not raw:
        return
    from audit.review import add_reviews, log_of, read_reviews
    from audit.signing import author_name, signing_key

    says = [_parsed(one) for one in raw]
    if read_reviews(audit.folder).torn:
        print("a last line that was not written whole is dropped", file=sys.stderr)
    add_reviews(
        audit, *says, author=author_name(author), key=signing_key(key), seen=seen, log=log_of(audit, place)
    )


def _parsed(raw: dict[str, Any]) -> Statement:
    from pydantic import Field, TypeAdapter, ValidationError

    from audit.review import Statement

    adapter: TypeAdapter[Statement] = TypeAdapter(Annotated[Statement, Field(discriminator="kind")])
    try:
        return adapter.validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][-1])
        got = "" if first["type"] == "value_error" else f": got {first['input']!r}"
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{place}{got}; {message[0].lower()}{message[1:]}") from None


def _print(audit: Audit, *, whole: bool, as_json: bool) -> None:
    from audit.review import read_reviews, state_of

    state = state_of(audit)
    if as_json:
        entries = [json.loads(entry.line) for entry in state.entries]
        print(json.dumps({"entries": entries, "torn": bool(state.torn)} if whole else state.as_json()))
        return
    print("\n".join(clean(line) for line in (_entries(state) if whole else _standing(audit, state))))
    if digests := read_reviews(audit.folder).digests:
        print(f"the last entry is {digests[-1]}; 'verify --expect' finds whether it is gone")


def _entries(state: ReviewState) -> Iterator[str]:
    from audit.review import Reviews, signature_of

    words = {"holds": "signed", "broken": "SIGNATURE DOES NOT HOLD", "none": "not signed"}
    back = Reviews(state.entries).back
    for number, entry in enumerate(state.entries, start=1):
        says = entry.says.model_dump(mode="json", exclude_none=True, exclude={"kind", "check", "item", "kept"})
        says = {"comment" if key == "text" else key: value for key, value in says.items()}
        if entry.says.kind == "erasure":
            whose = ((check, ", ".join(ids)) for check, ids in says.pop("checks").items())
            erased = ", ".join(f"{check} ({ids})" if ids else check for check, ids in whose)
            says = {"erased": erased, **says, "files": len(says["files"])}
        about = " ".join(part for part in (entry.says.check, entry.says.item) if part) or "the audit"
        told = ", ".join(f"{key} {value}" for key, value in says.items() if value is not False)
        by = words[signature_of(entry)] + ("" if entry.key is None else f", {entry.key.fingerprint[:23]}")
        late = "; dated before an earlier entry" if number in back else ""
        yield f"{number:>3} {entry.at:%Y-%m-%d %H:%M} {entry.author} on {about}: {told} ({by}{late})"
    for check, reviewed in state.reviewed.items():
        if reviewed.check is not None and reviewed.check.left:
            yield f"still to be looked at of {check}: {', '.join(reviewed.check.left)}"
    if not state.entries:
        yield "no reviews yet"
    if state.torn:
        yield f"a last line that was not written whole ({state.torn} bytes) is left out"


def _standing(audit: Audit, state: ReviewState) -> Iterator[str]:
    from audit.review import agreements

    rule = "; approval needs a second person" if state.two_person else ""
    count = "1 entry" if len(state.entries) == 1 else f"{len(state.entries)} entries"
    after = "" if state.verdict == audit.record.verdict else f", after review {state.verdict}"
    yield f"{audit.record.id}: {state.decision}{rule}; {audit.record.verdict}{after}; {count}"
    for (check, item), standing in state.targets.items():
        told = [f"{name} {value}" for name, value in _told(standing, state.on).items() if value]
        if standing.comments:
            told.append(f"{len(standing.comments)} comments")
        if check is not None and told:
            yield f"  {check}{f' {item}' if item else ''}: {', '.join(told)}"
    for check, reviewed in state.reviewed.items():
        if reviewed.changes:
            yield f"  {check}: {len(reviewed.changes)} items overridden; {_reviewed(reviewed)}"
        if reviewed.check is not None:
            yield f"  {check}: {_random_check(reviewed.check)}"
    for check, items in state.calls.items():
        yield from (f"  {check}: {_agreement(one)}" for one in agreements(audit, check, items))


def _agreement(one: Agreement) -> str:
    from audit.record import span

    measure = one.kappa
    told = f"undefined ({measure.undefined})" if measure.value is None else span(measure)
    differ = f"; they differ on {', '.join(item for item, *_ in one.differ[:_MOST])}" if one.differ else ""
    return f"{one.first} and {one.second}: Cohen's kappa {told}{differ}"


def _reviewed(reviewed: Any) -> str:
    from audit.cli.terminal_words import sentence
    from audit.review import PROBLEMS

    if reviewed.informs:
        told = f"{reviewed.machine.verdict} by the machine, {reviewed.measure.value:.3g} after review"
        return f"{told}: {PROBLEMS[reviewed.problem]}"
    if reviewed.problem is not None:
        return f"no number after review: {PROBLEMS[reviewed.problem]}"
    told = f"{reviewed.machine.verdict} by the machine, {reviewed.finding.verdict} after review"
    return f"{told}: {sentence(reviewed.finding)}"


def _random_check(check: Any) -> str:
    told = "random check of {drawn} of {rest} items not looked at before: {looked} looked at, {changed} changed"
    left = f"; still to be looked at: {', '.join(check.left[:_MOST])}" if check.left else ""
    more = f" and {len(check.left) - _MOST} more (--list)" if len(check.left) > _MOST else ""
    return told.format(**check.told) + left + more


def _told(standing: Any, on: date | None) -> dict[str, Any]:
    until = f"{standing.status} until {standing.waiver.until}" if standing.waiver else standing.status
    if standing.waiver and on is not None and not standing.waiver.holds(on):
        until += ", which is past"
    told = {name: getattr(standing, name) for name in ("rating", "owner", "action", "due")}
    return {**told, "status": until}
