"""Every score as a reduction of what is stored: hand computations, one direction, and what is told beside a choice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.stats import norm

from audit.probes.novelty.trials import cells_of
from detectors.conformal import p_values
from detectors.elements import curvature, min_k_plus_plus, windowed_maximum
from detectors.health import ties_problem
from detectors.intervals import auroc
from detectors.novelty.blindspots import ARRAY_KINDS, blind_spots
from detectors.novelty.catalogue import SCORES, columns_of, effective_samples
from detectors.novelty.familiarity import likelihood_novelty
from detectors.novelty.likelihood import bias_corrected, typicality, waic
from detectors.novelty.rarity import (
    dose,
    either_tail,
    fishers_method,
    gaussian_surprise,
    mean_z,
    score_statistic,
    tail_surprise,
)
from detectors.novelty.recorded import RECORDS, Recorded, price

NAN = float("nan")


def recorded(levels, of=None, **cells):
    """What is stored of items so strange; the first half are those that scores are fitted on."""
    levels = np.asarray(levels, dtype=float)
    of = np.repeat(["fit", "items"], len(levels) // 2) if of is None else of
    told = {column: cells_of(column, levels) for column in RECORDS} | {"element_log_prob": [[0.0] * 4] * len(levels)}
    told |= cells
    items = np.arange(len(levels) * 4).reshape(-1, 4)
    return Recorded(of, items, told, np.zeros(len(levels)), levels / np.log(16))


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_elements_by_hand():
    traces, entropies, variances = [[-1.0, -5.0, NAN, -2.0]], [[1.0, 1.0, NAN, 2.0]], [[1.0, 4.0, NAN, 1.0]]
    # (l - m) / sqrt(v): 0, -2, 0; the least third is one element
    assert min_k_plus_plus(traces, entropies, variances, share=0.3).tolist() == [2.0]
    assert curvature(traces, entropies, variances) == pytest.approx([-4 / np.sqrt(6)])
    assert windowed_maximum(traces, window=2).tolist() == [3.5]
    assert windowed_maximum([[-1.0], [NAN]], window=2)[0] == 1.0
    assert np.isnan(windowed_maximum([[NAN]])).all()
    nothing = [[NAN], []]
    assert np.isnan(curvature(nothing, nothing, nothing)).all(), "0 would be what the model expects"
    assert np.isfinite(min_k_plus_plus([[0.0]], [[0.0]], [[0.0]])).all()  # an element that is certain


def test_the_density_of_statistics_is_the_sum_of_kernel_densities():
    rng = np.random.default_rng(0)
    known, new = rng.normal(size=(2, 30)), rng.normal(size=(2, 5))
    by_hand = np.zeros(5)
    for k, x in zip(known, new, strict=True):
        spread = min(k.std(ddof=1), np.subtract(*np.quantile(k, [0.75, 0.25])) / 1.34)
        by_hand -= np.log(norm.pdf(x[:, None], k, 0.9 * spread * 30**-0.2).mean(1))
    assert dose(list(zip(known, new, strict=True))) == pytest.approx(by_hand)
    still = (np.ones(30), np.ones(5))  # tells nothing
    assert dose([still, (known[0], new[0])]) == pytest.approx(typicality(known[0], new[0]))
    assert np.isnan(dose([still])).all()


def test_gaussian_surprise_and_mean_z_by_hand():
    rng = np.random.default_rng(0)
    known = rng.multivariate_normal([1, 2], [[2, 1], [1, 3]], 20000)
    new = np.array([[1.0, 2.0], [4.0, 2.0], [1.0, -3.0]])
    inverse = np.linalg.inv([[2, 1], [1, 3]])
    truth = [mahalanobis(one, [1, 2], inverse) ** 2 / 2 for one in new]
    assert gaussian_surprise(known, new) == pytest.approx(truth, abs=0.1)
    two = np.array([[0.0, 10.0], [2.0, 30.0]])  # means 1 and 20, spreads 1 and 10
    assert mean_z(two, np.array([[3.0, 20.0]])).tolist() == [1.0]


def test_importance_weights_by_hand():
    weights = np.log([[1.0, 1.0, 1.0, 1.0], [1.0, 1e-9, 1e-9, 1e-9], [3.0, 1.0, 1e-12, 1e-12]])
    assert effective_samples(weights) == pytest.approx([4, 1, 16 / 10])
    seen = recorded([0.0] * 4, log_weights=[[np.log(3.0), np.log(1.0)]] * 4)
    assert SCORES["iwae"].run(seen) == pytest.approx(-np.log(2.0) / (4 * np.log(2)))


def test_waic_by_hand():
    """Means -2 and -6, variances 2 and 8."""
    assert waic([[-1.0, -3.0], [-4.0, -8.0]]).tolist() == [4.0, 14.0]
    seen = recorded([1.0, 2.0, 3.0, 4.0], log_prob=[-1.0] * 4, ensemble_log_prob=[[-3.0]] * 4)
    assert SCORES["waic"].run(seen).tolist() == [4.0] * 4


def test_tails_are_those_of_a_smoothed_sample():
    known, new = np.array([0.0, 1.0, 2.0, 5.0]), np.array([-9.0, 1.5, 60.0])
    width = 0.9 * min(known.std(ddof=1), np.subtract(*np.quantile(known, [0.75, 0.25])) / 1.34) * 4**-0.2
    by_hand = [-np.log(norm.sf((x - known) / width).mean()) for x in new[:2]]
    found = tail_surprise(known, new)
    assert found[:2] == pytest.approx(by_hand)
    assert np.isfinite(found[2])
    assert found[2] > found[1]
    # of a normal sample the p-values of its own kind are uniform: their -log has mean 1 and variance 1
    rng = np.random.default_rng(0)
    many = tail_surprise(rng.normal(size=2000), rng.normal(size=2000))
    assert (many.mean(), many.var()) == pytest.approx((1, 1), abs=0.12)


def test_tests_are_combined_by_their_sum_or_their_greatest():
    known, new = np.random.default_rng(0).normal(size=(2, 30)), np.array([[0.0, 2.0], [1.0, -1.0]])
    pairs = list(zip(known, new, strict=True))
    tails = np.stack([tail_surprise(*pair) for pair in pairs])
    still = (np.ones(30), np.ones(2))
    assert fishers_method([*pairs, still]) == pytest.approx(tails.sum(0))
    assert either_tail([still, *pairs]) == pytest.approx(tails.max(0))
    assert np.isnan([fishers_method([still]), either_tail([still])]).all()


def test_the_score_statistic_of_a_gaussian_mean_is_chi_squared():
    """g = x - mean for unit variance, so g^2 / F = (x - mean)^2, of mean 1; a tensor that no gradient reaches is 0."""
    x = np.random.default_rng(0).normal(size=4000)
    norms = np.stack([7 * x**2, np.zeros(4000)], axis=1)
    assert score_statistic(norms, norms) == pytest.approx(x**2, rel=0.08)
    levels = np.r_[np.random.default_rng(1).normal(100, 5, 40), np.full(20, 100.0)]
    told = [[1.0 + at] for at in np.r_[np.random.default_rng(2).normal(5, 1, 40), np.linspace(6, 30, 20)]]
    seen = recorded(levels, np.array(["fit"] * 40 + ["items"] * 20), gradient_norms=told)
    assert (np.diff(SCORES["combined_tests"].run(seen)[40:]) > 0).all()


def test_few_dimensions_make_a_likely_item_strange():
    levels, told = np.full(60, 100.0), np.random.default_rng(2).normal(5, 1, 60)
    levels[:40], told[40:] = np.random.default_rng(1).normal(100, 5, 40), np.linspace(4, -9, 20)
    seen = recorded(levels, np.array(["fit"] * 40 + ["items"] * 20), intrinsic_dimension=told)
    assert (np.diff(SCORES["likelihood_and_dimension"].run(seen)[40:]) > 0).all()


def test_bits_of_a_text_are_per_byte_that_its_model_scores():
    """Of a text all bytes, where models do not tell which they score."""
    texts, nats = ["하늘", "aa" * 50], np.log(2) * np.array([8.0, 100.0])
    cells = {"log_prob": -nats, "background_log_prob": -nats / 2}
    of, code, nothing = np.array(["items"] * 2), np.array([4.0, 50.0]), np.zeros(2)
    told = {**cells, "scored_bytes": [4, 50], "background_scored_bytes": [2, 100]}
    plain, spelled = (Recorded(of, texts, some, code, nothing) for some in (cells, told))
    assert SCORES["log_prob"].run(plain) == pytest.approx([8 / 6, 1.0])
    assert SCORES["log_prob"].run(spelled) == pytest.approx([2.0, 2.0])
    assert SCORES["reference_ratio"].run(plain) == pytest.approx([4 / 6, 0.5])
    assert SCORES["reference_ratio"].run(spelled) == pytest.approx([2 - 4 / 2, 2 - 50 / 100])
    assert SCORES["zlib_ratio"].run(plain) == pytest.approx([2.0, 2.0])
    assert SCORES["zlib_ratio"].run(Recorded(of, texts, cells, nothing, nothing)) == pytest.approx([8.0, 100.0])


def test_what_the_values_of_pixels_cost_anyway_is_taken_off_by_hand():
    """Of the familiar, 0 has a mean probability of (1/2 + (1/4 + 1/8) / 2) / 2, and 4 has 1/8; 1 lies between them."""
    items = np.array([[[0, 4]], [[0, 0]], [[0, 1]], [[4, 4]], [[9, -3]]])
    shares = np.array([[1 / 2, 1 / 8], [1 / 4, 1 / 8], [1 / 64, 1 / 64], [1.0, 1.0], [1.0, 1.0]])
    zero, four = np.log((1 / 2 + (1 / 4 + 1 / 8) / 2) / 2), np.log(1 / 8)
    nats = np.array([-3.0, -2.0, -7.0, -1.0, -1.0])
    usual = np.array([zero + four, 2 * zero, zero + 0.75 * zero + 0.25 * four, 2 * four, zero + four])
    fit = np.array([True, True, False, False, False])
    assert bias_corrected(nats, np.log(shares), items, fit) == pytest.approx((usual - nats) / (2 * np.log(2)))


def test_values_are_corrected_channel_by_channel_and_many_of_them_in_256_steps():
    rng = np.random.default_rng(0)
    items, nats = rng.random((30, 2, 9, 9)), -rng.exponential(size=(30, 162))
    fit = np.arange(30) < 20
    whole = bias_corrected(nats.sum(1), nats, items, fit)
    halves = [
        bias_corrected(part.sum(1), part, items[:, k], fit)
        for k, part in enumerate((nats[:, :81], nats[:, 81:]))
    ]
    assert whole == pytest.approx(np.mean(halves, 0))
    levels = np.rint(items[:, 0] * 255)
    assert np.abs(bias_corrected(nats.sum(1), nats[:, :81], items[:, 0], fit)
                  - bias_corrected(nats.sum(1), nats[:, :81], levels, fit)).max() < 0.3
    far = np.where(fit[:, None], nats, nats - 900)  # of which no probability is a float
    assert np.isfinite(bias_corrected(far.sum(1), far, items, ~fit)).all()


def test_bias_correction_undoes_what_a_decoder_pays_for_a_grey_level():
    """Grey costs more than black and white whatever the image; foreign images have none, and cost more than theirs."""
    rng = np.random.default_rng(0)
    costs = np.array([0.1, 1.0, 3.0, 1.0, 0.1])  # nats of the ends of the scale and its middle
    familiar = rng.choice(5, (400, 16), p=[0.4, 0.1, 0.1, 0.1, 0.3])
    odd = np.where(rng.random((200, 16)) < 0.5, 0, 4)
    items = np.concatenate([familiar, odd])
    nats = -costs[items] - np.where(np.arange(600) < 400, 0.0, 0.1)[:, None]
    fit = np.arange(600) < 200
    corrected, raw = bias_corrected(nats.sum(1), nats, items, fit), -nats.sum(1)
    assert auroc(raw[200:400], raw[400:])[0] < 0.1
    assert auroc(corrected[200:400], corrected[400:])[0] > 0.99


def test_prices_add_up_and_a_question_is_asked_once():
    assert price(["trace", "entropies", "log_prob"]) == (2, 0)
    assert price(["reconstruction", "kl"]) == price(["kl"])
    assert price(["log_prob", "background_log_prob"]) == (2, 0)
    assert price(["log_prob", "ensemble_log_prob"], members=4) == (5, 0)
    assert price(["gradient_norms"]) == (1, 1)
    assert columns_of(["iwae", "kl", "isolation_forest"]) == ["log_prob", "log_weights", "kl"]
    assert {column for score in SCORES.values() for column in score.of} <= set(RECORDS)


# --- laws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
def test_higher_is_more_outlying(score):
    """What is recorded of ever stranger items makes the score rise; a two-sided one with the distance from familiar."""
    familiar = np.random.default_rng(0).normal(100, 5, 60)
    rising = np.linspace(102, 160, 20)
    of = np.array(["fit"] * 60 + ["items"] * 20)
    found = SCORES[score].run(recorded(np.r_[familiar, rising], of))[60:]
    assert np.all(np.diff(found) > 0)
    if SCORES[score].two_sided:
        low = SCORES[score].run(recorded(np.r_[familiar, 200 - rising], of))[60:]
        assert np.all(np.diff(low) > 0)


@pytest.mark.parametrize("score", SCORES)
def test_an_items_score_does_not_depend_on_what_is_judged_beside_it(score):
    """Batch, order and size of the other sets play no part; only `fit` does."""
    levels = np.random.default_rng(0).normal(100, 5, 40)
    of = np.repeat(["fit", "items"], 20)
    whole = SCORES[score].run(recorded(levels, of))
    part = SCORES[score].run(recorded(np.r_[levels[:20], levels[25:30][::-1]], np.r_[of[:20], of[25:30]]))
    assert part[20:] == pytest.approx(whole[25:30][::-1])


# --- what is told beside ---------------------------------------------------------------------------------------------

MEANS = {"": 100.0, "foreign": 120.0, "constant": 90.0, "noise": 160.0, "half_noise": 130.0}


def observed(seed=0, size=60, own=None, **columns):
    """Frames of three roles and foreign items; columns: name -> mean of each set in place of the usual ones."""
    rng = np.random.default_rng(seed)
    frames = {}
    for role in ("items", "fit", "calibration", "foreign"):
        told = {"series": list(rng.normal(size=(size, 6)))}
        for suffix in ["", *(f"_{kind}" for kind in ARRAY_KINDS)] if role == "items" else [""]:
            name = "foreign" if role == "foreign" else suffix.removeprefix("_")
            for column, means in {"log_prob": own or {}, **columns}.items():
                told[column + suffix] = cells_of(column, rng.normal((MEANS | means).get(name, 110.0), 10.0, size))
        frames[role] = pd.DataFrame(told, index=pd.Index([f"{role}-{i}" for i in range(size)], name="id"))
    return frames


def judged(frames, level=0.95, **options):
    return likelihood_novelty(frames, level=level, rng=np.random.default_rng(0), **options)


def test_the_chosen_score_stands_beside_the_models_own_and_knn():
    result = judged(observed(kl={"foreign": 105.0, "constant": 140.0}), score="kl", beside=("dose",))
    table = result.table.set_index(["about", "score"])
    assert result.headline.value == pytest.approx(table.loc[("foreign", "kl"), "auroc"])
    told = {one.key: one.values for one in result.remarks}
    side = told["side_by_side"]
    assert (side["score"], side["other"], side["bar"]) == ("kl", "nll", "knn5")
    assert side["other_auroc"] == pytest.approx(table.loc[("foreign", "nll"), "auroc"])
    worse = told["worse_than_raw"]
    assert worse["about"] == "foreign"
    assert worse["gap_high"] < 0
    assert table.loc[("foreign", "kl"), "gap"] == pytest.approx(side["score_auroc"] - side["other_auroc"])
    assert table.loc[("constant", "kl"), "gap_low"] > 0  # where it repairs the model's own
    assert np.isnan(table.loc[("foreign", "nll"), "gap"])
    assert table.loc[("foreign", "kl"), ["calls", "gradients"]].tolist() == [65, 0]
    assert table.loc[("foreign", "dose"), "calls"] == 66  # of all that is stored
    assert table.loc[("foreign", "knn5"), "calls"] == 0


@pytest.mark.parametrize(("size", "bar"), [(3, "mixture"), (1, None)])
def test_a_bar_that_cannot_be_trusted_is_replaced_or_left_out(size, bar):
    """Of so few letters in a row there are fewer distances than a score needs to differ."""
    frames = observed(kl={})
    for frame in frames.values():
        frame["series"] = list(np.random.default_rng(1).integers(0, 2, (len(frame), size)))
    result = judged(frames, score="kl")
    assert "distinct" in str(result.measure("auroc", "knn5").undefined)
    assert result.headline.value is not None
    assert [one.values["bar"] for one in result.remarks if one.key == "side_by_side"] == [bar] * (bar is not None)


def test_without_a_choice_nothing_more_is_told():
    result = judged(observed())
    told = ["about", "score", "auroc", "low", "high", "gap", "gap_low", "gap_high", "near_share"]
    assert list(result.table.columns) == told
    more = {"side_by_side", "worse_than_raw", "flat_score", "effective_samples"}
    assert not more & {one.key for one in result.remarks}


def turned(column, frames):
    return {
        role: frame.assign(**{name: -frame[name] for name in frame if name.startswith(column)})
        for role, frame in frames.items()
    }


FAULTS = {
    "upside down": (lambda frames: turned("kl", frames), "falls as noise is added"),
    "constant": (lambda frames: {r: f.assign(**{c: 1.0 for c in f if c.startswith("kl")}) for r, f in frames.items()},
                 "only 1 distinct score"),
    "not a number": (lambda frames: {**frames, "foreign": frames["foreign"].assign(kl=NAN)}, "not finite numbers"),
    "tied": (lambda frames: {r: f.assign(**{c: f[c].clip(lower=115.0) for c in f if c.startswith("kl")})
                             for r, f in frames.items()}, "items have the same score"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_degenerate_score_has_no_value_but_a_reason(fault):
    make, reason = FAULTS[fault]
    result = judged(make(observed(kl={"half_noise": 140.0})), score="kl")
    assert result.headline.value is None
    assert reason in result.headline.undefined
    assert result.measure("auroc", "nll").low > 0.5  # the model's own still stands
    beside = judged(make(observed(kl={"half_noise": 140.0})), beside=("kl",))
    assert beside.headline.low > 0.5
    told = [one.key for one in beside.remarks if one.values.get("score") == "kl"]
    assert told == ["flat_score"] if fault == "upside down" else beside.measure("auroc", "kl").undefined


def test_what_rests_on_a_dead_likelihood_is_dead_too():
    frames = turned("log_prob", observed(kl={}))
    for score in ("input_complexity", "dose", "typicality"):
        result = judged(frames, score=score)
        assert "falls as noise is added" in result.headline.undefined
    assert judged(frames, score="kl").headline.value is not None


def test_ties():
    assert str(ties_problem([1.0, 1.0, 1.0, 2.0])) == "3 of 4 items have the same score"
    assert ties_problem([1.0, 1.0, 2.0, 3.0]) is None
    assert ties_problem([1.0, 1.0]) is None  # too few scores is another fault


# --- power and size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", ["dose", "multi_reconstruction"])
def test_familiar_items_are_not_accused_and_strange_ones_are_found(score):
    """Eight draws of a score fitted on 60 items: the level holds where nothing is foreign, and a shift is seen."""
    column = SCORES[score].of[:1]
    alarms, covered = [], []
    for seed in range(8):
        same = {name: {"foreign": 100.0} for name in ("own", *column)}
        result = judged(observed(seed, **same), score=score)
        alarms.append(result.measure("false_alarm_share").value)
        covered.append(result.headline.low <= 0.5 <= result.headline.high)
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / (8 * 60))
    assert sum(covered) >= 7
    moved = {name: {"foreign": 160.0} for name in ("own", *column)}
    assert judged(observed(**moved), score=score).headline.low > 0.8


@pytest.mark.parametrize("score", SCORES)
def test_decisions_by_any_score_hold_their_level_and_find(score):
    """Fitted on 30 items, calibrated on 60 others; twelve draws, whose calibration sets vary the share of alarms."""
    of = np.repeat(["fit", "calibration", "items", "foreign"], [30, 60, 60, 60])
    shares = []
    for seed in range(12):
        levels = np.random.default_rng(seed).normal(100, 10, len(of))
        levels[of == "foreign"] += 60
        found = SCORES[score].run(recorded(levels, of))
        known = found[of == "calibration"]
        p = {role: p_values(known, found[of == role], alpha=0.05) for role in ("items", "foreign")}
        shares.append([(one <= 0.05).mean() for one in p.values()])
    alarms, hits = np.array(shares).T
    assert alarms.mean() < 0.05 + 3 * alarms.std(ddof=1) / np.sqrt(len(alarms))
    assert hits.mean() > 0.95


# --- blurred ---------------------------------------------------------------------------------------------------------


def test_blurred_items_are_means_of_neighbours():
    image = np.zeros((1, 4, 4), dtype=np.int64)
    image[0, 1, 1] = 9
    made = blind_spots(["a"], image, None, blurred=True)["blurred"][0]
    assert made.dtype == np.int64
    assert made.tolist() == [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
    series = blind_spots(["a"], np.array([[0.0, 3.0, 0.0]]), None, blurred=True)["blurred"]
    assert series.tolist() == [[1.0, 1.0, 1.0]]
    assert "blurred" not in blind_spots(["a"], image, None)
    usual, more = (blind_spots(["a"], image, None, blurred=how) for how in (False, True))
    assert all(np.array_equal(usual[kind], more[kind]) for kind in usual)
