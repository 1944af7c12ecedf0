"""Numbers as they are printed: three digits, honest beside a limit, undefined never 0."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_fixtures import rate, unknown

from audit.record import Limit
from detectors.result import Measure
from reports.text import Notation, digits_for, words_of

N = Notation(words_of("en"))
NB = "\u00a0"


def measure(value, low=None, high=None, unit="share", **more):
    return Measure(
        name="m",
        value=value,
        low=low,
        high=high,
        n={"items": 9},
        unit=unit,
        direction="neither",
        level=0.95,
        method=more.pop("method", "x"),
        **more,
    )


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.6104, "share", f"61.0{NB}%"),
        (0.0, "share", f"0{NB}%"),
        (1.0, "share", f"100{NB}%"),
        (0.99951, "share", f"100{NB}%"),
        (0.00041666, "share", f"0.0417{NB}%"),
        (-0.0321, "share", f"−3.21{NB}%"),
        (0.93412, "score", "0.934"),
        (0.99961, "score", "1.00"),
        (1234.5, "nats", "1,234"),
        (12_345_678.0, "nats", "1.23×10⁷"),
        (0.0000123, "nats", "1.23×10⁻⁵"),
        (999_999, "count", "999,999"),
        (134_515_008, "count", f"135{NB}million"),
        (269_900_000.5, "count", f"270{NB}million"),
        (-3.3e12, "count", f"−3.30{NB}trillion"),
        (538_060_032, "bytes", f"538{NB}MB"),
        (999_999, "bytes", f"1.00{NB}MB"),
        (999, "bytes", f"999{NB}bytes"),
        (0, "bytes", f"0{NB}bytes"),
        (0.000232, "seconds", f"232{NB}µs"),
        (0.412, "seconds", f"412{NB}ms"),
        (0.9996, "seconds", f"1.00{NB}s"),
        (2e-9, "seconds", f"0.00200{NB}µs"),
        (2.5, "count", "2.50"),
        (0.00004, "p-value", "< 0.001"),
        (0.0421, "p-value", "0.0421"),
    ],
)
def test_number(value, unit, shown):
    assert N.number(value, unit) == shown


@pytest.mark.parametrize(
    ("level", "shown"),
    [(0.95, "95"), (0.9875, "98.8"), (1 - 0.05 / 14, "99.6"), (0.9997, "99.97"), (0.9999, "99.99"), (0.5, "50")],
)
def test_a_level_has_three_digits_and_is_never_rounded_to_certainty(level, shown):
    assert N.level(level) == f"{shown}{NB}%"


def test_a_unit_that_stands_within_a_number_stands_behind_none():
    told = [N.with_unit(N.number(5e8, unit), unit) for unit in ("bytes", "count", "seconds", "share", "tokens")]
    shares = N.number(5e8, "share")
    assert told == [f"500{NB}MB", f"500{NB}million", f"5.00×10⁸{NB}s", shares, "5.00×10⁸ tokens"]


def test_korean_counts_by_myriads():
    korean = Notation(words_of("ko"))
    told = [korean.number(number, "count") for number in (999_999, 1_234_567, 134_515_008, 35_123_456_789, 2e12)]
    assert told == ["999,999", "123만", "1.35억", "351억", "2.00조"]
    assert (korean.number(538_060_032, "bytes"), korean.set_number(0.5, "seconds")) == ("538MB", "500밀리초")


def test_intervals():
    assert N.interval(measure(9.9e8, 9.8e8, 1.02e9, unit="bytes")) == f"[980{NB}MB, 1,020{NB}MB]", "as the value beside"
    assert N.interval(measure(0.71, 0.66, 0.76)) == f"[66.0{NB}%, 76.0{NB}%]"
    assert N.interval(measure(0.71, -0.03, 0.76)) == f"[−3.00{NB}%, 76.0{NB}%]"
    assert N.interval(measure(0.71)) == "—"
    assert N.interval(measure(0.71, low=0.66)) == f"≥ 66.0{NB}%"
    assert N.interval(measure(0.71, high=0.76)) == f"≤ 76.0{NB}%"
    assert N.interval(measure(12, 10, 15, unit="count")) == "[10, 15]"
    assert N.interval(measure(0.25, 0.25, 0.25)) == f"[25.0{NB}%, 25.0{NB}%]", "narrow, and yet estimated"
    for method in ("count", "known from the questions", "all of the benchmark: no sampling error"):
        assert N.interval(measure(0.25, 0.25, 0.25, method=method)) == "exact"
    assert N.interval(measure(0.25, 0.2, 0.3, method="all of the benchmark: no sampling error")) != "exact", "missing"


def test_limits_keep_their_own_digits():
    assert N.limit(Limit(measure="m", at_most=0.6), "share") == f"≤ 60{NB}%"
    assert N.limit(Limit(measure="m", at_least=0.125), "share") == f"≥ 12.5{NB}%"
    assert N.limit(Limit(measure="m", at_least=0.4, at_most=0.6), "share") == f"40{NB}% to 60{NB}%"
    assert N.limit(Limit(measure="m", at_most=1_000), "nats") == "≤ 1,000"
    assert N.limit(Limit(measure="m", at_most=2e9), "bytes") == f"≤ 2{NB}GB"
    assert N.limit(Limit(measure="m", at_most=2_147_483_648), "bytes") == f"≤ 2.147483648{NB}GB"
    assert N.limit(None, "share") == ""


def test_n_tells_items_and_units():
    assert N.sample({"items": 1_300, "units": 60}) == "1,300 (60)"
    assert N.sample({"items": 300, "units": 300}) == "300"
    assert N.sample({"items": 300}) == "300"
    assert N.sample({"units": 4}) == "4"
    assert N.sample({}) == "—"


def test_a_number_beside_a_limit_is_never_rounded_onto_it():
    one, limit = measure(0.5996, 0.5992, 0.5999), Limit(measure="m", at_most=0.6)
    assert digits_for(one, None) == 3
    assert N.interval(one, digits_for(one, limit)) == f"[59.92{NB}%, 59.99{NB}%]"


@given(st.floats(0.0005, 1), st.floats(0.0005, 1))
def test_printed_numbers_stand_on_their_own_side_of_the_limit(value, bound):
    digits = digits_for(measure(value), Limit(measure="m", at_most=bound))
    printed = float(f"{value:.{digits - 1}e}")
    assert digits == 8 or value == bound or (printed > bound) == (value > bound)


@given(st.floats(-1e200, 1e200), st.sampled_from(["share", "nats", "score", "p-value", "count"]))
def test_any_number_is_printed_to_three_digits(value, unit):
    text = N.number(value, unit).replace(f"{NB}%", "").replace(",", "").replace("−", "-")
    if unit == "p-value" and value < 0.001:
        assert text == "< 0.001"
        return
    text, _, step = text.partition(NB)
    mantissa, _, exponent = text.partition("×10")
    scale = int(exponent.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")) or 0)
    shown = float(mantissa) * 10.0**scale / (100 if unit == "share" else 1)
    shown *= {"": 1, "million": 1e6, "billion": 1e9, "trillion": 1e12}[step]
    assert math.isclose(shown, value, rel_tol=0.005, abs_tol=1e-300)


def test_a_line_holds_value_interval_level_n_and_limit():
    line = N.sentence(rate("error_share", 21, 300, units=60), Limit(measure="error_share", at_most=0.2))
    assert line == f"7.00{NB}%, interval [4.39{NB}%, 10.5{NB}%] at 95{NB}%, n 300 (60), limit ≤ 20{NB}%"
    about = measure(43.7, 43.1, 44.3, unit="score", guarantee="approximate")
    assert N.sentence(about, None) == f"43.7, interval [43.1, 44.3], approximate at 95{NB}%, n 9"


def test_undefined_is_printed_with_its_reason():
    assert N.sentence(unknown("error_share", "no items of this group"), None) == "undefined: no items of this group"


def test_direction_in_a_word():
    assert N.better(rate("m", 1, 2)) == "lower"
    assert N.better(rate("m", 1, 2, direction="nearer to ideal is better", ideal=0.5)) == f"near{NB}50{NB}%"
    assert N.better(rate("m", 1, 2, direction="upwards")) == "upwards"


def test_ticks_share_their_decimals():
    assert N.ticks([0.0, 0.25, 0.5], "share") == [f"0{NB}%", f"25{NB}%", f"50{NB}%"]
    assert N.ticks([0.0, 5e8, 1e9], "bytes") == ["0", f"0.5{NB}GB", f"1.0{NB}GB"]
    assert N.ticks([0.0, 1e8, 2e8], "count") == ["0", f"100{NB}million", f"200{NB}million"]
    assert N.ticks([0.8, 0.85, 0.9], "score") == ["0.80", "0.85", "0.90"]
    assert N.ticks([0.0, 1e-5, 2e-5], "p-value") == ["0", "1×10⁻⁵", "2×10⁻⁵"]


def test_a_remark_is_a_sentence_with_its_terms_and_numbers():
    behind = {"other": "nll", "other_auroc": 0.8812, "gap": 0.0971, "gap_low": 0.06, "gap_high": 0.134}
    told = {"key": "sees_better", "score": "mahalanobis", "auroc": 0.97834, "low": 0.9589, "high": 0.9892, **behind}
    assert N.remark(told) == (
        "Mahalanobis distance of the classifier's features tells foreign items best: AUROC 0.978 [0.959, 0.989]; "
        "the model's likelihood has 0.881, which is 0.0971 [0.0600, 0.134] less."
    )
    assert N.remark({"key": "near_learnt", "about": "constant", "share": 0.625}) == (
        "Of the constant items 62.5 % lie near training items."
    )


def test_counts_of_a_remark_are_whole():
    told = N.remark({"key": "found_together", "count": 20.0, "known": 60.0, "needed": 1199.0})
    assert told.startswith("With 60 independent non-members a member is found only where 20 ")
    assert told.endswith("one alone takes 1,199.")


def test_a_remark_of_a_later_version_or_a_strange_one_is_told_as_it_stands():
    assert N.remark({"key": "unheard", "score": "knn5", "low": 0.5}) == (
        "Key unheard, score kNN-5 distance (no model), low 0.500"
    )
    strange = N.remark({"key": "reversed", "score": "<b>\x1b[31m{0}</b>"})
    assert "{0}" in strange
    assert "\x1b" not in strange


def test_a_count_of_thousands_has_a_comma_and_a_year_has_none():
    assert N.words("index.sentence", count=1000, tally="x") == "1,000 audits: x."
    assert "2027" in N.day("2027-03-01")


def test_a_remark_names_a_measure_by_its_words():
    remark = {"key": "widest_gap", "measure": "accuracy", "group": "women", "reference": "the rest", "gap_share": -0.12,
              "low_share": -0.2, "high_share": -0.05, "unit_count": 120.0}  # fmt: skip
    told = Notation(words_of("en")).remark(remark).replace("\u00a0", " ")
    wanted = "Accuracy: most surely apart from the rest lies women, by −12.0 points [−20.0, −5.00], with 120 units."
    assert told == wanted
    told = Notation(words_of("ko")).remark(remark)
    assert told.startswith("정확도: 나머지 대비 가장 확실하게 다른 집단은 여성, 격차 −12.0%p [−20.0, −5.00]")


@pytest.mark.parametrize(("unit", "most"), [("share", 1e298), ("nats", 1e300), ("bytes", 1e300)])
def test_no_number_that_a_measure_may_hold_is_too_large_to_be_told(unit, most):
    """As a share in per cent: what a record from elsewhere says must not end a report or a list of audits."""
    largest = measure(most, -most, most, unit)
    limit = Limit(measure="m", at_most=most / 2)
    assert "10³⁰⁰" in N.sentence(largest, limit) or unit == "bytes"
    assert digits_for(largest, limit) == 3
    for number in (1.001 * most, math.inf, math.nan):
        for place in ({"value": number}, {"value": 0.0, "low": -number}, {"value": 0.0, "ideal": number}):
            with pytest.raises(ValueError, match=f"allowed: a finite number of at most 1e\\+{round(math.log10(most))}"):
                measure(**{"low": None, "high": None, "unit": unit, **place})
