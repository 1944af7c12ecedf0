"""The JSON twin: the record, unrounded, with how many items stand behind each check."""

import json

from report_fixtures import hostile, mixed

from audit.files import canonical
from audit.record import Record
from reports.documents.json_report import render_json


def test_the_twin_holds_the_record_and_the_counts(tmp_path):
    audit = mixed(tmp_path, 10)
    data = render_json(audit)["report.json"]
    twin = json.loads(data)
    assert data == canonical(twin) + b"\n"
    assert twin["record"] == json.loads((tmp_path / "record.json").read_bytes())
    assert Record.model_validate(twin["record"]) == audit.record
    assert twin["items"] == {
        one.check: {"stereotypes": 480, "facts": 300}.get(one.check) for one in audit.record.findings
    }


def test_a_missing_file_counts_as_none(tmp_path):
    audit = mixed(tmp_path, 1)
    (tmp_path / "items" / "stereotypes.parquet").unlink()
    assert json.loads(render_json(audit)["report.json"])["items"] == {"stereotypes": None}


def test_hostile_text_is_a_string(tmp_path):
    audit = hostile(tmp_path)
    assert json.loads(render_json(audit)["report.json"])["record"]["title"] == audit.record.title
