"""`promise: audit`: the audit passes wrongly no more often than its level says, failures keep their shares."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from rates import Ones, plan_of_rates
from scipy.special import bdtr, bdtrc

from audit.cli.sizing import _lines
from audit.errors import IntegrityError, PlanError, UsageError
from audit.execute import run, size_plan
from audit.integrity import recompute
from audit.plan import freeze, read_plan
from audit.policy import judge_audit, load_policy
from audit.record import Limit, keep_level, load_record, watched
from audit.review.overrides import ItemChange, review_measure
from audit.verdict import decide, early_stopping
from detectors.intervals import exact_binomial
from detectors.power import keep_probability, units_needed
from detectors.result import Measure
from detectors.sequential import RateTest, confidence_sequence, stopping
from reports.text import Notation, words_of
from reports.views.statistical_notes import budget_text

LIMIT = Limit(measure="ones", at_most=0.05)
SHARE = 1 - 0.05 / 14
COUNTS = [(1, 100)] * 13 + [(0, 100)]
PROBES = {f"c{i}": Ones() for i in range(20)}


def rate(k, n, level):
    low, high = (float(one) for one in exact_binomial(k, n, level))
    return Measure(
        name="ones", value=k / n, low=low, high=high, n={"items": n, "units": n}, unit="share", level=level,
        direction="lower is better", method="exact binomial (Clopper-Pearson)", mean_of="value",
    )


def verdicts(n, limit, level, keeps):
    """Verdict at every count of events."""
    return [
        decide([rate(k, n, level)], limit, {}, kept=rate(k, n, keeps), power=False).verdict for k in range(n + 1)
    ]


@pytest.mark.parametrize("n", [60, 93, 200])
@pytest.mark.parametrize("limit", [LIMIT, Limit(measure="ones", at_least=0.9)])
def test_a_check_passes_at_the_full_level_and_fails_at_its_share(n, limit):
    """By exact tails: where a one-sided test at 5 % rejects, and the two-sided interval at the share."""
    k, found = np.arange(n + 1), np.array(verdicts(n, limit, SHARE, keep_level("audit", 0.95)))
    low, high = bdtr(k, n, limit.at_most or limit.at_least), bdtrc(k - 1.0, n, limit.at_most or limit.at_least)
    keeps, breaks = (low, high) if limit.at_most else (high, low)
    assert (found == "passed").tolist() == (keeps <= 0.05).tolist()
    assert (found == "failed").tolist() == (breaks <= 0.05 / 28).tolist()
    assert (found == "passed").sum() > (keeps <= 0.05 / 28).sum()


def test_a_two_sided_limit_is_kept_by_two_one_sided_tests():
    limit, n, k = Limit(measure="ones", at_least=0.4, at_most=0.6), 200, np.arange(201)
    found = np.array(verdicts(n, limit, SHARE, 0.9))
    assert (found == "passed").tolist() == ((bdtr(k, n, 0.6) <= 0.05) & (bdtrc(k - 1.0, n, 0.4) <= 0.05)).tolist()


def test_an_audit_with_one_check_at_its_limit_passes_in_one_of_twenty_whatever_their_number():
    """Early checks, 2,000 units: the check at its limit passes in .047; shared among 14, in .0016 or less."""
    below, above = stopping(0.05, 0.05, watched(LIMIT, SHARE, keep_level("audit", 0.95)), 2000)
    assert 0.04 < below.sum() <= 0.05
    assert above.sum() <= 0.05 / 28
    shared = stopping(0.05, 0.05, SHARE, 2000)[0].sum()
    assert shared <= 0.05 / 28
    rng, audits = np.random.default_rng(5), 4000
    at_the_limit = rng.random(audits) < below.sum()
    others = rng.random((audits, 13)) < stopping(0.0, 0.05, (0.9, SHARE), 2000)[0].sum()
    assert (at_the_limit & others.all(axis=1)).mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / audits)


@pytest.mark.parametrize(("truth", "now", "then"), [(0.0, 136, 66), (0.01, 244, 66), (0.02, 789, 219)])
def test_what_sharing_the_budget_for_passes_costs(truth, now, then):
    """Median units of 14 early checks with the limit 5 %."""
    for levels, median in ((SHARE, now), ((0.9, SHARE), then)):
        said = np.cumsum(stopping(truth, 0.05, levels, 2000)[0])
        assert int(np.argmax(said >= 0.5)) + 1 == median


def test_the_test_stops_where_an_interval_of_the_pair_does():
    rng = np.random.default_rng(2)
    for truth in (0.01, 0.3):
        values, test = (rng.random(400) < truth).astype(float), RateTest(0.05, (0.9, 0.999))
        while test.verdict is None:
            seen = len(test._seen)
            test.update(values[seen : seen + 1])
        for size, decided in ((test.decided_after - 1, False), (test.decided_after, True)):
            low, high = confidence_sequence(values[:size], (0.9, 0.999))
            assert (high < 0.05 or low > 0.05) is decided
        wide, narrow = confidence_sequence(values, 0.999), confidence_sequence(values, 0.9)
        assert confidence_sequence(values, (0.9, 0.999)) == (wide[0], narrow[1])


def test_an_audit_passes_by_one_sided_bounds_and_says_so(tmp_path):
    plan = plan_of_rates(tmp_path, [*COUNTS[:-1], (11, 100)], at_most=0.05, promise="audit")
    audit = run(plan, into=tmp_path / "audits")
    first, last = audit.record.findings[0], audit.record.findings[-1]
    assert (first.verdict, last.verdict) == ("passed", "inconclusive")  # 11 of 100 break it at 5 %, not at the share
    assert first.headline.high > 0.05 > first.one_sided.high
    assert first.headline.level == pytest.approx(SHARE)
    assert first.one_sided.level == pytest.approx(0.95)
    assert first.one_sided.high == pytest.approx(exact_binomial(1, 100, 0.95, side="upper")[1])
    assert first.why.endswith("the bound that holds alone at 95 % keeps the limit at most 5 %.")
    assert recompute(audit, PROBES) == 14 * 7
    told = json.loads((audit.folder / "record.json").read_text())
    assert told["promise"] == "audit"
    told["findings"][0]["one_sided"]["high"] = 0.04
    (audit.folder / "record.json").write_text(json.dumps(told))
    with pytest.raises(IntegrityError, match=r"c0: one-sided high is 0\.04 in the record"):
        recompute(load_record(audit.folder), PROBES)
    del told["findings"][0]["one_sided"]
    (audit.folder / "record.json").write_text(json.dumps(told))
    with pytest.raises(IntegrityError, match="c0: one-sided bounds"):
        recompute(load_record(audit.folder), PROBES)


def test_without_the_key_nothing_of_it_is_written(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS[-2:], at_most=0.05)
    audit = run(plan, into=tmp_path / "audits")
    assert "promise" not in freeze(plan, {})
    text = (audit.folder / "record.json").read_text()
    assert "promise" not in text
    assert "one_sided" not in text
    assert freeze(replace(plan, promise="audit"), {})["promise"] == "audit"
    with pytest.raises(UsageError, match="promise: got 'audits'; input should be 'every_finding' or 'audit'"):
        replace(plan, promise="audits")


def test_early_checks_stop_at_the_levels_of_the_promise(tmp_path):
    asked = {}
    for promise in ("every_finding", "audit"):
        plan = plan_of_rates(tmp_path, [(0, 300)] * 14, at_most=0.05, promise=promise)
        plan = replace(plan, checks=(replace(plan.checks[0], stop="early"), *plan.checks[1:]))
        audit = run(plan, into=tmp_path / promise)
        finding = audit.record.findings[0]
        assert (finding.verdict, finding.headline.method) == ("passed", early_stopping.METHOD)
        asked[promise] = finding.headline.n["units"]
        assert recompute(audit, PROBES) > 14
    assert asked == {"every_finding": 136, "audit": 66}


def test_a_policy_counts_what_was_promised(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS, at_most=0.05, promise="audit")
    audit = run(plan, into=tmp_path / "audits")
    assert audit.record.verdict == "passed"

    def ruling(text):
        (tmp_path / "policy.yaml").write_text(f"title: Gate\nplan_limits: true\nlevel: 0.95\n{text}")
        made = judge_audit(audit, load_policy(tmp_path / "policy.yaml"), on=date(2030, 1, 1))
        return next((one.verdict, one.why) for one in made.rulings if one.rule == "level")

    verdict, why = ruling("")
    assert verdict == "failed"
    assert why.startswith("the judged intervals hold together at 30 %, asked are 95 %; what helps: ")
    verdict, why = ruling("promise: audit\n")
    assert (verdict, why) == ("passed", "the verdict holds at 95 %, asked are 95 %.")


def test_a_reviewed_check_passes_by_the_same_bound(tmp_path):
    plan = plan_of_rates(tmp_path, [(2, 100), *COUNTS[1:]], at_most=0.05, promise="audit")
    audit = run(plan, into=tmp_path / "audits")
    finding = audit.record.findings[0]
    values = audit.items("c0")["value"]
    changes = {name: ItemChange(name, None, value, "Kim Minji", "read") for name, value in values.items()}
    item = next(name for name, value in values.items() if value == 1.0)
    changes[item] = replace(changes[item], reviewed=0.0)
    after = review_measure(audit, finding, changes).finding
    assert (finding.verdict, after.verdict) == ("inconclusive", "passed")
    assert after.one_sided.high == pytest.approx(exact_binomial(1, 100, 0.95, side="upper")[1])


def test_plan_size_tells_both_levels_and_what_they_see(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS, at_most=0.05, promise="audit")
    size = size_plan(plan)[0]
    assert (round(size.level, 6), size.keeps) == (round(SHARE, 6), pytest.approx(0.9))
    assert size.rate.units_needed == units_needed(0.025, SHARE, upper=0.05, keeps=0.9) < units_needed(
        0.025, SHARE, upper=0.05
    )
    kept, broken = keep_probability(size.rate.passes.high, 100, SHARE, upper=0.05, keeps=0.9)
    assert kept[0] == pytest.approx(0.8)
    assert keep_probability(size.rate.fails_above, 100, SHARE, upper=0.05, keeps=0.9)[1][0] == pytest.approx(0.8)
    assert broken[0] < 0.01
    lines = list(_lines(plan, [size]))
    assert lines[0] == "promised at 95 %: that the audit does not pass wrongly, not each pass alone"
    assert "level 99.643 %, passes by the bound at 95 %; 100 items" in lines[1]


def test_the_report_says_what_is_promised(tmp_path):
    plan = plan_of_rates(tmp_path, COUNTS[:2], at_most=0.05, promise="audit")
    record = run(plan, into=tmp_path / "audits").record
    english, korean = (budget_text(record, Notation(words_of(lang))) for lang in ("en", "ko"))
    assert "may pass wrongly with a probability of at most 5" in english
    assert "보장" in korean


def test_a_plan_says_it_in_one_key(tmp_path):
    text = "title: T\npromise: {}\nchecks: [{{name: a, probe: {{use: factuality.judged}}, data: {{}}}}]\n"
    assert read_plan(text.format("audit")).promise == "audit"
    with pytest.raises(PlanError, match="promise"):
        read_plan(text.format("each"))
