"""Does a record follow from its plan? What was planned is told as it stands there, and verdicts as the numbers say.

    plan.json -> id, title, seed, level, models, sheet; of every check its probe, options, data, limit, gating, level
    measures, limit, controls -> the verdict of a check        verdicts of gating checks -> the verdict of the audit

plan.json is bound to the id. Nothing is judged again here, so that this is quick and loads no heavy package: whether
measures follow from what was observed is for `audit.integrity.recomputation`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from audit.errors import IntegrityError
from audit.files import canonical, sha256
from audit.plan import audited_data
from audit.record import Finding, Record, Verdict, keep_level, observations_name
from audit.verdict import audit_verdict, decide
from detectors.result import Measure

__all__ = ["check_record"]

Plan = Mapping[str, Any]
_MOST = 100
"""Characters of a value that a message shows."""


def check_record(record: Record, frozen: Plan) -> None:
    """Raise IntegrityError, in one line, at the first thing that a record tells otherwise than its frozen plan."""
    try:
        for what, told, planned in _held(record, frozen):
            if canonical(told) != canonical(planned):
                raise IntegrityError(
                    "record.json: {what} is {told}; by its plan it is {planned}",
                    what=what, told=_shown(told), planned=_shown(planned),
                )
    except (LookupError, TypeError, AttributeError, ValueError):
        raise IntegrityError("plan.json: not a plan that was frozen for this record") from None
    for finding in record.findings:
        _check_verdict(record, finding)
    if record.verdict != (verdict := audit_verdict(record.findings)):
        raise IntegrityError(
            "record.json: the verdict is {verdict1}; its checks come to {verdict2}",
            verdict1=record.verdict, verdict2=verdict,
        )


def _held(record: Record, frozen: Plan) -> Iterator[tuple[str, Any, Any]]:
    """Yield (what, as the record tells it, as the plan has it)."""
    digest = sha256(canonical(frozen))
    yield "plan", record.plan, digest
    yield "id", record.id, digest.removeprefix("sha256:")[:16]
    for name in ("title", "seed", "level"):
        yield name, getattr(record, name), frozen[name]
    yield "promise", record.promise, frozen.get("promise", "every_finding")
    yield "target", record.target, frozen.get("target", "population")
    if record.target == "population":  # whose numbers nobody may take for those of a benchmark
        yield "benchmark", [one.check for one in record.findings if one.population is not None], []
    yield "two_person", record.two_person, frozen.get("two_person", False)
    yield "sheet", _filled(record.sheet), frozen.get("sheet")
    yield "models", {name: one.fingerprint for name, one in record.models.items()}, frozen["models"]
    if record.data is not None:  # an earlier version did not tell
        yield "data", _filled(record.data), _filled(audited_data(frozen))
    yield "list of checks", [one.check for one in record.findings], [one["name"] for one in frozen["checks"]]
    for finding, check in zip(record.findings, frozen["checks"], strict=True):
        for what, told, planned in _of_check(finding, check):
            yield f"{what} of {finding.check}", told, planned


def _of_check(finding: Finding, check: Plan) -> Iterator[tuple[str, Any, Any]]:
    probe, data = dict(check["probe"]), check["data"]
    yield "probe", finding.probe, probe.pop("use")
    yield "list of options", finding.options, probe
    yield "limit", _filled(finding.limit), check["limit"]
    yield "declared", _filled(finding.declared), check.get("declared")
    yield "gating", finding.gating, check["gating"]
    yield "family", finding.family, "exploratory" if check["limit"] and not check["gating"] else None
    yield "list of clauses", finding.clauses, check.get("clauses", [])
    yield "stop", finding.stop, check.get("stop", "full")
    yield "data", {role: {**facts, "items": None} for role, facts in finding.data.items()}, {
        role: {**facts, "items": None} for role, facts in data.items()
    }
    if finding.verdict not in ("skipped", "crashed"):
        paths = [one.path for one in finding.evidence if one.path.startswith("observations/")]
        yield "evidence", sorted(paths), sorted(observations_name(finding.check, role) for role in data)
    head = finding.measures[0] if finding.measures and finding.family is None else None
    if head is not None and not math.isclose(head.level, check["level"], rel_tol=0, abs_tol=1e-9):
        yield "level", head.level, check["level"]


def _filled(model: Any) -> Any:
    return None if model is None else model.model_dump(mode="json", exclude_none=True)


def _check_verdict(record: Record, finding: Finding) -> None:
    verdict = _verdict(record, finding)
    if finding.verdict != verdict:
        raise IntegrityError(
            "{check}: the verdict is {verdict1}; its measures and limit say {verdict2}",
            check=finding.check, verdict1=finding.verdict, verdict2=verdict,
        )


def _verdict(record: Record, finding: Finding) -> Verdict:
    """Return the verdict that what a finding holds comes to; a check that did not come to judge has no measures."""
    if finding.verdict in ("skipped", "crashed") and not finding.measures:
        return finding.verdict
    if finding.model_changed and record.changed:
        return "inconclusive"
    kept = _kept(record, finding)
    return decide(finding.measures, finding.limit, finding.controls or {}, kept=kept, power=False, sizes=False).verdict


def _kept(record: Record, finding: Finding) -> Measure | None:
    """Return the limit's measure with the one-sided bounds by which it passes, where the plan promises the audit."""
    bounds, head, level = finding.one_sided, finding.headline, keep_level(record.promise, record.level)
    if bounds is None or head is None:
        return None
    if level is None or not finding.gating or not math.isclose(bounds.level, record.level, rel_tol=0, abs_tol=1e-9):
        raise IntegrityError(
            "{check}: one-sided bounds that its promise does not have, or that are gone", check=finding.check
        )
    try:
        return replace(head, level=level, low=bounds.low, high=bounds.high, reach=None)
    except ValueError as error:
        raise IntegrityError(
            "{check}: one-sided bounds of no interval ({problem})", check=finding.check, problem=str(error)
        ) from None


def _shown(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."
