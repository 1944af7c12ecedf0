"""The probe `bias.decisions`: whose decisions it takes, what it finds and does not find, and hostile tables."""

from __future__ import annotations

import csv
import itertools
import json
import re
import warnings

import fairlearn.metrics as fair
import numpy as np
import pandas as pd
import pytest
import skops.io
from needs import needs_data
from scipy.stats import binom
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from stub_server import answering
from tiny_models import make_tiny_text_classifier

from audit.data.tabular import File
from audit.errors import DataError
from audit.execute import run
from audit.model import Sample
from audit.models.classifier import ClassifierFile
from audit.plan import Check, Plan, read_plan
from audit.probe import Probe, standing
from audit.probes.bias.decisions import Decisions
from audit.record import Limit
from audit.reference import starter_plan

LEVEL = 0.95
WAYS = [
    {}, {"label": "label"}, {"label": "y", "features": ("a", "b")}, {"prompt": "question"},
    {"score": "s", "threshold": 5, "label": "y", "mitigation": "demographic_parity"},
    {"score": "s", "threshold": "median", "label": "y"}, {"features": ("a", "b"), "threshold": "median"},
    {"reference": "the highest"}, {"reference": "White", "label": "y"}, {"reference": "1"},
    {"sensitive": ("a", "b"), "reference": "x x (no value)"},
    {"sensitive": ("a", "b"), "within": ("c",)}, {"features": ("text",), "categories": ("text",)},
    {"features": ("group", "t"), "categories": ("t",), "positive_class": 0, "label": "y"},
    *({"label": "y", "metrics": (name,)} for name in (
        "accuracy_score_difference", "equalized_odds", "precision_score", "false_omission_rate", "treatment_equality",
    )),
]  # fmt: skip


def told(probe, rows, seed=0, level=LEVEL):
    """What the probe says of rows that hold all that it asks."""
    frame = pd.DataFrame(rows, dtype=object).rename_axis("id").rename(index=str)
    return probe.judge({"items": frame}, level=level, rng=np.random.default_rng(seed))


def table(rng, rates, size, *, label=None):
    """Decisions of groups `a`, `b`, ... with these rates."""
    group = np.repeat(list("abcdefghij")[: len(rates)], size)
    decision = rng.random(len(group)) < np.repeat(rates, size)
    rows = {"group": group, "decision": np.where(decision, "1", "0")}
    return rows | ({} if label is None else {"label": np.where(label, "1", "0")})


@pytest.mark.parametrize("options", WAYS, ids=lambda one: ",".join(one) or "default")
def test_controls_and_trials_show_that_every_way_works(options):
    probe = Decisions(**options)
    assert isinstance(probe, Probe)
    rng = np.random.default_rng(1)
    fault, clean = (probe.judge(one, level=LEVEL, rng=rng) for one in probe.controls(rng))
    assert probe.found(fault)
    assert not probe.found(clean)
    assert all(standing(probe, trial, level=LEVEL, rng=rng) for trial in probe.trials(rng))
    names = {one.name for one in fault.measures}
    assert set(probe.measures) <= names
    assert fault.headline.name == next(iter(probe.measures))


def test_a_plan_may_name_the_group_that_others_are_compared_with(tmp_path):
    lines = ["group,decision", *(f"{'White' if at % 2 else 'Black'},{int(at % 5 < 2)}" for at in range(100))]
    (tmp_path / "people.csv").write_text("\n".join(lines), "utf-8")
    plan = Plan("t", (Check("d", Decisions(reference="White"), {"items": File(tmp_path / "people.csv")}),))
    [finding] = run(plan, into=tmp_path).record.findings
    assert finding.trusted
    assert finding.measure("selection_rate_gap", "Black").value == 0


def test_a_trial_finds_decisions_that_were_given_to_other_rows():
    class Turned(Decisions):
        def observe(self, ask, items, role):
            found = super().observe(ask, items, role)
            return found.assign(decision=found["decision"].to_numpy()[::-1])

    trials = Turned().trials(np.random.default_rng(1))
    assert not all(standing(Turned(), one, level=LEVEL, rng=np.random.default_rng(1)) for one in trials)


