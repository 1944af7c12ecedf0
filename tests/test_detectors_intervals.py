"""Intervals against coverage computed exactly, published examples, direct formulas and laws."""

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy.special import gammaln
from scipy.stats import binom, binomtest

from detectors.arrays import times_drawn
from detectors.intervals import (
    CLUSTER_BOOTSTRAP,
    NEWCOMBE,
    NEWCOMBE_PAIRED,
    SCORE_RATIO,
    SIMULTANEOUS,
    any_gap_p,
    auroc,
    betting,
    betting_mean,
    binomial_quantile,
    cluster_bootstrap,
    exact_binomial,
    mean_over_units,
    newcombe,
    newcombe_paired,
    roc,
    score_ratio,
    simultaneous,
)

RATES = (0.0, 0.001, 0.01, 0.05, 0.5)
SIZES = (20, 100, 1000)
counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
shares = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def pooled(totals):
    """Events over items."""
    return totals[..., 0] / totals[..., 1]


# --- exact_binomial


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.9975])
def test_exact_binomial_covers_at_every_rate(rate, n, level):
    k = np.arange(n + 1)
    for side in ("two", "lower", "upper"):
        low, high = exact_binomial(k, n, level, side)
        assert binom.pmf(k, n, rate)[(low <= rate) & (rate <= high)].sum() >= level - 1e-12


@given(counts, st.floats(0.5, 0.999))
@settings(deadline=None)
def test_exact_binomial_is_scipys(count, level):
    k, n = count
    theirs = binomtest(k, n).proportion_ci(level, "exact")
    assert exact_binomial(k, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_exact_binomial_at_the_ends():
    assert exact_binomial(0, 100) == pytest.approx((0, 1 - 0.025**0.01))
    assert exact_binomial(0, 100, side="upper") == pytest.approx((0, 1 - 0.05**0.01))
    assert exact_binomial(100, 100, side="lower") == pytest.approx((0.05**0.01, 1))
    assert exact_binomial(0, 0) == (0, 1)


@given(counts, st.floats(0.5, 0.99))
@settings(deadline=None)
def test_exact_binomial_laws(count, level):
    k, n = count
    low, high = exact_binomial(k, n, level)
    assert 0 <= low <= k / n <= high <= 1
    assert exact_binomial(n - k, n, level) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    wide_low, wide_high = exact_binomial(k, n, level + 0.005)
    assert wide_low <= low
    assert high <= wide_high
    if k < n:
        next_low, next_high = exact_binomial(k + 1, n, level)
        assert low < next_low
        assert high < next_high or high == 1


def test_exact_binomial_broadcasts():
    low, high = exact_binomial([[0], [3]], [10, 20, 30])
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 2], high[1, 2]) == exact_binomial(3, 30)


@given(st.floats(0, 1), st.integers(1, 10_000), st.floats(0, 1))
@example(0.025, 1, 0.0)
@example(0.975, 1, 1.0)
@example(0.5, 7, 0.5)
@example(1.0, 9, 0.3)
def test_binomial_quantile_is_the_least_number_that_is_reached_so_often(share, n, rate):
    got = int(binomial_quantile(share, n, rate))
    assert 0 <= got <= n
    assert got == n or binom.sf(got, n, rate) <= 1 - share + 1e-12
    assert got == 0 or binom.cdf(got - 1, n, rate) < share + 1e-12


def test_binomial_quantile_is_scipys():
    n, rate = np.arange(1, 400)[:, None], np.linspace(0, 1, 31)
    for share in (0.0001, 0.025, 0.4999, 0.975):  # at 0.5 and a rate of 0.5 the last bit decides
        np.testing.assert_array_equal(binomial_quantile(share, n, rate), binom.ppf(share, n, rate))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), ([0, 9], 5)])
def test_exact_binomial_refuses_impossible_counts(k, n):
    with pytest.raises(ValueError, match="allowed: 0 <= k <= n"):
        exact_binomial(k, n)


# --- betting_mean


