"""The probe `factuality.calibration`: where confidences come from, what data may say, and an audit of a classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit import load_plan, run
from audit.data.tabular import File
from audit.errors import DataError
from audit.integrity import check_digests, recompute
from audit.probe.trial import ScriptedAsk
from audit.probes.factuality.calibration import Calibration
from detectors.factuality.confidences import of_choices, of_classes

CLASSIFIER = Path(__file__).parents[1] / "audit" / "reference" / "weights" / "image_classifier" / "sound"


def observed(tmp_path, rows):
    path = tmp_path / "told.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    probe = Calibration()
    return pd.concat([probe.observe(None, batch, "items") for batch in File(path).batches(probe.roles["items"])])


# --- confidences


def choices(log_probs, correct=(0,), best=None, names=("Rome", "Old Rome", "Bonn", "Oslo")):
    frame = pd.DataFrame({"choices": [list(names)], "correct": [list(correct)], "best": [best]}, dtype=object)
    frame["log_probs"] = [log_probs]
    return of_choices(frame).iloc[0].to_dict()


def test_a_choice_is_as_sure_as_its_share_of_the_probability():
    found = choices([-1.0 + np.log(3), -1.0, -1.0, -1.0])
    assert (found["answer"], found["label"], found["length"]) == ("Rome", 1, 1)
    assert found["confidence"] == pytest.approx(0.5)
    assert choices([-900.0, -901.0, -999.0, -999.0])["confidence"] == pytest.approx(1 / (1 + np.exp(-1)))


def test_of_several_true_choices_only_the_best_stands():
    nats = [-2.0, -1.0, -2.0, -9.0]
    assert choices(nats, correct=(0, 1), best=1) == choices(nats, correct=(1, 0), best=None)
    assert choices(nats, correct=(0, 1), best=1)["answer"] == "Old Rome"
    other = choices(nats, correct=(0, 1), best=0)
    assert other["confidence"] == pytest.approx(1 / (2 + np.exp(-7)))


def test_a_tie_is_right_in_no_order():
    assert choices([-1.0, -1.0, -3.0, -3.0])["label"] == 0
    assert choices([-1.0, -1.0, -3.0, -3.0], correct=(1,))["label"] == 0


def test_a_choice_that_was_not_scored_is_missing_and_a_question_not_asked_is_left_out():
    found = choices([-1.0, None, -1.0, -1.0])
    assert np.isnan(found["confidence"])
    assert np.isnan(found["label"]), "what it would have said is not known"
    assert found["failed"]
    assert np.isnan(choices(None)["label"])
    assert not choices(None)["failed"]


def test_a_class_is_as_sure_as_its_probability():
    frame = pd.DataFrame({"probabilities": [[0.7, 0.3], [0.5, 0.5], [0.1, 0.9]], "label": ["a", "a", None]})
    found = of_classes(frame, ["a", "b"])
    assert found["confidence"].tolist() == [0.7, 0.5, 0.9]
    assert found["label"].tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)


# --- data


@pytest.mark.parametrize(("row", "says"), [
    ({"confidence": 1.2, "label": 1}, "has the confidence 1.2; allowed: 0 to 1"),
    ({"confidence": 0.5, "label": 2}, "has the label '2'; allowed: 0, 1, or none"),
    ({"confidence": 0.5, "label": "yes"}, "has the label 'yes'; allowed: 0, 1, or none"),
    ({"label": 1}, "items have no field 'confidence'; mode table wants it"),
    ({"confidence": 0.5}, "items have no field 'label'; mode table wants it"),
])
def test_what_is_no_confidence_and_no_label_is_refused_in_one_line(tmp_path, row, says):
    with pytest.raises(DataError, match=says) as caught:
        observed(tmp_path, [row])
    assert "\n" not in str(caught.value)


def test_empty_cells_are_missing(tmp_path):
    frame = observed(tmp_path, [{"confidence": 0.5, "label": None}, {"confidence": None, "label": 1}])
    assert frame["confidence"].tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert frame["label"].tolist() == pytest.approx([np.nan, 1], nan_ok=True)


@pytest.mark.parametrize("field", ["alpha", "delta", "coverage"])
def test_shares_outside_their_range_are_refused(field):
    with pytest.raises(ValueError, match=f"{field}: got 1.5"):
        Calibration(**{field: 1.5})


def test_what_a_promise_lacks_is_known_before_the_run():
    assert Calibration(promise="claims").units_needed({}) == {"calibration": (0, 9)}
    assert Calibration(alpha=0.05).units_needed({}) == {"calibration": (0, 59)}


def test_a_table_needs_no_model_and_a_choice_one_that_scores():
    assert Calibration().needs == frozenset()
    assert (Calibration(mode="choice").needs, Calibration(mode="predict").needs) == ({"log_prob"}, {"predict"})
    assert [Calibration(mode=mode).estimate(10) for mode in ("table", "choice", "predict")] == [0, 40, 10]


def test_questions_that_cannot_be_asked_are_left_out_and_counted():
    probe = Calibration(mode="choice")
    items = pd.DataFrame({
        "question": ["a", "b"], "choices": [["x", "y"], ["x"]], "correct": [[0], [0]],
    }, index=pd.Index(["one", "two"], name="id"))  # fmt: skip
    ask = ScriptedAsk({("main", "log_prob"): lambda asked: {"log_prob": [-1.0, -2.0], "kind": "exact"}})
    result = probe.judge(
        {"items": probe.observe(ask, items, "items")}, level=0.95, rng=np.random.default_rng(0)
    )
    assert result.measure("unlabelled").value == 1
    assert result.measure("accuracy").n["items"] == 1


def judged(probe, **frames):
    return probe.judge(frames, level=0.95, rng=np.random.default_rng(0))


def test_questions_that_the_model_could_not_score_bound_what_is_told():
    frame = Calibration(mode="choice").controls(np.random.default_rng(0))[1]["items"]
    lost = [None if place % 5 < 3 else nats for place, nats in enumerate(frame["log_probs"])]
    nulls = [[None] * 4 if nats is None else nats for nats in lost]
    result = judged(Calibration(mode="choice"), items=frame.assign(log_probs=pd.Series(nulls, frame.index)))
    for name in ("accuracy", "overconfidence", "brier"):
        assert result.measure(name).missing == 120, name
    accuracy, gap = result.measure("accuracy"), result.measure("overconfidence")
    assert accuracy.value > 0.9
    assert (accuracy.low < 0.4, accuracy.high > 0.95) == (True, True)
    assert (gap.low < -0.55, gap.high > 0.55) == (True, True)
    for name in ("auroc_right", "aurc", "accuracy_at_coverage", "ece"):
        found = result.measure(name)
        assert (found.missing, found.low, found.high) == (120, None, None), name
    assert result.measure("unlabelled").value == 0


def table(count, prefix, **columns):
    index = pd.Index([f"{prefix}{number}" for number in range(count)], name="id")
    given = {"confidence": 0.95, "label": 1.0, "prompt": [f"{prefix} asks {number}" for number in range(count)]}
    return pd.DataFrame(given | {"answer": "yes"} | columns, index)


def test_copies_of_a_calibration_answer_are_no_more_answers():
    items, once = table(60, "a"), table(15, "b")
    assert judged(Calibration(), items=items, calibration=table(60, "b")).measure("answered_share").value == 1
    copies = pd.concat([once.set_axis(once.index + f"-{time}") for time in range(4)])
    for probe in (Calibration(), Calibration(promise="claims", alpha=0.05)):
        found = judged(probe, items=items, calibration=copies).measure("confidence_threshold")
        assert found.value is None
    assert found.undefined == "15 calibration answers are too few for a promise of 0.05; 19 would do"
    assert judged(Calibration(), items=copies).measure("accuracy").n["units"] == 15
    untold = copies.drop(columns="prompt")
    assert judged(Calibration(), items=untold).measure("accuracy").n["units"] == 60, "what was asked is not known"


def test_what_is_learnt_from_is_not_what_is_judged_under_another_name():
    items = table(40, "a")
    with pytest.raises(DataError, match="40 calibration items, the first 'b0', say what items say, such as 'a0'"):
        judged(Calibration(), items=items, calibration=items.rename(index=lambda name: f"b{name[1:]}"))
    shared = {"unit": [f"page {number}" for number in range(40)]}
    with pytest.raises(DataError, match="units of items and of calibration share 40 items: 'page 0'"):
        judged(Calibration(), items=items.assign(**shared), calibration=table(40, "b").assign(**shared))
    shown = Calibration(mode="predict").controls(np.random.default_rng(0))[0]["items"]
    with pytest.raises(DataError, match="200 calibration items"):
        judged(Calibration(mode="predict"), items=shown, calibration=shown.rename(index=lambda name: f"b{name}"))


def test_a_label_that_no_class_is_called_is_refused():
    ask = ScriptedAsk({
        ("main", "predict"): lambda asked: {"probabilities": [np.array([0.9, 0.1])] * len(asked)},
        ("main", "class_names"): lambda asked: {"names": [["cat", "dog"]] * len(asked)},
    })  # fmt: skip
    items = pd.DataFrame({"text": ["a", "b"], "label": [None, "Cat"]}, index=pd.Index(["x", "y"], name="id"))
    with pytest.raises(DataError, match="item 'y' has the label 'Cat', which no class of the model is called"):
        Calibration(mode="predict").observe(ask, items, "items")


# --- an audit


def test_the_digit_classifier_is_audited_and_its_finding_comes_out_again(tmp_path):
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"""
title: Digits
seed: 7
model: {{use: image_classifier, path: "{CLASSIFIER}"}}
checks:
  - name: confidence
    probe: {{use: factuality.calibration, mode: predict, alpha: 0.05}}
    data:
      items: {{use: made, set: digits, part: heldout}}
      calibration: {{use: made, set: digits, part: calibration}}
    limit: {{measure: error_of_answered, at_most: 0.05}}
""", "utf-8")
    audit = run(load_plan(plan), into=tmp_path)
    (finding,) = audit.record.findings
    assert finding.controls == {"positive": True, "negative": True}
    assert finding.verdict == "passed"
    found = {one.name: one for one in finding.measures}
    assert found["accuracy"].value > 0.95
    assert found["ece"].low == 0
    assert found["answered_share"].value > 0.9
    assert "learnt from 300 items (" in found["confidence_threshold"].method
    assert recompute(audit) >= len(found)
    assert check_digests(audit) > 2
