"""The seal: who says, with which key, that an audit's files are these.

    seal.json = two in-toto statements, each in a DSSE envelope with one Ed25519 signature, and the public key

Both statements are about record.json and the models, or the data where these were audited. The first is in-toto's test
result, for tools that gate a release; the second is ours and names every file of the audit with its digest, the state
of its reviews, and who sealed when. A seal shows that the holder of a key put it there and that nothing changed since.
It does not show that a number is true (`verify --recompute` judges again), nor who holds the key, nor that the time is
right: name and time are what the sealer says. Reviews may go on after a seal; what is added is told as not sealed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.errors import IntegrityError, UsageError, os_reason
from audit.files import MAX_JSON, canonical, digest_file, parse_json, read_regular, sha256, write_inside
from audit.integrity.digests import DOCUMENTS, digests_of
from audit.record import (
    PLAN_FILE,
    RECORD_FILE,
    REVIEWS_FILE,
    RUN_FILE,
    SEAL_FILE,
    Audit,
    Finding,
    audit_files,
    erasures,
)
from audit.review import read_reviews, signature_of, state_after
from audit.signing import PublicKey, SigningKey, decoded, encoded, signed_body
from detectors.immutable import immutable

__all__ = ["PREDICATE", "TEST_RESULT", "Sealed", "check_seal", "seal_audit", "statements"]

IN_TOTO = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
PREDICATE = "urn:dokimasia:sealed-audit:1"
"""Type of our own predicate; what it says under this number never changes."""
_HEX = re.compile(r"sha256:([0-9a-f]{64})(?: \(unverifiable\))?")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class _Envelope(_Strict):
    payload: str
    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815  (DSSE's own name)
    signatures: Annotated[list[dict[Literal["keyid", "sig"], str]], Field(min_length=1, max_length=1)]


class _SealFile(_Strict):
    schema_: Literal[1] = Field(default=1, alias="schema")
    public: str
    envelopes: Annotated[list[_Envelope], Field(min_length=2, max_length=2)]


@immutable
class Sealed:
    """What a seal claims, and all of it that was checked."""

    by: str
    """Name of the sealer, by their own claim."""
    at: str
    """Local time of the sealer's machine, by their own claim."""
    key: str
    """Fingerprint of the key that signed."""
    known: bool
    """Whether the key is one that the verifier named or that is known here; else the seal only agrees with itself."""
    files: int
    """Files whose digests are the sealed ones."""
    later_reviews: int
    """Entries that were added after the seal."""
    not_sealed: tuple[str, ...]
    """Files of the audit that came after the seal."""
    gone: tuple[str, ...] = ()
    """Sealed documents that are not here; `report` makes them again from what is."""
    erased: int = 0
    """Sealed files that were erased since, as the reviews tell."""
    erasers: tuple[str, ...] = ()
    """Fingerprints of the keys that signed what was erased since."""
    owner: str | None = None
    """Whose the key is by what is known here, see `audit.signing.keyring`; None where nobody here knows."""


def seal_audit(audit: Audit, key: SigningKey, by: str, *, at: datetime | None = None, again: bool = False) -> Sealed:
    """Seal the audit as it lies there and write seal.json; it should have been verified before.

    UsageError where there is a seal already, unless `again` replaces it.
    """
    path = audit.folder / SEAL_FILE
    if path.exists() and not again:
        raise UsageError("{file}: sealed already; --again puts a new seal in its place", file=path)
    when = (at or datetime.now().astimezone()).isoformat(timespec="seconds")
    reviews = read_reviews(audit.folder)
    if reviews.torn:
        torn = audit.folder / REVIEWS_FILE
        raise UsageError("{file}: its last line was not written whole; review again before sealing", file=torn)
    names = (name for name in audit_files(audit.folder) if name not in (SEAL_FILE, REVIEWS_FILE))
    files = {name: digest_file(audit.folder / name) for name in names}
    if reviews.entries:  # those that were read, not what somebody adds meanwhile
        files[REVIEWS_FILE] = sha256(entry.line for entry in reviews.entries)
    made = statements(audit, files=files, reviews=len(reviews.entries), by=by, at=when)
    envelopes = [key.envelope(IN_TOTO, canonical(one)) for one in made]
    data = canonical({"schema": 1, "public": encoded(key.public.raw), "envelopes": envelopes}) + b"\n"
    try:
        write_inside(audit.folder, SEAL_FILE, data)
    except OSError as error:
        raise UsageError("{file}: cannot be written ({problem})", file=path, problem=os_reason(error)) from None
    return Sealed(by, when, key.public.fingerprint, True, len(files), 0, ())


