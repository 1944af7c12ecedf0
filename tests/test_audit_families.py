"""Exploratory families: Benjamini-Hochberg by intervals is that of p-values, keeps its rate, and is in the record."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rates import Ones, plan_of_rates
from scipy.special import bdtr, bdtrc
from scipy.stats import false_discovery_control

from audit.errors import IntegrityError
from audit.execute import RunCallbacks, run
from audit.integrity import check_digests, recompute
from audit.plan import Check
from audit.record import Limit, load_record
from detectors.intervals import exact_binomial
from detectors.multiplicity import family_level, step_up

COUNTS = [(3, 100), (5, 100), (19, 100), (20, 100), (28, 100), (29, 100), (50, 100)]
PROBES = {f"c{i}": Ones() for i in range(20)}


def decided(k, n, limit, level):
    low, high = exact_binomial(k, n, level)
    return (low > limit) | (high <= limit)


def p_values(k, n, limit):
    """Two-sided exact p-values: the level at which the interval just lets go of the limit."""
    return np.minimum(1, 2 * np.minimum(bdtr(k, n, limit), bdtrc(k - 1.0, n, limit)))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(60, 200), st.sampled_from([0.11, 0.23, 0.37])), min_size=1),
    st.sampled_from([0.8, 0.9, 0.95]),
)
@settings(max_examples=300, deadline=None)
def test_the_step_up_by_intervals_is_that_of_p_values(rows, level):
    k, n, limit = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    reached = step_up(level, len(rows), lambda at: int(decided(k, n, limit, at).sum()))
    found = decided(k, n, limit, reached)
    assert found.tolist() == (false_discovery_control(p_values(k, n.astype(int), limit)) <= 1 - level).tolist()
    assert reached == family_level(level, len(rows), max(1, int(found.sum())))


def false_shares(corrected: bool, families: int = 1500) -> float:
    """Mean share of wrong decisions among all: 15 rates that are the limit, and 5 clear ones."""
    rng, level, limit, n = np.random.default_rng(5), 0.8, 0.3, 150
    true = np.array([limit] * 15 + [0.1] * 3 + [0.5] * 2)
    shares = []
    for k in rng.binomial(n, true, size=(families, len(true))):
        at = step_up(level, len(true), lambda at, k=k: int(decided(k, n, limit, at).sum())) if corrected else level
        found = decided(k, n, limit, at)
        shares.append(found[:15].sum() / max(1, found.sum()))
    return float(np.mean(shares))


def test_the_share_of_false_decisions_is_kept():
    assert false_shares(corrected=True) <= 0.2
    assert false_shares(corrected=False) > 0.2


def test_all_null_families_decide_anything_at_the_rate_at_most():
    rng, limit, n = np.random.default_rng(6), 0.05, 200
    any_wrong = [
        bool(decided(k, n, limit, step_up(0.95, 30, lambda at, k=k: int(decided(k, n, limit, at).sum()))).any())
        for k in rng.binomial(n, limit, size=(1000, 30))
    ]
    assert np.mean(any_wrong) <= 0.05


def test_the_record_holds_the_family_and_its_level(tmp_path):
    landed = []
    plan = plan_of_rates(tmp_path, COUNTS, gating=False)
    audit = run(plan, into=tmp_path / "audits", watch=RunCallbacks(on_finding=landed.append))
    k, n = np.array(COUNTS, dtype=float).T
    expected = false_discovery_control(p_values(k, n.astype(int), 0.3)) <= 0.05
    assert expected.tolist() == [True, True, True, True, False, False, True]
    found = [finding.verdict in ("passed", "failed") for finding in audit.record.findings]
    assert found == expected.tolist()
    assert [finding.verdict for finding in audit.record.findings][-1] == "failed"
    for finding, (ones, total) in zip(audit.record.findings, COUNTS, strict=True):
        assert finding.family == "exploratory"
        assert finding.measures[0].level == pytest.approx(1 - 0.05 * 5 / 7)
        assert (finding.measures[0].low, finding.measures[0].high) == exact_binomial(ones, total, 1 - 0.05 * 5 / 7)
    assert audit.record.verdict == "measured"
    assert landed == audit.record.findings
    assert check_digests(audit) > len(COUNTS)
    assert recompute(audit, PROBES) == 4 * len(COUNTS)


def test_nothing_decided_leaves_the_strictest_level(tmp_path):
    # 20 of 100 alone would keep the limit at 95 %: p = 0.033 > 0.05 / 5.
    audit = run(plan_of_rates(tmp_path, [(20, 100)] * 1 + [(30, 100)] * 4, gating=False), into=tmp_path / "audits")
    assert [finding.verdict for finding in audit.record.findings] == ["inconclusive"] * 5
    assert {finding.measures[0].level for finding in audit.record.findings} == {1 - (1 - 0.95) / 5}
    alone = run(plan_of_rates(tmp_path, [(20, 100)], gating=False), into=tmp_path / "alone")
    assert alone.finding("c0").verdict == "passed"


def test_one_check_alone_is_judged_as_a_gating_one(tmp_path):
    free = run(plan_of_rates(tmp_path, [(20, 100)], gating=False), into=tmp_path / "free").finding("c0")
    gates = run(plan_of_rates(tmp_path, [(20, 100)]), into=tmp_path / "gates").finding("c0")
    changes = {"gating": True, "family": None}
    assert free.model_copy(update=changes) == gates


def test_gating_checks_and_the_family_do_not_share(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS, gating=False)
    gating = [replace(check, name=f"g{i}", gating=True) for i, check in enumerate(plan.checks[:2])]
    audit = run(replace(plan, checks=(*gating, *plan.checks)), into=tmp_path / "audits")
    levels = [finding.measures[0].level for finding in audit.record.findings]
    assert levels == pytest.approx([0.975] * 2 + [1 - 0.05 * 5 / 7] * 7)
    assert audit.record.verdict == "passed"


def test_a_check_that_could_not_be_asked_counts_for_the_size(tmp_path):
    plan = plan_of_rates(tmp_path, [(20, 100)], gating=False)
    nothing = [Check(f"none{i}", Ones(), {}, Limit(measure="ones", at_most=0.3), gating=False) for i in range(3)]
    audit = run(replace(plan, checks=(*plan.checks, *nothing)), into=tmp_path / "audits")
    assert [finding.verdict for finding in audit.record.findings] == ["inconclusive", "skipped", "skipped", "skipped"]
    assert audit.finding("c0").measures[0].level == pytest.approx(1 - 0.05 / 4)
    assert recompute(audit, PROBES) == 4


def test_early_checks_stop_at_the_strictest_level_and_are_told_at_the_familys(tmp_path):
    counts = [(0, 400), (0, 400), (0, 400), (120, 400)]
    audit = run(plan_of_rates(tmp_path, counts, gating=False, stop="early"), into=tmp_path / "audits")
    alone = run(plan_of_rates(tmp_path, counts[:1], stop="early", level=1 - 0.05 / 4), into=tmp_path / "alone")
    assert [finding.verdict for finding in audit.record.findings] == ["passed"] * 3 + ["inconclusive"]
    assert {finding.measures[0].level for finding in audit.record.findings} == {family_level(0.95, 4, 3)}
    assert audit.finding("c0").calls == alone.finding("c0").calls
    assert audit.finding("c0").calls_saved > 300
    assert recompute(audit, PROBES) == 16


def test_a_level_that_the_family_does_not_reach_is_found_out(tmp_path):
    audit = run(plan_of_rates(tmp_path, COUNTS, gating=False), into=tmp_path / "audits")
    record = json.loads((audit.folder / "record.json").read_bytes())
    for finding, (ones, total) in zip(record["findings"], COUNTS, strict=True):
        low, high = exact_binomial(ones, total, 0.95)
        finding["measures"][0] |= {"level": 0.95, "low": low, "high": high}
    (audit.folder / "record.json").write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match=r"judged at level 0\.95; its family judged again reaches 0\.964"):
        recompute(load_record(audit.folder), PROBES)


def test_a_probe_that_breaks_at_another_level_is_a_crash_and_the_rest_stands(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS, gating=False)
    checks = (*plan.checks[:-1], replace(plan.checks[-1], probe=Breaks()))
    audit = run(replace(plan, checks=checks), into=tmp_path / "audits")
    assert audit.finding("c6").verdict == "crashed"
    assert [audit.finding(f"c{i}").verdict for i in range(6)] == ["passed"] * 3 + ["inconclusive"] * 3
    assert {audit.finding(f"c{i}").measures[0].level for i in range(6)} == {family_level(0.95, 7, 3)}


class Breaks(Ones):
    """Judges at the strictest level only."""

    def judge(self, observed, *, level, rng):
        if level < 1 - 0.05 / 7 - 1e-9:
            raise RuntimeError("planted crash")
        return super().judge(observed, level=level, rng=rng)


class Stop(RunCallbacks):
    """Interrupts as a finding lands."""

    def __init__(self, after):
        super().__init__(on_finding=self.land)
        self.left = after

    def land(self, finding):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_a_kill_while_the_family_settles_changes_nothing(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS, gating=False)
    whole = (run(plan, into=tmp_path / "whole").folder / "record.json").read_bytes()
    for after in (1, 4, 7):
        with pytest.raises(KeyboardInterrupt):
            run(plan, into=tmp_path / f"cut {after}", watch=Stop(after))
        resumed = run(plan, into=tmp_path / f"cut {after}")
        assert (resumed.folder / "record.json").read_bytes() == whole, after
