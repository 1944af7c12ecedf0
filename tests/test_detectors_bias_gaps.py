"""Gaps between groups: nothing is found where nothing is, what is planted is found, and what cannot be had is not."""

import numpy as np
import pytest
from scipy.stats import binom

from audit.record import Limit
from audit.verdict import decide
from detectors.bias.gaps import HIGHEST, MOST_GROUPS, REST, detectable_gap, group_gaps
from detectors.bias.groups import Groups, extreme_pairs
from detectors.intervals import any_gap_p, exact_binomial, rate_difference

TEN = [f"group {number}" for number in range(10)]


def judged(selected, totals, names=None, **options):
    given = {"level": 0.95, "rng": np.random.default_rng(0), **options}
    return group_gaps(selected, totals, names or [f"g{number}" for number in range(len(totals))], **given)


@pytest.fixture(scope="module")
def ten_identical():
    """Results of ten groups of 200 that all have the rate 0.3, 40 times."""
    rng = np.random.default_rng(1)
    n = np.full(10, 200)
    return [group_gaps(rng.binomial(n, 0.3), n, TEN, level=0.95, rng=rng) for _ in range(40)]


def test_ten_identical_groups_differ_in_nothing(ten_identical):
    """The plain difference is 0.10 on average; of its percentile bootstrap, none would hold 0."""
    assert np.mean([one.headline.value for one in ten_identical]) == pytest.approx(0.0995, abs=0.01)
    missed = sum(one.headline.low > 0 for one in ten_identical)
    named = sum(not gap.low <= 0 <= gap.high for one in ten_identical for gap in [one.measure("rate_gap")])
    assert binom.sf(missed - 1, 40, 0.05) > 0.01
    assert binom.sf(named - 1, 40, 0.05) > 0.01


def test_the_permutation_test_keeps_its_level():
    rng = np.random.default_rng(2)
    n = np.full(10, 200)
    rejected = sum(any_gap_p(rng.binomial(n, 0.3), n, rng, 199) <= 0.05 for _ in range(300))
    assert binom.sf(rejected - 1, 300, 0.05) > 0.01


@pytest.mark.parametrize(
    ("rates", "sizes"),
    [((0.02, 0.02, 0.1), (20, 300, 60)), ((0.98, 0.9, 0.9, 1.0), (15, 200, 200, 40)), ((0.3, 0.4), (500, 500))],
)
def test_the_difference_and_all_gaps_cover(rates, sizes):
    """Rare groups, rates near an end, sizes far apart."""
    rng, p, n = np.random.default_rng(3), np.array(rates), np.array(sizes)
    missed = gaps = 0
    for _ in range(25):
        groups = Groups.of(k := rng.binomial(n, p), n, list("abcd")[: len(n)])
        low, high = extreme_pairs(groups, 0.95, rate_difference)
        missed += not low <= np.ptp(p) <= high
        truth = p - (n @ p - n * p) / (n.sum() - n)
        table = judged(k, n).table
        gaps += not ((table["gap_low"] <= truth + 1e-12) & (truth <= table["gap_high"] + 1e-12)).all()
    assert binom.sf(missed - 1, 25, 0.05) > 0.01
    assert binom.sf(gaps - 1, 25, 0.05) > 0.01


def test_a_planted_gap_is_found_and_its_group_named():
    result = judged([60] * 4 + [30] + [60] * 5, [200] * 10, TEN)
    gap = result.measure("rate_gap")
    assert gap.high < 0
    assert gap.value == pytest.approx(30 / 200 - 540 / 1800)
    assert result.headline.low > 0
    assert result.measure("rate_gap_p").value <= 0.001
    assert result.remarks[0].values["group"] == "group 4"
    assert result.measure("rate_gap", "group 4").low == gap.low


def test_a_tiny_group_by_chance_does_not_hide_the_one_that_surely_differs():
    """One of one unit lies farther from the rest than the group of 200 that differs."""
    result = judged([150, 60, 60, 1], [200, 200, 200, 1], ["a", "b", "c", "tiny"])
    assert result.remarks[0].values["group"] == "a"


def test_the_farthest_gap_tells_between_which_ends_all_gaps_lie():
    result = judged([2750, 2500, 6], [5000, 5000, 24], ["a", "b", "small"])
    gap, small = result.measure("rate_gap"), result.measure("rate_gap", "small")
    assert result.remarks[0].values["group"] == "a"
    assert gap.reach == (small.low, gap.high)
    assert gap.reach[0] < -0.4 < gap.low
    assert gap.whole.low == small.low
    silent = judged([2750, 2500, 0], [5000, 5000, 0], ["a", "b", "small"], missing=[0, 0, 9])
    assert silent.measure("rate_gap").reach == (-1.0, 1.0)


def test_a_group_that_breaks_the_limit_never_passes_for_being_small():
    """The group of 24 lies 30 points below the rest; the sure gap of the large ones is 5. Two in three passed."""
    rng, n = np.random.default_rng(5), np.array([5000, 5000, 24])
    limit = Limit(measure="rate_gap", at_least=-0.1, at_most=0.1)
    counts = [rng.binomial(n, (0.55, 0.5, 0.22)) for _ in range(25)]
    passed = sum(decide(judged(k, n).measures, limit, {}, power=False).verdict == "passed" for k in counts)
    assert binom.sf(passed - 1, 25, 0.05) > 0.01


def test_two_groups_have_one_gap_and_no_correction():
    result = judged([30, 40], [100, 100], ["a", "b"])
    low, high = rate_difference(30, 100, 40, 100)
    gap = result.measure("rate_gap", "a")
    assert (gap.low, gap.value, gap.high) == pytest.approx((low, -0.1, high))
    assert (result.headline.low, result.headline.high) == pytest.approx((0.0, -low))


