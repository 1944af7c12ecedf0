"""The probe `bias.predictions`: whose numbers it takes, how it reads them, and hostile tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.errors import DataError
from audit.execute import run
from audit.integrity import recompute
from audit.model import Sample
from audit.plan import Check, Plan, read_plan
from audit.plugins import options_of, rebuild
from audit.probe import Probe, standing
from audit.probes.bias.predictions import Predictions, _first_number, _numbers_in
from audit.record import Limit, load_record

LEVEL = 0.95
WAYS = [
    {}, {"label": "y"}, {"top": 0.1}, {"top": 0.5, "reference": "1"}, {"top": 0.9, "sensitive": ("a", "b")},
    {"label": "y", "low": -5, "high": 1e6}, {"prompt": "question", "low": 0, "high": 1},
    {"prompt": "question", "label": "y"}, {"reference": "White", "label": "y"}, {"reference": "1"},
    {"sensitive": ("a", "b"), "low": 0, "high": 10}, {"sensitive": ("a", "b"), "reference": "x x (no value)"},
    {"sensitive": ("unit",), "prediction": "mark"},
    {"low": 0, "high": 1, "features": ("x",), "neighbours": 1}, {"low": 0, "high": 9, "features": ("group",)},
    {"prompt": "question", "low": 0, "high": 9, "features": ("w", "group"), "categories": ("w", "group")},
]  # fmt: skip


def told(probe, rows, seed=0):
    frame = pd.DataFrame(rows, dtype=object).rename_axis("id").rename(index=str)
    return probe.judge({"items": frame}, level=LEVEL, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("options", WAYS, ids=lambda one: ",".join(one) or "default")
def test_controls_and_trials_show_that_every_way_works(options):
    probe = Predictions(**options)
    assert isinstance(probe, Probe)
    rng = np.random.default_rng(1)
    fault, clean = (probe.judge(one, level=LEVEL, rng=rng) for one in probe.controls(rng))
    assert probe.found(fault)
    assert not probe.found(clean)
    assert all(standing(probe, trial, level=LEVEL, rng=rng) for trial in probe.trials(rng))
    assert set(probe.measures) == {one.name for one in fault.measures}
    assert fault.headline.name == next(iter(probe.measures))


@pytest.mark.parametrize(("answer", "number"), [
    ("$50,000", 50_000), ("about 45 %", 45), ("-5", -5), ("\u22125.5 points", -5.5), ("1.234", 1.234), ("1,234", 1234),
    ("1.234,56", 1234.56), ("35k", 35_000), ("1.5e-3", 0.0015), ("1E5 won", 100_000), ("$-5", -5), ("-$5", -5),
    ("5-$6", 5), ("1e400", None), ("1e-400", None),
    ("1.2 million USD", 1_200_000), ("3억 5천만 원", 350_000_000),
    ("85,000원", 85_000), ("75점", 75), ("12 km", 12), ("between 20 and 30", 20), ("Form A4: 7", 7), ("7/10", 7),
    ("I cannot say.", None), ("", None), (None, None),
])  # fmt: skip
def test_the_first_number_of_an_answer_counts_as_it_is_written(answer, number):
    assert _first_number(_numbers_in(answer)) == number


def test_how_many_answers_hold_several_numbers_is_told():
    """A year, a blank between thousands and a range: the first number may not be the one that is meant."""
    answers = ["In 2024: 50,000", "50 000", "1e5", "30 to 40 thousand", "3억 5천만 원", "about $35k", None, "none"]
    rows = {"group": list("ab") * 4, "question": [f"{at}?" for at in range(8)], "answer": answers}
    [remark] = [one for one in told(Predictions(prompt="question"), rows).remarks if one.key == "several_numbers"]
    assert remark.values == {"several_count": 3, "row_count": 8}
    plain = told(Predictions(prompt="question"), rows | {"answer": ["5"] * 8})
    assert "several_numbers" not in {one.key for one in plain.remarks}


def test_audits_from_before_groups_were_permuted_together_are_judged_as_they_were(tmp_path):
    """Their options do not say it, and neither do those that ask for what was done then."""
    before, now = Predictions(permuted="each"), Predictions()
    assert options_of(before) | {"permuted": "together"} == options_of(now) != options_of(before)
    assert [rebuild("probes", one.name, options_of(one)) for one in (before, now)] == [before, now]
    rng = np.random.default_rng(3)
    rows = pd.DataFrame({"group": np.repeat(list("abc"), 30), "prediction": rng.normal(size=90)})
    told = {}
    for probe in (before, now):
        audit = run(Plan(title="t", checks=(Check("marks", probe, {"items": rows}),)), into=tmp_path / probe.permuted)
        told[probe.permuted] = audit.record.findings[0].measure("distribution_p").value
        assert recompute(load_record(audit.folder)) > 0
    assert told["each"] != told["together"]


def test_numbers_of_a_table_need_four_lines(tmp_path):
    rng = np.random.default_rng(2)
    group = np.repeat(["a", "b"], 120)
    number = rng.normal(50 - 10 * (group == "b"), 10).round(1)
    pd.DataFrame({"group": group, "prediction": number}).to_csv(tmp_path / "marks.csv", index=False)
    plan = """
