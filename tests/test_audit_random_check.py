"""A random check: who drew what can be drawn again, the interval covers, faults of passed items are found."""

import json
import math
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd
import pytest
from rates import Ones, plan_of_rates
from report_fixtures import finding, rate, settled, write_audit
from scipy import stats

from audit.errors import IntegrityError, UsageError
from audit.execute import run
from audit.integrity import recompute
from audit.policy import judge_audit, load_policy
from audit.record import REVIEWS_FILE, Limit, OneSided, load_record
from audit.review import Comment, Override, Sample, add_reviews, read_reviews, signature_of, state_of
from audit.review.overrides import ItemChange, review_measure
from audit.review.random_check import Draw, bounded, progress_of
from audit.signing import make_key
from audit.signing.keys import read_key
from audit.verdict import RANDOM_CHECK
from audit.verdict.sample_size import fresh_units, more_units, smallest_effect
from detectors.intervals import ALL_OF_IT, HYPERGEOMETRIC, exact_binomial, exact_hypergeometric, mean_over_units

TOKEN = "0123456789abcdef" * 2
FOURTEEN = 1 - 0.05 / 14
SINGLE = rate("error_share", 1, 2)


def names(count):
    return [f"q{number:04}" for number in range(count)]


def audit_of(folder, machine, *, at_most=0.1, level=0.95, **more):
    """An audit with one check, of which an item is 1 where the machine flagged it."""
    values = np.asarray(machine, dtype=float)
    measure = rate("error_share", int(np.nansum(values)), int(np.isfinite(values).sum()), level=level)
    measure = replace(measure, **{"mean_of": "value", **more.pop("measure", {})})
    frame = pd.DataFrame({"id": names(len(values)), "value": values, **more.pop("columns", {})})
    limit = Limit(measure="error_share", at_most=at_most)
    verdict = "failed" if measure.low > at_most else "passed" if measure.high <= at_most else "inconclusive"
    controls = {"positive": True, "negative": True}
    one = finding("facts", verdict, "why", measures=[measure], limit=limit, controls=controls, **more)
    return write_audit(folder / "audit", [one], items={"facts": frame})


def say(audit, *says, **more):
    return add_reviews(audit, *says, author="Kim", **more)


def look(audit, truth, items):
    """People say of items what they truly are."""
    say(audit, *(Override(check="facts", item=item, value=float(truth[item]), reason="seen") for item in items))


def reviewed(audit):
    return state_of(audit).reviewed["facts"]


def drawn_and_looked_at(audit, truth, count):
    """Flagged items are looked at, then a random check of the others."""
    values = audit.items("facts")["value"]
    look(audit, truth, values.index[values == 1.0])
    say(audit, Sample(check="facts", count=count))
    look(audit, truth, reviewed(audit).check.left)
    return reviewed(audit)


def test_the_number_after_a_random_check_by_hand(tmp_path):
    """20 flagged of 200, 15 rightly; 60 of the other 180 drawn, as many wrong as come."""
    truth = dict(zip(names(200), [1.0] * 15 + [0.0] * 5 + [1.0] * 9 + [0.0] * 171, strict=True))
    after = drawn_and_looked_at(audit_of(tmp_path, [1.0] * 20 + [0.0] * 180), truth, 60)
    check = after.check
    assert (len(check.rest), len(check.drawn), check.left) == (180, 60, ())
    found = sum(truth[item] for item in check.drawn)
    assert check.changed == found
    low, high = (round(180 * end) for end in exact_hypergeometric(int(found), 60, 180, 1 - 0.05 / 4))
    measure = after.measure
    assert measure.method == RANDOM_CHECK
    assert measure.level == 0.95
    assert measure.value == pytest.approx((15 + 180 * found / 60) / 200)
    assert measure.low == pytest.approx(stats.beta.ppf(0.0125, 15 + low, 200 - 15 - low + 1))
    assert measure.high == pytest.approx(stats.beta.ppf(1 - 0.0125, 15 + high + 1, 200 - 15 - high))
    assert after.problem is None


def test_the_items_follow_from_the_token_and_every_subset_is_as_likely():
    """Of 6 items each of the 15 pairs comes as often, over tokens; another record or check draws others."""
    rest, seen = names(6), dict.fromkeys(combinations(names(6), 2), 0)
    for number in range(3000):
        seen[tuple(sorted(Draw("c", 2, f"{number:032x}", "sha256:0", 1, frozenset()).of(rest)))] += 1
    assert stats.chisquare(list(seen.values())).pvalue > 1e-3
    draw = Draw("c", 20, TOKEN, "sha256:0", 1, frozenset())
    rest = names(400)
    assert draw.of(rest) == draw.of(rest[::-1])
    assert {len(set(draw.of(rest)) & set(replace(draw, **one).of(rest))) for one in (
        {"token": TOKEN[::-1]}, {"check": "d"}, {"record": "sha256:1"}
    )} <= set(range(10))  # fmt: skip
    assert len({Sample(check="c", count=1).token for _ in range(50)}) == 50


