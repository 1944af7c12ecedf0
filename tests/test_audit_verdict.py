"""Verdicts: the whole interval on one side of the limit, and the order in which an audit's verdict is taken."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.exit_codes import OF_VERDICT
from audit.record import Finding, Limit, number
from audit.verdict import audit_verdict, capitalised, decide, invalidate, sentence
from detectors.result import Measure

NONE: dict[str, bool] = {"positive": True, "negative": True}


def measure(value=0.5, low=0.4, high=0.6, **more) -> Measure:
    facts = {
        "name": "rate",
        "value": value,
        "low": low,
        "high": high,
        "n": {"items": 100, "units": 100},
        "unit": "share",
    }
    return Measure(**{**facts, "direction": "lower is better", "level": 0.95, "method": "test", **more})


def finding(verdict, *, gating=True) -> Finding:
    return Finding(
        check="c", probe="p", dimension="bias", verdict=verdict, gating=gating, why="w", reason={"key": "measured"}
    )


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        ({"at_most": 0.6}, "passed"),
        ({"at_most": 0.7}, "passed"),
        ({"at_most": 0.39}, "failed"),
        ({"at_most": 0.5}, "inconclusive"),
        ({"at_most": 0.4}, "inconclusive"),
        ({"at_least": 0.4}, "passed"),
        ({"at_least": 0.61}, "failed"),
        ({"at_least": 0.45}, "inconclusive"),
        ({"at_least": 0.4, "at_most": 0.6}, "passed"),
        ({"at_least": 0.45, "at_most": 0.55}, "inconclusive"),
        ({"at_least": 0.7, "at_most": 0.9}, "failed"),
        ({"at_least": 0.1, "at_most": 0.2}, "failed"),
    ],
)
def test_interval_against_limit(limit, verdict):
    assert decide([measure()], Limit(measure="rate", **limit), NONE).verdict == verdict


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_verdict_is_one_of_three_and_monotone_in_the_limit(value, low, bound):
    low, value = sorted((low, value))
    order = ["failed", "inconclusive", "passed"]
    at, above = (
        decide([measure(value, low, value)], Limit(measure="rate", at_most=one), NONE).verdict
        for one in (bound, min(1.0, bound + 0.1))
    )
    assert order.index(at) <= order.index(above)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("accuracy is 60 %", "Accuracy is 60 %"),
        ("smol cannot answer 'log_prob': no logits.", "smol cannot answer 'log_prob': no logits."),
        ("http://127.0.0.1:9/v1: nobody answers", "http://127.0.0.1:9/v1: nobody answers"),
        ("the plan has no model and cannot answer 'x'", "The plan has no model and cannot answer 'x'"),
        ("data.csv: row 3: id '1' was given before", "data.csv: row 3: id '1' was given before"),
    ],
)
def test_a_name_at_the_head_of_a_sentence_keeps_its_letters(text, shown):
    assert capitalised(text) == shown


def test_a_limit_of_an_unknown_group_names_the_groups_there_are():
    there = [measure(0.5, 0.4, 0.6, name="accuracy", group=group) for group in ("en", "ko")]
    found = decide(there, Limit(measure="accuracy", group="kr", at_least=0.5), {})
    assert (found.verdict, found.reason["groups"]) == ("inconclusive", "en, ko")
    assert sentence(found.reason).startswith("The check gave no measure accuracy of kr; its groups are en, ko;")


@pytest.mark.parametrize(
    ("low", "value", "high", "reach", "verdict"),
    [
        (0.02, 0.05, 0.08, (-0.07, 0.08), "passed"),
        (0.02, 0.05, 0.08, (-0.46, 0.08), "inconclusive"),  # a small group may lie anywhere
        (0.02, 0.05, 0.08, (-0.07, 0.12), "inconclusive"),
        (0.12, 0.15, 0.18, (-0.46, 0.18), "failed"),  # whatever the small group does
        (0.08, 0.15, 0.18, (-0.46, 0.18), "inconclusive"),
    ],
)
def test_the_farthest_of_several_groups_keeps_a_limit_only_where_all_do(low, value, high, reach, verdict):
    farthest = measure(value, low, high, reach=reach)
    groups = [measure(sum(reach) / 2, *reach, group="small"), measure(value, low, high, group="large")]
    found = decide([farthest, *groups], Limit(measure="rate", at_least=-0.1, at_most=0.1), NONE)
    assert found.verdict == verdict
    if farthest.high <= 0.1 and verdict == "inconclusive":
        assert (found.reason["key"], found.reason["others"]) == ("inconclusive_others", "small")
        assert "but small may lie in [" in sentence(found.reason)
        alone = decide([farthest], Limit(measure="rate", at_least=-0.1, at_most=0.1), NONE)
        assert alone.reason["others"] == "other groups"  # so many that not all have a measure of their own


def test_one_sided_bounds_are_those_of_all_groups():
    one = measure(0.05, 0.02, 0.08, reach=(-0.2, 0.08))
    kept = measure(0.05, 0.03, 0.07, reach=(-0.09, 0.07))
    limit = Limit(measure="rate", at_least=-0.1, at_most=0.1)
    found = decide([one], limit, NONE, kept=kept)
    assert (found.verdict, found.one_sided.low, found.one_sided.high) == ("passed", -0.09, 0.07)
    wide = decide([one], limit, NONE, kept=measure(0.05, 0.03, 0.07, reach=(-0.11, 0.07)))
    assert wide.verdict == "inconclusive"


def test_no_limit_is_measured_and_no_measure_is_undecided():
    assert decide([measure()], None, NONE).verdict == "measured"
    assert decide([], None, NONE).verdict == "measured"
    assert decide([measure()], Limit(measure="other", at_most=1), NONE).verdict == "inconclusive"
    other = decide([measure(group="g")], Limit(measure="rate", at_most=1), NONE)
    assert (other.verdict, other.reason["key"]) == ("inconclusive", "no_measure")


@pytest.mark.parametrize("side", ["positive", "negative"])
def test_a_failed_control_makes_any_number_inconclusive(side):
    done = decide([measure()], Limit(measure="rate", at_most=0.9), {**NONE, side: False})
    assert (done.verdict, done.reason["key"]) == ("inconclusive", f"control_{side}")


def test_undefined_and_intervals_that_cannot_decide():
    none = measure(None, None, None, undefined="no pairs were scored")
    assert decide([none], Limit(measure="rate", at_most=0.9), NONE).reason["undefined"] == "no pairs were scored"
    assert (
        decide([measure(low=None, high=None)], Limit(measure="rate", at_most=0.9), NONE).reason["key"] == "no_interval"
    )
    few = decide([measure(min_units=150)], Limit(measure="rate", at_most=0.9), NONE)
    assert (few.verdict, few.more_units) == ("inconclusive", 50)


def test_of_how_many_a_fresh_sample_would_decide():
    # Half width 0.1 at n = 100; the limit is 0.05 away, so the half width must halve: a sample of 4 n.
    assert decide([measure()], Limit(measure="rate", at_most=0.55), NONE).fresh_units == 400
    assert decide([measure()], Limit(measure="rate", at_most=0.55), NONE).more_units is None
    assert decide([measure()], Limit(measure="rate", at_most=0.5), NONE).fresh_units is None


def test_an_interval_cut_at_the_end_of_its_range_does_not_tell_of_how_many():
    """A ratio of 0.6 that a group of four leaves anywhere up to 1, and a largest gap that is 0 or more."""
    ratio = measure(0.6, 0.1, 1.0, unit="score")
    assert decide([ratio], Limit(measure="rate", at_least=0.8), NONE).fresh_units is None
    assert decide([ratio], Limit(measure="rate", at_least=0.4), NONE).fresh_units == 630
    gap = measure(0.1, 0.0, 0.65, unit="score")
    assert decide([gap], Limit(measure="rate", at_most=0.05), NONE).fresh_units is None


def test_missing_answers_are_told_and_decide_nothing_beyond_a_third():
    limit = Limit(measure="rate", at_least=0.3)
    third, more = (measure(missing=missing) for missing in (50, 51))
    passed, too_many = (decide([one], limit, NONE) for one in (third, more))
    assert (passed.verdict, passed.smallest_effect) == ("passed", None)
    assert "of 100 items (50 of 150 gave no usable answer, and the interval holds whatever they would" in sentence(
        passed.reason
    )
    assert (too_many.verdict, too_many.reason["key"]) == ("inconclusive", "missing")
    assert "51 of 151 gave no usable answer" in sentence(too_many.reason)
    crossing = decide([third], Limit(measure="rate", at_least=0.45), NONE)
    assert (crossing.verdict, crossing.more_units) == ("inconclusive", None)
    free = decide([more], None, NONE)
    assert (free.verdict, "51 of 151" in sentence(free.reason)) == ("measured", True)


def test_without_any_answer_the_number_asked_is_told():
    none = measure(None, None, None, undefined="no such question got an answer", missing=8, n={"items": 0, "units": 0})
    decision = decide([none], Limit(measure="rate", at_least=0.3), NONE)
    assert (decision.verdict, sentence(decision.reason)) == (
        "inconclusive", "rate has no value: none of the 8 items asked gave a usable answer."
    )


APPROXIMATE = {"worst_coverage": 0.86, "min_units": 20}


@pytest.mark.parametrize("limit", [0.9, 0.1, 0.5])
def test_an_approximate_interval_informs_and_decides_nothing(limit):
    done = decide([measure(guarantee="approximate", **APPROXIMATE)], Limit(measure="rate", at_most=limit), NONE)
    assert (done.verdict, done.reason["key"], done.more_units) == ("inconclusive", "approximate", None)
    assert "informs and does not decide" in sentence(done.reason)


@pytest.mark.parametrize(("level", "verdict"), [(0.95, "passed"), (0.9964, "passed"), (0.999, "inconclusive")])
def test_a_measured_interval_decides_up_to_the_level_at_which_it_was_measured(level, verdict):
    known = measure(guarantee="measured", measured_to=0.9964, level=level, **APPROXIMATE)
    done = decide([known], Limit(measure="rate", at_most=0.9), NONE)
    assert done.verdict == verdict
    if verdict == "inconclusive":
        assert "up to 99.64 % only and is needed at 99.9 %" in sentence(done.reason)


def stored(facts):
    """A measure with these facts as a record gives it back."""
    known = {"check": "x", "probe": "bias.x", "dimension": "bias", "verdict": "measured", "gating": False, "why": "why"}
    return Finding.model_validate({**known, "reason": {"key": "measured"}, "measures": [facts]}).measures[0]


def test_a_record_of_an_earlier_version_knows_its_approximate_intervals():
    """What stands behind an interval was not written down; a worst coverage was, where the interval is approximate."""
    facts = {**asdict(measure()), **APPROXIMATE}
    assert facts.pop("guarantee") == "finite sample"
    assert stored(facts).guarantee == "approximate"
    assert not stored(facts).decides
    del facts["worst_coverage"]
    assert stored(facts).guarantee == "finite sample"


def test_sentences_hold_the_numbers():
    from audit.verdict import sentence

    done = decide([measure(0.614, 0.57, 0.6549)], Limit(measure="rate", at_most=0.55), NONE)
    assert (
        sentence(done.reason)
        == "rate is 61.4 % [57.0 %, 65.5 %] of 100 items; the whole interval breaks the limit at most 55 %."
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.614, "share", "61.4 %"),
        (0.0362, "share", "3.62 %"),
        (0.0, "share", "0 %"),
        (1.0, "share", "100 %"),
        (0.9314, "", "0.931"),
        (12.3456, "nats", "12.3 nats"),
        (0.000012, "p-value", "1.20e-05"),
        (-0.5, "nats", "-0.500 nats"),
        (1234.6, "count", "1,235"),
        (0.7, "auroc", "0.700"),
    ],
)
def test_three_significant_digits(value, unit, text):
    assert number(value, unit) == text


@pytest.mark.parametrize(
    ("verdicts", "verdict", "code"),
    [
        (["passed", "failed", "crashed", "inconclusive"], "failed", 1),
        (["passed", "crashed", "inconclusive"], "crashed", 5),
        (["passed", "inconclusive"], "inconclusive", 3),
        (["passed", "skipped"], "inconclusive", 3),
        (["passed", "passed"], "passed", 0),
        ([], "measured", 0),
    ],
)
def test_audit_verdict_and_exit_code(verdicts, verdict, code):
    findings = [finding(one) for one in verdicts] + [finding("failed", gating=False), finding("measured", gating=False)]
    assert audit_verdict(findings) == verdict
    assert OF_VERDICT[verdict] == code


def test_a_changed_model_spoils_what_it_answered():
    assert [invalidate(finding(one)).verdict for one in ("passed", "failed", "measured", "skipped", "crashed")] == [
        "inconclusive",
        "inconclusive",
        "inconclusive",
        "skipped",
        "crashed",
    ]
