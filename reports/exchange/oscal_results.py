"""OSCAL assessment results (models 1.2.1, NIST): what governance, risk and control tools read of an audit.

    measure        observation, with value, interval, n and the file that it rests on
    limit          objective of ours, such as `stereotype share <= 50 % is shown`; never a clause of a law
    verdict        finding on that objective:  passed  satisfied, pass       failed  not-satisfied, fail
                   all others  not-satisfied, other, with a remark that says what is lacking

OSCAL knows two states only, so that whatever was not shown is `not-satisfied`, and its reason tells a miss from a
doubt. A check without a limit has an observation and no finding. The plan, by its digest, is what was assessed by.

With a framework the objectives are the evidence that its clauses ask for, and only `supported` is `satisfied`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.files import canonical
from reports.exchange.facts import HOME, audited_name, finished, objective, token, uid
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.frameworks.coverage_view import ClauseRow
    from reports.views import FindingView, MeasureRow, Overview

__all__ = ["OSCAL", "coverage_oscal", "render_oscal"]

OSCAL = "1.2.1"
_STATES = {"passed": ("satisfied", "pass"), "failed": ("not-satisfied", "fail")}
_CLAUSES = {"supported": ("satisfied", "pass"), "contradicted": ("not-satisfied", "fail")}
_DOUBT = ("not-satisfied", "other")


def render_oscal(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the audit as one OSCAL file; UsageError for a language without a catalogue, or a run without a time."""
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words)
    found = [_finding(audit, one, words) for one in view.findings if one.finding.limit is not None]
    told = _document(audit, view, _selection(audit, words), found, words)
    return {"report.oscal.json": canonical(told) + b"\n"}


