"""Writing reviews: what people say of an audit, appended to its `reviews.jsonl`.

    add_reviews(audit, Rating(check="facts", rating="high"), author="Kim")      appends, one line an entry
    add_made(audit, made, author="Kim")             appends made(all reviews there are), if there is something to say

Entries are only ever added. Each holds the digest of the line before it and that of record.json, so none can be
changed or taken out of the middle unseen; what nobody signed or sealed, its owner can still rewrite as a whole. Writers
wait for each other (`audit.review.file_log`), and what cannot be said as things stand then is refused. A last line torn
by a kill is dropped. The record is never changed: overrides and waivers stand beside what the machine found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from pydantic import ValidationError

from audit.errors import UsageError, did_you_mean, first_problem
from audit.files import digest_file, sha256
from audit.frameworks import load_framework
from audit.record import RECORD_FILE, Audit, erasures, items_name
from audit.review.conflicts import check_conflicts
from audit.review.entries import (
    CHAIN_START,
    Answers,
    Decision,
    Entry,
    Erasure,
    Override,
    Reviews,
    Sample,
    Statement,
    read_reviews,
    reviews_of,
    signed,
)
from audit.review.file_log import ReviewLog
from audit.review.log_place import log_of
from audit.review.overrides import PROBLEMS, draw_problem, lacking_items, override_problem
from audit.review.random_check import Draw
from audit.review.state import Problem, sign_off_of, state_of
from audit.signing import SigningKey, plain_name
from detectors.phrases import Phrase

__all__ = ["add_made", "add_reviews"]


def add_reviews(
    audit: Audit, *says: Statement, author: str, key: SigningKey | None = None, at: datetime | None = None,
    seen: str | None = None, log: ReviewLog | None = None,
) -> tuple[Entry, ...]:
    """Append what `author` says, signed where a key is given, and return the entries as they are stored.

    All are kept together or none. `at` is the local time now if not given, `log` where `log_of` keeps them. Raises
    UsageError, before anything is written, for a check or item that is not there and for an approval that the
    two-person rule forbids; with `seen`, the digest of the last entry that the author had before them, ConflictError
    where others said meanwhile what bears on it (`audit.review.conflicts`).
    """
    if len(says) > 1 and any(isinstance(one, Sample) for one in says):
        raise UsageError("a random check is said alone; what else there is to say goes before or after it")
    author = plain_name(author)
    _refuse_targets(audit, says)
    record, now = digest_file(audit.folder / RECORD_FILE), datetime.now().astimezone().replace(microsecond=0)
    stored: list[Entry] = []
    made = [_entry(record, author, at or now, one) for one in says]

    def following(lines: Sequence[bytes]) -> list[bytes]:
        if stored and stored[-1].line in lines:  # kept by an earlier try of which nothing was heard
            return []
        stored[:] = _chained(made, lines, key)
        if seen is not None:
            check_conflicts(lines, record, seen, says)
        if any(isinstance(one, Sample | Decision) for one in says):
            _refuse(audit, reviews_of(lines, record), stored)
        return [entry.line for entry in stored]

    (log or log_of(audit)).append(following)
    return tuple(stored)


def add_made(
    audit: Audit, made: Callable[[Reviews], Statement | None], *, author: str, key: SigningKey | None = None,
    at: datetime | None = None, log: ReviewLog | None = None,
) -> Entry | None:
    """Append what follows from the reviews that there are, in whose order nothing comes between; None for nothing.

    `made` may be asked again, and changes nothing itself. Raises as `add_reviews`.
    """
    record, now = digest_file(audit.folder / RECORD_FILE), at or datetime.now().astimezone().replace(microsecond=0)
    author, stored = plain_name(author), list[Entry]()

    def following(lines: Sequence[bytes]) -> list[bytes]:
        if stored and stored[-1].line in lines:  # kept by an earlier try of which nothing was heard
            return []
        says = made(reviews_of(lines, record))
        new = [] if says is None else [_entry(record, author, now, says)]
        stored[:] = _chained(new, lines, key)
        return [entry.line for entry in stored]

    (log or log_of(audit)).append(following)
    return stored[0] if stored else None


def _entry(record: str, author: str, at: datetime, says: Statement) -> Entry:
    try:
        return Entry(previous=CHAIN_START, record=record, author=author, at=at, says=says)
    except ValidationError as error:
        raise UsageError("author {author!r}: {problem}", author=author, problem=first_problem(error)) from None


def _chained(made: Iterable[Entry], lines: Sequence[bytes], key: SigningKey | None) -> list[Entry]:
    """Return the entries as they follow these lines, signed with their place."""
    previous, chained = sha256(lines[-1]) if lines else CHAIN_START, []
    for one in made:
        entry = one.model_copy(update={"previous": previous})
        chained.append(entry if key is None else signed(entry, key))
        previous = sha256(chained[-1].line)
    return chained


def _refuse_targets(audit: Audit, says: Iterable[Statement]) -> None:
    """Raise UsageError for what cannot be said of this audit, whatever others say of it."""
    checks = [finding.check for finding in audit.record.findings]
    spoken: dict[str, list[str]] = {}
    for one in says:
        if one.check is not None:
            spoken.setdefault(one.check, []).extend([] if one.item is None else [one.item])
    for check, items in spoken.items():
        if check not in checks:
            raise UsageError("no check {check!r} in this audit{near}", check=check, near=did_you_mean(check, checks))
        if items and (lacking := lacking_items(audit, check, items)):
            if any(check in one.checks for one in erasures(audit.folder)):
                gone = "check {check!r} has no item {item!r}: items of it were erased"
                raise UsageError(gone, check=check, item=lacking[0])
            raise UsageError(
                "check {check!r} has no item {item!r}; see the ids in {file}",
                check=check, item=lacking[0], file=items_name(check),
            )
    for one in says:
        _refuse_plainly(audit, one)


def _refuse_plainly(audit: Audit, says: Statement) -> None:
    """Raise UsageError for an item whose outcome cannot be another, and for answers that nobody asked for."""
    if isinstance(says, Answers):
        _refuse_answers(says)
    if isinstance(says, Override) and says.check is not None and says.item is not None:
        problem = override_problem(audit, says.check, says.item) if says.value is not None else None
        problem = problem or ("items_erased" if _stands(audit, says.check) else None)
        if problem is not None:
            raise UsageError(
                "item {item!r} of {check!r} cannot be overridden: {why}",
                item=says.item, check=says.check, why=PROBLEMS[problem],
            )


def _stands(audit: Audit, check: str) -> bool:
    """Tell whether the check's result after review was kept as items were erased, so that no word changes it more."""
    entries = read_reviews(audit.folder).entries if erasures(audit.folder) else ()
    return any(one.check == check for entry in entries if isinstance(entry.says, Erasure) for one in entry.says.kept)


