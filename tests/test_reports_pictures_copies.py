"""Copies beside their documents: what stands in both is marked, and no more."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from every_probe import _finding
from report_fixtures import HOSTILE, write_audit

from audit.probes.memorisation.copies import Copies
from audit.record import items_of
from reports.figures.style import PALETTE
from reports.pictures import figure_of, pictures_of
from reports.pictures.copies import _same
from reports.text import Notation, words_of

SOURCE = "The old ferry left the quiet harbour before dawn, and nobody on the pier saw it go"
NEARLY = SOURCE.replace("quiet", "calm").replace("pier", "shore").upper()
OUTPUTS = (f"{HOSTILE} They said: {SOURCE}!", f"It was so. {NEARLY} again", "not a word of it stands there at all")


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    def frame(**columns):
        rows = pd.DataFrame(columns, dtype=object)
        return rows.set_axis([f"{next(iter(columns))}{at}" for at in range(len(rows))], axis=0).rename_axis("id")

    observed = {
        "items": frame(output=OUTPUTS, prompt=None, unit=None), "corpus": frame(text=["other", f"Once {SOURCE}."]),
        "held_out": frame(output=["nothing of this kind was ever written there at all"], prompt=None, unit=None),
    }  # fmt: skip
    probe, folder = Copies(answers="given", words=10, near=0.2), tmp_path_factory.mktemp("copies")
    result = probe.judge(observed, level=0.95, rng=np.random.default_rng(0))
    return write_audit(folder, [_finding(folder, "copies", probe, result, limited=0)])


def cells_of(audit, row):
    return items_of(audit.folder, audit.record.findings[0]).rows([row]).to_pylist()[0]


def marked(picture):
    return [one for one in ET.fromstring(str(picture.drawing)).iter("rect") if one.get("fill") == PALETTE["failed"]]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_a_finding_opens_with_the_texts_that_hold_most_and_their_documents(audit, lang):
    notation = Notation(words_of(lang))
    first = pictures_of(audit, audit.record.findings[0], notation)[0]
    assert first.message == notation.words("picture.copied", told=notation.words("picture.copied_run", count=16))
    assert "text1" in first.drawing
    assert "<script" not in first.drawing
    assert len(first.hotspots) == 2, "the copy and the near copy lead to their items, the third text is none"


def test_the_picture_of_a_near_copy_leaves_other_words_unmarked(audit):
    finding, notation = audit.record.findings[0], Notation(words_of("en"))
    exact, near, none = (figure_of(finding.probe).of_item(finding, cells_of(audit, row), notation) for row in range(3))
    assert none is None
    assert "10.0\u00a0% of edits" in near.message
    whole, parts = (sum(float(one.get("width")) for one in marked(picture)) for picture in (exact, near))
    assert whole > parts > 0
    assert len(marked(near)) > len(marked(exact)), "a word that is another one parts what is marked"


def test_what_both_have_is_told_by_its_places():
    one, other = "THE old, calm bay at dawn", "the old quiet bay -- at dawn!"
    found = [(one[a:b], other[c:d]) for (a, b), (c, d) in _same(one, other)]
    assert found == [("THE old,", "the old"), ("bay", "bay"), ("at dawn", "at dawn!")]
