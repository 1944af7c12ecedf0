"""Pictures of a mark in images: the field of attacks, the curve over p, and what was changed, many times as large."""

import re

import numpy as np
import pandas as pd
import pytest
from report_fixtures import finding, rate
from test_reports_pictures import N, pictures, plain, texts, tree

from reports.pictures import figure_of
from reports.pictures.image_mark import _times
from reports.text import Notation, words_of

OPTIONS = {"alpha": 1e-6, "promise_alpha": 1e-6, "promise_power": 0.9}


def judged():
    measures = [rate("detection_rate", 20, 20), rate("power_under_attack", 15, 20, group="jpeg at 30")]
    return finding("mark", "failed", "w", probe="provenance.image_mark", measures=measures, options=OPTIONS)


def images():
    """20 marked images; JPEG 30 takes the mark out of five of them, all others leave it."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(20):
        original = rng.integers(40, 200, (3, 24, 24))
        p_values = [1e-30, 1e-20, 1e-3 if number < 5 else 1e-12, 1e-9]
        rows.append({
            "id": f"i{number}", "image": (original + rng.integers(-3, 4, (1, 24, 24))).tolist(),
            "original": original.tolist(), "p_value": 1e-30, "right_bits": 1.0, "psnr": 42.0, "ssim": 0.99,
            "value": 1.0,
            "kinds": ["none", "jpeg", "jpeg", "copy"], "strengths": [0.0, 50.0, 30.0, 38.0], "lengths": [0] * 4,
            "altered": [True] * 4, "p_values": p_values, "bits": [1.0] * 4,
        })  # fmt: skip
    return pd.DataFrame(rows).set_index("id")


def test_the_field_shows_every_attack_by_strength_and_frames_what_is_below_the_promise(tmp_path):
    field, seen, curve = pictures(tmp_path, judged(), images())
    said = [plain(text) for text in texts(field)]
    assert said == ["JPEG", "30", "75.0 %", "[51 %, 91 %]", "50", "100 %", "[83 %, 100 %]"]
    assert len([one for one in tree(field).iter("path") if one.get("stroke-dasharray")]) == 1
    told = ("In 1 of 2 attacks the mark is found less often than was promised; 'JPEG, 30' takes most: it is found in "
            "75.0 %.")  # fmt: skip
    assert plain(tree(field).find("desc").text) == told
    told = "Without an attack the mark is found in 100 % at p ≤ 10⁻⁶."
    assert plain(tree(curve).find("desc").text) == told
    assert {"no attack", "JPEG, 30"} <= {plain(text) for text in texts(curve)}
    assert len(list(tree(seen).iter("image"))) == 6
    assert "difference × 32" in [plain(text) for text in texts(seen)]


def test_an_item_is_drawn_before_and_after_and_without_an_original_not_at_all(tmp_path):
    figure, row = figure_of("provenance.image_mark"), images().iloc[0]
    drawn = figure.of_item(judged(), row.to_dict(), Notation(words_of("ko")))
    assert len(re.findall("<image ", str(drawn.drawing))) == 3
    assert figure.of_item(judged(), {**row.to_dict(), "original": None}, N) is None
    assert pictures(tmp_path, judged(), images()[["image", "p_value", "value"]]) == ()


@pytest.mark.parametrize(("most", "times"), [(1, 64), (2, 32), (7.9, 16), (130, 1)])
def test_a_difference_is_as_large_as_can_be_told(most, times):
    assert _times(np.array([[most, -most]])) == times