def test_the_highest_as_reference_pays_for_having_been_chosen():
    counts = ([30, 40, 50], [100] * 3, ["a", "b", "c"])
    named, chosen = judged(*counts, reference="c"), judged(*counts, reference=HIGHEST)
    strict = rate_difference(30, 100, 50, 100, 1 - 0.05 / 3)
    first = chosen.measure("rate_gap", "a")
    assert (first.low, first.high) == pytest.approx(strict)
    fixed = named.measure("rate_gap", "a")
    assert (fixed.low, fixed.high) == pytest.approx(rate_difference(30, 100, 50, 100, 1 - 0.05 / 2))
    assert first.low < fixed.low
    assert np.isnan(chosen.table["gap"][2])
    assert chosen.measure("rate_gap", "c").undefined == "the group is the reference"


def test_rates_are_exact():
    rate = judged([3, 40], [10, 100], ["a", "b"], level=0.9).measure("rate", "a")
    assert (rate.low, rate.high) == pytest.approx(exact_binomial(3, 10, 0.9))
    assert (rate.value, rate.guarantee, rate.n["units"]) == (0.3, "finite sample", 10)


def test_every_interval_that_is_given_may_decide():
    assert {one.guarantee for one in judged([3, 40], [10, 100]).measures if one.low is not None} == {"finite sample"}


def test_missing_answers_open_the_ends():
    full, gone = judged([30, 40], [100, 100]), judged([30, 40], [100, 100], missing=[20, 0])
    assert gone.measure("rate_gap", "g0").low < full.measure("rate_gap", "g0").low
    assert gone.measure("rate_gap", "g0").missing == 20
    assert gone.measure("rate", "g0").low == exact_binomial(30, 120)[0]
    assert gone.measure("rate", "g0").high == exact_binomial(50, 120)[1]
    low, high = extreme_pairs(Groups.of([30, 40], [100, 100], "ab", [20, 0]), 0.95, rate_difference)
    assert low == 0 or low < 0
    assert high > full.headline.high


def test_a_group_without_units_is_undefined_and_enters_no_extremum():
    result = judged([0, 40, 50], [0, 100, 100], ["none", "b", "c"])
    assert result.measure("rate", "none").undefined
    assert result.measure("rate_gap", "none").undefined
    assert result.headline.value == pytest.approx(0.1)


@pytest.mark.parametrize("totals", [[0, 0], [0, 100]])
def test_one_group_alone_has_no_gap(totals):
    result = judged([0, 0], totals)
    for name in ("rate_difference", "rate_gap", "rate_gap_p", "rate_detectable_gap"):
        assert result.measure(name).undefined
    assert (result.measure("rate").undefined is None) == (sum(totals) > 0)


@pytest.mark.parametrize("k", [[0, 0, 0], [50, 50, 50]])
def test_a_constant_outcome_has_no_gap_and_an_interval(k):
    result = judged(k, [50] * 3)
    assert (result.headline.value, result.headline.low) == (0.0, 0.0)
    assert 0.05 < result.headline.high < 0.2
    assert result.measure("rate_gap_p").value == 1.0


def test_many_groups_are_measured_where_they_lie_farthest_and_all_stand_in_the_table():
    rng = np.random.default_rng(4)
    n = np.full(1000, 4)
    result = judged(rng.binomial(n, 0.5), n)
    assert len(result.table) == 1000
    assert len([one for one in result.measures if one.name == "rate_gap" and one.group]) == MOST_GROUPS
    assert result.headline.low == 0


def test_so_many_groups_that_none_is_permuted_have_a_valid_p_value():
    rng, n = np.random.default_rng(6), np.append(np.full(6000, 3), 400)
    even, odd = rng.binomial(n, 0.5), rng.binomial(n, np.append(np.full(6000, 0.5), 0.7))
    assert judged(even, n).measure("rate_gap_p").value > 0.2
    found = judged(odd, n)
    assert found.measure("rate_gap_p").value < 0.001
    assert found.remarks[0].values["group"] == "g6000"


def test_the_detectable_gap_is_detected_in_four_of_five():
    gap = detectable_gap(150, 1350, 0.3, 0.95)
    rng = np.random.default_rng(5)
    others = rng.binomial(1350, 0.3, 1000)
    assert np.mean(rate_difference(rng.binomial(150, 0.3 + gap, 1000), 150, others, 1350)[0] > 0) == pytest.approx(
        0.8, abs=0.06
    )
    assert np.mean(rate_difference(rng.binomial(150, 0.3 - gap, 1000), 150, others, 1350)[1] < 0) > 0.8
    assert detectable_gap(2, 1000, 0.3, 0.95) is None


def test_units_and_directions_are_told():
    result = judged([30, 40], [100, 100], metric="selection_rate", better="higher is better")
    assert result.headline.name == "selection_rate_difference"
    assert (result.headline.direction, result.headline.ideal) == ("lower is better", 0.0)
    assert result.measure("selection_rate").direction == "higher is better"
    assert result.measure("selection_rate_gap", "g0").direction == "nearer to ideal is better"


@pytest.mark.parametrize(
    ("counts", "told"),
    [(([3], [2], ["a"]), "0 <= selected"), (([1, 1], [2, 2], ["a", "a"]), "one name a group"),
     (([1], [2, 2], ["a", "b"]), "one count")],
)  # fmt: skip
def test_impossible_counts_are_refused(counts, told):
    with pytest.raises(ValueError, match=told):
        judged(*counts)


def test_an_unknown_reference_is_refused():
    with pytest.raises(ValueError, match=f"'{REST}', '{HIGHEST}' or a group"):
        judged([1, 1], [2, 2], reference="nobody")
