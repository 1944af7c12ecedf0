"""The same item elsewhere: by what it is, not by an id that a model's draws share with another model's."""

from __future__ import annotations

import pytest
from dashboard_fixtures import FIRST, PICTURES, SECOND, VAE, looked_at, make_pictures, make_second, pictures_frame
from report_fixtures import finding, mixed, rate, write_audit

from audit.record import items_of
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
