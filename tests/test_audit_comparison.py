"""Two audits of one plan: numbers by hand, mirrors, size and power, refusals, and real audits of real models."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from comparison_fixtures import Asked, audit_of, two_audits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_fixtures import real

from audit.compare import Margins, compare_audits, compare_several, comparison_sentence, worst_word
from audit.data.generated import Made
from audit.errors import IntegrityError, UsageError
from audit.execute import run
from audit.exit_codes import OF_COMPARISON
from audit.files import canonical, digest_file, write_atomic
from audit.integrity import check_digests
from audit.models.causal_lm import CausalLMFolder
from audit.plan import Check, Plan, plan_differences, refusal
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.probes.factuality.closed_book import ClosedBook
from audit.record import Evidence, Limit, dump, load_record
from audit.reference.cards import WEIGHTS
from audit.verdict import store_frame
from detectors.differences import auroc_difference, mean_difference
from detectors.intervals import auroc, discordant_interval, mean_over_units
from detectors.ranking import rank
from detectors.result import Measure

ACCURATE = Limit(measure="accuracy", at_least=0.5)
FEW = Limit(measure="accuracy", at_most=0.5)


def answers(right, wrong):
    return [1.0] * right + [0.0] * wrong


def compared(into, first, second, margins=None, **plans):
    return compare_audits(*two_audits(into, first, second, **plans), margins)


def only(found):
    (check,) = found.checks
    return check


# Numbers


def test_a_worked_example(tmp_path):
    """60 items: 40 right in both, 10 in A alone, 2 in B alone. -8/60; 2 P(X <= 2 | 12) = 158 / 4096."""
    a = answers(40, 0) + answers(10, 0) + answers(0, 2) + answers(0, 8)
    b = answers(40, 0) + answers(0, 10) + answers(2, 0) + answers(0, 8)
    check = only(compared(tmp_path, [Asked("facts", a, ACCURATE)], [Asked("facts", b, ACCURATE)]))
    gap = check.deciding.difference
    assert (gap.value, gap.n, gap.level) == (pytest.approx(-8 / 60), {"items": 60, "units": 60}, 0.95)
    assert check.deciding.p == check.changes.p == pytest.approx(158 / 4096)
    assert check.changes.newly_failing == tuple(f"facts-{number}" for number in range(40, 50))
    assert check.changes.newly_passing == ("facts-50", "facts-51")
    assert (check.changes.counted, check.changes.test) == (60, "McNemar's exact test")
    assert (check.word, check.fresh_units) == ("worse", None)
    assert "exact" in gap.method


def test_items_are_paired_by_id_whatever_their_order(tmp_path):
    values, ids = answers(30, 30), [f"q{number}" for number in range(60)]
    first = [Asked("facts", values, ACCURATE, ids=ids)]
    check = only(compared(tmp_path, first, [Asked("facts", values[::-1], ACCURATE, ids=ids[::-1])]))
    assert (check.deciding.difference.value, check.changes.newly_failing) == (0, ())
    gone = only(compared(tmp_path / "part", first, [Asked("facts", values[10:], ACCURATE, ids=ids[10:])]))
    assert gone.deciding.difference.n == {"items": 50, "units": 50}


def test_the_unit_is_averaged_not_the_row(tmp_path):
    """Four units; in one of them all ten items turn: a quarter of the units, with 4 units' worth of certainty."""
    units = [f"u{number // 10}" for number in range(40)]
    a, b = answers(40, 0), answers(0, 10) + answers(30, 0)
    check = only(compared(tmp_path, [Asked("facts", a, FEW, units)], [Asked("facts", b, FEW, units)]))
    assert check.deciding.difference.value == pytest.approx(-0.25)
    assert check.deciding.difference.n == {"items": 40, "units": 4}
    assert (check.changes.p, check.changes.test) == (1.0, "exact sign test over units")


def test_gating_checks_share_the_budget_and_others_do_not(tmp_path):
    asked = [Asked(f"c{number}", answers(20, 20), ACCURATE) for number in range(5)] + [Asked("free", answers(20, 20))]
    found = compared(tmp_path, asked, asked)
    levels = {one.check: one.deciding.difference.level for one in found.checks}
    assert levels == {**{f"c{number}": pytest.approx(0.99) for number in range(5)}, "free": 0.95}


# Words and margins


