"""The same item elsewhere: by what it is, not by an id that a model's draws share with another model's."""

from __future__ import annotations

import pandas as pd
import pytest
from dashboard_fixtures import FIRST, PICTURES, SECOND, VAE, looked_at, make_pictures, make_second, pictures_frame
from report_fixtures import finding, mixed, rate, write_audit

from audit.record import ItemsFile, items_of
from dashboard.elsewhere import elsewhere
from dashboard.loading import AUDITS, opened

OTHER, ALIKE = "abcd000000000008", "abcd000000000009"


@pytest.fixture
def home(tmp_path, monkeypatch):
    mixed(tmp_path / FIRST, 14)
    make_second(tmp_path)
    make_pictures(tmp_path)
    for name, shift in ((OTHER, 1), (ALIKE, 0)):
        frame = pictures_frame()
        frame["image"] = [[[level + shift for level in row] for row in image] for image in frame["image"]]
        check = finding("drawn", "measured", "x", probe="novelty.likelihood", measures=[rate("miss_share", 10, 40)])
        write_audit(tmp_path / name, [check], items={"drawn": frame}, title=name, models={"main": VAE})
    monkeypatch.setenv(AUDITS, str(tmp_path))
    looked_at(FIRST, SECOND, PICTURES, OTHER, ALIKE)
    return tmp_path


def found(name, check, row):
    audit = opened(name)
    items = items_of(audit.folder, audit.finding(check))
    cells = items.rows([row]).to_pylist()[0]
    return {(one.audit, one.check, one.row) for one in elsewhere(name, check, str(cells.pop(items.id_column)), cells)}


def test_an_item_that_was_asked_is_found_in_another_audit_though_the_answer_differs(home):
    assert (SECOND, "facts", 1) in found(FIRST, "facts", 0)


def test_a_draw_of_the_same_number_is_another_item_unless_it_is_the_same_image(home):
    assert found(PICTURES, "unseen", 4) == {(ALIKE, "drawn", 5)}


def test_the_ids_of_a_file_are_read_once_and_again_only_where_the_item_is(tmp_path, monkeypatch):
    """Ten checks, none of which has another's items, and one that has those of the first."""
    read, real = [], ItemsFile.table
    monkeypatch.setattr(ItemsFile, "table", lambda self, columns: (read.append(self.name), real(self, columns))[1])
    sets = {f"c{place}": [f"{place}-{row}" for row in range(50)] for place in range(10)} | {"again": ["0-7", "0-8"]}
    frames = {
        check: pd.DataFrame({"id": names, "text": names, "value": 1.0}) for check, names in sets.items()
    }
    checks = [finding(check, "measured", "x", measures=[rate("share", 10, 40)]) for check in sets]
    write_audit(tmp_path / FIRST, checks, items=frames, title="one")
    monkeypatch.setenv(AUDITS, str(tmp_path))
    looked_at(FIRST)
    assert found(FIRST, "c0", 7) == {(FIRST, "again", 1)}
    assert len(read) == 10 + 1  # each other check, and the one again that has it
    read.clear()
    assert found(FIRST, "c0", 8) == {(FIRST, "again", 2)}
    assert found(FIRST, "c0", 9) == found(FIRST, "c5", 3) == set()
    assert read == ["items/again.parquet", "items/c0.parquet"]  # for the other row, and the ids of the first check
