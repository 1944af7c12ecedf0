"""Detectors of bias in data: closed forms, exhaustive search, SciPy's figures, planted proxies and clean tables."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from detectors.bias.data.distribution_distances import distances
from detectors.bias.data.duplicates import clusters_of_texts, keys_of_rows
from detectors.bias.data.proxies import joint_proxies, proxy_of
from detectors.bias.data.reference_shares import shares_of
from detectors.bias.data.splits import NOT_GIVEN, column_of, splits_of
from detectors.bias.data.uncovered_patterns import uncovered


def column(values, name="x"):
    return column_of(pd.Series([None if one is None else str(one) for one in values], dtype=object), name)


def measured(shares):
    return {one.name: one for one in shares.measures}


# --- representation


def test_shares_against_a_reference_by_hand():
    found = measured(shares_of([50, 30, 20], ["a", "b", "c"], {"a": 0.4, "b": 0.4, "c": 0.2}, level=0.95,
                               rng=np.random.default_rng(0)))  # fmt: skip
    assert found["total_variation"].value == pytest.approx(0.1)
    assert found["representation_ratio"].value == pytest.approx(0.75)
    assert found["kl_divergence"].value == pytest.approx(0.5 * np.log(1.25) + 0.3 * np.log(0.75))
    root = jensenshannon([0.5, 0.3, 0.2], [0.4, 0.4, 0.2])  # SciPy gives the root
    assert found["js_divergence"].value == pytest.approx(root**2)
    assert found["smallest_group"].value == 20


def test_the_g_test_agrees_with_the_chi_square_law():
    counts, wanted = [330, 320, 350], {"a": 0.3, "b": 0.35, "c": 0.35}
    p = measured(shares_of(counts, list("abc"), wanted, level=0.95, rng=np.random.default_rng(1)))["representation_p"]
    expected = stats.power_divergence(counts, [300, 350, 350], lambda_="log-likelihood").pvalue
    assert p.value == pytest.approx(expected, abs=0.02)


def test_the_interval_of_the_total_variation_covers():
    """Near no distance, where the plain value is biased upwards, and with a group that hardly is there."""
    rng, missed = np.random.default_rng(2), 0
    truth, wanted = np.array([0.6, 0.38, 0.02]), {"a": 0.6, "b": 0.3, "c": 0.1}
    for counts in rng.multinomial(80, truth, 300):
        found = shares_of(counts, list("abc"), wanted, level=0.9, rng=rng).measures[0]
        missed += not found.low <= 0.08 <= found.high
    assert missed <= 0.1 * 300


def test_without_a_reference_nothing_is_taken_for_uniform():
    found = measured(shares_of([90, 10], ["a", "b"], None, level=0.95, rng=np.random.default_rng(0)))
    assert {one.undefined for one in found.values()} == {"no reference given", None}
    assert found["smallest_group"].value == 10


def test_rows_without_a_group_could_be_of_any():
    rng = np.random.default_rng(0)
    known = shares_of([50, 50], ["a", "b"], {"a": 0.5, "b": 0.5}, level=0.95, rng=rng).measures[0]
    found = shares_of([50, 50], ["a", "b"], {"a": 0.5, "b": 0.5}, level=0.95, rng=rng, missing=100).measures[0]
    assert (found.missing, found.low) == (100, 0.0)
    assert found.high > known.high
    assert found.high >= 0.25


def test_a_group_that_the_reference_has_not_and_one_that_the_rows_have_not():
    found = measured(shares_of([50, 50, 0], ["a", "b", "c"], {"a": 0.5, "c": 0.5}, level=0.95,
                               rng=np.random.default_rng(0)))  # fmt: skip
    assert found["total_variation"].value == pytest.approx(0.5)
    assert found["kl_divergence"].undefined == "the reference has no share for a group that is there"
    assert found["representation_ratio"].value == 0.0
    assert found["representation_p"].value == 0.0
    for wrong in ({"a": 0.5}, {"a": 1.5, "b": -0.5}, {"z": 1.0}):
        with pytest.raises(ValueError, match="allowed: 0 or more that sum to 1"):
            shares_of([1, 1], ["a", "b"], wrong, level=0.95, rng=np.random.default_rng(0))


# --- coverage


def slowly(codes, sizes, tau):
    """Every pattern tried, by the definition."""
    rows = np.stack(codes, axis=1)

    def matching(pattern):
        told = [np.ones(len(rows), bool), *(rows[:, a] == level for a, level in pattern)]
        return int(np.logical_and.reduce(told).sum())

    found = set()
    for depth in range(len(sizes) + 1):
        for attributes in itertools.combinations(range(len(sizes)), depth):
            for levels in itertools.product(*(range(sizes[a]) for a in attributes)):
                pattern = tuple(zip(attributes, levels, strict=True))
                parents = (pattern[:i] + pattern[i + 1 :] for i in range(depth))
                if matching(pattern) < tau and all(matching(one) >= tau for one in parents):
                    found.add((pattern, matching(pattern)))
    return found


def test_maximal_uncovered_patterns_are_those_of_an_exhaustive_search():
    rng = np.random.default_rng(0)
    for _ in range(25):
        sizes = rng.integers(1, 4, size=4).tolist()
        codes = [rng.integers(-1, size, size=int(rng.integers(1, 60))) for size in sizes[:1]]
        codes += [rng.integers(-1, size, size=len(codes[0])) for size in sizes[1:]]
        tau = int(rng.integers(1, 12))
        seen = uncovered(codes, sizes, tau)
        assert {(one.levels, one.rows) for one in seen.patterns} == slowly(codes, sizes, tau)
        assert seen.count == len(seen.patterns)
        full = np.stack(codes, axis=1)
        known = full[(full >= 0).all(axis=1)]
        covered = sum(count >= tau for count in np.unique(known, axis=0, return_counts=True)[1]) if len(known) else 0
        assert (seen.cells, seen.bare) == (np.prod(sizes), np.prod(sizes) - covered)


def test_ten_attributes_are_searched_and_only_the_first_patterns_told():
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 3, size=3000) for _ in range(10)]
    seen = uncovered(codes, [3] * 10, 40, most=50)
    assert len(seen.patterns) == 50
    assert seen.count > 1000
    assert [len(one.levels) for one in seen.patterns] == sorted(len(one.levels) for one in seen.patterns)
    with pytest.raises(ValueError, match="allowed: 1 to 12"):
        uncovered(codes * 2, [3] * 20, 40)


# --- proxies


def test_a_feature_that_is_the_group_tells_all_of_it_and_an_unrelated_one_nothing():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, 2000)
    same, other = proxy_of(column(group), group), proxy_of(column(rng.integers(0, 8, 2000)), group)
    assert (same.information, same.cramers_v, same.correlation_ratio) == pytest.approx((1, 1, 1), abs=2e-3)
    assert (other.information, other.cramers_v, other.correlation_ratio) == pytest.approx((0, 0, 0), abs=0.04)
    assert proxy_of(column(["a"] * 2000), group) is None
    assert proxy_of(column(group), np.zeros(2000, dtype=int)) is None


def test_the_bias_of_the_plug_in_is_taken_off():
    """Of 20 levels in 200 rows the plain estimate of nothing is about 0.07 of H."""
    rng = np.random.default_rng(1)
    found = [proxy_of(column(rng.integers(0, 20, 200)), rng.integers(0, 2, 200)).information for _ in range(40)]
    assert np.mean(found) < 0.02


def test_what_two_features_tell_only_together_is_found_and_not_by_one_alone():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    group = np.where(rng.random(400) < 0.9, a ^ b, 1 - (a ^ b))
    features = [column(one) for one in (a, b, rng.normal(size=400).round(3))]
    assert max(proxy_of(one, group).information for one in features) < 0.05
    found = joint_proxies(features, group, level=0.95, rng=rng)
    assert min(low for _, low, _ in found.values) > 0.7
    assert found.p == pytest.approx(1 / 200)
    assert max(found.without[:2]) < 0.65 < found.without[2]


def test_features_that_tell_nothing_are_not_accused_more_often_than_the_level_says():
    rng = np.random.default_rng(3)
    tried = []
    for _ in range(120):
        features = [column(rng.integers(0, 4, 160)), column(rng.normal(size=160))]
        tried.append(joint_proxies(features, rng.integers(0, 3, 160), level=0.9, rng=rng, draws=19))
    assert np.mean([one.p <= 0.05 for one in tried]) <= 0.12
    assert np.mean([any(low > 0.5 for _, low, _ in one.values) for one in tried]) <= 0.05


def test_groups_that_are_too_small_are_not_asked_for():
    rng = np.random.default_rng(4)
    assert joint_proxies([column(rng.normal(size=60))], np.arange(60) % 20, level=0.95, rng=rng) is None
    assert joint_proxies([], np.arange(60) % 2, level=0.95, rng=rng) is None
    assert joint_proxies([column(np.arange(1))], np.zeros(1, dtype=int), level=0.95, rng=rng) is None


# --- distances, duplicates, splits


def test_distances_are_those_of_scipy():
    rng = np.random.default_rng(5)
    one, other = rng.normal(size=300), rng.normal(0.5, 2, size=200)
    found, both = distances(one, other), np.concatenate([one, other])
    assert found.ks == pytest.approx(stats.ks_2samp(one, other).statistic)
    assert found.w1 == pytest.approx(stats.wasserstein_distance(one, other) / both.std())
    edges = np.quantile(both, np.linspace(0, 1, 11)[1:-1])
    shares = [np.bincount(np.searchsorted(edges, part), minlength=10) / len(part) for part in (one, other)]
    assert found.js == pytest.approx(jensenshannon(*shares) ** 2)
    assert found.psi == pytest.approx(sum((shares[0] - shares[1]) * np.log(shares[0] / shares[1])), rel=0.1)
    assert distances(one, one[:0]) is None
    assert distances(np.ones(3), np.ones(2)) is None


def test_near_duplicates_of_texts_are_found_and_others_are_not():
    rng = np.random.default_rng(6)
    words = [f"word{n}" for n in range(500)]
    texts = [" ".join(rng.choice(words, 40)) for _ in range(300)]
    near = [f"{text.upper()}!  more" for text in texts[:40]]
    assert clusters_of_texts([*texts, *near]).tolist() == [*range(300), *range(40)]
    assert clusters_of_texts(["안녕하세요 여러분", "안녕하세요, 여러분.", "", ""]).tolist() == [0, 0, 2, 2]


def test_rows_are_equal_by_what_they_say():
    frame = pd.DataFrame({"name": ["Ann Lee", "ann  lee", "Bo", None], "age": ["1", "1.0", "2", None]}, dtype=object)
    keys = keys_of_rows([frame["name"], frame["age"]])
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] is None


def test_no_group_is_a_group_and_all_combinations_are_groups_too():
    splits = splits_of([column(["a", "b", None, "a"], "x"), column(["1", "1", "2", None], "y")])
    assert [one.name for one in splits] == ["x", "y", "x x y"]
    assert splits[0].groups == ("a", "b", NOT_GIVEN)
    assert sorted(splits[2].groups) == ["a, 1", "a, not given", "b, 1", "not given, 2"]
    assert splits[0].named("a") == "x: a"
    assert splits_of([column(["a", "b"])])[0].named("a") == "a"
    assert column([None, None]).levels == ()
