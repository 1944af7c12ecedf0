"""What groups are worst off by: fairlearn's numbers, numbers by hand, laws, and intervals that cover."""

from __future__ import annotations

from math import log

import fairlearn.metrics as fair
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from detectors.bias.extremes import differential_fairness, equalized_odds, mass_gap, worst_group
from detectors.bias.gaps import group_gaps
from detectors.bias.groups import Groups, extreme_pairs
from detectors.intervals import rate_ratio

NAMES = [*"abcdefgh"]


def groups(selected, totals, missing=None):
    return Groups.of(selected, totals, NAMES[: len(totals)], missing)


def odds(one, two, level=0.95, **options):
    rng = np.random.default_rng(0)
    apart = tuple(
        group_gaps(of.selected, of.totals, of.names, missing=of.missing, level=level, rng=rng).headline
        for of in (one, two)
    )
    return equalized_odds((one, two), apart, level=level, **options)


def named(measures):
    return {(one.name.removeprefix("equalized_odds_"), one.group): one for one in measures}


def test_equalized_odds_are_fairlearns():
    rng = np.random.default_rng(0)
    label, decision = rng.integers(0, 2, (2, 400))
    group = rng.choice([*"abc"], 400, p=[0.5, 0.3, 0.2])
    counts = [
        [((group == one) & (label == value) & (decision > least)).sum() for one in "abc"]
        for value in (1, 0) for least in (0, -1)
    ]  # fmt: skip
    found = named(odds(groups(*counts[:2]), groups(*counts[2:])))
    asked = {"sensitive_features": group}
    assert found["difference", None].value == fair.equalized_odds_difference(label, decision, **asked)
    assert found["ratio", None].value == fair.equalized_odds_ratio(label, decision, **asked)
    mean = fair.equalized_odds_difference(label, decision, agg="mean", **asked)
    assert found["mean_abs", None].value == pytest.approx(mean)


def test_opposite_gaps_cancel_in_the_mean_of_a_group_alone():
    """True-positive rates 0.8 and 0.6, false-positive ones 0.1 and 0.5: AIF360 has (-0.2 + 0.4) / 2."""
    found = named(odds(groups([80, 60], [100, 100]), groups([10, 50], [100, 100]), reference="a"))
    assert found["mean", "b"].value == pytest.approx(0.1)
    assert ("mean", "a") not in found
    assert found["mean_abs", None].value == pytest.approx(0.3)
    assert found["difference", None].value == pytest.approx(0.4)
    assert found["ratio", None].value == pytest.approx(0.2)
    assert found["mean", "b"].low < 0.1 < found["mean", "b"].high
    assert found["mean_abs", None].low > 0.1


def test_the_worst_group_is_named_and_its_interval_knows_that_it_was_chosen():
    result = worst_group(groups([90, 70, 9], [100, 100, 10]), level=0.95)
    assert result.headline.value == 0.7
    assert result.remarks[0].values == {"group": "b", "rate_share": 0.7, "unit_count": 100.0}
    assert result.headline.low < 0.6  # the group of ten may be worse
    clean = worst_group(groups([45] * 8, [50] * 8), level=0.95).headline
    assert clean.high > binom.ppf(0.975, 50, 0.9) / 50


def test_epsilon_and_mass_by_hand():
    """Of 9 and 19 persons 4 and 4 are selected: smoothed 0.45 and 0.225, not selected 0.55 and 0.775."""
    found = groups([4, 4], [9, 19])
    assert differential_fairness(found, level=0.95).value == pytest.approx(log(2))
    assert mass_gap(found, level=0.95).value == pytest.approx(9 / 28 * (4 / 9 - 8 / 28))
    never = differential_fairness(groups([0, 4], [9, 19]), level=0.95)
    assert never.value == pytest.approx(log(0.225 / 0.05))
    assert never.high is None


def test_where_a_rate_is_not_defined_nothing_is_said():
    one, two = groups([3], [10]), groups([3, 4], [10, 10])
    for measure in (
        differential_fairness(one, level=0.95), mass_gap(one, level=0.95), worst_group(one, level=0.95).headline,
        *odds(two, groups([0, 0], [0, 10]))[:3],
    ):  # fmt: skip
        assert measure.value is None
        assert measure.undefined
    ratio = named(odds(two, groups([0, 0], [10, 10])))["ratio", None]
    assert ratio.undefined == "no unit of any group was selected"


COUNTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=5)


@settings(max_examples=10, deadline=None)
@given(COUNTS, st.lists(st.integers(0, 4), min_size=5, max_size=5), st.integers(0, 4))
def test_every_value_lies_in_its_interval_which_only_grows_by_what_is_missing(counts, lost, turned):
    k, n = np.array([(yes, yes + no) for yes, no in counts]).T
    plain = groups(k, n)
    wider = groups(k, n, lost[: len(n)])
    order = np.roll(np.arange(len(n)), turned)
    same = groups(k[order], n[order])
    of = (
        lambda one: differential_fairness(one, level=0.9), lambda one: worst_group(one, level=0.9).headline,
        lambda one: odds(one, one, 0.9)[1], lambda one: mass_gap(one, level=0.9),
    )  # fmt: skip
    for measure in of:
        found, other = measure(plain), measure(same)
        if found.value is None:
            continue
        assert other.value == pytest.approx(found.value)
        assert found.low <= found.value
        assert found.high is None or found.value <= found.high
        loose = measure(wider)
        if measure is of[-1]:  # other sizes weigh otherwise
            continue
        assert loose.low <= found.low + 1e-9
        assert loose.high is None or found.high is None or loose.high >= found.high - 1e-9
    if len(plain.there) > 1:
        assert mass_gap(plain, level=0.9).value <= 0.25


@pytest.mark.parametrize("rates", [(0.3, 0.3, 0.3, 0.3), (0.2, 0.5, 0.5, 0.6)])
def test_intervals_cover(rates):
    rng, p, n = np.random.default_rng(5), np.array(rates), np.array([30, 60, 120, 200])
    share = n / n.sum()
    truth = {
        "epsilon": max(log(p.max() / p.min()), log((1 - p).max() / (1 - p).min())), "worst": p.min(),
        "mass": (share * np.abs(p - share @ p)).max(), "mean_abs": np.ptp(p), "ratio": p.min() / p.max(),
    }  # fmt: skip
    missed = dict.fromkeys([*truth, "mean"], 0)
    for _ in range(40):
        drawn = [groups(rng.binomial(n, p), n) for _ in range(2)]
        both = named(odds(*drawn))
        found = {
            "epsilon": differential_fairness(drawn[0], level=0.95), "mass": mass_gap(drawn[0], level=0.95),
            "worst": worst_group(drawn[0], level=0.95).headline, "mean_abs": both["mean_abs", None],
            "ratio": both["ratio", None],
        }  # fmt: skip
        for name, one in found.items():
            missed[name] += not one.low - 1e-9 <= truth[name] <= one.high + 1e-9
        gaps = [(p[at] - (n @ p - n[at] * p[at]) / (n.sum() - n[at]), both["mean", NAMES[at]]) for at in range(4)]
        missed["mean"] += not all(one.low <= gap <= one.high for gap, one in gaps)
    assert all(binom.sf(count - 1, 40, 0.05) > 0.01 for count in missed.values()), missed


@pytest.mark.parametrize("rates", [np.full(10, 0.05), np.linspace(0.6, 0.2, 10)], ids=["alike", "the largest lowest"])
def test_extremes_of_ten_unequal_groups_cover(rates):
    """Groups of 15 to 3,000; at a level of 0.8, as mistakes at 0.95 take more repeats to show."""
    rng, level, repeats, wrong = np.random.default_rng(6), 0.8, 15, np.zeros(4)
    sizes, other = np.array([15, 20, 30, 50, 80, 150, 300, 600, 1200, 3000]), np.full(10, 0.9)
    truth = np.ptp(rates), max(rates) / min(rates), np.ptp(rates) / 2, min(rates) / max(rates)
    for _ in range(repeats):
        drawn = [Groups.of(rng.binomial(sizes, p), sizes, [*"abcdefghij"]) for p in (rates, other)]
        first = group_gaps(drawn[0].selected, sizes, [*"abcdefghij"], level=level, rng=rng).headline
        both = named(odds(*drawn, level=level))
        told = [(one.low, one.high) for one in (first, both["mean_abs", None], both["ratio", None])]
        told.insert(1, extreme_pairs(drawn[0], level, rate_ratio))
        wrong += [not low - 1e-9 <= true <= high + 1e-9 for (low, high), true in zip(told, truth, strict=True)]
    assert (wrong <= binom.ppf(0.999, repeats, 1 - level)).all(), wrong
