"""Files changed at random, through the commands that read them: one line and a documented exit code, always."""

import pytest
from fuzzing import fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return fuzz.make_site(tmp_path_factory.mktemp("fuzz") / "site")


@pytest.mark.parametrize("target", fuzz.TARGETS)
@settings(derandomize=True, max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_nothing_that_is_read_can_break_the_command(site, tmp_path_factory, target, seed):
    found = fuzz.problem_of(site, tmp_path_factory.getbasetemp() / "scratch", target, seed)
    assert found is None, found


def test_the_fuzzer_sees_what_it_looks_for():
    assert fuzz._wrong("verify", 1, "") == "exit code 1"
    assert fuzz._wrong("judge", 1, "x failed") is None
    assert fuzz._wrong("verify", 5, "dokimasia: internal error, please report it: KeyError") == "internal error"
    assert fuzz._wrong("verify", 4, "dokimasia: a\x1b[2J") == "control character"
    assert fuzz._wrong("verify", 4, "dokimasia: a\n::error::b") == "log command"
