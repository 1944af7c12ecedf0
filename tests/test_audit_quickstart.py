"""The quickstart: plans that load, planted faults that are found, the count that is told, and made data."""

import json
from dataclasses import replace

import numpy as np
import pytest

from audit.data.generated import Made
from audit.data.tabular import File
from audit.errors import DataError, IntegrityError
from audit.execute import run
from audit.plan import freeze
from audit.probe import Role
from audit.record import load_record
from audit.reference import cases, find_language_model, tally
from audit.reference.cards import reference_folders
from audit.reference.plans import reference_plan
from audit.reference.quickstart import Case

IMAGE = Role({"image": "pixels", "label": "class"}, optional=frozenset({"label"}))


def test_every_reference_model_has_a_plan_that_loads():
    plans = list(cases())
    references = [case.reference for case in plans if case.reference is not None]
    assert {(one.path.parent.name, one.form) for one in references} == {
        (one.path.parent.name, one.form) for one in reference_folders()
    }
    assert len({case.name for case in plans}) == len(plans) >= 20
    assert all(case.plan.model.name == case.name for case in plans if case.plan.model is not None)
    assert (plans[-1].reference is None) == (find_language_model() is not None)


def test_every_planted_fault_has_a_probe_in_its_plan_or_says_that_it_is_not_asked():
    for reference in reference_folders():
        checks = reference_plan(reference).checks
        asked = {check.probe.name for check in checks}
        limited = {(one.name, one.probe.name, one.limit.measure) for one in checks if one.limit is not None}
        for fault in reference.card["faults"]:
            assert (fault["probe"] in asked) == (fault["status"] == "asked"), (reference.path, fault["name"])
            assert "check" not in fault or (fault["check"], fault["probe"], fault["measure"]) in limited
        assert bool(reference.card["faults"]) == (reference.form == "flawed")


def test_twins_are_told_apart_and_counted(tmp_path):
    done = []
    for case in cases():
        if case.reference is not None and case.reference.path.parent.name == "gan":
            done.append((case, run(replace(case.plan, checks=case.plan.checks[:2]), into=tmp_path)))
    count = tally(done)
    assert (count.found, count.planted, count.false_alarms, count.checks) == (1, 1, 0, 2)
    silent = [(Case(case.plan, case.reference), load_record(done[0][1].folder)) for case, _ in done]
    assert tally(silent).found == 0


def test_made_data_come_with_stable_ids_and_arrays():
    part = Made("digits", "heldout", where={"label": ["1", "7"]})
    (frame,) = part.batches(IMAGE)
    assert set(frame["label"]) == {"1", "7"}
    assert frame["image"].iloc[0].shape == (8, 8)
    assert frame.index.is_unique
    again = next(iter(Made("digits", "heldout", where={"label": ["1", "7"]}).batches(IMAGE, limit=5)))
    assert again.index.tolist() == frame.index[:5].tolist()
    np.testing.assert_array_equal(again["image"].iloc[4], frame["image"].iloc[4])
    others = next(iter(Made("digits", "train").batches(IMAGE)))
    assert not set(others.index) & set(frame.index)


@pytest.mark.parametrize(
    ("part", "role", "words"),
    [
        (Made("digits", "heldot"), IMAGE, "did you mean 'heldout'"),
        (Made("digits", "heldout", where={"lable": ["1"]}), IMAGE, "did you mean 'label'"),
        (Made("world", "pairs"), Role({"question": "text"}), "no field 'question'"),
    ],
)
def test_what_made_data_are_not_is_one_line(part, role, words):
    with pytest.raises(DataError, match=words) as error:
        part.digest(), list(part.batches(role))
    assert "\n" not in str(error.value)


def test_other_items_than_the_promised_ones_are_refused_before_they_are_read():
    got = Made("digits", "heldout").digest()
    assert Made("digits", "heldout", sha256=got.removeprefix("sha256:")).digest() == got
    for asked in (lambda one: one.digest(), lambda one: one.batches(IMAGE)):
        with pytest.raises(IntegrityError, match=f"digits.heldout: digest is {got}; promised was sha256:0"):
            asked(Made("digits", "heldout", sha256="sha256:0"))


@pytest.mark.parametrize("order", [("image", "label"), ("label", "image")])
def test_an_item_has_the_id_that_a_file_gives_it_in_whatever_order_its_fields_are_asked_for(tmp_path, order):
    """Two schemes gave one item two ids, and those of made sets changed with the order of a role's fields."""
    made = Made("digits", "heldout")
    role = Role(dict.fromkeys(order, "told"))
    (frame,) = made.batches(role)
    path = tmp_path / "digits.jsonl"
    path.write_text("".join(json.dumps({"image": one.image.tolist(), "label": one.label}) + "\n"
                            for one in frame.itertuples()))  # fmt: skip
    (read,) = File(path).batches(role)
    assert list(read.index) == list(frame.index)
    assert list(read.columns) == list(frame.columns)


def test_the_digest_is_of_the_items():
    assert Made("series", "fit").digest() == Made("series", "fit").digest() != Made("series", "heldout").digest()
    reference = reference_folders()[0]
    assert freeze(reference_plan(reference), {}) == freeze(reference_plan(reference), {})