def test_power_and_size():
    """A gap of 25 points among 150 a group is found; where all groups have one rate, hardly ever."""
    rng, found, accused = np.random.default_rng(2), 0, 0
    for _ in range(12):
        found += Decisions().found(told(Decisions(), table(rng, [0.4, 0.4, 0.4, 0.1], 150)))
        accused += Decisions().found(told(Decisions(), table(rng, [0.3] * 4, 150)))
    assert found >= 10
    assert binom.sf(accused - 1, 12, 0.05) > 0.01


def test_rates_of_labels_by_hand():
    """Of 4 positives of a 3 are selected, of 2 negatives 1; of b all 3 positives and no negative."""
    rows = {
        "group": [*"aaaaaa", *"bbbb"], "label": [*"111100", *"1110"], "decision": [*"111010", *"1110"],
    }  # fmt: skip
    result = told(Decisions(label="label", reference="a"), rows)
    assert result.measure("true_positive_rate", "a").value == 0.75
    assert result.measure("false_positive_rate", "a").value == 0.5
    assert result.measure("true_positive_rate_gap", "b").value == 0.25
    assert result.measure("accuracy", "b").value == 1.0
    assert result.measure("equalized_odds_difference").value == 0.5
    assert result.items["against"].tolist() == [False] * 3 + [True, True, False] + [False] * 4
    assert set(result.table["metric"]) == {"selection_rate", "true_positive_rate", "false_positive_rate", "accuracy"}


def test_the_scoring_rate_is_of_scores_above_the_median_of_those_that_are_judged():
    """Scores 1 to 6 of six persons, the last of whom stands in 20 rows that would move the median."""
    rows = {"group": [*"aababb"] + ["b"] * 19, "s": [1, 2, 3, 4, 5, 6] + [6] * 19, "unit": [*range(6)] + [5] * 19}
    result = told(Decisions(score="s", threshold="median"), rows)
    assert result.measure("selection_rate", "a").value == pytest.approx(1 / 3)
    assert result.measure("selection_rate", "b").value == pytest.approx(2 / 3)
    alike = told(Decisions(score="s", threshold="median"), {"group": [*"aabb"], "s": [1, 2, 2, 2]})
    assert alike.measure("selection_rate").value == 0  # none lies above the median, as the rule reads


def test_intervals_hold_where_the_threshold_is_the_median_of_the_sample():
    """Two groups of normal scores 0.6 apart: of scores above the true median 0.6179 and 0.3821."""
    rng, missed = np.random.default_rng(4), 0
    for _ in range(40):
        rows = {"group": [*"a" * 100, *"b" * 100], "s": [*rng.normal(0.3, 1, 100), *rng.normal(-0.3, 1, 100)]}
        measure = told(Decisions(score="s", threshold="median"), rows).headline
        missed += not measure.low <= 2 * 0.6179114 - 1 <= measure.high
    assert binom.sf(missed - 1, 40, 0.05) > 0.01


def test_values_are_fairlearns_to_the_bit():
    rng = np.random.default_rng(8)
    rows = {name: rng.integers(0, 2, 500).astype(str) for name in ("label", "decision")}
    rows["group"] = rng.choice([*"abc"], 500, p=[0.6, 0.3, 0.1])
    result = told(Decisions(label="label"), rows)
    labels, decided = (rows[name].astype(int) for name in ("label", "decision"))
    for metric in (
        fair.demographic_parity_difference, fair.demographic_parity_ratio, fair.equalized_odds_difference,
    ):  # fmt: skip
        assert result.measure(metric.__name__).value == metric(labels, decided, sensitive_features=rows["group"])


def test_a_row_without_a_group_is_in_one_and_one_without_a_decision_is_missing():
    rows = {"group": ["a"] * 30 + ["b"] * 30 + [None] * 30, "decision": ["1", "0", None] * 30}
    result = told(Decisions(), rows)
    assert result.measure("selection_rate", "(no value)").n["units"] == 20
    assert result.measure("selection_rate", "a").missing == 10
    assert result.measure("selection_rate", "a").low < 0.25
    assert int(result.items["no_answer"].sum()) == 30


