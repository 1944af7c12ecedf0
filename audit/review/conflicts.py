"""What others said after somebody had looked, and whether it bears on what they say now.

    seen = digest of the last entry that they had before them       entries behind it = said meanwhile

An approval is of the audit as it was seen: any entry bears on it. Else an entry bears on one of the same kind about the
same target that says otherwise: two owners, two outcomes of an item. A remark takes nothing from anybody; what bears on
nothing goes through. Who is told decides anew: the same, said with the newest entry as seen, is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from audit.errors import ConflictError, IntegrityError
from audit.files import sha256
from audit.record import REVIEWS_FILE
from audit.review.entries import (
    CHAIN_START,
    Answers,
    Comment,
    Decision,
    Entry,
    Erasure,
    Override,
    Statement,
    reviews_of,
)
from detectors.phrases import Phrase

__all__ = ["check_conflicts"]

_SHOWN = 120
"""Characters of a remark."""


def check_conflicts(lines: Sequence[bytes], record: str, seen: str, says: Sequence[Statement]) -> None:
    """Raise ConflictError where lines behind the one with the digest `seen`, or its beginning, bear on `says`.

    record: the digest of the audit's record. IntegrityError where there is no such line: what they looked at is not
    what lies there.
    """
    mark = seen.removeprefix("sha256:")
    heads = ((number, sha256(lines[number - 1]) if number else CHAIN_START) for number in range(len(lines), -1, -1))
    place = next((number for number, head in heads if head.removeprefix("sha256:").startswith(mark)), None)
    if place is None:
        raise IntegrityError(
            "{file}: no entry {head}; it was taken off the end, or was never written here",
            file=REVIEWS_FILE, head=mark,
        )
    later = reviews_of(lines[place:], record, before=lines[:place]).entries
    if found := [entry for entry in later if any(_bears(entry.says, mine) for mine in says)]:
        _tell(found)


def _bears(theirs: Statement, mine: Statement) -> bool:
    if isinstance(mine, Decision) and mine.decision == "approved":
        return True
    if isinstance(mine, Answers) and isinstance(theirs, Answers):
        both = mine.answers.keys() & theirs.answers.keys()
        return mine.framework == theirs.framework and any(mine.answers[one] != theirs.answers[one] for one in both)
    if mine.kind != theirs.kind or isinstance(mine, Comment) or (mine.check, mine.item) != (theirs.check, theirs.item):
        return False
    return mine.model_dump(exclude={"reason"}) != theirs.model_dump(exclude={"reason"})


def _tell(entries: Sequence[Entry]) -> NoReturn:
    last = entries[-1]
    about = " ".join(part for part in (last.says.check, last.says.item) if part)
    more = Phrase("; {count} more entries bear on it", count=len(entries) - 1) if len(entries) > 1 else ""
    raise ConflictError(
        "not written: meanwhile {author} said{about}: {said}{more}; look again, and say it again if it still holds",
        author=last.author, about=Phrase(" of {about}", about=about) if about else "", said=_said(last.says), more=more,
    )


def _said(says: Statement) -> Phrase:
    """Return what an entry says, in a few words."""
    told = says.model_dump(mode="json", exclude={"kind", "check", "item", "reason"})
    if isinstance(says, Comment):
        told["text"] = " ".join(says.text.split())[:_SHOWN]
    if isinstance(says, Override):
        told["called"] = says.word or ("machine" if says.value is None else f"{says.value:g}")
    if isinstance(says, Erasure):
        told = {"checks": ", ".join(says.checks)}
    return Phrase(_SAID[says.kind], **told)


_SAID = {
    "comment": "a remark, {text}", "rating": "rating {rating}", "owner": "owner {owner}", "action": "action {action}",
    "due": "due {due}", "status": "status {status}", "override": "outcome {called}",
    "sample": "random check of {count} items", "decision": "decision {decision}", "answers": "answers to {framework}",
    "erasure": "erased evidence of {checks}",
}  # fmt: skip