@pytest.mark.parametrize(
    ("limit", "right_a", "right_b", "margin", "word", "code"),
    [
        (ACCURATE, 180, 120, 0.0, "worse", 1),
        (ACCURATE, 120, 180, 0.0, "better", 0),
        (FEW, 120, 180, 0.0, "worse", 1),
        (FEW, 180, 120, 0.0, "better", 0),
        (ACCURATE, 150, 148, 0.0, "undecided", 3),
        (ACCURATE, 150, 148, 0.1, "no worse", 0),
        (FEW, 150, 152, 0.1, "no worse", 0),
        (ACCURATE, 180, 120, 0.1, "worse", 1),
        (ACCURATE, 180, 120, 0.3, "undecided", 3),
        (ACCURATE, 180, 120, 0.5, "no worse", 0),
    ],
)
def test_the_word_follows_the_way_that_is_good(tmp_path, limit, right_a, right_b, margin, word, code):
    first, second = ([Asked("facts", answers(right, 200 - right), limit)] for right in (right_a, right_b))
    found = compared(tmp_path, first, second, Margins(margin))
    assert only(found).word == word
    assert found.word == ("no worse" if word == "better" else word)
    assert OF_COMPARISON[found.word] == code
    gap, keeps = only(found).deciding.difference, only(found).deciding.keeps
    assert (keeps.at_most, keeps.at_least) == ((margin, None) if limit is FEW else (None, -margin))
    if word == "worse":
        assert gap.low > margin if limit is FEW else gap.high < -margin


def test_a_fresh_sample_would_decide(tmp_path):
    """A difference of -5 points with an interval of about 5 to either side: so many units, and it is decided."""

    def check(copies, into):
        a = answers(160 * copies, 0) + answers(0, 40 * copies)
        b = answers(140 * copies, 20 * copies) + answers(10 * copies, 30 * copies)
        return only(compared(into, [Asked("facts", a, ACCURATE)], [Asked("facts", b, ACCURATE)]))

    few = check(1, tmp_path / "few")
    assert few.word == "undecided"
    assert 200 < few.fresh_units < 2200
    assert f"a fresh sample of about {few.fresh_units:,} units would decide" in comparison_sentence(few.reason)
    many = check(2 * math.ceil(few.fresh_units / 200), tmp_path / "many")
    assert many.word == "worse"


def test_a_margin_of_one_measure_goes_before_the_plain_one(tmp_path):
    first, second = [Asked("facts", answers(150, 50), ACCURATE)], [Asked("facts", answers(148, 52), ACCURATE)]
    assert only(compared(tmp_path, first, second, Margins(0.0, {"accuracy": 0.1}))).word == "no worse"
    assert only(compared(tmp_path, first, second, Margins(0.1, {"accuracy": 0.0}))).word == "undecided"


def test_a_plain_margin_is_for_shares_and_scores(tmp_path):
    seconds = [real("latency", value, 0.01, 50, unit="seconds", direction="lower is better", min_units=0)
               for value in (1.0, 1.03)]
    limit = Limit(measure="latency", at_most=2.0)
    first, second = ([Asked("time", [], limit, measures=[one])] for one in seconds)
    assert only(compared(tmp_path, first, second, Margins(0.1))).word == "worse"
    assert only(compared(tmp_path, first, second, Margins(0.1, {"latency": 0.1}))).word == "no worse"


def test_nearer_to_the_ideal_is_better_where_no_limit_says_otherwise(tmp_path):
    near = {"direction": "nearer to ideal is better", "ideal": 0.5}
    first, second = ([Asked("pairs", answers(right, 400 - right), **near)] for right in (80, 220))
    check = only(compared(tmp_path, first, second))
    assert (check.word, check.deciding.ideal, check.changes) == ("better", 0.5, None)
    assert check.deciding.difference.value == pytest.approx(0.05 - 0.3)
    assert only(compared(tmp_path / "back", second, first)).word == "worse"
    limited = [[Asked("pairs", answers(right, 400 - right), FEW, **near)] for right in (80, 220)]
    assert only(compared(tmp_path / "limit", *limited)).word == "worse"


def test_nothing_is_decided_where_no_way_is_good(tmp_path):
    pair = ([Asked("x", answers(*counts), direction="neither")] for counts in ((9, 1), (1, 9)))
    found = compared(tmp_path, *pair)
    assert (found.word, only(found).word, only(found).deciding.keeps) == ("measured", "measured", None)


