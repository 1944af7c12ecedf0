"""View models: the sentence, the order, what was not measured, the worst group first."""

import itertools
from dataclasses import replace

import pytest
from report_fixtures import finding, mixed, rate, real, unknown, write_audit

from audit.record import DIMENSIONS, WORST_FIRST, Limit
from reports.text import words_of
from reports.views import overview
from reports.views.summary import summary_sentence, tally
from reports.views.whole_audit import anchor_of

WORDS = words_of("en")
LIMIT = Limit(measure="error_share", at_most=0.2)


def check(verdict, *, gating=True, name=None, **more):
    return finding(name or verdict, verdict, "why", gating=gating, **more)


def sentence(tmp_path, *findings):
    return summary_sentence(write_audit(tmp_path, findings).record, WORDS)


def many(verdict, count, **more):
    return [check(verdict, name=f"{verdict}-{index}", **more) for index in range(count)]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], "Nothing was asked: this record holds no findings."),
        (many("passed", 1), "Passed: 1 of 1 check."),
        (many("passed", 3), "Passed: all 3 checks."),
        (many("passed", 2) + many("measured", 1, gating=False), "Passed: 2 of 3 checks; 1 measured without a limit."),
        (many("passed", 2) + many("failed", 1, gating=False), "Passed: 2 of 3 checks; 1 failed without gating."),
        (many("passed", 2) + many("crashed", 2, gating=False), "Passed: 2 of 4 checks; 2 crashed without gating."),
        (many("failed", 3), "Failed: all 3 checks."),
        (many("failed", 3) + many("passed", 11), "Failed: 3 of 14 checks."),
        (
            [
                *many("failed", 3),
                *many("passed", 9),
                check("inconclusive", more_units=178),
                check("inconclusive", name="b"),
            ],
            "Failed: 3 of 14 checks; 2 undecided, about 180 pairs more would do.",
        ),
        (
            [*many("failed", 1), check("crashed"), check("skipped"), check("inconclusive", more_units=1)],
            "Failed: 1 of 4 checks; 1 crashed; 1 undecided, about 1 pair more would do; 1 not measured.",
        ),
        (many("crashed", 2) + many("passed", 1), "Crashed: 2 of 3 checks did not come to an end."),
        (
            many("inconclusive", 2, more_units=1_234) + many("passed", 2),
            "Undecided: 2 of 4 checks, about 1,300 pairs more would do for each.",
        ),
        (
            [check("inconclusive", fresh_units=410), *many("inconclusive", 2, more_units=9), *many("passed", 1)],
            "Undecided: 3 of 4 checks, about 9 pairs more would do for each, "
            "a fresh sample of about 410 pairs would do.",
        ),
        (many("skipped", 1) + many("passed", 1), "Undecided: 1 of 2 checks could not be measured."),
        (many("skipped", 2), "Undecided: none of 2 checks could be measured."),
        (many("measured", 4, gating=False), "Measured: 4 checks, none with a limit."),
        (
            many("measured", 3, gating=False) + many("failed", 1, gating=False),
            "Measured: 3 of 4 checks; none decides; 1 failed without gating.",
        ),
    ],
)
def test_an_audit_in_one_sentence(tmp_path, findings, expected):
    assert sentence(tmp_path, *findings) == expected


def test_units_are_not_called_items_where_they_are_fewer(tmp_path):
    one = check("inconclusive", more_units=40, measures=[rate("error_share", 30, 120, units=12)], limit=LIMIT)
    assert sentence(tmp_path, one) == "Undecided: 1 of 1 check, about 40 independent units more would do."


@pytest.mark.parametrize(("verdict", "gating"), list(itertools.product(WORST_FIRST, (True, False))))
def test_every_verdict_has_a_sentence_a_word_and_a_place(tmp_path, verdict, gating):
    view = overview(write_audit(tmp_path, [check(verdict, gating=gating), check("passed", name="other")]), WORDS)
    assert view.sentence.endswith(".")
    assert {one.finding.check for one in view.findings} == {verdict, "other"}
    assert view.findings[0].verdict


def test_findings_come_worst_first_and_gating_first(tmp_path):
    findings = [
        check(verdict, gating=gating, name=f"{verdict}-{gating}")
        for gating in (False, True)
        for verdict in reversed(WORST_FIRST)
    ]
    view = overview(write_audit(tmp_path, findings), WORDS)
    assert [one.finding.check for one in view.findings] == [
        f"{verdict}-{gating}" for verdict in WORST_FIRST for gating in (True, False)
    ]


def test_what_was_not_measured_names_check_and_reason(tmp_path):
    holes = [unknown("error_share", "no items", group=f"g{index}") for index in range(7)]
    view = overview(
        write_audit(
            tmp_path,
            [
                finding("a", "skipped", "The plan gives no data for fit."),
                finding("b", "crashed", "RuntimeError: x"),
                finding(
                    "c", "passed", "fine", measures=[rate("error_share", 1, 9), *holes, unknown("f1", "no positives")]
                ),
            ],
        ),
        WORDS,
    )
    told = [(gap.view.name, gap.what, gap.why) for gap in view.gaps]
    assert ("a", "Not measured", "The plan gives no data for fit.") in told
    assert ("b", "Crashed", "RuntimeError: x") in told
    assert ("c", "error share of g0, g1, g2, g3, g4 and 2 more", "no items") in told
    assert ("c", "f1", "no positives") in told
    assert len(told) == 4