def test_a_word_that_may_stand_for_nothing_is_a_group_and_is_told_until_the_plan_says_what_it_means(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("group,decision\n" + "a,1\nNA,0\nb,1\nNA,1\nn/a,0\n,1\nNational,1\n" * 10)

    def result(**options):
        return told(Decisions(), pd.concat(File(path, **options).batches(Decisions().roles["items"])))

    plain = result()
    assert [(one.key, one.values) for one in plain.remarks if one.key == "missing_word"] == [
        ("missing_word", {"column_name": "group", "word": "NA", "row_count": 20}),
        ("missing_word", {"column_name": "group", "word": "n/a", "row_count": 10}),
    ]
    assert plain.measure("selection_rate", "NA").n["units"] == 20
    known = result(missing=["NA", "n/a"])
    assert all(one.key != "missing_word" for one in known.remarks)
    assert known.measure("selection_rate", "(no value)").n["units"] == 40


def test_scores_of_several_features_are_told_alone_and_together():
    rng = np.random.default_rng(3)
    rows = {
        "sex": rng.choice([*"fm"], 400), "race": rng.choice([*"xy"], 400), "label": rng.integers(0, 2, 400),
    }  # fmt: skip
    rows["score"] = (rng.random(400) / 2 + rows["label"] * (rows["sex"] == "f") / 4).round(2)
    known = {"label": "label", "score": "score"}
    result = told(Decisions(sensitive=("sex", "race"), **known), rows)
    own = rows["sex"] == "f"
    alone = result.measure("auc", "sex: f")
    assert alone.value == pytest.approx(roc_auc_score(rows["label"][own], rows["score"][own]))
    assert result.measure("auc_difference", "sex").low > 0
    assert result.measure("auc_difference", "race").value < 0.2
    assert result.measure("abroca", "race: x").value is not None
    assert result.measure("auc", "f x y").value is not None
    by_sex = told(Decisions(sensitive=("sex",), **known), rows).measure("auc", "f")
    assert alone.low < by_sex.low < by_sex.value == alone.value  # all features hold at once


def test_several_features_are_told_alone_and_together_and_all_hold_at_once():
    rng = np.random.default_rng(3)
    rows = {"sex": rng.choice(["f", "m"], 800), "race": rng.choice(["x", "y"], 800)}
    less = (rows["sex"] == "f") & (rows["race"] == "x")
    rows["decision"] = np.where(rng.random(800) < np.where(less, 0.1, 0.5), "1", "0")
    result = told(Decisions(sensitive=("sex", "race")), rows)
    assert result.remarks[0].values["group"] == "f x x"
    alone = told(Decisions(sensitive=("sex",)), rows)
    both, one = result.measure("selection_rate_gap", "sex: f"), alone.measure("selection_rate_gap", "f")
    assert both.value == one.value
    assert both.low < one.low < one.high < both.high


def test_what_all_intersections_keep_one_feature_may_break():
    """Women 0, men 15 %: an intersection lies 10 points from the rest, and the sexes lie 15 apart."""
    sex, race = np.repeat(list("fm"), 4000), np.tile(list("xy"), 4000)
    decision = np.where((sex == "m") & (np.arange(8000) // 2 % 20 < 3), "1", "0")
    result = told(Decisions(sensitive=("sex", "race")), {"sex": sex, "race": race, "decision": decision})
    gap, alone = result.measure("selection_rate_gap"), result.measure("selection_rate_gap", "sex: m")
    assert abs(gap.value) == pytest.approx(0.1)
    assert gap.high < 0.125 < alone.low
    assert gap.reach[1] == alone.high


def test_within_strata_a_gap_that_the_control_makes_is_gone():
    rows = {
        "group": np.repeat([*"abab"], [900, 100, 100, 900]), "field": np.repeat([*"xxyy"], [900, 100, 100, 900]),
        "decision": np.concatenate([np.arange(n) % 10 < k for n, k in ((900, 6), (100, 6), (100, 2), (900, 2))]),
    }  # fmt: skip
    rows["decision"] = rows["decision"].astype(int).astype(str)
    result = told(Decisions(within=("field",)), rows)
    assert result.headline.low > 0.2
    assert result.measure("selection_rate_conditional_gap").value == pytest.approx(0.0)
    assert result.items["stratum"].tolist()[0] == "x"


def test_where_rows_are_missing_gaps_within_strata_hold_them_and_nothing_bounds_what_scores_say():
    """Forty rows without a label are counted as both outcomes in their strata; how they rank nobody knows."""
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 400)
    rows = {
        "group": np.tile([*"ab"], 200), "field": np.repeat([*"xy"], 200), "label": label.astype(str).astype(object),
        "score": np.clip(label * 0.4 + rng.random(400) * 0.6, 0, 1).astype(str),
    }  # fmt: skip
    probe = Decisions(score="score", label="label", within=("field",))
    whole = told(probe, rows)
    lost = told(probe, {**rows, "label": [None] * 40 + rows["label"][40:].tolist()})
    bounded = {one.name for one in whole.measures if one.low is not None}
    assert {"auc", "abroca"} <= bounded, sorted(bounded)
    for one in lost.measures:
        if one.name in ("auc", "abroca"):
            assert (one.missing, one.low, one.high, one.decides) == (40, None, None, False)
    for name in ("true_positive_rate_conditional_gap", "accuracy_conditional_gap", "accuracy_conditional_ratio"):
        before, after = whole.measure(name, "a"), lost.measure(name, "a")
        assert after.missing == 20
        assert after.low < before.low < before.high < after.high


def test_what_mitigation_buys_is_told_beside_the_finding():
    """One group's scores are 0.2 lower at equal labels: thresholds by group make selection equal, at no cost."""
    rng = np.random.default_rng(4)
    label = rng.random(3000) < 0.5
    group = np.repeat(["a", "b"], 1500)
    score = np.clip(0.35 + 0.3 * label + rng.normal(0, 0.1, 3000) - 0.25 * (group == "b"), 0, 1)
    rows = {"group": group, "label": np.where(label, "1", "0"), "score": score.astype(str)}
    result = told(Decisions(score="score", label="label", mitigation="demographic_parity"), rows)
    before, after = (result.measure(f"mitigation_difference_{when}") for when in ("before", "after"))
    assert before.low > 0.2
    assert after.high < 0.15
    assert result.measure("mitigation_accuracy_cost").high < 0
    assert result.measure("mitigation_accuracy_after").value > result.measure("mitigation_accuracy_before").value + 0.1
    assert "mitigation_accuracy_after" not in Decisions().measures  # no limit may speak of it
    assert result.measure("xauc_gap", "b").high < 0


def test_what_mitigation_buys_has_no_interval_where_rows_are_missing():
    rng = np.random.default_rng(6)
    label = rng.integers(0, 2, 400).astype(str).astype(object)
    rows = {"group": np.tile([*"ab"], 200), "label": label, "score": rng.random(400).astype(str)}
    probe = Decisions(score="score", label="label", mitigation="demographic_parity")
    lost = told(probe, {**rows, "label": [None] * 30 + label[30:].tolist()})
    assert told(probe, rows).measure("mitigation_accuracy_cost").low is not None
    cost = lost.measure("mitigation_accuracy_cost")
    assert (cost.missing, cost.low, cost.high) == (30, None, None)


def test_mitigation_without_labels_to_learn_from_is_undefined():
    rows = {"group": [*"ab"] * 20, "label": ["0"] * 40, "score": [str(n / 40) for n in range(40)]}
    result = told(Decisions(score="score", label="label", mitigation="equalized_odds"), rows)
    assert "thresholds are learnt from" in result.measure("mitigation_difference_after").undefined


# --- whose decisions


@pytest.fixture(scope="module")
def people():
    """Rows whose label depends on one number and one word, and a little on the group."""
    rng = np.random.default_rng(5)
    group, kind, number = rng.choice(["a", "b"], 1200), rng.choice(["x", "y"], 1200), rng.normal(size=1200)
    label = number + (kind == "x") - 1.5 * (group == "b") + rng.normal(size=1200) > 0
    return pd.DataFrame({"group": group, "kind": kind, "number": number, "label": label.astype(int)})


@pytest.fixture
def folder(tmp_path, people):
    people.to_csv(tmp_path / "people.csv", index=False)
    return tmp_path


def test_a_classifier_of_numbers_and_words_is_audited_from_a_plan(folder, people):
    features = people[["number", "kind", "group"]]
    parts = make_column_transformer((StandardScaler(), ["number"]), (OneHotEncoder(), ["kind", "group"]))
    skops.io.dump(make_pipeline(parts, LogisticRegression()).fit(features, people["label"]), folder / "model.skops")
    plan = read_plan(
        """
title: A classifier by group
model: {use: classifier, path: model.skops, modality: tabular}
shard: 1024
checks:
  - name: decisions
    probe: {use: bias.decisions, sensitive: [group], label: label, features: [number, kind, group],
            categories: [kind, group]}
    data: {use: file, path: people.csv}
    limit: {measure: demographic_parity_difference, at_most: 0.1}
""",
        base=folder,
    )
    audit = run(plan, into=folder / "audits")
    finding = audit.record.findings[0]
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True})
    measures = {(one.name, one.group): one for one in finding.measures}
    model = skops.io.load(folder / "model.skops", trusted=[])
    decided = model.predict_proba(features)[:, 1] >= 0.5
    for name in ("a", "b"):
        assert measures["selection_rate", name].value == pytest.approx(decided[people["group"] == name].mean())
    assert measures["calibration_in_the_large", "a"].value is not None
    assert measures["auc", None].value > 0.7