def test_betting_covers_by_enumeration_of_all_sequences():
    """Nine Bernoulli trials: all 512 sequences, so coverage is exact; the rates sit where the bounds jump, too."""
    sequences = np.array(list(itertools.product([0.0, 1.0], repeat=9)))
    ends = np.array([betting_mean(x) for x in sequences])
    events = sequences.sum(axis=1)
    jumps = np.unique(ends[(ends > 0) & (ends < 1)])
    for rate in np.concatenate([RATES, jumps - 1e-7, jumps + 1e-7]):
        weight = rate**events * (1 - rate) ** (9 - events)
        assert weight[(ends[:, 0] <= rate) & (rate <= ends[:, 1])].sum() >= 0.95


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rate", RATES)
def test_betting_covers_bernoulli(rate, n):
    rng = np.random.default_rng(n)
    ends = np.array([betting_mean((rng.random(n) < rate).astype(float), 0.9) for _ in range(200)])
    missed = 200 - np.count_nonzero((ends[:, 0] <= rate) & (rate <= ends[:, 1]))
    assert binom.sf(missed - 1, 200, 0.1) > 0.001


@pytest.mark.parametrize(("a", "b"), [(0.05, 1.0), (2, 6), (40, 10)])
def test_betting_covers_other_shapes_and_without_replacement(a, b):
    rng = np.random.default_rng(5)
    missed = missed_finite = 0
    for _ in range(200):
        everything = rng.beta(a, b, 200)
        low, high = betting_mean(everything[:80], 0.9)
        missed += not low <= a / (a + b) <= high
        low, high = betting_mean(everything[:80], 0.9, population=200)
        missed_finite += not low <= everything.mean() <= high
    assert binom.sf(missed - 1, 200, 0.1) > 0.001
    assert binom.sf(missed_finite - 1, 200, 0.1) > 0.001


@pytest.mark.parametrize("population", [None, 400])
def test_betting_finds_its_ends_by_halving_in_a_third_of_the_steps(monkeypatch, population):
    """The ends are those of plain bisection, to the bit."""
    rng, asked, real = np.random.default_rng(3), [], betting._riches
    monkeypatch.setattr(betting, "_riches", lambda *words: asked.append(1) or real(*words))
    for n in (2, 9, 60, 300):
        for x in (rng.random(n), (rng.random(n) < 0.1) / 1.0, rng.beta(0.1, 0.4, n), rng.choice([0, 0.5, 1.0], n)):
            bets, all_ones = betting._bets(x, 0.025), np.inf if x.min() == 1 else 0.0
            least = 0.0 if population is None else x.sum() / population
            low, high = least, 1.0
            while high - low > 1e-10:
                middle = (low + high) / 2
                refused = real(middle, x, bets, all_ones, 0.025, population) >= 0
                low, high = (middle, high) if refused else (low, middle)
            asked.clear()
            assert betting._refused_below(x, 0.025, population) == low
            assert len(asked) <= 20 or x.min() == 1


@pytest.mark.parametrize("n", [1, 20, 100])
def test_betting_of_no_events_is_the_exact_bound(n):
    assert betting_mean(np.zeros(n)) == pytest.approx(exact_binomial(0, n), abs=1e-9)
    assert betting_mean(np.ones(n)) == pytest.approx(exact_binomial(n, n), abs=1e-9)


def test_betting_of_no_events_in_a_finite_population():
    """With 33 of 1,500 events, 100 draws miss them all with probability C(1467, 100) / C(1500, 100)."""
    low, high = betting_mean(np.zeros(100), population=1500)
    most = max(d for d in range(1401) if comb(1500 - d, 100) / comb(1500, 100) >= 0.025)
    assert low == 0
    assert most / 1500 <= high <= (most + 1) / 1500


def test_betting_knows_a_population_seen_whole():
    x = np.random.default_rng(0).random(50)
    assert betting_mean(x, population=50) == pytest.approx((x.mean(), x.mean()), abs=1e-9)
    assert np.ptp(betting_mean(x, population=60)) < np.ptp(betting_mean(x, population=600)) < np.ptp(betting_mean(x))


@given(shares, st.floats(0.5, 0.9))
@settings(deadline=None, max_examples=50)
def test_betting_laws(x, level):
    low, high = betting_mean(x, level)
    assert 0 <= low <= np.mean(x) <= high <= 1
    assert betting_mean(1 - np.array(x), level) == pytest.approx((1 - high, 1 - low), abs=1e-8)
    wide_low, wide_high = betting_mean(x, 0.99)
    assert wide_low <= low
    assert wide_high >= high


