"""Measures of a ranking against numbers worked by hand, and what must hold of any."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.factuality.retrieval import fused, hit_at, ndcg_at, recall_at, reciprocal_rank

RANKED = ["d", "a", "x", "b", "a", "c"]
RIGHT = {"a", "b", "z"}


def test_worked_by_hand():
    assert [hit_at(RANKED, RIGHT, k) for k in (0, 1, 2)] == [0, 0, 1]
    assert [recall_at(RANKED, RIGHT, k) for k in (1, 2, 4, 9)] == [0, 1 / 3, 2 / 3, 2 / 3]
    assert reciprocal_rank(RANKED, RIGHT) == 1 / 2
    assert reciprocal_rank(["d"], RIGHT) == 0
    best = 1 + 1 / math.log2(3) + 1 / 2
    assert ndcg_at(RANKED, RIGHT, 4) == pytest.approx((1 / math.log2(3) + 1 / math.log2(5)) / best)
    graded = {"a": 3.0, "c": 1.0, "d": 0.0}
    assert ndcg_at(RANKED, graded, 5) == pytest.approx((3 / math.log2(3) + 1 / math.log2(6)) / (3 + 1 / math.log2(3)))
    assert ndcg_at(["a", "c"], graded, 2) == 1


def test_a_question_without_a_right_passage_has_no_value():
    for told in (hit_at(RANKED, [], 3), recall_at(RANKED, [], 3), reciprocal_rank(RANKED, []), ndcg_at(RANKED, [], 3)):
        assert told is None
    assert ndcg_at(RANKED, {"a": 0.0}, 3) is None
    with pytest.raises(ValueError, match="k -1"):
        hit_at(RANKED, RIGHT, -1)


@given(st.permutations(range(8)), st.sets(st.integers(0, 7), min_size=1), st.integers(1, 8))
def test_laws(ranked, right, k):
    hit, recall, gain = hit_at(ranked, right, k), recall_at(ranked, right, k), ndcg_at(ranked, right, k)
    assert 0 <= recall <= hit <= 1
    assert (gain > 0) == (hit == 1)
    assert gain <= 1 + 1e-12
    ideal = sorted(ranked, key=lambda one: one not in right)
    assert ndcg_at(ideal, right, k) == pytest.approx(1)
    assert recall_at(ranked, right, 8) == 1
    assert (reciprocal_rank(ranked, right) >= 1 / k) == (hit == 1)


def test_fusion_is_by_reciprocal_rank():
    assert fused([["a", "b"], ["b", "c"]]) == ["b", "a", "c"]  # 1/62 + 1/61 > 1/61 > 1/62
    assert fused([["a"], ["b"]]) == ["a", "b"], "equal scores keep the order of appearance"
    assert fused([["a", "a", "b"]]) == ["a", "b"]
    assert fused([]) == []
