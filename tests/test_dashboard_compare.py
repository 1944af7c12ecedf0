"""The compare screen: what the report of two audits says, linked to the items of both; or why there is none."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl

import pandas as pd
import pytest
from comparison_fixtures import Asked, audit_of, two_audits
from dashboard_fixtures import looked_at
from streamlit.testing.v1 import AppTest

import dashboard
from audit.compare import Margins, compare_audits
from audit.files import write_atomic
from audit.probe import Range
from audit.record import Limit, items_of, load_record
from dashboard.item_pages import named
from dashboard.loading import AUDITS
from reports.text import words_of
from reports.views import comparison_view

WORDS = words_of("en")
A, B, OTHER = "aaaa0001", "bbbb0002", "cccc0003"
EVIL = "<script>alert(1)</script>"
LIMIT = Limit(measure="accuracy", at_least=0.5)


def asked(values, limit=LIMIT):
    return [Asked("facts", values, limit, ids=[EVIL, *(f"q{number}" for number in range(1, len(values)))])]


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("compare")
    good, bad = [1.0] * 80 + [0.0] * 20, [0.0] * 40 + [1.0] * 40 + [0.0] * 19 + [1.0]
    two_audits(home, asked(good), asked(bad))
    audit_of(home / OTHER, asked(bad, Limit(measure="accuracy", at_least=0.6)), "model-c")
    return home


@pytest.fixture
def home(shared_home, monkeypatch):
    monkeypatch.setenv(AUDITS, str(shared_home))
    return shared_home


def screen(**parameters):
    app = AppTest.from_file(str(Path(dashboard.__file__).parent / "app.py"), default_timeout=180)
    for name, value in {"screen": "compare", **parameters}.items():
        app.query_params[name] = str(value)
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def html(app):
    return "\n".join(part.proto.body for part in app.get("html"))


def seen(app):
    text = re.sub(r"<(style|script)>.*?</\1>", " ", html(app), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text.replace("<wbr>", ""))).replace("\u00a0", " ").split())


def links(app):
    return [dict(parse_qsl(unescape(one).lstrip("?"))) for one in re.findall(r'href="(\?[^"]*)"', html(app))]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_screen_says_what_the_report_says(home, lang):
    page, words = screen(audit=A, other=B, lang=lang), words_of(lang)
    view = comparison_view([compare_audits(load_record(home / A), load_record(home / B))], words)
    text = seen(page)
    (check,) = view.checks
    gap = check.measures[0].differences[0]
    for told in (view.sentence, check.why, check.changes[0].sentence, gap.value, gap.interval, words("compare.rule")):
        assert " ".join(told.replace("\u00a0", " ").split()) in text
    assert check.word == "worse"
    assert words("compare.refused") not in text


def test_changed_items_lead_to_the_items_of_both(home):
    page = screen(audit=A, other=B)
    items = [one for one in links(page) if one.get("screen") == "item"]
    assert {"screen": "item", "audit": A, "check": "facts", "item": "2"} in items
    assert {"screen": "item", "audit": B, "check": "facts", "item": "100"} in items
    # the first item, the worst there is of a name, stands in row 1, which an address leaves out
    assert {"screen": "item", "audit": B, "check": "facts"} in items
    assert len(items) == 2 * 41
    assert unescape(html(page)).count(EVIL) >= 1
    assert EVIL not in html(page)
    assert {"screen": "finding", "audit": B, "check": "facts"} in links(page)


def test_rows_of_named_items_are_those_of_the_file(home):
    audit = load_record(home / A)
    items = items_of(audit.folder, audit.finding("facts"))
    assert named(items, ["q7", "gone", EVIL]) == [8, None, 1]
    assert items.rows([7])["id"].to_pylist() == ["q7"]


def test_a_margin_is_part_of_the_address(home):
    page = screen(audit=A, other=B)
    page.text_input(key="margin").set_value("0.9")
    page.run()
    assert page.query_params["margin"] == ["0.9"] or page.query_params["margin"] == "0.9"
    found = compare_audits(load_record(home / A), load_record(home / B), Margins(0.9))
    assert found.word == "no worse"
    assert comparison_view([found], WORDS).sentence in seen(page)
    wrong = screen(audit=A, other=B, margin="much")
    assert "address: margin='much'" in seen(wrong)


def test_a_margin_that_no_difference_exceeds_is_told_as_what_it_is(home, monkeypatch):
    """Both were asked the same, and the screen does not say otherwise."""
    monkeypatch.setattr("audit.compare.measures.range_in", lambda probe, measure: Range("share", 0, 1))
    text = seen(screen(audit=A, other=B, margin="2"))
    assert "No differences are computed: margin 2: accuracy is a share, 0 to 1; allowed: below 1" in text
    assert WORDS("compare.refused") not in text


def test_audits_that_were_not_asked_the_same_are_not_compared(home):
    text = seen(screen(audit=A, other=OTHER))
    assert WORDS("compare.refused") in text
    assert "Limit facts accuracy ≥ 50 % accuracy ≥ 60 %" in text
    assert "checks.facts.limit.at_least 0.5 0.6" in text, "folded: as it stands in the plans"
    assert "points" not in text


def test_a_changed_file_is_told_and_nothing_is_computed(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    a, _ = two_audits(tmp_path, asked([1.0] * 9 + [0.0]), asked([1.0] * 10))
    write_atomic(a.folder / "items" / "facts.parquet", b"other")
    text = seen(screen(audit=A, other=B))
    assert "No differences are computed:" in text
    assert "not the file that the record names" in text


@pytest.mark.parametrize(("damage", "told"), [(b'{"schema": ', "dokimasia verify"), (None, "no record.json")])
def test_of_audits_of_which_one_cannot_be_read_that_one_is_named(tmp_path, monkeypatch, damage, told):
    """Below the choice, which stays, so that another can be chosen; the baseline, which is whole, is not blamed."""
    monkeypatch.setenv(AUDITS, str(tmp_path))
    _, b = two_audits(tmp_path, asked([1.0] * 9 + [0.0]), asked([1.0] * 10))
    (b.folder / "record.json").unlink() if damage is None else write_atomic(b.folder / "record.json", damage)
    app = screen(audit=A, other=B)
    assert html(app).count('class="crumbs"') == 1
    assert told in seen(app)
    assert f"dokimasia verify {tmp_path / A}" not in seen(app)
    assert [one.label for one in app.get("selectbox")] == [WORDS("compare.a")]


def test_each_side_says_how_far_it_can_be_trusted(home):
    """A verdict that was written over by hand stands beside the word that it was, with the way to what differs."""
    looked_at(A, B)
    app = screen(audit=A, other=B)
    assert html(app).count('class="alarm trust"') == 2
    assert seen(app).count(WORDS("trust.changed_told", why="run.json: missing; it names the stored answers")) == 2
    assert [one["audit"] for one in links(app) if one.get("screen") == "verify"] == [A, B]


def test_an_audit_and_itself(home):
    text = seen(screen(audit=A, other=A))
    assert "No worse: 1 of 1 gating checks." in text


def test_items_of_checks_that_were_asked_alike_are_told_by_what_they_say(tmp_path, monkeypatch):
    """The audits cannot be compared, as the limit of another check differs."""
    for name, right, least in ((A, 60, 0.5), (OTHER, 40, 0.6)):
        values = [1.0] * right + [0.0] * (100 - right)
        frame = pd.DataFrame({
            "id": [f"hex{at}" for at in range(100)], "question": [f"Where is town {at}?" for at in range(100)],
            "value": values, "against": [value == 0 for value in values],
        })
        facts = Asked("facts", values, LIMIT, frame=frame)
        other = Asked("other", [1.0] * 9, Limit(measure="accuracy", at_least=least))
        audit_of(tmp_path / name, [facts, other], "model")
    monkeypatch.setenv(AUDITS, str(tmp_path))
    page = screen(audit=A, other=OTHER)
    text = seen(page)
    assert "Asked alike in both: facts." in text
    assert "20 items fail in B alone" in text
    assert "Where is town 40?" in text
    assert "hex40" not in text
    assert {"screen": "item", "audit": OTHER, "check": "facts", "item": "41"} in links(page)


def test_no_two_audits_read_alike_in_the_choice(home):
    """Equal model, verdict and minute: the title, and where it is the same the name, tells them apart."""
    options = screen(audit=A).selectbox(key="audit").options
    assert len(set(options)) == len(options) == 4
    assert any("model-a" in one and "Passed" in one for one in options)


def test_several_candidates_are_compared_with_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    for name, right in ((A, 90), (B, 60), (OTHER, 89)):
        audit_of(tmp_path / name, asked([1.0] * right + [0.0] * (100 - right)), f"model {name}")
    page = screen(audit=A, other=f"{B},{OTHER}")
    text = seen(page)
    assert "Worse: 1 of 2 candidates; 1 undecided." in text
    assert "C − A −1.00 points" in text
    assert {"screen": "finding", "audit": OTHER, "check": "facts"} in links(page)
    assert page.multiselect(key="others").value == [B, OTHER]