def test_betting_width_is_near_the_exact_one():
    """The price of holding for every bounded distribution: under a third wider than the exact interval of a rate."""
    rng = np.random.default_rng(3)
    x = (rng.random((20, 500)) < 0.3).astype(float)
    ours = np.mean([np.ptp(betting_mean(row)) for row in x])
    exact = np.mean([np.ptp(exact_binomial(int(row.sum()), 500)) for row in x])
    assert ours < 1.33 * exact


@pytest.mark.parametrize("x", [[], [0.5, 1.1], [-0.1], [np.nan], [[0.5]]])
def test_betting_refuses_what_is_not_bounded(x):
    with pytest.raises(ValueError, match="values in"):
        betting_mean(x)


def test_betting_refuses_more_values_than_the_population():
    with pytest.raises(ValueError, match="population of 1"):
        betting_mean([0.5, 0.5], population=1)


# --- mean_over_units


def test_mean_over_units_takes_the_exact_interval_for_single_trials():
    rng = np.random.default_rng(0)
    got = mean_over_units([0, 0, 1, 0], level=0.95, rng=rng, binary=True)
    assert (got.low, got.high) == exact_binomial(1, 4)
    assert (got.value, got.items, got.units, got.method) == (0.25, 4, 4, "exact binomial (Clopper-Pearson)")
    assert mean_over_units([0, 0, 1, 0], ["d", "a", "c", "b"], level=0.95, rng=rng, binary=True) == got


def test_mean_over_units_weighs_units_alike():
    got = mean_over_units([1, 1, 1, 0, 0.5], ["a", "a", "a", "b", "b"], level=0.95, rng=np.random.default_rng(0))
    assert got.value == pytest.approx((1 + 0.25) / 2)
    assert got.n == {"items": 5, "units": 2}
    assert got.low <= got.value <= got.high


def test_mean_over_units_without_events_counts_units_not_items():
    got = mean_over_units(np.zeros(600), np.repeat(np.arange(60), 10), level=0.95, rng=np.random.default_rng(0))
    assert (got.low, got.high) == pytest.approx(exact_binomial(0, 60), abs=1e-9)


def test_the_method_follows_from_the_design_and_never_from_the_values():
    """Exact where all units chance to agree and betting elsewhere would err by both: that it covers is not proved."""
    rng = np.random.default_rng(0)
    many, few = np.repeat(np.arange(20), 5), np.r_[np.arange(19), 18]
    for values in (np.zeros(100), np.ones(100), np.repeat([1.0, 0.0], [30, 70]), np.tile([1.0, 0.0], 50)):
        assert mean_over_units(values, many, level=0.95, rng=rng, binary=True).method.startswith("betting")
        assert mean_over_units(values, level=0.95, rng=rng).method.startswith("betting")
        assert mean_over_units(values, level=0.95, rng=rng, binary=True).method.startswith("exact")
        assert mean_over_units(values[:20], few, level=0.95, rng=rng, binary=True).method.startswith("exact")


