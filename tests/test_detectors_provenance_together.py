"""Images read together under one key: tails against every sign pattern there is, and over keys."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from audit.watermarks.image import GaussianShading, TreeRing
from detectors.provenance.image.together import _bound, log10_signed, pattern_sums

KEY = b"the key"


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.data())
def test_the_tail_is_the_share_of_all_sign_patterns(weights, data):
    sums = [sum(s * w for s, w in zip(signs, weights, strict=True)) for signs in itertools.product((-1, 1),
            repeat=len(weights))]  # fmt: skip
    total = data.draw(st.sampled_from(sums))
    share = np.mean(np.array(sums) >= total)
    assert 10 ** log10_signed(total, weights) == pytest.approx(share, rel=1e-9)
    assert 10 ** _bound(total, np.array([w for w in weights if w])) >= share * (1 - 1e-9)


def test_the_bound_stands_for_tails_that_are_too_long_to_add_up_and_is_near_them():
    rng = np.random.default_rng(0)
    weights = rng.integers(1, 9, 300)
    total = int(weights.sum()) // 2
    total += (total - int(weights.sum())) % 2
    exact, bound = log10_signed(total, weights), _bound(total, np.sort(weights))
    assert exact - 1e-9 <= bound <= exact + 2.5
    many = rng.integers(1, 60, 60_000)  # 60,000 weights of 1.8 million in all
    far = int(many.sum()) // 50 * 2
    z = far / math.sqrt((many.astype(float) ** 2).sum())  # Chernoff's bound of a normal law is exp(-z^2 / 2)
    assert log10_signed(far + (far - int(many.sum())) % 2, many) == pytest.approx(-(z**2) / 2 / math.log(10), rel=0.02)


def test_totals_that_cannot_be_are_refused():
    for total in (4, -4, 2):
        with pytest.raises(ValueError, match="allowed: -3 to 3 in steps of 2"):
            log10_signed(total, [1, 2])


def test_images_take_turns():
    signs = [[1, 1], [1, -1], [1, 0], [-1, -1], [1, 1]]
    assert pattern_sums(signs, 2).tolist() == [[3, 2], [0, -2]]
    assert pattern_sums(signs[:1], 16).tolist() == [[1, 1]]


def test_one_image_alone_is_read_by_the_binomial():
    noise = np.random.default_rng(1).standard_normal((8, 8))
    (one,) = GaussianShading(4).read(noise, [KEY])
    right = round(one.right_bits * 64)
    assert one.log10_p == pytest.approx(min(0.0, math.log10(4 * binom.sf(right - 1, 64, 0.5))))


@pytest.mark.parametrize("mark", [GaussianShading(1), GaussianShading(3), TreeRing()], ids=["one", "three", "rings"])
def test_size_images_that_are_alike_are_found_no_more_often_than_said(mark):
    """Behind all images lies nearly the same noise, as behind digits of one kind: they are no independent trials."""
    rng = np.random.default_rng(2)
    alike = rng.standard_normal((8, 8)) + 0.3 * rng.standard_normal((12, 8, 8))
    p = 10 ** np.array([one.log10_p for one in mark.together(alike, [b"%d" % n for n in range(600)])])
    for level in (0.01, 0.1, 0.5):
        assert (p <= level).sum() <= binom.ppf(0.9999, 600, level)
    if mark == GaussianShading(1):  # nothing is tried: p is as large as it may be, up to what whole numbers allow
        assert (p <= 0.5).sum() >= binom.ppf(1e-4, 600, 0.4)


@pytest.mark.parametrize("mark", [GaussianShading(1), GaussianShading(4), TreeRing()], ids=["one", "four", "rings"])
def test_power_a_mark_too_weak_in_each_image_is_found_in_all_of_them_from_wherever_they_begin(mark):
    noise = mark.begun((8, 8), KEY, seed=5, numbers=range(3, 35))
    found = noise + 2.5 * np.random.default_rng(3).standard_normal(noise.shape)
    alone = np.array([mark.read(one, [KEY])[0].log10_p for one in found])
    (right,), (wrong,) = mark.together(found, [KEY]), mark.together(found, [b"wrong"])
    assert np.median(alone) > -3
    assert right.log10_p < -4 < -3 < wrong.log10_p


def test_images_behind_which_nothing_was_found_count_for_nothing():
    mark = GaussianShading(2)
    noise = mark.begun((8, 8), KEY, seed=5, numbers=range(4))
    some = noise.copy()
    some[1] = np.nan
    assert mark.together(some, [KEY])[0].log10_p < -30
    assert math.isnan(mark.together(np.full((3, 8, 8), np.nan), [KEY])[0].log10_p)
    assert math.isnan(TreeRing().together(np.zeros((3, 8, 8)), [KEY])[0].log10_p)