def test_dimensions_without_a_check_are_told(tmp_path):
    view = overview(write_audit(tmp_path, [check("passed")]), WORDS)
    assert [name for name, _ in view.dimensions] == [WORDS.term("dimension", name) for name in DIMENSIONS]
    assert (
        view.unasked
        == "Outside the plan: " + ", ".join(WORDS.term("dimension", name) for name in DIMENSIONS[1:]) + "."
    )


@pytest.mark.parametrize(
    ("direction", "ideal", "expected"),
    [
        ("lower is better", None, ["c", "b", "a", "none"]),
        ("higher is better", None, ["a", "b", "c", "none"]),
        ("nearer to ideal is better", 0.5, ["c", "a", "b", "none"]),
        ("neither", None, ["a", "b", "c", "none"]),
    ],
)
def test_the_worst_group_comes_first_and_the_undefined_last(tmp_path, direction, ideal, expected):
    groups = [
        rate("m", k, 10, group=group, direction=direction, ideal=ideal) for group, k in (("b", 5), ("a", 3), ("c", 9))
    ]
    one = finding(
        "x",
        "measured",
        "why",
        gating=False,
        measures=[rate("m", 17, 30), unknown("m", "no items", group="none"), *groups],
    )
    [view] = overview(write_audit(tmp_path, [one]), WORDS).findings
    whole, by_group = view.blocks
    assert [row.group for row in by_group.rows] == expected
    assert by_group.reference is whole.rows[0]


def test_the_limit_speaks_of_one_measure_alone(tmp_path):
    measures = [rate("f1", 3, 9), rate("error_share", 1, 9), rate("error_share", 1, 4, group="g")]
    [view] = overview(
        write_audit(tmp_path, [finding("x", "passed", "why", measures=measures, limit=LIMIT)]), WORDS
    ).findings
    assert view.headline.measure.name == "error_share"
    assert [(row.name, row.group) for row in view.rows if row.limit_text] == [("error share", None)]


def test_differences_of_shares_have_a_scale_of_their_own(tmp_path):
    gap = real("gap", 0.02, 0.05, 200, unit="share")
    [view] = overview(
        write_audit(tmp_path, [finding("x", "measured", "why", measures=[rate("m", 1, 9), gap, rate("k", 2, 9)])]),
        WORDS,
    ).findings
    assert [[row.name for row in block.rows] for block in view.blocks] == [["m", "k"], ["gap"]]


def test_measures_that_find_no_room_are_counted(tmp_path):
    measures = [rate("m", 1, 9), *(rate("m", 1, 9, group=str(index)) for index in range(50))]
    findings = [finding(name, "passed", "why", measures=measures) for name in ("a", "b")]
    view = overview(write_audit(tmp_path, findings), WORDS, most_measures=20)
    assert [(len(one.rows), one.left_out) for one in view.findings] == [(10, 41), (10, 41)]


def test_methods_are_told_with_what_they_were_measured_to_hold(tmp_path):
    one = finding("x", "passed", "why", measures=[rate("m", 1, 9), real("auroc", 0.9, 0.01, 400, unit="score")])
    uses = {use.method: use for use in overview(write_audit(tmp_path, [one]), WORDS).methods}
    assert (uses["bootstrap over units (BCa)"].min_units, uses["bootstrap over units (BCa)"].worst_coverage) == (
        100,
        0.931,
    )
    assert uses["exact binomial (Clopper-Pearson)"].min_units == 0
    assert uses["exact binomial (Clopper-Pearson)"].worst_coverage is None


def test_anchors_are_plain_and_differ():
    assert anchor_of("stereotypes-2") == "check-stereotypes-2"
    names = ['a" onclick="x', "a b", "../..", "a" * 90, "한국어"]
    anchors = [anchor_of(name) for name in names]
    assert len(set(anchors)) == len(names)
    assert all(anchor.removeprefix("check-").isalnum() for anchor in anchors)


def test_a_realistic_audit_has_a_view_of_every_check(tmp_path):
    view = overview(mixed(tmp_path, 40), WORDS)
    counts = tally(view.record.findings)
    assert len(view.findings) == 40
    assert sum(count for _, count in counts) == 40
    assert [verdict for verdict, _ in counts] == list(WORST_FIRST)


def test_measures_of_which_nothing_is_drawn_stand_in_one_table_by_their_unit(tmp_path):
    """Each count of operations had a table of its own, with a head, for one row."""
    bare = [replace(unknown(name, "none was asked"), unit=unit) for name, unit in (
        ("flops_per_item", "count"), ("flops_per_sample", "count"), ("overhead", "score"), ("energy", "joules"),
        ("p", "p-value"),
    )]  # fmt: skip
    one = finding("x", "measured", "why", measures=[rate("share", 1, 3), *bare])
    blocks = overview(write_audit(tmp_path, [one]), WORDS).findings[0].blocks
    assert [[row.measure.name for row in block.rows] for block in blocks] == [
        ["share"], ["flops_per_item", "flops_per_sample", "overhead"], ["energy"], ["p"],
    ]
