"""Holm's adjustment: by hand, and the law that it never errs more often than asked."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.multiplicity import holm


def test_by_hand():
    """Smallest times 4, next times 3, and never less than the one before."""
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.4, 0.6]) == [0.8, 0.8]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_between_the_value_itself_and_bonferroni(values):
    for one, adjusted in zip(values, holm(values), strict=True):
        assert one <= adjusted <= min(1, len(values) * one)


def test_all_null_hypotheses_together_err_at_their_level():
    values = np.random.default_rng(0).random((4000, 10))
    wrong = np.mean([min(holm(list(row))) <= 0.05 for row in values])
    assert wrong == pytest.approx(1 - (1 - 0.005) ** 10, abs=0.012)
