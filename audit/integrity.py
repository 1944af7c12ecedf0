"""Verify: is an audit folder what was written, and do its numbers follow from what was observed?

`check_digests` compares every stored file with the digest in the record; `recompute` judges again from the
observations, without the model and without the data, and compares every number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audit.deviations import check_deviations
from audit.errors import IntegrityError
from audit.families import settled_level
from audit.files import canonical, digest_file, sha256, stored_json
from audit.judging import judge_finding
from audit.promises import keep_level
from audit.record import Audit, Finding, MeasureRecord, OneSided

if TYPE_CHECKING:
    from audit.probe import Probe

__all__ = ["TOLERANCE", "check_digests", "recompute"]

TOLERANCE = 1e-9
"""Largest allowed difference, relative to max(1, |value|), between a stored number and the recomputed one."""

_NUMBERS = ("value", "low", "high")


def check_digests(audit: Audit) -> int:
    """Return how many files were compared; raises IntegrityError naming the first that differs."""
    evidence = [one for finding in audit.record.findings for one in finding.evidence]
    evidence += audit.run.evidence if audit.run is not None else []
    for one in evidence:
        path = audit.folder / one.path
        if not path.resolve().is_relative_to(audit.folder.resolve()):
            raise IntegrityError(f"{one.path}: lies outside the audit folder")
        if not path.is_file():
            raise IntegrityError(f"{one.path}: missing")
        if digest_file(path) != one.sha256:
            raise IntegrityError(f"{one.path}: its bytes are not those that were stored")
    frozen = _frozen(audit.folder)
    if sha256(canonical(frozen)) != audit.record.plan:
        raise IntegrityError(f"plan.json: not the plan of this record ({audit.record.plan})")
    check_deviations(audit)
    return len(evidence) + 1


def _frozen(folder: Path) -> dict[str, object]:
    return stored_json(folder / "plan.json")


def recompute(audit: Audit, probes: Mapping[str, Probe] | None = None) -> int:
    """Judge again from the observations; returns how many numbers agree, IntegrityError at the first that does not.

    `probes` gives, by check, a probe that no entry point names.
    """
    from audit import plugins

    agreed, record = 0, audit.record
    judged = [finding for finding in record.findings if finding.measures]
    built = {
        one.check: (probes or {}).get(one.check) or plugins.build("probes", one.probe, one.options) for one in judged
    }
    _same_family(audit, built)
    for finding in judged:
        level = finding.measures[0].level
        keeps = keep_level(record.promise, record.level) if finding.gating else None
        _, again, decision = judge_finding(
            audit.folder, finding, built[finding.check], level=level, seed=record.seed, keeps=keeps
        )
        if [(m.name, m.group) for m in again] != [(m.name, m.group) for m in finding.measures]:
            raise IntegrityError(f"{finding.check}: judging again gives other measures than the record holds")
        for old, new in zip(finding.measures, again, strict=True):
            agreed += _same(finding.check, old, new)
        if (finding.one_sided is None) != (decision.one_sided is None):
            raise IntegrityError(f"{finding.check}: one-sided bounds that its promise does not have, or that are gone")
        if finding.one_sided is not None and decision.one_sided is not None:
            agreed += _same_bounds(finding.check, finding.one_sided, decision.one_sided)
    return agreed


def _same_family(audit: Audit, probes: Mapping[str, Probe]) -> None:
    """Raise IntegrityError where the exploratory family does not reach the level at which it was judged."""
    record = audit.record
    family: list[Finding] = [finding for finding in record.findings if finding.family]
    if not family:
        return
    level = settled_level(audit.folder, family, probes, level=record.level, seed=record.seed)
    for finding in family:
        if finding.measures and not math.isclose(finding.measures[0].level, level, rel_tol=0, abs_tol=TOLERANCE):
            told = finding.measures[0].level
            raise IntegrityError(f"{finding.check}: judged at level {told}; its family judged again reaches {level}")


def _same(check: str, old: MeasureRecord, new: MeasureRecord) -> int:
    return sum(_agree(check, f"{old.name} {name}", getattr(old, name), getattr(new, name)) for name in _NUMBERS)


def _same_bounds(check: str, old: OneSided, new: OneSided) -> int:
    told = ("level", "low", "high")
    return sum(_agree(check, f"one-sided {name}", getattr(old, name), getattr(new, name)) for name in told)


def _agree(check: str, what: str, before: float | None, after: float | None) -> bool:
    """Return whether there is a number; IntegrityError where it is another one judged again."""
    if before is not None and after is not None:
        same = math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    else:
        same = before is after
    if not same:
        raise IntegrityError(f"{check}: {what} is {before} in the record and {after} judged again")
    return before is not None
