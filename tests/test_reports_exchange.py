"""The exchange formats: accepted by the packages and schemas of those who publish them, and made-up states are not.

What each verdict becomes is written down row by row; the files of one audit are compared byte by byte.
"""

from __future__ import annotations

import copy
import io
import json
import warnings
from importlib.util import find_spec
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from exchange_fixtures import of_every_verdict, with_answers, write_run
from report_fixtures import hostile, write_audit

from audit.errors import UsageError
from audit.plugins import load
from audit.record import load_record
from reports.options import ReportOptions

GOLDEN = Path(__file__).parent / "golden"
FORMATS = ("oscal", "cyclonedx", "cyclonedx-1.6", "spdx", "hf", "every-eval-ever", "croissant")
OF_DATA = tuple(name for name in FORMATS if name != "every-eval-ever")


def made(audit, name, **options):
    return load("reports", name)(audit, ReportOptions(**options))


def document(audit, name, **options):
    data = next(iter(made(audit, name, **options).values()))
    return yaml.safe_load(data) if name == "hf" else json.loads(data)


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return of_every_verdict(tmp_path_factory.mktemp("model") / "audit")


@pytest.fixture(scope="module")
def of_data(tmp_path_factory):
    return of_every_verdict(tmp_path_factory.mktemp("data") / "audit", data=True)


def take_oscal(told):
    from trestle.oscal.assessment_results import Model

    Model.model_validate_json(json.dumps(told))


def take_cyclonedx(told):
    import cyclonedx.schema

    home = Path(cyclonedx.schema.__file__).parent / "_res"
    parts = [path for path in home.glob("*.schema.json") if not path.name.startswith("bom")]
    near = [(f"http://cyclonedx.org/schema/{path.name}", json.loads(path.read_text("utf-8"))) for path in parts]
    schema = json.loads((home / f"bom-{told['specVersion']}.SNAPSHOT.schema.json").read_text("utf-8"))
    jsonschema_rs.validator_for(schema, registry=jsonschema_rs.Registry(near), validate_formats=True).validate(told)


def take_spdx(told):
    from spdx_python_model import v3_0_1

    objects = v3_0_1.SHACLObjectSet()
    v3_0_1.JSONLDDeserializer().read(io.BytesIO(json.dumps(told).encode()), objects)
    assert objects.missing_ids == set()
    v3_0_1.JSONLDSerializer().write(objects, io.BytesIO())  # writing is what asks for all that must be there


def take_hub(told):
    from huggingface_hub import eval_result_entries_to_yaml, parse_eval_result_entries

    assert eval_result_entries_to_yaml(parse_eval_result_entries(told)) == told


def take_croissant(told):
    import mlcroissant

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of rdflib, which it calls by an old name
        mlcroissant.Dataset(jsonld=told)


TAKERS = {
    "oscal": take_oscal, "cyclonedx": take_cyclonedx, "cyclonedx-1.6": take_cyclonedx, "spdx": take_spdx,
    "hf": take_hub, "croissant": take_croissant,
}  # fmt: skip


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", TAKERS)
def test_the_publishers_package_accepts_it(audit, of_data, name, lang):
    for one in (audit, of_data):
        TAKERS[name](document(one, name, lang=lang))


@pytest.mark.parametrize("name", TAKERS)
def test_hostile_and_empty_audits_are_accepted_too(tmp_path, name):
    for one in (hostile(tmp_path / "hostile"), write_audit(tmp_path / "empty", [])):
        write_run(one.folder)
        TAKERS[name](document(load_record(one.folder), name))


def change_oscal(told):
    told["assessment-results"]["results"][0]["findings"][0]["target"]["status"]["state"] = "nearly-satisfied"


def change_cyclonedx(told):
    told["declarations"]["claims"][0]["state"] = "kept"


def change_spdx(told):
    next(one for one in told["@graph"] if one["type"] == "Relationship")["relationshipType"] = "pleases"


def lose_spdx(told):
    del next(one for one in told["@graph"] if one["type"] == "dataset_DatasetPackage")["dataset_datasetType"]


