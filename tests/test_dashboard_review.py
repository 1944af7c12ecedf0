"""Screens on which people speak: what a form sends is an entry of the reviews, and the register and trends tell it."""

from __future__ import annotations

import re
import shutil
from datetime import date, datetime, timedelta
from html import unescape

import pytest
from dashboard_fixtures import FIRST, HOSTILE, SECOND, make_home
from report_fixtures import HOSTILE as HOSTILE_TEXTS
from review_fixtures import small_audit
from streamlit.testing.v1 import AppTest
from test_dashboard_views import html, rerun, rows_of, screen, seen, text_of

from audit.catalogue import ToSettle
from audit.record import items_of, load_record
from audit.review import (
    Decision,
    Due,
    Owner,
    Rating,
    Status,
    add_reviews,
    call_item,
    read_reviews,
    signature_of,
    state_of,
)
from audit.signing import make_key
from audit.signing.keyring import KEYS
from audit.signing.people import KEY_FILE
from dashboard.address import Address
from dashboard.evidence_browser import kept_rows
from dashboard.findings_register import register
from dashboard.loading import AUDITS
from reports.text import words_of

WORDS = words_of("en")
TODAY = date.today()
YESTERDAY, LATER = TODAY - timedelta(days=1), TODAY + timedelta(days=30)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("made"))


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    """A folder of audits of one's own, for reviews stay."""
    shutil.copytree(made, tmp_path / "audits")
    monkeypatch.setenv(AUDITS, str(tmp_path / "audits"))
    monkeypatch.delenv(KEY_FILE, raising=False)
    return tmp_path / "audits"


def field(app, kind, label):
    return next(one for one in getattr(app, kind) if one.label == label)


def send(app, author="Kim"):
    if not field(app, "text_input", "Your name").disabled:
        field(app, "text_input", "Your name").set_value(author)
    next(one for one in app.button if one.label == "Add").click()
    return rerun(app)


def said(home, name=FIRST):
    return [entry.says for entry in read_reviews(home / name).entries]


def test_a_finding_is_rated_given_to_somebody_and_waived(home):
    app = screen(screen="finding", audit=FIRST, check="stereotypes")
    field(app, "selectbox", "Rating").set_value("high")
    field(app, "text_input", "Owner").set_value("Lee")
    field(app, "date_input", "Due").set_value(LATER)
    field(app, "text_input", "Action").set_value("Retrain on balanced pairs")
    field(app, "text_area", "Comment").set_value("Seen on the release candidate.")
    send(app)
    assert [one.kind for one in said(home)] == ["rating", "owner", "due", "action", "comment"]
    state = state_of(load_record(home / FIRST)).of("stereotypes")
    assert (state.rating, state.owner, state.due, state.status) == ("high", "Lee", LATER, "open")
    text = seen(app)
    assert "Retrain on balanced pairs" in text
    assert "Seen on the release candidate." in text
    assert field(app, "text_input", "Owner").value == "Lee", "the form shows where things stand"

    field(app, "selectbox", "Status").set_value("waived")
    send(app)
    assert "A waiver needs a reason and its last day." in seen(app)
    assert len(said(home)) == 5
    field(app, "text_input", "Reason").set_value("Only used in a closed trial")
    field(app, "date_input", "Last day of a waiver").set_value(LATER)
    send(app)
    assert said(home)[-1] == Status(
        check="stereotypes", status="waived", reason="Only used in a closed trial", until=LATER
    )
    assert len(said(home)) == 6


def test_nothing_changed_is_nothing_said(home):
    app = send(screen(screen="finding", audit=FIRST, check="stereotypes"))
    assert "Nothing was changed, so nothing is added." in seen(app)
    assert said(home) == []


@pytest.fixture
def small(tmp_path, monkeypatch):
    audit = small_audit(tmp_path)
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    monkeypatch.delenv(KEY_FILE, raising=False)
    return audit


def press(app, key):
    next(one for one in app.button if one.key and one.key.startswith(f"press-{key}-")).click()
    return rerun(app)


