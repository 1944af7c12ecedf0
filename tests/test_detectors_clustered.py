"""Units of several items: the power told is the power they have, by other samples and by the intervals of a run."""

from dataclasses import replace

import numpy as np
import pytest
from rates import Ones, write_ones

from audit.execute import run, size_plan
from audit.plan import Check, Plan
from audit.record import Limit
from detectors.clustered import Clustered, intraclass_correlation
from detectors.intervals import betting_mean
from detectors.sequential import RateTest, first_verdicts, stopping


def unit_means(rng, units, rate, icc, size=4):
    """Means of units of `size` items whose rates vary as the correlation has it."""
    if icc == 1:
        return (rng.random(units) < rate).astype(float)
    spread = (1 - icc) / icc
    return rng.binomial(size, rng.beta(rate * spread, (1 - rate) * spread, units)) / size


@pytest.mark.parametrize(("rate", "limit", "icc"), [
    (0.15, 0.3, 1), (0.15, 0.3, 0.1), (0.025, 0.05, 0.1), (0.4, 0.5, 0.5), (0.6, 0.5, 0.1)
])  # fmt: skip
def test_the_power_told_of_clusters_is_the_power_they_have(rate, limit, icc):
    """By the intervals of a run, over other samples: 0/1 units of their number had a power of 0.57 to 1 for "80 %"."""
    rng, needed = np.random.default_rng(8), Clustered((4,), icc).units_needed(rate, 0.95, upper=limit)
    ends = [betting_mean(unit_means(rng, needed, rate, icc), 0.95) for _ in range(120)]
    decided = np.mean([high <= limit if rate < limit else low > limit for low, high in ends])
    assert 0.7 < decided < 0.9  # +- 2.7 standard deviations


def test_an_early_check_of_clusters_has_the_power_and_the_median_told(tmp_path):
    limit, units, rng = 0.3, 150, np.random.default_rng(9)
    size = size_plan(Plan("Early", (Check(
        "c", Ones(), {"items": write_ones(tmp_path, "e", 60, 600, units=units)},
        Limit(measure="ones", at_most=limit), stop="early",
    ),)), true=0.1, icc=0.2)[0]  # fmt: skip
    assert size.rate.median_calls == 4 * size.rate.median_units
    for rate, word in ((size.rate.passes.high, "below"), (size.rate.fails_above, "above")):
        said = []
        for _ in range(120):
            test = RateTest(limit, 0.95)
            said.append(test.update(unit_means(rng, units, rate, 0.2)) == word)
        assert 0.7 < np.mean(said) < 0.9
    after = []
    for _ in range(120):
        test = RateTest(limit, 0.95)
        test.update(unit_means(rng, units, 0.1, 0.2))
        after.append(test.decided_after or units + 1)
    assert np.median(after) == pytest.approx(size.rate.median_units, rel=0.25)


def test_a_pilot_tells_how_alike_the_items_of_a_unit_are(tmp_path):
    """Worked by hand: units 11, 10, 00 and 00 have B = 11/24, W = 1/8, so (11/24 - 3/24) / (11/24 + 3/24) = 4/7."""
    units = np.repeat(list("abcd"), 2)
    assert intraclass_correlation([1, 1, 1, 0, 0, 0, 0, 0], units) == pytest.approx(4 / 7)
    assert intraclass_correlation([1, 1, 1, 1, 0, 0, 0, 0], units) == 1
    assert intraclass_correlation([1, 0, 1, 0, 1, 0, 1, 0], units) == 0
    assert intraclass_correlation(np.zeros(8), units) is None
    assert intraclass_correlation([1, 0], np.array(["a", "b"])) is None
    data = {"items": write_ones(tmp_path, "p", 30, 120, units=30)}
    plan = Plan("Pilot", (Check("c", Ones(), data, Limit(measure="ones", at_most=0.4)),))
    audit = run(plan, into=tmp_path / "audits")
    items = audit.items("c")
    one = size_plan(plan, pilot=audit)[0]
    assert one.icc == intraclass_correlation(items["value"], items["unit"].to_numpy(str))
    assert one.rate is not None
    assert size_plan(replace(plan, checks=(replace(plan.checks[0], name="other"),)), pilot=audit)[0].rate is None


def test_verdicts_over_many_samples_are_those_of_one_test_after_the_other():
    rng = np.random.default_rng(1)
    samples = rng.choice([0.0, 0.25, 1.0], (30, 60))
    after, below = first_verdicts(samples, 0.4, (0.9, 0.8))
    for row, count, low in zip(samples, after, below, strict=True):
        test = RateTest(0.4, (0.9, 0.8))
        word = test.update(row)
        assert (count, word) == (test.decided_after or 61, None if count == 61 else "below" if low else "above")


def test_units_that_agree_are_single_items():
    """Simulated, against the exact distribution of 0/1 outcomes: power of 0.8 and the median."""
    units = Clustered((1, 5), 1.0)
    below, above = units.early_rates(200, 0.3, 0.95)
    assert stopping(below, 0.3, 0.95, 200)[0].sum() == pytest.approx(0.8, abs=0.05)
    assert stopping(above, 0.3, 0.95, 200)[1].sum() == pytest.approx(0.8, abs=0.05)
    said = np.cumsum(np.sum(stopping(0.1, 0.3, 0.95, 200), axis=0))
    median = units.stops_after(0.1, 0.3, 0.95, 200)
    assert said[median - 2] < 0.55
    assert said[median - 1] > 0.45