@pytest.mark.parametrize(("size", "tie", "level"), [(1, 0.5, 0.95), (4, 0.5, 0.8), (6, 0.5, 0.95), (6, 0.2, 0.8)])
def test_units_between_0_and_1_count_as_trials_of_the_same_mean(size, tie, level):
    """Exact but for the draws: whatever the mixture of 0, ties and 1 is, the count is binomial at its mean."""
    values, rng, drawn = np.array([0.0, tie, 1.0]), np.random.default_rng(0), 400
    counts = np.array([(a, b, size - a - b) for a in range(size + 1) for b in range(size + 1 - a)])
    ends = []
    for count in counts:
        times = drawn if count[1] else 1  # without a tie nothing is drawn
        made = [mean_over_units(np.repeat(values, count), level=level, rng=rng, binary=True) for _ in range(times)]
        ends.append([(one.low, one.high) for one in made] * (drawn // times))
    low, high = np.moveaxis(np.array(ends), -1, 0)
    ways = gammaln(size + 1) - gammaln(counts + 1).sum(axis=1)
    for share in ((0.6, 0.4, 0.0), (0.2, 0.6, 0.2), (0.0, 0.5, 0.5), (0.9, 0.1, 0.0), (0.45, 0.1, 0.45)):
        mass = np.exp(ways + counts @ np.log(np.maximum(share, 1e-300)))
        missed = ((low > share @ values + 1e-9) | (high < share @ values - 1e-9)).mean(axis=1)
        assert mass @ missed <= 1 - level + 3 * np.sqrt(mass**2 @ (missed * (1 - missed)) / drawn) + 1e-9


def test_mean_over_units_covers_where_items_repeat_their_unit():
    """Ten copies of each trial: counting rows would miss far more than the level allows."""
    rng = np.random.default_rng(1)
    missed = missed_by_rows = 0
    for _ in range(200):
        trials = (rng.random(50) < 0.2).astype(float)
        got = mean_over_units(np.repeat(trials, 10), np.repeat(np.arange(50), 10), level=0.9, rng=rng)
        missed += not got.low <= 0.2 <= got.high
        low, high = exact_binomial(10 * trials.sum(), 500, 0.9)
        missed_by_rows += not low <= 0.2 <= high
    assert binom.sf(missed - 1, 200, 0.1) > 0.001
    assert missed_by_rows > 80


def test_mean_over_units_holds_whatever_missing_values_would_have_been():
    got = mean_over_units([1, 1, 0, np.nan, np.nan], level=0.95, rng=np.random.default_rng(0), binary=True)
    assert (got.value, got.n, got.missing) == (2 / 3, {"items": 3, "units": 3}, 2)
    assert (got.low, got.high) == (exact_binomial(2, 5)[0], exact_binomial(4, 5)[1])


answers = st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0, None]))


@given(st.lists(answers, min_size=1, max_size=20), st.data())
@settings(deadline=None, max_examples=50)
def test_no_way_to_fill_in_what_is_missing_leaves_the_interval(rows, data):
    """Law: with any values in place of the missing ones, the interval without missing values lies inside."""
    units, values = zip(*rows, strict=True)
    assume(any(value is not None for value in values))
    filled = [data.draw(st.sampled_from([0.0, 1.0])) if value is None else value for value in values]
    wide, one = (
        mean_over_units(np.array(cells, dtype=float), units, level=0.9, rng=np.random.default_rng(1))
        for cells in (values, filled)
    )
    assert wide.low <= wide.value <= wide.high
    assert wide.missing == values.count(None)
    # a bet once lost is smaller later, so that the betting interval is monotone only nearly
    assert wide.low <= one.low + 0.02
    assert one.high <= wide.high + 0.02


def test_nothing_but_missing_values_is_refused():
    with pytest.raises(ValueError, match="none of them an answer"):
        mean_over_units([np.nan, np.nan], level=0.95, rng=np.random.default_rng(0))


def test_mean_over_units_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match="one each"):
        mean_over_units([0, 1], ["a"], level=0.95, rng=np.random.default_rng(0))


# --- two rates


@pytest.mark.parametrize(("given", "published"), [  # Newcombe 1998, Statist. Med. 17:873, table II, method 10
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
    ((10, 10, 0, 10), (0.6075, 1.0)),
])
def test_newcombe_gives_the_published_intervals(given, published):
    assert newcombe(*given) == pytest.approx(published, abs=5e-5)


@given(counts, counts)
@settings(deadline=None)
def test_newcombe_laws(first, second):
    low, high = newcombe(*first, *second)
    assert -1 - 1e-9 <= low <= first[0] / first[1] - second[0] / second[1] <= high <= 1 + 1e-9
    assert newcombe(*second, *first) == pytest.approx((-high, -low))


def test_newcombe_paired_without_correlation_is_newcombe():
    """A table whose phi is 0 leaves the two score intervals joined as if independent."""
    assert newcombe_paired(12, 28, 18, 42) == pytest.approx(newcombe(40, 100, 30, 100))


