"""Decisions where elements hang together: units in order of time, windows of items, a threshold that follows."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import genpareto

from detectors.elements import window_means, windowed_maximum
from detectors.novelty.decisions import Rule
from detectors.novelty.serial_dependence import alike_neighbours, correlation_time, in_order_remark
from detectors.novelty.shares import Shares
from detectors.novelty.streams import stream_alarms
from detectors.novelty.windows import windows_decided


def autoregressive(rng, coefficient, steps):
    """AR(1) of variance 1, at home in its distribution from the first step on."""
    noise = rng.normal(size=steps) * np.sqrt(1 - coefficient**2)
    noise[0] = rng.normal()
    return lfilter([1], [1, -coefficient], noise)


# --- in the order of time


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
def test_the_correlation_time_is_that_of_the_process(coefficient):
    found = correlation_time(autoregressive(np.random.default_rng(0), coefficient, 50_000))
    assert found == pytest.approx((1 + coefficient) / (1 - coefficient), rel=0.15)


def test_what_never_varies_or_swings_back_has_a_correlation_time_of_one():
    assert correlation_time(np.ones(50)) == 1
    assert correlation_time(autoregressive(np.random.default_rng(0), -0.8, 5000)) == 1


@pytest.mark.parametrize(("coefficient", "said"), [(0.0, (0.0, 0.03)), (0.4, (0.9, 1.0))])
def test_units_in_order_are_called_alike_where_they_are_and_once_in_a_hundred_where_not(coefficient, said):
    """500 times 120 units; standard error of 0.01 is 0.0045."""
    rng = np.random.default_rng(1)
    rates = [alike_neighbours(np.exp(autoregressive(rng, coefficient, 120))) > 2.326 for _ in range(500)]
    assert said[0] <= np.mean(rates) <= said[1]


def test_alike_neighbours_by_hand():
    """Ranks 1 to 10 in order: sum of squared steps 9, spread 82.5, variance 4 * 8 * 471 / (50 * 11 * 81)."""
    assert alike_neighbours(np.arange(10.0) ** 3) == pytest.approx((2 - 9 / 82.5) / np.sqrt(15072 / 44550))
    assert alike_neighbours(np.arange(9.0)) == alike_neighbours(np.ones(50)) == 0


def test_what_calibrates_is_worth_so_much_less_as_its_units_hang_together():
    rng = np.random.default_rng(2)
    scores = pd.Series(autoregressive(rng, 0.8, 4000))
    frame = pd.DataFrame({"series": "x"}, scores.index)
    found = in_order_remark(frame, scores)
    assert found.key == "hang_together"
    assert found.values["known_count"] == 4000
    assert found.values["worth_count"] == pytest.approx(4000 / 9, rel=0.2)  # (1 + 0.8) / (1 - 0.8)
    assert in_order_remark(frame, scores.sample(frac=1, random_state=3)) is None
    assert in_order_remark(frame.assign(unit=np.arange(4000) // 100), scores) is None


# --- windows of items


def items(rng, count, moved=0.0, prefix="k"):
    """Surprise of 60 elements that hang together; of some, 8 in a row are moved."""
    traces = [-autoregressive(rng, 0.9, 60) for _ in range(count)]
    for trace in traces:
        first = rng.integers(0, 52)
        trace[first : first + 8] -= moved
        trace[0] = np.nan
    return pd.DataFrame({"text": "x", "trace": traces}, index=[f"{prefix}{n}" for n in range(count)])


def decided_windows(rng, moved, known=199, judged=100):
    frames = {"calibration": items(rng, known), "items": items(rng, judged, 0.0, "i"),
              "foreign": items(rng, judged, moved, "f")}  # fmt: skip
    told = pd.concat([frames[role][["text"]].assign(role=role) for role in ("foreign", "items")])
    strangest = pd.Series(windowed_maximum(frames["calibration"]["trace"]), frames["calibration"].index)
    return frames, told, strangest, windows_decided(frames, told, strangest, Rule(0.9), rng)


def test_windows_have_a_level_for_the_whole_item_and_find_what_is_strange_in_one_place():
    rng = np.random.default_rng(3)
    rates, single = [], []
    for _ in range(6):
        frames, told, _, (found, problem) = decided_windows(rng, 5.0)
        assert problem is None
        familiar = found[told["role"] == "items"]
        rates.append(familiar["window_flagged"].mean())
        cut = np.quantile(np.concatenate([window_means(one) for one in frames["calibration"]["trace"]]), 0.95)
        single.append(np.mean([window_means(one).max() > cut for one in frames["items"]["trace"]]))
        assert found.loc[told["role"] == "foreign", "window_flagged"].mean() > 0.9
    assert 0.02 < np.mean(rates) < 0.08
    assert np.mean(single) > 0.15  # what p-values of single windows would accuse


def test_the_least_p_of_an_items_windows_is_that_of_its_strangest_and_stands_where_it_is():
    frames, told, strangest, (found, _) = decided_windows(np.random.default_rng(4), 30.0, judged=5)
    for item, row in found.iterrows():
        trace = frames[told.at[item, "role"]].at[item, "trace"]
        means = window_means(trace)
        assert row["window_p"] == pytest.approx((1 + (strangest >= means.max()).sum()) / 200)
        assert row["window_first"] == 1 + means.argmax()  # the first is not scored
        assert row["window_share"] == pytest.approx((means > row["window_threshold"]).mean())
    assert (found.loc[told["role"] == "foreign", "window_share"] < 0.5).all()


def test_too_few_calibration_items_decide_no_window_and_say_so():
    _, _, _, (found, problem) = decided_windows(np.random.default_rng(5), 5.0, known=10, judged=3)
    assert found.isna().all(axis=None)
    assert problem == "10 calibration units are too few to flag anything; 19 would do"


# --- a threshold that follows


@pytest.mark.parametrize(("coefficient", "heavy"), [(0.0, False), (0.9, False), (0.0, True)])
def test_a_followed_threshold_sounds_false_alarms_at_the_stated_rate(coefficient, heavy):
    """Of 8 streams; the mean of 30 longer ones lies at 1.2 of the rate, standard error 0.2 where steps hang together.
    """
    rng, rates = np.random.default_rng(6), []
    for _ in range(8):
        x = autoregressive(rng, coefficient, 6000)
        x = np.sign(x) * x**2 if heavy else x
        rates.append(stream_alarms(x[:2000], x[2000:], 0.005).alarms.mean())
    assert 0.6 < np.mean(rates) / 0.005 < 1.6


def test_the_threshold_is_that_of_a_known_tail_and_comes_nearer():
    rng = np.random.default_rng(7)
    x = genpareto.rvs(0.2, size=15_000, random_state=rng)
    found = stream_alarms(x[:2000], x[2000:], 1e-3)
    truth = genpareto.isf(1e-3, 0.2)
    assert found.thresholds[-1] == pytest.approx(truth, rel=0.15)
    assert found.thresholds[0] > 0.7 * truth
    assert found.peaks > 200


def test_bursts_are_alarms_and_do_not_raise_the_threshold():
    rng = np.random.default_rng(8)
    x = rng.normal(size=5000)
    quiet = stream_alarms(x[:2000], x[2000:], 1e-3)
    x[3000:3200] += 12
    found = stream_alarms(x[:2000], x[2000:], 1e-3)
    assert found.alarms[1000:1200].all()
    assert found.thresholds[-1] == pytest.approx(quiet.thresholds[-1], rel=0.15)


def test_what_drifts_takes_its_local_mean_off():
    """A source that sinks by 20: a jump of 10 stays below what was usual once, and far above the 50 steps before it."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=4000) - np.linspace(0, 20, 4000)
    x[3500] += 10
    plain, less = (stream_alarms(x[:1000], x[1000:], 1e-3, drift=drift) for drift in (0, 50))
    assert not plain.alarms[2500]
    assert less.alarms[2500]
    assert less.alarms.mean() < 0.004


