"""A record holds a detector's measure itself: nothing is written twice, and nothing is lost there and back."""

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from pydantic import ValidationError
from report_fixtures import finding, rate, write_audit

from audit.cli.schemas import json_schema
from audit.errors import IntegrityError
from audit.record import Finding, dump, load_record
from detectors.result import Measure

FULL = Measure(
    name="auroc", group="a", value=0.5, low=0.25, high=0.75, n={"items": 8, "units": 4}, unit="score",
    direction="nearer to ideal is better", ideal=0.5, level=0.9, method="test", min_units=3, worst_coverage=0.88,
    guarantee="measured", measured_to=0.99, unit_of="unit", mean_of="value", where={"group": "a"}, missing=2,
    auroc_of=(("items", "nll"), ("foreign", "nll")),
)


@pytest.fixture
def audit(tmp_path):
    return write_audit(tmp_path / "x", [finding("x", "measured", "why", measures=[FULL, rate("m", 1, 4)])])


def test_a_measure_comes_back_as_it_went(audit):
    assert load_record(audit.folder).record.findings[0].measures == [FULL, rate("m", 1, 4)]
    assert dump(load_record(audit.folder).record) == (audit.folder / "record.json").read_bytes()
    kept = json.loads((audit.folder / "record.json").read_bytes())["findings"][0]["measures"][0]
    assert kept == json.loads(json.dumps(asdict(FULL)))  # every field, those at their default too


def test_numbers_of_numpy_are_stored_as_plain_ones():
    """A whole number where a share is meant would be written 1, and an integer of NumPy not at all."""
    ends = {"value": np.float32(0.5), "low": np.int64(0), "high": 1, "n": {"items": np.int64(4)}, "level": np.int8(1)}
    made = Measure(**{**asdict(rate("m", 1, 4)), **ends, "missing": np.int32(1)})
    one = finding("x", "measured", "why").model_copy(update={"measures": [made]})
    kept = one.model_dump(mode="json")["measures"][0]
    assert [(kept[name], type(kept[name])) for name in ("value", "low", "high", "level")] == [
        (0.5, float), (0.0, float), (1.0, float), (1.0, float)
    ]
    assert (type(kept["n"]["items"]), type(kept["missing"])) == (int, int)


def test_what_a_later_writer_adds_is_passed_over(audit):
    raw = json.loads((audit.folder / "record.json").read_bytes())
    raw["findings"][0]["measures"][0]["of_tomorrow"] = 1
    (audit.folder / "record.json").write_text(json.dumps(raw))
    assert load_record(audit.folder).record.findings[0].measures[0] == FULL


@pytest.mark.parametrize(
    "forged", [{"low": 0.6}, {"value": None}, {"guarantee": "finite sample"}, {"direction": "up"}, {"unit": None}]
)
def test_a_record_cannot_hold_what_no_detector_could_return(audit, forged):
    raw = json.loads((audit.folder / "record.json").read_bytes())
    raw["findings"][0]["measures"][0].update(forged)
    (audit.folder / "record.json").write_text(json.dumps(raw))
    with pytest.raises(IntegrityError, match=r"not a record \(findings\.0\.measures\.0"):
        load_record(audit.folder)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_no_number_of_a_record_is_infinite(number):
    one = finding("x", "measured", "why", measures=[FULL]).model_dump()
    for name in ("value", "ideal", "level"):
        measures = [{**one["measures"][0], name: number}]
        with pytest.raises(ValidationError):
            Finding.model_validate({**one, "measures": measures})


def test_the_schema_tells_what_each_field_means():
    known = json.loads(json_schema("record"))["$defs"]["Measure"]["properties"]
    assert set(known) == {one.name for one in fields(Measure)}
    assert known["method"]["description"].startswith("How the interval was made")
    assert {name for name, one in known.items() if "description" not in one} == set()


def test_the_checks_hold_for_a_changed_measure_too():
    with pytest.raises(ValueError, match="lies outside"):
        replace(FULL, value=0.9)