def test_newcombe_paired_by_hand():
    """20, 12, 2, 16 of 50: Wilson ends, phi with the continuity correction, all written out."""
    low1, high1 = binomtest(32, 50).proportion_ci(0.95, "wilson")
    low2, high2 = binomtest(22, 50).proportion_ci(0.95, "wilson")
    phi = (20 * 16 - 12 * 2 - 25) / np.sqrt(32 * 18 * 22 * 28)
    down = np.sqrt((0.64 - low1) ** 2 - 2 * phi * (0.64 - low1) * (high2 - 0.44) + (high2 - 0.44) ** 2)
    up = np.sqrt((0.44 - low2) ** 2 - 2 * phi * (0.44 - low2) * (high1 - 0.64) + (high1 - 0.64) ** 2)
    assert newcombe_paired(20, 12, 2, 16) == pytest.approx((0.2 - down, 0.2 + up))


@given(st.tuples(*[st.integers(0, 40)] * 4).filter(lambda t: sum(t) > 0))
@settings(deadline=None)
def test_newcombe_paired_laws(table):
    both, first, second, neither = table
    low, high = newcombe_paired(*table)
    assert low <= (first - second) / sum(table) <= high
    assert newcombe_paired(both, second, first, neither) == pytest.approx((-high, -low))
    assert newcombe_paired(neither, first, second, both) == pytest.approx((low, high))


def test_score_ratio_gives_koopmans_example():
    assert score_ratio(36, 40, 16, 80) == pytest.approx((2.94, 7.15), abs=0.01)


def test_score_ratio_ends_where_the_score_statistic_is_critical():
    """At each end, the binomial likelihood maximised under p1 = ratio * p2 has a score statistic of 1.96."""
    for ratio in score_ratio(12, 40, 9, 70):
        p2 = np.linspace(1e-4, min(1, 1 / ratio) - 1e-4, 400_001)
        p1 = ratio * p2
        best = (12 * np.log(p1) + 28 * np.log1p(-p1) + 9 * np.log(p2) + 61 * np.log1p(-p2)).argmax()
        variance = p1[best] * (1 - p1[best]) / 40 + ratio**2 * p2[best] * (1 - p2[best]) / 70
        assert abs(12 / 40 - ratio * 9 / 70) / np.sqrt(variance) == pytest.approx(1.959964, abs=1e-3)


def test_score_ratio_without_events():
    low, high = score_ratio([0, 5, 0], 10, [5, 0, 0], 10)
    assert low[0] == low[2] == 0
    assert high[1] == high[2] == np.inf
    assert 0 < high[0] < 1 < low[1]


@given(counts, counts)
@settings(deadline=None)
def test_score_ratio_laws(first, second):
    low, high = score_ratio(*first, *second)
    assert 0 <= low <= high
    if first[0] and second[0]:
        assert low <= first[0] / first[1] / (second[0] / second[1]) <= high
        assert score_ratio(*second, *first) == pytest.approx((1 / high, 1 / low))


@pytest.mark.parametrize("function", [newcombe, score_ratio])
def test_two_rates_refuse_an_empty_sample(function):
    with pytest.raises(ValueError, match="0 <= k <= n, n > 0"):
        function(0, 0, 1, 2)


# --- auroc


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(2, 12), st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_auroc_is_the_direct_computation(seed, n, m, levels):
    """All pairs, with many ties."""
    rng = np.random.default_rng(seed)
    negatives, positives = rng.integers(0, levels + 1, n), rng.integers(0, levels + 1, m)
    pairs = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    assert auroc(negatives, positives)[0] == pytest.approx(pairs.mean())


@given(st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_auroc_laws(seed):
    rng = np.random.default_rng(seed)
    negatives, positives = rng.normal(size=15), rng.normal(rng.uniform(-3, 3), size=25)
    value, low, high = auroc(negatives, positives)
    assert 0 <= low <= value <= high <= 1
    assert auroc(positives, negatives) == pytest.approx((1 - value, 1 - high, 1 - low))
    assert auroc(np.exp(negatives), np.exp(positives)) == pytest.approx((value, low, high))
    wide = auroc(negatives, positives, 0.999)
    assert wide[1] <= low
    assert wide[2] >= high


def test_auroc_of_perfect_separation_is_that_of_disjoint_pairs():
    """Ten negatives and forty positives: ten disjoint pairs all in order, so the exact bound of 10 of 10."""
    value, low, high = auroc(np.arange(10), np.arange(10, 50))
    assert (value, high) == (1, 1)
    assert low == pytest.approx(exact_binomial(10, 10)[0], abs=1e-8)
    assert auroc(np.arange(10, 50), np.arange(10))[1:] == pytest.approx((0, 1 - low))


@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 50])
@pytest.mark.parametrize(("value", "pairs"), [(0.5, 40), (0.8, 100), (0.99, 300)])
def test_auroc_is_hardly_wider_than_as_many_trials(value, pairs, level):
    """Between the exact binomial interval at this level and that with a error e times smaller."""
    low, high = roc.pairs_interval(value, pairs, level)
    inner, outer = (exact_binomial(value * pairs, pairs, one) for one in (level, 1 - (1 - level) / np.e))
    assert outer[0] <= low <= inner[0] + 1e-3
    assert inner[1] - 1e-3 <= high <= outer[1]


