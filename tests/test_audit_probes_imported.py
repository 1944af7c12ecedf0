"""The probe `imported.scores`: hand-worked numbers, coverage, power, refusals, whole audits, two logs compared."""

import numpy as np
import pandas as pd
import pytest
from logs_of_tools import lm_eval, table
from scipy.stats import beta

from audit import run
from audit.compare import compare_audits
from audit.errors import UsageError
from audit.importers.source import Imported
from audit.probes.imported.scores import ImportedScores
from detectors.imported.scores import imported_scores
from detectors.intervals import mean_over_units
from reports.text import Notation, words_of


def logged(score, **columns):
    rows = pd.DataFrame({"score": np.asarray(score, float), "direction": "higher", "binary": "1", **columns})
    rows["status"] = np.where(rows["score"].isna(), "error", "scored")
    rows.index = pd.Index([f"i{place}" for place in range(len(rows))], name="id")
    return rows


def judged(score, level=0.95, seed=0, **columns):
    return imported_scores(logged(score, **columns), level=level, rng=np.random.default_rng(seed))


def headline(score, seed, unit=None, binary="1"):
    """What computes the mean score and its ends, asked without a frame, which takes nine tenths of the time."""
    units = np.arange(len(score)) if unit is None else unit
    rng = np.random.default_rng(seed)
    return mean_over_units(score, units.astype(str), level=0.95, rng=rng, binary=binary == "1")


@pytest.mark.parametrize("binary", ["1", None])
def test_the_headline_alone_is_that_of_all_measures(binary):
    score, unit = np.tile([1, 0, np.nan, 1], 9), np.r_[:30, :6]
    for units in (unit, None):
        alone = headline(score, 3, units, binary)
        found = judged(score, seed=3, binary=binary, **({} if units is None else {"unit": units})).headline
        assert (found.value, found.low, found.high) == (alone.value, alone.low, alone.high)
        assert found.missing == alone.missing == 9


def keys(result):
    return [one.key for one in result.remarks]


def test_the_mean_of_a_rate_has_the_exact_binomial_interval():
    mean = judged([1] * 37 + [0] * 13).headline
    assert (mean.name, mean.value, mean.n) == ("mean_score", 0.74, {"items": 50, "units": 50})
    assert mean.low == pytest.approx(beta.ppf(0.025, 37, 14), abs=1e-9)
    assert mean.high == pytest.approx(beta.ppf(0.975, 38, 13), abs=1e-9)


def test_an_error_is_neither_good_nor_bad_and_is_counted_both_ways():
    """Of 50 answers 30 are good, 10 bad, 10 lost: ends are those of 30 and of 40 good ones of 50."""
    result = judged([1] * 30 + [0] * 10 + [np.nan] * 10)
    mean = result.headline
    assert (mean.value, mean.missing) == (0.75, 10)
    assert mean.low == pytest.approx(beta.ppf(0.025, 30, 21), abs=1e-9)
    assert mean.high == pytest.approx(beta.ppf(0.975, 41, 10), abs=1e-9)
    assert result.measure("no_score_share").value == pytest.approx(0.2)
    told = next(one.values for one in result.remarks if one.key == "no_score")
    assert (told["least"], told["most"], told["error_count"]) == (pytest.approx(0.6), pytest.approx(0.8), 10.0)


def test_repeats_of_an_item_are_one_unit():
    """Three items, one asked eight times: (1 + 0 + 0) / 3, whatever the number of answers."""
    result = judged([1] * 8 + [0, 0], unit=["a"] * 8 + ["b", "c"])
    assert result.headline.value == pytest.approx(1 / 3)
    assert result.headline.n == {"items": 10, "units": 3}


