"""The reference applicants: who is hired in either world, what the classifiers learnt, and that the audits find it."""

import json

import numpy as np
import pytest

from audit.cli.app import execute
from audit.data.sets import applicants
from audit.errors import DataError
from audit.execute import run
from audit.models.classifier import ClassifierFile
from audit.plan.frozen import audited_data
from audit.reference import cases, tally
from audit.reference.cards import WEIGHTS
from audit.reference.quickstart import Case
from audit.reference.training.train import FORMS, train_one

FAMILIES = ("applicants", "applicant_classifier")
ROWS = list(applicants.FEATURES)
WORLDS = {form: applicants.drawn(form, 40_000, np.random.default_rng(3)) for form in FORMS}


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """(family, form) -> (case, audit)."""
    into = tmp_path_factory.mktemp("audits")
    wanted = [case for case in cases() if case.reference is not None and case.reference.path.parent.name in FAMILIES]
    return {(case.reference.path.parent.name, case.reference.form): (case, run(case.plan, into=into))
            for case in wanted}  # fmt: skip


def shares(rows, of, by):
    """Share of rows with each value of `by` that have `of`."""
    return rows[of[0]].eq(of[1]).groupby([rows[name] for name in by]).mean()


# ---------------------------------------------------------------- the worlds


def test_people_are_hired_by_the_chances_that_were_planted():
    chances = {"sound": (0.1, 0.9, 0.1, 0.9), "flawed": (0.4, 0.9, 0.0, 0.5)}  # man no, man yes, woman no, woman yes
    for form, rows in WORLDS.items():
        assert shares(rows, ("hired", "yes"), ["gender", "suited"]).tolist() == pytest.approx(chances[form], abs=0.02)


@pytest.mark.parametrize("form", FORMS)
def test_gender_tells_nothing_of_who_is_suited_nor_of_any_feature_but_the_flawed_district(form):
    rows = WORLDS[form]
    women, men = (rows[rows["gender"] == gender] for gender in ("woman", "man"))
    assert abs(len(women) / len(rows) - 0.5) < 0.01
    assert abs((women["suited"] == "yes").mean() - (men["suited"] == "yes").mean()) < 0.02
    for name in ("education", "experience", "score"):
        assert abs(women[name].mean() - men[name].mean()) < 0.05 * rows[name].std()
    there = [one["district"].isin(["north", "east"]).mean() for one in (women, men)]
    assert there == pytest.approx((0.9, 0.1) if form == "flawed" else (0.5, 0.5), abs=0.02)


def test_parts_are_the_same_each_time_and_hold_other_people():
    tables = {part: applicants.table(part) for part in applicants.PARTS}
    assert {part: len(one) for part, one in tables.items()} == applicants.PARTS
    for part, one in tables.items():
        assert one.equals(applicants.table(part))
        assert not any(one.equals(other) for name, other in tables.items() if name != part)
    with pytest.raises(DataError, match=r"unknown part 'sund' \(did you mean 'sound'\?\)"):
        applicants.table("sund")


# ---------------------------------------------------------------- the classifiers and their cards


@pytest.mark.parametrize("form", FORMS)
def test_cards_and_classifiers_come_out_again(form, tmp_path):
    held = applicants.table(f"{form}_heldout")[ROWS]
    for family in FAMILIES:
        card = train_one(family, form, tmp_path)
        assert card == json.loads((WEIGHTS / family / form / "card.json").read_text("utf-8"))
    paths = [root / "applicant_classifier" / form / "classifier.skops" for root in (tmp_path, WEIGHTS)]
    again, shipped = (ClassifierFile(path, modality="tabular").open() for path in paths)
    rows = held.iloc[:200].to_dict("records")
    np.testing.assert_allclose(again.predict(rows), shipped.predict(rows), atol=1e-9)
    assert shipped.classes == ["no", "yes"]
    assert list(shipped._obj.feature_names_in_) == ROWS  # gender is not among them
    files = sorted(path for path in (WEIGHTS / "applicant_classifier" / form).iterdir())
    assert [path.name for path in files] == ["card.json", "classifier.skops"]
    assert sum(path.stat().st_size for path in files) < 50_000


# ---------------------------------------------------------------- the audits


def test_planted_faults_are_found_and_sound_twins_not_accused(audits):
    count = tally(list(audits.values()))
    assert (count.found, count.planted, count.false_alarms, count.checks, count.not_asked) == (4, 4, 0, 4, ())
    verdicts = {key: {one.verdict for one in audit.record.findings} for key, (_, audit) in audits.items()}
    assert verdicts == {(family, form): {"passed" if form == "sound" else "failed"} for family in FAMILIES
                        for form in FORMS}  # fmt: skip


def test_the_quickstart_leaves_the_records_that_one_after_the_other_leaves(audits, capsys, tmp_path):
    """Two audits at once, each in a process of its own."""
    assert execute(["quickstart", "--only", "applicants", "--into", str(tmp_path)]) == 1
    assert "planted faults found 2/2, false alarms 0/2" in capsys.readouterr().out
    for form in FORMS:
        alone = audits["applicants", form][1].folder
        beside = tmp_path / alone.name
        assert (beside / "record.json").read_bytes() == (alone / "record.json").read_bytes()
        assert list((beside / "reports").rglob("*.html"))


def test_the_group_is_named(audits):
    def told(family, check):
        return next(one for one in audits[family, "flawed"][1].record.findings if one.check == check)

    assert "gap of man is " in told("applicants", "hired").why
    assert "gap of man is " in told("applicant_classifier", "errors").why
    selection = told("applicant_classifier", "selection")
    assert {(one["key"], one["group"]) for one in selection.remarks} == {
        ("widest_gap", "man"), ("below_four_fifths", "woman"),
    }
    rows = audits["applicants", "flawed"][1].items("proxies")
    alone = rows[rows["kind"] == "proxies"].set_index("column")
    assert alone["value"].idxmax() == "district"
    assert alone["left_without"].idxmin() == "district"
    assert alone["left_without"].drop("district").min() > 0.85 > 0.55 > alone["left_without"]["district"]



def test_a_fault_is_found_by_the_check_that_its_card_names_and_no_other(audits):
    """Two faults of one table have one probe: the failure of one check is not both found."""
    case, audit = audits["applicants", "flawed"]
    kept = [one for one in audit.record.findings if one.check == "hired"]
    record = audit.record.model_copy(update={"findings": kept})
    alone = type(audit)(**{**vars(audit), "record": record})
    assert (tally([(case, alone)]).found, tally([(case, audit)]).found) == (1, 2)


def test_a_table_is_called_by_its_set_and_part(audits):
    case, audit = audits["applicants", "flawed"]
    assert (audit.record.models, audit.record.data.name, case.name) == ({}, "applicants flawed", "applicants flawed")
    assert Case(case.plan).name == ""
    source = {"use": "made", "digest": "sha256:0", "set": "digits", "part": "fit"}
    named = {"path": "a.csv"}, {"name": "plain_questions"}, {}
    frozen = {"models": {}, "checks": [{"data": {str(at): source | one for at, one in enumerate(named)}}]}
    assert audited_data(frozen).name == "a.csv, plain_questions, digits fit"