@pytest.mark.parametrize("checks", [1, 14, 50])
@pytest.mark.parametrize("size", [20, 100])
def test_auroc_holds_where_one_rare_item_is_misranked(size, checks):
    """Exact: k ~ Bin(size, e) positives below all negatives, so the AUROC is 1 - e and the sample has 1 - k / size.

    The delta method's interval missed .13 at .95 here, and .036 where .001 is allowed.
    """
    level, misranked = 1 - 0.05 / checks, np.arange(7)
    values = [auroc(np.linspace(0, 1, size), np.r_[np.full(k, -5), np.full(size - k, 5)], level) for k in misranked]
    high = np.array([one[2] for one in values])
    for rate in np.concatenate([1 - high[1:] - 1e-9, np.geomspace(1e-5, 0.2, 200)]):
        missed = binom.pmf(misranked, size, rate)[high < 1 - rate].sum()
        assert missed <= (1 - level) / 2 + 1e-12


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_auroc_covers_by_enumeration(level):
    """Three scores a side, of three kinds: all 729 samples, at 15 x 15 distributions with ties and gaps."""
    sides = np.array(list(itertools.product(range(3), repeat=3)))
    ends = np.array([[auroc(x, y, level)[1:] for y in sides] for x in sides])
    grid = [np.array(p) / 4 for p in itertools.product(range(5), repeat=3) if sum(p) == 4]
    ranks = np.sign(np.arange(3)[None] - np.arange(3)[:, None]) / 2 + 0.5
    for p, q in itertools.product(grid, repeat=2):
        truth = p @ ranks @ q
        missed = (ends[..., 0] > truth + 1e-9) | (ends[..., 1] < truth - 1e-9)
        assert np.prod(p[sides], axis=1) @ missed @ np.prod(q[sides], axis=1) <= 1 - level + 1e-12


@pytest.mark.parametrize(("negatives", "positives"), [([1], [2, 3]), ([1, 2], [np.inf, 3]), ([], [])])
def test_auroc_refuses_what_has_no_variance(negatives, positives):
    with pytest.raises(ValueError, match="two finite scores"):
        auroc(negatives, positives)


# --- cluster_bootstrap


def test_cluster_bootstrap_of_equal_units_is_the_bootstrap_t():
    """One column of items all 1 makes the statistic a mean; replicate by replicate in plain Python, same draws."""
    values = np.random.default_rng(1).gamma(2, size=12)
    sums = np.column_stack([values, np.ones(12)])
    value, low, high = cluster_bootstrap(pooled, sums, level=0.9, rng=np.random.default_rng(2), replicates=400)
    t = []
    for places in np.random.default_rng(2).integers(0, 12, (400, 12)):
        resample = values[places]
        t.append((resample.mean() - values.mean()) / (resample.std() / np.sqrt(11)))
    error = values.std(ddof=1) / np.sqrt(12)
    tails = np.quantile(t, 0.05, method="lower"), np.quantile(t, 0.95, method="higher")
    assert value == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((value - tails[1] * error, value - tails[0] * error), rel=1e-5)


def test_units_are_drawn_as_often_as_their_places_come():
    counts = times_drawn(3, 4, np.random.default_rng(5), draws=7)
    places = np.random.default_rng(5).integers(0, 3, (4, 7))
    assert counts.tolist() == [[row.count(unit) for unit in range(3)] for row in places.tolist()]
    assert times_drawn(4, 2, np.random.default_rng(1)).sum(axis=1).tolist() == [4, 4]


