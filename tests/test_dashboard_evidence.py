"""Items to look through: what a reader searches, sorts, chooses and takes away, all of it kept in the address."""

import csv
import io
import json
import math
import re

import pandas as pd
import pytest
from dashboard_fixtures import FIRST, HOSTILE, PICTURES, make_home
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import HOSTILE as TEXTS
from report_fixtures import finding, rate, write_audit
from test_dashboard_paging import opened
from test_dashboard_views import html, links, screen, seen

from audit.errors import UsageError
from audit.record import items_of, load_record
from dashboard.item_pages import Filters, as_csv, columns_of, matching
from dashboard.loading import AUDITS


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("audits"))


@pytest.fixture
def home(made, monkeypatch):
    monkeypatch.setenv(AUDITS, str(made))
    return made


# Which rows, in which order


LETTERS = "aAbB é한.*"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(LETTERS, max_size=6), min_size=1, max_size=20), st.text(LETTERS, min_size=1, max_size=3))
def test_a_search_keeps_the_rows_that_have_the_text_whatever_its_case(tmp_path_factory, texts, wanted):
    frame = pd.DataFrame({"item": range(len(texts)), "text": texts, "other": "x"})
    items = opened(tmp_path_factory.mktemp("audit"), frame)
    kept = [row for row, text in enumerate(texts) if wanted.lower() in text.lower()]
    assert matching(items, Filters(find=wanted)).tolist() == kept


def test_between_slashes_it_is_a_regular_expression_and_a_name_can_be_found(tmp_path):
    items = opened(tmp_path, pd.DataFrame({"item": ["q-17", "q-18"], "text": ["Paris is big", "in Oslo"]}))
    assert matching(items, Filters(find="/^paris|OSLO$/")).tolist() == [0, 1]
    assert matching(items, Filters(find="/^oslo/")).tolist() == []
    assert matching(items, Filters(find="Q-18")).tolist() == [1]
    with pytest.raises(UsageError, match=re.escape("search: '(' is no regular expression")):
        matching(items, Filters(find="/(/"))


def test_a_regular_expression_cannot_hold_the_server_up(tmp_path):
    """Of an engine that backtracks this takes longer than the universe has lasted."""
    items = opened(tmp_path, pd.DataFrame({"item": ["1"], "text": ["a" * 200 + "b"]}))
    assert matching(items, Filters(find="/^(a+)+$/")).tolist() == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, -2.5, math.nan, 7.0]), min_size=1, max_size=20), st.booleans())
def test_a_column_sorts_ties_as_stored_and_what_is_missing_last(tmp_path_factory, values, falling):
    frame = pd.DataFrame({"item": range(len(values)), "score": values, "weight": 1.0})
    items = opened(tmp_path_factory.mktemp("audit"), frame)
    turn = -1 if falling else 1

    def place(row):
        value = values[row]
        return (True, 0.0, row) if math.isnan(value) else (False, turn * value, row)

    sort = "-score" if falling else "score"
    assert matching(items, Filters(sort=sort)).tolist() == sorted(range(len(values)), key=place)


def test_lists_and_unknown_columns_give_no_order(tmp_path):
    items = opened(tmp_path, pd.DataFrame({"item": list("ab"), "image": [[1], [2]], "flag": [True, False]}))
    assert columns_of(items).sortable == ("item", "flag")
    assert columns_of(items).texts == ("item",)
    for sort in ("image", "-nothing"):
        assert matching(items, Filters(sort=sort)).tolist() == [0, 1]