def test_an_item_is_called_and_the_next_follows_with_the_number_after_review(small):
    """Right is what does not count against the model: for a share of repeats, 0."""
    name, items = small.folder.name, small.items("limited")
    app = screen(screen="item", audit=name, check="limited", item=1)
    first = re.search(r'class="hash">([^<]*)', html(app))[1]
    field(app, "text_input", "Reason (optional, goes with the next key)").set_value("It names another river")
    press(app, "w")
    press(app, "n")
    wrong, unsure = said(small.folder.parent, name)
    assert (wrong.word, wrong.value, wrong.item, wrong.reason) == ("wrong", 1.0, first, "It names another river")
    assert (unsure.word, unsure.value, unsure.reason) == ("unsure", None, None)
    assert unsure.item != first, "the next item followed"
    before = float(items["value"].mean())
    after = before + (1 - float(items["value"][first])) / len(items)
    assert f"becomes {100 * after:.1f}" in seen(app).replace("\u00a0", " ")
    assert f"{100 * before:.1f}" in seen(app)
    add_reviews(small, call_item(small, "limited", first, "right"), author="Lee")
    file, place = items_of(small.folder, small.finding("limited")), Address("finding", name, check="limited")
    kinds = ("", "open", "spoken", "differ")
    sizes = {kind: kept_rows(place.to("finding", reviewed=kind), file).size for kind in kinds}
    assert sizes == {"": 81, "open": 79, "spoken": 2, "differ": 1}
    add_reviews(small, call_item(small, "limited", first, "taken back"), author="Lee")
    press(app, "z")
    press(app, "z")
    assert [one.word for one in said(small.folder.parent, name)[4:]] == ["taken back", "taken back"]
    assert re.search(r'class="hash">([^<]*)', html(app))[1] == first, "and one is back at the item"
    assert "nobody has changed an outcome" in seen(app)


def test_undo_says_again_what_stood_before(small):
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    press(app, "r")
    press(screen(screen="item", audit=small.folder.name, check="limited", item=1), "w")
    app = press(screen(screen="item", audit=small.folder.name, check="limited", item=1), "r")
    press(app, "z")
    assert [one.word for one in said(small.folder.parent, small.folder.name)] == ["right", "wrong", "right", "wrong"]


def test_a_button_says_nothing_of_an_item_that_its_reader_has_left(small):
    """The next item is asked for, and before it is drawn a key presses what still belongs to the last one."""
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    app.query_params["item"] = "2"
    press(app, "w")
    assert said(small.folder.parent, small.folder.name) == []
    assert WORDS("called.moved") in seen(app)
    press(app, "w")
    (only,) = said(small.folder.parent, small.folder.name)
    second = screen(screen="item", audit=small.folder.name, check="limited", item=2)
    assert only.item == re.search(r'class="hash">([^<]*)', html(second))[1]


def test_a_button_says_nothing_where_its_reader_has_said_something_since(small):
    """The second of two quick keys finds the buttons of the item that the first one spoke of."""
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    press(screen(screen="item", audit=small.folder.name, check="limited", item=1), "r")
    press(app, "w")
    assert [one.word for one in said(small.folder.parent, small.folder.name)] == ["right"]
    assert WORDS("called.moved") in seen(app)


def test_the_keys_of_an_item_are_those_of_its_head(small):
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    marks = {re.search(r'class="item" data-item="([0-9a-f]{12})"', html(app))[1]}
    assert {one.key.split("-")[2] for one in app.button if (one.key or "").startswith("press-")} == marks
    other = screen(screen="item", audit=small.folder.name, check="free", item=1)
    assert re.search(r'class="item" data-item="([0-9a-f]{12})"', html(other))[1] not in marks


def test_undo_is_in_the_name_of_who_called(small):
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    field(app, "text_area", "Comment").set_value("Seen")
    send(app, "Kim")
    press(app, "r")
    field(app, "text_area", "Comment").set_value("Seen too")
    send(app, "Lee")
    press(app, "z")
    last = read_reviews(small.folder).entries[-1]
    assert (last.author, last.says.word) == ("Kim", "taken back")
    assert state_of(small).calls == {}


def test_an_outcome_in_between_and_who_sees_to_it_go_by_the_form(small):
    app = screen(screen="item", audit=small.folder.name, check="limited", item=1)
    field(app, "number_input", "Right value, 0 to 1").set_value(0.5)
    field(app, "text_input", "Owner").set_value("Lee")
    field(app, "date_input", "Due").set_value(LATER)
    field(app, "text_area", "Comment").set_value("Ask the writer")
    send(app)
    assert [one.kind for one in said(small.folder.parent, small.folder.name)] == ["override", "owner", "due", "comment"]
    assert "Lee" in seen(app)
    assert "Ask the writer" in seen(app)
    field(app, "toggle", "Take the override back").set_value(True)
    send(app)
    assert said(small.folder.parent, small.folder.name)[-1].word == "taken back"


