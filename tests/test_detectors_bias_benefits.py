"""Entropy of benefits: AIF360's numbers, the definition row by row, and intervals that cover."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.bias.benefits import benefit_entropy


def found(counts, **options):
    return {one.name: one for one in benefit_entropy(counts, **{"level": 0.95, **options})}


def by_definition(benefit):
    share = benefit / benefit.mean()
    return np.mean(np.where(share > 0, share * np.log(np.where(share > 0, share, 1)), 0)), (np.mean(share**2) - 1) / 2


def test_the_numbers_of_aif360():
    """Of ten, two are selected without deserving it and two the other way round; then three and three."""
    two, three = ([[[3, wrong], [wrong, 7 - 2 * wrong]]] for wrong in (2, 3))
    assert found(two)["theil_index"].value == pytest.approx(4 * log(2) / 10)
    assert found(two)["generalised_entropy"].value == pytest.approx(0.2)
    assert found(three)["generalised_entropy"].value == pytest.approx(0.3)


CELLS = st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=3)


@given(CELLS)
def test_values_are_those_of_the_rows_and_what_lies_between_groups_is_a_part(cells):
    counts = np.array(cells).reshape(-1, 2, 2)
    measures = found(counts)
    benefit = np.repeat(np.tile([1, 2, 0, 1], len(cells)), counts.ravel())
    if benefit.sum() == 0:
        assert all(one.value is None for one in measures.values())
        return
    theil, squares = by_definition(benefit)
    assert measures["theil_index"].value == pytest.approx(theil, abs=1e-9)
    assert measures["generalised_entropy"].value == pytest.approx(squares, abs=1e-9)
    assert -1e-9 <= measures["theil_between"].value <= theil + 1e-9
    for name in ("theil_index", "generalised_entropy"):
        assert measures[name].low <= measures[name].value
        assert measures[name].high is None or measures[name].value <= measures[name].high
        wider = found(counts, missing=3)[name]
        assert wider.low <= measures[name].low + 1e-9
        assert wider.high is None or wider.high >= measures[name].high - 1e-9


def test_all_between_groups_where_each_is_treated_alike():
    """Everybody of one group is selected undeservedly, of the other nobody who deserves it: 2 and 0 for half each."""
    measures = found([[[0, 10], [0, 0]], [[0, 0], [10, 0]]])
    assert measures["theil_between"].value == measures["theil_index"].value == pytest.approx(log(2))


@pytest.mark.parametrize(("p0", "p2"), [(0.1, 0.1), (0.02, 0.4), (0.3, 0.05), (0.1, 0.6)])
def test_intervals_cover(p0, p2):
    rng, missed = np.random.default_rng(6), dict.fromkeys(("theil_index", "generalised_entropy"), 0)
    truth = found(np.array([[[10000 * (1 - p0 - p2), 10000 * p2], [10000 * p0, 0]]]).round())
    for _ in range(200):
        drawn = rng.multinomial(60, [1 - p0 - p2, p2, p0, 0])
        for name, one in found(drawn.reshape(1, 2, 2)).items():
            if name in missed:
                missed[name] += not one.low <= truth[name].value <= (np.inf if one.high is None else one.high)
    assert all(binom.sf(count - 1, 200, 0.05) > 0.01 for count in missed.values()), missed
