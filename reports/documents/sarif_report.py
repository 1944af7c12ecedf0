"""The SARIF report: what code scanners of GitHub and GitLab show of an audit, one result a check.

    verdict        kind            level              beside it
    failed         fail            error (gating), warning (not gating)
    passed         pass            none
    measured       informational   none
    inconclusive   open            none               gating: a notification
    skipped        notApplicable   none
    crashed        no result                          a notification

A rule is a probe; a result stands at the line of its check in the plan. Passed and measured checks are no alarms: a
viewer that takes them for such should be given the results of kind `fail` and `open` only.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reports.documents.sarif_log import Rule, SourceLine, notification, plan_lines, sarif_log, sarif_result
from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from audit.record import Audit
    from reports.views import FindingView

__all__ = ["probe_rule", "render_sarif", "rule_id"]

_KINDS = {
    "failed": "fail", "passed": "pass", "measured": "informational", "inconclusive": "open", "skipped": "notApplicable",
}


def render_sarif(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as a SARIF 2.1.0 log; UsageError for a language that has no catalogue."""
    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words, most_measures=5000)
    lines = plan_lines(audit)
    told = [(one, SourceLine(options.plan, lines.get(one.finding.check, 1))) for one in view.findings]
    rules = {rule_id(one.finding.probe, words): _rule(one, words) for one in view.findings}
    return {
        "report.sarif": sarif_log(
            f"dokimasia/audit/{one_line(view.record.id, words)}",
            list(rules.values()),
            [_result(one, place, words) for one, place in told if one.finding.verdict != "crashed"],
            [note for one, place in told for note in _notes(one, place)],
            {"audit": view.record.id, "plan": view.record.plan, "verdict": view.record.verdict},
            crashed=any(one.finding.verdict == "crashed" for one in view.findings),
        )
    }


def rule_id(probe: str, words: Words) -> str:
    """Return the id of a probe's rule: its name, inert and never empty."""
    return one_line(probe, words, 120) or "-"


def probe_rule(probe: str, dimension: str, words: Words) -> Rule:
    """Return the rule that stands for a probe."""
    name = one_line(words.term("probe", probe), words, 120)
    text = " ".join((words("rule.probe", probe=name), words("note.verdict_rule"), words("note.passed_limit")))
    return Rule(rule_id(probe, words), words("rule.probe_name", probe=name), text, (dimension,))


def _rule(one: FindingView, words: Words) -> Rule:
    return probe_rule(one.finding.probe, one_line(one.finding.dimension, words, 40), words)


def _text(one: FindingView) -> str:
    return f"{one.name}: {one.statement}"


def _result(one: FindingView, place: SourceLine, words: Words) -> dict[str, Any]:
    finding = one.finding
    level = "none" if finding.verdict != "failed" else "error" if finding.gating else "warning"
    head = finding.headline
    properties: dict[str, Any] = {"check": finding.check, "verdict": finding.verdict, "gating": finding.gating}
    if head is not None:
        properties["measure"] = {key: value for key, value in asdict(head).items() if value is not None}
    if finding.limit is not None:
        properties["limit"] = finding.limit.model_dump(mode="json", exclude_none=True)
    kind = _KINDS[finding.verdict]
    return sarif_result(rule_id(finding.probe, words), kind, level, _text(one), place, finding.check, properties)


def _notes(one: FindingView, place: SourceLine) -> list[dict[str, Any]]:
    verdict = one.finding.verdict
    if verdict == "crashed" or (verdict == "inconclusive" and one.finding.gating):
        return [notification("error" if verdict == "crashed" else "warning", _text(one), place)]
    return []
