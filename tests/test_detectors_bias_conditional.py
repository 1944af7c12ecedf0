"""Gaps within strata: Berkeley's admissions, gaps that a control makes or hides, coverage in hard cases."""

import numpy as np
import pytest
from scipy.stats import binom

from detectors.bias.conditional import conditional_gaps, pooled
from detectors.intervals import rate_difference, rate_ratio

BERKELEY = np.array([[512, 89], [353, 17], [120, 202], [138, 131], [53, 94], [22, 24]])
APPLIED = np.array([[825, 108], [560, 25], [325, 593], [417, 375], [191, 393], [373, 341]])


def judged(selected, totals, groups=("men", "women"), **options):
    strata = [f"stratum {number}" for number in range(len(selected))]
    given = {"level": 0.95, "rng": np.random.default_rng(0), **options}
    return conditional_gaps(selected, totals, strata, list(groups), **given)


def test_berkeley_turns_round_and_not_surely_so():
    """Bickel, Hammel & O'Connell 1975: 14 points for men in all; within departments women lead, by what may be chance.

    The Cochran-Mantel-Haenszel test of these counts gives p = 0.232.
    """
    result = judged(BERKELEY, APPLIED)
    gap = result.measure("rate_conditional_gap", "women")
    w = APPLIED.prod(axis=1) / APPLIED.sum(axis=1)
    rates = BERKELEY / APPLIED
    assert gap.value == pytest.approx((w * (rates[:, 1] - rates[:, 0])).sum() / w.sum())
    assert gap.low < 0 < gap.high
    assert result.measure("rate_reversal_p").value == pytest.approx(0.232, abs=0.02)
    assert result.measure("rate_conditional_p").value == pytest.approx(0.217, abs=0.03)
    told = result.remarks[0]
    assert told.key == "turns_round"
    assert told.values["gap_share"] * told.values["within_share"] < 0
    first = result.table[(result.table["stratum"] == "stratum 0") & (result.table["group"] == "women")].iloc[0]
    assert first["gap_low"] > 0  # department A prefers women for sure, of all twelve gaps at once


def test_a_gap_that_surely_turns_round_is_called_so():
    """Both strata prefer women by 20 points; women apply where few are taken."""
    result = judged([[600, 160], [100, 240]], [[1000, 200], [1000, 800]])
    assert result.measure("rate_reversal_p").value == 1.0  # 0.35 to 0.40: the same sign
    result = judged([[600, 80], [20, 180]], [[1000, 100], [100, 900]])
    assert result.measure("rate_reversal_p").value < 0.01
    assert result.measure("rate_conditional_gap", "women").low > 0


def test_one_stratum_is_the_gap_itself():
    gaps, ratios = pooled([30], [100], [40], [100])
    assert gaps[1:] == pytest.approx(rate_difference(30, 100, 40, 100))
    assert ratios[1:] == pytest.approx(rate_ratio(30, 100, 40, 100))


def test_a_gap_that_the_control_makes_is_not_found_within_it():
    """Rates depend on the stratum alone; groups differ in where they are."""
    result = judged([[450, 50], [20, 180]], [[900, 100], [100, 900]])
    assert result.measure("rate_conditional_gap", "women").value == pytest.approx(0.0)
    assert result.measure("rate_conditional_p").value > 0.5


@pytest.mark.parametrize(
    ("n1", "n0", "p0", "gap"),
    [
        ([10] * 5, [10] * 5, np.linspace(0.1, 0.5, 5), 0.0),
        ([2] * 50, [2] * 50, np.full(50, 0.3), 0.1),
        ([20, 500], [400, 20], [0.02, 0.9], 0.05),
        ([3, 1000], [1000, 30], [0.5, 0.001], 0.0),
        ([30] * 2, [30] * 2, [0.97, 0.93], 0.0),
    ],
)
def test_what_is_pooled_covers_in_hard_cases(n1, n0, p0, gap):
    rng, n1, n0, p0 = np.random.default_rng(1), *map(np.asarray, (n1, n0, p0))
    a, b = rng.binomial(n1, p0 + gap, (800, len(n1))), rng.binomial(n0, p0, (800, len(n0)))
    gaps, ratios = pooled(a, n1, b, n0)
    w = n1 * n0 / (n1 + n0)
    true = w @ np.stack([p0 + gap, p0], axis=1) / w.sum()
    for (_, low, high), value in ((gaps, true[0] - true[1]), (ratios, true[0] / true[1])):
        missed = np.count_nonzero((value < low) | (value > high))
        assert binom.sf(missed - 1, 800, 0.05) > 0.01


def test_strata_and_groups_that_differ_in_nothing_are_not_accused():
    rng, n = np.random.default_rng(2), np.full((5, 4), 40)
    rejected = turned = 0
    for _ in range(60):
        result = judged(rng.binomial(n, 0.3), n, "abcd", rng=rng)
        rejected += result.measure("rate_conditional_p").value <= 0.05
        turned += result.measure("rate_reversal_p").value <= 0.05
    assert binom.sf(rejected - 1, 60, 0.05) > 0.01
    assert binom.sf(turned - 1, 60, 0.05) > 0.01


