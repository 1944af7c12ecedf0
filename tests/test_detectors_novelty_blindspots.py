"""Distortions: what each keeps, and that an item's own depend on nothing but the item."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.novelty.blindspots import ARRAY_KINDS, TEXT_KINDS, blind_spots, distorted_array, distorted_text

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(2, 15, (6, 8, 8))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("value_range", [None, (0.0, 255.0)])
def test_shape_type_and_range_stay(dtype, value_range):
    item = (IMAGES[0] * 17).astype(dtype)  # up to 238: sums leave a byte
    made = distorted_array(item, np.random.default_rng(1), value_range)
    assert tuple(made) == ARRAY_KINDS
    low, high = value_range or (item.min(), item.max())
    for distorted in made.values():
        assert (distorted.shape, distorted.dtype) == (item.shape, item.dtype)
        assert low <= distorted.min() <= distorted.max() <= high
    assert np.unique(made["constant"]).size == 1
    assert np.array_equal(np.sort(made["shuffled"], None), np.sort(item, None))
    assert made["inverted"].astype(float) == pytest.approx(float(low) + float(high) - item.astype(float))
    changed = (made["half_noise"] != item).mean()
    assert 0.25 < changed < 0.7
    kept = made["half_noise"] == item
    assert np.array_equal(made["half_noise"][~kept], made["noise"][~kept])


def test_noise_reaches_both_ends_and_leans_to_neither():
    many = distorted_array(np.tile(np.arange(5), 4000), np.random.default_rng(0))["noise"]
    assert np.bincount(many) / 20000 == pytest.approx([0.2] * 5, abs=0.02)


def test_an_items_distortions_depend_on_its_id_alone():
    ids = list("abcdef")
    whole = blind_spots(ids, IMAGES, None)
    order = [4, 1]
    part = blind_spots([ids[i] for i in order], IMAGES[order], None)
    for kind in ARRAY_KINDS:
        assert np.array_equal(part[kind], whole[kind][order])
    assert not np.array_equal(blind_spots(["g"], IMAGES[:1], None)["noise"][0], whole["noise"][0])


def test_texts():
    text = "the cat, the mat and 3 dogs"
    made = distorted_text(text, np.random.default_rng(0))
    assert tuple(made) == TEXT_KINDS
    assert len(set(made["repeated"].split())) == 1
    assert len(made["repeated"].split()) == 7
    assert sorted(made["shuffled"].split()) == sorted(text.split())
    assert [len(word) for word in made["noise"].split()] == [len(word) for word in text.split()]
    assert made["noise"][7] == ","
    assert made["half_noise"] not in (text, made["noise"])
    assert blind_spots(["a"], [text], None)["noise"] == blind_spots(["a", "b"], [text, "x"], None)["noise"][:1]


@given(st.text(max_size=30))
def test_any_text_can_be_distorted(text):
    assert set(distorted_text(text, np.random.default_rng(0))) == set(TEXT_KINDS)


def test_a_number_of_a_row_that_a_distortion_leaves_stays_to_the_last_bit():
    """A row that nothing changed ranks as itself: rounding of units would let it stand above or below."""
    rng = np.random.default_rng(3)
    learnt, rows = rng.normal(0, 0.3, (90, 4)), rng.normal(0, 0.3, (200, 4))
    made = blind_spots(range(200), rows, None, learnt=learnt)
    for kind in ("half_noise", "shuffled"):
        near = np.isclose(made[kind], rows, rtol=1e-12, atol=0)
        assert near.any()
        assert (made[kind][near] == rows[near]).all()
    assert (made["half_noise"] == rows).all(axis=1).any()


def test_rows_are_distorted_in_units_of_what_was_learnt():
    """Units a million apart give the same distortions, and a number of a small unit is changed like one of a large."""
    rng = np.random.default_rng(0)
    learnt, rows, unit = rng.normal(size=(200, 3)), rng.normal(size=(50, 3)), np.array([1e-3, 1.0, 1e3])
    plain, odd = (blind_spots(range(50), u * rows + 7, None, learnt=u * learnt + 7) for u in (np.ones(3), unit))
    least, most = ((learnt - learnt.mean(0)) / learnt.std(0)).min(), ((learnt - learnt.mean(0)) / learnt.std(0)).max()
    for kind, made in odd.items():
        assert (made - 7) / unit == pytest.approx(plain[kind] - 7, abs=1e-9)
    z = (plain["noise"] - 7 - learnt.mean(0)) / learnt.std(0)
    assert least <= z.min() < least / 2
    assert most / 2 < z.max() <= most
    assert (np.abs(odd["noise"] - (unit * rows + 7)).mean(axis=0) / unit > 0.5).all()
    level = (plain["constant"] - 7 - learnt.mean(0)) / learnt.std(0)
    assert np.ptp(level, axis=1) == pytest.approx(np.zeros(50), abs=1e-9)


def test_whole_numbers_of_rows_stay_whole_and_what_never_varied_is_only_shifted():
    learnt = np.array([[1, 5], [3, 5], [8, 5]])
    made = blind_spots(["a"], np.array([[2, 5]]), None, learnt=learnt)
    assert {part.dtype.kind for part in made.values()} == {"i"}
    assert all(abs(part[0, 1] - 5) <= 2 for part in made.values())
