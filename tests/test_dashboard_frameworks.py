"""The screens of frameworks: audits against frameworks, clauses by status, and answers that become signed entries."""

import re
from shutil import copytree

import pytest
from test_dashboard_views import html, links, rerun, rows_of, screen, seen
from test_reports_coverage import ACT, answered, make

from audit.frameworks import framework_names, load_framework
from audit.policy import coverage_of
from audit.record import load_record
from audit.review import Answers, read_reviews, signature_of
from audit.signing import make_key
from audit.signing.people import KEY_FILE
from dashboard.coverage import tally_of
from dashboard.loading import AUDITS
from reports.frameworks.coverage_view import status_told
from reports.text import words_of

BARE, BOUND = "aaaa000000000001", "bbbb000000000002"
ENGLISH = words_of("en")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An audit of which nobody said whom a framework binds, and one of which somebody did."""
    home = tmp_path_factory.mktemp("frameworks")
    make(home / BARE)
    answered(load_record(copytree(home / BARE, home / BOUND)), role=["provider"], **{"class": ["annex_iii"]})
    return home


@pytest.fixture
def home(made, monkeypatch):
    monkeypatch.setenv(AUDITS, str(made))
    return made


def counted(home, name, framework=ACT):
    return coverage_of(load_record(home / name), load_framework(framework)).counts()


def test_the_matrix_has_every_framework_and_the_counts_of_each_audit(home):
    app = screen(screen="frameworks")
    rows = rows_of(app, "frameworks")
    assert len(rows) == len(framework_names())
    for framework, row in zip(framework_names(), rows, strict=True):
        assert load_framework(framework).title.en in row.replace("&amp;", "&")
        for name in (BARE, BOUND):
            (cell,) = re.findall(rf'<a class="tallied" href="[^"]*audit={name}[^"]*">(.*?)</a>', row, re.S)
            told = {word: int(count) for word, count in re.findall(r'title="([^"]*)">.*?>(\d+)</span>', cell)}
            counts = counted(home, name, framework)
            assert told == {status_told(one, ENGLISH): count for one, count in counts.items() if count}
    leads = [one for one in links("".join(rows)) if one["screen"] == "framework"]
    assert len(leads) == 2 * len(framework_names())
    alone = screen(screen="frameworks", audit=BARE)
    assert {one["audit"] for one in links("".join(rows_of(alone, "frameworks")))} == {BARE}


def test_a_tally_names_each_status_once_in_the_order_of_reading(home):
    told = tally_of(coverage_of(load_record(home / BOUND), load_framework(ACT)), ENGLISH)
    assert sum(count for *_, count in told) == len(load_framework(ACT).clauses)
    assert len({status for status, *_ in told}) == len(told)


def test_a_clause_leads_to_its_findings_and_the_tally_to_its_clauses(home):
    app = screen(screen="framework", audit=BOUND, framework=ACT)
    found = coverage_of(load_record(home / BOUND), load_framework(ACT))
    page = html(app)
    assert page.count('<tr id="clause-') == len(found.clauses)
    checks = {one["check"] for one in links(page) if one.get("screen") == "finding"}
    assert checks == {check for one in found.clauses for check in (*one.findings, *one.against, *one.undecided)}
    for status in {one["status"] for one in links(page) if "status" in one}:
        kept = html(screen(screen="framework", audit=BOUND, framework=ACT, status=status))
        assert kept.count('<tr id="clause-') == found.counts()[status] > 0


def test_until_somebody_answers_the_screen_says_so_and_the_form_is_there(home):
    assert "Nobody has said whom this binds" in seen(screen(screen="framework", audit=BARE, framework=ACT))
    assert "Nobody has said whom this binds" not in seen(screen(screen="framework", audit=BOUND, framework=ACT))


def test_an_answer_becomes_a_signed_entry_and_changes_the_statuses(tmp_path, made, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    key = tmp_path / "kim"
    make_key(key)
    monkeypatch.setenv(KEY_FILE, str(key))
    folder = copytree(made / BARE, tmp_path / BARE)
    app = screen(screen="framework", audit=BARE, framework=ACT)
    questions = load_framework(ACT).questions
    boxes = dict(zip([one.id for one in questions], app.multiselect, strict=True))
    for question in questions:
        boxes[question.id].set_value(["deployer"] if question.id == "role" else ["none"])
    [button] = [one for one in app.button if one.label == ENGLISH("form.send")]
    button.click()
    rerun(app)
    (entry,) = read_reviews(folder).entries
    assert isinstance(entry.says, Answers)
    assert (entry.says.framework, entry.says.answers["role"]) == (ACT, ["deployer"])
    assert signature_of(entry) == "holds"
    after = counted(tmp_path, BARE)
    assert after["not applicable"] > 0
    assert f"{after['not applicable']} Not applicable" in seen(app)
    [button] = [one for one in app.button if one.label == ENGLISH("form.send")]
    button.click()
    rerun(app)
    assert ENGLISH("form.nothing") in seen(app)  # what is answered already is not said again
    assert len(read_reviews(folder).entries) == 1


def test_an_unknown_framework_is_told_in_one_line(home):
    assert "unknown framework" in seen(screen(screen="framework", audit=BARE, framework="eu-ai-axt"))
