"""`bias.image_data`: a folder of images audited without a model, by a classifier that errs, from a plan."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import skops.io
import yaml
from image_models import png
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

from audit.errors import DataError
from audit.execute import run
from audit.plan import load_plan
from audit.probe import standing
from audit.probes.bias.image_data import ImageData

SHARES = {"nurses": 0.2, "judges": 0.8}
"""Subfolder -> share of its images that are bright."""


def drawn(rng, bright, number):
    """An image of 4 x 4 pixels, no two alike, that is bright or dark, but for one in seven, which looks otherwise."""
    shown = bright if number % 7 else not bright
    return (rng.integers(0, 60, (3, 4, 4)) + 160 * shown).astype(np.uint8)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Photos by subfolder, labelled ones by what they are, and a classifier of their pixels."""
    home, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    learnt = [(drawn(rng, k % 2, 1), "bright" if k % 2 else "dark") for k in range(60)]
    fitted = LogisticRegression(max_iter=2000).fit([one.ravel() for one, _ in learnt], [kind for _, kind in learnt])
    skops.io.dump(fitted, home / "seen.skops")
    kinds = {"labelled/bright": 1.0, "labelled/dark": 0.0, **{f"photos/{name}": one for name, one in SHARES.items()}}
    for folder, share in kinds.items():
        (home / folder).mkdir(parents=True)
        for k in range(150):
            (home / folder / f"{k}.png").write_bytes(png(drawn(rng, k < share * 150, k)))
    return home


def plan_of(home, **data):
    check = {
        "name": "photos", "probe": {"use": "bias.image_data", "reference": {"bright": 0.5, "dark": 0.5}, "cite": "us"},
        "data": {"items": {"use": "image_folder", "path": "./photos", "mode": "RGB"}, **data},
        "limit": {"measure": "largest_total_variation", "at_most": 0.05},
    }  # fmt: skip
    helper = {"use": "classifier", "path": "./seen.skops", "modality": "tabular"}
    plan = {"title": "Photos", "helpers": {"classifier": helper}, "checks": [check]}
    (home / "plan.yaml").write_text(yaml.safe_dump(plan))
    return load_plan(home / "plan.yaml")


def test_a_folder_is_audited_without_a_model_and_the_classifier_s_errors_are_undone(home, tmp_path):
    labelled = {"use": "image_folder", "path": "./labelled", "mode": "RGB"}
    audit = run(plan_of(home, labelled=labelled), into=tmp_path)
    (finding,) = audit.record.findings
    assert (finding.verdict, finding.controls) == ("failed", {"positive": True, "negative": True})
    measures = {(one.name, one.group): one for one in finding.measures}
    items = audit.items("photos")
    for name, share in SHARES.items():
        corrected = measures["share", f"{name}: bright"]
        assert corrected.low <= share <= corrected.high
        seen = (items[items["folder"] == name]["class"] == "bright").mean()
        assert abs(seen - share) > 0.05 > abs(corrected.value - share)
    assert measures["folder_gap", "nurses"].low > 0.3
    assert not [one for one in finding.measures if "prompt" in one.name or "amplification" in one.name]


def test_without_labelled_images_the_helper_is_quoted(home, tmp_path):
    (finding,) = run(plan_of(home), into=tmp_path).record.findings
    assert finding.headline.undefined == "no labelled item shows how the classifier errs"
    assert "folder_gap_given" in {one.name for one in finding.measures if one.low is not None}


def test_sound_folders_are_not_accused_and_skewed_ones_are_found():
    rng, probe, accused, found = np.random.default_rng(1), ImageData(), 0, 0
    faulty, clean = probe.controls(rng)
    names = clean["items"]["names"].iloc[0]
    for seed in range(20):
        for shares, tally in (([1 / 3] * 3, "clean"), ([0.7, 0.2, 0.1], "skewed")):
            kinds = rng.choice(3, len(clean["items"]), p=shares)
            told = [np.eye(3)[kind].tolist() for kind in kinds]
            items = clean["items"].assign(probabilities=told)
            exact = clean["labelled"].assign(probabilities=[np.eye(3)[names.index(one)].tolist()
                                                            for one in clean["labelled"]["label"]])  # fmt: skip
            result = probe.judge({"items": items, "labelled": exact}, level=0.95, rng=np.random.default_rng(seed))
            accused += tally == "clean" and probe.found(result)
            found += tally == "skewed" and probe.found(result)
    assert accused <= 4
    assert found == 20
    assert probe.found(probe.judge(faulty, level=0.95, rng=rng))


