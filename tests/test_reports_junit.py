"""The JUnit report: the verdict table row by row, and XML that every reader takes."""

import io
import itertools
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped
from report_fixtures import HOSTILE, finding, hostile, mixed, rate, write_audit

from audit.record import WORST_FIRST, Limit
from reports.documents.junit_report import render_junit
from reports.text import visible

OUTCOMES = {
    ("passed", True): None,
    ("passed", False): None,
    ("measured", True): None,
    ("measured", False): None,
    ("failed", True): "failure",
    ("failed", False): "failure",
    ("inconclusive", True): "failure",
    ("inconclusive", False): "skipped",
    ("skipped", True): "skipped",
    ("skipped", False): "skipped",
    ("crashed", True): "error",
    ("crashed", False): "error",
}


def xml(audit):
    return render_junit(audit)["report.junit.xml"]


@pytest.mark.parametrize(("verdict", "gating"), list(itertools.product(WORST_FIRST, (True, False))))
def test_every_verdict_has_its_row(tmp_path, verdict, gating):
    one = finding(
        "x", verdict, "The reason.", gating=gating, measures=[rate("m", 1, 9)], limit=Limit(measure="m", at_most=0.5)
    )
    case = ET.fromstring(xml(write_audit(tmp_path, [one]))).find("testsuite/testcase")
    expected = OUTCOMES[verdict, gating]
    assert [child.tag for child in case if child.tag != "system-out"] == ([] if expected is None else [expected])
    if expected is not None:
        told = case.find(expected)
        number = "m: 11.1 % ([0.281 %, 48.2 %] at 95 % confidence). "
        assert told.get("message").startswith("The reason." if verdict in ("skipped", "crashed") else number)
        assert told.get("type") == (None if expected == "skipped" else verdict)
    assert (case.get("name"), case.get("classname"), case.get("time")) == ("x", "bias.stereotype_pairs", "0")


def test_one_suite_a_dimension_and_counts_that_add_up(tmp_path):
    root = ET.fromstring(xml(mixed(tmp_path, 40)))
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        "Bias",
        "Novelty",
        "Factuality",
        "Robustness",
        "Provenance",
        "Memorisation",
        "Efficiency",
    ]
    for suite in (root, *suites):
        cases = list(suite.iter("testcase"))
        counts = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
        assert int(suite.get("tests")) == len(cases)
        assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == tuple(map(str, counts.values()))


def test_all_measures_stand_in_the_text(tmp_path):
    case = ET.fromstring(xml(mixed(tmp_path, 1))).find("testsuite/testcase")
    lines = case.find("failure").text.splitlines()
    assert "tie share: 0.417\u00a0%, interval [0.0505\u00a0%, 1.50\u00a0%] at 95\u00a0%, n 480" in lines
    assert "stereotype share · sexual orientation: undefined: no items of this group" in lines


def test_junitparser_reads_it_and_writes_it_again(tmp_path):
    parsed = JUnitXml.fromroot(ET.fromstring(xml(mixed(tmp_path, 40))))
    results = [type(result) for suite in parsed for case in suite for result in case.result]
    assert (results.count(Failure), results.count(Error), results.count(Skipped)) == (12, 4, 8)
    written = io.BytesIO()
    parsed.write(written)
    again = JUnitXml.fromstring(written.getvalue())
    told = [
        [(case.name, [result.message for result in case.result]) for suite in one for case in suite]
        for one in (parsed, again)
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 40


def test_hostile_text_is_data(tmp_path):
    root = ET.fromstring(xml(hostile(tmp_path)))
    assert {one.tag for one in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out",
    }  # fmt: skip
    assert HOSTILE[0] in root.get("name")
    assert len(list(JUnitXml.fromroot(root))) == 6


def test_no_findings_make_an_empty_document(tmp_path):
    root = ET.fromstring(xml(mixed(tmp_path, 0)))
    assert (root.get("tests"), list(root)) == ("0", [])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(HOSTILE))
def test_any_text_makes_well_formed_xml(tmp_path, text):
    one = finding("x", "failed", text, measures=[rate(text or "m", 1, 9, group=text)])
    root = ET.fromstring(xml(write_audit(tmp_path, [one], title=text)))
    assert root.get("name") == " ".join(visible(text).split()) or len(text) > 240


def test_same_record_same_bytes(tmp_path):
    audit = mixed(tmp_path, 10)
    assert xml(audit) == xml(audit)
