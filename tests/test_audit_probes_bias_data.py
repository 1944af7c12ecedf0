"""The probe `bias.data`: what plans may ask, hostile tables, power and size, COMPAS, and the way to a record."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from needs import needs_data

from audit import load_plan, run
from audit.data.frames import Frame
from audit.data.tabular import File
from audit.errors import DataError, PlanError, UsageError
from audit.integrity import recompute
from audit.probe import Probe
from audit.probes.bias import data as data_bias
from audit.probes.bias.data import DataBias


def people(size=400, gap=0.0, seed=0):
    """Two groups of one size, a label whose rate differs by `gap`, and a feature that tells nothing."""
    rng = np.random.default_rng(seed)
    group = np.arange(size) % 2
    label = rng.random(size) < 0.5 + gap * (group - 0.5)
    return pd.DataFrame({"group": group.astype(str), "label": label.astype(int), "age": rng.integers(18, 80, size)})


def judged(frame, level=0.95, **options):
    probe = DataBias(**options)
    rows = pd.concat(list(Frame(frame).batches(probe.roles["items"])))
    return probe.judge({"items": rows}, level=level, rng=np.random.default_rng(0))


# --- what plans may ask


def test_it_is_a_probe_whose_roles_and_measures_follow_its_options():
    probe = DataBias(sensitive=("race",), features=("age",), identity=("name",), questions=("proxies", "overlap"))
    assert isinstance(probe, Probe)
    assert probe.needs == frozenset()
    assert list(probe.roles["items"].fields) == ["race", "age", "name", "label"]
    assert list(probe.roles["test"].fields) == ["race", "name"]
    assert next(iter(probe.measures)) == "joint_proxy"
    assert "test" not in DataBias().roles
    assert set(probe.measures) < set(DataBias.measures)


@pytest.mark.parametrize(("options", "says"), [
    ({"sensitive": ()}, "allowed: 1 to 4 sensitive"),
    ({"sensitive": ("label",)}, "each column once"),
    ({"reference": {"group": {"a": 1.0}}}, "allowed: both or neither"),
    ({"reference": {"age": {"a": 1.0}}, "cite": "x"}, "got reference of 'age'; allowed: 'group'"),
    ({"reference": {"group": {"a": 0.7}}, "cite": "x"}, "got shares of group that sum to 0.7"),
    ({"questions": ("proxies",)}, "got question 'proxies' without features"),
    ({"questions": ("overlap",)}, "got question 'overlap' without identity"),
    ({"questions": ("labels",), "label": None}, "got question 'labels' without label"),
    ({"questions": ("labels", "labels")}, "each once"),
])  # fmt: skip
def test_questions_that_the_columns_do_not_allow_are_refused_in_one_line(options, says):
    with pytest.raises(ValueError, match=says) as caught:
        DataBias(**options)
    assert "\n" not in str(caught.value)


def test_a_limit_speaks_of_what_is_asked_and_a_column_must_be_there(tmp_path):
    people().to_csv(tmp_path / "people.csv", index=False)
    plan = tmp_path / "plan.yaml"
    plan.write_text("title: T\nchecks:\n  - name: a\n    probe: {use: bias.data, questions: [labels]}\n"
                    "    data: {use: file, path: people.csv}\n    limit: {measure: total_variation, at_most: 0.1}\n")
    with pytest.raises(PlanError, match=r"unknown measure 'total_variation' of bias\.data"):
        load_plan(plan)
    with pytest.raises(DataError, match=r"no column 'race' for field 'race'"):
        run(probe={"use": "bias.data", "sensitive": ["race"]}, data=people(), into=tmp_path / "audits")
    with pytest.raises(UsageError, match="no role 'test'"):
        run(probe="bias.data", data={"items": people(), "test": people()}, into=tmp_path / "audits")


@pytest.mark.parametrize(
    "identity", [("key",), ("key", "sex"), ("sex", "key"), ("age",), ("sex", "age"), ("age", "key")]
)
@pytest.mark.parametrize("question", sorted(data_bias._OF_QUESTION))
def test_rows_that_an_identity_names_pass_the_controls_of_every_question(question, identity):
    """Planted rows are as many persons as rows, also where the group, or what a model learns from, is
    a part of who a person is."""
    probe = DataBias(sensitive=("sex",), features=("age",), identity=identity, questions=(question,), within=("work",))
    rng = np.random.default_rng(1)
    fault, clean = (probe.judge(one, level=0.95, rng=rng) for one in probe.controls(rng))
    assert (probe.found(fault), probe.found(clean)) == (True, False)


# --- through the runner


def test_from_a_plan_to_a_record_that_recomputes(tmp_path):
    people(gap=0.3).to_csv(tmp_path / "people.csv", index=False)
    plan = tmp_path / "plan.yaml"
    plan.write_text("title: T\nchecks:\n  - name: a\n    probe: {use: bias.data, features: [age]}\n"
                    "    data: {use: file, path: people.csv}\n"
                    "    limit: {measure: label_rate_difference, at_most: 0.1}\n")  # fmt: skip
    audit = run(plan, into=tmp_path / "audits")
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True})
    assert (finding.calls, audit.record.data.name) == (0, "people.csv")
    items = audit.items("a")
    assert set(items["kind"]) >= {"labels", "missing", "representation", "proxies", "distances"}
    assert items[items["kind"] == "labels"]["against"].tolist() == [True, True]
    assert recompute(audit) > 10


def test_the_same_table_as_csv_and_in_memory_says_the_same(tmp_path):
    frame = people(60).assign(paid=np.where(np.arange(60) % 3, 1.5, np.nan), kept=True)
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    probe = DataBias(features=("paid", "kept"))
    told = [pd.concat(list(source.batches(probe.roles["items"]))).reset_index(drop=True)
            for source in (File(tmp_path / "x.parquet"), Frame(frame), File(tmp_path / "x.csv"))]  # fmt: skip
    told[2]["kept"] = told[2]["kept"].str.lower()  # how pandas writes it
    assert told[0].equals(told[1])
    assert told[0].equals(told[2])
    assert told[0]["paid"].isna().sum() == 20
    with pytest.raises(DataError, match="holds a list of 1; allowed: text, a number, or true or false"):
        list(Frame([{"group": ["a"], "label": 1}]).batches(DataBias().roles["items"]))


def test_rows_held_out_that_are_among_the_others_are_told_by_group(tmp_path):
    own = people(100).assign(key=range(100))
    held = pd.concat([own[own["group"] == "1"].head(20), people(60, seed=1).assign(key=range(200, 260))])
    options = {"use": "bias.data", "identity": ["key"], "questions": ["overlap", "duplicates"]}
    audit = run(probe=options, data={"items": own, "test": held}, into=tmp_path, limit={"at_most": 0.05})
    (finding,) = audit.record.findings
    assert finding.verdict == "failed"
    assert finding.measure("overlap_share").value == 20 / 80
    assert finding.measure("overlap_difference").value == pytest.approx(20 / 50)
    assert finding.measure("duplicate_share").value == 0


def test_a_folder_of_images_is_a_table_of_its_labels(tmp_path):
    from PIL import Image

    for label, count in (("cat", 6), ("dog", 2)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (4, 4), 10 * number + count).save(tmp_path / "photos" / label / f"{number}.png")
    plan = tmp_path / "plan.yaml"
    plan.write_text("title: T\nchecks:\n  - name: a\n    probe: {use: bias.data, sensitive: [label], label: null,\n"
                    "      reference: {label: {cat: 0.5, dog: 0.5}}, cite: half of each was ordered}\n"
                    "    data: {use: image_folder, path: photos}\n")
    (finding,) = run(plan, into=tmp_path / "audits").record.findings
    assert finding.headline.name == "total_variation"
    assert finding.headline.value == pytest.approx(0.25)
    assert finding.measure("smallest_group").value == 2


# --- power and size


def test_a_gap_is_found_and_the_group_named():
    result = judged(people(600, gap=0.3))
    gap = result.measure("label_rate_gap", "0")
    assert gap.high < 0
    assert result.measure("label_rate_difference").low > 0
    assert [(one.key, one.values["group"]) for one in result.remarks if one.values["measure"] == "label_rate"] == [
        ("widest_gap", "0"),
    ]
    assert result.table.set_index("group")["rows"].tolist() == [300, 300]


def test_clean_tables_are_not_accused_more_often_than_the_level_says():
    """Two sensitive columns, so three splits with ten groups in all: the widest of them is told."""
    rng, alarms = np.random.default_rng(7), 0
    for _ in range(20):
        frame = pd.DataFrame({name: rng.integers(0, most, 240) for name, most in (("a", 2), ("b", 3), ("label", 2))})
        options = {"sensitive": ("a", "b"), "questions": ("labels",)}
        alarms += judged(frame, level=0.8, **options).measure("label_rate_difference").low > 0
    assert alarms <= 4 + 4  # 20 % of 20, and two standard errors


# --- hostile tables


HOSTILE = {
    "nobody says a group": (people().assign(group=None), "fewer than two groups"),
    "one group": (people().assign(group="a"), "fewer than two groups"),
    "no label": (people().assign(label=None), "no row has the favourable value"),
    "another label": (people().assign(label="yes"), "no row has the favourable value"),
    "no numbers": (people().assign(age=np.nan), None),
    "mixed types": (people().assign(age=[1, "x", True, 2.5] * 100, group=[1, "1", True, None] * 100), None),
    "one row": (people(1).assign(label=1), "fewer than two groups"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_give_a_typed_undefined_or_a_number_that_is_right(tmp_path, name):
    frame, says = HOSTILE[name]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    (finding,) = run(probe={"use": "bias.data", "features": ["age"]}, data=rows, into=tmp_path).record.findings
    assert finding.verdict == "measured", finding.why
    head = finding.headline
    assert (head.value is None) == (says is not None)
    assert says is None or says in head.undefined
    if name == "mixed types":  # 1 and "1" are one, true and nothing are groups of their own
        assert {one.group for one in finding.measures if one.name == "label_rate"} == {None, "1", "true", "not given"}


def test_a_label_that_is_always_the_same_has_no_gap_and_says_how_surely():
    head = judged(people().assign(label="1")).headline
    assert (head.value, head.low) == (0.0, 0.0)
    assert 0 < head.high < 0.05


@pytest.mark.parametrize(("text", "says"), [
    ("", r"cannot be read \(Empty CSV file\)"), ("group,label\n", None), ("a,b\n1,2\n", "no column 'group'"),
])  # fmt: skip
def test_files_without_rows_or_columns(tmp_path, text, says):
    path = tmp_path / "x.csv"
    path.write_text(text)
    if says is None:
        (finding,) = run(probe="bias.data", data=File(path), into=tmp_path / "audits").record.findings
        assert (finding.verdict, finding.reason["key"]) == ("skipped", "no_items")
    else:
        with pytest.raises(DataError, match=says):
            run(probe="bias.data", data=File(path), into=tmp_path / "audits")


def test_many_groups_have_few_measures():
    size = 5_000
    frame = pd.DataFrame({"group": np.arange(size), "label": np.arange(size) % 2}).astype(str)
    result = DataBias(questions=("labels", "representation")).judge({"items": frame}, level=0.95,
                                                                    rng=np.random.default_rng(0))  # fmt: skip
    assert len(result.measures) < 200
    assert len(result.table) == size
    assert result.measure("label_rate_difference").low == 0.0


# --- COMPAS


@pytest.mark.shared
def test_compas_is_audited_from_a_plan_without_a_model(tmp_path):
    path = needs_data("compas/compas-scores-two-years.csv")
    plan = tmp_path / "plan.yaml"
    plan.write_text(json.dumps({"title": "COMPAS", "checks": [
        {"name": "labels", "probe": {"use": "bias.data", "sensitive": ["race", "sex"], "label": "two_year_recid",
                                     "favourable": "0", "questions": ["labels"]},
         "data": {"use": "file", "path": str(path)},
         "limit": {"measure": "label_rate_gap", "group": "race: African-American", "at_least": -0.05}},
    ]}))  # fmt: skip
    (finding,) = run(plan, into=tmp_path / "audits").record.findings
    rate = finding.measure("label_rate", "race: African-American")
    assert rate.value == pytest.approx(1 - 1901 / 3696)  # 51.43 % return, as ProPublica has it
    assert finding.verdict == "failed"


def test_where_every_row_lacks_a_value_no_gap_is_there_to_keep_a_limit():
    """A column that is empty but for a few rows, and another that is empty in those: nobody could lack more."""
    filled = np.arange(60) < 5
    frame = pd.DataFrame({
        "group": np.where(np.arange(60) % 3 > 0, "a", "b"), "one": np.where(filled, "x", None),
        "two": np.where(filled, None, "x"),
    }, index=pd.Index(np.arange(60).astype(str), name="id"), dtype=object)  # fmt: skip
    probe = DataBias(label=None, features=("one", "two"), questions=("missing",))
    result = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    assert result.headline.undefined == "every row lacks a value of some column"
    assert set(result.items["column"]) == {"one", "two"}  # who lacks which most is told all the same


def test_a_word_that_may_stand_for_nothing_is_told():
    frame = pd.DataFrame({"group": ["a", "null", None] * 20}, dtype=object).rename_axis("id").rename(index=str)
    probe = DataBias(label=None, questions=("coverage",))
    (said,) = probe.judge({"items": frame}, level=0.95, rng=np.random.default_rng(0)).remarks
    assert (said.key, said.values) == ("missing_word", {"column_name": "group", "word": "null", "row_count": 20})


def test_rows_of_one_person_count_once():
    """40 people fifty times are 40 people: that ten of either sex were hired tells no gap within 10 points."""
    person = np.tile(np.arange(40), 50)
    frame = pd.DataFrame({
        "sex": person % 2, "hired": person // 2 % 2, "person": person, "other": person % 3,
    }, index=pd.Index(np.arange(2000).astype(str), name="id")).astype(str)  # fmt: skip
    asked = {"sensitive": ("sex",), "label": "hired", "features": ("other",)}
    once = DataBias(identity=("person",), **asked).judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    apart = DataBias(**asked).judge({"items": frame}, level=0.95, rng=np.random.default_rng(0))
    gap, wide = apart.measure("label_rate_gap"), once.measure("label_rate_gap")
    assert (gap.value, wide.value) == (0.0, 0.0)
    assert (wide.n["units"], gap.n["units"]) == (20, 1000)
    assert wide.low < -0.3 < -0.1 < gap.low
    assert once.measure("duplicate_share").value == 1.0
    told = once.remarks[0]
    assert (told.key, told.values) == ("one_of_each", {"row_count": 2000, "unit_count": 40, "columns": "person"})
    assert not any(one.key == "one_of_each" for one in apart.remarks)