def test_an_approximate_difference_decides_from_its_least_number_of_units_on(tmp_path):
    limit = Limit(measure="kid", at_most=1.0)
    few = [real("kid", value, 0.01, 30, unit="score", direction="lower is better") for value in (0.1, 0.5)]
    check = only(compared(tmp_path, *([Asked("samples", [], limit, measures=[one])] for one in few)))
    assert (check.word, check.reason["key"], check.more_units) == ("undecided", "too_few", 70)
    gap = check.deciding.difference
    assert (gap.min_units, gap.worst_coverage, "arms" in gap.method) == (100, 0.931, True)
    assert gap.low == pytest.approx(0.4 - 0.02)
    assert (gap.guarantee, gap.measured_to) == ("measured", 0.999)


def test_a_difference_of_measured_intervals_decides_up_to_the_level_they_were_measured_at(tmp_path):
    """The bound of two arms is proved, but not what it is made of: it was said to hold at any level."""
    facts = {"unit": "score", "direction": "lower is better", "measured_to": 0.9}
    pair = [real("kid", value, 0.01, 200, **facts) for value in (0.1, 0.5)]
    check = only(compared(tmp_path, *([Asked("samples", [], measures=[one])] for one in pair)))
    assert (check.word, check.reason["key"]) == ("undecided", "measured_less")


def test_the_first_measure_stands_beside_the_one_that_decides(tmp_path):
    pair = [[real("kid", kid, 0.01, 200, unit="score", direction="lower is better"),
             real("missing", missing, 0.0, 200, unit="count", direction="lower is better")]
            for kid, missing in ((0.5, 0.0), (0.1, 2.0))]
    limit = Limit(measure="missing", at_most=3)
    check = only(compared(tmp_path, *([Asked("samples", [], limit, measures=each)] for each in pair)))
    assert [(one.a.name, one.word) for one in check.measures] == [("kid", "better"), ("missing", "worse")]
    assert check.word == "worse"


# What is paired


def test_group_rows_are_found_by_what_the_measure_says(tmp_path):
    frames, measures = [], []
    for right in (9, 3):
        frame = pd.DataFrame({"id": [f"i{n}" for n in range(40)], "group": ["age"] * 20 + ["sex"] * 20,
                              "value": answers(20, 0) + answers(right, 20 - right)})
        mean = mean_over_units(frame["value"][20:], level=0.95, rng=np.random.default_rng(0))
        frames.append(frame)
        measures.append(Measure(
            name="accuracy", group="sex", value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share",
            direction="higher is better", level=0.95, method=mean.method, mean_of="value", where={"group": "sex"},
        ))
    limit = Limit(measure="accuracy", group="sex", at_least=0.1)
    sides = zip(measures, frames, strict=True)
    pair = [[Asked("facts", [], limit, measures=[one], frame=frame)] for one, frame in sides]
    check = only(compared(tmp_path, *pair))
    assert check.deciding.difference.value == pytest.approx(-6 / 20)
    assert check.changes.newly_failing == tuple(f"i{n}" for n in range(23, 29))


def test_items_that_do_not_give_the_numbers_are_not_paired(tmp_path):
    first, second = [Asked("facts", answers(30, 10), ACCURATE)], [Asked("facts", answers(20, 20), ACCURATE)]
    a, b = two_audits(tmp_path, first, second)
    wrong = replace(a.record.findings[0].measures[0], value=0.7)
    findings = [a.record.findings[0].model_copy(update={"measures": [wrong]})]
    write_atomic(a.folder / "record.json", dump(a.record.model_copy(update={"findings": findings})))
    check = only(compare_audits(load_record(a.folder), b))
    assert "arms are added" in check.deciding.difference.method
    assert check.deciding.difference.value == pytest.approx(0.5 - 0.7)
    assert check.changes is None


def scored(seed, shift):
    generator = np.random.default_rng(seed)
    common = np.random.default_rng(9).normal(size=160)
    frame = pd.DataFrame({"id": [f"i{n}" for n in range(160)], "role": ["items"] * 80 + ["foreign"] * 80,
                          "nll": common + generator.normal(size=160) + shift * np.repeat([0, 1], 80)})
    value, low, high = auroc(frame["nll"][:80], frame["nll"][80:])
    return frame, Measure(
        name="auroc", value=value, low=low, high=high, n={"items": 160, "units": 80}, unit="score",
        direction="higher is better", level=0.95, method="AUROC", auroc_of=(("items", "nll"), ("foreign", "nll")),
    )


