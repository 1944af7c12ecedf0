"""Evidence by the page: the rows that are wanted, in the order that is wanted, without reading what is not."""

import math
from dataclasses import replace
from importlib.metadata import entry_points
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import finding, mixed, pd, rate, write_audit

from audit.record import Limit, items_of
from audit.record import items as reader
from dashboard.evidence_browser import SIZE
from dashboard.item_pages import Filters, choices, holding, matching


def opened(folder, frame, group_size=None):
    """The items file of an audit with this one frame."""
    one = finding("check", "measured", "why", gating=False, measures=[rate("miss_share", 1, 4)])
    audit = write_audit(folder, [one], items={"check": frame})
    items = items_of(audit.folder, audit.finding("check"))
    if group_size:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), items.path, row_group_size=group_size)
        items = replace(items, written=items.written + 1)
    return items


@settings(max_examples=40, deadline=None)
@given(st.lists(
    st.tuples(st.sampled_from([True, False, None]), st.sampled_from([0.0, 1.0, 2.5, -3.0, math.inf, math.nan])),
    min_size=1, max_size=30,
))
def test_the_worst_come_first_ties_as_stored_and_nothing_is_lost(tmp_path_factory, told):
    frame = pd.DataFrame({"item": range(len(told)), "weight": [weight for _, weight in told]})
    frame["against"] = pd.array([against for against, _ in told], "boolean")
    items = opened(tmp_path_factory.mktemp("audit"), frame)

    def place(row):
        against, weight = told[row]
        return [True, False, None].index(against), math.isnan(weight), 0.0 if math.isnan(weight) else -weight, row

    assert matching(items, Filters()).tolist() == sorted(range(len(told)), key=place)
    failing = [row for row in sorted(range(len(told)), key=place) if told[row][0]]
    assert matching(items, Filters(failures=True)).tolist() == failing


def test_the_order_is_the_stored_one_and_nothing_is_a_failure_where_nobody_tells(tmp_path):
    """So it is in audits that were stored before the detectors told."""
    items = opened(tmp_path, pd.DataFrame({"item": list("abc"), "value": [1.0, 0.0, 1.0]}))
    assert matching(items, Filters()).tolist() == matching(items, Filters(failures=True)).tolist() == [0, 1, 2]
    assert not items.tells_failures
    assert not items.ranks


def test_a_weight_alone_orders_and_tells_no_failures(tmp_path):
    items = opened(tmp_path, pd.DataFrame({"item": list("abc"), "weight": [0.0, 0.5, 1.0]}))
    assert not items.tells_failures
    assert matching(items, Filters(failures=True)).tolist() == [2, 1, 0]


def test_choices_are_the_texts_of_a_column_if_they_are_few(tmp_path):
    numbers = range(90)
    outcomes, groups = ["right", None, "wrong"] * 30, [str(number) for number in numbers]
    items = opened(tmp_path, pd.DataFrame({"item": numbers, "outcome": outcomes, "group": groups}))
    assert choices(items, "outcome") == ("right", "wrong")
    assert choices(items, "group") == choices(items, "item") == choices(items, "nothing") == ()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_rows_come_whole_and_in_the_order_asked_for(tmp_path_factory, data):
    count = data.draw(st.integers(1, 50))
    frame = pd.DataFrame({"item": range(count), "text": [f"t{number}" for number in range(count)]})
    items = opened(tmp_path_factory.mktemp("audit"), frame, group_size=data.draw(st.integers(1, 20)))
    wanted = data.draw(st.lists(st.integers(0, count - 1), max_size=20))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reader, "_BATCH", data.draw(st.integers(1, 20)))
        table = items.rows(wanted)
    assert table["item"].to_pylist() == wanted
    assert table["text"].to_pylist() == [f"t{number}" for number in wanted]
    with pytest.raises(IndexError, match="allowed: 0 to"):
        items.rows([count])


def test_a_check_that_names_a_file_outside_its_audit_shows_nothing(tmp_path):
    other = mixed(tmp_path / "other", 2)
    audit = mixed(tmp_path / "audit", 2)
    path = audit.folder / "items" / "facts.parquet"
    path.unlink()
    path.symlink_to(other.folder / "items" / "facts.parquet")
    assert items_of(audit.folder, audit.finding("facts")).problem == "missing"


def test_a_long_text_that_repeats_is_searched_and_shown_without_being_spelt_out_for_all(tmp_path):
    """Every row was unpacked to show 25 of them, and to search: a small file of others could fill the memory."""
    count, text = 20_000, "x" * 10_000 + "Needle"
    items = opened(tmp_path, pd.DataFrame({"item": ["x"], "value": [1.0]}))
    told = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([text]))
    pq.write_table(pa.table({"item": np.arange(count), "text": told.cast("string")}), items.path, compression="zstd")
    items = replace(items, columns=("item", "text"), texts=("text",), total=count, written=2)
    counted, before = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(counted)
    try:
        found = matching(items, Filters(find="needle"))
        assert items.rows(found[-25:])["text"].to_pylist() == [text] * 25
    finally:
        pa.set_memory_pool(before)
    assert len(found) == count
    assert 0 < counted.max_memory() < 32 << 20 < count * len(text)


