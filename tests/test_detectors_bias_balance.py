"""Balance for the positive and the negative class: means by hand, and intervals that cover at every n."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from detectors.bias.balance import class_balance


def found(scores, labels, places, names, level=0.95):
    rng = np.random.default_rng(0)
    return {(one.name, one.group): one for one in class_balance(scores, labels, places, names, level=level, rng=rng)}


def test_means_by_hand():
    """Positives of a have 0.9 and 0.7, of b 0.5 and 0.3; negatives of a 0.2 and 0.4, and b has one alone."""
    told = found([0.9, 0.7, 0.5, 0.3, 0.2, 0.4, 0.1], [1, 1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0, 1], ["a", "b"])
    assert told["score_of_positives", "a"].value == pytest.approx(0.8)
    assert told["score_of_positives_difference", None].value == pytest.approx(0.4)
    assert (told["score_of_positives_difference", None].low, told["score_of_positives", "a"].n["units"]) == (0, 2)
    assert "two units with this label" in told["score_of_negatives_difference", None].undefined


def test_a_planted_gap_is_found_and_groups_alike_are_not_accused():
    rng, missed = np.random.default_rng(2), 0
    places, labels = np.repeat([0, 1, 2], 300), np.tile([0, 1], 450)
    planted = rng.beta(2, 2, 900) * np.where((places == 2) & (labels == 1), 0.5, 1)
    told = found(planted, labels, places, ["a", "b", "c"])
    assert told["score_of_positives_difference", None].low > 0
    assert told["score_of_negatives_difference", None].low == 0
    for size in (4, 40):
        at, label = np.repeat([0, 1, 2], size), np.ones(3 * size, int)
        for _ in range(60):
            scores = (rng.random(3 * size) < np.array([0.02, 0.5, 0.9])[at]).astype(float)  # the hardest: 0 or 1
            one = found(scores, label, at, ["a", "b", "c"])["score_of_positives_difference", None]
            missed += not one.low <= 0.88 <= one.high
    assert binom.sf(missed - 1, 120, 0.05) > 0.01