def test_aurocs_are_paired_on_the_items_of_both_roles(tmp_path):
    sides = [scored(1, 3.0), scored(2, 1.0)]
    limit = Limit(measure="auroc", at_least=0.5)
    shuffled = [(frame.sample(frac=1, random_state=3), one) for frame, one in sides]
    pair = [[Asked("foreign", [], limit, measures=[one], frame=frame)] for frame, one in shuffled]
    check = only(compared(tmp_path, *pair))
    both = pd.DataFrame({"first": sides[0][0]["nll"], "second": sides[1][0]["nll"]})
    made = auroc_difference(both[:80], both[80:], (np.arange(80), np.arange(80, 160)), level=0.95)
    gap = check.deciding.difference
    assert (gap.value, gap.low, gap.high) == pytest.approx((made.value, made.low, made.high))
    assert gap.guarantee == "finite sample"
    assert (check.word, gap.n) == ("worse", {"items": 160, "units": 80})


def test_an_item_and_its_distortion_are_one_unit(tmp_path):
    """Both sides of a blind spot's AUROC are columns of the same rows, whose units may hold several items."""
    frames, measures, spec = [], [], (("items", "nll"), ("items", "nll_noise"))
    for seed, shift in ((1, 3.0), (2, 1.0)):
        generator = np.random.default_rng(seed)
        nll, units = generator.normal(size=80), [f"u{n // 2}" if n < 60 else None for n in range(80)]
        frames.append(pd.DataFrame({
            "id": [f"i{n}" for n in range(80)], "role": "items", "unit": units, "nll": nll,
            "nll_noise": nll + shift + generator.normal(size=80),
        }))
        value = auroc(frames[-1]["nll"], frames[-1]["nll_noise"])[0]
        facts = {"unit": "score", "direction": "higher is better", "group": "noise", "auroc_of": spec}
        measures.append(real("blind_spot_auroc", value, 0.01, 80, **facts))
    limit = Limit(measure="blind_spot_auroc", group="noise", at_least=0.5)
    pair = [[Asked("spots", [], limit, measures=[m], frame=f)] for m, f in zip(measures, frames, strict=True)]
    gap = only(compared(tmp_path, *pair)).deciding.difference
    low, high = (pd.DataFrame({"first": frames[0][c], "second": frames[1][c]}) for c in ("nll", "nll_noise"))
    labels = frames[0]["unit"].fillna(frames[0]["id"]).to_numpy(str)
    expected = rank(low, high, (labels, labels)).difference("second", "first", 0.95)
    assert (gap.value, gap.low, gap.high) == pytest.approx(expected)
    assert gap.n == {"items": 160, "units": 50}


def test_an_early_stop_is_watched_over_the_items_that_both_asked(tmp_path):
    generator = np.random.default_rng(5)
    a, b = (generator.random(90) < 0.9).astype(float), (generator.random(60) < 0.3).astype(float)
    first, second = ([Asked("facts", values, ACCURATE, stop="early")] for values in (a, b))
    check = only(compared(tmp_path, first, second))
    assert check.deciding.difference.n == {"items": 60, "units": 60}
    assert "confidence sequence" in check.deciding.difference.method
    assert (check.word, check.changes.p) == ("worse", None)


# Laws


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0, 0.5, 1]), st.sampled_from([0, 1]), st.sampled_from("abc")),
        min_size=2, max_size=20,
    ),
    clustered=st.booleans(), at_most=st.booleans(),
)
def test_the_other_way_round_is_the_mirror_image(rows, clustered, at_most):
    limit = FEW if at_most else ACCURATE
    a, b, units = zip(*rows, strict=True)
    with TemporaryDirectory() as folder:
        sides = [Asked("facts", values, limit, units if clustered else None) for values in (a, b)]
        pair = two_audits(Path(folder), sides[:1], sides[1:])
        there, back = only(compare_audits(*pair)), only(compare_audits(*pair[::-1]))
        same = compare_audits(pair[0], pair[0])
    one, two = there.deciding.difference, back.deciding.difference
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low), abs=1e-8)
    assert there.deciding.p == pytest.approx(back.deciding.p)
    mirror = {"worse": "better", "better": "worse", "undecided": "undecided", "no worse": "no worse"}
    assert there.word == mirror[back.word]
    if there.changes is not None:
        assert (there.changes.newly_failing, there.changes.p) == (back.changes.newly_passing, back.changes.p)
    gap = only(same).deciding.difference
    assert (gap.value, gap.low, gap.high, same.word, OF_COMPARISON[same.word]) == (0, 0, 0, "no worse", 0)


