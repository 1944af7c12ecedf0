"""The closing table: under eighty columns whatever is in it, and nothing lost."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fixtures import LM, finding, hostile, rate, real, write_audit

from audit.cli.closing_table import WIDTH, _wrapped, closing_table
from audit.record import DIMENSIONS, Limit

LIMIT = Limit(measure="share", at_most=0.5)


def columns(line):
    """What a line takes of a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else unicodedata.combining(char) == 0 for char in line)


def audit(folder, name, dimensions, verdict="failed"):
    why = "Share is 61.0 % [57.1 %, 65.2 %] of 480 items; the whole interval breaks the limit at most 50 %."
    found = [
        finding(f"check-{one}", verdict, why, probe=f"{one}.probe", limit=LIMIT, measures=[rate("share", 293, 480)])
        for one in dimensions
    ]
    return write_audit(folder, found, models={"main": LM.model_copy(update={"name": name})})


def test_the_table_as_a_page_draws_it(tmp_path):
    """Dimensions that nobody asked about have no column, and what is wrong stands under its row."""
    time = finding("time", "measured", "told", probe="efficiency.sampling", gating=False,
                   measures=[real("seconds_per_sample", 0.000227, 0.00001, 32, unit="seconds")])
    sound = audit(tmp_path / "a", "vae sound", ["bias"], "passed").record
    vae = write_audit(tmp_path / "c", [*sound.findings, time], models=sound.models)
    assert closing_table([vae, audit(tmp_path / "b", "vae flawed", ["bias"])]) == """\
model      bias     efficie. decided
vae sound  v 61.0 % . 227 us 1/1
vae flawed x 61.0 % -        1/1
  x check-bias: class share (corrected): 61.0 % (limit at most 50 %)

v passed  x failed  ? undecided  ~ not measurable  ! crashed
. measured, no limit  - outside the plan  * measures without limit far off"""


def test_a_measure_without_limit_that_is_far_off_marks_its_cell(tmp_path):
    far = rate("unusable_share", 90, 300, ideal=0.0)
    one = finding("s", "passed", "told", probe="quality.samples", limit=LIMIT, measures=[rate("share", 1, 9), far])
    assert "v 11.1 %* 1/1" in closing_table([write_audit(tmp_path, [one])])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.text(min_size=1, max_size=60),
                st.sampled_from(["autoregressive series flawed", "a" * 90, "가나다" * 20]),
            ),
            st.lists(st.sampled_from([*DIMENSIONS, "something of their own"]), min_size=1, unique=True),
            st.sampled_from(["failed", "passed", "inconclusive"]),
        ),
        min_size=1, max_size=4,
    )
)
def test_no_line_is_wider_than_a_terminal_and_nothing_is_lost(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("audits")
    audits = [audit(folder / str(at), *row) for at, row in enumerate(rows)]
    table = closing_table(audits)
    assert max(map(columns, table.splitlines())) <= WIDTH
    wrong = sum(verdict != "passed" for _, _, verdict in rows)
    assert len(re.findall(r"^  [x?] check-", table, re.MULTILINE)) == wrong
    assert table.count("61.0 %") == sum(len(dimensions) for _, dimensions, _ in rows) + wrong


@pytest.mark.parametrize("name", ["autoregressive series flawed", "도키마시아가 살펴본 아주 긴 이름의 모형"])
def test_a_long_name_goes_on_under_itself(tmp_path, name):
    table = closing_table([audit(tmp_path, name, DIMENSIONS)])
    assert max(map(columns, table.splitlines())) <= WIDTH
    flat = "".join(line[:20].strip() for line in table.splitlines())
    for word in name.split():
        assert word in flat


def test_hostile_names_cannot_steer_a_terminal(tmp_path):
    table = closing_table([hostile(tmp_path)])
    assert not [char for char in table if char != "\n" and unicodedata.category(char)[0] == "C"]
    assert max(map(columns, table.splitlines())) <= WIDTH


def test_a_name_without_blanks_is_broken_behind_its_hyphen():
    assert _wrapped("SmolLM2-135M-Instruct", 20) == ["SmolLM2-135M-", "Instruct"]
    assert _wrapped("a" * 25, 20) == ["a" * 20, "a" * 5]
