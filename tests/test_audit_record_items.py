"""The reader of items: only the file that the record names, in the folder, by the ids that it has."""

import os
import time

import pandas as pd
import pytest
from report_fixtures import finding, rate, write_audit

from audit.errors import IntegrityError
from audit.record import Evidence, ItemsFile, items_of, observed_of, table_of
from audit.record import items as reader
from audit.review import Comment, add_reviews


def audit_of(folder, frame):
    one = finding("check", "measured", "why", gating=False, measures=[rate("miss_share", 1, 4)])
    return write_audit(folder, [one], items={"check": frame})


def opened(audit, **more) -> ItemsFile:
    return items_of(audit.folder, audit.finding("check").model_copy(update=more))


def test_ids_name_the_items_whichever_column_holds_them(tmp_path):
    """`id` goes before `item`; both are read as they are stored."""
    for place, (frame, ids, columns) in enumerate([
        (pd.DataFrame({"item": [7, 8], "value": [0.0, 1.0]}), ["7", "8"], ["value"]),
        (pd.DataFrame({"value": [0.0, 1.0], "id": ["a", "b"]}), ["a", "b"], ["value"]),
        (pd.DataFrame({"item": [7, 8], "id": ["a", "b"]}), ["a", "b"], ["item"]),
        (pd.DataFrame({"value": [0.0, 1.0]}), [], ["value"]),
    ]):  # fmt: skip
        file = opened(tmp_audit := audit_of(tmp_path / str(place), frame))
        assert file.ids() == ids
        assert set(tmp_audit.items("check").columns) == set(frame.columns) - {"id"}
        assert list(file.read()) == columns
        assert [str(one) for one in file.read(columns).index] == (ids or ["0", "1"])


def test_what_the_record_does_not_name_is_not_there_and_what_it_names_otherwise_is_not_read(tmp_path):
    audit = audit_of(tmp_path, pd.DataFrame({"item": list("ab"), "value": [0.0, 1.0]}))
    one = audit.finding("check")
    assert (table_of(tmp_path, one), observed_of(tmp_path, one, "items"), opened(audit, evidence=[])) == (None,) * 3
    path = opened(audit).path
    path.write_bytes(path.read_bytes()[:-1])
    assert (opened(audit).problem, opened(audit).total) == ("changed", 0)
    for read in (lambda: opened(audit).read(), lambda: opened(audit).ids(),
                 lambda: audit.items("check"), lambda: opened(audit).table([])):  # fmt: skip
        with pytest.raises(IntegrityError, match="not the file that the record names"):
            read()
    path.unlink()
    assert (opened(audit).problem, audit.items("check")) == ("missing", None)


def test_nobody_comments_on_an_item_of_a_changed_file(tmp_path):
    """Before, what the changed file named could be spoken of."""
    audit = audit_of(tmp_path, frame := pd.DataFrame({"item": list("ab"), "value": [0.0, 1.0]}))
    frame.assign(item=list("xy")).to_parquet(opened(audit).path)
    with pytest.raises(IntegrityError, match="not the file that the record names"):
        add_reviews(audit, Comment(text="seen", check="check", item="x"), author="Kim")


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    audit = audit_of(tmp_path / "audit", pd.DataFrame({"item": ["a"]}))
    path = opened(audit).path
    path.rename(tmp_path / "outside.parquet")
    path.symlink_to(tmp_path / "outside.parquet")
    assert opened(audit).problem == "missing"
    name = "../../outside"
    led = [Evidence(path=f"items/{name}.parquet", sha256="sha256:0")]
    assert opened(audit, check=name, evidence=led).problem == "missing"


def test_a_digest_is_found_once_for_a_settled_file_and_anew_for_one_just_written(tmp_path, monkeypatch):
    audit, digests = audit_of(tmp_path, pd.DataFrame({"item": ["a"]})), []
    digest_file = reader.digest_file
    monkeypatch.setattr(reader, "digest_file", lambda path: digests.append(path) or digest_file(path))
    assert opened(audit) == opened(audit)
    assert len(digests) == 2, "a change within the tick of the disk's clock would not show"
    later = time.time_ns() + reader._SETTLED
    monkeypatch.setattr(reader.time, "time_ns", lambda: later)
    assert opened(audit) == opened(audit)
    assert len(digests) == 3
    path = opened(audit).path
    data, facts = path.read_bytes(), path.stat()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert opened(audit).problem == "changed", "the time of writing can be set, that of change cannot"
