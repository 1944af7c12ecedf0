"""Every screen, run as Streamlit runs it: it says what the record says, and its state is its address."""

import ast
import base64
import json
import os
import re
import shlex
import shutil
import time
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from dashboard_fixtures import (
    EMPTY,
    FIRST,
    HOSTILE,
    PICTURES,
    RUNNING,
    SECOND,
    UNREADABLE,
    looked_at,
    make_home,
    make_running,
    pictures_frame,
)
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import mixed
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.testing.v1 import AppTest

import dashboard
from audit.errors import UsageError
from audit.record import WORST_FIRST, load_record
from dashboard import indexing, rendering, trust
from dashboard.address import PARAMETERS, Address, read
from dashboard.indexing import freshness
from dashboard.loading import AUDITS
from dashboard.rendering import prepare
from reports.documents.html_report import render_html
from reports.text import Notation, words_of
from reports.views import worst_items
from reports.views.summary import summary_sentence

PACKAGE = Path(dashboard.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
WORDS = words_of("en")
QUIET = {"html", "code", "text", "columns", "container", "text_input", "selectbox", "toggle"}
QUIET |= {"button", "date_input", "download_button", "file_uploader", "form", "form_submit_button", "number_input"}
QUIET |= {"expander", "text_area", "multiselect", "popover", "dialog"}
"""Drawing calls that read no markup in what they are given; labels of widgets come from the catalogue."""
MACHINERY = {"App", "context", "fragment", "query_params", "rerun", "session_state", "set_page_config"}
MACHINERY |= {"login", "logout", "user"}


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("audits"))


@pytest.fixture
def home(shared_home, monkeypatch):
    monkeypatch.setenv(AUDITS, str(shared_home))
    looked_at(FIRST, SECOND, PICTURES, HOSTILE, EMPTY)
    return shared_home


def screen(**parameters):
    """Run the dashboard at an address; an exception that reaches the reader fails the test."""
    app = AppTest.from_file(str(PACKAGE / "app.py"), default_timeout=180)
    for name, value in parameters.items():
        app.query_params[name] = str(value)
    return rerun(app)


def rerun(app):
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def html(app):
    return "\n".join(part.proto.body for part in app.get("html"))


def seen(app):
    """The words of a screen, without tags."""
    return text_of(re.sub(r"<style>.*?</style>|<script>.*?</script>", " ", html(app), flags=re.S))


def text_of(page):
    return " ".join(unescape(re.sub("<[^>]*>", " ", page.replace("<wbr>", ""))).split())


def cells(page, kind):
    return [text_of(cell) for cell in re.findall(rf'<td class="{kind}">(.*?)</td>', page, re.S)]


def rows_of(app, table):
    body = re.search(rf'<table class="{table}\b[^"]*">.*?<tbody>(.*?)</tbody>', html(app), re.S)
    return [] if body is None else re.findall(r"<tr[^>]*>(.*?)</tr>", body[1], re.S)


def links(page):
    return [dict(parse_qsl(unescape(href).removeprefix("?"))) for href in re.findall(r'href="(\?[^"]*)"', page)]


def figures(page):
    """The drawings of a screen: each image as the report's own SVG."""
    drawn = [base64.b64decode(data).decode() for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page)]
    return {re.sub(r' xmlns="[^"]*" font-family="[^"]*"|<style>.*?</style>', "", svg) for svg in drawn}


# The address


addresses = st.builds(
    Address,
    screen=st.sampled_from(list(PARAMETERS)),
    audit=st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), max_size=20),
    other=st.text("abc-01", max_size=9),
    check=st.text(st.characters(codec="utf-8"), max_size=20),
    item=st.integers(1, 10**9),
    page=st.integers(1, 10**6),
    failures=st.booleans(),
    outcome=st.text(st.characters(codec="utf-8"), max_size=9),
    verdict=st.sampled_from(["", "failed", "running"]),
    order=st.sampled_from(["newest", "worst"]),
)