def test_a_planted_gap_within_strata_is_found_against_a_named_reference():
    rates = np.array([[0.2, 0.2, 0.4], [0.5, 0.5, 0.7]])
    n = np.full((2, 3), 200)
    result = judged((rates * n).astype(int), n, ("a", "b", "c"), reference="a")
    assert result.headline.value == pytest.approx(0.2)
    assert result.headline.low > 0.05
    assert result.measure("rate_conditional_gap", "a").undefined
    assert result.measure("rate_conditional_p").value <= 0.001


def test_groups_that_share_no_stratum_have_no_gap():
    result = judged([[3, 0], [0, 4]], [[10, 0], [0, 10]])
    assert all(one.undefined == "fewer than two groups share a stratum" for one in result.measures)


def test_nobody_selected_has_no_ratio_and_no_gap():
    result = judged([[0, 0]], [[50, 50]])
    assert result.headline.value == 0.0
    assert result.measure("rate_conditional_ratio").undefined
    assert result.measure("rate_conditional_p").value == 1.0


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match=r"allowed: \[stratum, group\]"):
        judged([[3]], [[2]], ("a",))
    with pytest.raises(ValueError, match="or a group"):
        judged(BERKELEY, APPLIED, reference="nobody")


def test_the_ends_hold_every_answer_that_the_missing_could_have_given():
    """A stratum of 10 against 20 with 2 and 4 missing, by hand: the ends are those of the two extreme completions."""
    gaps, ratios = pooled([3], [8], [4], [16], missing1=[2], missing0=[4])
    assert gaps[0] == pytest.approx(3 / 8 - 4 / 16)
    assert gaps[1] == pytest.approx(rate_difference(3, 10, 8, 20)[0])
    assert gaps[2] == pytest.approx(rate_difference(5, 10, 4, 20)[1])
    assert ratios[1:] == pytest.approx([rate_ratio(3, 10, 8, 20)[0], rate_ratio(5, 10, 4, 20)[1]])


def test_ends_of_several_strata_hold_those_of_random_completions():
    """Effective sizes do not lie quite in the order of their intervals: by less than half a point."""
    rng = np.random.default_rng(3)
    for _ in range(25):
        n1, n0 = rng.integers(3, 120, (2, 4))
        lost1, lost0 = (rng.binomial(n, rng.choice([0.05, 0.3])) for n in (n1, n0))
        a, b = (rng.binomial(n, rng.random(4)) for n in (n1 - lost1, n0 - lost0))
        gaps, _ = pooled(a, n1 - lost1, b, n0 - lost0, missing1=lost1, missing0=lost0)
        one, two = a + rng.integers(0, lost1 + 1, (40, 4)), b + rng.integers(0, lost0 + 1, (40, 4))
        whole, _ = pooled(np.vstack([one, a]), n1, np.vstack([two, b + lost0]), n0)
        assert (gaps[1] <= whole[1] + 0.005).all()
        assert (gaps[2] >= whole[2] - 0.005).all()
        assert gaps[1] <= gaps[0] <= gaps[2]


def test_where_a_stratum_gave_no_answer_its_weight_stays_and_its_gap_is_open():
    """Two strata of equal weight; the second's group did not answer, so half of the pooled gap is -1 to 1."""
    gaps, _ = pooled([5000, 0], [10000, 0], [5000, 5000], [10000, 10000], missing1=[0, 10000])
    assert gaps[0] == pytest.approx(0.0)
    assert gaps[1] == pytest.approx(-0.25, abs=0.02)
    assert gaps[2] == pytest.approx(0.25, abs=0.02)


def test_with_answers_that_lack_by_outcome_the_truth_is_held_and_a_large_gap_is_found():
    """A third of the selected of one group do not say so: the answered have a gap of 7 points where there is none."""
    rng, n = np.random.default_rng(4), np.full((3, 2), 150)
    missed = found = 0
    for gap in (0.0, 0.4):
        for _ in range(60):
            k = rng.binomial(n, [[0.3, 0.3 + gap]])
            silent = rng.binomial(k, [[1 / 3 if not gap else 0.05, 0.0]])
            result = judged(k - silent, n - silent, missing=silent)
            women = result.measure("rate_conditional_gap", "women")
            assert result.measure("rate_conditional_gap", "men").missing == silent[:, 0].sum()
            missed += not women.low <= gap <= women.high
            found += gap > 0 and women.low > 0
    assert missed <= 6
    assert found == 60


def test_that_a_gap_turns_round_is_told_only_where_it_does_whatever_the_missing_were():
    """Both strata prefer women, who apply where few are taken; with 60 in doubt the strata may prefer nobody."""
    counts = [[600, 80], [20, 180]], [[1000, 100], [100, 900]]
    few = judged(*counts, missing=[[1, 0], [0, 1]])
    assert few.measure("rate_reversal_p").value < 0.01
    assert "whatever the missing would have answered" in few.measure("rate_reversal_p").method
    assert few.remarks[0].key == "turns_round"
    many = judged(*counts, missing=[[0, 0], [60, 0]])
    assert many.measure("rate_reversal_p").value > 0.3
    assert many.remarks == ()
