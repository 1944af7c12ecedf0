"""What a finding says of itself."""

import pytest
from report_fixtures import finding, rate

from audit.verdict import invalidate

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
