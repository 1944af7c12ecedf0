"""Verify: is an audit what was written, who has spoken of it, and does its seal hold?

Digests of all that the record and the run name, and the record against its plan; the chain and the signatures of the
reviews; the seal with every sealed file; on wish all judged and decided again. The first thing that does not agree is
an IntegrityError in one line. What nothing vouches for is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from audit.errors import DataError, IntegrityError
from audit.integrity.digests import check_digests, still_there
from audit.integrity.erasing import Scope
from audit.integrity.recomputation import beyond, recompute
from audit.integrity.seal import Sealed, check_seal
from audit.plan import is_own
from audit.record import (
    ALLOWED,
    DEVIATIONS_FILE,
    PLAN_FILE,
    RECORD_FILE,
    REVIEWS_FILE,
    RUN_FILE,
    SEAL_FILE,
    SPENT_FILE,
    Audit,
    load_record,
)
from audit.review import Erasure, Reviews, read_reviews, signature_of
from audit.signing import PublicKey
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["Statement", "Tombstones", "Verification", "verify_audit", "was_finished"]

_SHOWN = 5
"""Names in a line."""
_COVERED = (RECORD_FILE, PLAN_FILE, RUN_FILE, DEVIATIONS_FILE, REVIEWS_FILE, SEAL_FILE)
"""Files that are looked at as such; others are covered where the record or the run names them."""


@immutable
class Tombstones:
    """One erasure, by the entry that tells of it."""

    day: str
    by: str
    signed: bool
    why: str
    checks: Scope
    """Check -> ids of the items that went; none: all of it."""
    files: int
    left: int
    """Those of the files that lost rows: that the others are as they were stored nothing else says any more."""
    key: str | None
    """Fingerprint of the key that signed it."""
    owner: str | None
    """Whose the key is; empty for one that was given, None where nobody vouches for it."""
    kept: tuple[str, ...]
    """Checks of which it keeps results after review, which nothing else gives any more."""

    def what(self) -> Phrase:
        """Return what went, in words."""
        whole, some = ([check for check, ids in self.checks.items() if bool(ids) is part] for part in (False, True))
        items = sum(map(len, self.checks.values()))
        told = Phrase("all of {checks}", checks=_first(whole, _SHOWN))
        one = Phrase("one item of {checks}", checks=_first(some, _SHOWN))
        parts = one if items == 1 else Phrase("{items} items of {checks}", items=items, checks=_first(some, _SHOWN))
        if whole and some:
            return Phrase("{first}, {second}", first=told, second=parts)
        return told if whole else parts


@immutable
class Verification:
    """An audit that is what was written."""

    id: str
    files: int
    """Files whose digests the record and the run name, the plan among them."""
    numbers: int | None
    """Numbers judged again and equal; None where that was not asked."""
    own: bool
    """Whether this installation ran the audit and nothing of record and run.json was changed since."""
    reviews: int
    head: str | None
    """Digest of the last review entry; None without one."""
    signed: int
    """Review entries with a signature; all hold."""
    known: int
    """Signatures by one of the keys that the verifier named, or that are known here."""
    torn: bool
    """Whether a last review that was not written whole is left out."""
    back: tuple[int, ...]
    """Numbers of the entries that are dated before an earlier one."""
    seal: Sealed | None
    erased: tuple[Tombstones, ...]
    """What was erased, one after the other."""
    still: tuple[str, ...]
    """Files that were told of as erased and are still, or again, what they were."""
    beyond: tuple[str, ...]
    """Checks that cannot be judged again, as evidence of theirs was erased."""
    uncovered: tuple[str, ...]
    """Files of the audit that no digest covers: they can be changed unseen."""
    strays: tuple[str, ...]
    """Files in the folder that are none of an audit's."""

    def statements(self) -> Iterator[Statement]:
        """Yield what a reader is told, in order."""
        again = "; {numbers} numbers judged again and equal"
        yield Statement(
            "{id}: {files} files are what was stored{again}", id=self.id, files=self.files,
            again="" if self.numbers is None else Phrase(again, numbers=self.numbers),
        )
        if self.own:
            yield Statement("record: written by this installation")
        yield from self._erased()
        yield from self._reviewed()
        if self.seal is None:
            yield Statement("seal: none; whoever can write here could have made all of it anew")
        else:
            yield from _of_seal(self.seal)
        if self.uncovered:
            yield Statement("not covered, so that a change would not be seen: {files}", files=_listed(self.uncovered))
        if self.strays:
            yield Statement("no part of an audit: {files}", files=_listed(self.strays))

    def lines(self) -> Iterator[str]:
        """Yield the statements in English, what belongs to the one before set in."""
        for one in self.statements():
            yield f"      {one}" if isinstance(one, Detail) else str(one)

    def _erased(self) -> Iterator[Statement]:
        for one in self.erased:
            yield Statement(
                "erased on {day} by {by} ({signed}), {files} files: {what}: {why}", day=one.day, by=one.by,
                signed=Phrase("signed") if one.signed else Phrase("not signed"), files=one.files, what=one.what(),
                why=" ".join(one.why.split()),
            )
            if one.signed and one.owner != "":
                nobody, of = Phrase("a key that nobody vouches for"), Phrase("the key of {owner}", owner=one.owner)
                yield Detail("signed with {whose}, {key}", whose=nobody if one.owner is None else of, key=one.key)
            if one.left:
                yield Detail("what is left of {files} of the files stands on the word of this entry", files=one.left)
            if self.seal is None and any(one.checks.values()):
                alone = "this audit is not sealed: whether other items went or were changed, this entry alone tells"
                yield Detail(alone)
            if one.kept:
                told = "results after review that stand on the word of this entry: {checks}"
                yield Detail(told, checks=_first(one.kept, _SHOWN))
        if self.still:
            yield Detail(
                "still or again what they were before, so erase the same again: {files}", files=_listed(self.still)
            )
        if self.beyond:
            yield Detail("cannot be judged again: {checks}", checks=_first(self.beyond, _SHOWN))

    def _reviewed(self) -> Iterator[Statement]:
        if not (self.reviews or self.torn):
            return
        yield Statement(
            "reviews: {entries}; {signed} signed{known}{torn}", entries=_entries(self.reviews), signed=self.signed,
            known=Phrase(", {known} by a known key", known=self.known) if self.known else "",
            torn=Phrase("; a last line that was not written whole is left out") if self.torn else "",
        )
        if self.head is not None:
            yield Detail("none changed or taken out before the last; later ones may be missing: compare with --expect")
            yield Detail("the last is {head}", head=self.head)
        for number in self.back:
            yield Detail("entry {number} is dated before an earlier one; the latest day counts", number=number)


