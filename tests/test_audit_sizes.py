"""How many more, how little would have been seen, and what a plan will see: by simulation and by the record."""

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rates import Ones, plan_of_rates, write_ones
from scipy.stats import binom, norm

from audit.cli.app import execute
from audit.errors import UsageError
from audit.execute import run, size_plan
from audit.execute.power_analysis import Range
from audit.plan import Check, Plan, read_plan
from audit.record import Limit
from audit.verdict import decide, early_stopping, invalidate
from audit.verdict.sample_size import fresh_units, more_units, smallest_effect
from detectors.intervals import AUROC_METHOD, auroc, betting_mean, exact_binomial, pairs_interval
from detectors.result import Measure
from detectors.sequential import RateTest, boundaries, stopping

UP = Limit(measure="rate", at_most=0.05)


def measure(value, low, high, n, **more) -> Measure:
    facts = {"name": "rate", "n": {"items": n, "units": n}, "unit": "share", "direction": "neither", "level": 0.95}
    return Measure(**{**facts, "value": value, "low": low, "high": high, "method": "test", **more})


def counted(k, n, level=0.95, **more) -> Measure:
    low, high = (float(end) for end in exact_binomial(k, n, level))
    return measure(k / n, low, high, n, level=level, mean_of="value", **more)


def watched(outcomes, limit, level=0.95) -> Measure:
    test = RateTest(limit, level)
    test.update(outcomes)
    mean, (low, high) = float(np.mean(outcomes)), test.interval
    return measure(
        mean, min(low, mean), max(high, mean), len(outcomes), level=level, mean_of="value", method=early_stopping.METHOD
    )


# --- how many more ---------------------------------------------------------------------------------------------------


def test_zero_events_near_a_small_limit_by_hand():
    # (0.975)... the interval of 0 of n ends at 1 - 0.025^(1/n); it keeps 2 % from n = 183 on. 1/sqrt(n) would say 230.
    assert 1 - 0.025 ** (1 / 183) <= 0.02 < 1 - 0.025 ** (1 / 182)
    assert fresh_units(counted(0, 100), Limit(measure="rate", at_most=0.02)) == 190  # 183, to two digits
    assert fresh_units(counted(100, 100), Limit(measure="rate", at_least=0.98)) == 190
    assert more_units(counted(0, 100)) is None


@given(st.integers(1, 60), st.integers(20, 60), st.sampled_from([0.05, 0.2, 0.5]))
@settings(deadline=None)
def test_so_many_more_decide_and_fewer_do_not(k, n, bound):
    one, limit = counted(min(k, n), n), Limit(measure="rate", at_most=bound)
    if not one.low <= bound < one.high or one.value == bound:
        return
    fresh = fresh_units(one, limit)
    # two digits, rounded up: a tenth fewer is too few
    for units, decides in ((fresh, True), (max(n, int(0.9 * fresh) - 1), False)):
        low, high = exact_binomial(one.value * units, units, 0.95)
        assert (high <= bound or low > bound) == decides


def test_of_a_call_too_close_no_figure_is_told():
    """299 of 1,000 against 30 %: log(40) / KL(0.299, 0.3) is 1.5 million units at the least."""
    close = watched(np.arange(1000) % 1000 < 299, 0.3)
    assert math.log(40) / (0.001**2 / (2 * 0.3 * 0.7)) > 1e6
    assert fresh_units(close, Limit(measure="rate", at_most=0.3)) is None
    assert decide([close], Limit(measure="rate", at_most=0.3), {}).more_units is None
    assert fresh_units(counted(299, 1000), Limit(measure="rate", at_most=0.3)) == 810_000
    assert fresh_units(counted(2996, 10_000), Limit(measure="rate", at_most=0.3)) is None


@pytest.mark.parametrize("bound", [0.02, 0.05, 0.3])
def test_an_early_check_that_ran_out_of_units_says_when_a_fresh_one_would_stop(bound):
    whole = RateTest(bound, 0.95)
    whole.update(np.zeros(2000))
    seen = whole.decided_after // 2
    one, limit = watched(np.zeros(seen), bound), Limit(measure="rate", at_most=bound)
    fresh = fresh_units(one, limit)
    assert fresh == pytest.approx(whole.decided_after, rel=0.1)
    assert fresh >= whole.decided_after
    told = decide([one], limit, {})
    assert (told.reason["key"], told.fresh_units, told.more_units) == ("inconclusive_fresh", fresh, None)


