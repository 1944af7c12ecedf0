"""One damaged folder costs one row: whatever lies in it, every other audit is listed, and the log says what is not."""

import json
import logging
import os

import pytest
from report_fixtures import mixed, settled
from test_dashboard_views import html, screen

from audit.review import Comment, add_reviews
from dashboard import loading
from dashboard.loading import AUDITS
from reports.commands.reporting import index

WHOLE, DAMAGED = "aaaa000000000001", "bbbb000000000002"


def deep_plan(folder):
    (folder / "plan.json").write_text("[" * 200_000)


def deep_record(folder):
    (folder / "record.json").write_text("[" * 200_000)


def odd_plan(folder):
    (folder / "plan.json").write_text('{"title": "x", "checks": [1]}')


def no_schema(folder):
    record = json.loads((mixed(folder, 2).folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, "schema": None}))


def pipe_record(folder):
    os.mkfifo(folder / "record.json")


def pipe_plan(folder):
    os.mkfifo(folder / "plan.json")


def pipe_journal(folder):
    (folder / "plan.json").write_text('{"title": "x", "checks": []}')
    os.mkfifo(folder / "journal.jsonl")


def folder_record(folder):
    (folder / "record.json").mkdir()


def broken_reviews(folder):
    add_reviews(mixed(folder, 2), Comment(text="seen"), author="Kim")
    with (folder / "reviews.jsonl").open("a") as file:
        file.write('{"what": "is this"}\n')


def lost_items(folder):
    """A record that opens, with a number where its header wants none."""
    record = json.loads((mixed(folder, 2).folder / "record.json").read_text())
    record["findings"][0]["measures"] = [{"name": 1}]
    (folder / "record.json").write_text(json.dumps(record))


DAMAGES = [
    deep_plan, deep_record, odd_plan, no_schema, pipe_record, pipe_plan, pipe_journal, folder_record, broken_reviews,
    lost_items,
]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv(AUDITS, str(tmp_path))
    loading.leave_out.cache_clear()
    settled(mixed(tmp_path / WHOLE, 3))
    (tmp_path / DAMAGED).mkdir()
    return tmp_path


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
def test_every_screen_over_all_audits_goes_on_and_the_log_tells(home, caplog, damage):
    damage(home / DAMAGED)
    caplog.set_level(logging.WARNING, "dokimasia.dashboard")
    for kind in ("audits", "register", "trends"):
        page = screen(screen=kind)
        assert not page.exception
        assert "Mixed" in html(page) or WHOLE in html(page), kind
    screen()
    told = [one.getMessage() for one in caplog.records if one.name == "dokimasia.dashboard"]
    if damage is not pipe_journal:  # a journal that is none holds no answers
        assert any(DAMAGED in one and "left out" in one for one in told)
    assert len(told) == len(set(told)), "each reason once"
    assert all("\n" not in one for one in told)


def test_a_damaged_audit_says_what_can_be_done(home):
    deep_record(home / DAMAGED)
    page = html(screen(screen="audit", audit=DAMAGED))
    assert "Its record cannot be read: " in page
    assert f"dokimasia verify {home / DAMAGED}" in page
    assert "dokimasia import BUNDLE.zip" in page
    elsewhere = html(screen(screen="finding", audit=WHOLE, check="no such"))
    assert "dokimasia import" not in elsewhere, "what is only not there is not damaged"


def test_a_folder_whose_name_is_no_text_costs_one_row(home):
    odd = (home / DAMAGED).rename(home / os.fsdecode(b"\xff\xfe"))
    (odd / "record.json").write_text("{}")
    page = screen()
    assert not page.exception
    assert WHOLE in html(page)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
def test_the_index_goes_on_too(home, capsys, damage):
    damage(home / DAMAGED)
    index(home)
    said = capsys.readouterr()
    assert said.out.strip() == str(home / "index.html")
    assert "Release check of the assistant" in (home / "index.html").read_text("utf-8")
    if os.path.lexists(home / DAMAGED / "record.json") and damage is not broken_reviews:
        assert said.err.startswith(f"{DAMAGED}: ")
