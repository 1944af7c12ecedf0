"""Cells of a table carry the heads of their columns, whatever the heads and the cells say; the face is one we know."""

import re
from html import escape

from report_fixtures import HOSTILE

from reports.documents.cards import labelled
from reports.text import typeface

HEAD = '<thead><tr><th class="w">Why</th><th colspan="2">How <svg><title>x</title></svg>much</th></tr></thead>'


def test_a_cell_is_labelled_by_its_column():
    table = f"<table>{HEAD}<tbody><tr><td>late</td><td class='num'>1</td><td>2</td></tr></tbody></table>"
    assert re.findall('data-label="([^"]*)"', labelled(table)) == ["Why", "How much", "How much"]
    wide = f'<table>{HEAD}<tbody><tr><td>a</td></tr><tr><td colspan="2">b</td><td>c</td></tr></tbody></table>'
    assert re.findall('data-label="([^"]*)"', labelled(wide)) == ["Why", "How much"]


def test_what_has_a_label_or_lays_itself_out_is_left_alone():
    for table in (
        f'<table>{HEAD}<tbody><tr><td data-label="own">1</td></tr></tbody></table>',
        f'<table class="lines overview">{HEAD}<tbody><tr><td>1</td></tr></tbody></table>',
        "<table><tbody><tr><th>no head</th><td>1</td></tr></tbody></table>",
    ):
        assert labelled(table) == table


def test_hostile_heads_and_cells_stay_text():
    for text in HOSTILE:
        table = (
            f"<table><thead><tr><th>{escape(text)}</th></tr></thead><tbody><tr><td>{escape(text)}</td></tr></tbody></table>"
        )
        found = labelled(table)
        assert re.sub(' data-label="[^"<>]*"', "", found) == table


def test_another_face_of_that_name_is_not_used(tmp_path, monkeypatch):
    assert typeface().name == "NotoSansKR-Regular.otf"
    for name, data in (("__init__.py", ""), ("NotoSansKR-Regular.otf", "another")):
        (tmp_path / "pylopdf_fonts_ko").mkdir(exist_ok=True)
        (tmp_path / "pylopdf_fonts_ko" / name).write_text(data)
    monkeypatch.syspath_prepend(tmp_path)
    assert typeface.__wrapped__() is None
