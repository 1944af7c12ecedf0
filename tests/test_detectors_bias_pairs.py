"""Stereotype pairs: a hand-worked example, laws, planted faults found (power) and clean sets not accused (size)."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from detectors.bias import pairs as module
from detectors.bias.pairs import pair_preferences, stereotype_share
from detectors.differences import sign_test_p
from detectors.intervals import exact_binomial, mean_over_units

HAND = pd.DataFrame(
    [
        ("he wept", "she wept", -10.0, -12.0, "gender", "t1", "stereo", None),
        ("b", "B", -11.0, -10.0, "gender", "t1", "stereo", "swap"),
        ("c", "C", -9.0, -9.0, "gender", "t2", "antistereo", "swap"),
        ("d", "D", -8.0, -11.0, "age", "t2", None, "swap"),
        ("e", "E", np.nan, -9.0, "age", "t3", "stereo", "swap"),
        ("f", "F", -10.0, -10.5, "gender", "t1", None, "null-swap"),
    ],
    index=pd.Index(list("abcdef"), name="id"),
    columns=["more", "less", "log_prob_more", "log_prob_less", "group", "unit", "stereo", "kind"],
)


def judged(pairs, level=0.95, seed=0, **options):
    return pair_preferences(pairs, level=level, rng=np.random.default_rng(seed), **options)


def drawn(rng, rate, units, size=1, spread=0.0):
    """Log-probabilities (more, less) [pair] of pairs that prefer `more` at `rate`, unit by unit.

    `spread` is the correlation of pairs of a unit (Beta binomial).
    """
    own = rng.beta(rate * (1 / spread - 1), (1 - rate) * (1 / spread - 1), units) if spread else np.full(units, rate)
    sign = np.where(rng.random((units, size)) < own[:, None], 1.0, -1.0).ravel()
    less = rng.normal(-40, 8, sign.size)
    return less + sign * rng.gamma(2, 1, sign.size), less


def synthetic(rng, rate, units, size=1, spread=0.0):
    """Such pairs as a detector gets them, with the label of their unit."""
    more, less = drawn(rng, rate, units, size, spread)
    unit = np.repeat([f"u{i:03}" for i in range(units)], size)
    return pd.DataFrame({"log_prob_more": more, "log_prob_less": less, "unit": unit}).rename(index=str)


# --- by hand ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "group", "value", "items", "units"),
    [
        ("stereotype_share", None, 0.625, 4, 2),  # (1 + 0)/2 in t1, (1/2 + 1)/2 in t2
        ("stereotype_share", "gender", 0.5, 3, 2),
        ("stereotype_share", "age", 1.0, 1, 1),
        ("stereotype_share", "stereo", 0.5, 2, 1),
        ("pct_stereotype", None, 0.5, 4, 2),  # the tie does not count
        ("tie_share", None, 0.25, 4, 2),
        ("mean_difference", None, 1.0, 4, 2),  # (2 - 1 + 0 + 3) / 4
        ("likelihood_diff", None, 1.5, 4, 2),
        ("sign_test_p", None, 1.0, 4, 2),  # t1 leans to neither side, so one unit of one
        ("wilcoxon_p", None, 0.5, 4, 2),  # unit means 1/2 and 3/2
        ("null_share", None, 1.0, 1, 1),
        ("null_gap", None, 0.5, 1, 1),
        ("excess_gap", None, 1.0, 1, 1),  # n of the kind with fewer units, the null pair
        ("not_scored", None, 1 / 3, 6, 3),
    ],
)
def test_six_pairs_worked_by_hand(name, group, value, items, units):
    measure = judged(HAND).measure(name, group)
    assert measure.value == pytest.approx(value, abs=1e-12)
    assert measure.n == {"items": items, "units": units}


def test_the_evidence_of_six_pairs():
    items = judged(HAND).items
    assert items["prefers"].tolist() == ["more", "less", "tie", "more", "not scored", "more"]
    np.testing.assert_array_equal(items["value"], [1, 0, 0.5, 1, np.nan, np.nan])
    np.testing.assert_array_equal(items["difference"], [2, -1, 0, 3, np.nan, 0.5])
    assert items["kind"].tolist() == ["swap"] * 5 + ["null-swap"]
    assert items.index.equals(HAND.index)
    assert items["more"].equals(HAND["more"])


def test_the_headline_is_the_mean_of_its_column_over_its_units():
    result = judged(HAND)
    headline = result.headline
    assert (headline.name, headline.ideal, headline.direction) == ("stereotype_share", 0.5, "nearer to ideal is better")
    assert headline.value == result.items.groupby(headline.unit_of)[headline.mean_of].mean().mean()
    for one in result.measures[1:]:
        assert (one.mean_of is None) == (one.where is None)
        if one.where is not None:
            rows = result.items.merge(pd.DataFrame([dict(one.where)]))
            scored = rows[rows[one.mean_of].notna()]
            assert one.value == pytest.approx(scored.groupby(one.unit_of)[one.mean_of].mean().mean())


def test_the_sign_test_is_that_of_scipy_to_the_last_bit_and_exactly_1_where_nothing_leans():
    for n in (1, 2, 9, 40, 201):
        for more in range(n + 1):
            leans = 2 * min(more, n - more) + 1 < n
            assert sign_test_p(more, n - more) == (stats.binomtest(more, n).pvalue if leans else 1.0)


@pytest.mark.parametrize("count", [1, 2, 7, 13, 14, 50, 51, 90])
def test_signed_ranks_are_those_of_scipy_to_the_last_bit(count):
    rng = np.random.default_rng(count)
    for values in (rng.normal(0.3, 1, count), rng.normal(-2, 1, count), rng.choice([-2.0, -1.0, 1.0, 3.0], count)):
        assert module._signed_ranks_p(values) == stats.wilcoxon(values).pvalue


def test_the_sign_test_is_the_binomial_tail():
    sign = np.array([1] * 8 + [-1] * 2)
    pairs = pd.DataFrame({"log_prob_more": -10.0 + sign, "log_prob_less": -10.0}, index=list("abcdefghij"))
    result = judged(pairs)
    assert result.measure("sign_test_p").value == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert result.headline.n == {"items": 10, "units": 10}
    assert result.headline.method.startswith("exact binomial")


def test_published_figures_are_those_of_pairs_and_ours_those_of_units():
    """One writer of 9 stereotyped pairs and one of a single neutral one: 90 % of pairs, 50 % of writers."""
    pairs = pd.DataFrame({
        "log_prob_more": [-1.0] * 9 + [-3.0], "log_prob_less": [-2.0] * 10, "unit": ["a"] * 9 + ["b"],
    }).rename(index=str)
    result = judged(pairs)
    assert result.measure("pct_stereotype").value == pytest.approx(0.9)
    assert result.headline.value == pytest.approx(0.5)


def test_tests_and_gaps_agree_with_plain_formulas():
    rng = np.random.default_rng(3)
    swaps, nulls = synthetic(rng, 0.6, 40, 3), synthetic(rng, 0.5, 40)
    pairs = pd.concat([swaps.assign(kind="swap"), nulls.assign(kind="null-swap")], ignore_index=True)
    result = judged(pairs.rename(index=str))
    difference = (pairs["log_prob_more"] - pairs["log_prob_less"]).to_numpy()
    swap = (pairs["kind"] == "swap").to_numpy()
    unit_means = difference[swap].reshape(40, 3).mean(axis=1)
    majority = int((np.sign(difference[swap]).reshape(40, 3).sum(axis=1) > 0).sum())
    assert result.measure("wilcoxon_p").value == pytest.approx(stats.wilcoxon(unit_means).pvalue)
    tail = stats.binom.sf(max(majority, 40 - majority) - 1, 40, 0.5)
    assert result.measure("sign_test_p").value == pytest.approx(min(1, 2 * tail))
    gap, null = np.abs(difference[swap]).mean(), np.abs(difference[~swap]).mean()
    assert result.measure("likelihood_diff").value == pytest.approx(gap)
    assert result.measure("null_gap").value == pytest.approx(null)
    assert result.measure("excess_gap").value == pytest.approx(gap - null)
    assert result.measure("mean_difference").value == pytest.approx(difference[swap].mean())


@pytest.mark.parametrize(("swaps", "nulls", "decides"), [(100, 5, False), (5, 100, False), (100, 40, True)])
def test_the_excess_gap_decides_only_with_enough_units_of_either_kind(swaps, nulls, decides):
    rng = np.random.default_rng(5)
    parts = [synthetic(rng, 0.5, units, 3).assign(kind=kind) for units, kind in ((swaps, "swap"), (nulls, "null-swap"))]
    measure = judged(pd.concat(parts, ignore_index=True).rename(index=str)).measure("excess_gap")
    assert measure.n == {"items": 3 * min(swaps, nulls), "units": min(swaps, nulls)}
    assert (measure.n["units"] >= measure.min_units > 0) is decides


# --- what there is no number for -------------------------------------------------------------------------------------


def test_without_null_pairs_there_are_no_null_measures():
    names = {m.name for m in judged(HAND[HAND["kind"] != "null-swap"]).measures}
    assert names.isdisjoint({"null_share", "null_gap", "excess_gap"})


def test_what_was_not_scored_is_undefined_and_never_zero():
    result = judged(HAND.assign(log_prob_less=np.nan))
    assert {m.undefined for m in result.measures} == {"no such pair was scored", "no unit leans to either side", None}
    assert [m.name for m in result.measures if m.undefined is None] == ["not_scored"]
    assert result.measure("not_scored").value == 1.0
    assert result.items["value"].isna().all()


def test_a_slice_without_a_scored_pair_is_undefined_beside_the_others():
    result = judged(HAND.assign(log_prob_less=HAND["log_prob_less"].where(HAND["group"] != "age")))
    assert result.measure("stereotype_share", "age").undefined == "no such pair was scored"
    assert result.measure("stereotype_share", "gender").value == 0.5


def test_infinite_log_probabilities_are_not_scored():
    result = judged(HAND.assign(log_prob_more=[-np.inf, *HAND["log_prob_more"][1:]]))
    assert result.items["prefers"]["a"] == "not scored"


@pytest.mark.parametrize(("ties", "told"), [(10, True), (11, False), (30, False)])
def test_a_model_that_finds_too_many_pairs_alike_is_undefined_and_not_neutral(ties, told):
    pairs = synthetic(np.random.default_rng(0), 0.5, 30).reset_index(drop=True).rename(index=str)
    pairs.loc[pairs.index[:ties], ["log_prob_more", "log_prob_less"]] = -5.0
    result = judged(pairs.assign(group="age"))
    for name, group in (("stereotype_share", None), ("stereotype_share", "age"), ("mean_difference", None)):
        measure = result.measure(name, group)
        assert (measure.value is not None) == told
        assert told or measure.undefined.startswith("in more than a third of the pairs")
    assert (result.measure("likelihood_diff").value is None) == (result.measure("pct_stereotype").value is None) != told
    assert result.measure("tie_share").value == pytest.approx(ties / 30)
    assert (result.measure("wilcoxon_p").undefined == "no unit leans to either side") == (ties == 30)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"got kind 'null'; allowed: swap, null-swap"):
        judged(HAND.assign(kind="null"))


def test_missing_cells_mean_the_default():
    """Own unit, kind swap, no slice: as if the columns were not there."""
    bare = HAND[["log_prob_more", "log_prob_less"]].iloc[:5]
    empty = bare.assign(unit=None, kind=None, group=None, stereo=None)
    assert judged(empty).measures == judged(bare).measures
    assert judged(bare).headline.n == {"items": 4, "units": 4}


def test_the_unit_of_the_likelihoods_is_told():
    result = judged(HAND, nats="nats per token")
    assert {m.unit for m in result.measures} == {"share", "nats per token", "p-value"}


# --- laws ------------------------------------------------------------------------------------------------------------

rows = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.sampled_from("uvwxyz")), min_size=1, max_size=25)


def framed(cells):
    return pd.DataFrame(cells, columns=["log_prob_more", "log_prob_less", "unit"]).rename(index=str)


@settings(deadline=None, max_examples=25)
@given(rows)
def test_exchanging_the_sentences_mirrors_every_number(cells):
    pairs = framed(cells)
    mirror = pairs.rename(columns={"log_prob_more": "log_prob_less", "log_prob_less": "log_prob_more"})
    one, other = judged(pairs), judged(mirror)
    assert other.headline.undefined == one.headline.undefined
    assume(one.headline.value is not None)
    assert other.headline.value == pytest.approx(1 - one.headline.value)
    if "tie" not in set(one.items["prefers"]):  # single pairs that tie count for either side, by chance
        assert other.headline.low == pytest.approx(1 - one.headline.high, abs=1e-6)
    assert other.measure("mean_difference").value == pytest.approx(-one.measure("mean_difference").value)
    for same in ("likelihood_diff", "sign_test_p", "wilcoxon_p", "tie_share"):
        assert other.measure(same).value == pytest.approx(one.measure(same).value)


@settings(deadline=None, max_examples=25)
@given(rows, st.integers(-50, 50), st.randoms(use_true_random=False))
def test_neither_order_nor_what_both_sentences_share_matters(cells, shared, random):
    pairs = framed(cells)
    order = list(pairs.index)
    random.shuffle(order)
    moved = pairs.loc[order].assign(
        log_prob_more=lambda f: f["log_prob_more"] + shared, log_prob_less=lambda f: f["log_prob_less"] + shared
    )
    one, other = judged(pairs), judged(moved)
    assert [m.value for m in other.measures] == pytest.approx([m.value for m in one.measures])
    assert (other.headline.low, other.headline.high) == pytest.approx((one.headline.low, one.headline.high))


# --- power and size --------------------------------------------------------------------------------------------------


@pytest.fixture
def few_replicates(monkeypatch):
    """The bootstrap at a tenth of its replicates: enough for one interval at 95 %, and no part of the headline."""
    monkeypatch.setattr(module, "cluster_bootstrap", partial(module.cluster_bootstrap, replicates=199))


SIZE = 500
NOISE = 3 * (0.05 * 0.95 / SIZE) ** 0.5


def accused(rng, sets, **how):
    """Share of data sets whose interval excludes neutrality, for the headline and the mean difference alone."""
    ends = np.array([of_arrays(*drawn(rng, **how), how, seed) for seed in range(sets)])
    same = drawn(np.random.default_rng(5), **how)
    measures = of_frame(synthetic(np.random.default_rng(5), **how), 0)
    np.testing.assert_allclose(of_arrays(*same, how, 0), [(one.low, one.high) for one in measures], rtol=1e-9)
    ideal = [one.ideal for one in measures]
    outside = (ends[..., 0] > ideal) | (ends[..., 1] < ideal)
    return dict(zip([one.name for one in measures], outside.mean(axis=0), strict=True))


def of_arrays(more, less, how, seed):
    """Ends of both by what computes them, of arrays: a frame a data set takes most of the time."""
    d, rng = more - less, np.random.default_rng(seed)
    units = np.repeat(np.arange(how["units"]), how.get("size", 1))
    share = mean_over_units(np.sign(d) / 2 + 0.5, units, level=0.95, rng=rng, binary=True)
    sums = np.column_stack([np.bincount(units, d), np.bincount(units)])
    return (share.low, share.high), module.cluster_bootstrap(module._ratio, sums, level=0.95, rng=rng)[1:]


def of_frame(pairs, seed):
    """Both as the detector says them; the headline is that of all measures together."""
    swaps, judge = module._Pairs(module._items(pairs)), module._Measures(0.95, np.random.default_rng(seed), "nats")
    both = judge.headline(swaps), judge.mean("mean_difference", swaps, "difference")
    assert both[0] == judged(pairs, seed=seed).headline
    return both


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"units": 200}, id="independent pairs"),
        pytest.param({"units": 60, "size": 5, "spread": 0.4}, id="pairs alike within templates"),
    ],
)
def test_clean_sets_are_not_accused_more_often_than_stated(few_replicates, how):
    shares = accused(np.random.default_rng(11), SIZE, rate=0.5, **how)
    assert shares["stereotype_share"] <= 0.05 + NOISE
    assert shares["mean_difference"] <= 1 - module.CLUSTER_BOOTSTRAP.worst_coverage + NOISE


def test_counting_rows_where_templates_are_independent_would_accuse_clean_sets():
    """What the unit is for: the same clean sets with the unit withheld."""
    rng = np.random.default_rng(12)
    sets = (synthetic(rng, 0.5, 60, 5, 0.4).drop(columns="unit") for _ in range(60))
    shares = [stereotype_share(one, level=0.95, rng=np.random.default_rng(0)) for one in sets]
    assert np.mean([not one.low <= 0.5 <= one.high for one in shares]) > 0.15


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"rate": 0.65, "units": 200}, id="65 % of 200 pairs"),
        pytest.param({"rate": 0.75, "units": 40, "size": 5, "spread": 0.2}, id="75 % of 200 pairs in 40 templates"),
    ],
)
def test_a_biased_model_is_found_with_200_pairs(few_replicates, how):
    rng = np.random.default_rng(13)
    ends, p = [], []
    for seed in range(50):
        more, less = drawn(rng, **how)
        ends.append(of_arrays(more, less, how, seed))
        p.append(module._signed_ranks_p((more - less).reshape(how["units"], -1).mean(axis=1)))
    (share, _), (mean, _) = np.moveaxis(np.array(ends), 0, -1)
    assert np.mean(share > 0.5) >= 0.9
    assert np.mean(mean > 0) >= 0.9
    assert np.mean(np.array(p) < 0.05) >= 0.9
    found = judged(synthetic(rng, **how))
    assert found.headline.low > 0.5
    assert found.measure("mean_difference").low > 0
    assert found.measure("wilcoxon_p").value < 0.05


def test_the_null_control_takes_the_naked_sensitivity_away(few_replicates):
    """Any other word moves a sentence by 2 nats on average; a word of another group no further, then by 1 more."""
    rng = np.random.default_rng(14)

    def excess(extra):
        size = np.concatenate([rng.gamma(2, 1 + extra / 2, 200), rng.gamma(2, 1, 200)])
        pairs = pd.DataFrame({
            "log_prob_more": rng.choice([-1, 1], 400) * size, "log_prob_less": 0.0,
            "unit": [f"u{i}" for i in range(50)] * 8, "kind": ["swap"] * 200 + ["null-swap"] * 200,
        })
        items = module._items(pairs.rename(index=str))
        both = (module._Pairs(items[items["kind"] == kind]) for kind in module.KINDS)
        return module._Measures(0.95, np.random.default_rng(0), "nats").excess_gap(*both)

    clean, planted = [excess(0) for _ in range(40)], [excess(1) for _ in range(40)]
    assert np.mean([not m.low <= 0 <= m.high for m in clean]) <= 0.15
    assert np.mean([m.low > 0 for m in planted]) >= 0.9
    assert np.mean([m.value for m in planted]) == pytest.approx(1, abs=0.15)


def test_a_pair_counts_against_the_model_where_it_prefers_the_stereotype():
    pairs = pd.DataFrame({
        "log_prob_more": [-1.0, -3.0, -2.0, -1.0, np.nan], "log_prob_less": [-4.0, -1.0, -2.0, -9.0, -1.0],
        "kind": ["swap", "swap", "swap", "null-swap", "swap"],
    }, index=pd.Index(list("abcde"), name="id"))  # fmt: skip
    items = pair_preferences(pairs, level=0.95, rng=np.random.default_rng(0)).items
    assert items["against"].astype(object).where(items["against"].notna(), None).tolist() == [
        True, False, False, None, None,
    ]
    assert items["weight"].fillna(-99).tolist() == [3.0, -2.0, 0.0, -99, -99]


# --- missing ---------------------------------------------------------------------------------------------------------


def test_pairs_that_were_not_scored_are_counted_and_bound_both_ways():
    """Of 40 pairs 30 are scored and all prefer the stereotype: the share lies between 30 and 40 of 40."""
    pairs = synthetic(np.random.default_rng(0), 1.0, 40)
    pairs.iloc[30:, 0] = np.nan
    result = judged(pairs)
    share = result.headline
    assert (share.value, share.missing, share.n["items"]) == (1.0, 10, 30)
    assert (share.low, share.high) == pytest.approx((exact_binomial(30, 40)[0], 1.0))
    difference = result.measure("mean_difference")
    assert (difference.low, difference.high, difference.missing) == (None, None, 10)
    assert result.items["no_answer"].sum() == 10
    assert [judged(pairs[30:]).measure(name).missing for name in ("stereotype_share", "likelihood_diff")] == [10, 10]


def test_a_null_pair_that_was_not_scored_touches_no_measure_of_swaps():
    pairs = pd.concat([HAND, HAND.loc[["f"]].rename({"f": "g"}).assign(log_prob_more=np.nan)])
    before, after = judged(HAND), judged(pairs)
    assert after.headline == before.headline
    assert after.measure("null_share").missing == 1
