"""The probe `provenance.image_mark`: whole audits of photographs with a mark, a weak one, another key, or none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from audit import plugins
from audit.data import Frame
from audit.data.images import ImageFolder
from audit.errors import DataError, UsageError
from audit.execute import run
from audit.plan import Check, Plan
from audit.probes.provenance.image_mark import MarkedImages
from audit.probes.provenance.image_reading import attacks_on_images, cell_of, pixels_of
from audit.procedures.regenerated import regenerated, rinsed
from audit.record import Limit
from audit.reference.cards import WEIGHTS
from audit.watermarks.image import SpreadSpectrum
from audit.watermarks.keys import make_mark_key, write_mark_key

KEY = b"key"


@pytest.fixture(scope="module")
def photos():
    """Six parts of two photographs, 160 pixels each, none in another."""
    found = [load_sample_image(name)[row : row + 160, column : column + 160]
             for name in ("china.jpg", "flower.jpg") for row, column in ((0, 0), (200, 100), (250, 400))]  # fmt: skip
    return [(one / 255).astype(np.float32) for one in found]


def frame(images, **more):
    rows = [{"image": cell_of(image, 256), "key": f"p{n}"} for n, image in enumerate(images)]
    return Frame([{**row, **{name: one[n] for name, one in more.items()}} for n, row in enumerate(rows)], id="key")


def audited(tmp_path, probe, data, limit=None):
    (finding,) = run(Plan("Marks", (Check("mark", probe, data, limit),)), into=tmp_path).record.findings
    return finding, {(one.name, one.group): one for one in finding.measures}


def test_a_mark_that_is_there_is_found_and_what_it_costs_is_measured(tmp_path, photos):
    marked = [SpreadSpectrum(payload="cafe1234").marked(one, KEY) for one in photos]
    probe = MarkedImages(
        mark={"use": "image-spread", "payload": "cafe1234"}, key="key", attacks=("jpeg at 80", "noise at 0.9"),
        promise_power=0.3,
    )
    data = {"items": frame(marked), "originals": frame(photos), "unmarked": frame(photos)}
    finding, found = audited(tmp_path, probe, data, Limit(measure="detection_rate", at_least=0.5))
    assert (finding.verdict, finding.controls) == ("passed", {"positive": True, "negative": True})
    value = {name: one.value for name, one in found.items()}
    assert value["detection_rate", None] == value["power_under_attack", "jpeg at 80"] == 1
    assert value["false_positive_rate", None] == value["own_false_positive_rate", None] == 0
    assert value["other_key_rate", None] == value["power_under_attack", "noise at 0.9"] == 0
    assert value["worst_power_under_attack", None] == 0
    assert found["other_key_rate", None].n["items"] == 12
    assert value["bit_accuracy", None] == 1
    assert value["psnr", None] == pytest.approx(42.2, abs=0.1)
    assert 0.97 < value["ssim", None] < 1
    assert value["cells_below_promise", None] == 1
    assert {one["key"]: one for one in finding.remarks}["weakest_attack"]["attack"] == "noise at 0.9"


def test_a_folder_pairs_by_file_name_whatever_its_order_and_sizes(tmp_path, photos):
    cut = [one[: 120 + 8 * number] for number, one in enumerate(photos)]
    for place, images in (("plain", cut), ("marked", [SpreadSpectrum().marked(one, KEY) for one in cut])):
        (tmp_path / place).mkdir()
        for number, image in enumerate(images):
            shown = np.moveaxis(cell_of(image, 256), 0, 2).astype(np.uint8)
            Image.fromarray(shown).save(tmp_path / place / f"{number}.png")
    data = {"items": ImageFolder(path=tmp_path / "marked", mode="RGB"),
            "originals": ImageFolder(path=tmp_path / "plain", mode="RGB")}  # fmt: skip
    finding, found = audited(tmp_path / "audits", MarkedImages(key="key"), data)
    assert finding.verdict == "measured", finding.why
    assert found["detection_rate", None].value == 1
    assert found["psnr", None].n["units"] == 6
    assert found["psnr", None].value == pytest.approx(42.2, abs=0.2)


@pytest.mark.parametrize(("mark", "key"), [
    ({"use": "image-spread"}, "another"), ({"use": "image-spread", "psnr": 60}, "key"),
    ({"use": "image-lowest-bit"}, "key"),
])
def test_a_wrong_key_and_a_weak_mark_fail(tmp_path, photos, mark, key):
    """Marked at 60 dB, and in the lowest bit: nothing of either outlives JPEG."""
    made = dict(mark)
    put_in = plugins.build("image_marks", made.pop("use"), made)
    marked = [put_in.marked(one, KEY) for one in photos]
    probe = MarkedImages(mark=mark, key=key, attacks=("jpeg at 50",))
    finding, found = audited(tmp_path, probe, frame(marked), Limit(measure="worst_power_under_attack", at_least=0.6))
    assert finding.verdict == "failed", finding.why
    assert found["worst_power_under_attack", None].value == 0
    if key != "key":
        assert found["detection_rate", None].value == 0


def test_images_without_a_mark_fail_and_the_audit_can_put_one_in(tmp_path, photos):
    limit = Limit(measure="detection_rate", at_least=0.6)
    assert audited(tmp_path / "a", MarkedImages(), frame(photos), limit)[0].verdict == "failed"
    limit = Limit(measure="psnr", at_least=41)
    finding, found = audited(tmp_path / "b", MarkedImages(images="marked"), frame(photos), limit)
    assert found["detection_rate", None].value == 1
    assert found["own_false_positive_rate", None].value == 0
    assert finding.verdict == "passed", finding.why


def test_what_is_lifted_from_marked_images_is_found_in_others(tmp_path, photos):
    """The pattern is the same in every image: who has some of them copies it."""
    everything = [SpreadSpectrum().marked(np.roll(one, 5 * n, axis=0), KEY) for n, one in enumerate(photos * 3)]
    probe = MarkedImages(images="marked", key="key")
    found = audited(tmp_path, probe, {"items": frame(photos), "lifted": frame(everything)})[1]
    assert found["forgery_rate", None].value > 0.8
    assert found["power_under_attack", "averaging at 38"].n["items"] == 6
    assert audited(tmp_path / "none", probe, frame(photos[:2]))[1]["forgery_rate", None].value is None


def test_an_image_that_cannot_hold_the_mark_is_missing_and_bounds_the_rate(tmp_path, photos):
    small = [one[:20, :20] for one in photos[:2]]
    finding, found = audited(tmp_path, MarkedImages(images="marked", attacks=("flip at 1",)), frame([*photos, *small]))
    assert found["not_tested", None].value == 2
    rate = found["detection_rate", None]
    assert (rate.value, rate.missing) == (1, 2)
    assert rate.low < 6 / 8
    assert "needs" in str(finding.why) or finding.verdict == "measured"


def test_crops_of_one_photograph_are_one_unit(tmp_path, photos):
    marked = [SpreadSpectrum().marked(one, KEY) for one in photos]
    found = audited(tmp_path, MarkedImages(key="key"), frame(marked, unit=["a"] * 3 + ["b"] * 3))[1]
    assert dict(found["detection_rate", None].n) == {"items": 6, "units": 2}
    assert found["detection_rate", None].low < 0.3


def test_a_secret_key_leaves_no_trace_in_the_record(tmp_path, photos):
    key = make_mark_key("image-spread", secret=KEY * 8)
    write_mark_key(tmp_path / "a.dokimasia-key", key)
    marked = [SpreadSpectrum().marked(one, key.secret) for one in photos[:3]]
    probe = MarkedImages(key_file=tmp_path / "a.dokimasia-key")
    audit = run(Plan("Marks", (Check("mark", probe, frame(marked)),)), into=tmp_path / "audits")
    assert audit.record.findings[0].measures[0].value == 1
    assert audit.items("mark")["key"].iloc[0] == f"{key.id} image-spread {key.commitment}"
    written = b"".join(one.read_bytes() for one in (tmp_path / "audits").rglob("*") if one.is_file())
    assert key.secret not in written
    assert key.secret.hex().encode() not in written


@pytest.fixture(scope="module", params=[("vae", "rinse at 1"), ("diffusion", "regenerate at 0.2")], ids=["vae", "ddpm"])
def maker(request):
    """A reference model, images that it drew, and the attack that it makes."""
    folder, attack = request.param
    path = WEIGHTS / folder / "sound"
    drawn = plugins.open_model(folder, path=path).sample([None] * 6, seed=1)
    return folder, path, attack, [one.content for one in drawn]


def test_a_generator_that_makes_images_again_takes_a_fragile_mark_out(tmp_path, maker):
    folder, path, attack, images = maker
    items = Frame([{"image": one, "key": f"d{n}"} for n, one in enumerate(images)], id="key")
    probe = MarkedImages(images="marked", mark={"use": "image-lowest-bit"}, attacks=(attack,), levels=17,
                         regenerator="again", alpha=0.01)  # fmt: skip
    again = plugins.build("models", folder, {"path": path})
    plan = Plan("Marks", (Check("mark", probe, items),), helpers={"again": again})
    (finding,) = run(plan, into=tmp_path).record.findings
    value = {(one.name, one.group): one.value for one in finding.measures}
    assert finding.verdict == "measured", finding.why
    assert value["power_under_attack", attack] < 0.5


def test_what_is_made_again_is_like_what_it_was_the_less_the_more_is_done(maker):
    folder, path, _, images = maker
    model = plugins.open_model(folder, path=path)
    make, strengths = (rinsed, (1, 4)) if folder == "vae" else (regenerated, (0.01, 0.9))
    little, much = (make(model, images, strength=one) for one in strengths)
    for made in (little, much):
        assert made.shape == np.shape(images)
        assert made.dtype.kind == "i"
        assert set(np.unique(made)) <= set(range(17))
    far = [np.abs(made - np.stack(images)).mean() for made in (little, much, np.stack(images)[::-1])]
    assert far[0] < far[1] <= far[2] * 1.2


def test_a_mark_without_a_key_is_said_to_be_forgeable():
    probe = MarkedImages(mark={"use": "invisible-watermark"})
    planted = probe.controls(np.random.default_rng(0))[1]
    said = probe.judge(planted, level=0.95, rng=np.random.default_rng(0)).remarks
    assert said[0].key == "mark_without_key"


@pytest.mark.parametrize(("options", "problem"), [
    ({"attacks": ("jpeg at 101",)}, "a strength of 1 to 100"), ({"attacks": ("tear at 1",)}, "allowed: all, or KIND"),
    ({"alpha": 0}, "alpha: got 0"), ({"levels": 1}, "levels: got 1"), ({"other_keys": -1}, "other_keys: got -1"),
    ({"attacks": ("rinse at 1",)}, "rinse without a regenerator"),
    ({"key_file": Path("x"), "mark": {"use": "image-spread"}}, "beside mark"), ({"attacks": ("rotate at 0",)}, "not 0"),
])
def test_options_that_could_find_nothing_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        MarkedImages(**options)


def test_what_is_no_image_is_refused_in_one_line():
    for cell, problem in (([1, 2], "shape"), ([[0, 300]], "pixels of 0 to 300"), (np.zeros((2, 4, 4)), "shape")):
        with pytest.raises(DataError, match=problem):
            pixels_of(cell, 256, "x")
    with pytest.raises(UsageError, match="0x and hexadecimal"):
        MarkedImages(key="0xzz").reader(None)
    assert len(attacks_on_images(["all"])) == 30


def test_levels_come_back_as_they_were():
    rng = np.random.default_rng(0)
    for levels, shape in ((16, (5, 7)), (256, (3, 5, 7)), (2, (1, 4, 4))):
        cell = rng.integers(0, levels, shape)
        back = cell_of(pixels_of(cell, levels, "x"), levels)
        assert back.tolist() == (cell if len(shape) == 2 or shape[0] == 3 else cell[0]).tolist()


def test_the_module_is_light():
    code = ("import sys, audit.probes.provenance.image_mark\n"
            "assert not {'numpy', 'pandas', 'scipy', 'torch'} & set(sys.modules)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True)
