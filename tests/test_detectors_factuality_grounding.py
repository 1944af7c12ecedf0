"""Reductions of one matrix against numbers worked by hand, ALCE's four cases and FActScore's penalty too."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.factuality.grounding import (
    alce,
    alce_premises,
    align_score,
    conflict,
    context_precision,
    context_recall,
    f1_at_k,
    factscore,
    faithfulness,
    lowest_support,
    summac_zs,
    support,
)

MATRIX = [  # two claims, three passages
    [[0.9, 0.1, 0.0], [0.2, 0.2, 0.6], [0.1, 0.9, 0.0]],
    [[0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.8, 0.0]],
]


def test_one_matrix_many_scores():
    assert support(MATRIX).tolist() == [0.9, 0.3]
    assert conflict(MATRIX).tolist() == [0.6, 0.4]
    assert align_score(MATRIX) == pytest.approx(0.6)
    assert lowest_support(MATRIX) == pytest.approx(0.3)
    assert summac_zs(MATRIX) == pytest.approx((0.3 - 0.1) / 2)
    assert support(np.zeros((2, 0, 3))).tolist() == [0, 0], "no passages bear out nothing"
    with pytest.raises(ValueError, match="no claims"):
        align_score(np.zeros((0, 2, 3)))
    with pytest.raises(ValueError, match=r"shape \[2, 3\]"):
        support(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("supported", "wanted"),
    [
        ([1], math.exp(-9)), ([1, 0], 0.5 * math.exp(-4)), ([1] * 4 + [0], 0.8 * math.exp(-1)),
        ([1] * 9 + [0], 0.9), ([1] * 10, 1.0), ([1, 0] * 10, 0.5), ([0] * 3, 0.0),
    ],
)  # fmt: skip
def test_factscore_punishes_brevity(supported, wanted):
    assert factscore(supported) == pytest.approx(wanted, rel=1e-12)
    assert factscore(supported, gamma=1) == pytest.approx(faithfulness(supported))


def test_f1_at_k():
    assert f1_at_k([1, 1, 0, 0], 4) == pytest.approx(0.5)
    assert f1_at_k([1, 1, 0, 0], 2) == pytest.approx(2 * 0.5 / 1.5)
    assert f1_at_k([1], 4) == pytest.approx(2 * 0.25 / 1.25), "brevity costs recall"
    assert f1_at_k([0, 0], 4) == f1_at_k([], 4) == 0
    with pytest.raises(ValueError, match="k 0"):
        f1_at_k([1], 0)


def test_context_precision_and_recall_by_definition():
    assert context_precision([1, 0, 1]) == pytest.approx((1 + 2 / 3) / 2)
    assert context_precision([0, 0, 1]) == pytest.approx(1 / 3)
    assert context_precision([1, 1, 0]) == 1
    assert context_precision([0, 0]) == context_precision([]) == 0
    assert context_recall([1, 0, 0, 1]) == 0.5


def entailing(*sets):
    """Exactly the unions that hold one of these sets of passages entail every sentence."""
    return lambda premise, sentence: any(one <= set(premise) for one in map(set, sets))


@pytest.mark.parametrize(
    ("cited", "entails", "recall", "precision", "why"),
    [
        ([[]], entailing({0}), 0, 0, "1: no citation"),
        ([[1]], entailing({0}), 0, 0, "2: what is cited does not entail it"),
        ([[0, 1]], entailing({0}), 1, 1 / 2, "3: one does alone, so the other is not needed"),
        ([[0, 1]], entailing({0, 1}), 1, 1, "4: only both together, so each is needed"),
        ([[0, 1]], entailing({0}, {1}), 1, 1, "each does alone"),
        ([[0, 1, 2]], entailing({0, 1}), 1, 2 / 3, "two together, and one more"),
        ([[0, 9]], entailing({0}), 0, 0, "out of range"),
        ([[0], [], [0, 1]], entailing({0}), 2 / 3, 2 / 3, "counted over the answer"),
        ([[0], [0, 9]], entailing({0}), 1 / 2, 1, "those of a sentence that cites what is not there do not count"),
        ([[0, 0]], entailing({0}), 1, 1, "cited twice"),
    ],
)
def test_alce(cited, entails, recall, precision, why):
    got = alce(cited, 3, entails)
    assert got.recall == pytest.approx(recall), why
    assert got.precision == pytest.approx(precision), why


@given(
    st.lists(st.lists(st.integers(0, 4), max_size=4), min_size=1, max_size=4),
    st.sets(st.frozensets(st.integers(0, 4), min_size=1)),
)
def test_all_that_alce_asks_for_is_known_before(cited, sets):
    foreseen, entails = set(alce_premises(cited, 4)), entailing(*sets)

    def seen(premise, sentence):
        assert (premise, sentence) in foreseen
        return entails(premise, sentence)

    got = alce(cited, 4, seen)
    assert 0 <= got.recall <= 1
    assert 0 <= got.precision <= 1
    assert len(list(alce_premises(cited, 4))) == len(foreseen)
    with pytest.raises(ValueError, match="no claims"):
        alce([], 4, entails)
