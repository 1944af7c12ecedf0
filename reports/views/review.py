"""What people said of an audit, as documents print it: sign-off, standing of each finding, reviewed beside machine.

    review_view(audit, notation) -> ReviewView, or None where nobody has said anything

Waivers are looked at on the day of the last entry, so that the same files give the same document on every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from audit.record import Audit, Finding
from detectors.immutable import immutable
from reports.text import Notation, Words, cell_text, one_line
from reports.views.measure_rows import printed

if TYPE_CHECKING:
    from audit.review import Entry, Reviewed, ReviewState, SignOff, TargetState

__all__ = [
    "AgreementRow", "FindingReview", "ResultRow", "ReviewView", "ReviewedResult", "Said", "SignOffRow", "called",
    "review_view", "sheet_rows", "signature_told",
]

CALLED = ("right", "wrong", "unsure", "taken back")
MOST = 20
"""At most so many comments, and so many overridden items, under one finding; the newest."""


@immutable
class Said:
    """One comment, or what was said of one item."""

    author: str
    when: str
    about: str
    """The item; empty where it is about the finding."""
    text: str
    signature: str


@immutable
class ResultRow:
    """A result of a finding: the machine's, or the one after review."""

    label: str
    finding: Finding
    verdict: str
    value: str
    interval: str
    n: str


@immutable
class ReviewedResult:
    """The machine's result and the reviewed one, side by side."""

    rows: tuple[ResultRow, ...]
    problem: str
    """Why there is no reviewed number; empty where there is one."""
    items: tuple[tuple[str, str, str, str, str], ...]
    """(item, machine's value, reviewed value, author, reason)."""
    left_out: int
    check: str = ""
    """How far the last random check is; empty where there is none."""


@immutable
class AgreementRow:
    """How far two persons agree who looked at the same items."""

    first: str
    second: str
    kappa: str
    interval: str
    n: str
    why: str
    """Why there is no number; empty where there is one."""
    differ: tuple[tuple[str, str, str], ...]
    """(item, word of the first, word of the second) where they differ; the item is its id as it is stored."""
    left_out: int
    """Items on which they differ that found no room."""


@immutable
class FindingReview:
    """What was said of one finding, or of the audit as a whole."""

    facts: tuple[tuple[str, str], ...]
    """(label, text) of rating, owner, action, day, status and waiver."""
    said: tuple[Said, ...]
    left_out: int
    """Comments that found no room."""
    result: ReviewedResult | None = None
    agreement: tuple[AgreementRow, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.facts or self.said or self.result or self.agreement)


@immutable
class SignOffRow:
    """One decision, as it is printed."""

    author: str
    decision: str
    when: str
    reason: str
    signature: str
    key: str


@immutable
class ReviewView:
    """All that people said of an audit."""

    sentence: str
    sign_off: tuple[SignOffRow, ...]
    findings: Mapping[str, FindingReview]
    """By check; empty ones are left out."""
    whole: FindingReview
    ratings: tuple[tuple[str, str], ...]
    """(rating, what it means) of those that were given."""
    torn: bool
    waived: frozenset[str]
    """Checks whose findings a waiver takes out."""


def review_view(
    audit: Audit, notation: Notation, state: ReviewState | None = None,
    owners: Mapping[str, str] = MappingProxyType({}),
) -> ReviewView | None:
    """Return the reviews as they are printed; IntegrityError where their chain is broken.

    A screen gives the `state` of the day on which it is looked at, and the `owners` of known keys by fingerprint; a
    document leaves both out, and so is the same everywhere.
    """
    from audit.review import RATINGS, state_of

    state, words = state or state_of(audit), notation.words
    if not state.entries and not state.torn:
        return None
    checks = (None, *(one.check for one in audit.record.findings))
    found = {check: _finding(audit, state, check, notation, owners) for check in checks}
    given = {standing.rating for standing in state.targets.values()}
    return ReviewView(
        sentence=_sentence(audit, state, words),
        sign_off=tuple(_signed(row, notation, owners) for row in state.sign_off),
        findings={check: one for check, one in found.items() if check is not None and one},
        whole=found[None],
        ratings=tuple(
            (words(f"rating.{one}"), words(f"rating_means.{one}")) for one in RATINGS if one in given
        ),
        torn=bool(state.torn),
        waived=frozenset(check for check in checks if check is not None and state.waived(check)),
    )


