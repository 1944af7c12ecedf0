"""What a reviewer can say, and the line of `reviews.jsonl` that keeps it.

    entry = previous (digest of the line before), record (digest of record.json), author, at, what is said, signature
    line  = canonical JSON of the entry; the signature covers all else of it, and so its place in the chain

`at` is the time that the reviewer's own machine showed, and only that: nobody attests it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from audit.errors import IntegrityError, first_problem, os_reason
from audit.files import canonical, digest_file, read_lines, sha256
from audit.frameworks import NONE
from audit.record import RECORD_FILE, REVIEWS_FILE
from audit.signing import PublicKey, SigningKey, decoded, encoded
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = [
    "CALLS", "CHAIN_START", "DECISIONS", "RATINGS", "STATUSES", "Action", "Answers", "CallWord", "Comment", "Decision",
    "DecisionWord", "Due", "Entry", "Erasure", "FileErased", "Kept", "Override", "Owner", "Rating", "RatingWord",
    "Reviews", "Sample", "Signature", "Statement", "Status", "StatusWord", "read_reviews", "reviews_of",
    "signature_of", "signed",
]

CHAIN_START = f"sha256:{'0' * 64}"
"""What stands for the line before the first."""
KIND = "application/vnd.dokimasia.review+json"
RatingWord = Literal["high", "medium", "low", "note"]
StatusWord = Literal["open", "accepted", "fixed", "waived"]
CallWord = Literal["right", "wrong", "unsure", "taken back"]
DecisionWord = Literal["draft", "in review", "changes asked", "approved", "rejected"]
RATINGS: tuple[RatingWord, ...] = get_args(RatingWord)
"""What a rating may be, the gravest first."""
STATUSES: tuple[StatusWord, ...] = get_args(StatusWord)
"""Where a finding may stand."""
CALLS: tuple[CallWord, ...] = get_args(CallWord)
"""What may be said of an item in one word."""
DECISIONS: tuple[DecisionWord, ...] = get_args(DecisionWord)
"""What may be decided about an audit; it begins as a draft."""
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Text = Annotated[str, Field(min_length=1, max_length=4000)]
Name = Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")]


def _base64(size: int) -> AfterValidator:
    def whole(text: str) -> str:
        if len(decoded(text)) != size:
            raise ValueError(f"not {size} bytes in base64")
        return text

    return AfterValidator(whole)


class _StrictModel(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True, defer_build=True,
    )


class _About(_StrictModel):
    """The target: an item of a check, a check's finding, or without both the audit."""

    check: str | None = Field(default=None, min_length=1, max_length=200)
    """Name of the check whose finding this is about."""
    item: str | None = Field(default=None, min_length=1, max_length=400)
    """Id of the item of that check."""

    @model_validator(mode="after")
    def _item_of_a_check(self) -> _About:
        if self.item is not None and self.check is None:
            raise ValueError(Phrase("an item needs the check that it belongs to"))
        return self


class Comment(_About):
    """A remark."""

    kind: Literal["comment"] = "comment"
    text: Text


class Rating(_About):
    """How much a finding weighs.

    high: do not use the model before it is settled. medium: settle it by a date, and say how the use is limited until
    then. low: settle it with the next version. note: nothing to settle, but the reader should know.
    """

    kind: Literal["rating"] = "rating"
    rating: RatingWord


class Owner(_About):
    """Who has to settle it."""

    kind: Literal["owner"] = "owner"
    owner: Name


class Action(_About):
    """What has to be done."""

    kind: Literal["action"] = "action"
    action: Text


class Due(_About):
    """The day by which it has to be done."""

    kind: Literal["due"] = "due"
    due: date


class Status(_About):
    """Where it stands; `waived` counts until a day, and not after it."""

    kind: Literal["status"] = "status"
    status: StatusWord
    reason: Text | None = None
    """Why; a waiver needs one."""
    until: date | None = None
    """Last day of a waiver."""

    @model_validator(mode="after")
    def _waiver_is_whole(self) -> Status:
        if self.status == "waived" and (self.check is None or self.item is not None):
            raise ValueError(Phrase("a waiver is for the finding of one check"))
        if self.status == "waived" and (self.reason is None or self.until is None):
            raise ValueError(Phrase("a waiver needs a reason and its last day"))
        if self.status != "waived" and self.until is not None:
            raise ValueError(Phrase("only a waiver has a last day"))
        return self