def coverage_oscal(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the audit with a finding for each clause of a framework that applies; raises as `render_oscal`."""
    from audit.frameworks import load_framework
    from audit.policy import coverage_of
    from reports.frameworks.coverage_view import coverage_view
    from reports.views import overview

    words = words_of(options.lang)
    view, found = overview(audit, words), coverage_of(audit, load_framework(framework))
    rows = coverage_view(found, audit, words).rows
    sides: dict[str, list[dict[str, str]]] = {"include-controls": [], "exclude-controls": []}
    for row in rows:
        side = "exclude-controls" if row.coverage.status == "not applicable" else "include-controls"
        sides[side].append({"control-id": control_id(framework, row)})
    sides["include-controls"] = sides["include-controls"] or [{"control-id": token(framework)}]
    selection = {"description": found.framework.text.of(words.lang), **{key: ids for key, ids in sides.items() if ids}}
    clauses = [_clause(audit, framework, row, words) for row in rows if row.coverage.status != "not applicable"]
    told = _document(audit, view, selection, clauses, words, framework)
    return {f"coverage-{framework}.oscal.json": canonical(told) + b"\n"}


def control_id(framework: str, row: ClauseRow) -> str:
    """Return a clause's id among all controls; of the AI RMF as its catalogues in OSCAL have it, `ai-rmf-ms-2.11`."""
    clause = row.coverage.clause.id
    return f"ai-rmf-{clause}" if framework == "nist-ai-rmf" else token(f"{framework}_{clause}")


def _document(
    audit: Audit, view: Overview, selection: dict[str, Any], found: list[dict[str, Any]], words: Words, of: str = ""
) -> dict[str, Any]:
    """Return the file: what was asked, what was observed, and findings on objectives of ours."""
    at = finished(audit, "oscal")
    observed = [_observation(audit, one, at, words) for one in view.findings]
    result: dict[str, Any] = {
        "uuid": uid(audit, "result", of), "title": one_line(view.title, words) or "-",
        "description": words("exchange.lead"), "start": _started(audit, at), "end": at,
        "props": [_prop("verdict", audit.record.verdict), _prop("audit", audit.record.id)],
        "reviewed-controls": {"control-selections": [selection]},
        **({"observations": observed} if observed else {}), **({"findings": found} if found else {}),
    }
    document = {
        "uuid": uid(audit, "assessment-results", of),
        "metadata": {
            "title": words("format.colon", left="Dokimasia", right=audited_name(audit.record, words)),
            "last-modified": at, "version": audit.record.id or "-", "oscal-version": OSCAL,
        },
        "import-ap": {"href": "plan.json", "remarks": audit.record.plan},
        "results": [result],
    }
    return {"assessment-results": document}


def _selection(audit: Audit, words: Words) -> dict[str, Any]:
    """Return the checks in the place of controls; an audit without any names itself, as the list may not be empty."""
    names = [token(one.check) for one in audit.record.findings] or [token(audit.record.id)]
    ids = [{"control-id": name} for name in dict.fromkeys(names)]
    return {"description": words("exchange.no_control"), "include-controls": ids}


def _started(audit: Audit, at: str) -> str:
    return at if audit.run is None else audit.run.started or at


def _prop(name: str, value: object) -> dict[str, str]:
    return {"name": name, "ns": f"{HOME}:oscal", "value": str(value).strip() or "-"}


def _observation(audit: Audit, one: FindingView, at: str, words: Words) -> dict[str, Any]:
    told: dict[str, Any] = {
        "uuid": uid(audit, "observation", one.finding.check), "title": one.name or "-",
        "description": one.statement or "-", "methods": ["TEST"], "collected": at,
        "props": [_prop("verdict", one.finding.verdict), _prop("probe", one_line(one.finding.probe, words))],
    }
    if one.headline is not None:
        told["props"] += _numbers(one.headline, words)
    if one.evidence:
        told["relevant-evidence"] = [
            {"href": one_line(file.path, words), "description": words("exchange.stored"),
             "props": [_prop("sha256", file.sha256)]}
            for file in one.evidence
        ]  # fmt: skip
    return told


def _numbers(row: MeasureRow, words: Words) -> list[dict[str, str]]:
    """Return the headline number by number, as the record holds it: value, ends, level, n, unit and method."""
    measure = row.measure
    told: dict[str, object] = {"measure": one_line(measure.name, words), "value": measure.value}
    told |= {"low": measure.low, "high": measure.high, "level": measure.level}
    told |= {f"n-{token(what)}": count for what, count in measure.n.items()}
    told |= {"unit": one_line(measure.unit, words), "method": one_line(measure.method, words)}
    return [_prop(name, value) for name, value in told.items() if value is not None]


def _finding(audit: Audit, one: FindingView, words: Words) -> dict[str, Any]:
    """Return the finding on the objective that the check's limit is."""
    state, reason = _STATES.get(one.finding.verdict, _DOUBT)
    status = {"state": state, "reason": reason}
    if (state, reason) == _DOUBT:
        status["remarks"] = words("format.colon", left=one.verdict, right=one.why or "-")
    return {
        "uuid": uid(audit, "finding", one.finding.check), "title": objective(one, words),
        "description": one.statement or "-",
        "target": {"type": "objective-id", "target-id": token(one.finding.check), "status": status},
        "related-observations": [{"observation-uuid": uid(audit, "observation", one.finding.check)}],
    }


def _clause(audit: Audit, framework: str, row: ClauseRow, words: Words) -> dict[str, Any]:
    """Return the finding on what a clause asks evidence for; what is not whole is not met, and says what is there."""
    state, reason = _CLAUSES.get(row.coverage.status, _DOUBT)
    told: dict[str, Any] = {
        "uuid": uid(audit, "clause", framework, row.coverage.clause.id),
        "title": words("exchange.evidence_for", clause=row.ref, says=row.says), "description": row.reason,
        "target": {
            "type": "objective-id", "target-id": control_id(framework, row),
            "status": {"state": state, "reason": reason, "remarks": _remark(row, words)},
        },
        "props": [_prop("strength", row.coverage.clause.strength), _prop("status", row.coverage.status)],
        "remarks": " ".join(row.next_steps) or "-",
    }
    if row.evidence:
        ids = [uid(audit, "observation", one.finding.check) for _, one in row.evidence]
        told["related-observations"] = [{"observation-uuid": one} for one in ids]
    return told


def _remark(row: ClauseRow, words: Words) -> str:
    never = f" {words('coverage.never')} {row.never}" if row.positive and row.never else ""
    return f"{row.status}. {row.reason}.{never}"