@pytest.mark.parametrize(("checks", "units"), [(1, 1), (4, 1), (4, 5)])
def test_two_draws_of_one_model_are_not_called_worse_more_often_than_the_level(checks, units):
    """Exactly what `compare_audits` computes of such checks, without the files: any word worse in an audit."""
    generator, worse, rounds = np.random.default_rng(11), 0, 100
    level = 1 - 0.05 / checks
    for _ in range(rounds):
        found = False
        for _ in range(checks):
            skill = np.repeat(generator.beta(4, 1, 100 // units), units)
            a, b = (generator.random((2, skill.size)) < skill).astype(float)
            labels = np.repeat(np.arange(100 // units), units)
            gap = mean_difference(a, b, labels, level=level, rng=generator)
            found |= gap.high < 0
        worse += found
    assert worse / rounds <= 0.05


def test_a_planted_worse_model_is_found(tmp_path):
    """Accuracy 0.9 -> 0.7 on 200 items, four gating checks, one of them worse: nine times of ten, and never another."""
    generator, hits, others = np.random.default_rng(12), 0, 0
    for number in range(10):
        skill = generator.random((4, 200)) < 0.9
        turned = skill & ~((generator.random((4, 200)) < 0.2) & (np.arange(4) == 2)[:, None])
        first, second = (
            [Asked(f"c{at}", row.astype(float), ACCURATE) for at, row in enumerate(rows)] for rows in (skill, turned)
        )
        found = compared(tmp_path / str(number), first, second)
        words = {one.check: one.word for one in found.checks}
        hits += words["c2"] == "worse"
        others += any(words[name] == "worse" for name in ("c0", "c1", "c3"))
    assert hits >= 9
    assert others == 0


# Groups, and what items say


def by_language(right, asked=100):
    """A check of three languages of `asked` questions each, so many right, with what was asked and answered."""
    names = ("English", "German", "Korean")
    values = np.concatenate([answers(one, asked - one) for one in right])
    groups = np.repeat(names, asked)
    frame = pd.DataFrame({
        "id": [f"q{at}" for at in range(values.size)], "question": [f"Question {at}?" for at in range(values.size)],
        "group": groups, "answer": np.where(values == 1, "Seoul", "Busan"), "value": values,
    })
    made = {"unit": "share", "direction": "higher is better", "mean_of": "value"}
    measures = [
        real("accuracy", one, 0.05, asked, group=name, where={"group": name}, **made)
        for name, one in zip(names, np.array(right) / asked, strict=True)
    ]
    whole = real("accuracy", values.mean(), 0.03, values.size, **made)
    return Asked("facts", [], ACCURATE, measures=[*measures, whole], frame=frame)


def test_a_group_that_fell_shows_first_and_the_groups_hold_together(tmp_path):
    """Korean 83 -> 61 of 100, the others as good as before: the worst first, each at 1 - .05 / 3, p times 3."""
    check = only(compared(tmp_path, [by_language((93, 81, 83))], [by_language((92, 83, 61))]))
    assert [(one.a.group, one.word) for one in check.groups] == [
        ("Korean", "worse"), ("English", "undecided"), ("German", "undecided"),
    ]
    worst = check.groups[0]
    assert worst.difference.value == pytest.approx(-0.22)
    assert worst.difference.level == pytest.approx(1 - 0.05 / 3)
    assert (worst.difference.low, worst.difference.high) == discordant_interval(22, 0, 100, 1 - 0.05 / 3)
    assert worst.p == pytest.approx(3 * 2 * 0.5**22)
    assert check.deciding.a.group is None


def test_groups_decide_nothing(tmp_path):
    """English makes up for what Korean lost, so that the check is no worse, and its groups tell."""
    found = compared(tmp_path, [by_language((60, 80, 90))], [by_language((95, 80, 60))], Margins(0.1))
    assert (found.word, only(found).groups[0].word) == ("no worse", "worse")


def test_two_draws_of_one_model_have_no_group_that_is_called_worse_more_often_than_the_level():
    generator, rounds, worse = np.random.default_rng(5), 200, 0
    for _ in range(rounds):
        lost, won, _ = generator.multinomial(40, [0.15, 0.15, 0.7], 10).T
        ends = [discordant_interval(int(b), int(c), 40, 1 - 0.05 / 10) for b, c in zip(lost, won, strict=True)]
        worse += any(high < 0 or low > 0 for low, high in ends)
    assert worse / rounds <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / rounds)


def test_changed_items_are_told_by_what_they_say(tmp_path):
    check = only(compared(tmp_path, [by_language((93, 81, 83))], [by_language((92, 81, 83))]))
    assert check.changes.newly_failing == ("q92",)
    said = check.changes.said["q92"]
    assert (said.item, said.a, said.b) == ("Question 92?", "Seoul", "Busan")


# Several candidates


def test_paired_intervals_of_several_candidates_hold_together(tmp_path):
    """Two candidates at 95 %: each difference at 97.5 %, p of both adjusted by Holm; 10 lost, then 10 lost of 2 won."""
    base = [Asked("facts", answers(50, 10), ACCURATE)]
    worse = [Asked("facts", answers(40, 20), ACCURATE)]
    mixed = [Asked("facts", answers(47, 3) + answers(2, 8), ACCURATE)]
    a, b, c = (audit_of(tmp_path / name, asked, name) for name, asked in zip("abc", (base, worse, mixed), strict=True))
    found = compare_several(a, [b, c])
    gaps = [only(one).deciding for one in found]
    assert [(one.difference.level, one.difference.low, one.difference.high) for one in gaps] == [
        (pytest.approx(0.975), *map(pytest.approx, discordant_interval(lost, won, 60, 0.975)))
        for lost, won in ((10, 0), (3, 2))
    ]
    assert [one.p for one in gaps] == [pytest.approx(2 * 2 / 2**10), pytest.approx(1.0)]
    assert [one.word for one in found] == ["worse", "undecided"]
    assert worst_word(found) == "worse"
    assert compare_several(a, [b]) == (compare_audits(a, b),)
    for others in ([], [b] * 5):
        with pytest.raises(UsageError, match="allowed: 2 to 5"):
            compare_several(a, others)


def test_p_of_groups_and_of_items_are_adjusted_over_all_candidates(tmp_path):
    """Two candidates and three groups: 22 of 100 lost in one group of the first, and p is 6 times what it is alone."""
    base, fell, same = by_language((93, 81, 83)), by_language((93, 81, 61)), by_language((92, 81, 83))
    a, b, c = (audit_of(tmp_path / name, [one], name) for name, one in zip("abc", (base, fell, same), strict=True))
    first, second = (only(one) for one in compare_several(a, [b, c]))
    worst = first.groups[0]
    assert (worst.a.group, worst.difference.level) == ("Korean", pytest.approx(1 - 0.05 / 6))
    assert worst.p == pytest.approx(6 * 2 * 0.5**22)
    assert (first.changes.p, second.changes.p) == (pytest.approx(2 * 2 * 0.5**22), pytest.approx(1.0))
    assert only(compare_audits(a, b)).changes.p == pytest.approx(2 * 0.5**22)


def test_items_of_another_measure_are_told_apart_by_their_marks(tmp_path):
    """The measure is no mean of a column, so that only the detector's marks say which items count against a model."""
    def asked(marks):
        frame = pd.DataFrame({"id": list("abcd"), "against": marks, "text": ["w", "x", "y", "z"]})
        return [Asked("seen", [], ACCURATE, measures=[real("accuracy", 0.8, 0.1, 4, unit="share")], frame=frame)]

    changes = only(compared(tmp_path, asked([True, False, False, None]), asked([False, True, False, True]))).changes
    assert (changes.newly_failing, changes.newly_passing, changes.counted) == (("b",), ("a",), 3)
    assert (changes.p, changes.by_marks, changes.said["b"].item) == (None, True, "x")
    assert changes.said["b"].rows == (2, 2)


# Refusals


def test_the_same_bytes_under_another_path_are_the_same_data(tmp_path):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    a, b = two_audits(tmp_path, asked, asked)
    plan = json.loads((b.folder / "plan.json").read_bytes())
    items = plan["checks"][0]["data"]["items"]
    items |= {"path": "elsewhere/copy.csv", "cite": "Somebody 2020", "licence": "CC0"}
    (b.folder / "plan.json").write_bytes(canonical(plan))
    assert plan_differences(a, b) == []
    items["digest"] = "sha256:other"
    (b.folder / "plan.json").write_bytes(canonical(plan))
    assert [one.place for one in plan_differences(a, b)] == ["checks.facts.data.items.digest"]


@pytest.mark.parametrize(("ids", "named", "same"), [("abc", None, True), ("abd", None, False), ("abc", "key", False)])
def test_result_files_that_ask_the_same_are_compared_by_what_their_items_say(tmp_path, ids, named, same):
    """Other bytes, as each holds its own answers: ids that are digests of what was asked tell, named ones do not."""
    asked = [Asked("facts", answers(2, 1), ACCURATE, ids=list("abc"))]
    audits = []
    for audit, letters in zip(two_audits(tmp_path, asked, asked), ("cab", ids), strict=True):
        plan = json.loads((audit.folder / "plan.json").read_bytes())
        plan["checks"][0]["data"]["items"] |= {"digest": f"sha256:{audit.folder.name}", "id": named}
        (audit.folder / "plan.json").write_bytes(canonical(plan))
        kept = store_frame(audit.folder, "observations/facts.items.parquet", pd.DataFrame({"id": list(letters)}))
        found = audit.finding("facts")
        found = found.model_copy(update={"evidence": [*found.evidence, kept]})
        record = audit.record.model_copy(update={"findings": [found]})
        audits.append(type(audit)(audit.folder, record, None))
    assert (plan_differences(*audits) == []) is same
    if same:
        assert only(compare_audits(*audits)).deciding.difference.value == 0
        write_atomic(audits[1].folder / "observations" / "facts.items.parquet", b"other")
        with pytest.raises(IntegrityError, match="not the file that the record names"):
            plan_differences(*audits)


def test_what_differs_is_named(tmp_path):
    limits = (Limit(measure="accuracy", at_least=least) for least in (0.5, 0.6))
    asked = ([Asked("facts", answers(9, 1), limit)] for limit in limits)
    a, b = (audit_of(tmp_path / f"aaaa{seed}", one, "m", seed=seed) for one, seed in zip(asked, (7, 8), strict=True))
    with pytest.raises(UsageError) as caught:
        compare_audits(a, b)
    assert str(caught.value) == (
        "A and B were not asked the same, so nothing is compared: seed is 7 in A and 8 in B; "
        "checks.facts.limit.at_least is 0.5 in A and 0.6 in B"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"level": 0.9}, "level"),
        ({"limit": 5}, "limit"),
        ({"models": {"main": "x", "judge": "y"}}, "helpers.judge"),
        ({"models": {}}, "audited"),
        ({"checks": []}, "checks"),
    ],
)
def test_everything_but_the_model_counts(tmp_path, change, what):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    a, b = audit_of(tmp_path / "aaaa", asked, "a"), audit_of(tmp_path / "bbbb", asked, "b", **change)
    assert any(one.place.startswith(what) for one in plan_differences(a, b))


