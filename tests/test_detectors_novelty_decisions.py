"""Decisions: false alarms in every group, thresholds of tails against closed forms, what is refused before it runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, chi2, false_discovery_control, genpareto, norm

from detectors.conformal import critical_score, p_values
from detectors.novelty.decisions import Rule, decided
from detectors.novelty.extremes import needed_for_tail, tail_of
from detectors.novelty.shares import Shares


def frames(scores, groups=None, units=None):
    """Return items and their scores as `decided` takes them."""
    index = {role: [f"{role}{n}" for n in range(len(part))] for role, part in scores.items()}
    told = {role: pd.DataFrame({"text": "x"}, index=index[role]) for role in scores}
    for name, column in (("group", groups), ("unit", units)):
        for role, cells in (column or {}).items():
            told[role][name] = cells
    return told, {role: pd.DataFrame({"nll": part}, index=index[role]) for role, part in scores.items()}


def decisions(scores, groups=None, rule=None, units=None, seed=0):
    return decided(*frames(scores, groups, units), "nll", None, rule or Rule(), "nll", np.random.default_rng(seed))


def two_languages(rng, sizes=(300, 300), foreign=0):
    """Scores of two groups, the second of which is 1.5 higher throughout; of foreign items 4 higher still."""
    groups = {"calibration": np.repeat(["ko", "en"], sizes), "items": np.repeat(["ko", "en"], 100)}
    scores = {role: rng.normal(size=len(of)) + 1.5 * (of == "en") for role, of in groups.items()}
    if foreign:
        groups["foreign"] = np.repeat(["ko", "en"], foreign)
        scores["foreign"] = rng.normal(size=2 * foreign) + 4 + 1.5 * (groups["foreign"] == "en")
    return scores, groups


# --- groups


def test_every_group_has_the_false_alarms_of_its_level_and_pooled_ones_accuse_one():
    """20 audits of two groups, one higher by 1.5: P(p <= .05) of each, and pooled, by the mixture of two normals."""
    rng, alarms, pooled = np.random.default_rng(0), {"ko": [], "en": []}, {"ko": [], "en": []}
    for seed in range(20):
        scores, groups = two_languages(rng)
        evidence, problem = decisions(scores, groups, seed=seed)
        assert problem is None
        whole, _ = decisions(scores, seed=seed)
        for group in alarms:
            alarms[group].append(evidence.loc[evidence["group"] == group, "value"].mean())
            pooled[group].append(whole.loc[(groups["items"] == group), "value"].mean())
    for group, found in alarms.items():
        assert np.mean(found) <= 0.05 + 3 * np.std(found) / np.sqrt(20), group
        assert np.mean(found) > 0.03
    cut = brentq(lambda at: (norm.sf(at) + norm.sf(at - 1.5)) / 2 - 0.05, 0, 9)
    assert np.mean(pooled["en"]) == pytest.approx(norm.sf(cut - 1.5), abs=0.03)
    assert np.mean(pooled["ko"]) < 0.01


def test_an_items_p_value_is_that_of_its_own_group_and_without_one_the_largest():
    scores, groups = two_languages(np.random.default_rng(1), (400, 300), foreign=5)
    groups["foreign"] = [None] * 10
    evidence, _ = decisions(scores, groups)
    known = {group: scores["calibration"][groups["calibration"] == group] for group in ("ko", "en")}
    by_hand = {group: p_values(part, evidence["nll"]) for group, part in known.items()}
    own = evidence["group"].to_numpy()
    expected = np.where(own == "ko", by_hand["ko"], np.where(own == "en", by_hand["en"], np.maximum(*by_hand.values())))
    assert evidence["p_value"].to_numpy() == pytest.approx(expected)
    assert (evidence["p_value"] <= 0.05).equals(evidence["nll"] > evidence["threshold"])


def test_the_false_discovery_rate_holds_over_groups_and_outliers_are_found():
    rng, false, found = np.random.default_rng(2), [], []
    for seed in range(40):
        evidence, _ = decisions(*two_languages(rng, (400, 200), foreign=10), rule=Rule(0.1), seed=seed)
        flagged, foreign = evidence["flagged"] == 1, evidence["role"] == "foreign"
        false.append((flagged & ~foreign).sum() / max(1, flagged.sum()))
        found.append(flagged[foreign].mean())
    assert np.mean(false) <= 0.1 + 3 * np.std(false) / np.sqrt(40)
    assert np.mean(found) > 0.7


def test_a_group_with_too_few_calibration_units_is_named_with_the_number_that_would_do():
    scores, groups = two_languages(np.random.default_rng(3), (50, 12))
    evidence, problem = decisions(scores, groups)
    assert problem == "12 calibration units of group en are too few to flag anything in it; 19 would do"
    assert evidence["p_value"].isna().all()
    groups["items"][:3] = "fr"
    _, problem = decisions(*two_languages(np.random.default_rng(3), (50, 50))[:1], groups | {
        "calibration": np.repeat(["ko", "en"], 50)})
    assert problem == "0 calibration units of group fr are too few to flag anything in it; 19 would do"


def test_of_a_unit_one_item_counts_in_each_group_that_it_is_in():
    scores = {"calibration": np.r_[np.zeros(40), np.ones(40)], "items": np.array([0.5, 0.5])}
    units = {"calibration": np.tile(np.arange(20).astype(str), 4)}
    groups = {"calibration": np.repeat(["a", "b"], 40), "items": ["a", "b"]}
    evidence, _ = decisions(scores, groups, units=units)
    assert evidence["p_value"].to_numpy() == pytest.approx([1 / 21, 1.0])


def test_shares_are_told_of_every_group():
    scores, groups = two_languages(np.random.default_rng(4), foreign=20)
    evidence, _ = decisions(scores, groups)
    shares = Shares(evidence, None, 0.95, np.random.default_rng(0))
    told = list(shares.by_group("false_alarm_share", "items", "lower is better", grouped=True))
    assert [one.group for one in told] == [None, "en", "ko"]
    rows = evidence[(evidence["role"] == "items") & (evidence["group"] == "en")]
    assert (told[1].value, told[1].n) == (rows["value"].mean(), {"items": 100, "units": 100})
    assert told[1].where == {"role": "items", "group": "en"}
    assert told[1].low <= 0.05 <= told[1].high


# --- the rule


def test_p_values_that_hold_for_this_calibration_set_are_more_careful_and_take_more_units():
    scores = {"calibration": np.random.default_rng(5).normal(size=200), "items": np.linspace(-3, 4, 50)}
    marginal, careful = (decisions(scores, rule=Rule(confidence=one))[0] for one in (None, 0.9))
    assert (careful["p_value"] >= marginal["p_value"]).all()
    assert (careful["p_value"] <= 0.05).equals(careful["nll"] > careful["threshold"])
    by_hand = p_values(scores["calibration"], scores["items"], confidence=0.9)
    assert careful["p_value"].to_numpy() == pytest.approx(by_hand)
    _, problem = decisions({**scores, "calibration": scores["calibration"][:89]}, rule=Rule(confidence=0.9))
    assert problem == "89 calibration units are too few to flag anything; 90 would do"
    assert critical_score(np.arange(90.0), 0.05, 0.9) == 89


def test_where_many_are_foreign_an_estimated_share_flags_more():
    rng = np.random.default_rng(6)
    scores = {"calibration": rng.normal(size=200), "items": rng.normal(size=50), "foreign": rng.normal(2, 1, 150)}
    plain, adaptive = (decisions(scores, rule=Rule(0.1, adaptive=one))[0]["flagged"] for one in (False, True))
    assert (adaptive >= plain).all()
    assert adaptive.sum() > plain.sum()


# --- tails


@pytest.mark.parametrize(("shape", "draw"), [
    (0.0, lambda rng, n: rng.exponential(size=n)),
    (0.3, lambda rng, n: genpareto.rvs(0.3, size=n, random_state=rng)),
    (-0.3, lambda rng, n: genpareto.rvs(-0.3, size=n, random_state=rng)),
])
def test_the_threshold_of_a_known_tail(shape, draw):
    """What is above u of a generalised Pareto is one again, of the same shape: z_q = genpareto.isf(q) exactly."""
    rng, rate = np.random.default_rng(7), 1e-4
    truth = float(genpareto.isf(rate, shape))
    tails = [tail_of(draw(rng, 2000), rate, 0.9) for _ in range(25)]
    assert np.median([one.threshold for one in tails]) == pytest.approx(truth, rel=0.2)
    assert np.median([one.shape for one in tails]) == pytest.approx(shape, abs=0.15)
    covered = sum(one.low <= truth <= one.high for one in tails)
    assert binom.cdf(covered, 25, 0.85) > 0.001
    wide = tail_of(draw(np.random.default_rng(8), 40_000), rate, 0.9)
    assert wide.low <= truth <= wide.high
    assert wide.high - wide.low < np.median([one.high - one.low for one in tails]) / 2


def test_a_tail_fits_as_well_as_scipys_fit_of_the_excesses():
    """The best (threshold, shape) is the maximum of the likelihood, which scipy seeks in (shape, scale)."""
    known = np.random.default_rng(9).standard_t(4, 1500)
    tail = tail_of(known, 1e-4, 0.95)
    over = np.sort(known)[-tail.peaks :] - tail.start
    shape, _, scale = genpareto.fit(over, floc=0)
    assert tail.peaks == 30
    assert tail.threshold == pytest.approx(tail.start + genpareto.isf(1e-4 * 1500 / 30, shape, scale=scale), rel=0.02)


def test_scores_in_another_unit_have_the_threshold_in_that_unit():
    known = np.random.default_rng(10).exponential(size=500)
    one, other = tail_of(known, 1e-3, 0.95), tail_of(1000 * known - 7, 1e-3, 0.95)
    assert (other.threshold, other.low, other.high) == pytest.approx(
        tuple(1000 * end - 7 for end in (one.threshold, one.low, one.high)), rel=1e-4
    )


def test_a_tail_of_a_chi_square_like_a_gaussian_likelihoods():
    """No generalised Pareto, only near one; the interval of 20,000 familiar scores still holds the truth."""
    truth = float(chi2.isf(1e-4, 16))
    tail = tail_of(np.random.default_rng(11).chisquare(16, 20_000), 1e-4, 0.95)
    assert tail.low <= truth <= tail.high
    assert tail.high < 1.3 * truth


def test_what_has_no_tail_says_why():
    assert tail_of(np.arange(299.0), 1e-3, 0.95) == "299 calibration units are too few for a tail; 300 would do"
    assert tail_of(np.r_[np.arange(300.0), np.full(40, 300.0)], 1e-3, 0.95) == (
        "the greatest calibration scores are all alike"
    )
    assert "no rate of a tail" in tail_of(np.arange(300.0), 0.1, 0.95)
    assert needed_for_tail() == 300


def test_beyond_the_tail_lies_what_is_asked_for_and_hardly_anything_familiar():
    rng = np.random.default_rng(12)
    scores = {"calibration": rng.exponential(size=2000), "items": rng.exponential(size=400),
              "foreign": rng.exponential(size=100) + 30}  # fmt: skip
    evidence, _ = decisions(scores)
    shares = Shares(evidence, None, 0.95, rng)
    threshold, found = shares.beyond_tail(scores["calibration"], 1e-4, "nll", None)
    assert threshold.low <= -np.log(1e-4) <= threshold.high
    assert (threshold.guarantee, found.value) == ("approximate", 1.0)
    assert evidence.loc[evidence["role"] == "items", "beyond_tail"].mean() < 0.01
    assert "model of the tail" in threshold.method


def test_flags_are_those_of_the_step_up_of_scipy():
    scores = {"calibration": np.arange(199.0), "items": np.arange(0, 200.0, 10), "foreign": np.full(20, 500.0)}
    evidence, _ = decisions(scores)
    assert (evidence["flagged"] == 1).tolist() == (false_discovery_control(evidence["p_value"]) <= 0.1).tolist()
