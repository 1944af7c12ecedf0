"""Are the files of an audit those that were stored, and is its record the one that the run wrote?"""

from __future__ import annotations

from pathlib import Path

from audit.errors import DokimasiaError, IntegrityError
from audit.files import canonical, digest_file, sha256, stored_json
from audit.integrity.conformity import check_record
from audit.plan import check_deviations
from audit.record import PLAN_FILE, RECORD_FILE, RUN_FILE, Audit, Finding, RunFacts

__all__ = ["NOT_WRITTEN", "check_digests", "check_told", "written_over"]

NOT_WRITTEN = "record.json: not the record that the run wrote"


def check_digests(audit: Audit) -> int:
    """Return how many files were compared; raises IntegrityError naming the first that differs.

    The record must be the one that the run wrote, follow from plan.json, and name what it rests on.
    """
    run = _run_of(audit)
    evidence = [*(one for finding in audit.record.findings for one in finding.evidence), *run.evidence]
    for one in evidence:
        path = audit.folder / one.path
        if not path.resolve().is_relative_to(audit.folder.resolve()):
            raise IntegrityError("{file}: lies outside the audit folder", file=one.path)
        if not path.is_file():
            raise IntegrityError("{file}: missing", file=one.path)
        if digest_file(path) != one.sha256:
            raise IntegrityError("{file}: its bytes are not those that were stored", file=one.path)
    check_told(audit)
    return len(evidence) + 1


def check_told(audit: Audit) -> None:
    """Raise IntegrityError where a record is not the one that the run wrote, or does not follow from its plan.

    So its verdicts are what its numbers say. Of what it rests on nothing is read; that is for `check_digests`.
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