def test_a_classifier_of_numbers_gets_arrays_in_order_and_rows_that_lack_one_are_not_asked(tmp_path, people):
    model = LogisticRegression().fit(people[["number", "label"]].to_numpy(), people["label"])
    skops.io.dump(model, tmp_path / "model.skops")
    people = people.head(40).assign(extra=1.0)
    people.loc[3, "number"] = np.nan
    people.to_csv(tmp_path / "people.csv", index=False)
    check = Check("decisions", Decisions(features=("number", "extra")), {"items": File(tmp_path / "people.csv")})
    plan = Plan("x", (check,), model=ClassifierFile(tmp_path / "model.skops", modality="tabular"))
    audit = run(plan, into=tmp_path / "audits")
    [overall] = [one for one in audit.record.findings[0].measures if (one.name, one.group) == ("selection_rate", None)]
    assert (overall.n["units"], overall.missing) == (39, 1)


def test_the_class_that_is_called_positive_decides_wherever_it_stands(tmp_path, people):
    """scikit-learn puts `good` before `poor`; by the last class all decisions would be turned round."""
    model = LogisticRegression().fit(people[["number"]].to_numpy(), np.where(people["label"], "good", "poor"))
    skops.io.dump(model, tmp_path / "model.skops")
    people.head(200).assign(label=np.where(people.head(200)["label"], "good", "poor")).to_csv(tmp_path / "people.csv")
    source = ClassifierFile(tmp_path / "model.skops", modality="tabular")
    for place, share in ((None, "good"), (1, "poor")):
        probe = Decisions(features=("number",), label="label", positive="good", positive_class=place)
        plan = Plan("x", (Check("d", probe, {"items": File(tmp_path / "people.csv")}),), model=source)
        finding = run(plan, into=tmp_path / "audits").record.findings[0]
        [overall] = [one for one in finding.measures if (one.name, one.group) == ("selection_rate", None)]
        decided = model.predict(people[["number"]].to_numpy()[:200]) == share
        assert overall.value == pytest.approx(decided.mean(), abs=0.006)