@given(addresses)
def test_a_link_leads_to_the_address_that_wrote_it(address):
    back = read(dict(parse_qsl(address.link.removeprefix("?"), keep_blank_values=True)))
    kept = ("screen", *PARAMETERS[address.screen], "lang")
    assert {name: getattr(back, name) for name in kept} == {name: getattr(address, name) for name in kept}
    assert back.link == address.link


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"page": "0"}, "page='0'"),
        ({"page": "x"}, "page='x'"),
        ({"item": "-1"}, "item='-1'"),
        ({"screen": "pages"}, "'audits', 'audit', 'finding', 'item', 'compare', 'register'"),
        ({"audit": "../secret"}, "audit="),
        ({"failures": "perhaps"}, "failures='perhaps'"),
        ({"verdict": "bad"}, "verdict='bad'"),
        ({"lang": "xx"}, "unknown language 'xx'"),
    ],
)
def test_an_address_is_typed_on_reading(home, parameters, told):
    with pytest.raises(UsageError) as error:
        read(parameters)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    page = screen(**parameters)
    assert told in seen(page)
    assert {} in links(html(page)), "a way back to the list"


def test_what_somebody_else_adds_to_an_address_is_left_alone():
    assert read({"utm_source": "mail", "embed": "true"}) == Address()


# The list


def test_the_list_holds_every_audit_the_worst_first(home):
    page = screen()
    listed = [one["audit"] for row in rows_of(page, "audits") for one in links(row) if one["screen"] == "audit"]
    assert listed == [RUNNING, UNREADABLE, FIRST, SECOND, HOSTILE, PICTURES, EMPTY]
    assert "7 audits: 1 running, 1 unreadable, 4 failed, 1 measured only." in seen(page)


def test_an_audit_that_no_run_wrote_shows_no_number_of_it(home):
    row = next(row for row in rows_of(screen(), "audits") if FIRST in row)
    told = "! SmolLM2-135M Release check of the assistant Changed since it was stored record: Failed What lies here"
    assert text_of(row).startswith(told)
    assert "57.7" not in row
    assert {"screen": "verify", "audit": FIRST} in links(row)


def test_a_running_audit_is_listed_with_its_answers_and_a_cut_record_with_its_fault(home):
    assert "Nightly check Running 37 stored answers so far" in seen(screen())
    assert "0000000000000007 Unreadable record.json: Invalid JSON" in seen(screen())


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"verdict": "running"}, {RUNNING}),
        ({"verdict": "measured"}, {EMPTY}),
        ({"family": "vae"}, {PICTURES}),
        ({"search": "UNSEEN"}, {PICTURES}),
        ({"search": "digits-vae"}, {PICTURES}),
        ({"search": "stereotypes"}, {FIRST, SECOND, RUNNING}),
        ({"search": "bbbb"}, {SECOND}),
        ({"family": "causal_lm", "verdict": "failed"}, {FIRST, SECOND}),
        ({"search": "nothing like that"}, set()),
    ],
)
def test_the_list_is_filtered_by_its_address(home, filters, left):
    page = screen(**filters)
    listed = {one["audit"] for row in rows_of(page, "audits") for one in links(row)}
    assert listed == left
    if not left:
        assert WORDS("dashboard.none_match") in seen(page)


def test_a_filter_that_is_used_stands_in_the_address(home):
    page = screen(page=1)
    page.selectbox(key="family").set_value("vae")
    rerun(page)
    assert page.query_params["family"] == "vae"
    assert {one["audit"] for one in links("".join(rows_of(page, "audits")))} == {PICTURES}
    page.text_input(key="search").set_value("no such")
    rerun(page)
    assert (page.query_params["family"], page.query_params["search"]) == ("vae", "no such")