def sheet_rows(audit: Audit, words: Words) -> list[tuple[str, str]]:
    """Return (label, text) of the model sheet's filled lines."""
    told = {} if audit.record.sheet is None else audit.record.sheet.model_dump(exclude_none=True)
    return [(words(f"sheet.{name}"), cell_text(text, words, 1000)) for name, text in told.items()]


def _sentence(audit: Audit, state: ReviewState, words: Words) -> str:
    parts = [words(f"decision.{state.decision}")]
    if state.verdict != audit.record.verdict:
        before, after = (words(f"verdict.{one}") for one in (audit.record.verdict, state.verdict))
        parts.append(words("reviewed.became", before=before, after=after))
    waived = [one.check for one in audit.record.findings if state.waived(one.check)]
    if waived:
        names = words("format.list").join(one_line(name, words, 40) for name in waived[:5])
        parts.append(words("reviewed.waived", count=len(waived), names=names))
    items = sum(one.machine != one.reviewed for result in state.reviewed.values() for one in result.changes)
    if items:
        parts.append(words("reviewed.overridden", count=items))
    return words("summary.join").join(parts) + words("summary.end")


def signature_told(entry: Entry, words: Words, owners: Mapping[str, str]) -> str:
    """Return whether an entry is signed, and with whose key."""
    from audit.review import signature_of

    return _with_key(signature_of(entry), None if entry.key is None else entry.key.fingerprint, words, owners)


def _with_key(signature: str, key: str | None, words: Words, owners: Mapping[str, str]) -> str:
    told = words(f"signature.{signature}")
    if key is None:
        return told
    if key in owners:
        return words("signature.of_owner", signature=told, owner=one_line(owners[key], words, 60))
    return words("signature.with", signature=told, owner=key[:23])


def _signed(row: SignOff, notation: Notation, owners: Mapping[str, str]) -> SignOffRow:
    entry, key, words = row.entry, row.entry.key, notation.words
    reason = getattr(entry.says, "reason", None) or ""
    counts = "" if row.problem is None else words(f"uncounted.{row.problem}")
    return SignOffRow(
        author=one_line(entry.author, words, 120),
        decision=words(f"decision.{row.decision}"),
        when=notation.moment(entry.at),
        reason=words("format.list").join(part for part in (one_line(reason, words), counts) if part),
        signature=signature_told(entry, words, owners),
        key="" if key is None else key.fingerprint,
    )


def _finding(
    audit: Audit, state: ReviewState, check: str | None, notation: Notation, owners: Mapping[str, str]
) -> FindingReview:
    words = notation.words
    said = [_said(entry, notation, owners) for entry in state.entries if _is_comment(entry, check)]
    for (of_check, item), standing in state.targets.items():
        if check is None or of_check != check or item is None:
            continue
        if facts := _facts(standing, state, notation, owners):
            text = words("format.list").join(words("format.colon", left=left, right=right) for left, right in facts)
            said.append(Said("", "", one_line(item, words, 80), text, ""))
    reviewed = None if check is None else state.reviewed.get(check)
    return FindingReview(
        facts=tuple(_facts(state.of(check), state, notation, owners)),
        said=tuple(said[-MOST:]),
        left_out=max(0, len(said) - MOST),
        result=None if reviewed is None else _result(reviewed, notation),
        agreement=() if check is None else tuple(_agreements(audit, state, check, notation)),
    )


