"""What a notebook shows of an audit: the decision page of its report, everything escaped, nothing loaded."""

import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from rates import Ones

from audit.data import Frame
from audit.execute import run
from audit.plan import Check, Plan
from audit.record import Audit, Limit
from detectors.result import Result
from reports.documents.html_report import render_html
from reports.text import words_of
from reports.views.summary import summary_sentence

HOSTILE = '<script src="https://x.example/y.js">alert(1)</script>&amp;"\'\x1b[2J'


class Read(HTMLParser):
    """Tags with their attributes, and the texts of each row's cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.rows, self.text, self.in_cell = set(), [], "", False

    def handle_starttag(self, tag, attrs):
        self.tags.add((tag, tuple(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.text += data
        if self.in_cell:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    rows = Frame([{"key": number, "text": "1" if number < 5 else "0"} for number in range(100)], id="key")
    checks = (Check("limited", Ones(), rows, Limit(measure="ones", at_most=0.5)), Check("free", Ones(), rows),
              Check("nothing", Ones()))  # fmt: skip
    return run(Plan("Notebook", checks), into=tmp_path_factory.mktemp("audits"))


def read(shown):
    reader = Read()
    reader.feed(shown._repr_html_())
    return reader


def test_it_is_the_decision_page_of_the_report(audit):
    shown = read(audit)
    assert summary_sentence(audit.record, words_of("en")) in shown.text
    [heads, *rows] = shown.rows
    assert [head.strip() for head in heads] == ["Verdict", "Picture", "Finding", "Value, interval and limit"]
    exact = "5.00\u00a0% [1.64\u00a0%, 11.3\u00a0%]"  # Clopper and Pearson of 5 of 100
    assert [" ".join(row[0].split()) for row in rows] == ["PassedPassed", "MeasuredMeasured"]
    assert f"{exact} · Limit ≤ 50\u00a0%" in rows[0][3]
    assert exact in rows[1][3]
    assert "Limit" not in rows[1][3]
    assert "The plan gives no data for items." in shown.text.split("What was not measured, and why")[1]
    report = "".join(render_html(audit)["report.html"].decode().split())
    page = shown.text.partition("Audit report")[2].partition(str(audit.folder))[0]
    assert re.sub(r"\s", "", page)[:300] in re.sub(r"<style>.*?</style>|<[^>]*>", "", unescape(report))


def test_what_others_wrote_is_text_and_nothing_is_loaded(audit):
    findings = [
        finding.model_copy(update={
            "check": HOSTILE, "why": HOSTILE, "limit": Limit(measure="ones", group=HOSTILE, at_most=0.5),
            "measures": [replace(one, name=HOSTILE, group=HOSTILE, unit=HOSTILE)
                         for one in finding.measures],
            "remarks": [{"key": "problem", "problem": HOSTILE}],
        })
        for finding in audit.record.findings
    ]  # fmt: skip
    record = audit.record.model_copy(update={"title": HOSTILE, "findings": findings})
    hostile = read(Audit(audit.folder.with_name(HOSTILE.replace("/", "")), record, None))
    allowed = {"viewbox", "preserveaspectratio", "stroke-width", "stroke-dasharray", "stroke-linecap", "text-anchor",
               "font-size", "font-weight", "fill-opacity", "stroke-opacity", "tabindex"}  # fmt: skip
    allowed |= {"class", "lang", "width", "height", "role", "d", "x", "y", "cx", "cy", "r", "rx", "fill", "stroke"}
    assert {name for _, attributes in hostile.tags for name, _ in attributes} <= allowed
    assert not {tag for tag, _ in hostile.tags} & {"script", "img", "a[href]", "link", "iframe", "object", "base"}
    assert hostile.text.count("<script src=") > 10
    assert "\x1b" not in hostile.text
    assert "url(" not in hostile.text
    assert "@import" not in hostile.text


def test_it_needs_no_torch(audit):
    said = f"""
import sys
from audit.record import load_record
assert "<table" in load_record({str(audit.folder)!r})._repr_html_()
print(sorted({{"torch", "transformers", "scipy", "streamlit"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_findings_and_results_show_their_measures(audit):
    shown = audit.finding("limited")
    heads, row = read(shown).rows[:2]
    assert [*heads[:2], *row[:4]] == ["measure", "group", "ones", "", "0.05", "0.01643"]
    hostile = shown.model_copy(update={"check": HOSTILE, "why": HOSTILE})
    assert {tag for tag, _ in read(hostile).tags} == {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert read(Result(tuple(shown.measures))).rows[1] == row


def test_a_check_whose_probe_draws_nothing_has_an_empty_figure(audit):
    assert audit.figure("limited")._repr_html_() == ""
    with pytest.raises(KeyError, match="no check 'absent'; there are: limited"):
        audit.figure("absent")
