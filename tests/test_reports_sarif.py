"""The SARIF report: valid by the OASIS schema, the verdict table by row, lines of the plan, text that stays text."""

import itertools
import json
import re

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_fixtures import HOSTILE, finding, hostile, mixed, rate, write_audit
from schemas import published

from audit.record import WORST_FIRST, Limit
from reports.documents.sarif_log import SourceLine, message
from reports.documents.sarif_report import render_sarif
from reports.options import ReportOptions

SCHEMA = published("sarif-2.1.0")
KINDS = {
    "passed": ("pass", "none"),
    "measured": ("informational", "none"),
    "inconclusive": ("open", "none"),
    "skipped": ("notApplicable", "none"),
}


def sarif(audit, **options):
    data = render_sarif(audit, ReportOptions(**options))["report.sarif"]
    log = json.loads(data)
    SCHEMA.validate(log)
    (run,) = log["runs"]
    return run


def test_the_schema_refuses_what_is_no_sarif():
    with pytest.raises(jsonschema_rs.ValidationError):
        SCHEMA.validate({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})
    with pytest.raises(jsonschema_rs.ValidationError):
        SCHEMA.validate(
            {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"kind": "bad"}]}]}
        )


@pytest.mark.parametrize(("verdict", "gating"), list(itertools.product(WORST_FIRST, (True, False))))
def test_every_verdict_has_its_row(tmp_path, verdict, gating):
    one = finding(
        "x", verdict, "The reason.", gating=gating, measures=[rate("m", 1, 9)], limit=Limit(measure="m", at_most=0.5)
    )
    run = sarif(write_audit(tmp_path, [one]))
    (invocation,) = run["invocations"]
    notes = invocation["toolExecutionNotifications"]
    assert invocation["executionSuccessful"] == (verdict != "crashed")
    assert len(notes) == (verdict == "crashed" or (verdict == "inconclusive" and gating))
    if verdict == "crashed":
        assert run["results"] == []
        assert notes[0]["level"] == "error"
        return
    (result,) = run["results"]
    failed = ("fail", "error" if gating else "warning")
    assert (result["kind"], result["level"]) == KINDS.get(verdict, failed)
    number = "x: m: 11.1 % ([0.281 %, 48.2 %] at 95 % confidence). "
    assert result["message"]["text"].startswith("x: The reason." if verdict == "skipped" else number)
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert rule["id"] == result["ruleId"] == "bias.stereotype_pairs"
    assert "whole interval lies on one side of its limit" in rule["help"]["text"]
    assert "also passes if the bound that holds alone keeps the limit" in rule["help"]["text"]


PLAN = """\
title: x
checks:
  - probe: {use: bias.stereotype_pairs}
    name: first

  - name: second
    probe: {use: bias.stereotype_pairs}
"""


def lines(run):
    return {
        one["properties"]["check"]: one["locations"][0]["physicalLocation"]["region"]["startLine"]
        for one in run["results"]
    }


def test_a_result_stands_at_the_line_of_its_check(tmp_path):
    audit = write_audit(tmp_path, [finding(name, "failed", "x") for name in ("first", "second", "third")])
    assert lines(sarif(audit)) == {"first": 1, "second": 1, "third": 1}
    for text, expected in ((PLAN, (4, 6)), ("- no plan", (1, 1)), ("a: [", (1, 1)), ("checks: 3", (1, 1))):
        (tmp_path / "plan.yaml").write_text(text)
        audit = type(audit)(audit.folder, audit.record, audit.run)
        assert lines(sarif(audit)) == {"first": expected[0], "second": expected[1], "third": 1}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("plans/a plan.yaml", "plans/a%20plan.yaml"),
        ("/secret/place/plan.yaml", "plan.yaml"),
        ("../../plan.yaml", "plan.yaml"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("", "."),
    ],
)
def test_paths_stay_inside_the_repository(tmp_path, path, uri):
    assert SourceLine(path).uri == uri
    run = sarif(write_audit(tmp_path, [finding("x", "failed", "x")]), plan=path)
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_fingerprints_are_of_plan_and_check_alone(tmp_path):
    def prints(folder, names, plan="plan.yaml", k=1):
        made = [finding(name, "failed", f"reason {k}", measures=[rate("m", k, 9)]) for name in names]
        results = sarif(write_audit(folder, made), plan=plan)["results"]
        return [one["partialFingerprints"]["dokimasia/v1"] for one in results]

    first = prints(tmp_path / "a", ["x", "y"])
    assert len(set(first)) == 2
    assert prints(tmp_path / "b", ["w", "x", "y"], k=5)[1:] == first
    assert set(prints(tmp_path / "c", ["x", "y"], plan="other.yaml")).isdisjoint(first)


def test_one_result_a_finding_and_one_rule_a_probe(tmp_path):
    audit = mixed(tmp_path, 40)
    run = sarif(audit)
    crashed = [one for one in audit.record.findings if one.verdict == "crashed"]
    assert len(run["results"]) == 40 - len(crashed) == 36
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == list(
        dict.fromkeys(one["id"] for one in run["tool"]["driver"]["rules"])
    )
    assert run["automationDetails"]["id"] == f"dokimasia/audit/{audit.record.id}"


def test_hostile_text_is_data(tmp_path):
    run = sarif(hostile(tmp_path))
    texts = [one["message"]["text"] for one in run["results"]]
    texts += [rule[part]["text"] for rule in run["tool"]["driver"]["rules"] for part in ("help", "shortDescription")]
    texts += [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert texts
    for text in texts:
        assert "](" not in text
        assert not re.search(r"\{\d", text)
        assert not re.search("[\x00-\x08\x1b\u202e]", text)
    assert all(one["ruleId"] and one["locations"] for one in run["results"])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from([*HOSTILE, "[a](b) {0}"]))
def test_any_text_makes_valid_sarif(tmp_path, text):
    one = finding(text or "x", "failed", text, probe=text or "p", measures=[rate(text or "m", 1, 9, group=text)])
    run = sarif(write_audit(tmp_path, [one], title=text), plan=text)
    assert "](" not in run["results"][0]["message"]["text"]


def test_text_that_means_nothing_is_left_as_it_is():
    assert message("61 % [57 %, 65 %] of {all}")["text"] == "61 % [57 %, 65 %] of {all}"


def test_same_record_same_bytes(tmp_path):
    audit = mixed(tmp_path, 10)
    assert render_sarif(audit) == render_sarif(audit)