@pytest.mark.parametrize(("names", "selected"), [
    (["granted", "refused"], None), (["refused", "granted"], None), (["False", "True"], None),
    (["LABEL_0", "LABEL_1"], [0, 1]), (["0.0", "1.0"], [0, 1]), (["1", "0"], [1, 0]),
])  # fmt: skip
def test_where_no_class_is_called_positive_the_last_is_not_taken_for_it(names, selected):
    """Labels are 1 and 0, the model's classes words: which of them is 1 nobody said."""
    asked = []

    class Ask:
        def can(self, ability):
            return ability == "class_names"

        def __call__(self, ability, items):
            asked.append(ability)
            if ability == "class_names":
                return pd.DataFrame({"names": [names]})
            return pd.DataFrame({"probabilities": [np.array([0.9, 0.1]), np.array([0.2, 0.8])]})

    rows = pd.DataFrame({"group": ["a", "b"], "f": [1.0, 2.0], "y": ["1", "0"]}).rename_axis("id")
    probe = Decisions(features=("f",), label="y")
    if selected is None:
        told = f"got positive '1' of a model whose classes are {', '.join(names)}; allowed: one of these"
        with pytest.raises(DataError, match=told):
            probe.observe(Ask(), rows, "items")
        assert asked == ["class_names"]
    else:
        told = probe.judge({"items": probe.observe(Ask(), rows, "items")}, level=0.95, rng=np.random.default_rng(0))
        assert told.items["decision"].tolist() == selected