def test_events_at_a_steady_rate_decide_when_the_figure_says():
    outcomes = (np.arange(20_000) % 25 == 24).astype(float)
    fresh = fresh_units(watched(outcomes[:200], 0.06), Limit(measure="rate", at_most=0.06))
    test = RateTest(0.06, 0.95)
    test.update(outcomes)
    assert fresh == pytest.approx(test.decided_after, rel=0.1)


def test_what_is_no_rate_goes_by_the_square_root():
    one = measure(2.0, 1.0, 3.0, 100, unit="nats")
    assert fresh_units(one, Limit(measure="rate", at_most=2.5)) == 400
    assert fresh_units(one, Limit(measure="rate", at_most=2.0)) is None
    farthest = replace(one, reach=(one.low, one.high))  # its units are those of its group alone
    assert fresh_units(farthest, Limit(measure="rate", at_most=2.5)) is None


def test_two_bounds_need_both():
    one = counted(30, 100)
    wide = fresh_units(one, Limit(measure="rate", at_least=0.2, at_most=0.35))
    assert wide == fresh_units(one, Limit(measure="rate", at_most=0.35))
    low, high = exact_binomial(0.3 * (100 + wide), 100 + wide, 0.95)
    assert low >= 0.2
    assert high <= 0.35


# --- how little would have been seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("k", "n", "bound"), [(0, 100, 0.05), (3, 400, 0.03), (10, 60, 0.4)])
def test_the_smallest_effect_fails_in_eight_of_ten(k, n, bound):
    limit = Limit(measure="rate", at_most=bound)
    found = decide([counted(k, n)], limit, {}).smallest_effect
    assert (found.power, found.units, found.below, found.exact) == (0.8, n, None, True)
    verdicts = np.array([decide([counted(other, n)], limit, {}).verdict == "failed" for other in range(n + 1)])
    assert binom.pmf(np.arange(n + 1), n, found.above)[verdicts].sum() == pytest.approx(0.8)


def test_a_lower_limit_is_the_mirror_image_and_two_bounds_have_two():
    up = smallest_effect(counted(3, 100), Limit(measure="rate", at_most=0.1))
    down = smallest_effect(counted(97, 100), Limit(measure="rate", at_least=0.9))
    assert down.below == pytest.approx(1 - up.above)
    both = smallest_effect(counted(50, 100), Limit(measure="rate", at_least=0.3, at_most=0.7))
    assert both.below == pytest.approx(1 - both.above)


def test_too_few_units_could_have_failed_nothing():
    found = decide([counted(0, 20)], Limit(measure="rate", at_most=0.9), {}).smallest_effect
    assert (found.above, found.below) == (None, None)


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_an_early_pass_speaks_of_all_the_units_that_it_might_have_asked(value):
    outcomes = (np.arange(400) % 50 == 49).astype(float) if value else np.zeros(100)
    found = decide([watched(outcomes, 0.1)], Limit(measure="rate", at_most=0.1), {}, budget=500).smallest_effect
    assert (found.units, found.exact) == (500, True)
    assert stopping(found.above, 0.1, 0.95, 500)[1].sum() >= 0.8
    assert stopping(0.1 + 0.97 * (found.above - 0.1), 0.1, 0.95, 500)[1].sum() < 0.8


@pytest.mark.parametrize(("n", "seen", "limit"), [(60, 0.97, 0.8), (40, 0.93, 0.7), (100, 1.0, 0.9)])
def test_an_auroc_fails_in_about_eight_of_ten(n, seen, limit):
    """Whatever was observed: the width at an observed value near 1 promised .8 here and kept .19 to .38."""
    low, high = pairs_interval(seen, n, 0.95)
    passed = replace(measure(seen, low, high, 2 * n, unit="score"), method=AUROC_METHOD, n={"items": 2 * n, "units": n})
    found = smallest_effect(passed, Limit(measure="rate", at_least=limit))
    assert not found.exact
    rng, shift = np.random.default_rng(3), norm.ppf(found.below) * np.sqrt(2)
    failed = np.mean([auroc(rng.normal(size=n), rng.normal(shift, 1, n))[2] < limit for _ in range(300)])
    assert failed == pytest.approx(0.8, abs=0.09)


def test_of_units_of_several_items_no_power_is_told():
    """What was printed as 80 % came to between 72 % and 100 % by simulation, as the correlation within units had it."""
    rng, limit, n = np.random.default_rng(2), Limit(measure="rate", at_most=0.4), 60
    means = rng.binomial(8, rng.beta(0.8, 3.2, n)) / 8
    low, high = betting_mean(means, 0.95)
    for method in ("test", early_stopping.METHOD):
        one = measure(means.mean(), low, high, n, mean_of="value", method=method)
        assert smallest_effect(replace(one, n={"items": 8 * n, "units": n}), limit, 100) is None


