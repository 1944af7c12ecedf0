"""Verify: is an audit folder what was written, and do its numbers follow from what was observed?

`check_digests` compares every stored file with the digest in the record, and the record with its plan; `recompute`
judges and decides again from the observations, without the model and without the data, and compares all that comes out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from audit.errors import IntegrityError
from audit.files import arrow_table, canonical, parquet_bytes, read_frame, sha256, stored_json
from audit.record import PLAN_FILE, Audit, Finding, OneSided, erasures, in_full, items_name, keep_level, table_name
from audit.verdict import KEY as OWN_UNITS
from audit.verdict import (
    OF_ASKING,
    Decision,
    adjusted_level,
    controls_of,
    covered,
    facts_of,
    invalidate,
    issues_of,
    judge_finding,
    sentence,
    told_of_issues,
    told_of_target,
    trials_of,
)
from detectors.phrases import Phrase
from detectors.result import Measure, Result

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Probe

__all__ = ["TOLERANCE", "beyond", "recompute"]

TOLERANCE = 1e-9
"""Largest allowed difference, relative to max(1, |value|), between a stored number and the recomputed one."""


def recompute(audit: Audit, probes: Mapping[str, Probe] | None = None) -> int:
    """Judge and decide again from the observations; returns how many numbers agree, those `beyond` it left out.

    IntegrityError at the first thing that differs: a control, a measure or its n, a verdict or its reason, how many
    units would decide, a remark, an item. `probes` gives, by check, a probe that no entry point names.
    """
    from audit import plugins

    given = probes or {}
    judged = [one for one in _judged(audit) if one.check not in beyond(audit)]
    built = {one.check: given.get(one.check) or plugins.rebuild("probes", one.probe, one.options) for one in judged}
    try:
        levels = _levels(audit, built)
        return sum(_again(audit, finding, built[finding.check], *levels[finding.check]) for finding in judged)
    except KeyError as error:  # a column that its judge did not ask for then
        raise IntegrityError(
            "the observations hold no {column!r}: another version of the program made them; judge with that one",
            column=str(error.args[0]),
        ) from error


def beyond(audit: Audit) -> tuple[str, ...]:
    """Return the checks that cannot be judged again, as evidence of theirs was erased."""
    erased = {check for one in erasures(audit.folder) for check in one.checks}
    return tuple(one.check for one in _judged(audit) if one.check in erased)


def _judged(audit: Audit) -> list[Finding]:
    return [one for one in audit.record.findings if one.verdict not in ("skipped", "crashed")]


def _levels(audit: Audit, probes: Mapping[str, Probe]) -> dict[str, tuple[float, float]]:
    """Return (level of the controls, level of the measures) of each check, by its plan."""
    of_plan = {one["name"]: one["level"] for one in stored_json(audit.folder / PLAN_FILE)["checks"]}
    family = [finding for finding in audit.record.findings if finding.family]
    settled = {}
    if len(family) > 1 and any(finding.check in beyond(audit) for finding in family):  # what it reached is only told
        told = next((finding.measures[0].level for finding in family if finding.measures), audit.record.level)
        settled = dict.fromkeys((finding.check for finding in family), told)
    elif len(family) > 1:
        level = adjusted_level(audit.folder, family, probes, level=audit.record.level, seed=audit.record.seed)
        settled = {finding.check: level for finding in family}
    return {name: (level, settled.get(name, level)) for name, level in of_plan.items()}


def _again(audit: Audit, finding: Finding, probe: Probe, of_controls: float, level: float) -> int:
    """Judge a finding again; returns how many numbers agree."""
    seed, seen = audit.record.seed, finding.smallest_effect
    _same_controls(finding, probe, of_controls, seed)
    _same_level(finding, level)
    budget = seen.units if finding.stop == "early" and seen is not None else None
    keeps = keep_level(audit.record.promise, audit.record.level) if finding.gating else None
    result, measures, decision = judge_finding(
        audit.folder, finding, probe, level=level, seed=seed, keeps=keeps, budget=budget
    )
    if [(m.name, m.group) for m in measures] != [(m.name, m.group) for m in finding.measures]:
        raise IntegrityError("{check}: judging again gives other measures than the record holds", check=finding.check)
    agreed = sum(_same(finding.check, old, new) for old, new in zip(finding.measures, measures, strict=True))
    agreed += _same_bounds(finding.check, finding.one_sided, decision.one_sided)
    _same_decision(audit, finding, probe, decision)
    _same_remarks(audit, finding, result)
    for name, frame in ((items_name, result.items), (table_name, result.table)):
        _same_items(audit, finding, name(finding.check), frame)
    return agreed


def _same_controls(finding: Finding, probe: Probe, level: float, seed: int) -> None:
    """Raise IntegrityError where controls come out otherwise, or cover other measures, than the record says."""
    trials = trials_of(probe, seed=seed, check=finding.check)
    controls = controls_of(probe, level=level, seed=seed, check=finding.check, trials=trials)
    if controls != finding.controls:
        raise IntegrityError(
            "{check}: its controls are {told} and {again} judged again",
            check=finding.check, told=finding.controls, again=controls,
        )
    if finding.controlled not in ([], covered(trials)):  # none: of an earlier version
        said, known = (", ".join(names) or Phrase("nothing") for names in (finding.controlled, covered(trials)))
        raise IntegrityError(
            "{check}: its controls are said to cover {said}; they cover {known}",
            check=finding.check, said=said, known=known,
        )


def _same_level(finding: Finding, level: float) -> None:
    """Raise IntegrityError where a finding was judged at another level than its plan and family come to."""
    told = finding.measures[0].level if finding.measures else level
    if not math.isclose(told, level, rel_tol=0, abs_tol=TOLERANCE):
        raise IntegrityError(
            "{check}: judged at level {told}; its family judged again reaches {level}",
            check=finding.check, told=told, level=level,
        )


def _same_remarks(audit: Audit, finding: Finding, result: Result) -> None:
    """Raise IntegrityError where a finding has other remarks than judging gives, those of asking left out."""
    told = [one for one in finding.remarks if one["key"] not in OF_ASKING]
    found = finding.model_copy(update={"remarks": [{"key": one.key, **one.values} for one in result.remarks]})
    again = told_of_issues(told_of_target(found, audit.record.target)).remarks
    for keys in (issues_of(finding), (OWN_UNITS,)):
        if all(one["key"] not in keys for one in told):  # an earlier version did not tell
            again = [one for one in again if one["key"] not in keys]
    _equal(f"{finding.check}: remarks", told, again)


def _same_decision(audit: Audit, finding: Finding, probe: Probe, decision: Decision) -> None:
    """Raise IntegrityError where a finding was decided otherwise than its measures are."""
    reason = _as_told(finding, decision.reason)
    again = finding.model_copy(update={**vars(decision), "reason": reason, "why": sentence(reason)})
    if audit.record.changed and probe.needs:
        again = invalidate(again)
    for name in (*vars(decision), "why"):
        _equal(f"{finding.check}: {name}", getattr(finding, name), getattr(again, name))


def _as_told(finding: Finding, reason: dict[str, Any]) -> dict[str, Any]:
    """Return a reason with its numbers in full where the record has them so, as earlier versions wrote them."""
    head, stored = finding.headline, finding.reason
    if head is None or head.value is None:
        return reason
    full = facts_of(head, finding.limit, in_full)
    return {key: full[key] if key in full and stored.get(key) == full[key] else told for key, told in reason.items()}


def _same(check: str, old: Measure, new: Measure) -> int:
    """Return how many numbers of a measure agree; IntegrityError where anything of it differs."""
    before, after = asdict(old), asdict(new)
    for name, stored in before.items():
        if not _close(stored, after[name]):
            raise IntegrityError(
                "{check}: {measure} {name} is {before} in the record and {after} judged again",
                check=check, measure=old.name, name=name, before=stored, after=after[name],
            )
    return sum(before[name] is not None for name in ("value", "low", "high"))


def _same_bounds(check: str, old: OneSided | None, new: OneSided | None) -> int:
    """Return how many numbers of the bounds by which a check passes agree."""
    before, after = ({} if one is None else one.model_dump() for one in (old, new))
    if before.keys() != after.keys():
        raise IntegrityError("{check}: one-sided bounds that its promise does not have, or that are gone", check=check)
    for name, stored in before.items():
        if not _close(stored, after[name]):
            raise IntegrityError(
                "{check}: one-sided {name} is {before} in the record and {after} judged again",
                check=check, name=name, before=stored, after=after[name],
            )
    return len(before)


def _close(one: Any, other: Any) -> bool:
    """Tell whether two values of JSON are the same, numbers within the tolerance."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return bool(one == other)


