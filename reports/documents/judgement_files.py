"""A judgement as files that other programs take in: JUnit XML, SARIF, a short Markdown summary, JSON.

    ruling         JUnit                          SARIF kind / level
    passed         test case                      pass / none
    failed         failure                        fail / error
    inconclusive   failure of type inconclusive   open / none, and a notification
    crashed        error                          a notification
    waived         skipped, with the reason       fail / error, suppressed with the waiver's reason

A rule of the policy stands at its line in the policy, a check of the plan at its line in the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from audit.files import canonical
from audit.policy import Judgement, RuleResult
from audit.verdict import capitalised
from detectors.immutable import immutable
from reports.documents.sarif_log import Rule, SourceLine, notification, plan_lines, sarif_log, sarif_result
from reports.documents.sarif_report import probe_rule, rule_id
from reports.documents.summary_report import short_table
from reports.text import Words, escape_markdown, one_line

__all__ = [
    "WRITERS", "Places", "SourceLine", "judgement_json", "judgement_junit", "judgement_sarif", "judgement_summary",
]

_OUTCOMES = {"failed": "failure", "inconclusive": "failure", "crashed": "error", "waived": "skipped"}
_KINDS = {"passed": "pass", "failed": "fail", "waived": "fail", "inconclusive": "open"}


@immutable
class Places:
    """Paths of plan and policy as the reader's repository has them."""

    plan: str = "plan.yaml"
    policy: str = "policy.yaml"


def judgement_json(judgement: Judgement, words: Words, places: Places) -> bytes:
    """Return the judgement as canonical JSON; language and paths change nothing."""
    return canonical(judgement.as_json()) + b"\n"


def judgement_junit(judgement: Judgement, words: Words, places: Places) -> bytes:
    """Return the judgement as JUnit XML, one case a ruling."""
    rulings = judgement.rulings
    found = [_OUTCOMES.get(one.verdict) for one in rulings]
    counts = {"tests": len(found), "failures": found.count("failure"), "errors": found.count("error")}
    attributes = {key: str(value) for key, value in {**counts, "skipped": found.count("skipped"), "time": 0}.items()}
    name = one_line(_title(judgement, words), words)
    root = ET.Element("testsuites", {"name": name, **attributes})
    suite = ET.SubElement(root, "testsuite", {"name": name, **attributes})
    properties = ET.SubElement(suite, "properties")
    for key, value in _facts(judgement).items():
        ET.SubElement(properties, "property", name=key, value=one_line(value, words))
    for one, outcome in zip(rulings, found, strict=True):
        case = ET.SubElement(suite, "testcase", name=_about(one, words), classname=_rule_id(one, words), time="0")
        why = _why(one, words)
        if outcome is None:
            ET.SubElement(case, "system-out").text = why
        else:
            told = ET.SubElement(case, outcome, message=why)
            if outcome != "skipped":
                told.set("type", one.verdict)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def judgement_sarif(judgement: Judgement, words: Words, places: Places) -> bytes:
    """Return the judgement as a SARIF 2.1.0 log, one result a ruling."""
    lines = plan_lines(judgement.audit)
    told = [(one, _place(one, lines, places)) for one in judgement.rulings]
    rules = {_rule_id(one, words): _rule(one, judgement, words) for one in judgement.rulings}
    notes = [
        notification("error" if one.verdict == "crashed" else "warning", _text(one, words), place)
        for one, place in told
        if one.verdict in ("crashed", "inconclusive")
    ]
    return sarif_log(
        f"dokimasia/policy/{one_line(judgement.audit.record.id, words)}",
        list(rules.values()),
        [_result(one, place, words) for one, place in told if one.verdict != "crashed"],
        notes,
        {**_facts(judgement), "verdict": judgement.verdict},
        crashed=any(one.verdict == "crashed" for one in judgement.rulings),
    )


def judgement_summary(judgement: Judgement, words: Words, places: Places) -> bytes:
    """Return the judgement as Markdown of at most 20 lines: what is not kept, and why."""
    order = {"failed": 0, "crashed": 1, "inconclusive": 2, "waived": 3}
    look = sorted((one for one in judgement.rulings if one.verdict in order), key=lambda one: order[one.verdict])
    rows = [[words(f"outcome.{one.verdict}"), _about(one, words), one_line(one.why, words, 300)] for one in look]
    kept = sum(one.verdict == "passed" for one in judgement.rulings)
    count = words("judgement.kept", count=kept, all=len(judgement.rulings))
    head = f"## {words(f'sign.{judgement.verdict}')} {words(f'verdict.{judgement.verdict}')}: {count}"
    title = escape_markdown(one_line(_title(judgement, words), words))
    facts = [f"**{title}**", *(escape_markdown(one_line(fact[:23], words)) for fact in _facts(judgement).values())]
    lines = [head, "", " · ".join(facts), *short_table(("col.verdict", "col.rule", "col.why"), rows, words), ""]
    return "\n".join(lines).encode()


WRITERS: Mapping[str, Callable[[Judgement, Words, Places], bytes]] = {
    "json": judgement_json, "junit": judgement_junit, "sarif": judgement_sarif, "summary": judgement_summary,
}
"""Name of a format -> what writes it."""


def _title(judgement: Judgement, words: Words) -> str:
    return words("judgement.plan") if judgement.policy is None else judgement.policy.policy.title


def _facts(judgement: Judgement) -> dict[str, str]:
    facts = {"audit": judgement.audit.record.id, "record": judgement.record, "on": judgement.on.isoformat()}
    return facts if judgement.policy is None else {**facts, "policy": judgement.policy.sha256}


def _about(one: RuleResult, words: Words) -> str:
    return one_line(one.about, words, 120)


def _why(one: RuleResult, words: Words) -> str:
    return one_line(capitalised(one.why), words, 1200)


def _text(one: RuleResult, words: Words) -> str:
    return words("format.colon", left=_about(one, words), right=_why(one, words))


def _rule_id(one: RuleResult, words: Words) -> str:
    return rule_id(one.probe or "", words) if one.rule == "plan" else f"policy.{one.rule}"


def _rule(one: RuleResult, judgement: Judgement, words: Words) -> Rule:
    if one.rule != "plan":
        return Rule(f"policy.{one.rule}", words("rule.policy_name", rule=one.rule), words(f"rule.{one.rule}"))
    dimension = "" if one.check is None else judgement.audit.finding(one.check).dimension
    return probe_rule(one.probe or "", one_line(dimension, words, 40), words)


def _place(one: RuleResult, lines: Mapping[str, int], places: Places) -> SourceLine:
    if one.line is None:
        return SourceLine(places.plan, lines.get(one.check or "", 1))
    return SourceLine(places.policy, one.line)


def _result(one: RuleResult, place: SourceLine, words: Words) -> dict[str, Any]:
    kind = _KINDS[one.verdict]
    result = sarif_result(
        _rule_id(one, words), kind, "error" if kind == "fail" else "none", _text(one, words), place, one.about,
        {"rule": one.rule, "verdict": one.verdict, "check": one.check},
    )
    if one.waiver is None:
        return result
    return {
        **result, "suppressions": [{"kind": "external", "status": "accepted", "justification": one.waiver.reason}]
    }
