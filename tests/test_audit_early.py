"""Early stopping: every interval of a check that looks as it goes is valid where it stopped; no look is too late."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from markov import MarkovModel, MarkovText, Repeats
from rates import Ones, plan_of_rates, write_ones

from audit.cli.running import _watched
from audit.data.tabular import File
from audit.execute import run, size_plan
from audit.files import arrow_table, canonical, parquet_bytes
from audit.plan import Check, Plan, freeze
from audit.record import Limit
from audit.verdict import early_stopping
from detectors.intervals import exact_binomial
from detectors.power import stops_after
from detectors.result import Measure, Result
from detectors.sequential import RateTest, boundaries, confidence_sequence

LIMIT = Limit(measure="ones", at_most=0.05)


def share(name, values, **more):
    low, high = (float(one) for one in exact_binomial(values.sum(), len(values), 0.95))
    common = {"value": float(values.mean()), "low": low, "high": high, "unit": "share", "level": 0.95}
    n = {"items": len(values), "units": len(values)}
    common |= {"mean_of": "value", "direction": "lower is better", "method": "exact"}
    return Measure(name=name, n=n, **{**common, **more})


def result_of(values, groups=None):
    items = pd.DataFrame({"value": values, "group": groups or ["a"] * len(values)})
    return Result((share("ones", values),), items=items)


def test_every_mean_of_a_check_has_the_sequence_and_nothing_else_an_interval():
    values = (np.arange(60) % 7 == 0).astype(float)
    groups = ["a" if n % 3 else "b" for n in range(60)]
    part = values[[one == "b" for one in groups]]
    result = result_of(values, groups)
    measures = (
        *result.measures, share("again", values), share("ones", part, group="b", where={"group": "b"}),
        share("ranked", values, mean_of=None), share("other", values, mean_of="gone"),
        replace(share("twice", values), value=float(values.mean()) / 2, low=0.0),
        replace(share("bare", values), low=None, high=None, mean_of=None, method="plain"),
    )
    stopped = early_stopping.early_stopped(replace(result, measures=measures), LIMIT, 0.95)
    found = {(one.name, one.group): one for one in stopped.measures}
    for key, seen in ((("ones", None), values), (("again", None), values), (("ones", "b"), part)):
        assert (found[key].low, found[key].high) == pytest.approx(confidence_sequence(seen, 0.95))
        assert found[key].method == early_stopping.METHOD
    for name in ("ranked", "other", "twice"):
        assert (found[name, None].low, found[name, None].high) == (None, None)
        assert found[name, None].method == early_stopping.NO_INTERVAL
    assert found["bare", None].method == "plain"


def test_a_limit_on_a_group_is_watched_over_its_own_units():
    values, groups = np.zeros(200), ["a", "b"] * 100
    result = result_of(values, groups)
    one = share("ones", values[::2], group="a", where={"group": "a"})
    test = early_stopping.watch(replace(result, measures=(one,)), Limit(measure="ones", group="a", at_most=0.05), 0.95)
    alone = RateTest(0.05)
    alone.update(values[::2])
    assert (test.verdict, test.decided_after) == ("below", alone.decided_after)


def test_the_same_column_under_another_name_covers_where_the_check_stopped():
    """Limit 5 %, true 6.5 %: the interval for a fixed size misses in 12 % of audits, the sequence in at most 5 %."""
    rng, n = np.random.default_rng(1), np.arange(1, 1001)
    below, above = boundaries(0.05, 0.95, 1000)
    ones = rng.random((2000, 1000)) < 0.065
    count = np.cumsum(ones, axis=1)
    decided = (count <= below) | (count >= above)
    stop = np.where(decided.any(axis=1), decided.argmax(axis=1) + 1, 1000)
    low, high = exact_binomial(count[np.arange(2000), stop - 1], n[stop - 1], 0.95)
    assert np.mean((low > 0.065) | (high < 0.065)) > 0.09
    missed = 0
    for values, at in zip(ones[:120], stop, strict=False):
        seen = values[:at].astype(float)
        both = replace(result_of(seen), measures=(share("ones", seen), share("again", seen)))
        again = early_stopping.early_stopped(both, LIMIT, 0.95).measures[1]
        missed += not again.low <= 0.065 <= again.high
    assert missed <= 10  # of 120 at 5 %: more have a probability of 3 %


@pytest.mark.parametrize(("rate", "goal"), [(0.0, 82), (0.01, 140), (0.1, 195), (0.2, 30)])
def test_batches_cost_no_calls_and_spare_looks(rate, goal):
    """Limit 5 %, one gating check: the median of the test itself, and nothing is lost on top of it."""
    assert stops_after(rate, 0.05, 0.95, 1000) <= goal
    rng, late, looks = np.random.default_rng(5), [], []
    for _ in range(1 if rate == 0 else 31):
        outcomes, test, n, count = (rng.random(1000) < rate).astype(float), RateTest(0.05), 0, 0
        while test.verdict is None and n < 1000:
            size = test.quiet(early_stopping.MOST_BETWEEN_LOOKS)
            test.update(outcomes[n : n + size])
            n, count = n + size, count + 1
        late.append(n - (test.decided_after or n))
        looks.append(count)
    assert np.median(late) == 0
    assert np.mean(late) < 2
    assert np.median(looks) <= 25


def test_quiet_outcomes_are_counted_by_hand():
    """Limit 1/2, all bettors together: at the start, the fewest equal outcomes in a row that say something."""
    least = next(n for n in range(1, 50) if boundaries(0.5, 0.95, n)[0][-1] >= 0)
    fresh = RateTest(0.5)
    assert fresh.quiet(least, risk=0.0) == least  # none of the first least - 1 can decide
    assert fresh.quiet(least + 1, risk=0.0) == least
    one_short = RateTest(0.5)
    one_short.update(np.zeros(least - 1))
    assert one_short.quiet(early_stopping.MOST_BETWEEN_LOOKS) == 1
    finite = RateTest(0.5, population=60)
    finite.update(np.zeros(3))
    assert 1 <= finite.quiet(early_stopping.MOST_BETWEEN_LOOKS) <= early_stopping.MOST_BETWEEN_LOOKS


def test_an_early_check_asks_no_unit_twice_and_stops_where_single_steps_would(tmp_path):
    late = []
    for seed in range(6):
        audit = run(plan_of_rates(tmp_path, [(50, 500)], stop="early", seed=seed), into=tmp_path / "audits")
        seen = audit.items("c0")
        assert seen.index.is_unique
        test = RateTest(0.3)
        test.update(seen["value"])
        late.append(len(seen) - test.decided_after)
    assert sum(one == 0 for one in late) >= 4


@pytest.mark.parametrize("checks", [1, 4])
def test_data_are_read_once_for_each_check_and_once_for_all(tmp_path, monkeypatch, checks):
    """Before it was (checks + 1) squared: sizes were counted anew after every check, those of all others too."""
    data = write_ones(tmp_path, "ones", 10, 120)
    same = tuple(Check(f"c{n}", Ones(), {"items": data}, Limit(measure="ones", at_most=0.9), stop="early")
                 for n in range(checks))  # fmt: skip
    passes, batches = [], File.batches

    def counted(self, role, *, limit=None):
        def read():
            passes.append(limit)
            yield from batches(self, role, limit=limit)

        return read()

    monkeypatch.setattr(File, "batches", counted)
    audit = run(Plan("Passes", same), into=tmp_path / "audits")
    assert len(passes) == checks + 1, "to look for mistakes and count units, and for each check to ask"
    assert [one.calls + one.calls_saved for one in audit.record.findings] == [120] * checks
    passes.clear()
    size_plan(Plan("Passes", same))
    assert len(passes) == 1
    passes.clear()
    _watched(Plan("Passes", same, seed=1), tmp_path / "audits", fresh=False, show=False)
    assert len(passes) == checks + 1, "progress takes its total from the run"


def test_units_are_asked_whole(tmp_path):
    data = write_ones(tmp_path, "units", 10, 120, units=30)
    check = Check("c", Ones(), {"items": data}, Limit(measure="ones", at_most=0.9), stop="early")
    audit = run(Plan("Units", (check,)), into=tmp_path / "audits")
    assert set(audit.items("c").groupby("unit").size()) == {4}
    assert audit.finding("c").verdict == "passed"


LOW = Limit(measure="ones", at_most=0.3)
TEXTS = np.random.default_rng(0).random(400) < 0.45


def plan_of_rows(folder, rows, **more):
    path = folder / "rows.csv"
    path.write_text("id,text\n" + "".join(f"i{n},{int(TEXTS[n])}\n" for n in rows))
    data = File(path, id="id", fields={"text": "text"})
    return Plan("Rows", (Check("c", Ones(), {"items": data}, LOW, stop="early"),), seed=4, **more)


def plant(into, plan, ids):
    """Put a folder there that looks like an undecided audit of the same check on fewer items."""
    frozen = json.loads(canonical(freeze(plan, {})))
    frozen["checks"][0]["data"]["items"]["digest"] = "sha256:" + "0" * 64
    folder = into / "planted"
    (folder / "observations").mkdir(parents=True)
    (folder / "plan.json").write_bytes(canonical(frozen))
    (folder / "record.json").write_bytes(canonical({"findings": [{"check": "c", "verdict": "inconclusive"}]}))
    frame = pd.DataFrame({"text": "0"}, index=pd.Index(ids, name="id"))
    (folder / "observations" / "c.items.parquet").write_bytes(parquet_bytes(arrow_table(frame)))


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("neighbour", ["planted", "chosen", "undecided"])
def test_no_neighbour_chooses_which_items_come_first(tmp_path, neighbour, fresh):
    """Hand-made, asked on items that say 0, or honest and undecided: the order is drawn anew, and so is the verdict."""
    into, zeros = tmp_path / "audits", np.flatnonzero(~TEXTS)
    alone = run(plan_of_rows(tmp_path, range(400)), into=tmp_path / "alone")
    if neighbour == "planted":
        plant(into, plan_of_rows(tmp_path, range(400)), [f"i{n}" for n in zeros])
    else:
        first = run(plan_of_rows(tmp_path, zeros[:9] if neighbour == "chosen" else range(40)), into=into)
        assert first.finding("c").verdict == "inconclusive"
    audit = run(plan_of_rows(tmp_path, range(400)), into=into, fresh=fresh)
    assert list(audit.items("c").index) == list(alone.items("c").index)
    assert (audit.finding("c").verdict, audit.finding("c").measures) == ("failed", alone.finding("c").measures)


def test_all_data_asked_without_a_decision_want_a_fresh_sample(tmp_path):
    finding = run(plan_of_rows(tmp_path, range(40)), into=tmp_path / "audits").finding("c")
    assert (finding.verdict, finding.headline.n["items"], finding.more_units) == ("inconclusive", 40, None)
    assert f"a fresh sample of about {finding.fresh_units} units would decide." in finding.why
    assert finding.fresh_units > 40


class Dies(MarkovModel):
    """Raises KeyboardInterrupt at the n-th item."""

    at = 0

    def _count(self, item):
        super()._count(item)
        if self.asked == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [70, 110])
def test_an_interrupted_early_check_goes_on_in_its_own_order(tmp_path, at):
    path = tmp_path / "texts.csv"
    rng = np.random.default_rng(1)
    path.write_text("text\n" + "\n".join({"".join(rng.choice(list("abc"), 9)) for _ in range(400)}) + "\n")
    check = Check("c", Repeats(), {"items": File(path)}, Limit(measure="repeat_share", at_most=0.3), stop="early")
    cut, whole = Dies(MarkovText()), MarkovText().open()
    uncut = run(Plan("Cut", (check,), whole), into=tmp_path / "whole")
    cut.at = at
    with pytest.raises(KeyboardInterrupt):
        run(Plan("Cut", (check,), cut), into=tmp_path / "cut")
    rest = MarkovText().open()
    resumed = run(Plan("Cut", (check,), rest), into=tmp_path / "cut")
    assert (resumed.folder / "record.json").read_bytes() == (uncut.folder / "record.json").read_bytes()
    assert whole.asked - at <= rest.asked <= whole.asked - at + 2 * early_stopping.MOST_BETWEEN_LOOKS