def test_a_check_of_one_plan_alone_is_told_once_by_its_probe(tmp_path):
    """And what is null is what is not there, as in plans of earlier versions."""
    one, two = (Asked(name, answers(9, 1), ACCURATE) for name in ("facts", "more"))
    a, b = audit_of(tmp_path / "aaaa", [one], "a"), audit_of(tmp_path / "bbbb", [one, two], "b", promise=None)
    found, *others = sorted(plan_differences(a, b), key=lambda one: one.check != "more")
    assert {one.place for one in others} <= {"checks.facts.level"}, "which has less of the error budget"
    assert (found.place, found.texts) == ("checks.more", (None, "bias.stereotype_pairs"))
    assert refusal([found]).endswith("checks.more is absent in A and bias.stereotype_pairs in B")


def test_words_for_people_do_not_count(tmp_path):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    b = audit_of(tmp_path / "bbbb", asked, "b", title="Other", sheet={"owner": "Kim"}, two_person=True)
    assert plan_differences(audit_of(tmp_path / "aaaa", asked, "a"), b) == []


@pytest.mark.parametrize(
    ("margins", "said"),
    [
        (Margins(-0.1), "margin -0.1; allowed: a number of at least 0"),
        (Margins(math.nan), "margin nan; allowed"),
        (Margins(0, {"acuracy": 0.1}), r"margin acuracy=0.1: no measure 'acuracy' \(did you mean 'accuracy'\?\)"),
    ],
)
def test_a_margin_that_cannot_be_is_refused(tmp_path, margins, said):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    with pytest.raises(UsageError, match=said):
        compared(tmp_path, asked, asked, margins)