def test_the_list_follows_the_address_not_the_widget(home):
    page = screen(family="vae")
    assert page.selectbox(key="family").value == "vae"
    page.query_params.clear()
    rerun(page)
    assert page.selectbox(key="family").value == ""
    assert len(rows_of(page, "audits")) == 7


@pytest.mark.parametrize(
    "gone_to",
    [{"screen": "audit", "audit": FIRST}, {"screen": "finding", "audit": FIRST, "check": "facts"}, {"page": "x"}],
    ids=json.dumps,
)
def test_a_widget_of_the_screen_before_does_not_call_that_screen_back(home, gone_to):
    """A quick reader's browser sends the widget's change together with the address of the next screen."""
    page = screen(screen="finding", audit=PICTURES, check="unseen")
    page.toggle(key="failures").set_value(True)
    page.query_params.clear()
    page.query_params.update(gone_to)
    assert dict(rerun(page).query_params) == gone_to


def test_a_run_that_is_displaced_does_not_call_its_screen_back(home, monkeypatch):
    """One that begins anew puts its address where all runs of the session look, while the next one is at work."""
    def displaced(words):
        with get_script_run_ctx().session_state.query_params() as shared:
            shared.populate_from_query_string("")
        prepare(words)

    monkeypatch.setattr(rendering, "prepare", displaced)
    assert "stereotypes" in seen(screen(screen="finding", audit=FIRST, check="stereotypes"))
    assert 'class="audits' not in html(screen(screen="item", audit=FIRST, check="facts", item=3))


@pytest.mark.parametrize(("order", "first"), [("newest", RUNNING), ("title", UNREADABLE), ("model", UNREADABLE)])
def test_the_list_is_sorted_as_asked(home, order, first):
    listed = links("".join(rows_of(screen(order=order), "audits")))
    if order == "newest":
        assert [one["audit"] for one in listed if one["screen"] == "audit"][-1] == EMPTY
    assert first in {one["audit"] for one in listed[:2]}


@pytest.mark.parametrize("there", [True, False])
def test_no_audits_yet(tmp_path, monkeypatch, there):
    folder = tmp_path / "audits"
    if there:
        folder.mkdir()
    monkeypatch.setenv(AUDITS, str(folder))
    assert "No audits yet. dokimasia quickstart Audits the reference models" in seen(screen())
    assert "dokimasia run plan.yaml" in seen(screen())
    assert str(folder) in seen(screen())


def test_of_many_audits_a_page_reads_the_records_of_those_it_shows(tmp_path, monkeypatch):
    source = mixed(tmp_path / "seed", 14).folder / "record.json"
    many = tmp_path / "audits"
    for number in range(150):
        (many / f"{number:016x}").mkdir(parents=True)
        shutil.copyfile(source, many / f"{number:016x}" / "record.json")
    monkeypatch.setenv(AUDITS, str(many))
    monkeypatch.setattr(trust, "_look", lambda folder: trust.Trust("unsealed"))
    with monkeypatch.context() as without:
        without.setattr(indexing._Kept, "_begin", lambda self: None)
        assert "50 audits: " in (first := seen(screen()))
        assert "100 audits are still to be indexed" in first
    screen()
    while freshness().busy or freshness().items:
        time.sleep(0.01)
    read, opened = [], os.open
    monkeypatch.setattr(os, "open", lambda path, *more, **named: (
        read.append(str(path)), opened(path, *more, **named))[1])
    for page in (1, 3, 3):
        last = screen(page=page)
        assert len(rows_of(last, "audits")) == 50
    found = [path for path in read if path.endswith("record.json")]
    assert 50 <= len(found) <= 100, "what did not change is not read again"
    assert "page=2" in html(last)
    assert len(rows_of(screen(page=999), "audits")) == 50, "a page that is not there is the last one"


# One audit