def test_a_labelled_image_that_comes_again_tells_nothing_new(home, tmp_path):
    """Ten images a kind, each in six files: what the classifier does with twenty images, not with 120."""
    for kind in ("bright", "dark"):
        (tmp_path / "few" / kind).mkdir(parents=True)
        for k in range(60):
            file = (home / "labelled" / kind / f"{k % 10}.png").read_bytes()
            (tmp_path / "few" / kind / f"{k}.png").write_bytes(file)
    labelled = {"use": "image_folder", "path": str(tmp_path / "few"), "mode": "RGB"}
    (finding,) = run(plan_of(home, labelled=labelled), into=tmp_path / "audits").record.findings
    assert finding.headline.n == {"items": 150 + 20, "units": 20}
    assert finding.verdict == "inconclusive"


def test_photos_of_one_person_count_once_in_a_folder():
    """40 people a folder, by chance of either kind, 10 photos of each; or each photo of another person."""
    probe, rng, sure = ImageData(), np.random.default_rng(3), [0, 0]
    person = np.repeat(np.arange(80), 10)
    facts = {"label": np.where(person < 40, "nurses", "judges"), "draw": None, "digest": np.arange(800).astype(str)}
    items = pd.DataFrame({**facts, "unit": person.astype(str)}).rename(index=str).rename_axis("id")
    items["names"] = [["dark", "bright"]] * 800
    known = pd.DataFrame({"label": ["dark", "bright"] * 200, "probabilities": np.eye(2).tolist() * 200})
    for seed in range(8):
        told = [np.eye(2)[kind].tolist() for kind in rng.integers(0, 2, 80)[person]]
        rows = items.assign(probabilities=told)
        for place, one in enumerate((rows, rows.drop(columns="unit"))):
            result = probe.judge({"items": one, "labelled": known}, level=0.95, rng=np.random.default_rng(seed))
            sure[place] += probe.found(result)
            assert len(result.items) == (80, 800)[place]
    assert binom.sf(sure[0] - 1, 8, 0.05) > 0.001
    assert sure[1] > 2, "photos of one person that count as many claim far too much"
    again = known.assign(unit=(np.arange(400) // 2 % 10).astype(str))  # ten people, each as either kind twenty times
    result = probe.judge({"items": rows, "labelled": again}, level=0.95, rng=rng)
    assert (len(result.items), result.headline.n["units"]) == (80, 20)
    told = [(one.values["columns"], one.values["unit_count"]) for one in result.remarks if one.key == "one_of_each"]
    assert told == [("items: unit", 80), ("labelled: unit", 20)]
    dark = rows.assign(probabilities=[np.eye(2)[int(one < 36)].tolist() for one in person % 40])
    assert probe.found(probe.judge({"items": dark, "labelled": known}, level=0.95, rng=rng))


def test_of_equal_images_of_a_person_that_is_drawn_all_are_counted_as_repeated():
    rows = {"label": "a", "draw": None, "digest": list("xxxyyz"), "unit": list("ppppqq")}
    items = pd.DataFrame(rows).rename(index=str).rename_axis("id")
    items = items.assign(names=[["u", "v"]] * 6, probabilities=[[0.9, 0.1]] * 6)
    found = set()
    for seed in range(20):
        result = ImageData().judge({"items": items}, level=0.95, rng=np.random.default_rng(seed))
        (drawn,) = result.remarks
        assert drawn.values == {"row_count": 3, "unit_count": 2, "columns": "items: unit"}
        found.add((len(result.items), result.measure("repeated_images").value))
    assert found <= {(4, 2), (3, 1), (2, 0), (5, 3)}


def test_whole_images_are_not_told_as_lists():
    """A list has eight bytes and more for a pixel's one: of thirty images all copies together stay below that."""
    images = np.zeros((30, 3, 256, 256), np.uint8)
    items = pd.DataFrame({"image": list(images), "label": "dark"}).rename_axis("id")
    helper = {"class_names": {"names": [["bright", "dark"]]}, "predict": {"probabilities": [np.eye(2)[1]] * 30}}
    tracemalloc.start()
    try:
        told = ImageData().observe(lambda asked, *_, **__: pd.DataFrame(helper[asked]), items, "items")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert np.shape(told["draw"].iloc[0]) == (3, 64, 64)
    assert most < 7 * images.nbytes


@pytest.mark.parametrize("options", [{}, {"nothing": "2"}, {"reference": {"a": 0.7, "b": 0.3}, "cite": "x"}])
def test_trials_stand(options):
    probe = ImageData(**options)
    rng = np.random.default_rng(2)
    assert all(standing(probe, one, level=0.95, rng=np.random.default_rng(3)) for one in probe.trials(rng))


def test_options_and_classes_that_cannot_hold_are_refused(home, tmp_path):
    with pytest.raises(ValueError, match=r"bias.image_data: got 1 references, cite None"):
        ImageData(reference={"a": 1.0})
    with pytest.raises(DataError, match=r"bias.image_data: reference: the helper tells no 'x'"):
        ImageData(reference={"x": 1.0}, cite="y").judge(ImageData().controls(np.random.default_rng(0))[0], level=0.95,
                                                        rng=np.random.default_rng(0))  # fmt: skip
