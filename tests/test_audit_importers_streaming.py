"""A log that is one JSON value, read as a stream: what `json` makes of the whole comes out, in little memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs_of_tools import deepeval

from audit.errors import DataError
from audit.importers import open_log, streaming
from audit.importers.streaming import elements, head_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6,
)  # fmt: skip


@given(
    rows=st.lists(VALUES, max_size=4), before=st.dictionaries(st.text(max_size=3), VALUES, max_size=2),
    after=VALUES, deep=st.booleans(), blanks=st.sampled_from([None, 2]),
)  # fmt: skip
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_elements_and_head_are_what_json_makes_of_the_whole(tmp_path, monkeypatch, rows, before, after, deep, blanks):
    monkeypatch.setattr(streaming, "_CHUNK", 3)
    at = ("a list", "rows") if deep else ("a list",)
    whole = {**before, "a list": {"one": 1, "rows": rows, "two": after} if deep else rows, "behind": after}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole, indent=blanks, ensure_ascii=False), encoding="utf-8")
    head: dict[str, object] = {}
    assert list(elements(path, "a tool", *at, head=head)) == rows
    rest = {**before, "behind": after, **({"a list": {"one": 1, "two": after}} if deep else {})}
    assert head == rest == head_of(path, "a tool", *at)


def test_a_log_cut_anywhere_is_refused_in_a_line(tmp_path):
    path = tmp_path / "a.json"
    whole = '{"n": 12, "rows": [{"a": "é\\n"}, {"b": [1.5, null]}], "z": true}'.encode()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError) as caught:
            list(elements(path, "a tool", "rows"))
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"rows": [{"a": 1, "a": 2}]}', "key 'a' stands twice"),
        ('{"rows": [], "b": 1, "b": 2}', "key 'b' is no text or stands twice"),
        ('{"rows": [], "rows": [1]}', "key 'rows' is no text or stands twice"),
        ('{"rows": [' + "[" * 100_000 + "]" * 100_000 + "]}", "maximum recursion depth"),
        ('{"rows": [1,]}', "Expecting value"),
        ('{"rows": [1] "b": 2}', "Expecting , or }"),
        ('{"rows": [1]} 2', "more follows after its end"),
        ('{"rows": [' + "9" * 5000 + "]}", "Exceeds the limit"),
        ('{"rows": {"a": 1}}', "holds no list rows"),
        ("[1]", "holds no object"),
        (b'{"rows": ["\xff"]}', "is cut or no JSON"),
    ],
)
def test_a_hostile_log_is_refused_in_a_line(tmp_path, text, why):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=why) as caught:
        list(elements(path, "a tool", "rows"))
    assert len(str(caught.value)) < 300 + len(str(path))


def test_a_value_longer_than_may_be_held_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "MOST", 1000)
    monkeypatch.setattr(streaming, "_CHUNK", 100)
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"rows": ["a" * 900] * 3}))
    assert len(list(elements(path, "a tool", "rows"))) == 3
    path.write_text(json.dumps({"rows": ["a" * 9000]}))
    with pytest.raises(DataError, match="one value is longer than 1,000 signs"):
        list(elements(path, "a tool", "rows"))


def test_a_score_that_is_no_number_is_no_score(tmp_path):
    path = deepeval(tmp_path / "a.json", [(0.1, True), (float("nan"), False), (float("inf"), False)], passed=1)
    assert "NaN" in path.read_text()
    assert [one.score for one in open_log(path).read().answers() if one.scorer == "Bias"] == [0.1, None, None]


def test_a_log_of_one_value_is_read_in_less_memory_than_it_is_long(tmp_path, monkeypatch):
    path = deepeval(tmp_path / "a.json", [(0.1, True)], passed=1)
    log = json.loads(path.read_text())
    log["testCases"] = [{**log["testCases"][0], "actualOutput": "a long answer " * 400}] * 500
    path.write_text(json.dumps(log))
    monkeypatch.setattr(streaming, "_CHUNK", 1 << 16)
    tracemalloc.start()
    assert sum(1 for _ in open_log(path).read().answers()) == 1000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4