def test_an_audit_opens_with_its_sentence_and_says_what_was_not_measured(home):
    page = html(screen(screen="audit", audit=FIRST))
    before, gaps = page.split('<section id="gaps">')
    assert summary_sentence(load_record(home / FIRST).record, WORDS) in text_of(before)
    why = "our-model cannot answer 'trace': the endpoint returns no log probabilities."
    assert why in text_of(gaps.split("</section>")[0])
    parts = {
        "reviews": ["form.title"], "method": ["heading.controls", "heading.methods"],
        "data": ["heading.sheet", "heading.environment"], "run": ["dashboard.run"],
    }  # fmt: skip
    for tab, wanted in parts.items():
        page = html(screen(screen="audit", audit=FIRST, tab=tab))
        found = [text_of(title) for title in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]
        assert found == [WORDS(part) for part in wanted]
    assert "bench" in text_of(page)
    assert "dokimasia run plan.yaml" in text_of(page)


def test_numbers_and_figures_of_an_audit_are_the_reports(home):
    report = render_html(load_record(home / FIRST))["report.html"].decode()
    page = html(screen(screen="audit", audit=FIRST))
    section = re.search(r'<section id="checks">.*?</section>', report, re.S)[0]
    told = [text_of(one) for one in re.findall(r'<p class="numbers">(.*?)</p>', section, re.S)]
    assert [text_of(one) for one in re.findall(r'<p class="numbers">(.*?)</p>', page, re.S)] == told
    assert len(told) == 12
    drawn = set(re.findall(r"<svg class=\"(?:line|thumb)\".*?</svg>", section, re.S))
    assert len(drawn) > 12
    assert drawn <= figures(page)


def test_findings_come_worst_first_and_each_leads_to_its_screen(home):
    page = screen(screen="audit", audit=FIRST)
    rows = rows_of(page, "findings")
    verdicts = [re.search(r'verdict (\w+)"', row)[1] for row in rows]
    assert verdicts == sorted(verdicts, key=WORST_FIRST.index)
    assert [links(row)[0]["check"] for row in rows][:2] == ["stereotypes", "foreign-text"]
    assert 'href="#' not in html(page)


