"""Items behind a finding: the worst first, within their room, and only the file that the record names."""

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_fixtures import finding, rate, write_audit

from audit.files import digest_file
from audit.record import Evidence, Limit, load_record
from reports.figures import drawn
from reports.text import Notation, words_of
from reports.views import count_items, shown_cell, shown_table, worst_items
from reports.views.evidence import MAX_COLUMNS, ONCE

N = Notation(words_of("en"))
FRAME = pd.DataFrame(
    {"id": [f"i{n}" for n in range(6)], "value": [0.5, 1.0, 0.0, math.nan, 1.0, 0.25], "text": list("abcdef")}
)


def audit_of(tmp_path, frame, *, limit=None, direction="neither", ideal=None, share=0.5):
    measure = rate("m", int(share * 100), 100, direction=direction, ideal=ideal)
    return write_audit(tmp_path, [finding("x", "passed", "why", measures=[measure], limit=limit)], items={"x": frame})


def shown(audit, most=20, room=10**6):
    return worst_items(audit, audit.record.findings[0], N, most, room)


def ids(items):
    position = [column.label for column in items.columns].index("item")
    return [row[position] for row in items.rows]


AGAINST = pd.array([False, True, True, None, True, False], "boolean")
WEIGHT = [0.9, 0.5, math.nan, 7.0, 0.8, 0.2]


@pytest.mark.parametrize(
    ("ranks", "order"),
    [
        ({"against": AGAINST, "weight": WEIGHT}, ["i4", "i1", "i2", "i0", "i5", "i3"]),
        ({"against": AGAINST}, ["i1", "i2", "i4", "i0", "i5", "i3"]),
        ({"weight": WEIGHT}, ["i3", "i0", "i4", "i1", "i5", "i2"]),
        ({"against": ["yes"] * 6, "weight": ["heavy"] * 6}, ["i0", "i1", "i2", "i3", "i4", "i5"]),
        ({}, ["i0", "i1", "i2", "i3", "i4", "i5"]),
    ],
)
@pytest.mark.parametrize(
    "asked",
    [
        {"limit": Limit(measure="m", at_most=0.5)},
        {"limit": Limit(measure="m", at_least=0.5)},
        {"direction": "higher is better"},
        {"direction": "nearer to ideal is better", "ideal": 0.5, "share": 0.7},
    ],
)
def test_the_detector_says_what_is_worst_whatever_the_limit_and_the_direction(tmp_path, ranks, order, asked):
    items = shown(audit_of(tmp_path, FRAME.assign(**ranks), **asked))
    assert ids(items) == order
    assert items.ranked == (order[0] != "i0")
    assert items.total == 6
    assert not {"against", "weight"} & {column.label for column in items.columns}


def test_cells_are_printed_and_cut(tmp_path):
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "number": [0.123456, math.nan],
            "count": [12_345, 2],
            "flag": [True, False],
            "none": [None, "x"],
            "list": [["p", "q"], ["r"]],
            "raw": [b"\x00\xff", b""],
            "long": ["W" * 10_000, "short"],
        }
    )
    items = shown(audit_of(tmp_path, frame))
    first = dict(zip([column.label for column in items.columns], items.rows[0], strict=True))
    second = dict(zip([column.label for column in items.columns], items.rows[1], strict=True))
    assert first | {"long": ""} == {
        "item": "a",
        "number": "0.123",
        "count": "12,345",
        "flag": "yes",
        "none": "—",
        "list": "p · q",
        "raw": "00ff",
        "long": "",
    }
    assert second["number"] == "—"
    assert first["long"] == "W" * 480 + " … (9,520 more characters)"


def test_what_is_the_same_everywhere_is_said_once(tmp_path):
    few, many = "k" * ONCE, "m" * (ONCE + 1)
    items = shown(audit_of(tmp_path, FRAME.assign(kind="swap", key=few, mark=many)))
    assert sorted(items.same) == [("key", few), ("kind", "swap")]
    assert {"key", "kind", "mark"} & {column.label for column in items.columns} == {"mark"}


def test_of_too_many_columns_the_last_are_only_named(tmp_path):
    rng = np.random.default_rng(0)
    frame = FRAME.assign(**{f"n{index}": rng.random(6) for index in range(9)})
    items = shown(audit_of(tmp_path, frame))
    labels = [column.label for column in items.columns]
    assert len(labels) == MAX_COLUMNS
    assert labels == ["item", "text", "value", "n0", "n1", "n2", "n3", "n4"]
    assert items.hidden == ("n5", "n6", "n7", "n8")


@pytest.mark.parametrize(
    ("made_of", "kept"),
    [({"mean_of": "n8"}, ["n8"]), ({"auroc_of": (("items", "n7"), ("foreign", "n6"))}, ["n7", "n6"]), ({}, [])],
)
def test_what_was_judged_is_never_left_out_even_where_it_says_the_same_everywhere(tmp_path, made_of, kept):
    rng = np.random.default_rng(0)
    frame = FRAME.assign(**{f"n{index}": rng.random(6) for index in range(8)}, n8=1.0, flat=2.0)
    one = finding("x", "failed", "why", measures=[replace(rate("m", 1, 2), **made_of)])
    items = shown(write_audit(tmp_path, [one], items={"x": frame}))
    assert [column.label for column in items.columns][2 : 2 + len(kept)] == kept
    assert ("flat", "2") in items.same
    assert ("n8" in {label for label, _ in items.same}) == ("n8" not in kept)


