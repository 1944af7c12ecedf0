"""The list of audits: it agrees with terminal and index page, keeps what its address asks for, and remembers views."""

import csv
import io
import json
import os
import re
import stat
import time
from datetime import date, timedelta

import pandas as pd
import pytest
from report_fixtures import ENDPOINT, LM, finding, mixed, rate, real, write_audit
from test_dashboard_views import html, links, rerun, rows_of, screen, seen, text_of

from audit.cli.closing_table import closing_table
from audit.errors import IntegrityError, UsageError
from audit.record import Declared, Limit, load_record
from audit.review import Decision, Due, Owner, Status, add_reviews
from audit.signing import key_file
from audit.verdict import dimensions_of, matrix_row
from dashboard import trust
from dashboard.address import Address, read
from dashboard.indexing import freshness, index
from dashboard.listed_audits import QUICK, as_csv, asked_for, hits_of, page_of
from dashboard.loading import AUDITS
from dashboard.people import Person
from dashboard.saved_views import MOST, forget_view, save_view, saved_views
from reports.documents.index_page import render_index
from reports.text import words_of
from reports.views import printed_row

TODAY = date.today()
ENGLISH, KOREAN = words_of("en"), words_of("ko")
SIGNS = {"v": "Passed", "x": "Failed", "?": "Undecided", "~": "Not measured", "!": "Crashed", ".": "Measured"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    return tmp_path


@pytest.fixture
def state(tmp_path, monkeypatch):
    """File of the views; its folder may be there already, as the index of the test before may make a key in it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return key_file().with_name("views.json")


def asked(place, me="Lee", words=ENGLISH):
    return asked_for(place, words, Person(me, "approver"))


def names(place, me="Lee", words=ENGLISH):
    return index().names(asked(place, me, words))


def test_terminal_index_page_and_list_say_the_same_of_each_dimension(tmp_path):
    """A helper that is listed before the audited model in a record poses as it nowhere."""
    audit = mixed(tmp_path / "a", 9)
    audit = write_audit(tmp_path / "b", audit.record.findings, models={"judge": ENDPOINT, "main": LM})
    row, table = printed_row(audit.record, ENGLISH), closing_table([audit])
    dimensions = dimensions_of([row.row])
    line = table.splitlines()[1]
    assert line.startswith("SmolLM2-135M ")
    assert row.audited == "SmolLM2-135M"
    told = line.removeprefix("SmolLM2-135M").rpartition(" ")[0]
    cells = re.findall(r"([vx?~!.])(?: ([\d.,]+(?: %)?))?\*?(?= |$)", told)
    page = render_index([audit]).decode()
    assert ENDPOINT.name not in re.sub(r'<td class="wrong.*?</td>', "", page, flags=re.S) + table
    for name, (sign, number) in zip(dimensions, cells, strict=True):
        one = row.cells[name]
        assert one.word == SIGNS[sign]
        assert one.value.replace("\u00a0", " ").startswith(number), name
        assert f"<b>{one.value or one.word}</b>" in page
    worst = row.wrong[0]
    assert f"x {worst.check}: " in table
    assert f">{worst.check}</a>" in page


def test_of_each_dimension_the_worst_with_its_limit_else_which_way_is_good(tmp_path):
    limit = Limit(measure="share", at_most=0.5)
    audit = write_audit(tmp_path / "a", [
        finding("fine", "passed", "told", limit=limit, measures=[rate("share", 1, 9)]),
        finding("bad", "failed", "told", limit=limit, measures=[rate("share", 8, 9)]),
        finding("time", "measured", "told", probe="efficiency.sampling", gating=False,
                measures=[real("seconds", 0.00124, 0.0001, 32, unit="seconds", direction="lower is better")]),
    ])  # fmt: skip
    cells = printed_row(audit.record, ENGLISH).cells
    assert (cells["bias"].check, cells["bias"].others) == ("bad", "+ 1 check")
    assert (cells["bias"].value, cells["bias"].read) == ("88.9\u00a0%", "≤\u00a050\u00a0%")
    assert (cells["efficiency"].value, cells["efficiency"].read) == ("1.24\u00a0ms", "↓ better")
    assert printed_row(audit.record, KOREAN).cells["efficiency"].value == "1.24밀리초"
    assert list(matrix_row(audit.record).cells) == ["bias", "efficiency"]


def test_a_declared_number_that_is_contradicted_is_wrong_whatever_the_verdict(tmp_path):
    audit = write_audit(tmp_path / "a", [
        finding("fine", "passed", "told", limit=Limit(measure="share", at_most=0.5), measures=[rate("share", 1, 9)]),
        finding("said", "measured", "told", gating=False, measures=[rate("share", 80, 100)],
                controls={"positive": True, "negative": True}, declared=Declared(measure="share", value=0.1)),
    ])  # fmt: skip
    (wrong,) = printed_row(audit.record, ENGLISH).wrong
    assert (wrong.check, wrong.told[:17]) == ("said", "What is declared,")


def test_names_that_a_record_of_others_invents_share_one_column_everywhere(home):
    """A foreign audit of fifty checks added fifty columns to the row of everybody."""
    write_audit(home / "own", [finding("a", "passed", "told")])
    foreign = write_audit(home / "foreign", [
        finding(f"c{at}", "failed" if at == 30 else "passed", "told", probe=f"invented{at}.x") for at in range(50)
    ])  # fmt: skip
    cell = printed_row(foreign.record, ENGLISH).cells["other"]
    assert (cell.check, cell.verdict, cell.others) == ("c30", "failed", "+ 49 checks")
    audits = [load_record(home / name) for name in ("own", "foreign")]
    assert dimensions_of(matrix_row(one.record) for one in audits) == ["bias", "other"]
    assert closing_table(audits).splitlines()[0].split()[1:] == ["bias", "other", "decided"]
    for page, words in ((render_index(audits, "ko").decode(), KOREAN), (html(screen()), ENGLISH)):
        assert "invented" not in re.sub(r"<(?:td class=.wrong|style).*?</(?:td|style)>", "", page, flags=re.DOTALL)
        assert page.count(f"<th>{words.term('dimension', 'other')}</th>") == 1


def test_the_worst_comes_first_then_what_fails_more(home):
    one = finding("a", "failed", "told")
    write_audit(home / "once", [one, finding("b", "passed", "told")])
    write_audit(home / "twice", [one, finding("b", "failed", "told")])
    write_audit(home / "open", [finding("a", "inconclusive", "told")])
    write_audit(home / "fine", [finding("a", "passed", "told")])
    assert names(Address()) == ["twice", "once", "open", "fine"]


def test_quick_filters_keep_what_waits_is_mine_is_late_or_is_damaged(home):
    for name in ("open", "mine", "late", "done", "asked"):
        verdict = "passed" if name == "asked" else "failed"
        write_audit(home / name, [finding("a", verdict, "told"), finding("b", "passed", "told")])
    (home / "cut").mkdir()
    (home / "cut" / "record.json").write_text("{")
    _say(home / "mine", Owner(check="a", owner="lee "), Due(check="a", due=TODAY + timedelta(days=3)))
    _say(home / "late", Owner(check="a", owner="Park"), Due(check="a", due=TODAY - timedelta(days=3)))
    _say(home / "done", Decision(decision="approved"))
    _say(home / "asked", Decision(decision="in review"))
    counts = {name: set(names(Address(only=name))) for name in QUICK}
    told = index().counts("Lee").only
    assert told == {name: len(found) for name, found in counts.items() if name}
    assert counts["decide"] == {"open", "mine", "late", "asked"}
    assert counts["mine"] == {"mine"}
    assert counts["overdue"] == {"late"}
    assert counts["damaged"] == {"cut"}
    assert set(names(Address(only="mine"))) == counts["mine"]
    _say(home / "late", Status(check="a", status="fixed", reason="Trained anew"))
    assert names(Address(only="overdue")) == []


def _say(folder, *said):
    add_reviews(load_record(folder), *said, author="Kim")


def test_a_search_finds_what_was_found_and_names_in_the_readers_language(home):
    mixed(home / "mixed", 3)
    write_audit(home / "other", [finding("a", "passed", "All is well.", probe="novelty.likelihood")])
    assert names(Address(search="57.7 %")) == ["mixed"]
    assert names(Address(search="ALL IS well")) == ["other"]
    assert names(Address(search="고정관념"), words=KOREAN) == ["mixed"]
    assert names(Address(search="신규성"), words=KOREAN) == ["other"]
    assert names(Address(search="no such thing")) == []


def test_a_search_finds_what_stands_in_items_once_they_are_looked_through(home, monkeypatch):
    monkeypatch.setattr(trust, "_look", lambda folder: trust.Trust("unsealed"))
    frame = pd.DataFrame({"item": ["a", "b"], "question": ["Who is Alda?", "Who is Berta?"]})
    write_audit(home / "first", [finding("who", "passed", "told")], items={"who": frame})
    write_audit(home / "second", [finding("who", "passed", "told")], items={"who": frame[1:]})
    write_audit(home / "third", [finding("who", "passed", "told")], items={"who": frame}).items("who")
    path = home / "third" / "items" / "who.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    names(Address(search="ALDA"))
    wait_for(lambda: not freshness().items)
    assert names(Address(search="ALDA")) == ["first"], "changed items are not read"
    assert hits_of("alda", ["first", "third"]) == {"first": ("who",)}
    (row,) = rows_of(screen(search="ALDA"), "audits")
    assert "In the items of who" in text_of(row)
    assert {"screen": "finding", "audit": "first", "check": "who", "find": "ALDA"} in links(row)
    assert hits_of("Al", ["first"]) == {}, "too short to look through everything for"


def wait_for(done):
    while not done():
        time.sleep(0.01)


def test_what_was_changed_is_counted_once_it_was_looked_at_and_nothing_is_walked_for_it(home, monkeypatch):
    mixed(home / "odd", 1)
    assert names(Address(only="damaged")) == []
    trust.look_over(lambda: ["odd"], 1)
    trust.all_looked_at()
    monkeypatch.setattr(os, "walk", lambda *_: pytest.fail("a count asks no file system"))
    assert names(Address(only="damaged")) == ["odd"]


def test_names_that_cannot_be_had_end_no_look_at_others(home):
    """The thread that looks ended with whatever a list raised, and all that waited for it waited for ever."""
    mixed(home / "odd", 1)
    trust.look_over(lambda: 1 / 0, 2)
    trust.all_looked_at()
    assert trust.trust_of("odd", wait=60).state == "changed"


def test_a_helper_is_no_model_of_the_list(home):
    """The family filter found twelve of seventeen audits, because ten had a classifier as their helper."""
    write_audit(home / "a", [finding("a", "passed", "told")], models={"judge": ENDPOINT, "main": LM})
    assert names(Address(family="causal_lm")) == ["a"]
    assert names(Address(family="endpoint")) == []
    assert names(Address(search=ENDPOINT.name)) == []


def test_a_view_is_kept_and_opened_and_forgotten_on_the_screen(home, state):
    mixed(home / "mixed", 1)
    page = screen(only="decide", order="title")
    page.text_input(key="view_name").set_value("Mine")
    rerun(page)
    press(page, "Keep")
    assert saved_views() == {"Mine": Address(only="decide", order="title")}
    assert {"only": "decide", "order": "title"} in links(html(screen()))
    press(page, "Forget")
    assert saved_views() == {}


def test_what_is_pressed_as_the_last_audit_comes_into_the_list_is_done(home, state, monkeypatch):
    """The list stopped following just then: the screen began anew before it reached the button, which did nothing."""
    mixed(home / "mixed", 1)
    page = screen()
    page.text_input(key="view_name").set_value("Mine")
    rerun(page)
    changes = iter([True, False])
    monkeypatch.setattr("dashboard.screens.audits._changes", lambda counts, place: next(changes, False))
    press(page, "Keep")
    assert list(saved_views()) == ["Mine"]


def press(page, label):
    next(one for one in page.button if one.label == label).click()
    rerun(page)


def test_the_quick_filters_lead_to_addresses_and_tell_how_many_each_keeps(home):
    mixed(home / "mixed", 1)
    write_audit(home / "fine", [finding("a", "passed", "told")])
    page = screen()
    text = seen(page)
    assert re.search(r"All 2 To decide 1 Mine 0 Overdue 0 Damaged \d…? Running 0", text)
    assert {"only": "decide"} in links(html(page))
    assert len(rows_of(screen(only="decide"), "audits")) == 1
    assert "전체 2 결정 대기 1 내 담당 0 기한 지남 0" in seen(screen(lang="ko"))


def test_a_link_costs_a_row_not_the_list(home, tmp_path_factory):
    mixed(home / "whole", 1)
    (home / "link").symlink_to(mixed(tmp_path_factory.mktemp("outside") / "a", 1).folder)
    found = {one.name: one.found for one in page_of(asked(Address()), 0, 9, "en", TODAY)}
    assert found["whole"].verdict == "failed"
    assert "is a link" in found["link"]
    assert names(Address(verdict="unreadable")) == names(Address(only="damaged")) == ["link"]


def test_the_list_as_csv_has_a_line_for_each_finding_and_no_formula(home):
    mixed(home / "mixed", 4)
    write_audit(home / "evil", [finding("=cmd()", "failed", "=1+1", measures=[rate("share", 1, 2)])], title="@SUM(A1)")
    _say(home / "evil", Owner(check="=cmd()", owner="Lee"))
    rows = list(csv.DictReader(io.StringIO(as_csv(asked(Address(), ""), TODAY).decode())))
    assert len(rows) == 5
    evil = next(row for row in rows if row["audit"] == "evil")
    assert (evil["title"], evil["check"], evil["why"]) == ("'@SUM(A1)", "'=cmd()", "'=1+1")
    assert (evil["value"], evil["owners"], evil["after_review"]) == ("0.5", "Lee", "failed")
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "@", "+"))]


def test_a_view_is_an_address_that_is_kept_for_this_user_alone(state):
    assert saved_views() == {}
    place = Address(only="mine", search="a & b", order="newest", page=3)
    save_view("  My   late ones ", place)
    assert saved_views() == {"My late ones": place.to("audits", page=1)}
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    save_view("My late ones", Address(verdict="failed"))
    save_view("가", Address(screen="audit", audit="x"))
    assert saved_views()["My late ones"] == Address(verdict="failed")
    assert {view.screen for view in saved_views().values()} == {"audits"}
    forget_view("가")
    assert list(saved_views()) == ["My late ones"]
    assert read({}) == Address()


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x1b[31m"])
def test_a_name_that_cannot_be_printed_is_refused(state, name):
    with pytest.raises(UsageError, match="allowed: 1 to 60"):
        save_view(name, Address())
    assert saved_views() == {}


def test_so_many_views_are_kept_and_no_more(state):
    for number in range(MOST):
        save_view(f"v{number}", Address())
    with pytest.raises(UsageError, match=f"allowed: {MOST}"):
        save_view("one more", Address())
    assert len(saved_views()) == MOST


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": 2}', '{"views": {"a": "order=sideways"}}', '{"views": {"a": 1}}', " " * 70_000]
)
def test_a_file_that_was_not_written_here_is_told_and_not_written_over(state, text):
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(text)
    for ask in (saved_views, lambda: save_view("a", Address())):
        with pytest.raises(IntegrityError, match="remove it"):
            ask()
    assert state.read_text() == text


def test_what_lies_in_the_file_leads_to_the_list_or_nowhere(state):
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({"views": {"a": "screen=verify&audit=x", "b": "only=mine&evil=//x"}}))
    assert saved_views() == {"b": Address(only="mine")}