def test_without_a_mean_taken_off_and_with_that_of_nothing_that_drifts_thresholds_agree():
    x = np.random.default_rng(10).normal(size=4000)
    plain, less = (stream_alarms(x[:2000], x[2000:], 1e-3, drift=drift) for drift in (0, 500))
    assert less.thresholds[-1] == pytest.approx(plain.thresholds[-1], rel=0.1)


def test_what_has_no_followed_threshold_says_why():
    assert stream_alarms(np.arange(310.0), [1.0], 1e-3, drift=20) == (
        "310 calibration steps are too few for a tail; 320 would do"
    )
    assert "no rate of a tail" in stream_alarms(np.arange(300.0), [1.0], 0.1)
    assert "all alike" in stream_alarms(np.ones(300), [1.0], 1e-3)
    with pytest.raises(ValueError, match="not finite"):
        stream_alarms(np.arange(300.0), [np.inf], 1e-3)


def test_streams_of_series_are_told_by_series_and_by_step():
    """Foreign series 0 and 1 jump where they are marked, 2 where it is not; the first step is never scored."""
    rng = np.random.default_rng(11)
    frames = {}
    for role, count in (("calibration", 40), ("items", 20), ("foreign", 3)):
        traces = -rng.normal(size=(count, 25))
        marks = np.zeros((count, 25), dtype=int)
        if role == "foreign":
            traces[:, 10] -= 20
            marks[:2, 10], marks[2, 5] = 1, 1
        traces[:, 0] = np.nan
        index = [f"{role}{n}" for n in range(count)]
        frames[role] = pd.DataFrame({"series": list(traces), "trace": list(traces), "strange": list(marks)}, index)
    told = pd.concat([frames[role][["series"]].assign(role=role) for role in ("foreign", "items")])
    shares = Shares(told, None, 0.95, rng)
    flagged, false = shares.stream(frames, 1e-3, 0)
    assert (flagged.name, flagged.value) == ("stream_flagged_share", pytest.approx(2 / 3))
    assert false.name == "stream_false_alarm_share"
    assert false.low <= 1e-3 <= false.high
    assert told.loc["foreign0", "stream_alarms"] == pytest.approx(1 / 24, abs=0.05)
    assert told.loc["foreign2", ["stream_place", "stream_alarms"]].tolist() == pytest.approx([2, 1 / 24], abs=0.05)
    peaks = -np.stack(frames["foreign"]["trace"])[:, 10]
    assert told.loc[["foreign0", "foreign1", "foreign2"], "stream_peak"].tolist() == pytest.approx(peaks)
    assert ((told["stream_peak"] > told["stream_threshold"]) == (told["stream_alarms"] > 0)).all()
    few = list(Shares(told, None, 0.95, rng).stream({**frames, "calibration": frames["calibration"][:5]}, 1e-3, 0))
    assert {one.undefined for one in few} == {"120 calibration steps are too few for a tail; 300 would do"}