def test_images_series_and_flags_are_drawn_and_never_printed_as_lists(tmp_path):
    frame = pd.DataFrame({
        "id": ["a", "b"], "image": [[[0, 16], [8, 4]]] * 2, "series": [[0.0, 1.0, 0.5]] * 2,
        "green": [[True, False, True], [False] * 40], "features": [list(np.arange(12.0))] * 2, "few": [[1, 2], [3, 4]],
    })
    items = shown(audit_of(tmp_path, frame))
    kinds = {column.label: column.kind for column in items.columns}
    first = dict(zip(kinds, items.rows[0], strict=True))
    assert [kinds[name] for name in ("image", "series", N.words.term("column", "green"))] == ["picture"] * 3
    assert first["image"].startswith("<img")
    assert 'alt="2 × 2; black 0, white 16"' in first["image"]
    assert first["series"].count("<polyline") == 1
    green = first[N.words.term("column", "green")]
    assert "<title>2 of 3</title>" in green
    dark = re.findall(r"M([\d.]+) 0h32.00v", green)
    assert [float(x) for x in dark] == [0, 64]
    assert dict(items.same) == {"features": "12 numbers from 0 to 11"}
    assert first["few"] == "1 · 2"
    wide = drawn("green", [True, False, True], N, 960, 220)
    assert 'viewBox="0 0 96 24" width="96"' in wide.picture


def test_the_first_rows_of_a_findings_table_are_shown_and_no_changed_one(tmp_path):
    audit = audit_of(tmp_path, FRAME)
    path = tmp_path / "items" / "x.table.parquet"
    pd.DataFrame({"score": ["nll", "knn5"], "auroc": [0.75, 0.5]}).to_parquet(path)
    pinned = [*audit.finding("x").evidence, Evidence(path="items/x.table.parquet", sha256=digest_file(path))]
    one = audit.finding("x").model_copy(update={"evidence": pinned})
    found = shown_table(audit, one, N, 1, 10**6)
    assert [column.label for column in found.columns][1:] == ["AUROC"]
    assert ([row[1] for row in found.rows], found.total) == (["0.750"], 2)
    FRAME.to_parquet(path)
    assert shown_table(audit, one, N, 1, 10**6).problem == "changed"
    assert shown_table(audit, audit.finding("x"), N, 1, 10**6) is None


def test_rows_stay_within_their_room(tmp_path):
    frame = pd.DataFrame({"id": [str(index) for index in range(20)], "text": ["<" * 400] * 20})
    items = shown(audit_of(tmp_path, frame), room=5_000)
    assert len(items.rows) == 3, "each row is 1,600 characters when escaped"
    assert items.total == 20


def test_a_missing_file_is_told(tmp_path):
    audit = audit_of(tmp_path, FRAME)
    (tmp_path / "items" / "x.parquet").unlink()
    assert shown(audit).problem == "missing"
    assert count_items(audit, audit.record.findings[0]) is None


def test_a_file_that_is_not_the_records_is_not_shown(tmp_path):
    audit = audit_of(tmp_path, FRAME)
    FRAME.assign(text="forged").to_parquet(tmp_path / "items" / "x.parquet")
    items = shown(audit)
    assert items.problem == "changed"
    assert items.rows == ()


def test_a_check_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.parquet").write_bytes(b"secret")
    name = "../../secret"
    one = finding(name, "passed", "why", evidence=[Evidence(path=f"items/{name}.parquet", sha256="sha256:0")])
    audit = write_audit(tmp_path / "audits", [one])
    assert worst_items(audit, one, N, 20, 10**6).problem == "missing"


def test_a_check_without_items_has_none(tmp_path):
    audit = write_audit(tmp_path, [finding("x", "crashed", "why")])
    assert shown(audit) is None
    assert count_items(audit, audit.record.findings[0]) is None


def test_items_are_counted_without_being_read(tmp_path):
    audit = audit_of(tmp_path, FRAME)
    assert count_items(load_record(audit.folder), audit.record.findings[0]) == 6


def test_texts_of_several_draws_are_read_one_after_another():
    assert shown_cell(["yes", None, "<b>"], Notation(words_of("en"))) == "yes · <b>"
    assert shown_cell([None, None], Notation(words_of("en"))) == ""


def test_whole_numbers_are_told_whole_and_long_lists_of_lists_by_their_size():
    notation = Notation(words_of("en"))
    assert [shown_cell(one, notation, "label") for one in (1.0, 0.0, -3.0, 0.7)] == ["1", "0", "−3", "0.700"]
    assert shown_cell(1.64e10, notation, "value") == "16.4\u00a0billion"
    names = [None, *([["a", "b", "c"]] * 20)]
    assert shown_cell(names, notation, "large_names") == "21 lists, of 3 entries at most"
    assert "a" in shown_cell(names[:4], notation, "large_names"), "few entries stand as they are"


def test_sizes_times_and_operations_of_an_item_are_told_as_measures_are():
    told = [shown_cell(value, Notation(words_of("en")), name).replace("\u00a0", " ") for name, value in (
        ("peak_bytes", 1_612_000_000), ("cpu_seconds", 0.000282), ("score_flops", 7.65e8), ("tokens", 12_345_678),
    )]  # fmt: skip
    assert told == ["1.61 GB", "282 µs", "765 million", "12,345,678"]