def test_cluster_bootstrap_covers_where_units_are_alike_inside():
    rng = np.random.default_rng(0)
    missed = missed_gap = 0
    for _ in range(250):
        items = rng.integers(1, 20, (40, 2))
        events = rng.binomial(items, rng.beta(0.75, 1.75, (40, 1)))
        sums = np.column_stack([events[:, 0], items[:, 0], events[:, 1], items[:, 1]])
        _, low, high = cluster_bootstrap(pooled, sums, level=0.95, rng=rng, bounds=(0, 1), replicates=299)
        missed += not low <= 0.3 <= high
        _, low, high = cluster_bootstrap(
            lambda s: pooled(s) - pooled(s[..., 2:]), sums, level=0.95, rng=rng, bounds=(-1, 1), replicates=299
        )
        missed_gap += not low <= 0 <= high
    allowed = 1 - CLUSTER_BOOTSTRAP.worst_coverage
    assert binom.sf(missed - 1, 250, allowed) > 0.001
    assert binom.sf(missed_gap - 1, 250, allowed) > 0.001


@pytest.mark.parametrize("factor", [1e-6, 1, 1e9])
def test_cluster_bootstrap_does_not_see_the_units_of_the_sums(factor):
    sums = np.random.default_rng(4).integers(1, 9, (30, 2)).astype(float)
    plain = cluster_bootstrap(pooled, sums, level=0.95, rng=np.random.default_rng(5))
    scaled = cluster_bootstrap(pooled, sums * factor, level=0.95, rng=np.random.default_rng(5))
    assert scaled == pytest.approx(plain, rel=1e-4)


def test_cluster_bootstrap_without_events_is_exact_over_units():
    sums = np.column_stack([np.zeros(30), np.full(30, 8)])
    rng = np.random.default_rng(0)
    assert cluster_bootstrap(pooled, sums, level=0.95, rng=rng, bounds=(0, 1)) == (0, *exact_binomial(0, 30))
    sums[:, 0] = 8
    every = cluster_bootstrap(pooled, sums, level=0.95, rng=rng, bounds=(0, 1))
    assert every == pytest.approx((1, *exact_binomial(30, 30)))


def test_cluster_bootstrap_with_one_eventful_unit_does_not_pretend():
    """Most replicates have no spread or half the events: the upper end is its bound, not a number near the estimate."""
    sums = np.column_stack([np.r_[3, np.zeros(19)], np.full(20, 10)])
    value, _, high = cluster_bootstrap(pooled, sums, level=0.95, rng=np.random.default_rng(0), bounds=(0, 1))
    assert (value, high) == (0.015, 1)


def test_cluster_bootstrap_refuses_what_it_cannot_see():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"without spread at 0\.5"):
        cluster_bootstrap(pooled, np.full((9, 2), [4.0, 8.0]), level=0.95, rng=rng, bounds=(0, 1))
    with pytest.raises(ValueError, match="unit >= 2"):
        cluster_bootstrap(pooled, np.ones((1, 2)), level=0.95, rng=rng)
    with pytest.raises(ValueError, match="a finite statistic"), np.errstate(invalid="ignore"):
        cluster_bootstrap(pooled, np.zeros((9, 2)), level=0.95, rng=rng)


# --- many groups


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_simultaneous_covers_all_groups_jointly_and_beats_bonferroni(rate):
    rng = np.random.default_rng(0)
    cells = np.vstack([np.eye(6), np.kron(np.eye(2), np.ones(3)), np.kron(np.ones(2), np.eye(3)), np.ones(6)])
    missed, ratio = 0, []
    for _ in range(250):
        k = rng.binomial(100, rate, 6)
        low, high = simultaneous(k, np.full(6, 100), groups=cells, rng=rng, draws=400)
        missed += not np.all((low <= rate) & (rate <= high))
        wide_low, wide_high = exact_binomial(cells @ k, cells @ np.full(6, 100), 1 - 0.05 / len(cells))
        assert np.all((wide_low <= low) & (high <= wide_high))
        ratio.append(np.mean((high - low) / (wide_high - wide_low)))
    assert binom.sf(missed - 1, 250, 1 - SIMULTANEOUS.worst_coverage) > 0.001
    assert np.mean(ratio) < 0.97


