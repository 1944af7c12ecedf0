"""A CycloneDX bill of materials for machine learning, 1.6 and 1.7: model, data, numbers, and claims with evidence.

    measure   -> modelCard.quantitativeAnalysis, numbers as texts, as the schema wants them
    finding   -> declarations.evidence
    limit     -> declarations.claims: passed has the finding as evidence, failed as counter-evidence, all others neither

With a framework, its clauses are requirements, and an attestation ties each to a claim on how far there is evidence.
`conformance.score` is never written: a number there reads as a degree to which a law is met.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from audit.files import canonical
from reports.exchange.facts import HOME, Source, audited_name, objective, sources, token, uid
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit, ModelRecord
    from reports.frameworks.coverage_view import ClauseRow, CoverageView
    from reports.views import FindingView, MeasureRow, Overview

__all__ = ["coverage_cyclonedx", "coverage_cyclonedx_16", "render_cyclonedx", "render_cyclonedx_16"]


def render_cyclonedx(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the audit as a bill of materials of CycloneDX 1.7; UsageError for a language without a catalogue."""
    return {"report.cdx.json": canonical(_document(audit, options, "1.7")) + b"\n"}


def render_cyclonedx_16(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the same in CycloneDX 1.6, for tools that read no later version."""
    return {"report.1.6.cdx.json": canonical(_document(audit, options, "1.6")) + b"\n"}


def coverage_cyclonedx(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the same with an attestation on the clauses of a framework, in CycloneDX 1.7."""
    told = _document(audit, options, "1.7", framework)
    return {f"coverage-{framework}.cdx.json": canonical(told) + b"\n"}


def coverage_cyclonedx_16(audit: Audit, framework: str, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the same in CycloneDX 1.6."""
    told = _document(audit, options, "1.6", framework)
    return {f"coverage-{framework}.1.6.cdx.json": canonical(told) + b"\n"}


def _document(audit: Audit, options: ReportOptions, version: str, framework: str = "") -> dict[str, Any]:
    from reports.frameworks.coverage_view import coverage_view
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words)
    data = sources(audit.record.findings, words)
    tool: dict[str, Any] = {"type": "application", "name": "Dokimasia"}
    metadata: dict[str, Any] = {"tools": {"components": [tool]}, "component": _audited(audit, view, words)}
    if audit.run is not None:
        metadata["timestamp"] = audit.run.finished
        if made := audit.run.versions.get("dokimasia"):
            tool["version"] = made
    declared = _declarations(audit, view, words)
    standards: dict[str, Any] = {}
    if framework:
        from audit.frameworks import load_framework
        from audit.policy import coverage_of

        covered = coverage_view(coverage_of(audit, load_framework(framework)), audit, words)
        declared["claims"] = [*declared["claims"], *(_clause_claim(audit, row, words) for row in covered.rows)]
        declared["attestations"] = [_attestation([_mapped(row, words) for row in covered.rows], words)]
        standards = {"definitions": {"standards": [_standard(covered)]}}
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{version}.schema.json", "bomFormat": "CycloneDX",
        "specVersion": version, "version": 1, "serialNumber": f"urn:uuid:{uid(audit, 'bom', version, framework)}",
        "metadata": metadata,
        "components": [*_helpers(audit, words), *map(partial(_data, words=words), data)],
        "declarations": declared, **standards,
    }


def _audited(audit: Audit, view: Overview, words: Words) -> dict[str, Any]:
    """Return what was audited: the model with all its numbers, else the data."""
    name, main = audited_name(audit.record, words), audit.record.models.get("main")
    if main is None:
        told: dict[str, Any] = {"type": "data", "bom-ref": "audited", "name": name}
        digest = "" if audit.record.data is None else audit.record.data.digest
        return {**told, "description": view.models[0], "properties": [_property("digest", digest)]}
    rows = [row for one in view.findings for row in one.rows if row.measure.value is not None]
    parameters = {"architectureFamily": one_line(main.family, words) or "-", "task": one_line(main.modality, words)}
    card: dict[str, Any] = {"modelParameters": parameters}
    if rows:
        card["quantitativeAnalysis"] = {"performanceMetrics": [_metric(row) for row in rows]}
    if limits := [one.statement for one in view.findings if one.finding.verdict == "failed"]:
        card["considerations"] = {"technicalLimitations": limits}
    return {**_model("audited", main, words), "modelCard": card}


def _model(ref: str, model: ModelRecord, words: Words) -> dict[str, Any]:
    return {
        "type": "machine-learning-model", "bom-ref": ref, "name": one_line(model.name, words, 120) or "-",
        "properties": [_property("fingerprint", model.fingerprint), *(
            [_property("weights", model.weights)] if model.weights else []
        )],
    }  # fmt: skip


def _helpers(audit: Audit, words: Words) -> list[dict[str, Any]]:
    """Return the models that the audit asked for help."""
    models = sorted(audit.record.models.items())
    return [_model(f"helper-{token(role)}", model, words) for role, model in models if role != "main"]


def _data(source: Source, words: Words) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "data", "bom-ref": f"data-{source.hexadecimal[:16] or token(source.name)}", "name": source.name,
        "properties": [_property("role", source.role), _property("digest", source.digest or "-")],
    }
    if source.items is not None:
        told["properties"].append(_property("items", source.items))
    if source.licence:
        told["licenses"] = [{"license": {"name": source.licence}}]
    if source.cite:
        told["description"] = source.cite
    return told


def _property(name: str, value: object) -> dict[str, str]:
    return {"name": f"dokimasia:{name}", "value": str(value)}


def _metric(row: MeasureRow) -> dict[str, Any]:
    """Return one number, unrounded, with its interval where it has one."""
    measure = row.measure
    told: dict[str, Any] = {"type": measure.name, "value": repr(measure.value)}
    if row.group is not None:
        told["slice"] = row.group
    ends = {"lowerBound": measure.low, "upperBound": measure.high}
    if interval := {name: repr(end) for name, end in ends.items() if end is not None}:
        told["confidenceInterval"] = interval
    return told


def _declarations(audit: Audit, view: Overview, words: Words) -> dict[str, Any]:
    limited = [one for one in view.findings if one.finding.limit is not None]
    kind = "machine-learning-model" if "main" in audit.record.models else "data"
    target = {"type": kind, "bom-ref": "target", "name": audited_name(audit.record, words)}
    return {
        "assessors": [{"bom-ref": "assessor", "thirdParty": False}],
        "targets": {"components": [target]},
        "evidence": [_evidence(audit, one) for one in view.findings],
        "claims": [_claim(audit, one, words) for one in limited],
        "attestations": [_attestation([], words)],
    }


def _attestation(mapped: list[dict[str, Any]], words: Words) -> dict[str, Any]:
    return {"summary": words("exchange.lead"), "assessor": "assessor", "map": mapped}


def _standard(covered: CoverageView) -> dict[str, Any]:
    """Return the clauses of a framework as requirements, in our words."""
    requirements = [
        {"bom-ref": _requirement(row), "identifier": row.ref, "title": row.title or row.ref, "text": row.says}
        for row in covered.rows
    ]
    framework = covered.framework
    told = {"bom-ref": framework.id, "name": covered.title, "version": framework.checked.on}
    return {**told, "description": covered.text, "requirements": requirements}


def _requirement(row: ClauseRow) -> str:
    return f"clause-{row.coverage.clause.id}"


def _clause_claim(audit: Audit, row: ClauseRow, words: Words) -> dict[str, Any]:
    """Return what is claimed of a clause: how far there is evidence, with what speaks for and against it."""
    told: dict[str, Any] = {
        "bom-ref": f"on-{row.coverage.clause.id}", "target": "target",
        "predicate": words("exchange.evidence_status", status=row.status), "reasoning": row.reason,
    }
    for key, side in (("evidence", "for"), ("counterEvidence", "against")):
        checks = [one.finding.check for kind, one in row.evidence if kind == side]
        if checks:
            told[key] = [f"evidence-{uid(audit, 'evidence', check)}" for check in checks]
    return told


def _mapped(row: ClauseRow, words: Words) -> dict[str, Any]:
    """Return the clause's place in the attestation; a contradicted one has a claim against it, none has a score."""
    side = "counterClaims" if row.coverage.by_evidence == "contradicted" else "claims"
    never = f" {words('coverage.never')} {row.never}" if row.never else ""
    return {
        "requirement": _requirement(row), side: [f"on-{row.coverage.clause.id}"],
        "conformance": {"rationale": words("exchange.not_rated")},
        "confidence": {"rationale": f"{row.strength}.{never}"},
    }


def _evidence(audit: Audit, one: FindingView) -> dict[str, Any]:
    told: dict[str, Any] = {
        "bom-ref": f"evidence-{uid(audit, 'evidence', one.finding.check)}", "propertyName": f"{HOME}:finding",
        "description": f"{one.name}: {one.statement}",
        "data": [{"name": file.path, "contents": {"attachment": {"content": file.sha256}}}
                 for file in one.evidence],
    }  # fmt: skip
    if audit.run is not None:
        told["created"] = audit.run.finished
    return told


def _claim(audit: Audit, one: FindingView, words: Words) -> dict[str, Any]:
    """Return the claim that the limit is kept; what decided nothing is evidence neither for nor against it."""
    evidence = [f"evidence-{uid(audit, 'evidence', one.finding.check)}"]
    told: dict[str, Any] = {
        "bom-ref": f"claim-{uid(audit, 'claim', one.finding.check)}", "target": "target",
        "predicate": words("format.colon", left=objective(one, words), right=one.verdict), "reasoning": one.why,
    }
    side = {"passed": "evidence", "failed": "counterEvidence"}.get(one.finding.verdict)
    return told if side is None else {**told, side: evidence}
