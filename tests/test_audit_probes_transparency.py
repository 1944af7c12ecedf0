"""Attribution to sources, through a real small model and through what the data bring."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_models import make_tiny_lm

from audit import open_model, plugins
from audit.data.sets import planted
from audit.data.tabular import File
from audit.errors import DataError
from audit.execute import run
from audit.plan import Check, Plan
from audit.probe import Trial, observed_in
from audit.probes.passages import laid_out, passages_of
from audit.probes.transparency.attribution import AttributionToSources
from audit.probes.transparency.attribution_trials import _frame, _made, _script


def test_sources_keep_their_numbers_when_others_are_taken_out():
    told = laid_out("{passages}|{question}", "a {passages}?", ["x", "y {question}", "z"], {0, 2})
    assert told == "[1] x\n[3] z|a {passages}?"
    assert laid_out("{passages}|{question}", "q", ["x"], set()) == "|q"
    assert passages_of("one\n\n two \n \nthree") == ["one", "two", "three"]


@pytest.mark.parametrize(("options", "told"), [
    ({"methods": ()}, "methods: got none"), ({"methods": ("lime",)}, "got lime"), ({"masks": 4}, "8 masks"),
    ({"methods": ("shapley", "shapley")}, "each once"),
    ({"steps": 0}, "1 or more"), ({"memory": 0.0}, "memory"), ({"prompt": "x"}, "{passages}"),
])  # fmt: skip
def test_options_that_nothing_can_be_told_with_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        AttributionToSources(**options)


def test_what_a_question_lacks_is_told_and_it_is_not_asked():
    made = [_made(f"q{number}", "sum", np.random.default_rng(0), 4) for number in range(5)]
    items = _frame(made)
    items.at["q0", "context"] = ["alone"]
    items.at["q1", "answer"] = " "
    items.at["q2", "gold"] = ["nobody"]
    items.at["q3", "gold"] = ["0", "1", "2", "3"]
    frame = observed_in(Trial(False, {"items": items}, _script(made)), AttributionToSources(answers="given"))["items"]
    assert frame["not_asked"].notna().tolist() == [True, True, False, False, False]
    assert frame["gold"].isna().tolist()[2:] == [True, True, False]
    assert frame["masks"].isna().tolist() == [True, True, False, False, False]
    assert set(frame.at["q4", "masks"]) >= {"1111", "0000", *frame.at["q4", "held_out"]}
    assert frame.at["q4", "tokens"] == 1


def test_planted_facts_stand_in_one_source_each():
    for part in planted.PARTS:
        table = planted.table(part)
        for row in table.to_dict("records"):
            holds = [str(place) for place, text in enumerate(row["context"]) if row["answer"] in text]
            assert holds == row["gold"]
        assert table["answer"].is_unique
        assert len(set(table["prompt"])) == len(table) == 16
    with pytest.raises(DataError, match="unknown part 'englsh'"):
        planted.table("englsh")


def test_a_real_model_is_asked_and_its_own_answer_scored(tmp_path):
    """A model that learnt nothing has no planted source, so its finding is undecided under any limit."""
    folder = make_tiny_lm(tmp_path / "lm")
    path = tmp_path / "q.jsonl"
    rows = [{"prompt": f"What is {n}?", "context": [f"{n} is {n}.", "one", "two", "three"]} for n in range(3)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    made = plugins.load("data", "made")(set="planted", part="english")
    methods = ("contextcite", "integrated_gradients", "integrated_gradients_mean", "gradient_x_input")
    probe = AttributionToSources(methods, masks=8, held_out=4, max_tokens=3, steps=4)
    check = Check("one", probe, {"items": File(path), "planted": made})
    audit = run(Plan("Sources", (check,), open_model("causal_lm", path=folder), limit=3), into=tmp_path)
    (finding,) = audit.record.findings
    told = {one.name: one for one in finding.measures if one.group is None}
    gaps = [one.n["items"] for one in finding.measures if one.name == "completeness_gap" and one.value is not None]
    assert finding.verdict == "measured"
    assert finding.controls == {"positive": True, "negative": True}
    assert told["planted_first_share"].n["items"] == 3
    assert "planted source" in told["lds"].undefined
    assert told["memory_share"].value is not None
    assert gaps == [3, 3, 3]  # a method that misses the planted source still tells how exact it is
    items = audit.items("one")
    assert items["answer"].notna().all()
    assert items["weights"].map(len).tolist() == [4] * 3 + [5] * 3