def test_simultaneous_of_one_group_is_exact():
    low, high = simultaneous([7], [100], rng=np.random.default_rng(0))
    one_low, one_high = exact_binomial(7, 100)
    assert (low[0], high[0]) == (one_low, one_high)


def test_simultaneous_keeps_an_empty_group_open():
    low, high = simultaneous([0, 4], [0, 10], rng=np.random.default_rng(0))
    assert (low[0], high[0]) == (0, 1)


def test_simultaneous_refuses_impossible_counts():
    with pytest.raises(ValueError, match="0 <= k <= n"):
        simultaneous([3, 1], [2, 2], rng=np.random.default_rng(0))


def test_any_gap_has_its_size_and_its_power():
    """Ten groups of 200 at 0.3; one raised by 0.15. The power is at least that of max minus min on the same draws."""
    rng = np.random.default_rng(0)
    n = np.full(10, 200)

    def widest(k):
        drawn = np.ptp(rng.multivariate_hypergeometric(n, k.sum(), size=199, method="marginals"), axis=1)
        return (1 + np.count_nonzero(drawn >= np.ptp(k))) / 200

    null = rng.binomial(n, 0.3, (600, 10))
    gap = rng.binomial(n, np.r_[0.45, np.full(9, 0.3)], (300, 10))
    rejected = sum(any_gap_p(k, n, rng, 199) <= 0.05 for k in null)
    assert binom.sf(rejected - 1, 600, 0.05) > 0.001
    power = np.mean([any_gap_p(k, n, rng, 199) <= 0.05 for k in gap])
    assert power >= max(0.85, np.mean([widest(k) <= 0.05 for k in gap]))


def test_any_gap_of_two_groups_is_fishers_test():
    """With two groups of one size the permutation p is the two-sided hypergeometric tail."""
    p = any_gap_p([9, 2], [20, 20], np.random.default_rng(0), draws=100_000)
    tail = 2 * sum(comb(20, k) * comb(20, 11 - k) for k in range(9, 12)) / comb(40, 11)
    assert p == pytest.approx(tail, abs=0.002)


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_any_gap_does_not_see_the_order_of_groups_or_what_is_an_event(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(5, 60, 4)
    k = rng.binomial(n, 0.3)
    p = any_gap_p(k, n, np.random.default_rng(0), 1999)
    assert any_gap_p(n - k, n, np.random.default_rng(1), 1999) == pytest.approx(p, abs=0.06)
    assert any_gap_p(k[::-1], n[::-1], np.random.default_rng(2), 1999) == pytest.approx(p, abs=0.06)
    assert any_gap_p(np.zeros(4, int), n, rng) == 1


@pytest.mark.parametrize(("k", "n"), [([1], [2]), ([1, 1], [2, 0]), ([3, 1], [2, 2])])
def test_any_gap_refuses(k, n):
    with pytest.raises(ValueError, match="two groups or more"):
        any_gap_p(k, n, np.random.default_rng(0))


# --- what approximate methods say of themselves


@pytest.mark.parametrize("known", [
    NEWCOMBE, NEWCOMBE_PAIRED, SCORE_RATIO, CLUSTER_BOOTSTRAP, SIMULTANEOUS
])
def test_approximations_say_what_they_are_worth(known):
    assert known.min_units >= 20
    assert 0.8 < known.worst_coverage < 0.97


@pytest.mark.parametrize(("function", "known", "truth"), [
    (newcombe, NEWCOMBE, lambda p, q: p - q), (score_ratio, SCORE_RATIO, lambda p, q: p / q)
])
def test_two_rates_cover_as_stated(function, known, truth):
    """Exact coverage over all tables of 20 and 50, at rates near and far from the ends."""
    first, second = np.arange(21), np.arange(51)
    low, high = function(first[:, None], 20, second, 50)
    for p, q in itertools.product((0.005, 0.05, 0.3, 0.7, 0.99), repeat=2):
        inside = (low <= truth(p, q) + 1e-12) & (truth(p, q) - 1e-12 <= high)
        assert binom.pmf(first, 20, p) @ inside @ binom.pmf(second, 50, q) >= known.worst_coverage - 5e-4
