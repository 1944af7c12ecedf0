"""What a finding says of itself."""

import pytest
from report_fixtures import finding, rate

from audit.record import DECIDED, UNSETTLED, WORST_FIRST, Limit, decided, severity
from audit.verdict import audit_verdict, invalidate

WRONG = {"positive": True, "negative": False}


@pytest.mark.parametrize(
    ("controls", "changed", "held"),
    [(None, False, True), ({}, False, True), ({"positive": True, "negative": True}, False, True), (WRONG, False, False),
     (None, True, True), (WRONG, True, False)],
)
def test_a_finding_is_trusted_where_controls_held_and_the_model_stayed(controls, changed, held):
    one = finding("x", "measured", "why", measures=[rate("m", 1, 4)], controls=controls)
    one = invalidate(one) if changed else one
    assert (one.controls_held, one.model_changed, one.trusted) == (held, changed, held and not changed)


def test_verdicts_are_told_worst_first_and_each_is_decided_or_to_be_looked_at_or_neither():
    assert WORST_FIRST == ("failed", "crashed", "inconclusive", "skipped", "passed", "measured")
    assert (DECIDED, UNSETTLED) == (("passed", "failed"), ("failed", "crashed", "inconclusive"))


def test_of_one_verdict_the_finding_that_gates_is_worse():
    kinds = [("passed", True), ("failed", False), ("measured", False), ("failed", True), ("crashed", True)]
    found = sorted((finding("x", verdict, "why", gating=gating) for verdict, gating in kinds), key=severity)
    assert [(one.verdict, one.gating) for one in found] == [
        ("failed", True), ("failed", False), ("crashed", True), ("passed", True), ("measured", False)
    ]


def test_decided_counts_checks_that_gate():
    kinds = [("passed", True), ("failed", True), ("inconclusive", True), ("crashed", True), ("failed", False)]
    assert decided(finding("x", verdict, "why", gating=gating) for verdict, gating in kinds) == (2, 4)
    assert decided([]) == (0, 0)


@pytest.mark.parametrize("worst", WORST_FIRST)
def test_an_audit_is_as_bad_as_the_worst_finding_that_gates(worst):
    """One that was skipped leaves it undecided."""
    better = WORST_FIRST[WORST_FIRST.index(worst):]
    found = [finding("x", verdict, "why", gating=True) for verdict in reversed(better)]
    found.append(finding("x", "failed", "why", gating=False))
    assert audit_verdict(found) == ("inconclusive" if worst == "skipped" else worst)


def test_a_limit_speaks_of_the_measure_of_its_name_and_group():
    measures = [rate("n", 1, 4), rate("m", 2, 4), rate("m", 3, 4, group="a")]
    for group, named in ((None, measures[1]), ("a", measures[2])):
        limit = Limit(measure="m", group=group, at_most=0.5)
        one = finding("x", "failed", "why", measures=measures, limit=limit)
        assert one.headline == one.measure("m", group) == named
        assert [limit.speaks_of(measure) for measure in measures] == [measure == named for measure in measures]
    assert (one.measure("m", "b"), one.measure("o")) == (None, None)
    assert finding("x", "measured", "why", measures=measures).headline == measures[0]
