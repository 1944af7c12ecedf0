"""Two sets of numbers on one scale: mistakes of units are found, poor models are not taken for one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from detectors.novelty.answers import check_roles
from detectors.scale import another_scale

RNG = np.random.default_rng(0)
INK = (RNG.random((50, 8, 8)) < 0.15) * RNG.random((50, 8, 8))
"""Images in [0, 1], mostly background."""
SINE = 3 * np.sin(np.arange(40) / 5 + RNG.uniform(0, 6, (50, 1)))


@pytest.mark.parametrize(
    ("drawn", "told"),
    [
        (2 * INK - 1, "from -1 to "),
        (255 * INK, "from 0 to 25"),
        (INK / 255, "from 0 to 0.0039"),
        (16 * INK, "from 0 to 1"),
        (INK - 5, "from -5 to -4"),
    ],
)
def test_images_in_other_units_are_told_with_both_ranges(drawn, told):
    assert another_scale("image", drawn, INK).startswith(told)
    assert f", not from 0 to {INK.max():.4g}" in another_scale("image", drawn, INK)


@pytest.mark.parametrize(
    "drawn",
    [
        INK + RNG.normal(0, 0.05, INK.shape),  # unclipped diffusion
        0.2 + 0.5 * INK,  # the blurred means of a VAE
        1 - INK,  # inverted
        np.zeros_like(INK),  # collapsed to one colour
        RNG.random(INK.shape),  # noise
        np.where(RNG.random(INK.shape) < 0.01, 40.0, INK),  # a few wild pixels
    ],
)
def test_poor_models_are_judged(drawn):
    assert another_scale("image", drawn, INK) is None


@pytest.mark.parametrize(
    ("drawn", "other"),
    [(SINE / 99, True), (99 * SINE, True), (SINE + 50, True), (3 * SINE, False), (SINE / 4, False), (SINE + 9, False)],
)
def test_series_have_no_bounds_but_a_scale(drawn, other):
    assert (another_scale("series", drawn, SINE) is not None) is other


@pytest.mark.parametrize("role", ["fit", "calibration", "foreign"])
def test_a_role_of_a_novelty_probe_on_another_scale_is_refused(role):
    def frame(name, images):
        return pd.DataFrame({"image": images.tolist()}, index=[f"{name}-{i}" for i in range(len(images))])

    roles = {name: frame(name, INK) for name in ("items", "fit", "calibration", "foreign")}
    check_roles(roles)
    with pytest.raises(ValueError, match=rf"{role} items range from 0 to 25\d.*, not from 0 to [01]"):
        check_roles({**roles, role: frame(role, 255 * INK)})


def test_what_has_no_scale_says_nothing():
    assert another_scale("text", [0.0], [9.0, 5.0]) is None
    assert another_scale("image", INK, np.zeros(4)) is None
    assert another_scale("image", [], INK) is None