def test_a_network_that_reads_texts_is_audited_from_a_plan(tmp_path):
    """A folder of transformers whose first class is the positive one; rates are those of its own forward pass."""
    kinds = itertools.product(("she", "he"), ("old", "young"), ("nurse", "man", "doctor"))
    texts = [f"{who} is a {age} {what}" for who, age, what in kinds]
    network, tokenizer = make_tiny_text_classifier(tmp_path / "net", ("hire", "reject"))
    rows = pd.DataFrame({"text": texts * 20, "group": [one.split()[0] for one in texts] * 20})
    rows.assign(label=np.resize(["hire", "reject", "hire"], len(rows))).to_csv(tmp_path / "people.csv", index=False)
    plan = read_plan(
        """
title: Texts by group
model: {use: classifier, path: net, threads: 1, device: cpu}
checks:
  - name: decisions
    probe: {use: bias.decisions, label: label, positive: hire, features: [text], categories: [text]}
    data: {use: file, path: people.csv}
""",
        base=tmp_path,
    )
    finding = run(plan, into=tmp_path / "audits").record.findings[0]
    assert finding.controls == {"positive": True, "negative": True}
    logits = np.stack([network(**tokenizer(text, return_tensors="pt")).logits[0].detach().numpy() for text in texts])
    hired = logits[:, 0] >= logits[:, 1]
    assert 0 < hired.mean() < 1
    measures = {(one.name, one.group): one.value for one in finding.measures}
    for who in ("she", "he"):
        mine = [one.startswith(who) for one in texts]
        assert measures["selection_rate", who] == hired[mine].mean()
    assert measures["auc_difference", None] is not None


def test_a_server_that_decides_is_audited_from_a_plan(tmp_path):
    """Asked in chat over a real line: group b needs seven points where a needs five; `Not sure` is no decision."""

    def decide(said):
        told = re.search(r"group (\w) with (\d+) points", said)
        if told is None:
            return "**Yes**, gladly."
        least = {"a": 5, "b": 7}[told[1]]
        return "Not sure." if told[2] == "10" else '"Yes"' if int(told[2]) >= least else "No, sorry"

    rows = [{"group": kind, "question": f"Applicant {number} of group {kind} with {number % 11} points: yes or no?"}
            for kind in "ab" for number in range(110)]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "asked.csv", index=False)
    with answering(decide) as url:
        plan = read_plan(
            f"""
title: A clerk
model: {{use: endpoint, url: "{url}", name: clerk}}
checks:
  - name: decisions
    probe: {{use: bias.decisions, prompt: question}}
    data: {{use: file, path: asked.csv}}
""",
            base=tmp_path,
        )
        finding = run(plan, into=tmp_path / "audits").record.findings[0]
    assert finding.verdict == "measured"
    measures = {(one.name, one.group): one for one in finding.measures}
    assert measures["selection_rate", "a"].value == pytest.approx(5 / 10)
    assert measures["selection_rate", "b"].value == pytest.approx(3 / 10)
    assert measures["selection_rate", "a"].missing == 10
    assert measures["demographic_parity_difference", None].value == pytest.approx(2 / 10)


class Clerk:
    """Answers by yes and no, now and then by neither."""

    family, modality, name, fingerprint = "clerk", "text", "clerk", "sha256:clerk"

    def sample(self, prompts, *, seed, **sampling):
        return [Sample("Maybe." if "7" in one else " Yes, of course" if "a" in one else "NO") for one in prompts]


def test_the_answers_of_a_model_that_writes_are_decisions(tmp_path):
    rows = [{"group": kind, "question": f"{kind}{number}"} for kind in "ab" for number in range(60)]
    check = Check("clerk", Decisions(prompt="question"), {"items": rows}, Limit(
        measure="demographic_parity_difference", at_most=0.5,
    ))  # fmt: skip
    finding = run(Plan("x", (check,), model=Clerk()), into=tmp_path).record.findings[0]
    assert finding.verdict == "failed"
    assert finding.headline.missing == 2 * 6


def test_decisions_of_a_table_are_audited_without_a_model_and_kept_item_by_item(tmp_path):
    rng = np.random.default_rng(6)
    pd.DataFrame(table(rng, [0.5, 0.2], 200)).to_csv(tmp_path / "decided.csv", index=False)
    text = starter_plan(str(tmp_path / "decided.csv"))
    assert "bias.decisions" in text
    plan = read_plan(text.replace("      label: label ", "      #"), base=tmp_path)
    audit = run(plan, into=tmp_path / "audits")
    assert audit.record.findings[0].verdict == "failed"
    items = audit.items("decisions")
    assert (len(items), set(items["group"])) == (400, {"a", "b"})
    assert json.loads((audit.folder / "record.json").read_text())["schema"] == 1


