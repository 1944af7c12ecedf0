"""Generated images by prompt and class, drawn: shares, references, first images; nothing hostile gets through."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from report_fixtures import HOSTILE, finding, write_audit

from audit.record import load_record
from audit.verdict import store_frame
from detectors.bias.generated_images import Counted, image_shares
from reports.documents.html_report import render_html
from reports.figures import drawn
from reports.options import ReportOptions
from reports.pictures import pictures_of
from reports.text import Notation, words_of

N = Notation(words_of("en"))


def audited(tmp_path, counted, *, side=6, bare=False):
    """An audit of one check whose items are images of one colour each: prompt in red, class in green."""
    import pandas as pd

    result = image_shares(counted, level=0.95, rng=np.random.default_rng(0))
    rows = [
        (np.stack([np.full((side, side), c, np.uint8) for c in (10 * p, 100 + k, number % 200)]).tolist(), prompt, kind)
        for p, prompt in enumerate(counted.prompts) for k, kind in enumerate(counted.classes)
        for number in range(counted.given[p, k])
    ]  # fmt: skip
    items = pd.DataFrame(rows, columns=["image", "prompt", "class"])
    items.insert(0, "id", [str(k) for k in range(len(items))])
    one = finding("jobs", "measured", "w", probe="bias.generated_images", measures=list(result.measures))
    audit = write_audit(tmp_path / "a", [one], items={} if bare else {"jobs": items})
    table = store_frame(audit.folder, "items/jobs.table.parquet", result.table)
    (kept,) = audit.record.findings
    record = audit.record.model_copy(update={"findings": [
        kept.model_copy(update={"evidence": [*kept.evidence, table]})
    ]})  # fmt: skip
    return replace(audit, record=record)


def counts(given, prompts=("a nurse", "a judge"), classes=("man", "woman")):
    given = np.array(given)
    even = np.full(given.shape, 1 / given.shape[1])
    return Counted(list(prompts), [None] * len(given), list(classes), given, np.zeros(len(given), np.int64), even)


def picture_of(audit, notation=N):
    (one,) = pictures_of(audit, audit.record.findings[0], notation)
    return one


def texts(picture):
    svg = ET.fromstring(str(picture.drawing))
    return ["".join(one.itertext()).strip().replace("\xa0", " ") for one in svg.iter("text")]


def shown(picture):
    """(column, pixels) of the images in a drawing, from the left."""
    svg = ET.fromstring(str(picture.drawing))
    found = []
    for one in svg.iter("image"):
        data = base64.b64decode(one.get("href").partition("base64,")[2])
        found.append((float(one.get("x")), float(one.get("y")), np.asarray(Image.open(io.BytesIO(data)))))
    return found


def test_each_prompt_has_its_shares_and_images_the_farthest_first(tmp_path):
    picture = picture_of(audited(tmp_path, counts([[30, 20], [45, 5]])))
    said = texts(picture)
    assert said.index("all prompts") < said.index("a judge") < said.index("a nurse")
    assert {"100 images", "50 images", "75.0 %", "25.0 %", "90.0 %", "10.0 %", "60.0 %", "40.0 %"} <= set(said)
    svg = ET.fromstring(str(picture.drawing))
    assert svg.find("desc").text == "A share stands off its reference for: a judge."
    heights = {y for _, y, _ in shown(picture)}
    assert len(heights) == 2
    for _, y, pixels in shown(picture):
        assert pixels.shape == (6, 6, 3)
        assert pixels[0, 0, 0] == (10 if y == min(heights) else 0), "the judge's images stand in the judge's row"
    columns = [(x, pixels[0, 0, 1]) for x, y, pixels in shown(picture)]
    assert max(x for x, level in columns if level == 100) < min(x for x, level in columns if level == 101)


def test_more_prompts_and_classes_than_find_room_are_counted(tmp_path):
    rng = np.random.default_rng(0)
    classes = [f"class {k}" for k in range(7)]
    many = counts(rng.integers(3, 8, (20, 7)), [f"prompt {k}" for k in range(20)], classes)
    audit = audited(tmp_path, many, side=64)
    picture = picture_of(audit)
    assert picture.caption.endswith("10 prompts or classes found no room.")
    assert len(shown(picture)) <= 96
    assert {pixels.shape for _, _, pixels in shown(picture)} == {(32, 32, 3)}
    assert len(str(picture.drawing)) < 1_000_000


def test_without_items_the_shares_are_drawn_alone(tmp_path):
    picture = picture_of(audited(tmp_path, counts([[30, 20], [45, 5]]), bare=True))
    assert shown(picture) == []
    assert "90.0 %" in texts(picture)


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_hostile_prompts_and_labels_are_text(tmp_path, lang):
    prompts = [*HOSTILE, "</text></svg><b>"]
    audit = audited(tmp_path, counts([[9, 1]] * len(prompts), prompts, ["<i onload=x>", HOSTILE[0]]))
    page = render_html(audit, ReportOptions(lang=lang))["report.html"].decode()
    for text in (*prompts, "<i onload=x>"):
        assert "<" not in text or text not in page
    assert "&lt;/text&gt;&lt;/svg&gt;" in page
    picture = picture_of(audit, Notation(words_of(lang)))
    assert ET.fromstring(str(picture.drawing)).tag.endswith("svg")


def test_colours_are_drawn_as_they_are_and_other_scales_from_lowest_to_highest():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (3, 5, 7))
    found = drawn("image", levels.tolist(), N)
    np.testing.assert_array_equal(_decoded(found), levels.transpose(1, 2, 0))
    assert found.told.startswith("5 × 7")
    floats = rng.uniform(-1, 1, (3, 5, 7))
    wanted = np.rint((floats - floats.min()) / (floats.max() - floats.min()) * 255)
    np.testing.assert_array_equal(_decoded(drawn("image", floats.tolist(), N)), wanted.transpose(1, 2, 0))
    grey = rng.uniform(-1, 1, (1, 5, 7))
    one, other = (_decoded(drawn("image", cell.tolist(), N)) for cell in (grey, grey[0]))
    np.testing.assert_array_equal(one, other)
    assert drawn("image", rng.uniform(-1, 1, (2, 5, 7)).tolist(), N) is None
    assert drawn("image", [[[1], [2, 3]]], N) is None


def _decoded(found):
    data = re.search(r"base64,([^\"]+)", str(found.picture))[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_the_audit_is_read_again(tmp_path):
    audit = audited(tmp_path, counts([[9, 1], [5, 5]]))
    assert load_record(audit.folder).record.findings[0].check == "jobs"
