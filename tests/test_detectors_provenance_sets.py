"""Images that are read together: shares of sets, and the number of images that keeps a promise, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from detectors.provenance.image.sets import set_measures
from detectors.provenance.under_attack import Promise


def judged(p_of, images=256, promise=None, others=0.5):
    """Return the measures of sets of 4 and 16 images; p_of: size, number of the set -> p."""
    begun = [[size for size in (4, 16) if at % size == 0 and at + size <= images] for at in range(images)]
    rows = pd.DataFrame({
        "set_sizes": [sizes or None for sizes in begun],
        "set_p_values": [[p_of(size, at // size) for size in sizes] or None for at, sizes in enumerate(begun)],
        "set_other_p_values": [[others] * len(sizes) or None for sizes in begun],
    })  # fmt: skip
    found = set_measures(rows, alpha=1e-3, promise=promise or Promise(0.8, 1e-3), level=0.95)
    return {(one.name, one.group): one for one in found}


def test_power_is_the_share_of_sets_with_its_exact_interval():
    found = judged(lambda size, number: 1e-4 if size == 16 or number < 48 else 0.2)
    four = found["power_together", "4 images"]
    assert (four.value, four.n) == (48 / 64, {"items": 64, "units": 64})
    assert (four.low, four.high) == pytest.approx((beta.ppf(0.025, 48, 17), beta.ppf(0.975, 49, 16)))
    assert found["power_together", "16 images"].value == 1
    assert found["other_key_power_together", "4 images"].value == 0


def test_images_needed_lie_between_the_size_that_may_and_the_one_that_surely_does():
    """48 of 64 sets of 4 may be 80 %, and 16 of 16 sets of 16 are not surely so: with all of 32 they are."""
    found = judged(lambda size, number: 1e-4 if size == 16 or number < 48 else 0.2)["images_needed", None]
    assert (found.value, found.high, found.method) == (16, None, "none; too few sets")
    found = judged(lambda size, number: 1e-4 if size == 16 or number % 4 else 0.2, 512)["images_needed", None]
    assert (found.low, found.value, found.high) == (4, 16, 16)
    none = judged(lambda size, number: 0.2)["images_needed", None]
    assert none.undefined == "of no size are 0.8 of the sets found at 0.001; to show so much takes 20 sets"
    assert judged(lambda size, number: 0.2, 3)["images_needed", None].undefined.startswith("there are fewer images")


def test_a_set_in_which_nothing_can_be_read_is_not_found():
    found = judged(lambda size, number: None if number == 0 else 1e-4)
    assert found["power_together", "4 images"].value == 63 / 64


def test_size_under_uniform_p_values_sets_are_found_as_often_as_their_level_says():
    rng = np.random.default_rng(0)
    found = judged(lambda size, number: rng.uniform(0, 2e-3), 4096)["power_together", "4 images"]
    assert found.low <= 0.5 <= found.high
