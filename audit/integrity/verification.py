"""Verify: is an audit what was written, who has spoken of it, and does its seal hold?

Digests of all that the record and the run name, and the record against its plan; the chain and the signatures of the
reviews; the seal with every sealed file; on wish all judged and decided again. The first thing that does not agree is
an IntegrityError in one line. What nothing vouches for is told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from audit.errors import DataError, IntegrityError
from audit.integrity.digests import check_digests
from audit.integrity.recomputation import recompute
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
    Audit,
    load_record,
)
from audit.review import Reviews, read_reviews, signature_of
from audit.signing import PublicKey

__all__ = ["Verification", "verify_audit", "was_finished"]

_SHOWN = 5
"""Names in a line."""
_COVERED = (RECORD_FILE, PLAN_FILE, RUN_FILE, DEVIATIONS_FILE, REVIEWS_FILE, SEAL_FILE)
"""Files that are looked at as such; others are covered where the record or the run names them."""


@dataclass(frozen=True)
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
    uncovered: tuple[str, ...]
    """Files of the audit that no digest covers: they can be changed unseen."""
    strays: tuple[str, ...]
    """Files in the folder that are none of an audit's."""

    def lines(self) -> Iterator[str]:
        """Yield what a person is told."""
        again = "" if self.numbers is None else f"; {self.numbers} numbers judged again and equal"
        yield f"{self.id}: {self.files} files are what was stored{again}"
        if self.own:
            yield "record: written by this installation"
        yield from self._reviewed()
        if self.seal is None:
            yield "seal: none; whoever can write here could have made all of it anew"
        else:
            yield from _seal_lines(self.seal)
        if self.uncovered:
            yield f"not covered, so that a change would not be seen: {_listed(self.uncovered)}"
        if self.strays:
            yield f"no part of an audit: {_listed(self.strays)}"

    def _reviewed(self) -> Iterator[str]:
        if not (self.reviews or self.torn):
            return
        lost = "; a last line that was not written whole is left out" if self.torn else ""
        named = f", {self.known} by a known key" if self.known else ""
        yield f"reviews: {self.reviews} entries; {self.signed} signed{named}{lost}"
        if self.head is not None:
            yield "      none changed or taken out before the last; later ones may be missing: compare with --expect"
            yield f"      the last is {self.head}"
        for number in self.back:
            yield f"      entry {number} is dated before an earlier one; the latest day counts"


def _listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are; those of documents in one word."""
    shown = [name for name in names if not name.startswith("reports/")]
    shown += [f"reports/ ({len(names) - len(shown)})"] if len(shown) < len(names) else []
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _seal_lines(seal: Sealed) -> Iterator[str]:
    what = "the key that was given" if seal.known else "a key that nobody vouches for"
    what = what if seal.owner is None else f"the key of {seal.owner}"
    yield f"seal: {seal.files} files unchanged since {seal.by} sealed them at {seal.at} with {what}, {seal.key}"
    if seal.known:
        yield "      name and time are the sealer's own claim"
    else:
        how = "--public and DOKIMASIA_KEYS name keys"
        yield f"      so the seal only agrees with itself; {how}; name and time are claims"
    if seal.later_reviews:
        yield f"      added after the seal: {seal.later_reviews} review entries"
    if seal.gone:
        yield f"      sealed documents that are not here, and can be made again: {len(seal.gone)}"
    if seal.not_sealed:
        more = f" and {len(seal.not_sealed) - 3} more" if len(seal.not_sealed) > 3 else ""
        yield f"      not sealed: {', '.join(seal.not_sealed[:3])}{more}"


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

    With `keys` there must be a seal, by one of them; a seal by none of the `known` keys (fingerprint -> owner, as
    `known_keys` has them) is told, not refused. `with_seal=False` leaves the seal out: a new one shall
    replace it. At least so many review `entries` must be there, and the one whose digest begins with `head`.
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
    numbers = recompute(audit) if judge_again else None
    uncovered, strays = _unseen(audit, seal)
    return Verification(
        id=audit.record.id, files=files, numbers=numbers, own=is_own(audit), reviews=len(reviews.entries),
        head=reviews.digests[-1] if reviews.entries else None, signed=len(signers),
        known=sum(key in keys or key.fingerprint in known for key in signers), torn=bool(reviews.torn),
        back=reviews.back, seal=seal, uncovered=uncovered, strays=strays,
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
            raise IntegrityError(str(error)) from None
        if was_finished(folder):
            raise IntegrityError("record.json: missing, and the audit was reviewed or sealed") from None
        raise


def _expect(reviews: Reviews, entries: int, head: str | None) -> None:
    if len(reviews.entries) < entries:
        raise IntegrityError(f"{REVIEWS_FILE}: {len(reviews.entries)} entries; expected are at least {entries}")
    if head is not None and not any(one.removeprefix("sha256:").startswith(head) for one in reviews.digests):
        raise IntegrityError(f"{REVIEWS_FILE}: no entry {head}; it was taken off the end, or was never written here")


def _signers(reviews: Reviews) -> Iterator[PublicKey]:
    """Yield the key of every signed entry; IntegrityError for a signature that does not hold."""
    for number, entry in enumerate(reviews.entries, start=1):
        if signature_of(entry) == "broken":
            raise IntegrityError(f"{REVIEWS_FILE}:{number}: the signature of {entry.author!r} does not hold")
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
    strays = (name for name in found if name not in ours and name != ".lock")
    return tuple(name for name in found if name in ours - named), tuple(strays)
