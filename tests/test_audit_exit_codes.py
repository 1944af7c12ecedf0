"""One table of exit codes: the README tells it, every verdict, comparison and error has its place in it."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from typing import get_args

import pytest

from audit import errors, exit_codes
from audit.compare import Word
from audit.exit_codes import ALTERED, BUDGET, CRASHED, OF_COMPARISON, OF_VERDICT, USAGE, of_several
from audit.record import Verdict

CODES = {name: code for name, code in vars(exit_codes).items() if name.isupper() and isinstance(code, int)}


def test_the_readme_and_the_module_say_the_same_codes():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
    table = readme.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)] == [0, 1, 2, 3, 4, 5, 6, 130]
    told = re.findall(r"^    (\d+) +([A-Z]+) ", exit_codes.__doc__ or "", re.M)
    assert {name: int(code) for code, name in told} == CODES
    assert [*CODES.values()] == [0, 1, 2, 3, 4, 5, 6, 130]


def test_every_verdict_and_every_comparison_has_a_code():
    assert set(OF_VERDICT) == set(get_args(Verdict))
    assert set(OF_COMPARISON) == set(get_args(Word))


def test_every_error_has_a_code_that_is_told():
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    tree = errors.__doc__ or ""
    assert {kind.exit_code for kind in kinds} == {2, 4, 5, 6}
    for name, code in re.findall(r"x (\w+) \((\d)\)", tree):
        assert getattr(errors, name).exit_code == int(code)
    own = errors.DokimasiaError, errors.UsageError, errors.BudgetError, errors.IntegrityError
    assert [kind.exit_code for kind in own] == [CRASHED, USAGE, BUDGET, ALTERED]


@pytest.mark.parametrize(("codes", "code"), [
    ([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 2], 2), ([2, 5, 3], 5), ([5, 1, 0], 1), ([0, 6], 6), ([3, 6], 6),
    ([6, 2], 2), ([1, 4, 5, 2, 3, 0], 4),
])  # fmt: skip
def test_of_several_audits_the_first_of_an_order_is_left_with_whichever_came_first(codes, code):
    assert {of_several(order) for order in permutations(codes)} == {code}
