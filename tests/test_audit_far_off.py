"""What is far off without a limit: the stated rule at its edges, one reading for records and lists, told everywhere."""

from dataclasses import replace

import pytest
from report_fixtures import finding, rate, real, write_audit

from audit.cli.screen import finding_line, summary_line
from audit.record import Limit
from audit.verdict import far_off
from reports.documents.html_report import render_html
from reports.documents.index_page import render_index
from reports.documents.markdown_report import render_markdown
from reports.documents.summary_report import render_pull_request
from reports.options import ReportOptions
from reports.text import words_of
from reports.views.summary import summary_sentence

KID = {"unit": "score", "direction": "lower is better", "ideal": 0.0}
BASE = real("kid_training", 0.008, 0.024, 1300, unit="score", ideal=0.0)


def share(low, high, ideal, direction="nearer to ideal is better"):
    whole = rate("m", 1, 2, direction=direction, ideal=ideal)
    return replace(whole, low=low, value=(low + high) / 2, high=high)


def score(low, high, ideal, unit="score", direction="nearer to ideal is better"):
    return real("m", (low + high) / 2, (high - low) / 2, 99, unit=unit, direction=direction, ideal=ideal)


def told(*measures, limit=None):
    one = finding("samples", "passed", "why", probe="quality.samples", measures=list(measures), limit=limit)
    return [(far.measure.name, far.reference) for far in far_off(one)]


@pytest.mark.parametrize(
    ("measure", "far"),
    [
        (share(0.61, 0.7, 0.5), True),
        (share(0.59, 0.7, 0.5), False),
        (share(0.3, 0.39, 0.5), True),
        (share(0.61, 0.7, 0.5, "lower is better"), True),
        (share(0.3, 0.39, 0.5, "lower is better"), False),
        (share(0.13, 0.25, 0.905, "higher is better"), True),
        (share(0.95, 0.99, 0.5, "higher is better"), False),
        (share(0.61, 0.7, 0.5, "neither"), False),
        (share(0.61, 0.7, None), False),
        (score(2.1, 2.5, 1.0), True),
        (score(1.9, 2.5, 1.0), False),
        (score(0.2, 0.49, 1.0), True),
        (score(0.2, 0.51, 1.0), False),
        (score(5.0, 6.0, 0.0, unit="nats"), False),
        (score(1.0, 3.0, 0.0, unit="count"), True),
        (score(0.0, 3.0, 0.0, unit="count"), False),
        (replace(score(2.1, 2.5, 1.0), low=None, high=None), False),
    ],
)
def test_the_stated_rule(measure, far):
    assert bool(told(measure)) == far


def test_what_the_limit_judges_is_not_told_twice():
    far = share(0.61, 0.7, 0.5)
    assert told(far, limit=Limit(measure="m", at_most=0.9)) == []
    assert told(far, limit=Limit(measure="m", group="g", at_most=0.9)) == [("m", 0.5)]


@pytest.mark.parametrize(("value", "half", "far"), [(43.7, 11.4, True), (0.1, 0.03, True), (0.09, 0.03, False)])
def test_a_baseline_counts_by_its_nearer_end(value, half, far):
    """That of 0.008 reaches to 0.032, so a distance must lie above 0.064 with its whole interval."""
    found = told(real("kid", value, half, 900, **KID), BASE)
    assert found == ([("kid", 0.008)] if far else [])


def test_a_baseline_without_an_interval_or_that_is_not_there_says_nothing_of_what_reads_by_it():
    assert told(real("kid", 43.7, 11.4, 900, **KID)) == []
    assert told(real("kid", 43.7, 11.4, 900, **KID), replace(BASE, low=None, high=None)) == []


@pytest.mark.parametrize(
    ("lang", "counted", "sentence"),
    [
        ("en", "2 measures without limit are far off",
         "kernel distance (KID) 43.7 against a baseline of 0.00800; coverage 18.7 %, where 90.5 % is ideal"),
        ("ko", "기준값은 없지만 크게 벗어난 지표 2개", "(기준선 0.00800)"),
    ],
)
def test_a_passed_audit_over_a_broken_model_says_so_wherever_it_is_told(tmp_path, lang, counted, sentence):
    """As the flawed pixel transformer: no mode is missing, and nothing else is as it should be."""
    coverage = replace(share(0.136, 0.238, 0.905, "higher is better"), name="coverage")
    modes = real("missing_modes", 0.0, 0.0, 600, unit="count", direction="lower is better", ideal=0.0)
    one = finding("samples", "passed", "no mode is missing.", probe="quality.samples",
                  limit=Limit(measure="missing_modes", at_most=0),
                  measures=[modes, real("kid", 43.7, 11.4, 900, **KID), BASE, coverage])
    audit = write_audit(tmp_path, [one])
    assert counted in summary_sentence(audit.record, words_of(lang))
    options = ReportOptions(lang=lang)
    for page in (render_html(audit, options), render_markdown(audit, options), render_pull_request(audit, options)):
        text = next(iter(page.values())).decode().replace("\\", "")
        assert counted in text.replace("\u00a0", " ")
        if "summary.md" not in page:
            assert sentence in text.replace("\u00a0", " ")
    assert counted in render_index([audit], lang).decode()
    if lang == "en":
        assert summary_line(audit.record) == f"Passed: 1 check; {counted}."
        assert f"{sentence}." in finding_line(one)


def test_the_four_that_speak_of_all_the_data_come_first_and_the_others_are_counted():
    groups = [replace(share(0.61, 0.7, 0.5), group=f"g{at}") for at in range(9)]
    one = finding("samples", "passed", "why", measures=[*groups, share(0.7, 0.9, 0.5)])
    line = finding_line(one)
    assert [far.measure.group for far in far_off(one)] == [None, *(f"g{at}" for at in range(9))]
    assert "Far off, without a limit: m 80.0 %, where 50.0 % is ideal; m of g0 65.5 %" in line
    assert line.endswith("m of g2 65.5 %, where 50.0 % is ideal and 6 more.")