def test_a_random_check_is_drawn_and_its_items_are_led_to_until_all_are_looked_at(tmp_path, monkeypatch):
    audit = small_audit(tmp_path)
    name = audit.folder.name
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    place = {"screen": "finding", "audit": name, "check": "limited"}
    app = screen(**place)
    field(app, "number_input", "Items to draw").set_value(82)
    draw_items(app)
    assert "allowed: 1 to 81, which nobody has looked at" in seen(app)
    field(app, "number_input", "Items to draw").set_value(2)
    draw_items(app)
    (one,) = said(audit.folder.parent, name)
    assert (one.kind, one.check, one.count) == ("sample", "limited", 2)
    drawn = state_of(audit).reviewed["limited"].check.drawn
    rows = list(audit.items("limited").index)
    told = html(app).split('id="sample"')[1]
    links = re.findall(r'href="([^"]*screen=item[^"]*)"><span>([^<]*)', told)
    left = Address("item", name, check="limited", reviewed="drawn")
    there = [(left.to("item", item=rows.index(item) + 1).link, item) for item in drawn]
    assert [(unescape(link), item) for link, item in links] == there
    assert "2 items are still to be looked at" in seen(app)
    assert not any(one.label == "Draw" for one in app.button)
    for item in drawn:
        app = screen(screen="item", audit=name, check="limited", item=rows.index(item) + 1)
        press(app, "r" if audit.items("limited")["value"][item] == 0 else "w")
    app = screen(**place)
    assert "Random check of 2 of 81 items not looked at before: 2 looked at, 0 changed." in seen(app)
    assert any(one.label == "Draw" for one in app.button), "and another may follow"


def draw_items(app):
    next(one for one in app.text_input if one.label == "Your name" and "sample" in str(one.form_id)).set_value("Kim")
    next(one for one in app.button if one.label == "Draw").click()
    return rerun(app)


def test_an_item_that_no_number_rests_on_is_told_so_and_a_word_is_kept(home):
    app = screen(screen="item", audit=FIRST, check="facts", item=3)
    assert "No number of this check rests on single items" in seen(app)
    field(app, "number_input", "Right value, 0 to 1").set_value(1.0)
    send(app)
    assert "cannot be overridden" in seen(app)
    assert said(home) == []
    press(app, "w")
    assert [(one.word, one.value) for one in said(home)] == [("wrong", None)]


def test_an_audit_is_decided_on_by_two_people_and_signed(home, tmp_path, monkeypatch):
    make_key(tmp_path / "Kim")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "Kim"))
    monkeypatch.setenv(KEYS, str(tmp_path))
    app = screen(screen="audit", audit=FIRST, tab="reviews")
    field(app, "selectbox", "Decision").set_value("in review")
    field(app, "toggle", "Needs a second person's approval").set_value(True)
    send(app, "Kim")
    field(app, "selectbox", "Decision").set_value("approved")
    send(app, "Lee")
    assert "does not count" in seen(app)
    assert [one.decision for one in said(home)] == ["in review"]
    make_key(tmp_path / "Lee")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "Lee"))
    send(rerun(app), "Kim")
    entries = read_reviews(home / FIRST).entries
    assert [(one.says.decision, one.author) for one in entries] == [("in review", "Kim"), ("approved", "Lee")]
    assert [signature_of(one) for one in entries] == ["holds", "holds"]
    assert "Approved" in seen(app)


def form(name, folder):
    """One of the forms that the decision page opens, drawn alone."""

    def drawn(name, folder):
        from audit.record import load_record
        from dashboard.review_forms import decide_audit, waive_finding
        from reports.text import words_of

        audit, words = load_record(folder), words_of("en")
        if name == "waive":
            waive_finding(audit, words)
        else:
            decide_audit(audit, name, words)

    return rerun(AppTest.from_function(drawn, args=(name, folder), default_timeout=180))


def submit(app, label):
    next(one for one in app.button if one.label == label).click()
    return rerun(app)


def test_returned_and_waived_on_the_decision_page_in_the_name_of_whom_the_key_is(home, tmp_path, monkeypatch):
    make_key(tmp_path / "Kim")
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "Kim"))
    buttons = [one.label for one in screen(screen="audit", audit=FIRST).button]
    assert buttons == ["Approve", "Return", "Waive"]
    returning = form("return", home / FIRST)
    field(returning, "text_input", "Reason").set_value("Too few templates")
    submit(returning, "Return")
    assert said(home) == [Decision(decision="changes asked", reason="Too few templates")]
    waiving = form("waive", home / FIRST)
    offered = field(waiving, "selectbox", "Finding").options
    assert offered[0] == "stereotypes"
    assert "facts" not in offered, "only what is open can be waived"
    assert "A waiver needs a reason and its last day." in seen(submit(waiving, "Waive"))
    field(waiving, "text_input", "Reason").set_value("Only used in a closed trial")
    field(waiving, "date_input", "Last day of a waiver").set_value(LATER)
    submit(waiving, "Waive")
    told = "Only used in a closed trial"
    assert said(home)[1:] == [Status(check="stereotypes", status="waived", reason=told, until=LATER)]
    page = seen(screen(screen="audit", audit=FIRST))
    assert "Changes asked" in page
    assert "1 waived" in page


