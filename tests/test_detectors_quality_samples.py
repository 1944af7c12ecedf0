"""Samples beside training and held-out items: one feature space, one row a draw."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.quality.samples import sample_quality
from detectors.quality.space import nearest, standardised


def made(rng, size, classes=3, dim=4):
    return 6 * np.eye(3, dim)[np.arange(size) % classes] + rng.normal(size=(size, dim))


def test_all_items_are_scaled_by_the_training_items_alone():
    training = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])
    known, other = standardised(training, [[1.0, 2.0], [11.0, 2.0]])
    assert known.var(axis=0).mean() == pytest.approx(1)
    assert known.mean(axis=0) == pytest.approx(0)
    assert other == pytest.approx(np.array([[0, 0], [10, 0]]) / np.sqrt((1 + 4) / 2))
    with pytest.raises(ValueError, match="do not differ"):
        standardised(np.ones((3, 2)))


def test_what_never_varies_in_training_is_still_seen():
    training = np.c_[np.arange(10.0), np.zeros(10)]
    assert standardised(training, [[4.5, 9.0]])[1][0, 1] > 1


def test_nearest_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    points, others = rng.normal(size=(1200, 3)), rng.normal(size=(40, 3))
    far, at = nearest(points, others, 4)
    distances = np.linalg.norm(points[:, None] - others, axis=2)
    assert far == pytest.approx(np.sort(distances, axis=1)[:, :4])
    assert np.array_equal(at, np.argsort(distances, axis=1)[:, :4])


def test_a_draw_has_the_class_of_its_nearest_training_item():
    rng = np.random.default_rng(1)
    training, labels = made(rng, 90), [str(i % 3) for i in range(90)]
    result = sample_quality(training[:60], made(rng, 60), training, labels, level=0.95)
    assert result.items["class"].tolist() == labels[:60]
    assert result.items["nearest"].tolist() == [0.0] * 60
    assert result.items["nearest_at"].tolist() == list(range(60))
    assert result.measure("nearness").low > 0.9
    assert result.headline.name == "kid"
    assert result.table["class"].tolist() == ["0", "1", "2"]
    assert result.measure("class_share", "1").ideal == pytest.approx(1 / 3)


def test_one_lost_class_shows_in_distance_coverage_and_count():
    rng = np.random.default_rng(2)
    training, labels = made(rng, 300), [str(i % 3) for i in range(300)]
    heldout = made(rng, 150)
    sound, flawed = (sample_quality(made(rng, 300, n), heldout, training, labels, level=0.99) for n in (3, 2))
    assert sound.measure("kid").low <= 0 < flawed.measure("kid").low
    assert sound.measure("missing_modes").high == 0
    assert flawed.measure("missing_modes").low == 1
    assert flawed.measure("coverage").high < sound.measure("coverage").low
    assert flawed.measure("kid_training").value == sound.measure("kid_training").value


def test_without_labels_no_class_is_counted():
    rng = np.random.default_rng(3)
    result = sample_quality(made(rng, 20), made(rng, 20), made(rng, 30), level=0.95)
    assert result.measure("missing_modes").undefined == "the training items bear no labels"
    assert result.table is None
    assert "class" not in result.items