class Override(_About):
    """What the item's outcome should have been, in a word or as a value; with neither the machine's counts again."""

    kind: Literal["override"] = "override"
    word: CallWord | None = None
    """`right` or `wrong` is what the model did with the item; `unsure`, that the author cannot tell; `taken back`, that
    what this author said of the item before counts no more."""
    value: float | None = Field(default=None, ge=0, le=1)
    """Outcome of the item, 0 to 1, in the place of the machine's; absent where the check's number rests on no item."""
    reason: Text | None = None
    """Why; a policy may let only those count that say it."""

    @model_validator(mode="after")
    def _of_an_item(self) -> Override:
        if self.item is None:
            raise ValueError(Phrase("an override is for one item of one check"))
        if self.word in ("unsure", "taken back") and self.value is not None:
            raise ValueError(Phrase("a value goes with right or wrong, or stands alone"))
        return self


class Sample(_About):
    """A random check: so many of a check's items that nobody has looked at are drawn, to be looked at by people."""

    kind: Literal["sample"] = "sample"
    count: int = Field(ge=1)
    """How many items."""
    token: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] = Field(default_factory=lambda: secrets.token_hex(16))
    """Drawn with the entry; which items they are follows from it, so that nobody could know them before."""

    @model_validator(mode="after")
    def _of_a_check(self) -> Sample:
        if self.check is None or self.item is not None:
            raise ValueError(Phrase("a random check is of one check's items, all of which it may draw"))
        return self


class Decision(_About):
    """What is decided about the whole audit; `in review` asks for a review."""

    kind: Literal["decision"] = "decision"
    decision: DecisionWord
    reason: Text | None = None
    two_person: bool = False
    """With `in review`: an approval counts only from another person than the one who asks."""

    @model_validator(mode="after")
    def _of_the_audit(self) -> Decision:
        if self.check is not None:
            raise ValueError(Phrase("a decision is about the whole audit"))
        return self


