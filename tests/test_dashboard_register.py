"""The register: what ends and when, findings given to somebody together, one's own, a table and a calendar to take."""

import csv
import io
import re
from datetime import date, timedelta

import pytest
from dashboard_fixtures import FIRST, SECOND, make_home
from test_dashboard_review import field
from test_dashboard_views import html, links, rerun, rows_of, screen, seen, text_of

from audit.catalogue import ToSettle
from audit.record import load_record
from audit.review import Due, Owner, Status, add_reviews, call_item, read_reviews
from audit.signing.people import KEY_FILE
from dashboard.expiries import as_calendar, as_csv, months
from dashboard.findings_register import ends, register
from dashboard.loading import AUDITS
from reports.text import Notation, words_of
from reports.views import reason_text

EN, TODAY = words_of("en"), date.today()
EVERY = ToSettle(TODAY)
SOON, FAR, PAST = TODAY + timedelta(days=9), TODAY + timedelta(days=99), TODAY - timedelta(days=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two days to settle, one of them past, a waiver that ends soon and one that ended."""
    home = make_home(tmp_path_factory.mktemp("made"))
    first, second = load_record(home / FIRST), load_record(home / SECOND)
    waiver = Status(check="stereotypes", status="waived", reason="A closed trial", until=SOON)
    add_reviews(first, Owner(check="facts", owner="김지우"), Due(check="facts", due=PAST), waiver, author="Kim")
    add_reviews(second, Owner(check="foreign-text", owner="=Lee"), Due(check="foreign-text", due=FAR), author="Kim")
    return home


@pytest.fixture(autouse=True)
def there(home, monkeypatch):
    monkeypatch.setenv(AUDITS, str(home))
    monkeypatch.delenv(KEY_FILE, raising=False)
    monkeypatch.setattr("dashboard.speakers._somebody", lambda: "김지우")


def test_what_ends_stands_in_the_order_of_days_by_month():
    found = [(one.day, one.kind, one.row.finding.check) for _, month in months(ends(EVERY)) for one in month]
    assert found == [(PAST, "due", "facts"), (SOON, "waiver", "stereotypes"), (FAR, "due", "foreign-text")]
    told = [month for month, _ in months(ends(EVERY))]
    assert told == sorted({(day.year, day.month) for day in (PAST, SOON, FAR)})
    page = screen(screen="register", view="calendar")
    assert re.findall(r'class="day">([^<]*)', html(page)) == [day.isoformat() for day in (PAST, SOON, FAR)]
    assert html(page).count('class="past"') == 1


def test_a_settled_finding_ends_on_no_day(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(make_home(tmp_path)))
    audit = load_record(tmp_path / FIRST)
    add_reviews(audit, Due(check="facts", due=PAST), author="Kim")
    assert [(one.day, one.kind) for one in ends(EVERY)] == [(PAST, "due")]
    add_reviews(audit, Status(check="facts", status="fixed", reason="Trained anew"), author="Kim")
    assert ends(EVERY) == []


def test_the_calendar_file_has_one_day_for_each_end_and_lines_of_75_octets():
    written = as_calendar(ends(EVERY), EN)
    assert written == as_calendar(ends(EVERY), EN)
    lines = written.decode().split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    whole = written.decode().replace("\r\n ", "")
    assert re.findall(r"DTSTART;VALUE=DATE:(\d+)", whole) == [f"{day:%Y%m%d}" for day in (PAST, SOON, FAR)]
    assert re.findall(r"DTEND;VALUE=DATE:(\d+)", whole)[0] == f"{PAST + timedelta(days=1):%Y%m%d}"
    assert "DESCRIPTION:김지우" in whole
    assert len(set(re.findall(r"UID:(.*)\r", whole))) == 3
    assert (lines[0], lines[-2], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR", "")


def test_the_table_to_take_away_has_every_finding_and_no_formula():
    rows = register(EVERY)
    table = list(csv.DictReader(io.StringIO(as_csv(rows, EN).decode())))
    assert [(one["audit"], one["check"]) for one in table] == [(row.audit, row.finding.check) for row in rows]
    assert {one["owner"] for one in table} == {"김지우", "'=Lee", ""}
    waived = next(one for one in table if one["status"] == "waived")
    assert (waived["waiver_until"], waived["check"]) == (SOON.isoformat(), "stereotypes")


@pytest.mark.parametrize(
    ("query", "checks"),
    [({"whose": "mine"}, ["facts"]), ({"standing": "ending"}, ["stereotypes"])],
)
def test_quick_filters_keep_what_their_counts_say(query, checks):
    page = screen(screen="register", **query)
    assert [re.search(r"check=([^&\"]*)", row)[1] for row in rows_of(page, "register")] == checks
    chips = dict(re.findall(r">([^<>]+) <b>(\d+)</b></a>", html(page)))
    assert (chips["Mine"], chips["Overdue"], chips["Waiver ends within 30 days"]) == ("1", "1", "1")
    assert int(chips["Without owner"]) == sum(row.standing.owner is None for row in register(EVERY))


def test_a_row_says_what_is_wrong_with_its_number_limit_and_age():
    found = next(one for one in register(EVERY) if one.finding.check == "foreign-text")
    row = next(text_of(row) for row in rows_of(screen(screen="register"), "register") if "foreign-text" in row)
    assert reason_text(found.finding, Notation(EN)) in row
    assert "0.931 ≥ 0.96" in row
    assert re.search(r"[\d,]+ d", row)


def test_findings_are_picked_by_links_and_given_to_somebody_in_one_step(home):
    app = screen(screen="register", whose="nobody")
    rows = rows_of(app, "register")
    first = re.search(r"picked=(\w+)", rows[0])[1]
    app = screen(screen="register", whose="nobody", picked=first)
    picked = re.search(r"picked=([\w%]+)", rows_of(app, "register")[1])[1].replace("%2C", ",")
    app = screen(screen="register", whose="nobody", picked=picked)
    assert html(app).count('class="picked"') == 2
    assert len(rows) > 2
    before = {name: len(read_reviews(home / name).entries) for name in (FIRST, SECOND)}
    chosen = [row for row in register(EVERY) if row.mark in picked.split(",")]
    field(app, "text_input", "To whom").set_value("Park")
    field(app, "date_input", "To be settled by").set_value(FAR)
    next(one for one in app.button if one.label == "Give").click()
    rerun(app)
    said = {(row.audit, row.finding.check): (row.standing.owner, row.standing.due) for row in register(EVERY)}
    assert [said[row.audit, row.finding.check] for row in chosen] == [("Park", FAR)] * 2
    assert sum(owner == "Park" for owner, _ in said.values()) == 2
    written = {name: len(read_reviews(home / name).entries) - count for name, count in before.items()}
    assert sum(written.values()) <= 4


def kept(app):
    return int(re.search(r"(\d+) of 300", html(app).split("items-head")[1])[1])


def test_items_are_given_to_somebody_in_one_step_and_found_again(home):
    place = {"screen": "finding", "audit": FIRST, "check": "facts", "find": "q000"}
    app = screen(**place)
    count = kept(app)
    assert count > 1
    field(app, "text_input", "To whom").set_value("Lee")
    next(one for one in app.button if one.label == "Give").click()
    rerun(app)
    given = [one.says for one in read_reviews(home / FIRST).entries if one.says.item]
    assert len(given) == count
    assert {one.owner for one in given} == {"Lee"}
    assert kept(screen(screen="finding", audit=FIRST, check="facts", reviewed="given")) == count
    rows = [row for row in register(EVERY) if row.item is not None]
    assert {(row.finding.check, row.standing.owner) for row in rows} == {("facts", "Lee")}
    assert len({row.mark for row in rows}) == len(rows) == count
    first = rows[0].item
    app = screen(screen="register", owner="Lee", search=first)
    assert f"{count} items given to somebody" in seen(app)
    [row] = rows_of(app, "register")
    place = next(one for one in links(row) if one["screen"] == "item")
    assert first in seen(screen(**place))
    assert sum(one["item"] == first for one in csv.DictReader(io.StringIO(as_csv(rows, EN).decode()))) == 1
    audit = load_record(home / FIRST)
    add_reviews(audit, call_item(audit, "facts", first, "right"), author="Lee")
    assert first not in {row.item for row in register(EVERY)}, "who said what is right of it has done what was asked"