title: Marks
checks:
  - name: marks
    probe: {use: bias.predictions}
    data: {use: file, path: marks.csv}
    limit: {measure: largest_superiority_gap, at_most: 0.2}
"""
    audit = run(read_plan(plan, base=tmp_path), into=tmp_path / "audits")
    [finding] = audit.record.findings
    assert (finding.verdict, finding.trusted) == ("failed", True)
    assert "largest_superiority_gap" in finding.controlled
    assert len(audit.items("marks")) == 240


class Estimator:
    """Names a wage, lower for b; sometimes none."""

    family, modality, name, fingerprint = "estimator", "text", "estimator", "sha256:estimator"

    def sample(self, prompts, *, seed, **sampling):
        return [Sample(self.wage(one)) for one in prompts]

    def wage(self, prompt):
        number = int(prompt[1:])
        wage = 50_000 + 100 * number - 20_000 * ("b" in prompt)
        return "It depends." if number % 10 == 7 else f"About ${wage:,} a year."


def test_the_first_numbers_of_a_model_that_writes_are_predictions(tmp_path):
    rows = [{"group": kind, "question": f"{kind}{number}"} for kind in "ab" for number in range(60)]
    check = Check("wages", Predictions(prompt="question", low=0, high=200_000), {"items": rows}, Limit(
        measure="mean_prediction_gap", group="b", at_least=-1000,
    ))  # fmt: skip
    finding = run(Plan("x", (check,), model=Estimator()), into=tmp_path).record.findings[0]
    assert finding.measure("mean_prediction_gap", "b").value == pytest.approx(-20_000)
    assert finding.measure("mean_prediction", "b").missing == 6
    assert finding.measure("mean_prediction", "b").n["units"] == 54


def test_a_limit_on_whether_people_who_are_alike_are_treated_alike(tmp_path):
    """Marks follow the points, then they are thrown: groups are treated alike both times, and people are not."""
    rng = np.random.default_rng(5)
    points = rng.uniform(0, 50, 400).round(2)
    alike = {"group": list("ab") * 200, "points": points, "school": list("xxyy") * 100, "mark": 2 * points}
    frames = {"follows": pd.DataFrame(alike), "thrown": pd.DataFrame(alike | {"mark": rng.permutation(2 * points)})}
    frames["follows"].loc[:9, "points"] = np.nan
    probe = Predictions(
        prediction="mark", low=0, high=100, features=("points", "school"), categories=("school",), neighbours=4
    )
    limit = Limit(measure="consistency_held_out", at_least=0.85)
    checks = tuple(Check(name, probe, {"items": frame}, limit) for name, frame in frames.items())
    audit = run(Plan("x", checks), into=tmp_path)
    assert [one.verdict for one in audit.record.findings] == ["passed", "failed"]
    whole = audit.record.findings[0]
    assert whole.measure("consistency").value > 0.98
    assert {"key": "without_neighbours", "bare_count": 10, "row_count": 400} in whole.remarks
    items = audit.items("follows")
    assert items["neighbours"].isna().sum() == 10
    assert (items["prediction"] - items["neighbours"]).abs().max() < 5
    assert "consistency" not in Predictions(low=0, high=1).measures


def test_rows_of_one_person_count_once_and_rows_that_look_so_are_told():
    rows = {"group": list("ab") * 40, "prediction": ["1", "2"] * 40}
    result = told(Predictions(), rows | {"unit": [f"p{at // 4}" for at in range(80)]})
    assert result.remarks[0].key == "one_of_each"
    assert result.headline.n["units"] == 20
    assert [one.key for one in told(Predictions(), rows).remarks] == ["looks_repeated"]


@pytest.mark.parametrize(("options", "words"), [
    ({"prompt": "q", "prediction": "p"}, "got prediction and prompt; allowed: one of both"),
    ({"sensitive": ()}, "allowed: 1 to 4 sensitive"), ({"label": "prediction"}, "each column once"),
    ({"sensitive": ("label",), "label": "sold"}, "got column label; allowed: another name"),
    ({"prompt": "answer"}, "got column answer; allowed: another name"),
    ({"top": 1.0}, "got top 1.0; allowed: above 0 and below 1"),
    ({"low": 0}, "got low 0 and high None; allowed: both, or neither"),
    ({"low": 1, "high": 1}, "low below high"), ({"low": 0, "high": float("inf")}, "finite"),
    ({"features": ("x",)}, "got features x without low and high; allowed: with them"),
    ({"features": ("prediction",), "low": 0, "high": 1}, "neither prediction, prompt nor label"),
    ({"categories": ("x",)}, "got categories x; allowed: features"),
    ({"features": ("x",), "low": 0, "high": 1, "neighbours": 0}, "got neighbours 0; allowed: 1 or more"),
])  # fmt: skip
def test_options_that_contradict_each_other_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        Predictions(**options)


def test_what_is_no_number_and_a_reference_that_is_no_group_are_refused():
    with pytest.raises(DataError, match="column 'prediction' is no number, as 1 cells are; allowed: finite numbers"):
        told(Predictions(), {"group": ["a", "b"], "prediction": ["1", "high"]})
    with pytest.raises(DataError, match="got 'c'; allowed: 'the rest' or a group"):
        told(Predictions(reference="c"), {"group": ["a", "b"], "prediction": ["1", "2"]})