class Answers(_About):
    """Who is bound by a framework, and since when: answers to questions of its catalogue."""

    kind: Literal["answers"] = "answers"
    framework: Annotated[str, Field(min_length=1, max_length=64)]
    """Name of the catalogue."""
    answers: Annotated[dict[str, Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]
    """Question -> choices that are true, `none` alone where none is; a later answer takes the place of an earlier."""

    @model_validator(mode="after")
    def _of_the_audit(self) -> Answers:
        if self.check is not None:
            raise ValueError(Phrase("answers to a framework are about the whole audit"))
        for choices in self.answers.values():
            if len(set(choices)) < len(choices) or (NONE in choices and len(choices) > 1):
                raise ValueError(Phrase("a choice is named once, and none stands alone"))
        return self


class FileErased(_StrictModel):
    """What is left of a file: its digests."""

    had: Digest
    now: Digest | None = None
    """Of what stands in its place; absent where nothing does."""


class Kept(_StrictModel):
    """A check's result after review, which its items cannot give any more."""

    check: Annotated[str, Field(min_length=1, max_length=200)]
    outcomes: dict[str, float]
    """Item -> the outcome that people put in the place of the machine's: the result is the one with all of these."""
    problem: str | None = None
    after: dict[str, Any]
    """What of the finding it changes; see `audit.review.tombstones.as_kept`."""


class Erasure(_About):
    """Evidence that was erased, as the law or a rule of retention asks; no text of it is told here."""

    kind: Literal["erasure"] = "erasure"
    reason: Text
    checks: Annotated[dict[str, list[Annotated[str, Field(min_length=1, max_length=400)]]], Field(min_length=1)]
    """Check -> ids of the items that were taken out; none: all that the check rests on."""
    files: Annotated[dict[str, FileErased], Field(min_length=1)]
    """Name in the audit's folder -> its digests."""
    kept: list[Kept] = []

    @model_validator(mode="after")
    def _of_the_audit(self) -> Erasure:
        if self.check is not None:
            raise ValueError(Phrase("an erasure names its checks itself"))
        if any(".." in name.split("/") for name in self.files):
            raise ValueError(Phrase("what an erasure names lies in the audit's folder"))
        return self


Statement = Comment | Rating | Owner | Action | Due | Status | Override | Sample | Decision | Answers | Erasure


class Signature(_StrictModel):
    """An Ed25519 signature (DSSE) and the key that it was made with."""

    public: Annotated[str, _base64(32)]
    """The public key, base64."""
    sig: Annotated[str, _base64(64)]
    """The signature, base64."""


class Entry(_StrictModel):
    """One line of `reviews.jsonl`."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    previous: Digest
    """Digest of the line before, `START` for the first."""
    record: Digest
    """Digest of the record.json that the author had before them."""
    author: Name
    """The author's name, as they gave it."""
    at: AwareDatetime
    """Local time of the author's machine, with its offset."""
    says: Statement = Field(discriminator="kind")
    signature: Signature | None = None

    @property
    def key(self) -> PublicKey | None:
        """The key that the signature names; None without one."""
        return None if self.signature is None else PublicKey(decoded(self.signature.public))

    @property
    def line(self) -> bytes:
        """The entry as it is stored, with its newline."""
        return canonical(_data(self)) + b"\n"


def _data(entry: Entry) -> dict[str, Any]:
    return entry.model_dump(mode="json", by_alias=True, exclude_none=True)


def _body(entry: Entry) -> bytes:
    return canonical({key: value for key, value in _data(entry).items() if key != "signature"})


def signed(entry: Entry, key: SigningKey) -> Entry:
    """Return the entry with the key's signature."""
    bits = key.sign(KIND, _body(entry))
    return entry.model_copy(update={"signature": Signature(public=encoded(key.public.raw), sig=encoded(bits))})


def signature_of(entry: Entry) -> Literal["holds", "broken", "none"]:
    """Tell whether the entry's signature was made with the key that it names."""
    if entry.signature is None or entry.key is None:
        return "none"
    return "holds" if entry.key.holds(decoded(entry.signature.sig), KIND, _body(entry)) else "broken"


def _parsed(lines: Iterable[bytes], where: str, record: str, before: Sequence[bytes]) -> Iterator[Entry]:
    """Yield the entries of whole lines; IntegrityError at the first that breaks the chain or has another record."""
    previous = sha256(before[-1]) if before else CHAIN_START
    for number, line in enumerate(lines, start=len(before) + 1):
        try:
            entry = Entry.model_validate_json(line)
        except ValidationError as error:
            problem = first_problem(error)
            raise IntegrityError(
                "{file}:{line}: not a review entry ({problem})", file=where, line=number, problem=problem
            ) from None
        if entry.line != line:
            raise IntegrityError(
                "{file}:{line}: not written by Dokimasia (not canonical JSON)", file=where, line=number
            )
        if entry.previous != previous:
            raise IntegrityError(
                "{file}:{line}: does not follow the line before; a line was changed or taken out",
                file=where, line=number,
            )
        if entry.record != record:
            raise IntegrityError(
                "{file}:{line}: speaks of another record.json ({record}) than lies here",
                file=where, line=number, record=entry.record,
            )
        previous = sha256(line)
        yield entry


@immutable
class Reviews:
    """The entries of one audit, in the order in which they were written."""

    entries: tuple[Entry, ...] = ()
    torn: int = 0
    """Bytes of a last line that was not written whole; they are dropped."""

    @property
    def digests(self) -> tuple[str, ...]:
        """Digest of each entry's line; the last is the head, by which a later reader sees whether the end is there."""
        return tuple(sha256(entry.line) for entry in self.entries)

    @property
    def latest(self) -> date | None:
        """The latest day of all entries, which a clock that was set back does not undo; None without entries."""
        return max((entry.at.date() for entry in self.entries), default=None)

    def day(self, on: date | None) -> date | None:
        """Return the day on which waivers are looked at: `on`, never before the latest entry; None without both.

        So no waiver holds again where a clock was set back, or an earlier day is named.
        """
        return max((day for day in (on, self.latest) if day is not None), default=None)

    @property
    def back(self) -> tuple[int, ...]:
        """Numbers, from 1, of the entries that are dated before an earlier one."""
        latest = list(accumulate((entry.at for entry in self.entries), max))
        pairs = enumerate(zip(self.entries, latest, strict=True), start=1)
        return tuple(number for number, (entry, most) in pairs if entry.at < most)


def read_reviews(folder: str | os.PathLike[str]) -> Reviews:
    """Return the reviews in an audit folder; IntegrityError where the chain is broken or the record is another."""
    path = Path(folder, REVIEWS_FILE)
    if not os.path.lexists(path):
        return Reviews()
    try:
        lines, torn = read_lines(path)
    except OSError as error:
        problem = os_reason(error)
        raise IntegrityError("{file}: cannot be read ({problem})", file=REVIEWS_FILE, problem=problem) from None
    return reviews_of(lines, digest_file(Path(folder, RECORD_FILE)), torn=torn)


def reviews_of(
    lines: Iterable[bytes], record: str, where: str = REVIEWS_FILE, *, before: Sequence[bytes] = (), torn: int = 0
) -> Reviews:
    """Return the entries of whole lines about the record with that digest.

    where: they lie, for what is told. before: lines that they follow. IntegrityError where the chain is broken or a
    line speaks of another record.
    """
    return Reviews(tuple(_parsed(lines, where, record, before)), torn)
