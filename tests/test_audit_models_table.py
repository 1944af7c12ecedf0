"""A table of outputs answers what it holds, in its order, and nothing else."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import plugins
from audit.ask.questions import answer
from audit.errors import DataError, ModelError
from audit.model import CanSample, CanScore, Continuation, Model, ModelSource, Sample, abilities_of
from audit.models.table import OutputTable, TableModel

ROWS = [
    {"prompt": "Say a.", "output": "a", "log_prob": -0.5},
    {"prompt": "Say b.", "output": "b\nB", "log_prob": -1.5},
    {"prompt": "Say a.", "output": "007", "log_prob": None},
    {"prompt": None, "output": "free", "log_prob": -3},
    {"prompt": "Say a.", "output": "a", "log_prob": -0.25},
]


def write(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def path(request, tmp_path):
    return write(tmp_path / f"outputs.{request.param}", ROWS)


def contents(drawn: list[Sample]) -> list[str]:
    return [one.content for one in drawn]


def test_outputs_are_dealt_in_order_within_a_call(path):
    model = OutputTable(path).open()
    prompts = [row["prompt"] for row in ROWS]
    assert contents(model.sample(prompts, seed=0)) == [row["output"] for row in ROWS]
    assert contents(model.sample(["Say a."], seed=1, max_tokens=1, temperature=2)) == ["a"]
    assert model.sample([""], seed=0) == [Sample("free")]
    assert model.sample([], seed=0) == []


def test_what_the_table_does_not_hold_is_an_error_of_that_item(path):
    model = OutputTable(path).open()
    drawn = model.sample(["Say c.", "Say b.", "Say b."], seed=0)
    assert drawn == [
        Sample("", "error", problem=f"none of the 3 prompts in {path.name}; asked was 'Say c.', there is 'Say a.'"),
        Sample("b\nB"),
        Sample("", "error", problem="draw 2; for this prompt the table has 1"),
    ]


def test_an_output_may_be_empty_but_not_absent(tmp_path):
    rows = [{"prompt": "p", "output": ""}, {"prompt": "q", "output": None}]
    assert OutputTable(write(tmp_path / "o.jsonl", rows)).open().sample(["p", "q"], seed=0) == [
        Sample(""), Sample("", "error", problem="the table's output is empty"),
    ]  # fmt: skip
    assert OutputTable(write(tmp_path / "o.csv", rows)).open().sample(["p", "q"], seed=0) == [Sample(""), Sample("")]


def test_without_a_column_of_prompts_all_outputs_are_unconditional(path):
    model = OutputTable(path, prompt=None).open()
    assert contents(model.sample([None] * 5, seed=0)) == [row["output"] for row in ROWS]
    assert model.sample(["Say a."], seed=0)[0].finish == "error"


def test_log_probabilities_are_looked_up(path):
    model = OutputTable(path, log_prob="log_prob", likelihood="lower_bound").open()
    items = [
        Continuation("Say a.", "a"), Continuation("Say a.", "007"), Continuation("Say b.", "a"), "free", "a",
        Continuation("", "free"),
    ]  # fmt: skip
    nats, kind = model.log_prob(items)
    np.testing.assert_array_equal(nats, [-0.5, math.nan, math.nan, -3, math.nan, -3])
    assert kind == "lower_bound"
    assert model.log_prob([])[0].shape == (0,)
    with pytest.raises(ModelError, match="a table scores text; got a ndarray"):
        model.log_prob([np.zeros(2)])


def test_abilities_are_those_that_the_columns_carry(path):
    plain, scored = OutputTable(path).open(), OutputTable(path, log_prob="log_prob").open()
    assert abilities_of(plain) == {"sample"}
    assert abilities_of(scored) == {"sample", "log_prob"}
    assert isinstance(scored, CanSample)
    assert isinstance(scored, CanScore)
    assert not isinstance(plain, CanScore)
    assert "log_prob" in plain.missing
    assert scored.missing == {}
    for model in (plain, scored):
        assert isinstance(model, Model)
        assert (model.name, model.family, model.modality) == ("outputs", "table", "text")
    assert OutputTable(path, name="GPT-9").open().name == "GPT-9"


def test_the_fingerprint_is_of_bytes_and_columns(path):
    part = OutputTable(path)
    assert isinstance(part, ModelSource)
    assert part.fingerprint() == OutputTable(path, name="other").fingerprint() == part.open().fingerprint
    others = [
        OutputTable(path, prompt=None), OutputTable(path, output="prompt"), OutputTable(path, log_prob="log_prob"),
        OutputTable(path, log_prob="log_prob", likelihood="estimate"),
    ]  # fmt: skip
    assert len({one.fingerprint() for one in [part, *others]}) == 5
    before, data = part.fingerprint(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert part.fingerprint() != before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompt": "promt"}, r"no column 'promt' for `prompt` \(did you mean 'prompt'\?\)"),
        ({"output": "answer"}, r"no column 'answer' for `output`"),
        ({"log_prob": "logprob"}, r"no column 'logprob' for `log_prob` \(did you mean 'log_prob'\?\)"),
    ],
)
def test_a_missing_column_is_named(path, options, message):
    with pytest.raises(DataError, match=message):
        OutputTable(path, **options).open()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": 3, "output": "x"}, "row 2: prompt or output is no text"),
        ({"prompt": "p", "output": ["x"]}, "row 2: prompt or output is no text"),
        ({"prompt": "p", "output": "x", "log_prob": "low"}, "row 2: log-probability is a text of 3 characters"),
        ({"prompt": "p", "output": "x", "log_prob": -math.inf}, "row 2: log-probability is a number; allowed: a"),
    ],
)
def test_cells_that_are_none(tmp_path, row, message):
    path = write(tmp_path / "o.jsonl", [{"prompt": "p", "output": "x", "log_prob": -1}, row])
    with pytest.raises(DataError, match=message):
        OutputTable(path, log_prob="log_prob").open()


def test_a_file_that_is_absent(tmp_path):
    for ask in (OutputTable(tmp_path / "o.csv").fingerprint, OutputTable(tmp_path / "o.csv").open):
        with pytest.raises(DataError, match="no such file"):
            ask()


def test_the_door_reads_a_table(tmp_path):
    part = plugins.build("models", "table", {"path": str(write(tmp_path / "o.jsonl", ROWS)), "log_prob": "log_prob"})
    drawn = answer(part.open(), "sample", ["Say b.", "?"], seed=3, options={"max_tokens": 8}).to_pydict()
    assert drawn["content"] == ["b\nB", ""]
    assert drawn["problem"] == [None, "none of the 3 prompts in o.jsonl; asked was '?', there is 'Say a.'"]
    scored = answer(part.open(), "log_prob", ["free", "?"], seed=3, options={}).to_pydict()
    assert scored["log_prob"] == [-3, None]


@given(
    rows=st.lists(st.tuples(st.sampled_from(["", "p", "q"]), st.text(max_size=3)), max_size=12),
    prompts=st.lists(st.sampled_from([None, "", "p", "q", "r"]), max_size=12),
)
def test_a_call_deals_every_output_once_and_in_order(rows, prompts):
    model = TableModel("t", "sha256:0", [(prompt, output, math.nan) for prompt, output in rows])
    drawn = model.sample(prompts, seed=0)
    for prompt in ("", "p", "q", "r"):
        held = [output for key, output in rows if key == prompt]
        got = [one for asked, one in zip(prompts, drawn, strict=True) if (asked or "") == prompt]
        assert contents(got)[: len(held)] == held[: len(got)]
        assert all(one.finish == "error" for one in got[len(held) :])
        assert all(one.finish == "stop" for one in got[: len(held)])
