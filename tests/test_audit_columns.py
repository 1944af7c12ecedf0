"""Columns inside columns, one text as one alias, and mistakes in data: file and row, before any model is opened."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit.data import Frame, column_names
from audit.data.tabular import Builtin, File
from audit.errors import DataError
from audit.execute import run
from audit.model import Continuation
from audit.models.table import OutputTable
from audit.plan import Check, Plan
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.items import DRAWN_FOR

ROLE = ClosedBook.roles["items"]
SAMPLE = {
    "doc_id": 0,
    "doc": {"question": "Capital of France?", "answers": {"all": ["Paris", "Paname"]}},
    "resps": [["Paris"], ["Lyon"]],
    "messages": [{"role": "user", "content": "Say Paris."}, {"role": "assistant", "content": "Paris"}],
    "a.b": "dotted",
}
"""A row as logs of evaluations hold it."""


def write(path, *rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    else:
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("doc.question", "Capital of France?"), ("resps.1.0", "Lyon"), ("messages.0.content", "Say Paris."),
        ("a.b", "dotted"),
    ],
)  # fmt: skip
def test_a_field_is_found_inside_other_columns_and_lists(tmp_path, ending, column, cell):
    path = write(tmp_path / f"s.{ending}", SAMPLE)
    (frame,) = File(path, fields={"question": column, "aliases": "doc.answers.all"}).batches(ROLE)
    assert frame["question"].tolist() == [cell]
    assert frame["aliases"].tolist() == [["Paris", "Paname"]]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_columns_inside_others_are_named_and_guessed(tmp_path, ending):
    path = write(tmp_path / f"s.{ending}", SAMPLE)
    assert {"doc", "doc.question", "doc.answers.all", "resps", "a.b"} <= set(column_names(path))
    with pytest.raises(DataError, match=r"no column 'doc.questoin' .*did you mean 'doc.question'"):
        File(path, fields={"question": "doc.questoin", "aliases": "doc.answers.all"}).batches(ROLE)


def test_where_a_row_has_nothing_at_that_place_the_field_is_empty(tmp_path):
    path = write(tmp_path / "s.jsonl", SAMPLE, {"doc": "no object", "resps": [["one"]]})
    (frame,) = File(path, fields={"question": "resps.0.0", "group": "doc.question"}).batches(ROLE)
    assert frame["group"].tolist() == ["Capital of France?", None]
    with pytest.raises(DataError, match=r"s.jsonl: row 2: field 'question' is empty"):
        list(File(path, fields={"question": "resps.1.0"}).batches(ROLE))


def test_data_of_which_no_column_is_asked_for_are_refused_and_not_called_empty(tmp_path):
    """Of fields that may all be missing none was there: "The data of items hold no items." """
    allowed = "allowed: a column for at least one field of image, series, row, text, label"
    row = {"question": "Capital of France?", "choices": ["Paris"]}
    of_csv = tmp_path / "s.csv"
    of_csv.write_text("my-secret-key,other\na,b\n")
    for source, got in (
        (Builtin("plain_questions"), "got the columns id, group, question, choices, correct, aliases"),
        (File(write(tmp_path / "s.jsonl", row)), "got the columns question, choices"),
        (Frame([row]), "got the columns question, choices"),
        (File(write(tmp_path / "s.parquet", row)), "got the columns question, choices"), (File(of_csv), "got 2 other"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=rf"{got}.*; {allowed}$") as caught:
            source.batches(DRAWN_FOR)
        assert "secret" not in str(caught.value)
    assert len(next(File(tmp_path / "s.jsonl", fields={"text": "question"}).batches(DRAWN_FOR))) == 1


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("column", ["messages.0.rloe", "messages.7.role"])
def test_a_field_that_holds_nothing_in_any_row_is_a_mistake_and_not_left_out(tmp_path, ending, column):
    """A list is there, so `messages.0.rloe` was taken for a column: no unit was known, and the intervals narrowed."""
    rows = [{"question": f"{number}?", "messages": [{"role": "user"}]} for number in range(5000)]
    path = write(tmp_path / f"s.{ending}", *rows)
    assert {one for frame in File(path, fields={"unit": "messages.0.role"}).batches(ROLE) for one in frame["unit"]} == {
        "user"
    }
    said = f"column '{column}' for field 'unit' is empty in all of {{}} rows; allowed: a column that is not"
    for source, limit, count in ((File, None, "5,000"), (File, 3, "3"), (Frame, None, "5,000")):
        made = File(path, fields={"unit": column}) if source is File else Frame(rows, fields={"unit": column})
        with pytest.raises(DataError, match=said.format(count)):
            list(made.batches(ROLE, limit=limit))


@pytest.mark.parametrize("option", ["prompt", "output", "log_prob"])
def test_a_table_is_told_of_a_column_inside_a_list_that_holds_nothing(tmp_path, option):
    rows = [{"prompt": f"{number}?", "said": [{"text": "a", "nats": -1}]} for number in range(3)]
    path = write(tmp_path / "t.jsonl", *rows)
    columns = {"prompt": "prompt", "output": "said.0.text", "log_prob": "said.0.nats"}
    assert OutputTable(path, **columns).open().log_prob([Continuation("1?", "a")])[0] == [-1]
    with pytest.raises(DataError, match=rf"t.jsonl: column 'said.0.x' for `{option}` is empty in all of 3 rows"):
        OutputTable(path, **{**columns, option: "said.0.x"}).open()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_one_text_is_one_alias_in_every_format(tmp_path, ending):
    path = tmp_path / f"q.{ending}"
    if ending == "csv":
        path.write_text('question,aliases\nCapital of the USA?,"Washington, D.C."\n')
    else:
        write(path, {"question": "Capital of the USA?", "aliases": "Washington, D.C."})
    (frame,) = File(path).batches(ROLE)
    assert frame["aliases"].tolist() == [["Washington, D.C."]]
    listed = write(tmp_path / "l.jsonl", {"question": "Capital of the USA?", "aliases": ["Washington, D.C."]})
    assert list(next(File(listed).batches(ROLE)).index) == list(frame.index), "the same item has the same id"


@pytest.mark.parametrize("several", ["Paris; Paname", "Paris|Paname", '["Paris", "Paname"]', "Paris\nPaname"])
def test_a_text_that_may_be_several_aliases_is_not_taken_for_one(tmp_path, several):
    path = write(tmp_path / "q.jsonl", {"question": "Capital?", "aliases": several})
    with pytest.raises(DataError, match=r"row 1: field 'aliases' holds .*`list_separator` parts several"):
        list(File(path).batches(ROLE))


@dataclass(frozen=True)
class NeverOpened:
    """A model that must not be opened."""

    name = family = "never"
    modality = "text"

    def fingerprint(self):
        return "sha256:0"

    def open(self):
        raise AssertionError("opened")


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("empty.jsonl", b"", {}, r"empty.jsonl: is empty; field 'question' needs a column 'question'"),
        ("empty.csv", b"", {}, r"empty.csv: .*Empty CSV file"),
        ("twice.csv", b"id,question\n1,a\n1,b\n", {"id": "id"}, r"twice.csv: row 2: its id was given before"),
        ("latin.csv", "question\nx\nBras\xedlia\n".encode("latin-1"), {}, r"latin.csv: .*Row #3.*UTF8"),
        ("latin.jsonl", '{"question": "Bras\xedlia"}'.encode("latin-1"), {}, r"latin.jsonl: line 1 is not UTF-8"),
        ("list.jsonl", b'{"question": "a", "correct": [0]}\n{"question": "a", "correct": "x"}', {},
         r"list.jsonl: row 2: field 'correct' holds .*; allowed: a list of integers"),
        ("none.csv", b"text\na\n", {}, r"none.csv: no column 'question'"),
    ],
)  # fmt: skip
def test_a_mistake_in_data_is_told_with_file_and_row_before_any_model_is_opened(tmp_path, name, content, options, said):
    """They came as `crashed`, exit code 5, after the model was opened and rows before them were asked."""
    (tmp_path / name).write_bytes(content)
    check = Check("facts", ClosedBook(mode="generate"), {"items": File(tmp_path / name, **options)})
    with pytest.raises(DataError, match=said) as caught:
        run(Plan("t", (check,), model=NeverOpened()), into=tmp_path / "audits")
    assert caught.value.exit_code == 2