def statements(
    audit: Audit, *, files: Mapping[str, str], reviews: int, by: str, at: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the two in-toto statements about an audit with these files and its first `reviews` review entries."""
    models = {name: _HEX.fullmatch(model.fingerprint) for name, model in sorted(audit.record.models.items())}
    subject: list[dict[str, Any]] = [
        {"name": RECORD_FILE, "digest": {"sha256": _hex(files[RECORD_FILE])}},
        *({"name": f"model {name}", "digest": {"dokimasiaFingerprint": hit[1]}} for name, hit in models.items() if hit),
    ]
    if (data := audit.record.data) is not None:
        subject.append({"name": "data", "digest": {"dokimasiaDigest": _hex(data.digest)}})
    head: dict[str, Any] = {"_type": STATEMENT, "subject": subject}
    return (
        {**head, "predicateType": TEST_RESULT, "predicate": _test_result(audit, files)},
        {**head, "predicateType": PREDICATE, "predicate": _predicate(audit, files, reviews, by, at)},
    )


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _test_result(audit: Audit, files: Mapping[str, str]) -> dict[str, Any]:
    """Return the predicate of in-toto's test result; what is undecided never counts as passed."""
    record = audit.record
    lists: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for finding in record.findings:
        name = _list_of(finding)
        if name is not None:
            lists[name].append(finding.check)
    bad = record.verdict not in ("passed", "measured")
    warned = record.verdict == "measured" or lists["warnedTests"] or lists["failedTests"]
    notes = {
        kind: {one.check: one.why for one in record.findings if one.verdict == kind} for kind in ("skipped", "measured")
    }
    configuration: list[dict[str, Any]] = [
        {"name": name, "digest": {"sha256": _hex(files[name])}} for name in (PLAN_FILE, RUN_FILE)
    ]
    data = {f"data {one.check}/{role}": facts for one in record.findings for role, facts in one.data.items()}
    configuration += [
        {"name": name, "digest": {"dokimasiaDigest": hit[1]}}
        for name, facts in sorted(data.items())
        if (hit := _HEX.fullmatch(str(facts.get("digest"))))
    ]
    configuration[0]["annotations"] = notes
    return {"result": "FAILED" if bad else "WARNED" if warned else "PASSED", "configuration": configuration, **lists}


def _list_of(finding: Finding) -> str | None:
    """Return the list that a check stands in; None for one that was skipped, or that measured without a limit."""
    if finding.verdict == "inconclusive":
        return "failedTests" if finding.gating else "warnedTests"
    return {"passed": "passedTests", "failed": "failedTests", "crashed": "failedTests"}.get(finding.verdict)


def _predicate(audit: Audit, files: Mapping[str, str], reviews: int, by: str, at: str) -> dict[str, Any]:
    record, state = audit.record, state_after(audit, reviews)
    return {
        "schema": 1,
        "sealed": {"by": by, "at": at, "claim": "name and time are the sealer's own claim"},
        "files": dict(files),
        "reviews": {
            "entries": reviews,
            "bytes": sum(len(entry.line) for entry in state.entries),
            "decision": state.decision,
            "verdict": state.verdict,
            "overridden": sorted(check for check, one in state.reviewed.items() if one.changes),
            "waived": sorted(one.check for one in record.findings if state.waived(one.check)),
        },
        "audit": {
            "id": record.id, "title": record.title, "verdict": record.verdict, "level": record.level,
            "plan": record.plan, "models": {name: one.fingerprint for name, one in record.models.items()},
            "findings": [_result(one) for one in record.findings],
        },
    }


def _result(finding: Finding) -> dict[str, Any]:
    head = finding.headline
    return {
        "check": finding.check, "probe": finding.probe, "verdict": finding.verdict, "gating": finding.gating,
        "limit": None if finding.limit is None else finding.limit.model_dump(),
        "measure": None if head is None else {
            "name": head.name, "group": head.group, "value": head.value, "low": head.low, "high": head.high,
            "level": head.level, "n": head.n, "unit": head.unit,
        },
    }


def check_seal(audit: Audit, known: Sequence[PublicKey] = ()) -> Sealed | None:
    """Return what the seal claims, once signature, statements and every sealed file agree; None without a seal.

    With `known` keys, one of them must have signed. Raises IntegrityError at the first thing that does not agree.
    """
    path = audit.folder / SEAL_FILE
    if not os.path.lexists(path):
        return None
    public, payloads = _opened(path)
    if known and public not in known:
        named = ", ".join(one.fingerprint for one in known)
        raise IntegrityError(
            "{file}: sealed with the key {key}; the key given is {named}",
            file=SEAL_FILE, key=public.fingerprint, named=named,
        )
    claim = _claim(payloads[1])
    files, reviews = claim["files"], claim["reviews"]
    there, erased = set(audit_files(audit.folder)), _erased(audit, files)
    gone = tuple(sorted(name for name in files if name.startswith(DOCUMENTS) and name not in there | erased))
    left = {name: digest for name, digest in files.items() if name not in erased and name not in gone}
    later = _compare(audit, left, reviews)
    erasers = tuple(dict.fromkeys(_erasers(audit, reviews["entries"])))
    try:
        made = statements(
            audit, files=files, reviews=reviews["entries"], by=claim["sealed"]["by"], at=claim["sealed"]["at"]
        )
    except KeyError as error:
        raise IntegrityError("{file}: it does not seal {name}", file=SEAL_FILE, name=str(error)) from None
    if [canonical(one) for one in made] != payloads:
        raise IntegrityError("{file}: its statements say other than the record and the reviews", file=SEAL_FILE)
    made_again = {name for name in erased if name.startswith(DOCUMENTS)}
    sealed = files.keys() - made_again
    unsealed = tuple(name for name in audit_files(audit.folder) if name != SEAL_FILE and name not in sealed)
    by, at = claim["sealed"]["by"], claim["sealed"]["at"]
    return Sealed(
        by, at, public.fingerprint, public in known, len(left), later, unsealed, gone, len(erased), erasers
    )


def _erased(audit: Audit, files: Mapping[str, str]) -> set[str]:
    """Return the sealed files that were erased; IntegrityError where one was not what was sealed.

    That what is left of one is what the erasure left is for `audit.integrity.digests`.
    """
    told, found = erasures(audit.folder), set[str]()
    chains = digests_of(audit) if told else {}
    for name, digest in files.items():
        if name.startswith(DOCUMENTS):
            had = {one.files[name].had for one in told if name in one.files}
            found |= {name} if digest in had else set()
        elif len(chain := chains.get(name, [])) > 1 and digest != chain[-1]:
            if digest not in chain:
                raise IntegrityError("{file}: not the bytes that were sealed", file=name)
            found.add(name)
    return found


def _erasers(audit: Audit, sealed: int) -> Iterator[str]:
    """Yield who signed an erasure after the first `sealed` entries, by key; IntegrityError for one that nobody signed.

    What it left of a sealed file stands on its word alone: whoever can write here could tell of rows that went, and
    change those that stay.
    """
    entries = read_reviews(audit.folder).entries
    for one in erasures(audit.folder):
        entry = entries[one.line - 1]
        if one.line > sealed and (entry.key is None or signature_of(entry) != "holds"):
            raise IntegrityError(
                "{file}:{line}: erases what is sealed, and nobody signed it", file=REVIEWS_FILE, line=one.line
            )
        if one.line > sealed and entry.key is not None:
            yield entry.key.fingerprint


def _opened(path: Path) -> tuple[PublicKey, list[bytes]]:
    """Return the key and the two signed payloads."""
    try:
        data = read_regular(path, MAX_JSON)
    except OSError as error:
        raise IntegrityError("{file}: cannot be read ({problem})", file=SEAL_FILE, problem=os_reason(error)) from None
    try:
        seal = _SealFile.model_validate_json(data)
        public = PublicKey(decoded(seal.public))
        whole = canonical(seal.model_dump(by_alias=True)) + b"\n" == data
    except (ValidationError, ValueError):
        raise IntegrityError("{file}: not a seal that 'dokimasia seal' writes", file=SEAL_FILE) from None
    if not whole or len(public.raw) != 32:
        raise IntegrityError("{file}: not a seal that 'dokimasia seal' writes", file=SEAL_FILE)
    try:
        return public, [signed_body(one.model_dump(), IN_TOTO, public) for one in seal.envelopes]
    except IntegrityError as error:
        raise IntegrityError("{file}: {problem}", file=SEAL_FILE, problem=error.message) from None


def _claim(payload: bytes) -> dict[str, Any]:
    """Return our predicate, as far as it is needed to compare files."""
    try:
        claim = parse_json(payload)["predicate"]
        files, reviews, sealed = claim["files"], claim["reviews"], claim["sealed"]
        strings = [*files, *files.values(), sealed["by"], sealed["at"]]
        numbers = [reviews["entries"], reviews["bytes"]]
        if all(isinstance(one, str) for one in strings) and all(type(one) is int and one >= 0 for one in numbers):
            return dict(claim)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise IntegrityError("{file}: its statement names no files, reviews and sealer", file=SEAL_FILE)


def _compare(audit: Audit, files: Mapping[str, str], reviews: Mapping[str, int]) -> int:
    """Compare every sealed file; returns how many review entries were added since."""
    there = set(audit_files(audit.folder))
    for name, digest in files.items():
        if name not in there:
            raise IntegrityError("{file}: sealed, and missing", file=name)
        if name == REVIEWS_FILE:
            found = sha256((audit.folder / REVIEWS_FILE).read_bytes()[: reviews["bytes"]])
        else:
            found = digest_file(audit.folder / name)
        if found != digest:
            raise IntegrityError("{file}: not the bytes that were sealed", file=name)
    return len(read_reviews(audit.folder).entries) - reviews["entries"]