def test_the_register_puts_first_what_is_overdue_and_filters(home):
    first, second = load_record(home / FIRST), load_record(home / SECOND)
    text, pairs = "foreign-text", "stereotypes"
    add_reviews(second, Due(check=text, due=YESTERDAY), Owner(check=text, owner="Lee"), author="Kim")
    add_reviews(first, Rating(check=pairs, rating="high"), Owner(check=pairs, owner="Park"), author="Kim")
    add_reviews(first, Rating(check="facts", rating="note"), author="Kim")
    rows = register(ToSettle(TODAY))
    assert [(row.audit, row.finding.check) for row in rows[:3]] == [
        (SECOND, "foreign-text"), (FIRST, "stereotypes"), (FIRST, "facts"),
    ]
    assert [row.overdue for row in rows[:2]] == [True, False]
    app = screen(screen="register")
    assert "1 overdue" in seen(app)
    shown = rows_of(app, "register")
    assert len(shown) == len(rows)
    assert text_of(shown[0]).startswith("☐ Failed foreign-text Novelty ")
    assert "overdue" in text_of(shown[0])
    queries = ({"owner": "Park"}, 1), ({"rating": "note"}, 1), ({"standing": "overdue"}, 1), ({"search": "foreign"}, 2)
    for query, left in queries:
        assert len(rows_of(screen(screen="register", **query), "register")) == left, query
    assert rows_of(screen(screen="register", owner="nobody"), "register") == []


def test_a_waiver_that_ended_since_is_told_as_ended_on_the_screen(home):
    said_then = datetime.combine(TODAY - timedelta(days=9), datetime.min.time()).astimezone()
    waiver = Status(check="stereotypes", status="waived", reason="A closed trial", until=YESTERDAY)
    add_reviews(load_record(home / FIRST), waiver, author="Kim", at=said_then)
    assert WORDS("reviewed.waiver_ended", until=YESTERDAY.isoformat(), author="Kim (not signed)") in seen(
        screen(screen="finding", audit=FIRST, check="stereotypes")
    )


def test_what_was_settled_leaves_the_overdue(home):
    audit = load_record(home / FIRST)
    add_reviews(audit, Due(check="facts", due=YESTERDAY), author="Kim")
    assert [row.finding.check for row in register(ToSettle(TODAY)) if row.overdue] == ["facts"]
    add_reviews(audit, Status(check="facts", status="fixed"), author="Kim")
    assert not any(row.overdue for row in register(ToSettle(TODAY)))


def test_what_reviewers_write_is_text_on_every_screen(home):
    audit = load_record(home / FIRST)
    for text in HOSTILE_TEXTS:
        plain = "".join(char for char in text if char.isprintable()) or "x"
        add_reviews(audit, Owner(check="stereotypes", owner=plain[:120]), author=plain[:120])
    finding = {"screen": "finding", "audit": FIRST, "check": "stereotypes"}
    for place in ({"screen": "register"}, {"screen": "audit", "audit": FIRST}, finding):
        page = html(screen(**place))
        assert "<script>document.title" not in page
        assert "<img src=http" not in page


def test_a_broken_chain_is_one_line_on_the_audits_screen(home):
    audit = load_record(home / FIRST)
    add_reviews(audit, Owner(check="facts", owner="Lee"), author="Kim")
    path = home / FIRST / "reviews.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Lee", b"Leo"))
    add = path.read_bytes()
    path.write_bytes(add + add)
    assert "reviews.jsonl:2" in seen(screen(screen="audit", audit=FIRST))
    assert FIRST not in {row.audit for row in register(ToSettle(TODAY))}


def test_a_real_audit_is_verified_and_a_changed_one_is_not(tmp_path, monkeypatch):
    audit = small_audit(tmp_path)
    monkeypatch.setenv(AUDITS, str(audit.folder.parent))
    page = screen(screen="verify", audit=audit.folder.name)
    assert "Unchanged, not sealed" in seen(page)
    assert 'class="sentence inconclusive' in html(page), "no blue tick over what anyone could have made"
    items = next(audit.folder.glob("items/*.parquet"))
    items.write_bytes(items.read_bytes()[:-1] + b"X")
    page = seen(screen(screen="verify", audit=audit.folder.name))
    assert "Changed since it was stored" in page
    assert items.name in page


def test_every_format_is_offered_with_its_command(home):
    app = screen(screen="export", audit=FIRST)
    commands = [one.value for one in app.code]
    for name in ("html", "markdown", "json", "junit"):
        assert f"dokimasia report {home / FIRST} --format {name}" in commands
    assert f"dokimasia export {home / FIRST} --out {FIRST}.zip" in commands


def test_a_hostile_audit_has_all_screens(home):
    for name in ("audit", "verify", "export"):
        assert "<script>document.title" not in html(screen(screen=name, audit=HOSTILE))
