"""Exploratory family, smallest effects and deviations: the same in every document, inert, and absent where absent."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from rates import plan_of_rates
from report_fixtures import HOSTILE, finding, mixed, rate
from streamlit.testing.v1 import AppTest

import dashboard
from audit.cli.screen import notes
from audit.execute import run
from audit.files import write_atomic
from audit.record import Deviation, Limit, SmallestEffect, dump, load_record
from dashboard.loading import AUDITS
from reports.documents.html_report import render_html
from reports.documents.json_report import render_json
from reports.documents.junit_report import render_junit
from reports.documents.markdown_report import MOST_CHARACTERS, render_markdown
from reports.documents.summary_report import render_pull_request
from reports.options import ReportOptions
from reports.text import Notation, words_of
from reports.views.statistical_notes import MOST_CHANGES, changes_of, controls_text, effect_text, family_text

WORDS = words_of("en")
N = Notation(WORDS)
COUNTS = [(3, 100), (5, 100), (28, 100), (50, 100)]
NB = "\u00a0"


def words_in(page: bytes) -> str:
    """The text of an HTML page or a Markdown file, blanks squeezed."""
    text = page.decode().replace("<wbr>", "").replace("\u2060", "")
    bare = re.sub(r"<style>.*?</style>|<[^>]*>", " ", text, flags=re.S)
    return " ".join(unescape(bare).replace("\\", "").split())


def said(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def family(tmp_path):
    return run(plan_of_rates(tmp_path, COUNTS, gating=False), into=tmp_path / "audits")


@pytest.fixture
def deviating(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS[:2], seed=1)
    run(plan, into=tmp_path / "audits")
    checks = (replace(plan.checks[0], limit=Limit(measure="ones", at_most=0.35), stop="early"), plan.checks[1])
    return run(replace(plan, checks=checks, seed=2, level=0.9), into=tmp_path / "audits")


def with_record(audit, **update):
    write_atomic(audit.folder / "record.json", dump(audit.record.model_copy(update=update)))
    return load_record(audit.folder)


# --- the family ------------------------------------------------------------------------------------------------------


def test_the_budget_says_how_the_family_was_judged(family):
    told = (
        f"4 checks with a limit do not gate. They form one exploratory family and are judged together, at level "
        f"96.2{NB}% (Benjamini-Hochberg): of those that pass or fail, on average a share of at most 5{NB}% does so "
        "wrongly."
    )
    assert family_text(family.record, N) == told
    html = render_html(family)["report.html"]
    assert said(told) in words_in(html)
    assert len(re.findall(r'<td class="num"[^>]*>exploratory</td>', html.decode())) == 4
    assert said(told) in words_in(render_markdown(family)["report.md"])
    (line,) = notes(family.record)
    assert line.startswith("exploratory: 3 of 4 decided together at level 96.25 %; on average at most 5.00 %")


def test_an_undecided_family_says_so_and_one_check_alone_says_nothing(tmp_path):
    open_ones = run(plan_of_rates(tmp_path, [(30, 100)] * 2, gating=False), into=tmp_path / "audits")
    assert f"none is decided, and the intervals stay at the strictest level, 97.5{NB}%." in family_text(
        open_ones.record, N
    )
    alone = run(plan_of_rates(tmp_path, COUNTS[:1], gating=False), into=tmp_path / "alone")
    assert family_text(alone.record, N) == ""
    assert b"exploratory" not in render_html(alone)["report.html"]
    assert list(notes(alone.record)) == []


# --- the smallest effect ---------------------------------------------------------------------------------------------


def test_a_passed_finding_says_what_it_would_have_seen_in_every_document(tmp_path):
    audit = run(plan_of_rates(tmp_path, COUNTS), into=tmp_path / "audits")
    effect = audit.finding("c0").smallest_effect
    told = f"With 100 items, a true {N.number(effect.above, 'share')} or more would have failed with a probability of "
    told += f"80{NB}%."
    assert effect_text(audit.finding("c0"), N) == told
    html, markdown = render_html(audit)["report.html"], render_markdown(audit)["report.md"]
    assert words_in(html).count(said(told)) == 2, "of c0 and c1, which have the same limit and number of units"
    assert f"c0: {said(told)}" in words_in(markdown)
    cases = ET.fromstring(render_junit(audit)["report.junit.xml"]).iter("testcase")
    assert [told in (case.findtext("system-out") or "") for case in cases] == [False, False, True, True]
    finding = json.loads(render_json(audit)["report.json"])["record"]["findings"][0]
    assert finding["smallest_effect"] == effect.model_dump()


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        ({"below": 0.71, "exact": True}, f"With 40 items, a true 71.0{NB}% or less would have failed"),
        ({"above": 0.4, "exact": False}, f"With 40 items, a true value of about 40.0{NB}% or more would have failed"),
        ({"exact": True}, "With 40 items, no true value would have failed"),
        ({"below": 0.2, "above": 0.9, "exact": True}, "or less would have failed with a probability of 80"),
    ],
)
def test_every_form_has_its_sentence(tmp_path, effect, told):
    audit = run(plan_of_rates(tmp_path, COUNTS[:1]), into=tmp_path / "audits")
    seen = SmallestEffect(power=0.8, units=40, **effect)
    assert told in effect_text(audit.finding("c0").model_copy(update={"smallest_effect": seen}), N)


@pytest.mark.parametrize(
    ("controls", "controlled", "told"),
    [
        (None, [], ""),
        ({"positive": True, "negative": True}, [], "both held; they try how the headline is judged, not how the model"),
        ({"positive": True, "negative": True}, ["ones"], "from the question to the interval they cover: ones"),
        ({"positive": True, "negative": True}, ["kid"], "none covers the measure that the limit is on: ones"),
        ({"positive": False, "negative": True}, ["ones"], "the planted fault was not found, or not at its size"),
        ({"positive": True, "negative": False}, ["ones"], "it raised a false alarm on clean data, or measured"),
    ],
)
def test_a_finding_says_what_its_controls_cover(controls, controlled, told):
    one = finding("c0", "passed", "why", measures=[rate("ones", 1, 9)], limit=Limit(measure="ones", at_most=0.5))
    text = controls_text(one.model_copy(update={"controls": controls, "controlled": controlled}), N)
    assert told in text
    assert bool(text) == bool(told)
    assert ("none covers" in text) == (controlled == ["kid"])


# --- deviations ------------------------------------------------------------------------------------------------------


def test_an_audit_that_deviates_says_so_first_everywhere(deviating):
    registered = deviating.record.deviations[0].registered
    told = "Not as registered: 4 changes against the plan that was frozen first for this model"
    rows = [one.cells for one in changes_of(deviating.record, N)]
    assert rows == [
        ("the whole plan", "confidence of the audit", f"95{NB}%", f"90{NB}%"),
        ("the whole plan", "seed", "1", "2"),
        ("c0", "limit: at most", f"30{NB}%", f"35{NB}%"),
        ("c0", "when it stops", "full", "early"),
    ]
    html, markdown = render_html(deviating)["report.html"], render_markdown(deviating)["report.md"]
    for page in (html, markdown):
        text = words_in(page)
        assert f"{told}, that of audit {registered}." in text
        for row in rows:
            assert said(" ".join(row) if page is html else " | ".join(row)) in text
    opening = html.decode().split('<section id="checks">')[0]
    assert opening.index("Not as registered") < opening.index('<div class="decide">')
    root = ET.fromstring(render_junit(deviating)["report.junit.xml"])
    found = [one.get("value") for one in root.iter("property") if one.get("name") == "deviation"]
    assert found[2] == f"c0 · limit: at most: 30{NB}% → 35{NB}%"
    assert len(found) == 4
    line, *tries = notes(deviating.record)
    assert [one.split(":")[0] for one in tries] == ["ATTEMPT 2 of c0", "ATTEMPT 2 of c1"]
    summary = render_pull_request(deviating)["summary.md"].decode()
    assert words_in(summary.encode()).count("Not as registered") == 1
    for page in (html, markdown, summary.encode()):
        tried = "Attempt 2 of c0: the same data were asked the same before"
        assert f"{tried}, in {registered}" in words_in(page)
    assert line == (
        f"NOT AS REGISTERED in {registered}: plan level 0.95 -> 0.9; plan seed 1 -> 2; c0 limit.at_most 0.3 -> 0.35; "
        'c0 stop "full" -> "early"'
    )


def test_an_audit_without_deviations_has_no_trace_of_them(tmp_path):
    audit = mixed(tmp_path / "a", 10)
    pages = [*render_html(audit).values(), *render_markdown(audit).values(), *render_junit(audit).values()]
    for page in pages:
        assert b"registered" not in page
        assert b"deviation" not in page
    assert list(notes(audit.record)) == []


def hostile_deviations():
    for index, text in enumerate(HOSTILE):
        check = f"c{index}" if index % 2 else text[:60]
        yield Deviation(check=check, what=f"probe.{text}", before=text, registered="r1")
        yield Deviation(what=text, before=[text, {"a": text}], after={text: 1.5}, registered=text)


def test_hostile_values_are_inert(deviating):
    audit = with_record(deviating, deviations=list(hostile_deviations()))
    html, markdown = render_html(audit)["report.html"].decode(), render_markdown(audit)["report.md"].decode()
    assert not re.search(r"<(script|img|svg onload|a href=[\"']?(http|javascript))", html)
    assert "&lt;script&gt;" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\x7f]", html + markdown)
    assert not re.search(r"@\w|://|www\.", markdown)
    tags = set(re.findall(r"<(\w+)", MarkdownIt("commonmark").enable("table").render(markdown)))
    assert tags <= {"h2", "h3", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert ET.fromstring(render_junit(audit)["report.junit.xml"]).tag == "testsuites"
    assert not any(re.search("[\x00-\x1f\u202e\x7f]", line) for line in notes(audit.record))


def test_very_many_are_cut_and_counted(deviating):
    many = [Deviation(check=f"c{i}", what="weight", before=1, after=2, registered="r") for i in range(2000)]
    audit = with_record(deviating, deviations=many)
    assert len(changes_of(audit.record, N)) == MOST_CHANGES
    text = render_markdown(audit)["report.md"].decode()
    assert "1,900 further changes stand in record.json." in text
    assert len(text) <= MOST_CHARACTERS
    assert "1995 more" in "".join(notes(audit.record))


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_language_tells_them(deviating, family, lang):
    told = words_of(lang)
    assert said(told("label.whole_plan")) in words_in(render_html(deviating, ReportOptions(lang=lang))["report.html"])
    assert said(family_text(family.record, Notation(told))) in words_in(
        render_html(family, ReportOptions(lang=lang))["report.html"]
    )


def seen_on(monkeypatch, audit, **parameters) -> str:
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=180)
    for name, value in {"audit": audit.folder.name, **parameters}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return words_in("\n".join(part.proto.body for part in app.get("html")).encode())


def test_the_dashboard_shows_them(monkeypatch, deviating):
    page = seen_on(monkeypatch, deviating, screen="audit")
    assert "Not as registered: 4 changes" in page
    assert "c0 limit: at most 30 % 35 %" in page
    seen = said(effect_text(deviating.finding("c1"), N))
    assert seen in seen_on(monkeypatch, deviating, screen="finding", check="c1")
