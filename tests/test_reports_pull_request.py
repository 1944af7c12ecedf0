"""The summary for a pull request: 24 lines at most, the worst first, text that stays text."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_fixtures import HOSTILE, finding, hostile, mixed, rate, write_audit

from audit.record import Limit
from reports.documents.summary_report import MOST_ROWS, render_pull_request


def summary(audit):
    return render_pull_request(audit)["summary.md"].decode()


@pytest.mark.parametrize("count", [0, 1, 5, 40, 400])
def test_it_has_twenty_lines_at_most(tmp_path, count):
    text = summary(mixed(tmp_path, count))
    assert len(text.splitlines()) <= 20
    bad = sum(one.verdict in ("failed", "crashed", "inconclusive") for one in mixed(tmp_path, count).record.findings)
    assert len(re.findall(r"^\| (?!Verdict)", text, flags=re.M)) == min(bad, MOST_ROWS)
    assert (f"{bad - MOST_ROWS} more are left out here." in text) == (bad > MOST_ROWS)


def test_by_hand(tmp_path):
    findings = [
        finding("good", "passed", "x", measures=[rate("m", 1, 9)]),
        finding("odd", "inconclusive", "x", measures=[rate("m", 1, 9)], limit=Limit(measure="m", at_most=0.3)),
        finding("broken", "crashed", "RuntimeError: no|thing"),
        finding("bad", "failed", "x", measures=[rate("m", 8, 9)], limit=Limit(measure="m", at_most=0.3)),
    ]
    assert summary(write_audit(tmp_path / "0123", findings)) == (
        "## ✗ Failed: 1 of 4 checks; 1 crashed; 1 undecided.\n"
        "\n"
        "**Release check of the assistant** · SmolLM2-135M (causal language model, text) · 0123\n"
        "\n"
        "| Verdict | Check | Measure | Value | Limit |\n"
        "|---|---|---|---|---|\n"
        "| ✗ Failed | bad | m | 88.9\u00a0% \\[51.8\u00a0%, 99.7\u00a0%\\] | ≤ 30\u00a0% |\n"
        "| ! Crashed | broken | RuntimeError: no\\|thing |  |  |\n"
        "| ? Undecided | odd | m | 11.1\u00a0% \\[0.281\u00a0%, 48.2\u00a0%\\] | ≤ 30\u00a0% |\n"
        "\n"
        "`dokimasia report 0123 --format html --lang en`\n"
    )


def inert(text):
    assert len(text.splitlines()) <= 20
    assert not re.search(r"(?<!\\)[<>]", text)
    assert not re.search(r"(?<!\\)\]\(", text)
    assert not re.search(r"@\w|://|(?<!\\)!\[", text)


def test_hostile_text_is_data(tmp_path):
    inert(summary(hostile(tmp_path)))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(HOSTILE))
def test_any_text_stays_text(tmp_path, text):
    one = finding(text or "x", "failed", text, measures=[rate(text or "m", 1, 9, group=text)])
    inert(summary(write_audit(tmp_path, [one], title=text)))
