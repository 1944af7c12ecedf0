"""A measure is printed by one builder, so that audit, comparison and review tell the same number the same way."""

from dataclasses import replace

import pytest
from report_fixtures import finding, rate, real, unknown, write_audit

from audit.record import Limit
from reports.text import Notation, words_of
from reports.views import overview, printed
from reports.views.comparison import _side_row
from reports.views.measure_rows import method_rows
from reports.views.review import _row

WORDS = words_of("en")
NOTATION = Notation(WORDS)
TIGHT = replace(rate("m", 1, 4), value=0.599996, low=0.59, high=0.599999)


@pytest.mark.parametrize(
    ("measure", "limit"),
    [
        (rate("m", 7, 40), None), (rate("m", 7, 40), Limit(measure="m", at_most=0.2)),
        (TIGHT, Limit(measure="m", at_most=0.6)), (unknown("m", "no answers"), None),
        (real("m", 0.412, 0.05, 50, unit="seconds"), Limit(measure="m", at_least=0.1, at_most=0.5)),
        (replace(rate("m", 7, 40), n={"items": 400, "units": 40}), Limit(measure="other", at_most=0.2)),
    ],
)  # fmt: skip
def test_every_reader_prints_a_measure_alike(tmp_path, measure, limit):
    one = finding("x", "measured", "why", measures=[measure], limit=limit)
    audit = write_audit(tmp_path / "x", [one])
    row = printed(measure, limit, NOTATION)
    mark = "a" if measure.method != "none" else ""
    assert overview(audit, WORDS).findings[0].headline == replace(row, mark=mark)
    side = _side_row("A", measure, limit, NOTATION)
    told = (side.value, side.interval, side.n, side.limit_text, side.undefined, side.limit)
    assert told == (row.value, row.interval, row.n, row.limit_text, row.undefined, row.limit)
    if measure.value is not None:
        after = _row("reviewed.machine", one, NOTATION)
        assert (after.value, after.interval, after.n) == (f"{row.value} {row.unit}".strip(), row.interval, row.n)


def test_a_limit_on_another_measure_is_none():
    assert printed(rate("m", 7, 40), Limit(measure="m", group="a", at_most=0.2), NOTATION).limit is None


def test_a_method_is_told_once_with_its_users_and_the_least_that_it_holds():
    low, high = (replace(real("m", 1.5, 0.5, 9, unit="score"), min_units=n, worst_coverage=c)
                 for n, c in ((100, 0.94), (20, 0.9)))
    exact = rate("m", 1, 4)
    rows = method_rows([("b", "y", low), ("a", "x", exact), ("b", "x", high), ("b", "y", high)], str)
    assert [(row.method, row.users, row.min_units, row.worst_coverage) for row in rows] == [
        ("a", ("x",), 0, None), ("b", ("y", "x"), 100, 0.9)
    ]