def test_a_running_audit_is_shown_live_and_then_as_its_record(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    make_running(tmp_path, answers=3)
    page = screen(screen="audit", audit=RUNNING)
    assert "3 stored answers so far" in seen(page)
    assert "stereotypes stereotype pairs answers facts closed-book questions nothing yet" in seen(page)
    make_running(tmp_path, answers=1)
    assert "1 stored answer so far" in seen(rerun(page))
    mixed(tmp_path / RUNNING, 2)
    assert "Failed: 1 of 2 checks." in seen(rerun(page))


# One finding


@pytest.mark.parametrize("check", ["stereotypes", "facts", "extraction", "latency"])
def test_numbers_and_figures_of_a_finding_are_the_reports(home, check):
    report = render_html(load_record(home / FIRST))["report.html"].decode()
    article = re.search(rf'<article[^>]* id="check-{check}">.*?</article>', report, re.S)[0]
    rest = re.search(rf'<section class="rest" id="check-{check}-all">.*?</section>', report, re.S)
    article += rest[0] if rest else ""
    page = html(screen(screen="finding", audit=FIRST, check=check))
    numbers = cells(article, "num value")
    assert cells(page, "num value") == [*([] if rest else numbers[:1]), *numbers], "the headline, then all measures"
    drawn = set(re.findall(r"<svg class=\"(?:line|sign)\".*?</svg>", article, re.S))
    assert drawn <= figures(page)
    assert text_of(re.search(r'class="why">(.*?)</p>', article, re.S)[1]) in text_of(page)


def test_items_come_in_the_reports_order_page_by_page(home):
    audit = load_record(home / FIRST)
    ranked = worst_items(audit, audit.finding("stereotypes"), Notation(WORDS), 480, 10**9)
    first, second = (screen(screen="finding", audit=FIRST, check="stereotypes", page=page) for page in (1, 2))
    listed = [re.findall(r"<span>(\w+)</span>", row)[-1] for page in (first, second) for row in rows_of(page, "items")]
    assert listed == [row[0] for row in ranked.rows[:50]]
    assert "480 of 480, the worst first" in seen(first)
    assert {"screen": "finding", "audit": FIRST, "check": "stereotypes", "page": "20"} in links(html(first))


def test_failures_only(home):
    page = screen(screen="finding", audit=PICTURES, check="unseen")
    assert "40 of 40" in seen(page)
    page.toggle(key="failures").set_value(True)
    rerun(page)
    assert page.query_params["failures"] == "true"
    assert "10 of 40, the worst first" in seen(page)
    listed = links("".join(rows_of(page, "items")))
    assert {one.get("item", "1") for one in listed} == {str(1 + 4 * row) for row in range(10)}
    assert {one["failures"] for one in listed} == {"true"}


@pytest.mark.parametrize(
    ("filters", "kept"),
    [
        ({"outcome": "wrong"}, 10),
        ({"group": "1"}, 13),
        ({"outcome": "right", "group": "1"}, 10),
        ({"failures": "true", "outcome": "right"}, 0),
        ({"outcome": "never"}, 0),
    ],
)
def test_items_are_filtered_by_outcome_and_group(home, filters, kept):
    frame = pictures_frame()
    for name in ("outcome", "group"):
        frame = frame[frame[name] == filters[name]] if name in filters else frame
    page = screen(screen="finding", audit=PICTURES, check="unseen", **filters)
    assert f"{kept} of 40" in seen(page)
    assert len(rows_of(page, "items")) == kept
    if kept:
        assert kept == len(frame)


def test_pictures_stand_in_the_table_and_a_findings_table_is_shown(home):
    page = screen(screen="finding", audit=PICTURES, check="unseen")
    row = rows_of(page, "items")[0]
    assert 'class="grey"' in row
    assert 'class="series"' in row
    curve = seen(screen(screen="finding", audit=PICTURES, check="curve"))
    assert "threshold false_alarms 0.100 0.500 0.200 0.250" in curve
    assert WORDS("dashboard.no_items") in curve


@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_items_that_are_not_the_recorded_ones_are_not_shown(tmp_path, monkeypatch, fault):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    path = mixed(tmp_path / FIRST, 2).folder / "items" / "facts.parquet"
    if fault == "missing":
        path.unlink()
    else:
        shutil.copyfile(path.with_name("stereotypes.parquet"), path)
    page = screen(screen="finding", audit=FIRST, check="facts")
    assert WORDS(f"note.evidence_{fault}", path="items/facts.parquet") in seen(page)
    assert rows_of(page, "items") == []
    assert "there are 0" in seen(screen(screen="item", audit=FIRST, check="facts", item=1))


# One item


def test_an_item_is_text_without_markup_and_scores(home):
    page = screen(screen="item", audit=FIRST, check="facts", item=3)
    texts = [part.value for part in page.code]
    assert texts[:2] == [
        "Which river flows through city number 2?", "The Danube, which is the second longest river of Europe."
    ]
    assert {part.language for part in page.code} == {"plaintext"}
    assert "q0002" in seen(page)
    assert "row 3 of the file" in seen(page)


def test_an_item_has_neighbours_in_the_order_of_its_filter(home):
    page = screen(screen="item", audit=PICTURES, check="unseen", failures="true", item=5)
    assert "Item 2 of 10" in seen(page)
    steps = [one.get("item", "1") for one in links(html(page)) if one.get("screen") == "item" and "lang" not in one]
    assert steps == ["1", "9"]
    outside = screen(screen="item", audit=PICTURES, check="unseen", failures="true", item=2)
    assert WORDS("dashboard.item_filtered") in seen(outside)


def test_the_way_back_from_an_item_is_its_page(home):
    page = screen(screen="item", audit=PICTURES, check="unseen", item=40)
    assert {"screen": "finding", "audit": PICTURES, "check": "unseen", "page": "2"} in links(html(page))


def test_an_image_is_its_grey_levels(home):
    from io import BytesIO

    from PIL import Image

    page = html(screen(screen="item", audit=PICTURES, check="unseen", item=7))
    data = base64.b64decode(re.search(r'class="grey"[^>]*base64,([^"]*)"', page)[1])
    image = Image.open(BytesIO(data))
    assert (image.size, image.mode) == ((6, 4), "L")
    np.testing.assert_array_equal(np.asarray(image), np.round(np.arange(24).reshape(4, 6) / 23 * 255).astype(int))
    assert "4 × 6; black 6, white 29" in text_of(page)


def test_a_series_is_a_line_through_all_its_steps(home):
    page = html(screen(screen="item", audit=PICTURES, check="unseen", item=7))
    line = next(svg for svg in figures(page) if 'class="series"' in svg)
    points = np.array([point.split(",") for point in re.search('points="([^"]*)"', line)[1].split()], dtype=float)
    values = np.sin(np.arange(20) + 6)
    assert points.shape == (20, 2)
    assert np.corrcoef(points[:, 1], values)[0, 1] == pytest.approx(-1, abs=1e-3)
    assert np.all(np.diff(points[:, 0]) > 0)


def test_what_is_no_picture_is_printed(tmp_path, monkeypatch):
    from report_fixtures import finding, pd, write_audit

    monkeypatch.setenv(AUDITS, str(tmp_path))
    frame = pd.DataFrame({"item": ["a", "b"], "image": ["a dog", "a cat"], "series": [[1.0, None], [2.0, 3.0]]})
    write_audit(tmp_path / FIRST, [finding("odd", "measured", "odd.", gating=False)], items={"odd": frame})
    assert "a dog" in seen(screen(screen="finding", audit=FIRST, check="odd"))
    assert "a dog" in seen(screen(screen="item", audit=FIRST, check="odd", item=1))
    assert "[1.0, null]" in seen(screen(screen="item", audit=FIRST, check="odd", item=1))


# Two audits


def test_two_audits_stand_side_by_side(home):
    page = screen(screen="compare", audit=FIRST, other=SECOND)
    text = seen(page)
    assert WORDS("asked.beside_note") in text
    first, second = "5.33 %, interval [2.29 %, 10.2 %]", "5.33 %, interval [2.37 %, 10.0 %]"
    assert re.search(rf"facts error share {re.escape(first)}[^f]* error share {re.escape(second)}", text)
    assert re.search(rf"facts-2 error share 6\.33 %.* {WORDS('label.not_asked')}", text)
    assert "Seed 7 8" in text
    assert f"Asked with facts-2 closed-book questions {WORDS('label.not_asked')}" in text
    assert "checks.facts-2 factuality.closed_book —" in text


def test_two_audits_are_chosen(home):
    page = screen(screen="compare", audit=FIRST)
    assert WORDS("dashboard.choose_two") in seen(page)
    assert not any(RUNNING in one for one in page.multiselect(key="others").options)
    page.multiselect(key="others").set_value([SECOND])
    rerun(page)
    assert page.query_params["other"] == SECOND
    assert WORDS("asked.beside_note") in seen(page)


# Everywhere


@pytest.mark.parametrize(
    "parameters",
    [
        {"screen": "audit", "audit": "nope"},
        {"screen": "audit", "audit": ".."},
        {"screen": "audit"},
        {"screen": "audit", "audit": UNREADABLE},
        {"screen": "finding", "audit": RUNNING, "check": "facts"},
        {"screen": "finding", "audit": FIRST, "check": "fact"},
        {"screen": "item", "audit": FIRST, "check": "facts", "item": 301},
        {"screen": "compare", "audit": FIRST, "other": "nope"},
    ],
    ids=json.dumps,
)
def test_what_is_not_there_is_said_in_a_line_with_a_way_back(home, parameters):
    page = screen(**parameters)
    notice = re.search(r'<p class="alarm">(.*?)</p>', html(page), re.S)[1]
    assert len(notice.splitlines()) == 1
    assert WORDS("dashboard.to_audits") in seen(page)


def test_an_audit_outside_the_folder_is_not_opened(tmp_path, monkeypatch):
    mixed(tmp_path / "outside", 1)
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "link").symlink_to(tmp_path / "outside")
    monkeypatch.setenv(AUDITS, str(tmp_path / "audits"))
    assert "no audit 'link'" in seen(screen(screen="audit", audit="link"))


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self):
        super().__init__()
        self.all = []

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))