def test_nothing_that_gates_is_passed_over(tmp_path):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    spoilt = {
        "skipped": {"verdict": "skipped", "measures": [], "reason": {"key": "data", "role": "items"}},
        "control": {"controls": {"positive": True, "negative": False}},
        "changed": {"reason": {"key": "changed"}},
        "none": {"measures": []},
    }
    for name, more in spoilt.items():
        found = compared(tmp_path / name, asked, [Asked("facts", answers(9, 1), ACCURATE, more=more)])
        assert (only(found).word, found.word, only(found).measures) == ("undecided", "undecided", ()), name
        assert only(found).reason["side"] == "B"


def test_another_items_file_is_never_read(tmp_path):
    asked = [Asked("facts", answers(9, 1), ACCURATE)]
    a, b = two_audits(tmp_path, asked, asked)
    write_atomic(b.folder / "items" / "facts.parquet", b"other")
    with pytest.raises(IntegrityError, match=r"facts\.parquet: not the file"):
        compare_audits(a, b)
    (b.folder / "plan.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"plan\.json: not JSON"):
        compare_audits(a, b)


def test_json_has_a_sentence_for_every_check(tmp_path):
    first = [Asked("facts", answers(180, 20), ACCURATE), Asked("free", answers(5, 5))]
    second = [Asked("facts", answers(120, 80), ACCURATE), Asked("free", answers(5, 5))]
    data = json.loads(json.dumps(compared(tmp_path, first, second).as_json()))
    assert (data["schema"], data["word"]) == (1, "worse")
    assert [one["word"] for one in data["checks"]] == ["worse", "undecided"]
    assert data["checks"][0]["why"].startswith("Accuracy went from 90.0 % to 60.0 %: -30.0 points [-")
    assert data["checks"][0]["why"].endswith("the whole interval is worse than the margin 0 points")
    assert len(data["checks"][0]["changes"]["newly_failing"]) == 60


# Real audits


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    checks = (
        Check("facts", ClosedBook(), {"items": Made("world", "questions")}, Limit(measure="accuracy", at_least=0.8)),
        Check(
            "sayings", StereotypePairs(), {"items": Made("world", "pairs")},
            Limit(measure="stereotype_share", at_most=0.75),
        ),
    )
    models = [CausalLMFolder(WEIGHTS / "language" / form, dtype="float32", threads=1) for form in ("sound", "flawed")]
    into = tmp_path_factory.mktemp("twins")
    return [run(Plan(title="Twins", checks=checks, model=model), into=into) for model in models]


def test_a_flawed_language_model_is_worse_than_its_sound_twin(twins):
    sound, flawed = twins
    for audit in twins:
        check_digests(audit)
    found = compare_audits(sound, flawed, Margins(0.02))
    assert {one.check: one.word for one in found.checks} == {"facts": "worse", "sayings": "worse"}
    facts = next(one for one in found.checks if one.check == "facts")
    frames = [audit.items("facts") for audit in twins]
    lost = frames[0]["value"].eq(1) & frames[1]["value"].eq(0)
    assert facts.changes.newly_failing == tuple(frames[0].index[lost])
    gaps = (frames[1]["value"] - frames[0]["value"]).groupby(frames[0]["unit"]).mean()
    assert facts.deciding.difference.value == pytest.approx(gaps.mean())
    assert facts.deciding.difference.n["units"] == len(gaps)
    assert compare_audits(flawed, sound, Margins(0.02)).word == "no worse"


def test_old_records_without_the_newer_keys_are_still_compared(twins, tmp_path):
    """A record that does not say what its measures come from: the two intervals are all there is."""
    audits = []
    for name, audit in zip("ab", twins, strict=True):
        raw = json.loads((audit.folder / "record.json").read_bytes())
        for finding in raw["findings"]:
            for measure in finding["measures"]:
                for key in ("mean_of", "unit_of", "where", "auroc_of"):
                    measure.pop(key, None)
        folder = tmp_path / name
        write_atomic(folder / "record.json", json.dumps(raw).encode())
        write_atomic(folder / "plan.json", (audit.folder / "plan.json").read_bytes())
        audits.append(load_record(folder))
    found = compare_audits(*audits)
    assert {one.deciding.difference.method for one in found.checks} == {"from two intervals, whose arms are added"}


def test_evidence_that_names_another_digest_is_refused(twins, tmp_path):
    record = twins[0].record
    evil = [Evidence(path="items/facts.parquet", sha256=digest_file(twins[0].folder / "plan.json"))]
    findings = [one.model_copy(update={"evidence": evil}) for one in record.findings]
    audit = type(twins[0])(twins[0].folder, record.model_copy(update={"findings": findings}), None)
    with pytest.raises(IntegrityError):
        compare_audits(audit, twins[1])
