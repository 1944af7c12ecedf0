"""Power, false alarms and price of a mark in images, against numbers worked by hand; what can be lifted."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_sample_image

from audit.watermarks.image import LowestBit, SpreadSpectrum
from detectors.intervals import exact_binomial
from detectors.provenance.image.detection import IMAGE_MARK_MEASURES, image_mark_detection
from detectors.provenance.image.lifting import copied, lifted
from detectors.provenance.image.quality import EQUAL, psnr, ssim
from detectors.provenance.under_attack import Promise


def outputs(p_values, **columns):
    index = pd.Index([f"i{n}" for n in range(len(p_values))], name="id")
    frame = pd.DataFrame({"p_value": p_values, "right_bits": None, "other_p_values": [[] for _ in p_values]}, index)
    return frame.assign(**columns)


def attacked(p_values, after, **columns):
    """after: attack -> p-value of each image."""
    frame, names = outputs(p_values, **columns), list(after)
    rows = list(zip(p_values, *after.values(), strict=True))
    frame["kinds"] = [["none", *(name.split(" at ")[0] for name in names)]] * len(rows)
    frame["strengths"] = [[0.0, *(float(name.split(" at ")[1]) for name in names)]] * len(rows)
    frame["lengths"], frame["altered"] = [[[0] * len(rows[0])] * len(rows), [[True] * len(rows[0])] * len(rows)]
    frame["p_values"] = [list(row) for row in rows]
    frame["bits"] = [[None] * len(rows[0])] * len(rows)
    return frame


def judged(frame, unmarked=None, *, alpha=1e-3, promise=None, level=0.95, seed=0):
    rng = np.random.default_rng(seed)
    found = image_mark_detection(frame, unmarked, alpha=alpha, promise=promise or Promise(), level=level, rng=rng)
    return found, {(one.name, one.group): one for one in found.measures}


def ends(measure):
    return measure.value, pytest.approx(measure.low), pytest.approx(measure.high)


def test_power_is_counted_at_alpha_and_at_each_level_with_the_exact_interval():
    result, found = judged(outputs([1e-9] * 12 + [1e-4] * 4 + [0.005] * 3 + [0.5]))
    assert ends(found["detection_rate", None]) == (0.8, *exact_binomial(16, 20))
    assert ends(found["detection_rate", "p at most 0.01"]) == (0.95, *exact_binomial(19, 20))
    assert ends(found["detection_rate", "p at most 1e-06"]) == (0.6, *exact_binomial(12, 20))
    assert result.items["against"].sum() == 4
    assert {one.name for one in result.measures} == set(IMAGE_MARK_MEASURES) - {"power_under_attack"}


def test_false_alarms_are_counted_and_every_key_is_a_trial():
    frame = outputs([1e-9] * 3, other_p_values=[[0.5, 1e-4], [0.3, 0.2], [0.9, None]])
    clean = outputs([0.4, 0.2, 0.0005, 0.9], other_p_values=[[0.5, 0.5]] * 4)
    result, found = judged(frame, clean)
    assert ends(found["false_positive_rate", None]) == (0.25, *exact_binomial(1, 4))
    other = found["other_key_rate", None]
    assert (other.value, other.n["items"], other.missing) == (1 / 13, 13, 1)
    assert other.low == pytest.approx(exact_binomial(1, 14)[0])  # the one that could not be read might have been none,
    assert other.high == pytest.approx(exact_binomial(2, 14)[1])  # or an alarm too
    assert [one.values["reading_count"] for one in result.remarks if one.key == "rates_counted"] == [13.0]
    assert judged(frame)[1]["false_positive_rate", None].value is None


def test_the_attack_that_takes_most_is_named_and_promises_are_counted_with_what_is_not_known():
    frame = attacked([1e-9] * 30, {"jpeg at 50": [1e-9] * 30, "blur at 2": [1e-9] * 20 + [0.5] * 10,
                                   "noise at 0.9": [None] * 30, "copy at 38": [1e-5] * 6 + [0.5] * 24})  # fmt: skip
    result, found = judged(frame, promise=Promise(0.7, 1e-6))
    worst = found["worst_power_under_attack", None]
    assert (worst.value, worst.low) == (0, 0)
    assert result.remarks[0].values["attack"] == "noise at 0.9"
    assert found["power_under_attack", "blur at 2"].value == pytest.approx(2 / 3)
    below = found["cells_below_promise", None]
    assert (below.low, below.value, below.high) == (1, 2, 2)
    assert ends(found["forgery_rate", None]) == (0.2, *exact_binomial(6, 30))
    assert ("power_under_attack", "copy at 38") not in found


def test_what_did_not_come_bounds_every_share():
    frame = attacked([1e-9] * 9, {"jpeg at 50": [1e-9] * 9})
    lost = outputs([None]).assign(kinds=None, strengths=None, lengths=None, altered=None, p_values=None, bits=None)
    lost["other_p_values"] = [None]
    _, found = judged(pd.concat([frame, lost.set_axis(["lost"])]))
    for name, group in (("detection_rate", None), ("power_under_attack", "jpeg at 50")):
        one = found[name, group]
        assert (one.value, one.missing) == (1, 1)
        assert one.low == pytest.approx(exact_binomial(9, 10)[0])
    assert found["not_tested", None].value == 1


def test_bits_and_price_are_of_units():
    frame = outputs([1e-9] * 8, right_bits=[1.0, 0.5] * 4, psnr=[40.0, 44, 42, 42, 43, 43, 41, None],
                    ssim=[0.9] * 8, plain_p_value=[0.5] * 8, unit=list("aabbccdd"))  # fmt: skip
    _, found = judged(frame)
    assert found["bit_accuracy", None].value == 0.75
    assert dict(found["bit_accuracy", None].n) == {"items": 8, "units": 4}
    assert found["psnr", None].value == 42
    assert (found["psnr", None].n["units"], found["psnr", None].missing) == (4, 1)
    assert found["psnr", None].low is None  # four units are too few for an interval of the median
    assert found["ssim", None].value == pytest.approx(0.9)
    assert judged(outputs([1e-9]))[1]["psnr", None].value is None


def test_the_rate_without_a_mark_is_at_or_below_nominal_and_a_planted_one_is_seen():
    """Size and power of the count: 200 audits of 40 images, p uniform under other keys, half of the images marked."""
    rng, covered, alarms = np.random.default_rng(4), 0, 0
    for _ in range(200):
        p = np.where(rng.random(40) < 0.5, 1e-12, rng.random(40))
        frame = outputs(p, other_p_values=rng.random((40, 3)).tolist())
        _, found = judged(frame, alpha=0.01, level=0.9)
        rate, other = found["detection_rate", None], found["other_key_rate", None]
        truth = 0.5 + 0.5 * 0.01
        covered += rate.low <= truth <= rate.high
        alarms += other.low > 0.01
    assert covered >= exact_binomial(180, 200, 0.999)[0] * 200
    assert alarms <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05)


def test_psnr_and_ssim_have_their_closed_forms():
    rng = np.random.default_rng(0)
    image = rng.random((40, 50, 3))
    assert psnr(image, image) == EQUAL
    assert psnr(image, image + 0.01) == pytest.approx(40)
    assert ssim(image, image) == pytest.approx(1)
    dark, light = np.full((20, 20), 0.2), np.full((20, 20), 0.6)
    assert ssim(dark, light) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4), abs=1e-6)  # means alone
    assert ssim(image[..., 0], 1 - image[..., 0]) < 0
    assert math.isnan(ssim(image[:10], image[:10]))
    for measure in (psnr, ssim):
        with pytest.raises(ValueError, match="allowed: one"):
            measure(image, image[:30])


@pytest.mark.skipif(importlib.util.find_spec("skimage") is None, reason="scikit-image is not installed")
def test_ssim_is_that_of_scikit_image():
    from skimage.metrics import structural_similarity

    photo = load_sample_image("flower.jpg")[:200, :240, 0] / 255
    noisy = np.clip(photo + 0.05 * np.random.default_rng(0).standard_normal(photo.shape), 0, 1)
    how = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    told = structural_similarity(photo, noisy, data_range=1, **how)
    assert ssim(photo, noisy) == pytest.approx(told, abs=1e-6)


def test_what_images_have_in_common_is_lifted_put_in_and_taken_off():
    photo = (load_sample_image("china.jpg") / 255).astype(np.float32)
    parts = [photo[row : row + 192, column : column + 192] for row in range(0, 192, 48) for column in range(0, 384, 96)]
    key, mark = b"key", SpreadSpectrum()
    pattern = lifted([mark.marked(one, key) for one in parts])
    assert pattern.shape == (192, 192)
    assert (pattern.mean(), pattern.std()) == (pytest.approx(0, abs=1e-4), pytest.approx(1, abs=1e-3))
    clean = (load_sample_image("flower.jpg")[100:292, 200:392] / 255).astype(np.float32)
    forged = copied(clean, pattern, 38)
    assert psnr(clean, forged) == pytest.approx(38, abs=0.5)
    assert mark.read(clean, [key])[0].log10_p > -3
    assert mark.read(forged, [key])[0].log10_p < -6
    once = mark.marked(clean, key)
    assert mark.read(copied(once, pattern, 42, removed=True), [key])[0].log10_p > mark.read(once, [key])[0].log10_p + 10
    with pytest.raises(ValueError, match="got 1 images"):
        lifted([clean])


def test_a_mark_that_differs_from_image_to_image_is_not_lifted():
    """The lowest bits of a key are the same in all images, but lie below what a copy of the pattern changes."""
    photo = (load_sample_image("china.jpg") / 255).astype(np.float32)
    parts = [photo[row : row + 96, column : column + 96] for row in range(0, 192, 48) for column in range(0, 384, 96)]
    pattern = lifted([LowestBit().marked(one, b"key") for one in parts])
    assert LowestBit().read(copied(parts[0], pattern, 42), [b"key"])[0].log10_p > -4
