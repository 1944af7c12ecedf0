"""The index over many audits: what it says is what the folders say, whatever happens to it; nothing rests on it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from datetime import date, timedelta

import pandas as pd
import pytest
from needs import ROOT
from report_fixtures import HOSTILE, finding, mixed, write_audit

from audit.catalogue import CATALOGUE, Asked, Catalogue, stand_in
from audit.catalogue import catalogue as at_work
from audit.cli.app import execute
from audit.record import load_record
from audit.review import Comment, Decision, Due, Owner, add_reviews

QUERIES = [
    '"', "''; DROP TABLE audits; --", "a OR b NOT", "NEAR(", "%", "_", "\\", "*", "\0", "\ud800", "\u202e", "{x}", "^a",
    ":",
]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "audits").mkdir()
    return tmp_path / "audits"


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request, home):
    place = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return Catalogue(home, place)


def _write(home, name, verdict="passed", title="A title", **more):
    return write_audit(home / name, [finding("facts", verdict, "It is told why.")], title=title, **more)


def _names(index, **asked):
    return index.names(Asked(**asked))


def test_what_is_new_changed_and_gone_is_seen(index, home):
    _write(home, "one")
    _write(home, "two", "failed")
    assert (index.refresh(), _names(index)) == (0, ["two", "one"])
    _write(home, "one", "crashed")
    _write(home, "three", "inconclusive", "Another")
    (home / "two").rename(home.parent / "two")
    (home / "no audit").mkdir()
    index.refresh()
    assert _names(index) == ["one", "three"]
    assert _names(index, verdict="inconclusive") == _names(index, search="ANOTHER") == ["three"]
    assert (index.count(Asked()), index.counts().total) == (2, 2)
    assert Catalogue(home, index.place if "://" in str(index.place) else None).names(Asked()) == ["one", "three"]


def test_a_record_changed_behind_its_back_is_read_again_though_its_times_are_the_old_ones(home):
    folder, index = home / "one", Catalogue(home)
    _write(home, "one", title="Before")
    index.refresh()
    before, record = folder.stat(), folder / "record.json"
    facts = record.stat()
    record.write_bytes(record.read_bytes().replace(b"Before", b"Behind"))
    os.utime(record, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
    index.refresh()
    assert _names(index, search="behind") == ["one"]
    assert _names(index, search="before") == []


def test_what_people_said_is_found_and_counted_and_a_day_that_goes_by_is_seen(index, home, monkeypatch):
    _write(home, "mine", "failed")
    _write(home, "done", "failed")
    tomorrow = date.today() + timedelta(days=1)
    _say(home / "mine", Owner(check="facts", owner="Kim  lee"), Due(check="facts", due=tomorrow),
         Comment(check="facts", text="Bitte bis Freitag; 금요일까지"))  # fmt: skip
    _say(home / "done", Decision(decision="approved"))
    index.refresh()
    assert index.counts("KIM LEE").only == {"decide": 1, "overdue": 0, "damaged": 0, "running": 0, "mine": 1}
    for asked in ({"only": "mine", "me": "kim LEE"}, {"only": "decide"}, {"search": "freitag"}, {"search": "금요일"}):
        assert _names(index, **asked) == ["mine"]
    assert _names(index, only="mine", me="Somebody") == _names(index, only="mine") == []

    class Later(date):
        @classmethod
        def today(cls):
            return date.today() + timedelta(days=2)

    monkeypatch.setattr(at_work, "date", Later)
    index.refresh()
    assert _names(index, only="overdue") == ["mine"]


def test_a_stand_holds_until_the_day_that_it_says(home):
    """The law that audits are not read anew each day rests on: up to that day nothing differs, after it something."""
    today = date.today()
    _write(home, "one", "failed")
    _say(home / "one", Due(check="facts", due=today + timedelta(days=3)))
    stand = stand_in(home / "one", today)
    assert stand.holds_until == today + timedelta(days=3)
    assert {stand_in(home / "one", today + timedelta(days=days)) for days in range(4)} == {stand}
    assert stand_in(home / "one", today + timedelta(days=4)).overdue == 1


def test_items_are_found_in_any_alphabet_as_far_as_they_are_the_records(index, home):
    items = pd.DataFrame({"id": ["a", "b"], "question": ["Which RIVER?", "한국의 수도는 어디인가"]})
    _write(home, "one", "failed", items={"facts": items})
    _write(home, "two", "failed", items={"facts": items})
    table = home / "two" / "items" / "facts.parquet"
    table.write_bytes(table.read_bytes() + b"changed")
    index.refresh()
    assert _names(index, search="river") == []
    assert index.read_items() == 0
    for wanted in ("which river", "수도는"):
        assert _names(index, search=wanted) == ["one"]
        assert index.hits(wanted, ["one", "two"]) == {"one": ("facts",)}
    assert index.hits("수도", ["one"]) == {}  # two letters are looked for in items nowhere


def test_of_many_items_a_part_is_here_and_that_is_told(home, capsys):
    items = pd.DataFrame({"id": ["a", "b"], "question": ["alpha " * 20_000, "omega"]})
    _write(home, "one", items={"facts": items})
    index = Catalogue(home)
    index.refresh()
    index.read_items()
    assert index.partly() == ["one"]
    assert "of the items of 1 audits a part was looked through" in _listed(capsys, home, "--search", "omega")
    told = json.loads(_listed(capsys, home, "--search", "omega", "--json"))
    assert (told["total"], told["searched_in_part"]) == (0, 1)


@pytest.mark.parametrize("place", ["sqlite", "postgresql"])
def test_hostile_names_titles_and_questions_do_no_harm(place, home, request):
    index = Catalogue(home, request.getfixturevalue("postgres_url") if place == "postgresql" else None)
    for number, text in enumerate(HOSTILE):
        items = pd.DataFrame({"id": ["a"], "text": [text]})
        _write(home, f"audit {number}", "failed", title=text, items={"facts": items})
    for name in ("'; DROP TABLE audits; --", "a\u202eb", '"', "%"):
        _write(home, name, title="Named")
    (home / os.fsdecode(b"\xff\xfe")).mkdir()
    (home / os.fsdecode(b"\xff\xfe") / "record.json").write_text("{")
    (home / "link").symlink_to(home / "audit 1")
    (home / "pipe").mkdir()
    os.mkfifo(home / "pipe" / "record.json")
    assert index.refresh() == index.read_items() == 0
    total = index.count(Asked())
    assert total == len(HOSTILE) + 4 + 3
    assert not index.look_again(_names(index)), "a name that is no text is looked for as the folder is called"
    for wanted in (*QUERIES, *HOSTILE):
        found = set(_names(index, search=wanted))
        assert index.count(Asked()) == total
        there = wanted.replace("\0", "\ufffd").encode("utf-8", "replace").decode().casefold()
        if len(there) > 2 and wanted in HOSTILE:
            assert f"audit {HOSTILE.index(wanted)}" in found
    with_sign = {f"audit {number}" for number, text in enumerate(HOSTILE) if "%" in text}
    assert set(_names(index, search="%")) == {"%", *with_sign}


def _damage(place, how):
    if how == "schema":
        with sqlite3.connect(place) as one:
            one.execute("UPDATE facts SET value = '999' WHERE key = 'schema'")
        one.close()
    elif how == "others":
        with sqlite3.connect(place) as one:
            one.execute("UPDATE facts SET value = 'x' WHERE key = 'made_for'")
            one.execute("DELETE FROM audits")
        one.close()
    elif how == "tables":
        with sqlite3.connect(place) as one:
            one.execute("DROP TABLE facts")
        one.close()
    elif how == "empty":
        place.write_bytes(b"")
    else:
        whole = place.read_bytes()
        place.write_bytes(b"no database" * 900 if how == "text" else whole[:4096] + b"\xff" * (len(whole) - 4096))


@pytest.mark.parametrize("how", ["schema", "others", "tables", "empty", "text", "pages", "gone"])
def test_whatever_happens_to_the_file_it_is_made_anew(home, how):
    for number in range(30):
        _write(home, f"a{number}", "failed")
    index = Catalogue(home)
    index.refresh()
    for end in ("-wal", "-shm"):
        assert not index.place.with_name(index.place.name + end).exists() or Catalogue(home).refresh() == 0
    at_work.checkpoint(at_work.open_database(index.place))
    index.place.unlink() if how == "gone" else _damage(index.place, how)
    for one in (index, Catalogue(home)):
        one.refresh()
        assert one.count(Asked(verdict="failed", search="told")) == 30


REFRESH = """
import sys
from pathlib import Path
from audit.catalogue import Catalogue
catalogue = Catalogue(Path(sys.argv[1]))
catalogue.refresh(told=lambda done, of: print(done, flush=True))
"""


def test_a_refresh_that_is_killed_leaves_whole_audits_only(home, monkeypatch):
    for number in range(230):
        _write(home, f"a{number}", "failed")
    process = subprocess.Popen([sys.executable, "-c", REFRESH, home], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout.readline() == b"100\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    index = Catalogue(home)
    before = index.count(Asked())
    assert before in (100, 200, 230)
    assert index.count(Asked(search="told")) == before
    index.refresh()
    assert (index.count(Asked()), index.count(Asked(search="told"))) == (230, 230)


def test_where_not_all_can_be_read_at_once_fewer_are(index, home):
    for number in range(5):
        _write(home, f"a{number}", "failed")
    assert (index.refresh(most=4, of_more=2), index.count(Asked())) == (3, 2)
    assert (index.refresh(most=2, of_more=50), index.count(Asked())) == (1, 4)
    assert (index.refresh(most=1, of_more=0), index.count(Asked())) == (0, 5)


def test_two_refreshers_and_a_reader_at_once(index, home):
    for number in range(150):
        _write(home, f"a{number}", "failed")
    place = index.place if "://" in str(index.place) else None
    index.refresh(most=1)
    others, counted = [Catalogue(home, place) for _ in range(2)], []
    threads = [threading.Thread(target=one.refresh, daemon=True) for one in others]
    for one in threads:
        one.start()
    while any(one.is_alive() for one in threads):
        counted.append((index.count(Asked()), index.count(Asked(search="told"))))
        time.sleep(0.01)
    assert all(0 < total <= 150 for total, _ in counted)
    assert (index.count(Asked()), index.count(Asked(search="told"))) == (150, 150)
    assert len(set(_names(index))) == 150


def test_where_it_lies(home, tmp_path, monkeypatch):
    assert Catalogue(home).place == home / ".catalogue.sqlite"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    aside = Catalogue(home)
    assert aside.place.parent == tmp_path / "cache" / "dokimasia"
    _write(home, "one")
    aside.refresh()
    assert (_names(aside), (home / ".catalogue.sqlite").exists()) == (["one"], False)
    monkeypatch.setenv(CATALOGUE, str(tmp_path / "named.sqlite"))
    assert Catalogue(home).place == tmp_path / "named.sqlite"


def test_known_audits_are_looked_at_in_turn_and_those_shown_at_once(home, monkeypatch):
    monkeypatch.setattr(at_work, "SWEPT", 2)
    index = Catalogue(home)
    for number in range(6):
        _write(home, f"a{number}")
    index.refresh()
    for number in range(6):
        _write(home, f"a{number}", "failed")
    index.refresh(first=["a5"])
    assert 3 >= index.count(Asked(verdict="failed")) >= 1
    assert "a5" in _names(index, verdict="failed")
    index.refresh()
    index.refresh()
    assert index.count(Asked(verdict="failed")) == 6


def test_orders_pages_and_what_is_followed(index, home):
    for at, (name, verdict, title) in enumerate((("x", "failed", "b"), ("y", "passed", "C"), ("z", "crashed", "a"))):
        _write(home, name, verdict, title)
        os.utime(home / name / "record.json", (1_700_000_000 + at, 1_700_000_000 + at))
    index.refresh()
    orders = {order: "".join(_names(index, order=order)) for order in ("worst", "newest", "title", "model")}
    assert (orders["newest"], orders["title"], orders["model"]) == ("zyx", "zxy", "zyx")
    assert orders["worst"] in ("zxy", "xzy")
    assert index.names(Asked(order="newest"), 1, 1) == ["y"]
    assert index.followed() == [("SmolLM2-135M", 3, "SmolLM2-135M")]


def _say(folder, *said):
    add_reviews(load_record(folder), *said, author="Kim")


def _listed(capsys, home, *words, code=0):
    capsys.readouterr()
    assert execute(["list", "--into", str(home), *words]) == code
    told = capsys.readouterr()
    return told.out or told.err


def test_the_command_lists_in_79_columns_and_as_json(home, capsys):
    mixed(home / "mixed", 5)
    _write(home, "korean", "failed", "한국어로 된 매우 긴 제목이 여기에 있으며 줄을 넘기면 안 된다 " * 3)
    _write(home, "hostile", "passed", "\x1b[31mred\u202e" + "W" * 200)
    lines = _listed(capsys, home).splitlines()
    assert [len(lines), *(line.split()[0] for line in lines)] == [4, "audit", "mixed", "korean", "hostile"]
    assert max(len(line.encode("utf-16-le")) // 2 for line in lines) <= 79
    assert "\x1b" not in "".join(lines)
    told = json.loads(_listed(capsys, home, "--search", "한국어", "--json"))
    assert (told["total"], [one["name"] for one in told["audits"]]) == (1, ["korean"])
    assert _listed(capsys, home, "--verdict", "passed").splitlines()[1].startswith("hostile ")
    assert "did you mean 'failed'" in _listed(capsys, home, "--verdict", "faild", code=2)
    assert "no folder of audits here" in _listed(capsys, home / "none", code=2)