def test_the_csv_has_what_is_stored_and_nothing_that_a_spreadsheet_runs(tmp_path):
    texts = ["=1+1", "+a", "-b", "@c", "plain, with a comma", 'and "quotes"\nin two lines', None]
    frame = pd.DataFrame({"item": range(7), "text": texts, "score": [-1.5] * 7, "image": [[[1, 2]]] * 7})
    items = opened(tmp_path, frame)
    rows = list(csv.DictReader(io.StringIO(as_csv(items, [4, 0, 1, 2, 3, 5, 6]).decode())))
    told = ["plain, with a comma", "'=1+1", "'+a", "'-b", "'@c", 'and "quotes"\nin two lines', ""]
    assert [row["text"] for row in rows] == told
    assert {row["score"] for row in rows} == {"-1.5"}, "a number is no formula"
    assert json.loads(rows[0]["image"]) == [[1, 2]]


# The screen


def test_search_and_order_stand_in_the_address_and_lead_on_to_the_item(home):
    page = screen(screen="finding", audit=FIRST, check="facts", find="river", sort="-item")
    record = load_record(home / FIRST)
    items = items_of(record.folder, record.finding("facts"))
    wanted = matching(items, Filters(find="river", sort="-item")) + 1
    assert f"{len(wanted):,} of {items.total:,}, as you sort them" in seen(page)
    shown = [one for one in links(html(page)) if one.get("screen") == "item"]
    assert [int(one.get("item", 1)) for one in shown][:6] == [int(row) for row in wanted[:3] for _ in range(2)]
    assert all((one["find"], one["sort"]) == ("river", "-item") for one in shown)
    inner = screen(**shown[2])
    assert f"Item 2 of {len(wanted):,}" in seen(inner)


def test_a_head_sorts_from_the_largest_down_and_a_second_click_turns_it_round(home):
    page = html(screen(screen="finding", audit=FIRST, check="facts"))
    orders = {one["sort"] for one in links(page) if "sort" in one}
    assert {name for name in orders if not name.startswith("-")} == set(), "first from the largest down"
    turned = html(screen(screen="finding", audit=FIRST, check="facts", sort=sorted(orders)[0]))
    assert sorted(orders)[0].removeprefix("-") in {one.get("sort") for one in links(turned)}
    assert 'aria-sort="descending"' in turned


def test_chosen_columns_are_shown_and_no_others(home):
    record = load_record(home / FIRST)
    first, second = [name for name in items_of(record.folder, record.finding("facts")).columns if name != "item"][:2]
    page = html(screen(screen="finding", audit=FIRST, check="facts", columns=f"{second},{first},nothing"))
    head = re.search(r'<table class="items">.*?</thead>', page, re.S)[0]
    assert len(re.findall(r"<th\b", head)) == 3


def test_a_search_that_is_no_expression_says_so_and_shows_the_items(home):
    page = screen(screen="finding", audit=FIRST, check="facts", find="/(/")
    assert "'(' is no regular expression" in seen(page)
    assert "item" in {one.get("screen") for one in links(html(page))}


def test_a_gallery_draws_each_item_and_leads_to_it(home):
    page = html(screen(screen="finding", audit=PICTURES, check="unseen", shown="gallery"))
    gallery = re.search(r'<ul class="gallery">.*?</ul>', page, re.S)[0]
    assert gallery.count("<li") == gallery.count("<img") == len(links(gallery)) > 1


@pytest.mark.parametrize("shown", ["table", "gallery"])
def test_hostile_items_stay_words(home, shown):
    page = html(screen(screen="finding", audit=HOSTILE, check="check-0", shown=shown, find=TEXTS[0][:20]))
    assert "<script>alert" not in page


def test_a_file_whose_columns_have_hostile_names_can_be_browsed(home, tmp_path, monkeypatch):
    frame = pd.DataFrame({"item": list("ab"), TEXTS[0]: ["x", "y"], "a,b": [1.0, 2.0]})
    one = finding("check", "measured", "w", gating=False, measures=[rate("miss_share", 1, 4)])
    audit = write_audit(tmp_path / "x", [one], items={"check": frame})
    monkeypatch.setenv(AUDITS, str(tmp_path))
    page = html(screen(screen="finding", audit=audit.folder.name, check="check"))
    assert "<script>alert" not in page