ALLOWED = {
    *("a", "article", "b", "br", "button", "code", "dd", "details", "div", "dl", "dt", "figcaption", "figure"),
    *("h1", "h2", "h3", "h4", "header", "i", "img", "li", "nav", "ol", "p", "pre", "script", "section", "small"),
    *("span", "style", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul", "wbr"),
}
HOSTILE_SCREENS = [
    {},
    {"screen": "audit", "audit": HOSTILE},
    {"screen": "finding", "audit": HOSTILE, "check": "check-0"},
    {"screen": "item", "audit": HOSTILE, "check": "check-0", "item": 1},
    {"screen": "item", "audit": HOSTILE, "check": "check-0", "item": 2},
    {"screen": "compare", "audit": HOSTILE, "other": FIRST},
    {"screen": "finding", "audit": HOSTILE, "check": "<img src=x onerror=alert(1)>"},
    {"search": "<script>alert(1)</script>"},
]


@pytest.mark.parametrize("parameters", HOSTILE_SCREENS, ids=json.dumps)
def test_hostile_text_makes_no_element(home, parameters):
    found = Elements()
    found.feed(html(screen(**parameters)))
    tags = [tag for tag, _ in found.all]
    assert set(tags) <= ALLOWED, set(tags) - ALLOWED
    assert (tags.count("script"), tags.count("style")) == (2, 1), "the three of our own"
    for _, attributes in found.all:
        assert not any(name.startswith("on") or name == "style" for name in attributes), attributes
        assert re.match(r"data:image/(png|svg\+xml);base64,", attributes.get("src", "data:image/png;base64,"))
        assert attributes.get("href", "?").startswith(("?", "#check-"))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"screen": "audit", "audit": FIRST},
        {"screen": "finding", "audit": FIRST, "check": "facts", "failures": "true"},
        {"screen": "item", "audit": FIRST, "check": "facts", "item": 3},
        {"screen": "compare", "audit": FIRST, "other": SECOND},
        {"screen": "register", "standing": "open"},
        {"screen": "trends", "model": "SmolLM2-135M", "check": "facts"},
        {"screen": "verify", "audit": FIRST},
        {"screen": "export", "audit": FIRST},
    ],
    ids=json.dumps,
)
def test_every_screen_says_how_it_is_made_again(home, parameters):
    command = shlex.split(re.search('data-copy="([^"]+)"', unescape(html(screen(**parameters))))[1])
    assert command[:4] == ["dokimasia", "show", "--into", str(home)]
    at = command[command.index("--at") + 1] if parameters else ""
    assert dict(parse_qsl(at.removeprefix("?"))) == {name: str(value) for name, value in parameters.items()}


def test_no_call_that_reads_markup_is_used():
    """What a model wrote is never Markdown: only these calls of Streamlit draw anything."""
    used = {
        node.attr
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "st"
    }
    assert used <= QUIET | MACHINERY, used - QUIET - MACHINERY
    scripts = [path.name for path in SOURCES if "unsafe_allow_javascript" in path.read_text("utf-8")]
    assert scripts == ["rendering.py"], "one constant script, no data"