FOLDED = "kKsS\N{KELVIN SIGN}\N{LATIN SMALL LETTER LONG S}aA.*\0 éÉßẞİıΣς한글"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.none() | st.text(FOLDED, max_size=5), max_size=30), st.text(FOLDED, min_size=1, max_size=3),
    st.integers(0, 30), st.integers(1, 8), st.sampled_from([pa.string(), pa.large_string()]),
)
def test_what_a_block_of_texts_tells_of_all_of_them_is_what_arrow_tells_of_each(texts, wanted, start, block, kind):
    looked = pa.array(texts, kind)[start:]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dashboard.item_pages._BLOCK", block)
        found = holding(looked, wanted).fill_null(False)
    assert found.to_pylist() == pc.match_substring(looked, wanted, ignore_case=True).fill_null(False).to_pylist()


@pytest.fixture(scope="module")
def every():
    """Every character, as a text of its own."""
    return pa.array([chr(at) for at in range(0x110000) if not 0xD800 <= at < 0xE000])


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_no_other_letter_than_these_two_has_another_case_that_is_no_ascii(every, letter):
    found = every.filter(pc.match_substring(every, letter, ignore_case=True)).to_pylist()
    more = {"k": ["\N{KELVIN SIGN}"], "s": ["\N{LATIN SMALL LETTER LONG S}"]}.get(letter, [])
    assert sorted(found) == [letter.upper(), letter, *more]
    assert holding(every, letter).true_count == len(found)


def test_what_was_unpacked_for_a_search_is_given_back_to_the_machine(tmp_path, monkeypatch):
    """Arrow keeps it otherwise: a quarter of a gigabyte after one search of a million items."""
    items = opened(tmp_path, pd.DataFrame({"item": list("abc"), "text": ["river", "city", "River"]}))
    given, pool = [], pa.default_memory_pool()
    monkeypatch.setattr(pa, "default_memory_pool", lambda: SimpleNamespace(release_unused=lambda: given.append(
        pool.release_unused())))
    assert list(matching(items, Filters(find="river"))) == [0, 2]
    assert len(given) == 1


def test_a_page_of_many_items_reads_what_it_shows(tmp_path, monkeypatch):
    """A file of a hundred row groups; `benchmarks/promises.py` prints how long a page of a million items takes."""
    count, groups = 10_000, []
    read = pq.ParquetFile.iter_batches
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda file, *size, **more: (
        groups.append(more.get("row_groups")), read(file, *size, **more))[1])
    rng = np.random.default_rng(0)
    numbers = pc.cast(pa.array(np.arange(count)), "string")
    frame = pa.table(
        {
            "item": numbers,
            "question": pc.binary_join_element_wise("Which river flows through the city of number ", numbers, "?"),
            "answer": pc.binary_join_element_wise("It is the river that was given the number ", numbers, ""),
            "against": rng.random(count) < 0.06,
            "weight": rng.gamma(2.0, 1.2, count),
        }
    )
    items = opened(tmp_path, pd.DataFrame({"item": ["x"], "value": [1.0]}))
    pq.write_table(frame, items.path, compression="zstd", row_group_size=100)
    items = replace(items, columns=tuple(frame.column_names), total=count, ranks=("against", "weight"), written=1)
    for filters, page in ((Filters(), 1), (Filters(failures=True), 1), (Filters(), 200)):
        wanted = matching(items, filters)[(page - 1) * SIZE : page * SIZE]
        table = items.rows(wanted)
        assert groups[-1] == sorted({row // 100 for row in wanted})
        assert table["item"].to_pylist() == [str(number) for number in wanted]


@pytest.mark.parametrize("limit", [{"at_most": 0.5}, {"at_least": 0.5}])
def test_failures_of_a_novelty_check_are_what_it_misjudged_whatever_its_limit(tmp_path, limit):
    """A density that takes foreign items for familiar ones: these, and false alarms, are the failures; no other row."""
    probe = entry_points(group="dokimasia.probes")["novelty.likelihood"].load()()
    faulty, _ = probe.controls(np.random.default_rng(1))
    frame = probe.judge(faulty, level=0.95, rng=np.random.default_rng(2)).items
    one = finding("check", "failed", "why", limit=Limit(measure="auroc", **limit), measures=[rate("auroc", 1, 4)])
    audit = write_audit(tmp_path, [one], items={"check": frame.reset_index()})
    items = items_of(audit.folder, audit.finding("check"))
    shown = items.rows(matching(items, Filters(failures=True)))
    missed = frame[(frame["role"] == "foreign") & (frame["p_value"] > 0.05)]
    false_alarms = frame[(frame["role"] == "items") & (frame["p_value"] <= 0.05)]
    assert set(shown["id"].to_pylist()) == {*missed.index, *false_alarms.index}
    assert len(missed) > len(frame) / 3
    assert len(false_alarms)