def test_means_of_groups_stand_beside_the_whole():
    result = judged([1, 1, 0, 0, 0, 1], group=["x", "x", "x", "y", "y", "y"])
    means = [result.measure("mean_score", name).value for name in ("x", "y")]
    assert means == [pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert result.headline.value == 0.5


def test_without_a_direction_the_mean_stands_there_and_decides_nothing():
    result = judged([1, 0] * 20, direction=None)
    assert (result.headline.value, result.headline.low, result.headline.direction) == (0.5, None, "neither")
    assert keys(result) == ["direction_untold"]


def test_a_threshold_that_the_log_does_not_state_is_told():
    result = judged([1, 0] * 20, direction="lower", assumed_threshold="0.5")
    assert [(one.key, one.values) for one in result.remarks] == [("threshold_assumed", {"threshold": 0.5})]
    told = [Notation(words_of(lang)).remark({"key": "threshold_assumed", "threshold": 0.5}) for lang in ("en", "ko")]
    assert all("0.5" in one for one in told), told


@pytest.mark.parametrize(
    ("stated", "count", "sound"), [(0.6, 10, True), (0.6 + 1e-8, 10, False), (0.6 - 1e-10, 10, True), (0.6, 12, False)]
)
def test_a_mean_of_the_tool_that_does_not_follow_from_its_items_leaves_no_interval(stated, count, sound):
    result = judged([1] * 6 + [0] * 4, task="t", stated=stated, recomputed=0.6, stated_items=count, items_there=10)
    assert (result.headline.low is not None) == sound
    assert ("aggregate_differs" in keys(result)) != sound
    assert result.measure("aggregate_gap").value == pytest.approx(abs(stated - 0.6), abs=1e-12)


def test_what_counts_against_the_model_goes_by_pass_then_by_direction():
    bad = judged([1, 0, 0.5], direction="lower").items["against"]
    assert bad.tolist()[:2] == [True, False]
    assert bad.isna().tolist() == [False, False, True]
    told = judged([0.2, 0.9], passed=[1.0, 0.0]).items["against"]
    assert told.tolist() == [False, True]


def test_size_a_clean_log_breaks_its_limit_no_more_often_than_its_level_says():
    """80 items, one in ten asked three times, one in twenty an error, at the limit's rate: misses in 400 logs."""
    rng, misses = np.random.default_rng(3), 0
    unit = np.concatenate([np.arange(80), np.repeat(np.arange(8), 2)])
    for trial in range(400):
        score = (rng.random(len(unit)) < 0.8).astype(float)
        score[rng.random(len(unit)) < 0.05] = np.nan
        mean = headline(score, trial, unit=unit)
        misses += not mean.low <= 0.8 <= mean.high
    assert misses <= 30  # 400 at 0.05 exceed 30 once in 1,700


def test_size_graded_scores_of_repeats_are_covered_too():
    rng, misses = np.random.default_rng(4), 0
    for trial in range(200):
        own = np.repeat(rng.beta(1, 3, 40), 3)
        score = np.clip(own + rng.normal(0, 0.0, len(own)), 0, 1)
        mean = headline(score, trial, unit=np.repeat(np.arange(40), 3), binary=None)
        misses += not mean.low <= 0.25 <= mean.high
    assert misses <= 18  # 200 at 0.05 exceed 18 once in 300


def test_power_a_log_that_is_fifteen_points_worse_is_found():
    rng, found = np.random.default_rng(5), 0
    for trial in range(100):
        found += headline((rng.random(200) < 0.65).astype(float), trial).high < 0.8
    assert found >= 95


def audit_of(path, into, limit=None, **options):
    source = {key: options.pop(key) for key in ("scorer", "direction", "group") if key in options}
    return run(data=Imported(path, **source), probe="imported.scores", limit=limit, into=into, **options)


def test_an_audit_says_first_whose_scores_these_are_and_stands_where_they_belong(tmp_path):
    from audit import Check, Plan

    check = Check("hits", ImportedScores(about="jailbreak"), Imported(lm_eval(tmp_path, [1] * 30 + [0] * 2)))
    (finding,) = run(Plan("Red team", (check,)), into=tmp_path / "audits").record.findings
    assert finding.dimension == "jailbreak"
    assert finding.remarks[0] == {"key": "imported", "tool": "lm-eval", "version": "0.4.13", "model": "demo"}
    assert finding.measure("aggregate_gap").value == 0.0
    assert finding.controls == {"positive": True, "negative": True}
    assert finding.data["items"]["use"] == "imported"


@pytest.mark.parametrize(
    ("right", "verdict"),
    [([1] * 95 + [0] * 5, "passed"), ([1] * 50 + [0] * 50, "failed"), ([1, 0] * 3, "inconclusive")],
)
def test_a_limit_is_decided(tmp_path, right, verdict):
    audit = audit_of(lm_eval(tmp_path, right), tmp_path / "a", {"measure": "mean_score", "at_least": 0.8})
    assert audit.record.findings[0].verdict == verdict


def test_a_limit_is_not_decided_where_items_are_missing_or_nothing_says_which_way_is_good(tmp_path):
    limit = {"measure": "mean_score", "at_least": 0.5}
    log = lm_eval(tmp_path / "cut", [1] * 90, mean=0.6, count=150)
    cut = audit_of(log, tmp_path / "a", limit).record.findings[0]
    assert (cut.verdict, cut.remarks[1]["key"]) == ("inconclusive", "aggregate_differs")
    assert cut.remarks[1]["there_count"] == 90
    path = lm_eval(tmp_path / "way", [1] * 90, higher=None)
    untold = audit_of(path, tmp_path / "b", limit).record.findings[0]
    assert (untold.verdict, untold.remarks[1]["key"]) == ("inconclusive", "direction_untold")
    assert audit_of(path, tmp_path / "c", limit, direction="higher").record.findings[0].verdict == "passed"


def test_a_check_may_stop_early(tmp_path):
    from audit import Check, Plan
    from audit.record import Limit

    source = Imported(lm_eval(tmp_path, [1] * 600))
    check = Check("one", ImportedScores(), source, Limit(measure="mean_score", at_least=0.5), stop="early")
    (finding,) = run(Plan("Early", (check,)), into=tmp_path / "audits").record.findings
    assert finding.verdict == "passed"
    assert finding.headline.n["items"] < 100


def test_a_limit_that_is_set_after_the_log_was_audited_is_told_as_a_deviation(tmp_path):
    path = lm_eval(tmp_path, [1] * 40)
    assert not audit_of(path, tmp_path / "a").record.deviations
    after = audit_of(path, tmp_path / "a", {"measure": "mean_score", "at_least": 0.8})
    assert ("limit.at_least", None, 0.8) in [(one.what, one.before, one.after) for one in after.record.deviations]


def test_two_models_logs_are_paired_item_by_item(tmp_path):
    """100 items, 30 of which only the first gets right: the paired interval is that of 30 discordant pairs."""
    right = [1] * 90 + [0] * 10
    worse = [0] * 30 + right[30:]
    a, b = (audit_of(lm_eval(tmp_path / name, one), tmp_path / "a") for name, one in (("x", right), ("y", worse)))
    (check,) = compare_audits(a, b).checks
    deciding = check.deciding
    assert deciding.paired
    assert deciding.difference.value == pytest.approx(-0.3)
    assert deciding.difference.high < 0
    assert check.changes.p == pytest.approx(2**-29, rel=1e-9)
    assert (len(check.changes.newly_failing), len(check.changes.newly_passing)) == (30, 0)
    other = audit_of(lm_eval(tmp_path / "z", right[:50]), tmp_path / "a")
    with pytest.raises(UsageError, match=r"not asked the same.*\(50 items in both, 50 in A alone, 0 in B alone\)"):
        compare_audits(a, other)


def test_a_plain_table_of_losses_fails_a_limit_from_above(tmp_path):
    path = table(tmp_path / "hits.csv.jsonl", [1.0] * 30 + [0.0] * 30, direction="lower")
    audit = audit_of(path, tmp_path / "a", {"measure": "mean_score", "at_most": 0.2})
    assert audit.record.findings[0].verdict == "failed"