def test_of_numbers_that_are_no_rates_nothing_is_promised():
    """The width where a number was observed does not tell its width at the limit."""
    assert smallest_effect(measure(0.0, -0.5, 0.5, 50, unit="nats"), Limit(measure="rate", at_most=1.0)) is None
    assert smallest_effect(measure(0.9, 0.8, 0.97, 99), Limit(measure="rate", at_least=0.5)) is None
    assert smallest_effect(measure(0.0, 0.0, 0.0, 9, unit="count"), Limit(measure="rate", at_most=1)) is None


def test_only_a_passed_finding_has_one_and_a_changed_model_takes_it(tmp_path):
    audit = run(plan_of_rates(tmp_path, [(3, 100), (30, 100), (60, 100)]), into=tmp_path / "audits")
    passed, open_one, failed = audit.record.findings
    assert (passed.verdict, open_one.verdict, failed.verdict) == ("passed", "inconclusive", "failed")
    assert open_one.smallest_effect is None
    assert failed.smallest_effect is None
    assert 0.3 < passed.smallest_effect.above < 0.6
    assert invalidate(passed).smallest_effect is None


def test_a_stored_early_pass_knows_its_budget(tmp_path):
    audit = run(plan_of_rates(tmp_path, [(0, 400)], stop="early"), into=tmp_path / "audits")
    finding = audit.finding("c0")
    assert finding.measures[0].n["units"] < 60
    assert (finding.smallest_effect.units, finding.smallest_effect.exact) == (400, True)


# --- before the run --------------------------------------------------------------------------------------------------


def test_a_plan_says_what_it_will_see(tmp_path):
    plan = plan_of_rates(tmp_path, [(3, 100), (30, 250)])
    for one, n in zip(size_plan(plan), (100, 250), strict=True):
        low, high = exact_binomial(np.arange(n + 1), n, 0.975)
        assert (one.kind, one.level, one.items, one.units, one.calls) == ("gating", 0.975, n, n, n)
        assert one.alpha == pytest.approx(0.025)
        mass = binom.pmf(np.arange(n + 1), n, one.rate.passes.high)
        assert (one.rate.exact, one.rate.passes.low) == (True, 0.0)
        assert mass[high <= 0.3].sum() == pytest.approx(0.8)
        mass = binom.pmf(np.arange(n + 1), n, one.rate.fails_above)
        assert mass[low > 0.3].sum() == pytest.approx(0.8)
        assert (one.rate.fails_below, one.rate.rate) == (None, 0.15)
        needed = one.rate.units_needed
        _, high = exact_binomial(np.arange(needed + 1), needed, 0.975)
        assert binom.pmf(np.arange(needed + 1), needed, 0.15)[high <= 0.3].sum() >= 0.8
    assert size_plan(plan, true=0.2)[0].rate.units_needed > needed
    with pytest.raises(UsageError, match="allowed: 0 to 1"):
        size_plan(plan, true=1.5)


def test_what_passes_with_power_passes_in_so_many_runs(tmp_path):
    size = size_plan(plan_of_rates(tmp_path, [(3, 60)], at_most=0.5))[0]
    passed = 0
    for k, times in Counter(np.random.default_rng(4).binomial(60, size.rate.passes.high, 60)).items():
        plan = plan_of_rates(tmp_path, [(k, 60)], at_most=0.5)
        passed += times * (run(plan, into=tmp_path / "audits").finding("c0").verdict == "passed")
    assert passed / 60 == pytest.approx(0.8, abs=0.15)


