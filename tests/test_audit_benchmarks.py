"""`target: benchmark`: all of a fixed set has no sampling error, a part of it is a random one, draws speak of more."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from markov import MarkovText
from rates import Ones, plan_of_rates, write_ones

from audit.cli.sizing import _lines
from audit.errors import IntegrityError
from audit.execute import run, size_plan
from audit.execute.target import plan_for, random_part, repeatable, units_within
from audit.integrity import recompute
from audit.integrity.conformity import check_record
from audit.plan import Check, Plan, freeze
from audit.plan.differing import PlanDifference
from audit.plan.registration import deviations
from audit.probes.bias.stereotype_pairs import StereotypePairs
from audit.probes.factuality.closed_book import ClosedBook
from audit.probes.novelty.likelihood import Likelihood
from audit.probes.provenance.text_mark import TextMark
from audit.record import Limit
from audit.review.overrides import ItemChange, review_measure
from audit.verdict import Part, early_stopping, in_random_order, of_benchmark
from audit.verdict.finite_population import on_benchmark
from detectors.intervals import ALL_OF_IT, HYPERGEOMETRIC, exact_binomial, exact_hypergeometric
from detectors.result import Measure, Result
from detectors.sequential import RateTest
from reports.text import Notation, words_of
from reports.views.statistical_notes import budget_text

LIMIT = Limit(measure="ones", at_most=0.05)


@dataclass(frozen=True)
class Fixed(Ones):
    """The same, of answers that are not drawn."""

    repeatable = True


def plan_of(folder, ones, total, *, units=None, stop="full", seed=0, probe=Fixed, at_most=0.05, measure="ones", **more):
    data = {"items": write_ones(folder, "c0", ones, total, units=units)}
    check = Check("c0", probe(), data, Limit(measure=measure, at_most=at_most), stop=stop)
    return Plan(title="Rates", checks=(check,), seed=seed, target=more.pop("target", "benchmark"), **more)


def again(audit):
    return recompute(audit, {"c0": Fixed()})


def test_all_of_a_benchmark_has_no_sampling_error(tmp_path):
    """5 of 100 with the limit 5 %: of a population undecided for ever, of the benchmark itself it is kept."""
    for target, verdict in (("population", "inconclusive"), ("benchmark", "passed")):
        audit = run(plan_of(tmp_path, 5, 100, target=target), into=tmp_path / target)
        finding, one = audit.record.findings[0], audit.record.findings[0].headline
        assert finding.verdict == verdict
        assert again(audit) == 4
    assert (one.low, one.value, one.high, one.method) == (0.05, 0.05, 0.05, ALL_OF_IT)
    assert (finding.population, one.n["population"], finding.smallest_effect) == (100, 100, None)
    assert run(plan_of(tmp_path, 6, 100), into=tmp_path / "six").record.verdict == "failed"


def test_the_mean_of_units_of_a_whole_benchmark_is_known_too(tmp_path):
    audit = run(plan_of(tmp_path, 7, 90, units=30), into=tmp_path / "audits")
    one = audit.record.findings[0].headline
    assert one.low == pytest.approx(one.high, abs=1e-12)
    assert (one.low <= one.value <= one.high, one.n["population"]) == (True, 30)


def test_a_part_is_drawn_at_random_and_its_interval_is_exact(tmp_path):
    path = tmp_path / "c0.csv"
    plan = plan_of(tmp_path, 60, 200, limit=50)
    path.write_text("id,text,unit\n" + "".join(f"c0-{i},{int(i < 60)},{i}\n" for i in range(200)))  # all ones first
    shares = []
    for seed in range(4):
        audit = run(replace(plan, seed=seed), into=tmp_path / f"audits{seed}")
        finding, one = audit.record.findings[0], audit.record.findings[0].headline
        events = round(one.value * 50)
        assert (one.low, one.high) == pytest.approx(exact_hypergeometric(events, 50, 200))
        assert (one.method, finding.population, one.n["items"]) == (HYPERGEOMETRIC, 200, 50)
        assert one.high - one.low < np.subtract(*exact_binomial(events, 50)[::-1])
        assert again(audit) == 4
        shares.append(one.value)
    assert max(shares) < 0.6  # the first 50 rows all say 1
    assert len(set(shares)) > 1
    assert finding.more_units in (None, 150)


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_parts_cover_the_benchmark_and_not_more(share):
    values, level, missed = (np.arange(60) < 60 * share).astype(float), 0.9, 0
    items = pd.DataFrame({"value": values}, index=[str(i) for i in range(60)])
    for seed in range(150):
        part = random_part(in_random_order(items, np.random.default_rng(seed)), 25)
        mean = float(part["value"].mean())
        one = Measure(
            name="ones", value=mean, low=0.0, high=1.0, n={"items": 25, "units": 25}, unit="share", mean_of="value",
            direction="lower is better", level=level, method="exact binomial (Clopper-Pearson)",
        )
        found = of_benchmark(one, part, Part(25, 60))
        missed += not found.low - 1e-9 <= share <= found.high + 1e-9
    assert missed <= 150 * 0.1 + 3 * np.sqrt(150 * 0.09)
    assert found.method == HYPERGEOMETRIC


def test_which_units_come_does_not_depend_on_their_size():
    """Sizes 1, 1, 2, 4 and a limit of 6: always two units, each in half of all parts."""
    labels = pd.Series(["a", "b", "c", "c", "d", "d", "d", "d"])
    items = pd.DataFrame({"unit": labels.to_numpy()}, index=[str(i) for i in range(8)])
    assert [units_within((1, 4, 2, 1), most) for most in (6, 3, 7)] == [2, 1, 3]
    seen = Counter()
    for seed in range(600):
        part = random_part(in_random_order(items, np.random.default_rng(seed)), 6)
        assert len(set(part["unit"])) == 2
        seen.update(set(part["unit"]))
    assert all(abs(seen[name] - 300) < 4 * np.sqrt(600 * 0.25) for name in "abcd")
    assert random_part(items, 8) is items


def test_early_stopping_knows_how_many_are_left():
    """200 units of which 20 are events, limit 5 %: an endless population leaves four of ten undecided."""
    values, rng, after = (np.arange(200) < 20).astype(float), np.random.default_rng(0), {None: [], 200: []}
    for _ in range(40):
        order = rng.permutation(values)
        for population, found in after.items():
            test = RateTest(0.05, 0.95, population=population)
            test.update(order)
            found.append(test.decided_after or 1000)
    assert np.mean(np.array(after[None]) == 1000) > 0.25
    assert max(after[200]) < 200
    assert np.median(after[200]) < 115 < 150 < np.median(after[None])


@pytest.mark.parametrize(("ones", "verdict"), [(0, "passed"), (20, "failed"), (10, "passed")])
def test_an_early_check_decides_a_benchmark_at_its_last_unit_at_the_latest(tmp_path, ones, verdict):
    """10 of 200 is the limit itself."""
    audit = run(plan_of(tmp_path, ones, 200, stop="early"), into=tmp_path / "audits")
    finding, one = audit.record.findings[0], audit.record.findings[0].headline
    assert (finding.verdict, finding.population) == (verdict, 200)
    assert again(audit) == 4
    if ones == 10:
        assert (one.low, one.high, one.n["units"], one.method) == (0.05, 0.05, 200, ALL_OF_IT)
    else:
        assert one.n["units"] < 200
        assert one.method == early_stopping.METHOD_OF_PART
    if not ones:
        known, ignored = RateTest(0.05, population=200), RateTest(0.05)
        known.update(np.zeros(200))
        ignored.update(np.zeros(200))
        assert one.n["units"] == known.decided_after < ignored.decided_after


@pytest.mark.parametrize("stop", ["full", "early"])
@pytest.mark.parametrize("more", [{"target": "population"}, {}, {"limit": 5}])
def test_data_without_items_are_told_and_nothing_crashes(tmp_path, stop, more):
    plan = plan_of(tmp_path, 0, 0, stop=stop, **more)
    audit = run(plan, into=tmp_path / "audits")
    assert (audit.record.verdict, audit.record.findings[0].reason["key"]) == ("inconclusive", "no_items")
    assert [(one.items, one.units) for one in size_plan(plan)] == [(0, 0)]


def test_what_gave_no_answer_keeps_its_worst_case():
    items = pd.DataFrame({"value": [1.0, 0, 0, np.nan], "no_answer": [False, False, False, True]}, index=list("abcd"))
    common = {"unit": "share", "direction": "lower is better", "level": 0.95, "method": "exact", "missing": 1}
    mean = Measure(name="m", value=1 / 3, low=0.0, high=1.0, n={"items": 3, "units": 3}, mean_of="value", **common)
    other = Measure(name="o", value=0.2, low=0.1, high=0.4, n={"items": 3, "units": 3}, **common)
    found = on_benchmark(Result((mean, other), items=items), Part(4, 4)).measures
    assert (found[0].low, found[0].value, found[0].high) == (0.25, 1 / 3, 0.5)
    assert found[1] == other
    assert on_benchmark(Result((replace(other, missing=0),), items=items), Part(4, 4)).headline.high == 0.2
    part = of_benchmark(mean, items, Part(4, 9))
    assert (part.low, part.high) == (exact_hypergeometric(1, 4, 9)[0], exact_hypergeometric(2, 4, 9)[1])


def test_of_a_part_only_what_counts_all_of_its_units_is_the_benchmarks():
    items = pd.DataFrame({"value": [1.0, 0, 0, 1], "group": list("aabb")}, index=list("wxyz"))
    common = {"unit": "share", "direction": "lower is better", "level": 0.95, "method": "exact", "value": 0.5}
    two = {"n": {"items": 2, "units": 2}, "mean_of": "value"}
    group = Measure(name="m", low=0.0, high=1.0, group="a", where={"group": "a"}, **two, **common)
    rough = Measure(name="o", low=0.1, high=0.9, n={"items": 4, "units": 4}, guarantee="approximate", **common)
    assert on_benchmark(Result((group, rough), items=items), Part(4, 8)).measures == (group, rough)
    whole = on_benchmark(Result((group, rough), items=items), Part(4, 4)).measures
    known = (0.5, 0.5, "finite sample", ALL_OF_IT)
    assert [(one.low, one.high, one.guarantee, one.method) for one in whole] == [known] * 2


def test_what_draws_its_answers_speaks_of_a_population_and_says_so(tmp_path):
    audit = run(plan_of(tmp_path, 5, 100, probe=Ones), into=tmp_path / "audits")
    finding, one = audit.record.findings[0], audit.record.findings[0].headline
    assert (finding.population, finding.verdict) == (None, "inconclusive")
    assert (one.low, one.high) == pytest.approx(exact_binomial(5, 100))
    assert finding.remarks == [{"key": "drawn"}]
    assert recompute(audit, {"c0": Ones()}), "that remark stood against an honest record"
    assert words_of("en")("remark.drawn").startswith("The plan speaks of its data as a benchmark")


def test_probes_and_observations_know_whether_answers_are_drawn():
    asked = ClosedBook(), StereotypePairs(), Likelihood(), TextMark()
    assert list(map(repeatable, asked)) == [True, True, False, False]
    for kind, known in (("exact", True), ("lower_bound", False), ("estimate", False)):
        frame = pd.DataFrame({"likelihood": ["exact", kind, None]})
        assert repeatable(StereotypePairs(), {"items": frame}) is known


class Server(NamedTuple):
    left_out: tuple[str, ...] = ()


def test_a_server_that_draws_its_answers_makes_no_benchmark(tmp_path):
    plan = plan_of(tmp_path, 5, 100, probe=ClosedBook, measure="accuracy", model=MarkovText())
    check, data = plan.checks[0], plan_of(tmp_path, 5, 100)
    for server, drawn, target in (
        (Server(), False, "benchmark"), (Server(), True, "population"), (Server(("temperature",)), False, "population")
    ):
        assert plan_for(check, plan, server, drawn=drawn).target == target
        assert plan_for(data.checks[0], data, server, drawn=drawn) == data  # asks nobody


def test_a_reviewed_benchmark_is_known_as_well(tmp_path):
    for stop, limit in (("full", None), ("full", 50), ("early", None)):
        audit = run(plan_of(tmp_path, 80, 200, stop=stop, limit=limit), into=tmp_path / f"{stop}{limit}")
        finding = audit.record.findings[0]
        values = audit.items("c0")["value"]
        changes = {name: ItemChange(name, None, value, "Kim Minji", "read") for name, value in values.items()}
        item = next(name for name, value in values.items() if value == 1.0)
        changes[item] = replace(changes[item], reviewed=0.0)
        found = review_measure(audit, finding, changes)
        size = finding.headline.n["items"]
        assert found.problem is None
        assert found.measure.value == pytest.approx(finding.headline.value - 1 / size)
        assert found.measure.method == finding.headline.method
        assert found.measure.low <= finding.headline.low
        assert found.measure.n == finding.headline.n


def test_without_the_key_nothing_of_it_is_written_and_changing_it_is_told(tmp_path):
    plan = plan_of_rates(tmp_path, [(0, 100)])
    audit = run(plan, into=tmp_path / "audits")
    text = (audit.folder / "record.json").read_text()
    assert "target" not in freeze(plan, {})
    assert "target" not in text
    assert "population" not in text
    changed = freeze(replace(plan, target="benchmark"), {})
    assert list(deviations(freeze(plan, {}), changed)) == [PlanDifference(None, "target", None, "benchmark")]
    later = run(plan_of(tmp_path, 0, 100), into=tmp_path / "other")
    assert json.loads((later.folder / "record.json").read_text())["target"] == "benchmark"


def test_a_record_makes_no_benchmark_that_its_plan_has_not(tmp_path):
    """With a population of its own size, judging again would give [value, value]."""
    audit = run(plan_of(tmp_path, 2, 100, target="population"), into=tmp_path / "audits")
    frozen = json.loads((audit.folder / "plan.json").read_text())
    check_record(audit.record, frozen)
    forged = [audit.record.findings[0].model_copy(update={"population": 100})]
    with pytest.raises(IntegrityError, match=r"benchmark is \[.c0.\]; by its plan it is \[\]"):
        check_record(audit.record.model_copy(update={"findings": forged}), frozen)
    with pytest.raises(IntegrityError, match=r"target is .benchmark.; by its plan it is .population."):
        check_record(audit.record.model_copy(update={"target": "benchmark"}), frozen)


def test_plan_size_and_report_say_what_the_numbers_speak_of(tmp_path):
    plan = plan_of(tmp_path, 5, 100)
    lines = list(_lines(plan, size_plan(plan)))
    assert lines[1] == (
        "  the benchmark has 100 units; asked in full, which early stopping may spare, it has no sampling error"
    )
    part = replace(plan, limit=40)
    size = size_plan(part)[0]
    assert (size.items, size.units, size.population) == (40, 40, 100)
    assert "40 of them are drawn at random" in "\n".join(_lines(part, [size]))
    record = run(plan, into=tmp_path / "audits").record
    english, korean = (budget_text(record, Notation(words_of(lang))) for lang in ("en", "ko"))
    assert english.startswith("As statements about the benchmark itself")
    assert korean.startswith("벤치마크 자체")