def _refuse(audit: Audit, reviews: Reviews, new: Sequence[Entry]) -> None:
    """Raise UsageError where new entries cannot follow these reviews, or one of them those before it."""
    for number, entry in enumerate(new):
        if isinstance(entry.says, Sample):
            _refuse_draw(audit, entry.says, reviews)
        if isinstance(entry.says, Decision) and entry.says.decision == "approved":
            _refuse_approval(audit, entry, (*reviews.entries, *new[:number]))


def _refuse_draw(audit: Audit, says: Sample, reviews: Reviews) -> None:
    """Raise UsageError for a random check that cannot be drawn."""
    assert says.check is not None
    last = state_of(audit, reviews=reviews).reviewed.get(says.check)
    seen = frozenset(one.item for one in last.changes) if last else frozenset()
    why = draw_problem(audit, Draw(says.check, says.count, says.token, "", 1, seen), last)
    if why is not None:
        raise UsageError("no random check of {check!r}: {why}", check=says.check, why=why)


def _refuse_approval(audit: Audit, entry: Entry, before: tuple[Entry, ...]) -> None:
    """Raise UsageError for an approval that would not count."""
    signing = sign_off_of(audit, before)
    if (barred := signing.problem(entry.author, None if entry.key is None else entry.key.fingerprint)) is not None:
        who = ", ".join(dict.fromkeys(one.author for one in signing.asked))
        raise UsageError(
            "an approval by {author!r} does not count: {why}",
            author=entry.author, why=Phrase(_WHY[barred], who=who),
        )


def _refuse_answers(says: Answers) -> None:
    """Raise UsageError for a question that the catalogue does not ask, or a choice that it does not have."""
    asked = load_framework(says.framework).asked
    for question, choices in says.answers.items():
        if question not in asked:
            raise UsageError(
                "{framework} has no question {question!r}{near}",
                framework=says.framework, question=question, near=did_you_mean(question, asked),
            )
        for choice in choices:
            if choice not in asked[question].allowed:
                raise UsageError(
                    "question {question!r} has no answer {choice!r}{near}",
                    question=question, choice=choice, near=did_you_mean(choice, asked[question].allowed),
                )


_WHY: dict[Problem, str] = {
    "not_asked": "it needs a review (--ask) that another person asked for; nobody asked for one",
    "same_key": "signed with the same key as the request by {who}; another person has to approve",
    "same_person": "it needs a review (--ask) that another person asked for; {who} asked for this one",
    "unsigned": "not signed; two persons are told apart by two keys, so it needs a signature (--key)",
    "request_unsigned": "the request by {who} is not signed, and names alone are no two persons; ask for a review with "
    "a key (--ask --key)",
    "not_named": "signed with no key that may approve",
}