def _equal(what: str, stored: Any, again: Any) -> None:
    stored, again = (to_jsonable_python(one) for one in (stored, again))
    if not _close(stored, again):
        raise IntegrityError(
            "{what} is {told} in the record and {again} judged again",
            what=what, told=_shown(stored), again=_shown(again),
        )


def _shown(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}..."


def _same_items(audit: Audit, finding: Finding, name: str, frame: pd.DataFrame | None) -> None:
    """Raise IntegrityError where a finding's stored items are not those that judging gives."""
    stored = {one.path: one.sha256 for one in finding.evidence}.get(name)
    if (stored is None) != (frame is None):
        raise IntegrityError(
            "{file}: not named by the record, and judging again gives one" if stored is None
            else "{file}: named by the record, and judging again gives none", file=name,
        )
    if frame is None or sha256(data := parquet_bytes(arrow_table(frame))) == stored:
        return
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    again = pq.read_table(pa.BufferReader(data)).to_pandas()
    try:  # another version of a package may write or add up otherwise
        before = read_frame(audit.folder / name).reset_index()
        pd.testing.assert_frame_equal(before[list(again)], again, rtol=TOLERANCE, atol=TOLERANCE)
    except (AssertionError, KeyError, OSError, ValueError):
        raise IntegrityError("{file}: not the items that judging again gives", file=name) from None
