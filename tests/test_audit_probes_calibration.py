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
    assert found["label"] == 0
    assert np.isnan(choices(None)["label"])


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
