"""Intervals of finite sets: exact coverage by enumeration of every set, every part and every count."""

import itertools

import numpy as np
import pytest
from scipy.stats import hypergeom

from detectors.intervals import (
    ALL_OF_IT,
    BETTING_FINITE,
    HYPERGEOMETRIC,
    PartOfSet,
    betting_mean,
    events_of_parts,
    exact_binomial,
    exact_hypergeometric,
    mean_of_finite,
)

LEVELS = (0.95, 0.9964)


@pytest.mark.parametrize("level", LEVELS)
def test_the_exact_interval_covers_every_set_of_up_to_twelve(level):
    """All N <= 12, all n, all numbers of events in the set: both together, and either end alone."""
    alpha, worst = (1 - level) / 2, 1.0
    for population in range(1, 13):
        for n in range(1, population + 1):
            ends = np.array([exact_hypergeometric(k, n, population, level) for k in range(n + 1)])
            events = np.arange(population + 1)[:, None]
            chance, truth = hypergeom.pmf(np.arange(n + 1), population, events, n), events / population
            outside = np.stack([ends[:, 0] > truth + 1e-12, ends[:, 1] < truth - 1e-12])
            misses = (chance * outside).sum(axis=-1)
            assert misses.max() <= alpha + 1e-12
            worst = min(worst, 1 - misses.sum(axis=0).max())
    assert worst >= level
    assert worst < level + 0.02  # no wider than it must be, somewhere


def test_it_is_the_inversion_of_the_tails_and_nothing_wider():
    for k, n, population in ((0, 20, 100), (3, 20, 100), (20, 20, 100), (17, 60, 61), (250, 1000, 5000)):
        low, high = (round(end * population) for end in exact_hypergeometric(k, n, population))
        more = hypergeom.cdf(k, population, high + 1, n) if high < population - n + k else 0.0
        assert hypergeom.cdf(k, population, high, n) > 0.025 >= more
        refused = hypergeom.sf(k - 1, population, low - 1, n) if low > k else 0.0
        assert hypergeom.sf(k - 1, population, low, n) > 0.025 >= refused


def test_a_part_is_surer_than_an_endless_population_and_all_of_it_is_sure():
    for k, n in ((0, 50), (5, 50), (50, 50)):
        low, high = exact_hypergeometric(k, n, 80)
        wide = exact_binomial(k, n)
        assert wide[0] <= low <= k / n <= high <= wide[1]
        assert (low, high) != wide
        assert exact_hypergeometric(k, n, n) == (k / n, k / n)
        assert exact_hypergeometric(k, n, 10**7) == pytest.approx(wide, abs=1e-5)
    for wrong in ((3, 2, 5), (0, 6, 5), (0, 0, 5)):
        with pytest.raises(ValueError, match="exact_hypergeometric: got"):
            exact_hypergeometric(*wrong)


@pytest.mark.parametrize("level", LEVELS)
def test_the_mean_of_a_finite_set_is_covered_in_every_order(level):
    """Unit means of small sets, all ordered parts of them: the betting interval misses no more often than it may."""
    for values in ((0.0, 0.5, 1.0, 1.0, 1.0), (0.0, 0.0, 0.0, 0.0, 0.3)):
        truth = np.mean(values)
        for n in range(1, 6):
            orders = list(itertools.permutations(values, n))
            found = [mean_of_finite(one, one, 5, level, single=False) for one in orders]
            missed = sum(not low - 1e-9 <= truth <= high + 1e-9 for low, high, _ in found)
            assert missed <= (1 - level) * len(orders)
            assert {method for _, _, method in found} == {ALL_OF_IT if n == 5 else BETTING_FINITE}


def test_what_gave_no_answer_is_bounded_by_its_worst_case():
    least, most = np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0, 0])
    assert mean_of_finite(least, most, 4, 0.95, single=True) == (0.25, 0.5, ALL_OF_IT)
    low, high, method = mean_of_finite(least, most, 9, 0.95, single=True)
    assert (low, high) == (exact_hypergeometric(1, 4, 9)[0], exact_hypergeometric(2, 4, 9)[1])
    assert method == HYPERGEOMETRIC
    low, high, method = mean_of_finite(least, most, 9, 0.95, single=False)
    assert (low, high) == (betting_mean(least, population=9)[0], betting_mean(most, population=9)[1])
    with pytest.raises(ValueError, match="mean_of_finite: got 4 units of 3"):
        mean_of_finite(least, most, 3, 0.95, single=True)


def test_the_events_of_a_set_in_two_parts_are_bounded_for_every_small_set():
    """All sets of up to 6 units in two parts, all events, all n: every draw is played, and the bounds miss no oftener
    than they may, either way."""
    level, worst = 0.2, 0.0  # so that bounds do miss
    for first, second in itertools.product(range(1, 5), range(1, 4)):
        for events in itertools.product(range(first + 1), range(second + 1)):
            units = [(0, float(at < events[0])) for at in range(first)]
            units += [(1, float(at < events[1])) for at in range(second)]
            for n in range(1, len(units) + 1):
                ends = np.array([_bounds(draw, (first, second), level) for draw in itertools.combinations(units, n)])
                below, above = np.mean(ends[:, 1] < sum(events)), np.mean(ends[:, 0] > sum(events))
                assert max(below, above) <= (1 - level) / 2 + 1e-12
                worst = max(worst, below + above)
    assert worst > 0.1, "and no less often than they need"


def _bounds(draw, sizes, level):
    parts = []
    for part, size in enumerate(sizes):
        mine = [value for of, value in draw if of == part]
        ones = int(sum(mine))
        parts.append(PartOfSet(size, len(mine), ones, ones, size - len(mine) + ones, 0.0))
    low, high, estimate = events_of_parts(parts, level)
    assert low <= estimate <= high
    return low, high


def test_one_part_is_the_exact_interval_and_what_is_known_cuts_it():
    for k, n, size in ((0, 20, 100), (3, 20, 100), (5, 5, 9)):
        low, high, estimate = events_of_parts([PartOfSet(size, n, k, k, size - n + k, 0.0)], 0.95)
        assert (low / size, high / size) == pytest.approx(exact_hypergeometric(k, n, size))
        assert estimate == pytest.approx(k / n * size)
    assert events_of_parts([PartOfSet(100, 20, 3, 9, 12, 0.0)], 0.95) == (9, 12, 12)
    assert events_of_parts([PartOfSet(100, 0, 0, 0, 100, 7.0)], 0.95) == (0, 100, 7.0)
    for wrong in ((0, 0, 0, 0, 0), (5, 2, 3, 3, 5), (5, 2, 2, 1, 5), (5, 2, 1, 4, 3), (5, 2, 1, 1, 6)):
        with pytest.raises(ValueError, match="events_of_parts: got"):
            events_of_parts([PartOfSet(*wrong, guess=0.0)], 0.95)