def test_kinds_of_limits_before_the_run(tmp_path):
    data = {"items": write_ones(tmp_path, "x", 10, 120)}
    limits = {
        "up": Limit(measure="ones", at_most=0.4),
        "down": Limit(measure="ones", at_least=0.8),
        "both": Limit(measure="ones", at_least=0.2, at_most=0.6),
        "narrow": Limit(measure="ones", at_least=0.3, at_most=0.31),
        "length": Limit(measure="length", at_most=2),
        "group": Limit(measure="ones", group="a", at_most=0.4),
        "none": None,
        "zero": Limit(measure="ones", at_most=0),
    }
    checks = [Check(name, Ones(), data, limit, gating=False) for name, limit in limits.items()]
    sizes = {one.check: one for one in size_plan(Plan("Kinds", tuple(checks)))}
    assert {name for name, one in sizes.items() if one.rate is None} == {"length", "group", "none"}
    assert sizes["none"].kind == "measured"
    assert sizes["up"].level == pytest.approx(1 - 0.05 / 7)
    assert sizes["down"].rate.rate == pytest.approx(0.9)
    assert sizes["down"].rate.passes.high == 1.0
    assert sizes["both"].rate.rate == 0.4
    assert 0.2 < sizes["both"].rate.passes.low < sizes["both"].rate.passes.high < 0.6
    assert sizes["narrow"].rate.passes is None
    assert (sizes["zero"].rate.passes, sizes["zero"].rate.units_needed) == (None, None)
    data = {"items": write_ones(tmp_path, "y", 10, 120, units=30)}
    clustered = Plan("Units", (Check("c", Ones(), data, limits["up"]),))
    one = size_plan(clustered)[0]
    assert (one.items, one.units, one.clustered, one.rate) == (120, 30, True, None)
    one = size_plan(clustered, icc=0.2)[0]
    assert (one.icc, one.rate.exact) == (0.2, False)
    with pytest.raises(UsageError, match="--icc 2: got a number outside of what there is; allowed: 0 to 1"):
        size_plan(clustered, icc=2)
    nothing = size_plan(Plan("Nothing", (Check("c", Ones(), {}, limits["up"]),)))[0]
    assert (nothing.items, nothing.rate) == (0, None)


def test_an_early_check_tells_its_median(tmp_path):
    plan = plan_of_rates(tmp_path, [(3, 500)], stop="early")
    one = size_plan(plan, true=0.1)[0]
    said = np.cumsum(np.sum(stopping(0.1, 0.3, 0.95, 500), axis=0))
    after = int(np.argmax(said >= 0.5)) + 1
    assert one.rate.median_units == after
    assert one.rate.median_calls == one.rate.median_units
    assert size_plan(plan, true=0.3)[0].rate.median_units is None
    assert one.rate.passes == Range(0.0, one.rate.passes.high)
    assert stopping(one.rate.passes.high, 0.3, 0.95, 500)[0].sum() >= 0.8


PLAN = """\
title: Sizes
model: {use: causal_lm, path: .}
checks:
  - name: facts
    probe: {use: factuality.closed_book}
    data: {use: builtin, name: plain_questions}
    limit: {measure: accuracy, at_least: 0.5}
    stop: early
  - name: stereotypes
    probe: {use: bias.stereotype_pairs}
    data: {use: builtin, name: stereotype_pairs}
    limit: {measure: stereotype_share, at_most: 0.6}
    gating: false
  - name: gap
    probe: {use: bias.stereotype_pairs}
    data: {use: builtin, name: stereotype_pairs}
    limit: {measure: excess_gap, at_most: 0.1}
    gating: false
"""


@pytest.fixture
def plan_file(tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    return tmp_path / "plan.yaml"


@pytest.fixture
def command(capsys):
    def called(*words, code=0):
        assert execute([str(word) for word in words]) == code
        return capsys.readouterr()

    return called


def test_the_command_says_it_in_plain_lines_and_in_json(plan_file, command):
    said = command("plan-size", plan_file).out
    assert "facts: gating, 5 % of the 5 % that may go wrong, level 95 %; 160 items, 640 calls" in said
    assert "stereotypes: exploratory, level 97.5 %; 448 items of 32 units, 896 calls" in said
    alike = "what it can see depends on how alike the items of a unit are; --icc or --pilot tells"
    assert f"stereotype_share at most 60 %: {alike}" in said
    alike = "(80 % power, about, at an intraclass correlation of 0.1)"
    assert alike in command("plan-size", plan_file, "--icc", "0.1").out
    assert "stops early: at a true 75 % half of all audits within " in said
    assert "excess_gap at most 0.100: what it can see is not known before the run" in said
    facts = json.loads(command("plan-size", plan_file, "--true", "0.6", "--limit", "100", "--json").out)["checks"][0]
    (expected,) = size_plan(replace(read_plan(PLAN, base=plan_file.parent), limit=100), 0.6)[:1]
    assert facts == json.loads(json.dumps(expected.as_json()))
    assert (facts["items"], facts["rate"]["rate"]) == (100, 0.6)
    assert "allowed: 0 to 1" in command("plan-size", plan_file, "--true", "-1", code=2).err


def test_it_opens_no_model_and_imports_no_torch(plan_file):
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('torch' in sys.modules, 'transformers' in sys.modules, file=sys.stderr))\n"
        "from audit.cli.app import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "plan-size", str(plan_file)], capture_output=True, text=True, check=True
    )
    assert done.stderr == "False False\n"