def change_hub(told):
    told[0]["interval"] = [0, 1]


def change_croissant(told):
    """A file without its digest."""
    file = {"@type": "cr:FileObject", "@id": "x", "name": "x", "contentUrl": "x", "encodingFormat": "text/csv"}
    told["distribution"] = [file]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("oscal", change_oscal), ("cyclonedx", change_cyclonedx), ("cyclonedx-1.6", change_cyclonedx),
        ("spdx", change_spdx), ("spdx", lose_spdx), ("hf", change_hub), ("croissant", change_croissant),
    ],
)  # fmt: skip
def test_a_made_up_state_is_refused(audit, name, change):
    told = copy.deepcopy(document(audit, name))
    change(told)
    with pytest.raises(Exception):  # noqa: B017 - every publisher's package has errors of its own
        TAKERS[name](told)


@pytest.mark.skipif(find_spec("every_eval_ever") is None, reason="needs every-eval-ever, of Python 3.12 and later")
def test_the_records_of_evaluations_are_valid(audit, tmp_path):
    (place,) = find_spec("every_eval_ever").submodule_search_locations
    home = Path(place) / "schemas"
    whole, lines = (
        jsonschema_rs.validator_for(json.loads((home / f"{name}.schema.json").read_text("utf-8")))
        for name in ("eval", "instance_level_eval")
    )
    for one in (audit, with_answers(tmp_path / "audit")):
        aggregate, rows = made(one, "every-eval-ever").values()
        whole.validate(json.loads(aggregate))
        for line in rows.splitlines():
            lines.validate(json.loads(line))


@pytest.mark.parametrize("name", FORMATS)
def test_the_files_of_a_known_audit_are_these(audit, name):
    for file, data in made(audit, name).items():
        assert data.decode() == (GOLDEN / file).read_text("utf-8"), f"{file} is another; look at it and renew it"


@pytest.mark.parametrize("name", OF_DATA)
def test_the_files_of_known_data_are_these(of_data, name):
    for file, data in made(of_data, name).items():
        assert data.decode() == (GOLDEN / "data" / file).read_text("utf-8"), f"{file} is another; renew it"


def test_another_record_has_other_ids(audit, tmp_path):
    other = with_answers(tmp_path / "audit")
    first, second = (document(one, "oscal")["assessment-results"]["uuid"] for one in (audit, other))
    assert first != second
    assert first == document(audit, "oscal")["assessment-results"]["uuid"]


def test_what_each_verdict_is_in_oscal(audit):
    (result,) = document(audit, "oscal")["assessment-results"]["results"]
    told = {one["target"]["target-id"]: one["target"]["status"] for one in result["findings"]}
    assert {name: (one["state"], one["reason"]) for name, one in told.items()} == {
        "facts": ("satisfied", "pass"),
        "facts_late": ("not-satisfied", "fail"),
        "facts_few": ("not-satisfied", "other"),
        "extraction": ("not-satisfied", "other"),
        "marks": ("not-satisfied", "other"),
    }
    assert {name for name, one in told.items() if "remarks" in one} == {"facts_few", "extraction", "marks"}
    assert told["facts_few"]["remarks"].startswith("Undecided: ")
    assert len(result["observations"]) == 6  # a check without a limit is observed, and nothing is found of it
    assert result["start"] == "2026-11-27T17:00:00+09:00"
    assert result["end"] == "2026-11-27T09:00:00Z"


def test_an_observation_holds_the_numbers_of_the_record(audit):
    (result,) = document(audit, "oscal")["assessment-results"]["results"]
    one = next(one for one in result["observations"] if one["title"] == "facts")
    props = {prop["name"]: prop["value"] for prop in one["props"]}
    assert (props["value"], props["low"], props["high"]) == ("0.875", "0.75", "1.0")
    assert (props["n-items"], props["level"], props["verdict"]) == ("4", "0.95", "passed")