# --- hostile tables


@pytest.mark.parametrize("options", [{}, {"label": "label"}, {"score": "score", "label": "label"}])
@pytest.mark.parametrize(
    "rows",
    [
        {"group": [None] * 20, "decision": ["1", "0"] * 10, "label": ["1", "0"] * 10, "score": ["1", "0"] * 10},
        {"group": ["a"] * 20, "decision": ["1", "0"] * 10, "label": ["1", "0"] * 10, "score": ["1", "0"] * 10},
        {"group": [*"ab"] * 10, "decision": [None] * 20, "label": [None] * 20, "score": [None] * 20},
        {"group": [*"ab"] * 10, "decision": ["0"] * 20, "label": ["0"] * 20, "score": ["nan"] * 20},
        {"group": [*"ab"] * 10, "decision": ["1"] * 20, "label": ["1"] * 20, "score": ["1"] * 20},
        {"group": ["a", "1", "true", "ä", "b" * 9999] * 4, "decision": ["1", "0"] * 10, "label": ["1", "0"] * 10,
         "score": ["1e308", "-1e308"] * 10},
        {"group": ["a"], "decision": ["1"], "label": ["1"], "score": ["0"]},
    ],
    ids=["all missing", "one group", "no decision", "constant 0, NaN scores", "constant 1", "mixed", "one row"],
)  # fmt: skip
def test_a_hostile_table_gives_typed_undefineds_and_no_wrong_number(rows, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = told(Decisions(**options), rows)
    groups = len(set(rows["group"]))
    for one in result.measures:
        assert (one.value is None) == (one.undefined is not None)
        if one.value is not None and one.name.endswith(("_gap", "_difference")):
            assert groups > 1
    if groups == 1:
        assert result.headline.undefined == "fewer than two groups have a unit that answered"
    if set(rows["label"]) == {"0"} and "label" in options:
        assert result.measure("true_positive_rate").undefined == "no row of the group has a positive label"


def test_ten_thousand_groups_are_judged_and_none_is_accused():
    rng = np.random.default_rng(7)
    rows = {"group": [str(n) for n in range(10_000)], "decision": np.where(rng.random(10_000) < 0.5, "1", "0")}
    result = told(Decisions(), rows)
    assert (result.headline.low, result.headline.high) == (0.0, 1.0)
    assert len(result.table) == 10_000
    assert len(result.measures) < 250


@pytest.mark.parametrize(
    ("options", "rows", "line"),
    [
        ({}, {"group": ["a", "b"], "decision": ["yes", "no"]}, r"'decision' is never '1'; there are 'no', 'yes'"),
        ({"score": "score"}, {"group": ["a", "b"], "score": ["0.1", "high"]}, r"item 1: column 'score' is no number"),
        ({"reference": "c"}, {"group": ["a", "b"], "decision": ["1", "0"]}, r"allowed: the rest, the highest, a, b"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_line(options, rows, line):
    with pytest.raises(DataError, match=line):
        told(Decisions(**options), rows)


def test_an_empty_file_is_one_clear_line(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="Empty CSV file"):
        list(File(tmp_path / "empty.csv").batches(Decisions().roles["items"]))
    with (tmp_path / "head.csv").open("w") as file:
        csv.writer(file).writerow(["group", "decision"])
    check = Check("decisions", Decisions(), {"items": File(tmp_path / "head.csv")})
    assert run(Plan("x", (check,)), into=tmp_path / "audits").record.findings[0].verdict == "skipped"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"sensitive": ()}, "1 to 4 sensitive"), ({"sensitive": ("a", "a")}, "each column once"),
        ({"within": ("score",)}, "got column score; allowed: another name"),
        ({"features": ("names",)}, "got column names; allowed: another name"),
        ({"features": ("x",), "decision": "d"}, "one way to decide"), ({"categories": ("x",)}, "allowed: features"),
        ({"metrics": ("beauty",)}, "demographic_parity"), ({"metrics": ("accuracy",)}, "or a label"),
        ({"mitigation": "equalized_odds"}, "with a label"),
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(options, line):
    with pytest.raises(ValueError, match=line):
        Decisions(**options)


# --- a real table


@pytest.mark.shared
def test_adult_has_the_numbers_of_fairlearns_quickstart():
    """A tree of depth 4 on the census of 1994, told on what it learnt from (fairlearn 0.5 to 0.7, and 0.15.0)."""
    names = [
        "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship",
        "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
    ]  # fmt: skip
    rows = pd.concat(
        pd.read_csv(
            needs_data(f"adult/adult.{part}"), names=names, skipinitialspace=True, na_values="?", comment="|"
        ).dropna(subset="income") for part in ("data", "test")
    )  # fmt: skip
    label = rows.pop("income").str.startswith(">50K").to_numpy().astype(int)
    given = pd.get_dummies(rows)
    decision = DecisionTreeClassifier(min_samples_leaf=10, max_depth=4, random_state=0).fit(given, label).predict(given)
    table = {"sex": rows["sex"].to_numpy(), "label": label, "decision": decision}
    result = told(Decisions(sensitive=("sex",), label="label"), table)
    assert result.measure("accuracy").value == 0.8443552680070431
    assert result.measure("selection_rate").value == 0.16385487899758405
    for name, group, value in (
        ("accuracy", "Female", 0.925148), ("accuracy", "Male", 0.804288), ("selection_rate", "Female", 0.0635499),
        ("selection_rate", "Male", 0.213599), ("demographic_parity_difference", None, 0.150049),
        ("demographic_parity_ratio", None, 0.297520), ("equalized_odds_difference", None, 0.081166),
        ("equalized_odds_ratio", None, 0.215878),
    ):  # fmt: skip
        assert result.measure(name, group).value == pytest.approx(value, abs=1e-6)


@pytest.mark.shared
def test_compas_by_the_filter_that_most_papers_take_has_their_error_rates():
    """6,172 rows: screened within 30 days of the arrest, a charge that is known and no traffic offence, a score."""
    raw = pd.read_csv(needs_data("compas/compas-scores-two-years.csv"))
    kept = raw["days_b_screening_arrest"].between(-30, 30) & raw["is_recid"].ne(-1) & raw["c_charge_degree"].ne("O")
    rows = raw[kept & raw["score_text"].ne("N/A")].set_index("id")
    assert len(rows) == 6172
    probe = Decisions(
        sensitive=("race",), score="decile_score", threshold=5, label="two_year_recid",
        metrics=("false_positive_rate", "false_negative_rate"),
    )  # fmt: skip
    result = told(probe, rows[["race", "decile_score", "two_year_recid"]])
    for group, positive, negative in (("African-American", 0.4234, 0.2848), ("Caucasian", 0.2201, 0.4964)):
        assert result.measure("false_positive_rate", group).value == pytest.approx(positive, abs=5e-5)
        assert result.measure("false_negative_rate", group).value == pytest.approx(negative, abs=5e-5)


@pytest.mark.shared
def test_compas_has_its_published_error_rates_and_its_gaps_are_found(tmp_path):
    """ProPublica's notebook: false positives 44.85 and 23.45 %, false negatives 27.99 and 47.72 %."""
    columns = ["id", "race", "age_cat", "two_year_recid", "decile_score"]  # the file has the last one twice
    path = tmp_path / "compas.csv"
    pd.read_csv(needs_data("compas/compas-scores-two-years.csv"), usecols=columns).to_csv(path, index=False)
    probe = Decisions(
        sensitive=("race",), score="decile_score", threshold=5, label="two_year_recid", within=("age_cat",),
        metrics=("false_positive_rate", "false_negative_rate"), mitigation="equalized_odds",
    )  # fmt: skip
    plan = Plan("COMPAS", (Check("compas", probe, {"items": File(path, id="id")}),), shard=4096)
    measures = {(one.name, one.group): one for one in run(plan, into=tmp_path).record.findings[0].measures}
    for name, group, value in (
        ("false_positive_rate", "African-American", 0.4485), ("false_positive_rate", "Caucasian", 0.2345),
        ("false_negative_rate", "African-American", 0.2799), ("false_negative_rate", "Caucasian", 0.4772),
        ("false_positive_rate", None, 0.3235), ("false_negative_rate", None, 0.3740),
    ):  # fmt: skip
        assert measures[name, group].value == pytest.approx(value, abs=5e-5)
    assert measures["false_positive_rate_gap", "African-American"].low > 0.15
    assert measures["false_positive_rate_conditional_p", None].value <= 0.001