def unit_mean(values, level):
    """The rate of single 0/1 items, as the product makes it."""
    made = mean_over_units(values.to_numpy(), None, level=level, rng=np.random.default_rng(0), binary=True)
    return replace(SINGLE, value=made.value, low=made.low, high=made.high)


def own_mean(values, _):
    """The rate of a benchmark that was asked in full."""
    return replace(SINGLE, **dict.fromkeys(("value", "low", "high"), float(values.mean())))


@cache
def after_looking(right, wrong, passed, drawn, found, level):
    """[low, high] where all that was flagged was looked at, and `found` of those drawn of what passed were wrong."""
    ids = names(right + wrong + passed)
    flagged, others = ids[: right + wrong], ids[right + wrong :]
    before = pd.Series([1.0] * len(flagged) + [0.0] * passed, ids)
    draw = Draw("facts", drawn, TOKEN, "sha256:0", 1, frozenset(flagged))
    said = dict(zip(flagged, [1.0] * right + [0.0] * wrong, strict=True))
    said |= {item: float(at < found) for at, item in enumerate(draw.of(others))}
    one = bounded(progress_of(draw, before, said), before, said, level, unit_mean, whole=False)
    assert one.low <= one.value <= one.high
    return one.low, one.high


@pytest.mark.parametrize("level", [0.95, FOURTEEN])
def test_the_interval_misses_no_more_often_than_it_may(level):
    """By enumeration of all that can happen but for a remnant, which counts as missed.

    The machine flags 10 % of 40 items, a quarter of them wrongly, and 5 % of what it lets pass is wrong; people look at
    all that was flagged, and at 15 of the others.
    """
    chances = {"right": 0.075, "wrong": 0.025, "missed": 0.9 * 0.05}
    truth, held = chances["right"] + chances["missed"], 0.0
    counts = np.array([[*one, 40 - sum(one)] for one in product(range(15), range(8), range(12))])  # of 40
    masses = stats.multinomial.pmf(counts, 40, [*chances.values(), 1 - sum(chances.values())])
    for (right, wrong, missed, _), mass in zip(counts[masses > 1e-6].tolist(), masses[masses > 1e-6], strict=True):
        passed = 40 - right - wrong
        seen = stats.hypergeom.pmf(range(min(missed, 15) + 1), passed, missed, 15)
        for found, chance in enumerate(mass * seen):
            if chance > 2e-6:
                low, high = after_looking(right, wrong, passed, 15, found, level)
                held += chance * (low <= truth <= high)
    assert 1 - held <= 1 - level


def test_looking_on_and_drawing_again_keeps_the_level():
    """Of a benchmark asked in full, where only draws err: half of what was flagged is looked at, a second draw follows
    wherever the first does not clear the limit, and no interval that was shown may miss."""
    rng, runs, level, missed = np.random.default_rng(6), 100, 0.8, 0
    ids = names(40)
    for _ in range(runs):
        truth = (rng.random(40) < 0.3).astype(float)
        machine = np.where(rng.random(40) < 0.2, 1 - truth, truth)
        before, said, wrong = pd.Series(machine, ids), dict(zip(ids, truth, strict=True)), False
        known = {item: said[item] for item in ids if before[item] == 1.0 and rng.random() < 0.5}
        for ordinal in (1, 2):
            draw = Draw("facts", 10, rng.bytes(16).hex(), "sha256:0", ordinal, frozenset(known))
            known |= {item: said[item] for item in progress_of(draw, before, {}).drawn}
            found = bounded(progress_of(draw, before, known), before, known, level, own_mean, whole=True)
            wrong |= not found.low - 1e-12 <= truth.mean() <= found.high + 1e-12
            if found.high < 0.3:
                break
        missed += wrong
    assert missed <= (1 - level) * runs


