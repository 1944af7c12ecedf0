"""The publishable table of a bias audit: numbers worked by hand, persons left out, and all that the record lacks."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from audit.execute import run
from audit.plan import read_plan
from reports.documents.ll144_report import render_ll144
from reports.options import ReportOptions
from reports.text import words_of
from reports.views import bias_audits

PEOPLE = {
    ("Male", "White"): (50, 25), ("Male", "Asian"): (20, 8), ("Female", "White"): (40, 16),
    ("Female", "Asian"): (20, 5), ("Female", "=cmd|' /C calc'!A0"): (2, 1), ("Male", ""): (6, 2), ("", "White"): (4, 1),
}
"""Sex and race: (persons, selected)."""
PLAN = """
title: A hiring tool
checks:
  - name: hiring
    probe: {{use: bias.decisions, sensitive: [{sensitive}], {decided}}}
    data: {{use: file, path: people.csv}}
"""


def table_of(people):
    lines = ["sex,race,outcome,score"]
    for (sex, race), (persons, selected) in people.items():
        told = [f"{sex},\"{race}\",{'in,0.9' if at < selected else 'out,0.1'}" for at in range(persons)]
        lines += told
    return "\n".join(lines)


def audited(folder, people=PEOPLE, sensitive="sex, race", decided="decision: outcome, positive: in"):
    (folder / "people.csv").write_text(table_of(people), "utf-8")
    return run(read_plan(PLAN.format(sensitive=sensitive, decided=decided), base=folder), into=folder / "audits")


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return audited(tmp_path_factory.mktemp("hiring"))


def told(audit, lang="en"):
    files = render_ll144(audit, ReportOptions(lang=lang))
    rows = list(csv.reader(io.StringIO(files["report.ll144.csv"].decode("utf-8-sig"))))
    return files["report.ll144.html"].decode(), rows


def test_numbers_rates_and_ratios_are_those_worked_by_hand(audit):
    [found] = bias_audits(audit, words_of("en"))
    assert [one.columns for one in found.tables] == [("sex",), ("race",), ("sex", "race")]
    shown = {
        row.name: (row.persons, row.selected, round(row.ratio, 4)) for table in found.tables for row in table.categories
    }
    assert shown["Male"] == (76, 35, 1.0)
    assert shown["Female"] == (62, 22, round((22 / 62) / (35 / 76), 4))
    assert shown["White"] == (94, 42, round((42 / 94) / 0.5, 4))  # the two under 2 % have the highest rate
    assert shown["Asian"] == (40, 13, round((13 / 40) / 0.5, 4))
    assert shown["Male x White"] == (50, 25, 1.0)
    assert shown["Female x Asian"] == (20, 5, 0.5)
    assert [one.unknown for one in found.tables] == [4, 6, 10]
    assert [one.untold for one in found.tables] == [0, 0, 0]
    small = {row.name for table in found.tables for row in table.categories if row.small}
    assert small == {"=cmd|' /C calc'!A0", "Female x =cmd|' /C calc'!A0"}


def test_an_interval_of_a_ratio_is_the_records(audit):
    finding = audit.record.findings[0]
    [found] = bias_audits(audit, words_of("en"))
    row = next(row for row in found.tables[2].categories if row.name == "Female x Asian")
    record = finding.measure("selection_rate_impact_ratio", "Female x Asian")
    assert row.compared == record
    assert record.low < row.ratio < record.high


def test_a_ratio_to_a_known_category_has_no_interval_of_another_comparison(tmp_path):
    people = {("Male", "White"): (40, 20), ("Female", "White"): (40, 10), ("", "White"): (10, 9)}
    [found] = bias_audits(audited(tmp_path, people, "sex"), words_of("en"))
    [table] = found.tables
    assert [(row.name, row.ratio, row.compared) for row in table.categories] == [
        ("Female", 0.5, None), ("Male", 1.0, None),
    ]
    assert table.unknown == 10
    assert any("who were selected most often" in one for one in found.lacks)
    assert any("by sex alone" in one for one in found.lacks)


def test_scores_at_a_threshold_are_told_as_that(tmp_path):
    audit = audited(tmp_path, decided="score: score, threshold: 0.5")
    page, rows = told(audit)
    assert "Scoring rate" in page
    assert "At or above the threshold" in page
    assert "scores of 0.5 or more" in page
    assert rows[1][2:5] == ["Female", "62", "22"]


def test_scores_above_the_median_are_what_the_rule_asks_for(tmp_path):
    people = {("Male", "White"): (40, 20), ("Female", "White"): (40, 10)}
    audit = audited(tmp_path, people, "sex", "score: score, threshold: median")
    page, rows = told(audit)
    assert "Above the median" in page
    assert "the rule takes scores above the median" not in page
    assert rows[1][2:5] == ["Female", "40", "10"]


def test_what_the_record_lacks_is_said_before_the_numbers(audit):
    page, _ = told(audit)
    assert page.index("What the rule asks for and the record does not hold") < page.index("<table")
    for lack in ("date on which use of the tool began", "An explanation of the data", "stated sex", "independent"):
        assert lack in page
    assert audit.run.finished[:10] in page
    undated, _ = told(replace(audit, run=None))
    assert "does not tell when it ran" in undated


def test_numbers_of_a_check_that_missed_what_was_planted_are_not_published_without_a_word(audit):
    broken = [one.model_copy(update={"controls": {"positive": False}}) for one in audit.record.findings]
    page, _ = told(replace(audit, record=audit.record.model_copy(update={"findings": broken})))
    assert "Numbers that can be trusted" not in told(audit)[0]
    assert page.index("Numbers that can be trusted") < page.index("<table")


def test_nothing_to_publish_is_said(audit):
    record = audit.record.model_copy(update={"findings": []})
    page, rows = told(replace(audit, record=record))
    assert "nothing to publish" in page
    assert len(rows) == 1


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_table_is_whole_and_no_spreadsheet_runs_it(audit, lang):
    page, rows = told(audit, lang)
    assert len(rows) == 1 + 3 + 4 + 6
    assert {len(row) for row in rows} == {12}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert any(row[2].startswith("'=cmd") for row in rows)
    assert "<script" not in page
    assert "default-src 'none'" in page
    numbers = [float(row[5]) for row in rows[1:] if row[5]]
    assert min(numbers) == 0.25
    assert bool(re.search("[가-힣]", page)) == (lang == "ko")