@pytest.mark.parametrize(("limit", "first", "level"), [(0.05, 100, 0.95), (0.3, 100, 0.95), (0.1, 200, 1 - 0.05 / 14)])
def test_following_the_advice_keeps_the_level(limit, first, level):
    """True rate at the limit: the fresh sample alone is judged, of a full check and of one that stops early."""
    rng, count, bound = np.random.default_rng(3), 600, Limit(measure="rate", at_most=limit)
    below, above = boundaries(limit, level, 20_000)
    wrong, tried = {"full": 0, "early": 0}, {"full": 0, "early": 0}

    @cache
    def advised(kind: str, events: int) -> int | None:
        """The size of a fresh sample that so many events in the first one ask for."""
        one = measure(events / first, 0, 1, first, level=level, mean_of="value", method=early_stopping.METHOD)
        if kind == "full" and not (one := counted(events, first, level)).high > limit >= one.low:
            return None
        size = fresh_units(one, bound)
        return size if size is not None and size < 10_000 else None

    for _ in range(count):
        outcomes = rng.random(20_000) < limit
        events = int(outcomes[:first].sum())
        if size := advised("full", events):
            fresh = counted(int(outcomes[-size:].sum()), size, level)
            tried["full"] += 1
            wrong["full"] += fresh.high <= limit or fresh.low > limit
        if size := advised("early", events):
            seen = np.cumsum(outcomes[-size:])
            tried["early"] += 1
            wrong["early"] += np.any((seen <= below[:size]) | (seen >= above[:size]))
    assert min(tried.values()) > 300
    for kind in tried:
        assert binom.sf(wrong[kind] - 1, tried[kind], 1 - level) > 0.001


ENDPOINT = """\
title: Dry
model: {use: endpoint, url: "http://127.0.0.1:9/v1", name: m, prompt_form: FORM}
limit: 50
checks:
  - {name: a, probe: {use: factuality.closed_book, mode: generate}, data: FACTS}
  - {name: b, probe: {use: factuality.closed_book, mode: generate}, data: FACTS}
  - {name: c, probe: {use: factuality.closed_book, mode: generate, max_tokens: 9}, data: FACTS}
  - {name: p, probe: {use: bias.stereotype_pairs}, data: {use: builtin, name: stereotype_pairs}}
"""


@pytest.mark.parametrize(
    ("form", "pairs", "fixed"), [("chat", 0, [32, 172]), ("raw", 100, [33, 173])]
)
def test_calls_that_will_not_be_made_are_not_counted_and_those_that_say_who_answers_are(
    tmp_path, command, form, pairs, fixed
):
    """50 answers that two checks share, 50 of another length, two scores a pair where they can be, 2 + 10 x 3 fixed."""
    file = tmp_path / "plan.yaml"
    file.write_text(ENDPOINT.replace("FORM", form).replace("FACTS", "{use: builtin, name: plain_questions}"))
    told = json.loads(command("run", file, "--dry-run", "--json").out)
    assert [one["calls"] for one in told["checks"]] == [50, 0, 50, pairs]
    assert (told["calls"], told["identity_calls"]) == (100 + pairs + fixed[0], fixed)
    said = command("run", file, "--dry-run").out
    assert "50 items, 0 calls, as it takes over the answers of a" in said
    assert ("as it will be skipped (log_prob: " in said) == (form == "chat")


def test_a_limit_that_no_data_can_show_to_be_kept_is_told_with_what_to_take_instead(command, tmp_path):
    canaries, plan = tmp_path / "canaries.jsonl", tmp_path / "plan.yaml"
    canaries.write_text('{"text": "pin 1234", "pattern": "pin {digits:4}"}')
    asked = "model: {use: causal_lm, path: .}\nchecks:\n- name: canaries\n  probe: {use: memorisation.exposure}"
    asked += "\n  data: {use: file, path: canaries.jsonl}\n  limit: "
    never = {"at_most": "can be broken and never be kept", "at_least": "can be kept and never be broken"}
    for measure, bound in (*product(["memorised_share"], never), ("exposed_share", "at_most")):
        told = f"{bound} {never[bound]}: nothing bounds memorised_share from above; take exposed_share"
        plan.write_text(f"title: t\n{asked}{{measure: {measure}, {bound}: 0.1}}\n")
        for said in (command("check-plan", plan).err, command("plan-size", plan).out):
            assert (told in said) == (measure == "memorised_share") == ("nothing bounds" in said)
