"""Images and series from files: the pixels that were written, ids by content, and one line for whatever is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from audit.data.generated import Made
from audit.data.images import ImageFolder
from audit.data.sets import digits
from audit.data.tabular import File
from audit.errors import DataError, IntegrityError
from audit.execute import run
from audit.plan import read_plan
from audit.probe import Role
from audit.reference.cards import WEIGHTS

IMAGES = Role(dict.fromkeys(("image", "label", "unit"), "words"), optional=frozenset({"label", "unit"}))
SERIES = Role({"series": "numbers"})
PIXELS = np.arange(24).reshape(2, 3, 4).tolist()


def read(part, role) -> pd.DataFrame:
    return pd.concat(part.batches(role))


def jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def png(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def test_an_image_is_the_same_item_in_every_format(tmp_path):
    rows = [{"image": PIXELS, "label": "a"}, {"image": np.zeros((2, 3, 4), int).tolist(), "label": "b"}]
    jsonl(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    with (tmp_path / "a.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["image", "label"], *([json.dumps(row["image"]), row["label"]] for row in rows)])
    frames = [read(File(tmp_path / f"a.{ending}"), IMAGES) for ending in ("jsonl", "parquet", "csv")]
    for frame in frames:
        assert frame["image"].iloc[0].dtype == np.int64
        np.testing.assert_array_equal(np.stack(frame["image"].to_list()), [row["image"] for row in rows])
        assert frame.index.tolist() == frames[0].index.tolist()
        assert frame["label"].tolist() == ["a", "b"]


def test_a_series_may_stand_in_one_cell_with_a_separator(tmp_path):
    (tmp_path / "a.csv").write_text("series\n0; 1;2\n0.5;-1e3;2\n")
    cells = read(File(tmp_path / "a.csv", list_separator=";"), SERIES)["series"].to_list()
    assert [cell.tolist() for cell in cells] == [[0, 1, 2], [0.5, -1000.0, 2.0]]
    assert [cell.dtype for cell in cells] == [np.int64, np.float64]


@pytest.mark.parametrize(
    "cell", [[[1, 2], [3]], ["a"], [True, False], [1.0, float("nan")], [float("inf")], "[1, 2", "text", 3, {"a": 1}]
)
def test_what_is_no_array_of_numbers_is_refused_with_its_row(tmp_path, cell):
    file = jsonl(tmp_path / "a.jsonl", [{"series": [1, 2]}, {"series": cell}])
    with pytest.raises(DataError, match=r"row 2: field 'series' holds .*; allowed: finite numbers, in lists of one"):
        read(File(file), SERIES)


@pytest.mark.parametrize("empty", [None, "", []])
def test_an_empty_image_is_a_missing_value(tmp_path, empty):
    file = jsonl(tmp_path / "a.jsonl", [{"image": PIXELS}, {"image": empty}])
    with pytest.raises(DataError, match="row 2: field 'image' is empty"):
        read(File(file), IMAGES)


def test_a_folder_of_images_gives_pixels_and_classes(tmp_path):
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 256, (5, 4)), rng.integers(0, 256, (5, 4, 3))
    png(tmp_path / "cat" / "a.png", grey)
    png(tmp_path / "dog" / "b.PNG", grey)
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    found = read(ImageFolder(tmp_path), IMAGES)
    assert found[["label", "unit"]].to_numpy().tolist() == [["cat", "cat/a.png"], ["dog", "cat/a.png"]]
    np.testing.assert_array_equal(found["image"].iloc[0], grey)
    assert len(set(found.index)) == 2

    png(tmp_path / "dog" / "b.PNG", grey + 1 - 2 * (grey > 200))
    assert read(ImageFolder(tmp_path), IMAGES)["unit"].tolist() == ["cat/a.png", "dog/b.PNG"]

    png(tmp_path / "rgb" / "c.png", colour)
    shown = read(ImageFolder(tmp_path / "rgb", mode="RGB", size=(10, 8)), IMAGES)["image"].iloc[0]
    assert shown.shape == (3, 10, 8)
    same = read(ImageFolder(tmp_path / "rgb", mode="RGB"), IMAGES)["image"].iloc[0]
    np.testing.assert_array_equal(same, colour.transpose(2, 0, 1))


def test_a_folders_digest_is_of_its_files_and_options(tmp_path):
    png(tmp_path / "a.png", np.zeros((4, 4)))
    before = ImageFolder(tmp_path).digest()
    assert ImageFolder(tmp_path, sha256=before).digest() == before
    assert ImageFolder(tmp_path, size=(8, 8)).digest() != before
    png(tmp_path / "b.png", np.ones((4, 4)))
    for asked in (lambda one: one.digest(), lambda one: one.batches(IMAGES)):
        with pytest.raises(IntegrityError, match=f"{tmp_path}: digest is sha256:.*; promised was {before}"):
            asked(ImageFolder(tmp_path, sha256=before))


def test_names_of_files_tell_who_is_shown(tmp_path):
    for number, name in enumerate(("ann_1", "ann_2", "bo_1")):
        png(tmp_path / f"{name}.png", np.full((2, 2), number))
    role = Role({"image": "x", "unit": "x"}, repeats=True)
    folder = ImageFolder(tmp_path, names=r"(?P<unit>[a-z]+)_\d")
    assert read(folder, role)["unit"].to_list() == ["ann", "ann", "bo"]
    assert folder.digest() != ImageFolder(tmp_path).digest()
    with pytest.raises(DataError, match="does not fit `names`"):
        read(ImageFolder(tmp_path, names="(?P<unit>b.*)"), role)
    with pytest.raises(ValueError, match="groups who; allowed: label, unit"):
        ImageFolder(tmp_path, names="(?P<who>.*)")


def test_bad_folders_are_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read(ImageFolder(tmp_path / "absent"), IMAGES)
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="no image in it"):
        read(ImageFolder(tmp_path / "in"), IMAGES)
    (tmp_path / "in" / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image"):
        read(ImageFolder(tmp_path / "in"), IMAGES)
    (tmp_path / "in" / "a.png").unlink()
    (tmp_path / "in" / "b.png").symlink_to(png(tmp_path / "out.png", np.zeros((2, 2))))
    with pytest.raises(DataError, match="leads out of the folder"):
        read(ImageFolder(tmp_path / "in"), IMAGES)


def test_a_bomb_of_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    png(tmp_path / "a.png", np.zeros((4, 4)))
    with pytest.raises(DataError, match="cannot be read as an image"):
        read(ImageFolder(tmp_path), IMAGES)


def test_an_audit_of_images_from_a_file_is_that_of_the_same_images_made_here(tmp_path):
    """The same digits from a Parquet file and from the made set give the same measures."""
    table = digits.table("heldout").iloc[:120]
    rows = [{"image": image.tolist()} for image in table["image"]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "digits.parquet")
    text = f"""
title: Images from a file
model: {{use: vae, path: "{WEIGHTS / "vae" / "sound"}", threads: 1}}
limit: 120
checks:
  - name: blind
    probe: {{use: novelty.likelihood, value_range: [0, 16]}}
    data:
      items: SOURCE
      fit: {{use: made, set: digits, part: fit}}
      calibration: {{use: made, set: digits, part: calibration}}
"""
    made = Made("digits", "heldout")
    assert len(read(made, IMAGES)) >= 120
    sources = ("{use: file, path: digits.parquet}", "{use: made, set: digits, part: heldout}")
    audits = [
        run(read_plan(text.replace("SOURCE", source), base=tmp_path), into=tmp_path / "audits") for source in sources
    ]
    found = [audit.record.findings[0] for audit in audits]
    assert found[0].verdict == "measured", found[0].why
    bits = [next(m.value for m in one.measures if m.name == "bits_per_dim") for one in found]
    assert bits[0] == pytest.approx(bits[1], rel=1e-6)