def test_a_fault_of_passed_items_is_found_and_a_clean_twin_is_not_accused(tmp_path):
    """The machine found 1 of 80 wrong; truly 36 are. On the twin truly 1 is, and 70 more looked at clear it."""
    ids, machine = names(80), [1.0] + [0.0] * 79
    faulty = dict(zip(ids, machine, strict=True)) | dict.fromkeys(ids[10:45], 1.0)
    audit = audit_of(tmp_path / "a", machine, at_most=0.15)
    assert audit.record.verdict == "passed"
    after = drawn_and_looked_at(audit, faulty, 60)
    assert (after.finding.verdict, state_of(audit).verdict) == ("failed", "failed")
    assert "the whole interval breaks the limit at most 15 %" in after.finding.why
    twin = audit_of(tmp_path / "b", machine, at_most=0.15)
    clear = drawn_and_looked_at(twin, dict(zip(ids, machine, strict=True)), 70)
    assert (clear.finding.verdict, clear.check.changed) == ("passed", 0)


def test_without_a_draw_there_is_no_interval_and_while_it_goes_on_there_is_none(tmp_path):
    truth = dict(zip(names(100), [0.0] * 30 + [1.0] * 5 + [0.0] * 65, strict=True))
    audit = audit_of(tmp_path, [1.0] * 30 + [0.0] * 70)
    look(audit, truth, names(10))
    assert (reviewed(audit).problem, reviewed(audit).measure.low) == ("chosen", None)
    say(audit, Sample(check="facts", count=20))
    left = reviewed(audit).check.left
    look(audit, truth, left[:19])
    now = reviewed(audit)
    assert (now.problem, now.measure.low, now.check.left, now.finding.verdict) == ("chosen", None, left[19:], "failed")
    look(audit, truth, left[19:])
    assert reviewed(audit).measure.low is not None
    say(audit, Override(check="facts", item=left[0], reason="I did not look"))
    assert reviewed(audit).check.left == left[:1], "a word taken back leaves the item to be looked at"


def test_a_word_taken_back_of_an_item_outside_the_draw_leaves_it_unknown(tmp_path):
    audit = audit_of(tmp_path, [1.0] * 10 + [0.0] * 20)
    sure = drawn_and_looked_at(audit, dict.fromkeys(names(30), 0.0), 20).measure
    assert sure.high == pytest.approx(exact_binomial(0, 30, 0.975)[1])
    say(audit, Override(check="facts", item="q0003", reason="not so"))
    open_ = reviewed(audit).measure
    assert open_.high == pytest.approx(exact_binomial(1, 30, 0.975)[1])
    assert open_.value == pytest.approx(1 / 30)


def test_the_order_of_what_is_said_after_the_draw_does_not_matter(tmp_path):
    truth = dict(zip(names(20), [1.0, 0.0] * 10, strict=True))
    audit = audit_of(tmp_path, [1.0] * 4 + [0.0] * 16)
    look(audit, truth, names(3))
    say(audit, Sample(check="facts", count=2))
    entries, found = (audit.folder / REVIEWS_FILE).read_bytes(), set()
    for order in permutations((*reviewed(audit).check.drawn, "q0003")):
        (audit.folder / REVIEWS_FILE).write_bytes(entries)
        look(audit, truth, order)
        found.add(json.dumps(reviewed(audit).as_json()))
    assert len(found) == 1


def test_later_draws_have_less_of_the_error_each_and_items_once_looked_at_are_not_drawn(tmp_path):
    truth = dict.fromkeys(names(60), 0.0)
    audit = audit_of(tmp_path, [0.0] * 60)
    first = drawn_and_looked_at(audit, truth, 10)
    second = drawn_and_looked_at(audit, truth, 30)
    assert (first.check.ordinal, second.check.ordinal, len(second.check.rest)) == (1, 2, 50)
    assert not set(first.check.drawn) & set(second.check.drawn)
    most = round(50 * exact_hypergeometric(0, 30, 50, 1 - 0.05 / 8)[1])
    assert second.measure.high == pytest.approx(exact_binomial(most, 60, 0.975)[1])


