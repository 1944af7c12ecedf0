"""The JUnit report: what GitLab, Jenkins, Azure and GitHub actions show of an audit.

    passed, measured               test case                inconclusive, gating       failure of type `inconclusive`
    failed                         failure                  inconclusive, not gating   skipped, with the reason
    crashed                        error                    skipped                    skipped, with the reason

One suite a dimension, one case a check. A message holds interval, n and limit, so that the CI page is readable alone.
Durations are no part of a record: every `time` is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.options import DEFAULTS, ReportOptions
from reports.text import Words, one_line, words_of

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

    from audit.record import Audit
    from reports.views import FindingView

__all__ = ["render_junit"]


def render_junit(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the report as JUnit XML; UsageError for a language that has no catalogue."""
    from xml.etree import ElementTree as ET

    from reports.views import overview

    words = words_of(options.lang)
    view = overview(audit, words, most_measures=5000)
    root = ET.Element("testsuites", _attributes(view.title, view.findings))
    for name, findings in view.dimensions:
        if findings:
            suite = ET.SubElement(root, "testsuite", _attributes(name, findings))
            properties = ET.SubElement(suite, "properties")
            ET.SubElement(properties, "property", name="audit", value=one_line(view.record.id, words))
            ET.SubElement(properties, "property", name="plan", value=one_line(view.record.plan, words))
            for one in view.deviations:
                told = words("format.colon", left=f"{one.check} · {one.what}", right=f"{one.before} → {one.after}")
                ET.SubElement(properties, "property", name="deviation", value=told)
            for told in view.attempts:
                ET.SubElement(properties, "property", name="attempt", value=told)
            for finding in findings:
                _case(suite, finding, words)
    ET.indent(root)
    return {"report.junit.xml": ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"}


def _outcome(one: FindingView) -> str | None:
    """Return the element that tells this verdict; None for a case that simply ran."""
    if one.finding.verdict == "inconclusive":
        return "failure" if one.finding.gating else "skipped"
    return {"failed": "failure", "crashed": "error", "skipped": "skipped"}.get(one.finding.verdict)


def _attributes(name: str, findings: Sequence[FindingView]) -> dict[str, str]:
    found = [_outcome(one) for one in findings]
    counts = {"tests": len(found), "failures": found.count("failure"), "errors": found.count("error")}
    counts |= {"skipped": found.count("skipped"), "time": 0}
    return {"name": name, **{key: str(count) for key, count in counts.items()}}


def _case(suite: ET.Element, one: FindingView, words: Words) -> None:
    """Add one check: its outcome with the sentence, and all measures as text."""
    from xml.etree import ElementTree as ET

    case = ET.SubElement(suite, "testcase", name=one.name, classname=one_line(one.finding.probe, words), time="0")
    outcome = _outcome(one)
    lines = [words("format.colon", left=row.label, right=row.line) for row in one.rows]
    text = "\n".join([one.statement, *([one.effect] if one.effect else []), *lines])
    if outcome is not None:
        told = ET.SubElement(case, outcome, message=one.why)
    if outcome in ("failure", "error"):
        told.set("type", one.finding.verdict)
        told.text = text
    else:
        ET.SubElement(case, "system-out").text = text