def _entries(count: int) -> Phrase:
    return Phrase("1 entry") if count == 1 else Phrase("{count} entries", count=count)


class Statement(Phrase):
    """One thing that was verified, or that nothing vouches for."""


class Detail(Statement):
    """A statement that belongs to the one before."""


def _listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are; those of documents in one word."""
    shown = [name for name in names if not name.startswith("reports/")]
    shown += [f"reports/ ({len(names) - len(shown)})"] if len(shown) < len(names) else []
    return _first(shown, _SHOWN)


def _first(names: Sequence[str], most: int) -> str:
    listed = ", ".join(names[:most])
    return Phrase("{files} and {more} more", files=listed, more=len(names) - most) if len(names) > most else listed


def _of_seal(seal: Sealed) -> Iterator[Statement]:
    whose = Phrase("the key that was given") if seal.known else Phrase("a key that nobody vouches for")
    whose = whose if seal.owner is None else Phrase("the key of {owner}", owner=seal.owner)
    yield Statement(
        "seal: {files} files unchanged since {by} sealed them at {at} with {whose}, {key}",
        files=seal.files, by=seal.by, at=seal.at, whose=whose, key=seal.key,
    )
    if seal.known:
        yield Detail("name and time are the sealer's own claim")
    else:
        yield Detail(
            "so the seal only agrees with itself; --public and DOKIMASIA_KEYS name keys; name and time are claims"
        )
    if seal.later_reviews:
        yield Detail("added after the seal: {reviews} review entries", reviews=seal.later_reviews)
    if seal.erased:
        yield Detail("sealed files that were erased since: {files}", files=seal.erased)
    if seal.gone:
        yield Detail("sealed documents that are not here, and can be made again: {documents}", documents=len(seal.gone))
    if seal.not_sealed:
        yield Detail("not sealed: {files}", files=_first(seal.not_sealed, 3))


def verify_audit(
    folder: Path,
    keys: Sequence[PublicKey] = (),
    *,
    known: Mapping[str, str] = MappingProxyType({}),
    judge_again: bool = False,
    with_seal: bool = True,
    entries: int = 0,
    head: str | None = None,
) -> Verification:
    """Return what was verified; IntegrityError at the first thing that does not agree.

    With `keys` there must be a seal, by one of them, and what was erased since is signed by one of them or of the
    `known` keys (fingerprint -> owner, as `known_keys` has them); without, a key that nobody knows is told, not
    refused. `with_seal=False` leaves the seal out: a new one shall replace it. At least so many review `entries` must
    be there, and the one whose digest begins with `head`.
    """
    audit = _opened(folder)
    files = check_digests(audit)
    reviews = read_reviews(folder)
    _expect(reviews, entries, head)
    signers = list(_signers(reviews))
    seal = check_seal(audit, keys) if with_seal else None
    if keys and seal is None:
        raise IntegrityError("seal.json: there is no seal, and --public asks for one")
    if seal is not None and seal.key in known:
        seal = replace(seal, known=True, owner=known[seal.key])
    whose = {**dict.fromkeys((key.fingerprint for key in keys), ""), **known}
    if keys and seal is not None and (strange := [one for one in seal.erasers if one not in whose]):
        raise IntegrityError(
            "{file}: erases what is sealed, signed with the key {key}, which is neither given nor known",
            file=REVIEWS_FILE, key=strange[0],
        )
    numbers = recompute(audit) if judge_again else None
    uncovered, strays = _unseen(audit, seal)
    return Verification(
        id=audit.record.id, files=files, numbers=numbers, own=is_own(audit), reviews=len(reviews.entries),
        head=reviews.digests[-1] if reviews.entries else None, signed=len(signers),
        known=sum(key in keys or key.fingerprint in known for key in signers), torn=bool(reviews.torn),
        back=reviews.back, seal=seal, erased=tuple(_tombstones(reviews, whose)), still=still_there(audit),
        beyond=beyond(audit), uncovered=uncovered, strays=strays,
    )


def _tombstones(reviews: Reviews, whose: Mapping[str, str]) -> Iterator[Tombstones]:
    """Yield the erasures; whose: fingerprint of a key -> its owner."""
    for entry in reviews.entries:
        if isinstance(entry.says, Erasure):
            says, day = entry.says, entry.at.date().isoformat()
            signed = signature_of(entry) == "holds"
            kept = tuple(dict.fromkeys(one.check for one in says.kept))
            key = None if entry.key is None else entry.key.fingerprint
            left = sum(one.now is not None for one in says.files.values())
            yield Tombstones(
                day, entry.author, signed, says.reason, says.checks, len(says.files), left, key, whose.get(key or ""),
                kept,
            )


def was_finished(folder: Path) -> bool:
    """Tell whether people spoke of an audit or sealed it, so that it had a record."""
    return any(os.path.lexists(folder / name) for name in (SEAL_FILE, REVIEWS_FILE))


def _opened(folder: Path) -> Audit:
    """Open the record; one that is there and cannot be read, or must have been there, is not what was written."""
    try:
        return load_record(folder)
    except DataError as error:
        if (folder / RECORD_FILE).is_file():
            raise IntegrityError(error.message) from None
        if was_finished(folder):
            raise IntegrityError("record.json: missing, and the audit was reviewed or sealed") from None
        raise


def _expect(reviews: Reviews, entries: int, head: str | None) -> None:
    if len(reviews.entries) < entries:
        raise IntegrityError(
            "{file}: {entries}; expected are at least {wanted}",
            file=REVIEWS_FILE, entries=_entries(len(reviews.entries)), wanted=entries,
        )
    if head is not None and not any(one.removeprefix("sha256:").startswith(head) for one in reviews.digests):
        raise IntegrityError(
            "{file}: no entry {head}; it was taken off the end, or was never written here", file=REVIEWS_FILE, head=head
        )


def _signers(reviews: Reviews) -> Iterator[PublicKey]:
    """Yield the key of every signed entry; IntegrityError for a signature that does not hold."""
    for number, entry in enumerate(reviews.entries, start=1):
        if signature_of(entry) == "broken":
            raise IntegrityError(
                "{file}:{line}: the signature of {author!r} does not hold",
                file=REVIEWS_FILE, line=number, author=entry.author,
            )
        if entry.key is not None:
            yield entry.key


def _unseen(audit: Audit, seal: Sealed | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (files of the audit that no digest covers, files that are no part of an audit), by name."""
    named = {one.path for finding in audit.record.findings for one in finding.evidence}
    named |= {one.path for one in audit.run.evidence} if audit.run is not None else set()
    found = sorted(
        Path(place, name).relative_to(audit.folder).as_posix()
        for place, folders, files in os.walk(audit.folder)
        for name in (*files, *(one for one in folders if Path(place, one).is_symlink()))
    )
    ours = {name for name in found if ALLOWED.fullmatch(name)}
    named |= {*_COVERED, *(() if seal is None else ours.difference(seal.not_sealed))}
    strays = (name for name in found if name not in ours and name not in (".lock", SPENT_FILE))
    return tuple(name for name in found if name in ours - named), tuple(strays)