@pytest.mark.parametrize("name", ["cyclonedx", "cyclonedx-1.6"])
def test_claims_have_evidence_for_or_against_and_no_score(audit, name):
    told = document(audit, name)
    assert "score" not in {key for one in _mappings(told) for key in one}
    sides = {one["predicate"].rpartition(": ")[2]: one.keys() & {"evidence", "counterEvidence"}
             for one in told["declarations"]["claims"]}  # fmt: skip
    assert sides == {"Passed": {"evidence"}, "Failed": {"counterEvidence"}, "Undecided": set(), "Crashed": set(),
                     "Not measured": set()}  # fmt: skip
    named = {one["bom-ref"] for one in _mappings(told) if "bom-ref" in one}
    used = {ref for one in told["declarations"]["claims"] for key in ("evidence", "counterEvidence")
            for ref in one.get(key, [])}  # fmt: skip
    assert used | {"target", "assessor"} <= named


def _mappings(value):
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(one)


def test_spdx_states_no_standard(audit):
    told = json.dumps(document(audit, "spdx"))
    assert "ai_metric" in told
    assert "standard" not in told.lower().replace("a law or a standard", "")


def test_a_number_of_the_hub_is_never_without_its_interval(audit):
    notes = {one["dataset"]["task_id"]: one["notes"] for one in document(audit, "hf")}
    assert set(notes) == {"facts", "facts late", "facts few", "pairs"}
    assert "[75.0\u00a0%, 100\u00a0%] at 95\u00a0%, n 4" in notes["facts"]
    assert "; Passed; " in notes["facts"]


def test_directions_that_nobody_told_are_left_out_and_named(audit):
    told = document(audit, "every-eval-ever")
    assert {one["evaluation_result_id"] for one in told["evaluation_results"]} == {
        "facts.accuracy", "facts.accuracy.rivers", "facts late.accuracy", "facts few.accuracy",
    }  # fmt: skip
    assert told["source_metadata"]["additional_details"]["left_out"] == "facts.auroc, pairs.stereotype_share"
    interval = told["evaluation_results"][0]["score_details"]["uncertainty"]["confidence_interval"]
    assert interval["confidence_level"] == 0.95


def test_an_item_without_an_answer_is_neither_right_nor_wrong(tmp_path):
    aggregate, rows = made(with_answers(tmp_path / "audit"), "every-eval-ever").values()
    lines = [json.loads(line) for line in rows.splitlines()]
    assert [(one["sample_id"], one["evaluation"]) for one in lines] == [
        ("a", {"score": 1.0, "is_correct": True}),
        ("b", {"score": 0.0, "is_correct": False}),
        ("c", {"score": 1.0, "is_correct": True}),
    ]
    assert lines[2]["input"] == {"raw": "<b>4+4?</b>", "reference": ["8"]}
    (result,) = json.loads(aggregate)["evaluation_results"]
    assert result["score_details"]["score"] == pytest.approx(sum(one["evaluation"]["score"] for one in lines) / 3)
    assert result["score_details"]["details"]["missing"] == "1"
    assert {one["evaluation_result_id"] for one in lines} == {result["evaluation_result_id"]}


def test_croissant_fills_in_what_was_measured_and_asks_for_the_rest(audit, of_data):
    told = document(of_data, "croissant")
    assert len(told["rai:dataBiases"]) == 1
    assert len(told["rai:dataLimitations"]) == 5
    asked = {name for name, text in told.items() if name.startswith("rai:") and isinstance(text, str)}
    assert len(asked) == 16
    assert all("to be answered" in told[name] for name in asked)
    of_model = document(audit, "croissant")  # the numbers are the model's, and say nothing of the data
    assert "to be answered" in of_model["rai:dataBiases"]
    assert of_model["distribution"] == []


def test_formats_that_need_a_time_or_a_model_say_so(tmp_path, of_data):
    bare = write_audit(tmp_path / "bare", [])
    for name in ("oscal", "spdx", "every-eval-ever"):
        with pytest.raises(UsageError, match=f"report {name}: got no time of the run"):
            made(bare, name)
    with pytest.raises(UsageError, match="got an audit of data; allowed: an audit of a model"):
        made(of_data, "every-eval-ever")
