"""What a notebook shows of an audit: the terminal's words in one table, everything escaped, nothing loaded."""

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rates import Ones

from audit.cli.screen import summary_line
from audit.data import Frame
from audit.execute import run
from audit.plan import Check, Plan
from audit.record import Audit, Limit
from detectors.result import Result

HOSTILE = '<script src="https://x.example/y.js">alert(1)</script>&amp;"\'\x1b[2J'


class Read(HTMLParser):
    """Tags with their attributes, and the texts of each row's cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.rows, self.text = set(), [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.add((tag, tuple(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1] and self.lasttag in ("td", "th"):
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


def test_title_verdict_and_every_finding_with_its_interval(audit):
    shown = read(audit)
    assert f"Notebook{summary_line(audit.record)}" in shown.text
    heads, limited, free, nothing = shown.rows
    assert heads == ["check", "verdict", "measure", "value", "interval", "limit", "in words"]
    exact = "[1.64 %, 11.3 %]"  # Clopper and Pearson of 5 of 100
    assert limited[:6] == ["limited", "v passed", "ones", "5.00 %", exact, "at most 50 %"]
    assert [*free[:2], *free[5:6]] == ["free", ". measured", ""]
    assert nothing == ["nothing", "~ skipped", "", "", "", "", "skipped, not gating. The plan gives no data for items."]
    for row, finding in zip(shown.rows[1:], audit.record.findings, strict=True):
        assert row[6].casefold().endswith(finding.why.casefold())


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
    assert hostile.tags == {(tag, ()) for tag in ("div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td")}
    assert hostile.text.count("<script src=") > 10
    assert "\x1b" not in hostile.text


def test_it_needs_neither_torch_nor_pandas(audit):
    said = f"""
import sys
from audit.record import load_record
assert "<table>" in load_record({str(audit.folder)!r})._repr_html_()
print(sorted({{"torch", "transformers", "pandas", "scipy"}} & sys.modules.keys()))
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
