"""Stored JSON is read back only where we could have written it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ask.partial import Continued
from audit.errors import IntegrityError
from audit.files import (
    add_line,
    append_line,
    arrow_table,
    canonical,
    locked,
    parquet_bytes,
    parse_json,
    read_frame,
    read_lines,
    stored_json,
    whole_lines,
)
from audit.plan.register import read_entries

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_what_we_write_is_read_back(value):
    assert parse_json(canonical(value)) == value


@given(JSON)
def test_so_is_the_same_with_every_character_escaped(value):
    assert parse_json(json.dumps(value).encode()) == value


NEVER = [
    b'"\\ud800"', b'{"\\uDC00x": 1}', b"[NaN]", b"1e999", b"-Infinity", b'{"a": "\xff"}', b'"\xed\xa0\x80"',
    '"UTF-16"'.encode("utf-16"), b'{"a": 1, "b": {"c": 2, "c": 2}}',
]  # fmt: skip


@pytest.mark.parametrize("data", NEVER)
def test_what_we_never_write_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match=r"."):
        parse_json(data)
    (tmp_path / "x.json").write_bytes(b'{"held": ' + data + b"}")
    with pytest.raises(IntegrityError, match="not JSON"):
        stored_json(tmp_path / "x.json")


def test_a_line_of_the_register_with_half_a_character_is_no_line(tmp_path):
    """It would come into the next record, which could then not be written."""
    name = "0123456789abcdef"
    good = canonical({"id": name, "plan": "sha256:00", "asks": {}}) + b"\n"
    path = tmp_path / "plans.jsonl"
    path.write_bytes(good + canonical({"id": name, "verdicts": {"facts": "X"}}).replace(b"X", b"\\ud800") + b"\n")
    with path.open("r+b") as file:
        assert not read_entries(file)[name].verdicts


def test_a_line_of_the_register_with_a_limit_that_is_no_number_is_no_line(tmp_path):
    path = tmp_path / "plans.jsonl"
    path.write_bytes(canonical({"id": "0123456789abcdef", "plan": "sha256:00", "asks": {}, "limit": [64]}) + b"\n")
    with path.open("r+b") as file:
        assert read_entries(file) == {}


def test_a_frame_with_lists_of_nothing_is_read_as_it_was_stored(tmp_path):
    """Three lists of nulls a row: Arrow cannot cast such a column even to its own type."""
    rows = [[[None, None, None]] * 2 + [["why", None]], [[1, 2]] * 3]
    frame = pd.DataFrame({"id": ["a", "b", "c"], "problems": [[None] * 3] * 3, "said": rows[0], "n": rows[1]})
    (tmp_path / "x.parquet").write_bytes(parquet_bytes(arrow_table(frame.set_index("id"))))
    back = read_frame(tmp_path / "x.parquet")
    assert [list(cell) for cell in back["problems"]] == [[None] * 3] * 3
    assert [list(cell) for cell in back["n"]] == rows[1]
    assert list(back.index) == ["a", "b", "c"]


# --- append-only logs


BYTES = st.binary(max_size=8).map(lambda data: data.replace(b"\n", b"").replace(b"\r", b""))


@given(st.lists(BYTES.map(lambda data: data + b"\n"), max_size=6), BYTES)
def test_what_is_torn_is_no_line_and_nothing_is_written_behind_it(tmp_path_factory, lines, torn):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    path.write_bytes(b"".join(lines) + torn)
    assert whole_lines(path.read_bytes()) == (lines, len(torn)) == read_lines(path)
    add_line(path, b"next\n")
    assert path.read_bytes() == b"".join(lines) + b"next\n"
    with locked(path) as file:
        append_line(file.fileno(), b"last\n")
        file.seek(0)
        assert whole_lines(file.read()) == ([*lines, b"next\n", b"last\n"], 0)


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 200_000])
def test_a_torn_line_of_any_length_goes(tmp_path, size):
    path = tmp_path / "log.jsonl"
    for before in (b"", b"whole\n"):
        path.write_bytes(before + b"x" * size)
        add_line(path, b"next\n")
        assert path.read_bytes() == before + b"next\n"


def test_one_holds_a_log_and_others_are_told_or_wait(tmp_path):
    path = tmp_path / "log.jsonl"
    with locked(path), pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    with locked(path, wait=False):
        pass


def test_an_answer_behind_one_that_a_kill_tore_is_kept(tmp_path):
    """Before, it was written behind the torn half and both were lost."""
    path = tmp_path / "observed" / "question" / "items.jsonl"
    path.parent.mkdir(parents=True)
    model = SimpleNamespace(name="m")
    first = Continued(model, path, "audit")
    first._note(0, -1.0)
    first._note(1, -2.0)
    path.write_bytes(path.read_bytes()[:-9])
    Continued(model, path, "audit")._note(2, -3.0)
    assert Continued(model, path, "audit").found == {0: -1.0, 2: -3.0}
