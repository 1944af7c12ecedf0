"""Missing classes: exact bounds, and how often a class is wrongly called missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.intervals import exact_binomial
from detectors.modes import missing_modes

TEN = {str(digit): 0.1 for digit in range(10)}


def drawn(**counts: int) -> list[str]:
    return [name.lstrip("_") for name, count in counts.items() for _ in range(count)]


def test_a_class_never_drawn_has_the_closed_form_bound():
    """0 of n: the upper end at 1 - alpha/K is 1 - (alpha / 2K)^(1/n)."""
    result = missing_modes([str(i % 9) for i in range(450)], TEN, level=0.95)
    bound = 1 - (0.05 / 20) ** (1 / 450)
    assert result.measure("class_share", "9").high == pytest.approx(bound)
    missing = result.measure("missing_modes")
    assert (missing.low, missing.value, missing.high) == (1, 1, 1)
    assert result.table.set_index("class").loc["9", "missing"] == "yes"
    assert result.headline is missing


def test_too_few_draws_leave_it_open():
    """0 of 100 reaches to 5.8 %, above a quarter of 10 %; 10 of 100 reaches down to 3.3 %, above it."""
    result = missing_modes(drawn(_0=0, _1=60, _2=40), {"0": 0.1, "1": 0.5, "2": 0.4}, level=0.95)
    missing = result.measure("missing_modes")
    assert exact_binomial(0, 100, 1 - 0.05 / 3)[1] > 0.025
    assert (missing.low, missing.value, missing.high) == (0, 1, 1)
    assert result.table["missing"].tolist() == ["undecided", "no", "no"]


def test_a_class_hardly_drawn_is_missing_only_below_the_fraction():
    draws = drawn(_0=30, _1=970)
    for fraction, count in ((0.03, 0), (0.25, 1)):
        missing = missing_modes(draws, {"0": 0.5, "1": 0.5}, level=0.95, fraction=fraction).measure("missing_modes")
        assert (missing.low, missing.high) == (count, count)


def test_draws_of_no_known_class_count_among_the_draws():
    result = missing_modes(drawn(_0=50, _1=50, other=100), {"0": 0.5, "1": 0.5}, level=0.95)
    assert result.measure("class_share", "0").value == 0.25
    assert result.measure("class_share", "0").n["items"] == 200


def test_size_a_whole_model_is_seldom_accused():
    """Ten classes, each drawn just as often as the fraction: any `low` above 0 is an error; 5 % of audits at most."""
    rng, repeats = np.random.default_rng(0), 400
    shares = np.r_[0.775, np.full(9, 0.025)]
    wrong = 0
    for _ in range(repeats):
        classes = rng.choice(list(TEN), 600, p=shares).tolist()
        wrong += missing_modes(classes, TEN, level=0.95).measure("missing_modes").low > 0
    assert wrong / repeats <= 0.05


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.floats(0.05, 0.9), st.floats(0.6, 0.99))
def test_laws(classes, fraction, level):
    reference = {"a": 0.2, "b": 0.3, "c": 0.5}
    result = missing_modes(classes, reference, level=level, fraction=fraction)
    shares = [measure.value for measure in result.measures[1:]]
    assert sum(shares) == pytest.approx(1)
    stricter = missing_modes(classes, reference, level=level, fraction=fraction / 2).headline
    surer = missing_modes(classes, reference, level=1 - (1 - level) / 2, fraction=fraction).headline
    assert all(stricter_end <= end for stricter_end, end in zip(ends(stricter), ends(result.headline), strict=True))
    assert surer.low <= result.headline.low <= result.headline.high <= surer.high


def ends(measure):
    return measure.low, measure.value, measure.high


@pytest.mark.parametrize(("classes", "reference"), [([], TEN), (["a"], {}), (["a"], {"a": 1.0, "b": 0.0})])
def test_what_cannot_be_counted_is_refused(classes, reference):
    with pytest.raises(ValueError, match="allowed: some, all above 0"):
        missing_modes(classes, reference, level=0.95)


def test_draws_that_are_no_item_may_have_been_of_any_class():
    drawn = ["a"] * 60 + ["b"] * 2
    sure, unsure = (missing_modes(drawn, {"a": 0.5, "b": 0.5}, level=0.95, missing=lost) for lost in (0, 20))
    assert sure.headline.low == sure.headline.high == 1
    assert (unsure.headline.low, unsure.headline.value, unsure.headline.missing) == (0, 1, 20)
    share = unsure.measure("class_share", "b")
    assert (share.low, share.high) == (exact_binomial(2, 82, 0.975)[0], exact_binomial(22, 82, 0.975)[1])