def test_a_draw_that_cannot_be_is_one_line(tmp_path):
    truth = dict.fromkeys(names(30), 0.0)
    audit = audit_of(tmp_path, [math.nan] * 3 + [1.0] * 7 + [0.0] * 20, measure={"missing": 0})
    with pytest.raises(UsageError, match="got 28 items; allowed: 1 to 27, which nobody has looked at"):
        say(audit, Sample(check="facts", count=28))
    with pytest.raises(UsageError, match="said alone"):
        say(audit, Sample(check="facts", count=5), Comment(text="x"))
    look(audit, truth, names(10)[3:])
    say(audit, Sample(check="facts", count=20))
    with pytest.raises(UsageError, match="not finished; 20 of its 20 items are still"):
        say(audit, Sample(check="facts", count=1))
    look(audit, truth, reviewed(audit).check.left)
    with pytest.raises(UsageError, match="every item that counts was looked at"):
        say(audit, Sample(check="facts", count=1))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"stop": "early"}, "stops early"),
        ({"measure": {"unit_of": "unit", "value": 1 / 9}, "columns": {"unit": [*"aa", *names(8)]}}, "several items"),
        ({"measure": {"method": "betting (hedged capital) over unit means"}}, "not every value is 0 or 1"),
        ({"measure": {"mean_of": None}}, "no mean of its items"),
    ],
)
def test_a_check_whose_number_it_cannot_bound_has_no_draw(tmp_path, more, why):
    audit = audit_of(tmp_path, [1.0, 1.0] + [0.0] * 8, **more)
    with pytest.raises(UsageError, match=f"no random check of 'facts': .*{why}"):
        say(audit, Sample(check="facts", count=2))
    assert not (audit.folder / REVIEWS_FILE).exists()


def test_units_of_one_item_each_are_single_items(tmp_path):
    audit = audit_of(tmp_path, [1.0] + [0.0] * 29, measure={"unit_of": "unit"}, columns={"unit": names(30)[::-1]})
    assert drawn_and_looked_at(audit, dict.fromkeys(names(30), 0.0), 10).measure.method == RANDOM_CHECK


def test_a_value_between_leaves_no_interval_and_says_why(tmp_path):
    audit = audit_of(tmp_path, [1.0] + [0.0] * 29)
    truth = dict.fromkeys(names(30), 0.0) | {"q0000": 0.5}
    after = drawn_and_looked_at(audit, truth, 10)
    assert (after.problem, after.measure.low, after.finding.verdict) == ("values", None, audit.record.verdict)


@pytest.mark.parametrize("whole", [True, False])
def test_of_a_benchmark_only_what_was_not_seen_is_in_doubt(tmp_path, whole):
    n = {"items": 100, "units": 100, "population": 100 if whole else 400}
    audit = audit_of(tmp_path, [1.0] * 10 + [0.0] * 90, measure={
        "n": n, "method": ALL_OF_IT if whole else HYPERGEOMETRIC, "low": 0.1, "high": 0.1
    })  # fmt: skip
    after = drawn_and_looked_at(audit, dict(zip(names(100), [1.0] * 10 + [0.0] * 90, strict=True)), 60).measure
    share = 0.05 if whole else 0.05 / 2
    most = 10 + round(90 * exact_hypergeometric(0, 60, 90, 1 - share / 2)[1])
    ends = (10, 10), (most, most)
    if whole:
        assert (after.low, after.high) == (pytest.approx(0.1), pytest.approx(most / 100))
    else:
        low, high = (exact_hypergeometric(one[0], 100, 400, 0.975)[at] for at, one in enumerate(ends))
        assert (after.low, after.high) == (pytest.approx(low), pytest.approx(high))
        assert after.n["population"] == 400


def test_missing_answers_are_the_worst_that_they_could_be(tmp_path):
    audit = audit_of(
        tmp_path, [math.nan] * 5 + [0.0] * 25, columns={"no_answer": [True] * 5 + [False] * 25}, measure={"missing": 5}
    )
    after = drawn_and_looked_at(audit, dict.fromkeys(names(30), 0.0), 25).measure
    assert (after.value, after.low, after.missing) == (0.0, 0.0, 5)
    assert after.high == pytest.approx(exact_binomial(5, 30, 0.975)[1])


def test_it_passes_by_the_same_bound_as_the_check_does(tmp_path):
    """With `promise: audit` the check passes by one-sided bounds at .95 each, at half of which the draws err."""
    bounds = OneSided(level=0.95, low=0.0, high=0.08)
    audit = audit_of(tmp_path, [0.0] * 60, level=FOURTEEN, at_most=0.12, one_sided=bounds)
    after = drawn_and_looked_at(audit, dict.fromkeys(names(60), 0.0), 50).finding
    most = round(60 * exact_hypergeometric(0, 50, 60, 1 - 0.1 / 4)[1])
    assert after.one_sided.level == pytest.approx(0.95)
    assert after.one_sided.high == pytest.approx(exact_binomial(most, 60, 0.95)[1])
    assert (after.verdict, after.headline.high > 0.12) == ("passed", True)


def test_no_further_units_are_advised_where_a_further_draw_is_what_helps(tmp_path):
    after = drawn_and_looked_at(audit_of(tmp_path, [0.0] * 100, at_most=0.05), dict.fromkeys(names(100), 0.0), 30)
    assert after.finding.verdict == "inconclusive"
    assert "would decide" not in after.finding.why
    limit = after.finding.limit
    assert [ask(after.measure, limit) for ask in (fresh_units, smallest_effect)] == [None] * 2
    of_benchmark = replace(after.measure, n={**after.measure.n, "population": 400})
    assert more_units(of_benchmark) is None
    assert more_units(replace(of_benchmark, method=HYPERGEOMETRIC)) == 300


