"""Are the files of an audit those that were stored, and is its record the one that the run wrote?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from audit.errors import DokimasiaError, IntegrityError
from audit.files import canonical, digest_file, sha256, stored_json
from audit.integrity.conformity import check_record
from audit.integrity.left import check_left
from audit.plan import check_deviations
from audit.record import PLAN_FILE, RECORD_FILE, REVIEWS_FILE, RUN_FILE, Audit, Erased, Finding, RunFacts, erasures
from audit.review import check_kept

__all__ = [
    "DOCUMENTS", "NOT_WRITTEN", "check_digests", "check_each", "check_told", "digests_of", "still_there",
    "written_over",
]

DOCUMENTS = "reports/"
"""Where what can be made again lies; the record holds no digest of it."""
NOT_WRITTEN = "record.json: not the record that the run wrote"


def check_digests(audit: Audit) -> int:
    """Return how many files were compared; raises IntegrityError naming the first that differs.

    The record must be the one that the run wrote, follow from plan.json, and name what it rests on. A file that an
    entry of the reviews tells of as erased is gone, or the one that it left, which holds what the record counts but the
    erased; before the erasure is through, what it was.
    """
    count, told = 0, erasures(audit.folder)
    chains = digests_of(audit, told)
    for name, digests in chains.items():
        path = audit.folder / name
        if not path.resolve().is_relative_to(audit.folder.resolve()):
            raise IntegrityError("{file}: lies outside the audit folder", file=name)
        if digests[-1] is None and not os.path.lexists(path):
            continue
        if not path.is_file():
            raise IntegrityError("{file}: missing", file=name)
        if digest_file(path) not in digests:
            erased = "{file}: erased, and there again with other bytes"
            stored = "{file}: its bytes are not those that were stored"
            raise IntegrityError(stored if len(digests) == 1 else erased, file=name)
        count += 1
    check_told(audit)
    check_left(audit, told, chains)
    return count + 1


def check_each(audits: Iterable[Audit]) -> list[Audit]:
    """Return audits that are what was stored; raises IntegrityError naming the first that is not, and what differs."""
    found = list(audits)
    for audit in found:
        try:
            check_digests(audit)
        except IntegrityError as error:
            raise IntegrityError("{file}: {problem}", file=audit.folder.name, problem=error.message) from None
    return found


def _evidence_of(audit: Audit) -> dict[str, str]:
    """Return name -> digest of each file that the record and the run name; IntegrityError for one with two."""
    found: dict[str, str] = {}
    for one in (*(one for finding in audit.record.findings for one in finding.evidence), *_run_of(audit).evidence):
        if found.setdefault(one.path, one.sha256) != one.sha256:
            raise IntegrityError("{file}: its bytes are not those that were stored", file=one.path)
    return found


def digests_of(audit: Audit, told: Sequence[Erased] | None = None) -> dict[str, list[str | None]]:
    """Return name -> the digests of a file, as it was stored and after each erasure; None: gone.

    told: the erasures, where they are not those in the folder. IntegrityError where an entry tells of a file, or of a
    digest, that there was not, or of other checks than its files belong to.
    """
    owners = {one.path: finding.check for finding in audit.record.findings for one in finding.evidence}
    found = {name: list[str | None]([digest]) for name, digest in _evidence_of(audit).items()}
    for one in erasures(audit.folder) if told is None else told:
        for name, stone in one.files.items():
            if name.startswith(DOCUMENTS):
                continue
            if name not in found or found[name][-1] != stone.had:
                raise IntegrityError(
                    "{file}:{line}: tells of {name} with the digest {had}, as erased; the record has no such file",
                    file=REVIEWS_FILE, line=one.line, name=name, had=stone.had,
                )
            found[name].append(stone.now)
        if {owners[name] for name in one.files if name in owners} != {*one.checks}:
            raise IntegrityError(
                "{file}:{line}: tells of other checks as erased than its files belong to",
                file=REVIEWS_FILE, line=one.line,
            )
    return found


def still_there(audit: Audit) -> tuple[str, ...]:
    """Return the files that an entry tells of as erased and that are as they were before, by name."""
    return tuple(
        name for name, digests in sorted(digests_of(audit).items())
        if len(digests) > 1 and (path := audit.folder / name).is_file() and digest_file(path) != digests[-1]
    )


def check_told(audit: Audit) -> None:
    """Raise IntegrityError where a record is not the one that the run wrote, or does not follow from its plan.

    So its verdicts are what its numbers say, those that an erasure kept, too. Of what it rests on nothing is read; that
    is for `check_digests`.
    """
    run = _run_of(audit)
    frozen = stored_json(audit.folder / PLAN_FILE)
    if sha256(canonical(frozen)) != audit.record.plan:
        raise IntegrityError("plan.json: not the plan of this record ({plan})", plan=audit.record.plan)
    check_record(audit.record, frozen)
    if not run.evidence and (asked := next(filter(_was_answered, audit.record.findings), None)):
        raise IntegrityError(
            "run.json: names no stored answer, and {check} rests on {count:,}", check=asked.check, count=asked.calls
        )
    check_deviations(audit)
    if erasures(audit.folder):
        check_kept(audit)
    if run.record and run.record != digest_file(audit.folder / RECORD_FILE):
        raise IntegrityError(NOT_WRITTEN)


def written_over(folder: Path, digest: str) -> bool:
    """Tell whether a record of this digest is another one than the run wrote; False where nothing here tells it.

    One small file is read, so that a list can ask it of all that it shows.
    """
    try:
        wrote = stored_json(folder / RUN_FILE).get("record")
    except (DokimasiaError, OSError):
        return False
    return bool(wrote) and wrote != digest


def _run_of(audit: Audit) -> RunFacts:
    if audit.run is None:
        raise IntegrityError("run.json: missing; it names the stored answers")
    return audit.run


def _was_answered(finding: Finding) -> bool:
    return finding.calls > 0 and finding.headline is not None and finding.headline.value is not None
