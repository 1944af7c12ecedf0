"""From Python: rows in memory and an opened model, in a plan and in the short form; errors of one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from markov import MarkovText
from rates import Ones
from tiny_models import make_tiny_lm

from audit.data import Frame
from audit.data.tabular import File
from audit.errors import DataError, IntegrityError, PlanError, UsageError
from audit.execute import run
from audit.plan import Check, Plan, read_plan
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Limit, load_record

ROLE = ClosedBook.roles["items"]
ROWS = [
    {"question": "Capital of France?", "aliases": "Paris", "group": None, "doc": {"key": "q1"}},
    {"question": "Capital of Norway?", "aliases": ["Oslo"], "group": "north", "doc": {"key": "q2"}},
]


class Says:
    """A model that says one thing to everything."""

    name, family, modality, fingerprint = "says", "table", "text", "sha256:says"

    def __init__(self, text):
        self.text = text

    def sample(self, prompts, *, seed, **sampling):
        return [audit_sample(self.text) for _ in prompts]


def audit_sample(text):
    from audit.model import Sample

    return Sample(text)


def read(source, role=ROLE):
    return pd.concat(source.batches(role))


def test_rows_in_memory_are_the_items_that_a_file_of_them_is(tmp_path):
    import json

    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    file = read(File(path))
    for table in (ROWS, pd.DataFrame(ROWS), tuple(ROWS)):
        pd.testing.assert_frame_equal(read(Frame(table)), file)
    named = Frame(ROWS, fields={"unit": "doc.key"}, id="doc.key")
    assert list(read(named).index) == list(read(named)["unit"]) == ["q1", "q2"]


def test_a_missing_cell_of_a_frame_is_missing_and_an_array_is_an_array():
    frame = pd.DataFrame({"question": ["a", "b"], "best": [1, None], "group": pd.Series(["x", pd.NA], dtype="string")})
    items = read(Frame(frame.assign(best=[1, 2])))
    assert items["best"].tolist() == [1, 2]
    assert items["group"].tolist() == ["x", None]
    images = Frame(pd.DataFrame({"image": [np.eye(2), np.ones((2, 2))]}))
    from audit.probes.novelty.scores import ROLES

    assert [cell.shape for cell in read(images, ROLES["items"])["image"]] == [(2, 2), (2, 2)]


def test_the_digest_is_of_the_content_at_the_time():
    rows = [dict(row) for row in ROWS]
    source = Frame(rows)
    before = source.digest()
    rows[0]["question"] = "Another?"
    assert source.digest() == before == Frame(pd.DataFrame(ROWS)).digest() != Frame(rows).digest()
    assert Frame(ROWS, fields={"question": "aliases"}).digest() != before
    with pytest.raises(IntegrityError, match=r"data: digest is sha256:.*; promised was sha256:0"):
        Frame(ROWS, sha256="sha256:0").batches(ROLE)


@pytest.mark.parametrize("data", [ROWS, pd.DataFrame(ROWS), {"items": ROWS}, {"items": Frame(ROWS)}])
def test_the_short_form_is_an_audit_of_one_check(tmp_path, data):
    short = run(
        model=Says("Paris"), data=data, probe={"use": "factuality.closed_book", "mode": "generate"},
        limit={"at_least": 0.4}, into=tmp_path,
    )  # fmt: skip
    (found,) = short.record.findings
    assert (found.check, found.limit.measure, found.measures[0].value) == ("closed_book", "accuracy", 0.5)
    check = Check("closed_book", ClosedBook(mode="generate"), ROWS, limit=Limit(measure="accuracy", at_least=0.4))
    long = run(Plan("factuality.closed_book", (check,), model=Says("Paris")), into=tmp_path)
    assert long.folder == short.folder, "the same plan, so it was only read"
    assert load_record(short.folder).record == long.record


def test_a_plan_file_may_be_named(tmp_path):
    (tmp_path / "d.csv").write_text("text\n1\n0\n")
    with pytest.raises(UsageError, match="no such file; 'dokimasia init' writes a plan"):
        run(tmp_path / "plan.yaml", into=tmp_path)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "run: no probe; allowed: .*factuality.closed_book"),
        ({"probe": "closed_book"}, r"unknown probe 'closed_book' \(did you mean 'factuality.closed_book'\?\)"),
        ({"probe": 3}, "probe: got a int; allowed: a name, a dict with 'use', or a probe"),
        ({"probe": {"use": "factuality.closed_book", "mode": "write"}}, "probe factuality.closed_book: .*'generate'"),
        ({"probe": Ones(), "data": "rows.csv"}, "data: got a str; allowed: a DataFrame, a list of dicts, a"),
        ({"probe": Ones(), "data": [1, 2]}, "data: got a list; allowed: a DataFrame"),
        ({"probe": Ones(), "data": {"itmes": ROWS}}, "data: no role 'itmes'; allowed: items"),
        ({"probe": Ones(), "data": ROWS, "model": "gpt2"}, "model main: got a str; allowed: what audit.open_model"),
        ({"probe": Ones(), "data": ROWS, "limit": 0.5}, "limit: got 0.5; allowed: a dict such as"),
        ({"probe": Ones(), "data": ROWS, "limit": {"at_lest": 0.5}}, r"limit: unknown key 'at_lest' \(did you mean"),
        ({"probe": Ones(), "data": ROWS, "limit": {}}, "limit: a limit needs at_most, at_least or both"),
        ({"probe": Ones(), "data": ROWS, "limit": {"at_least": "x"}}, r"limit: .*number.* \(at_least\)"),
        ({"probe": Ones(), "data": ROWS, "limit": {"at_least": 60}}, r"got 60; ones is a share, 0 to 1 \(did you mean"),
        ({"probe": Ones(), "data": ROWS, "limit": {"measure": "two", "at_most": 1}}, "unknown measure 'two' of outsid"),
        ({"probe": Ones(), "date": ROWS}, r"run: no argument 'date' \(did you mean 'data'\?\)"),
        ({"plan": 3}, "run: got a int; allowed: a Plan, a plan file, or probe"),
        ({"plan": Plan("t", ()), "probe": Ones()}, "run: a plan and probe; allowed"),
        ({"probe": Ones(), "data": [{"text": object()}]}, "data: a cell is no text, number, list or array"),
        ({"probe": Ones(), "data": [{"txt": "1"}]}, "data: no column 'text' for field 'text'"),
        ({"probe": Ones(), "data": pd.DataFrame([[1, 0]], columns=["text", "text"])}, "2 columns are named 'text'"),
        ({"probe": Ones(), "data": pd.DataFrame([[1, 0, 2]], columns=["text", 1, "1"])}, "2 columns are named '1'"),
        ({"probe": Ones(), "data": [{"text": "1"}, {"text": "1", 1: 2, "1": 3}]}, "data: 2 columns are named '1'"),
        ({"probe": Ones(), "data": [{"text": "1", "in": [{1: 2, "1": 3}]}]}, "data: 2 columns are named '1'; allowed"),
        ({"probe": Ones(), "data": []}, "data: is empty; field 'text' needs a column 'text'"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence_and_nothing_runs(tmp_path, asked, said):
    audits, plan = tmp_path / "audits", asked.get("plan")
    more = {key: value for key, value in asked.items() if key != "plan"}
    with pytest.raises(UsageError, match=said) as caught:
        run(plan, into=audits, **more)
    assert "\n" not in str(caught.value)
    assert not audits.exists()


def test_plans_and_checks_take_what_they_can_read_only():
    check = Check("ones", Ones(), pd.DataFrame({"text": ["1", "0"]}))
    assert isinstance(check.data["items"], Frame)
    assert replace(check, name="two").data == check.data
    with pytest.raises(DataError, match="got a int"):
        Check("ones", Ones(), {"items": 3})
    with pytest.raises(UsageError, match="checks: got a dict; allowed: Check"):
        Plan("t", ({"name": "ones"},))
    assert Plan("t", (check,), model=MarkovText()).models.keys() == {"main"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"title": ""}, "title: got ''; string should have at least 1 character"),
        ({"title": 3}, "title: got 3; input should be a valid string"),
        ({"seed": "7"}, "seed: got '7'; input should be a valid integer"),
        ({"seed": 0.5}, "seed: got 0.5; input should be a valid integer"),
        ({"level": 95}, "level: got 95; input should be less than 1"),
        ({"level": 0.05}, "level: got 0.05; input should be greater than 0.5"),
        ({"limit": 0}, "limit: got 0; input should be greater than 0"),
        ({"shard": 0}, "shard: got 0; input should be greater than 0"),
        ({"shard": 10_000}, "shard: got 10000; input should be less than or equal to 4096"),
        ({"two_person": "yes"}, "two_person: got 'yes'; input should be a valid boolean"),
    ],
)
def test_a_plan_made_in_python_keeps_the_rules_of_a_plan_file(tmp_path, said, message):
    with pytest.raises(UsageError, match=message):
        Plan(**{"title": "t", "checks": (), **said})
    file = {"title": "t", "checks": [{"name": "c", "probe": {"use": "factuality.closed_book"}}], **said}
    with pytest.raises(PlanError, match=message):
        read_plan(json.dumps(file), base=tmp_path)


HALF = Limit(measure="accuracy", at_most=0.5)
ENDPOINT = {"use": "endpoint", "url": "http://127.0.0.1:9/v1", "name": "m"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": "../../x"}, "name: got '../../x'; allowed: small letters, digits, '-' and '_', at most 64"),
        ({"name": "a" * 65}, "allowed: small letters"),
        ({"limit": Limit(measure="acuracy", at_most=0.5)}, "unknown measure 'acuracy' of factuality.closed_book ("),
        ({"limit": Limit(measure="accuracy")}, "limit: a limit needs at_most, at_least or both"),
        ({"limit": Limit(measure="accuracy", at_least=0.6, at_most=0.5)}, "limit: at_least 0.6 is above at_most 0.5"),
        ({"limit": Limit(measure="accuracy", at_most=60)}, "limit.at_most: got 60"),
        ({"gating": True}, "a gating check needs a limit"),
        ({"stop": "early"}, "early stopping needs a limit with one bound"),
        ({"stop": "early", "limit": HALF.model_copy(update={"at_least": 0.1})}, "early stopping needs a limit with"),
        ({"stop": "soon", "limit": HALF}, "stop: got 'soon'; input should be 'full' or 'early'"),
        ({"weight": 0.0, "limit": HALF}, "weight: got 0.0; input should be greater than 0"),
    ],
)  # fmt: skip
def test_a_check_in_python_is_refused_as_the_same_check_in_a_plan_file_is(said, told):
    with pytest.raises(UsageError) as python:
        Check(**{"name": "facts", "probe": ClosedBook(mode="generate"), **said})
    assert told in str(python.value)
    rows = {"name": "facts", "probe": {"use": "factuality.closed_book", "mode": "generate"}, **said}
    if "limit" in said:
        rows["limit"] = said["limit"].model_dump(exclude_none=True)
    with pytest.raises(PlanError) as file:
        read_plan(yaml.safe_dump({"title": "T", "model": ENDPOINT, "checks": [rows]}))
    sentence = file.value.problems[0].split(": ", 1)[1].removeprefix("checks.")  # the key's place in the file
    assert str(python.value) == f"check {said.get('name', 'facts')}: {sentence}"


def test_two_checks_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two checks are named 'ones'"):
        Plan("t", (Check("ones", Ones()), Check("ones", Ones(), ROWS)))


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (example,) = [one for one in re.findall(r"```python\n(.*?)```", text, re.S) if "audit.run(" in one]
    monkeypatch.chdir(tmp_path)
    make_tiny_lm(tmp_path / "my-model")
    seen: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), seen)
    found = seen["found"]
    assert found.record.findings[0].measures[0].n["items"] == 2
    assert (found.folder / "reports" / "report.html").is_file()