def _agreements(audit: Audit, state: ReviewState, check: str, notation: Notation) -> Iterable[AgreementRow]:
    from audit.review import agreements

    words = notation.words
    for one in agreements(audit, check, state.calls.get(check, {})):
        row = printed(one.kappa, None, notation)
        yield AgreementRow(
            first=one_line(one.first, words, 120), second=one_line(one.second, words, 120), kappa=row.value,
            interval=row.interval, n=row.n, why=row.undefined or "",
            differ=tuple((item, called(left, words), called(right, words)) for item, left, right in one.differ[:MOST]),
            left_out=max(0, len(one.differ) - MOST),
        )


def called(word: str, words: Words) -> str:
    """Return what a person called an item, in words; a value stays one."""
    return words(f"called.{word.replace(' ', '_')}") if word in CALLED else word


def _is_comment(entry: Entry, check: str | None) -> bool:
    return entry.says.kind == "comment" and entry.says.check == check


def _said(entry: Entry, notation: Notation, owners: Mapping[str, str]) -> Said:
    assert entry.says.kind == "comment"
    words = notation.words
    return Said(
        author=one_line(entry.author, words, 120),
        when=notation.moment(entry.at),
        about="" if entry.says.item is None else one_line(entry.says.item, words, 80),
        text=cell_text(entry.says.text, words, 4000),
        signature=signature_told(entry, words, owners),
    )


def _facts(
    standing: TargetState, state: ReviewState, notation: Notation, owners: Mapping[str, str]
) -> list[tuple[str, str]]:
    """Return (label, text) of what was said; nothing where nobody has said it."""
    words, nothing_said = notation.words, type(standing)(comments=standing.comments)
    told = {
        "rating": standing.rating and words(f"rating.{standing.rating}"),
        "owner": standing.owner and one_line(standing.owner, words, 120),
        "action": standing.action and cell_text(standing.action, words, 1000),
        "due": standing.due and notation.day(standing.due),
        "status": words(f"status.{standing.status}") if standing != nothing_said else None,
    }
    rows = [(words(f"reviewed.{name}"), text) for name, text in told.items() if text]
    waiver = standing.waiver
    if waiver is not None:
        holds = state.on is not None and waiver.holds(state.on)
        signed = "none" if waiver.key is None else "holds"
        author = f"{one_line(waiver.author, words, 120)} ({_with_key(signed, waiver.key, words, owners)})"
        facts = {"until": notation.day(waiver.until), "author": author}
        text = words("reviewed.waiver_holds" if holds else "reviewed.waiver_ended", **facts)
        rows.append((words("reviewed.waiver"), f"{text} {cell_text(waiver.reason, words, 1000)}"))
    return rows


def _result(reviewed: Reviewed, notation: Notation) -> ReviewedResult:
    words = notation.words
    shown_as = {"verdict": "measured"} if reviewed.informs else {}
    row = _row("reviewed.after", reviewed.finding.model_copy(update=shown_as), notation)
    after = [] if reviewed.measure is None or not reviewed.changes else [row]
    check = reviewed.check
    shown = reviewed.changes[:MOST]
    return ReviewedResult(
        rows=(_row("reviewed.machine", reviewed.machine, notation), *after),
        problem=words(f"problem.{reviewed.problem}") if reviewed.problem else "",
        items=tuple(
            (
                one_line(one.item, words, 80),
                words("format.none") if one.machine is None else notation.set_number(one.machine, ""),
                notation.set_number(one.reviewed, ""),
                one_line(one.author, words, 120),
                cell_text(one.reason or "", words, 1000),
            )
            for one in shown
        ),
        left_out=len(reviewed.changes) - len(shown),
        check="" if check is None else words("reviewed.random_check", **check.told),
    )


def _row(label: str, finding: Finding, notation: Notation) -> ResultRow:
    words, measure = notation.words, finding.headline
    verdict = words(f"verdict.{finding.verdict}")
    if measure is None or measure.value is None:
        return ResultRow(words(label), finding, verdict, words("format.undefined"), "", "")
    row = printed(measure, finding.limit, notation)
    return ResultRow(words(label), finding, verdict, row.full, row.interval, row.n)
