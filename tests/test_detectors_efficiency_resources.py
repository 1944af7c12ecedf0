"""What a model takes: medians and counts by the book, and what is told where nothing was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from detectors.efficiency.resources import resources


def frame(size=21, **columns):
    counts = {"parameters": 100.0, "matrices": 90.0, "weight_bytes": 400.0, "stored_bytes": 220.0}
    return pd.DataFrame(counts | columns, index=pd.Index([f"i{n}" for n in range(size)], name="id"))


def test_every_measure_is_what_it_says():
    steps = np.arange(1.0, 22)
    told = frame(
        score_flops=2000 * steps, tokens=10 * steps, sample_flops=steps, empty_bytes=1000.0, peak_bytes=1400 + steps,
        gpu_bytes=7.0, score_joules=steps / 10, sample_joules=steps / 5,
    )  # fmt: skip
    result = resources(told, level=0.95)
    assert {one.name: one.value for one in result.measures} == pytest.approx({
        "parameters": 100, "weight_bytes": 400, "stored_bytes": 220, "flops_per_item": 22_000, "flops_per_sample": 11,
        "flops_per_token": 200, "flops_per_token_estimate": 180, "peak_memory": 1411, "empty_memory": 1000,
        "memory_overhead": 411 / 400, "gpu_memory": 7, "energy_per_item": 1.1, "energy_per_sample": 2.2,
    })
    assert result.headline.name == "parameters"
    assert [one.key for one in result.remarks] == ["one_machine"]
    assert result.items["value"].tolist() == told["score_flops"].tolist()


def test_counts_are_exact_medians_have_an_interval_and_the_rule_claims_nothing():
    result = resources(frame(score_flops=np.arange(1.0, 22), tokens=5.0), level=0.95)
    for name in ("parameters", "weight_bytes", "stored_bytes"):
        one = result.measure(name)
        assert one.certain
        assert one.low == one.value == one.high
    one = result.measure("flops_per_item")
    assert (one.low, one.high) == (6, 16)  # ranks of 21: the classical table
    assert binom.cdf(5, 21, 0.5) <= 0.025 < binom.cdf(6, 21, 0.5)
    estimate = result.measure("flops_per_token_estimate")
    assert (estimate.low, estimate.high) == (None, None)
    assert estimate.method.startswith("estimate")


def test_what_was_not_measured_says_why_and_is_no_zero():
    result = resources(frame(parameters=np.nan), level=0.95)
    reasons = {one.name: one.undefined for one in result.measures if one.value is None}
    assert reasons["parameters"] == "the weights are packed, and how many numbers they hold is not told"
    assert reasons["flops_per_item"] == "the model evaluates no likelihood and no classes"
    assert reasons["flops_per_sample"] == "the model draws no samples"
    assert reasons["flops_per_token_estimate"] == "no text was scored token by token"
    assert reasons["peak_memory"] == "not measured: no process of its own was started for it"
    assert reasons["energy_per_sample"].startswith("not measured: no energy counter")
    assert result.remarks == ()


def test_few_processes_have_no_end_that_a_limit_could_trust():
    few = resources(frame(5, empty_bytes=1.0, peak_bytes=[2.0, 3, 4, 5, 6]), level=0.95).measure("peak_memory")
    assert (few.value, few.low, few.high) == (4, None, None)
    assert resources(frame(6, peak_bytes=np.arange(6.0)), level=0.95).measure("peak_memory").high == 5


def test_counts_of_two_models_and_no_items_are_refused():
    with pytest.raises(ValueError, match="got parameters 1 and 2; allowed: one"):
        resources(frame(2, parameters=[1.0, 2.0]), level=0.95)
    with pytest.raises(ValueError, match="got no items; allowed: one or more"):
        resources(frame(0), level=0.95)