def test_an_audit_with_a_random_check_is_judged_again_and_a_policy_may_let_it_count(tmp_path):
    audit = run(plan_of_rates(tmp_path, [(2, 60)], at_most=0.2), into=tmp_path / "audits")
    assert audit.record.verdict == "passed"
    say(audit, Sample(check="c0", count=40))
    drawn = state_of(audit).reviewed["c0"].check.drawn
    say(audit, *(Override(check="c0", item=item, value=1.0, reason="seen") for item in drawn))
    assert state_of(audit).verdict == "failed"
    assert recompute(load_record(audit.folder), {"c0": Ones()}) > 0
    policy = tmp_path / "policy.yaml"
    for overrides, verdict in (("true", "failed"), ("false", "passed")):
        policy.write_text(f"title: T\nplan_limits: true\noverrides: {overrides}\n")
        assert judge_audit(audit, load_policy(policy), on=date(2027, 1, 1)).verdict == verdict


def test_a_token_or_count_changed_is_found(tmp_path):
    make_key(tmp_path / "kim")
    audit = audit_of(tmp_path, [0.0] * 30)
    (entry,) = say(audit, Sample(check="facts", count=5, token=TOKEN), key=read_key(tmp_path / "kim"))
    whole = (audit.folder / REVIEWS_FILE).read_bytes()
    for old, new in ((TOKEN, TOKEN[::-1]), ('"count":5', '"count":6')):
        assert old.encode() in whole
        (audit.folder / REVIEWS_FILE).write_bytes(whole.replace(old.encode(), new.encode()))
        assert signature_of(read_reviews(audit.folder).entries[0]) == "broken"
        (audit.folder / REVIEWS_FILE).write_bytes(whole)
    assert signature_of(entry) == "holds"
    say(audit, Comment(text="next"))
    longer = (audit.folder / REVIEWS_FILE).read_bytes()
    for old, new in ((TOKEN, TOKEN[::-1]), ('"count":5', '"count":6'), (f',"token":"{TOKEN}"', "")):
        (audit.folder / REVIEWS_FILE).write_bytes(longer.replace(old.encode(), new.encode()))
        with pytest.raises(IntegrityError, match=r"reviews\.jsonl"):
            read_reviews(audit.folder)
    for cut in range(1, len(whole)):
        (audit.folder / REVIEWS_FILE).write_bytes(whole[:-cut])
        assert (read_reviews(audit.folder).entries, state_of(audit).reviewed) == ((), {})


def test_draws_that_came_at_once_and_more_than_there_is_are_read_all_the_same(tmp_path, monkeypatch):
    """Two writers who both saw none going on: the later counts, at the later one's share of the error."""
    audit = audit_of(tmp_path, [0.0] * 30)
    monkeypatch.setattr("audit.review.writer._refuse", lambda *_: None)
    say(audit, Sample(check="facts", count=5))
    say(audit, Sample(check="facts", count=99))
    check = reviewed(audit).check
    assert (check.ordinal, len(check.drawn), len(check.rest)) == (2, 30, 30)
    look(audit, dict.fromkeys(names(30), 0.0), names(30))
    assert reviewed(audit).measure.high == pytest.approx(exact_binomial(0, 30, 0.975)[1])


def test_items_that_changed_leave_no_check(tmp_path):
    audit = settled(audit_of(tmp_path, [0.0] * 30))
    say(audit, Sample(check="facts", count=5))
    (audit.folder / "items" / "facts.parquet").unlink()
    found = reviewed(audit)
    assert (found.problem, found.check, found.measure) == ("items_missing", None, None)


def test_what_was_said_before_a_draw_is_known(tmp_path):
    """Only through `review_measure`, as the state calls it: the same numbers from the arguments."""
    audit = audit_of(tmp_path, [1.0] * 5 + [0.0] * 45)
    draw = Draw("facts", 45, TOKEN, "sha256:0", 1, frozenset(names(5)))
    changes = {item: ItemChange(item, None, float(item < "q0003"), "Kim", "seen") for item in names(50)}
    found = review_measure(audit, audit.finding("facts"), changes, draw)
    assert found.measure.value == pytest.approx(3 / 50)
    assert found.measure.low == pytest.approx(exact_binomial(3, 50, 0.975)[0])
