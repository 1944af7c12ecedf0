"""Verify: is an audit what was written, who has spoken of it, and does its seal hold?

Digests of all that the record and the run name; the chain and the signatures of the reviews; the seal with every sealed
file; on wish all numbers judged again. The first thing that does not agree is an IntegrityError in one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit.errors import DataError, IntegrityError
from audit.integrity import check_digests, recompute
from audit.record import Audit, load_record
from audit.review_entries import FILE, Reviews, read_reviews, signature_of
from audit.seal import Sealed, check_seal
from audit.signing import PublicKey

__all__ = ["Verification", "verify_audit"]


@dataclass(frozen=True)
class Verification:
    """An audit that is what was written."""

    id: str
    files: int
    """Files whose digests the record and the run name, the plan among them."""
    numbers: int | None
    """Numbers judged again and equal; None where that was not asked."""
    reviews: int
    signed: int
    """Review entries with a signature; all hold."""
    known: int
    """Signatures by one of the keys that the verifier named."""
    torn: bool
    """Whether a last review that was not written whole is left out."""
    seal: Sealed | None

    def lines(self) -> Iterator[str]:
        """Yield what a person is told."""
        again = "" if self.numbers is None else f"; {self.numbers} numbers judged again and equal"
        yield f"{self.id}: {self.files} files are what was stored{again}"
        if self.reviews or self.torn:
            lost = "; a last line that was not written whole is left out" if self.torn else ""
            named = f", {self.known} by a key that was given" if self.known else ""
            yield f"reviews: {self.reviews} entries, none changed or taken out; {self.signed} signed{named}{lost}"
        if self.seal is None:
            yield "seal: none; whoever can write here could have made all of it anew"
        else:
            yield from _seal_lines(self.seal)


def _seal_lines(seal: Sealed) -> Iterator[str]:
    what = "the key that was given" if seal.known else "a key that nobody vouches for"
    yield f"seal: {seal.files} files unchanged since {seal.by} sealed them at {seal.at} with {what}, {seal.key}"
    if seal.known:
        yield "      name and time are the sealer's own claim"
    else:
        yield "      so the seal only agrees with itself; name the sealer's key with --public; name and time are claims"
    if seal.later_reviews:
        yield f"      added after the seal: {seal.later_reviews} review entries"
    if seal.not_sealed:
        more = f" and {len(seal.not_sealed) - 3} more" if len(seal.not_sealed) > 3 else ""
        yield f"      not sealed: {', '.join(seal.not_sealed[:3])}{more}"


def verify_audit(
    folder: Path, keys: Sequence[PublicKey] = (), *, judge_again: bool = False, with_seal: bool = True
) -> Verification:
    """Return what was verified; IntegrityError at the first thing that does not agree.

    With `keys` there must be a seal, by one of them. `with_seal=False` leaves the seal out: a new one shall replace it.
    """
    audit = _opened(folder)
    files = check_digests(audit)
    reviews = read_reviews(folder)
    signers = list(_signers(reviews))
    seal = check_seal(audit, keys) if with_seal else None
    if keys and seal is None:
        raise IntegrityError("seal.json: there is no seal, and --public asks for one")
    numbers = recompute(audit) if judge_again else None
    return Verification(
        id=audit.record.id, files=files, numbers=numbers, reviews=len(reviews.entries), signed=len(signers),
        known=sum(key in keys for key in signers), torn=bool(reviews.torn), seal=seal,
    )


def _opened(folder: Path) -> Audit:
    """Open the record; one that is there and cannot be read is not what was written."""
    try:
        return load_record(folder)
    except DataError as error:
        if not (folder / "record.json").is_file():
            raise
        raise IntegrityError(str(error)) from None


def _signers(reviews: Reviews) -> Iterator[PublicKey]:
    """Yield the key of every signed entry; IntegrityError for a signature that does not hold."""
    for number, entry in enumerate(reviews.entries, start=1):
        if signature_of(entry) == "broken":
            raise IntegrityError(f"{FILE}:{number}: the signature of {entry.author!r} does not hold")
        if entry.key is not None:
            yield entry.key
