"""Policies: read strictly, every rule kept and broken, and the law that the plan's limits give the plan's verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import jsonschema_rs
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_fixtures import finding, mixed, rate, real, write_audit
from review_fixtures import small_audit

from audit.cli.schemas import json_schema
from audit.errors import IntegrityError, PlanError, UsageError
from audit.frameworks import load_framework
from audit.integrity import seal_audit
from audit.policy import Policy, baseline_of, judge_audit, load_policy
from audit.policy.judgement import ORDER
from audit.policy.regressions import gap_of, regressions
from audit.record import WORST_FIRST, Limit, RunFacts, dump, load_record
from audit.review import Answers, Comment, Decision, Override, Status, add_reviews, state_of
from audit.signing import make_key
from audit.signing.keys import read_key
from audit.verdict import decide, sentence
from detectors.intervals import ALL_OF_IT
from reports.text import words_of

DAY = date(2026, 11, 24)
KST = timezone(timedelta(hours=9))


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=KST)


def policy(folder: Path, **keys):
    path = folder / "policy.yaml"
    path.write_text(yaml.safe_dump({"title": "Gate", "plan_limits": False, **keys}, sort_keys=False))
    return load_policy(path)


def share(check, k, n, *, at_most=0.5, gating=True, level=0.95, **more):
    """A finding of a share with the verdict that its numbers have."""
    measure = rate("share", k, n, level=level)
    limit = Limit(measure="share", at_most=at_most)
    decision = decide([measure], limit, more.get("controls") or {})
    more = {"measures": [measure], "limit": limit, **more}
    return finding(check, decision.verdict, sentence(decision.reason), gating=gating, **more)


def rulings(folder, findings=None, *, on=DAY, audit=None, **keys):
    audit = audit or write_audit(folder / "audit", findings)
    return judge_audit(audit, policy(folder, **keys), on=on).rulings


def the(found, rule):
    (one,) = [ruling for ruling in found if ruling.rule == rule]
    return one


# ---- reading -------------------------------------------------------------------------------------------------------


def test_all_mistakes_at_once_with_their_places(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "titel: Gate\n"
        "limits:\n"
        "  - {mesure: share, at_most: 0.5}\n"
        "  - {check: facts}\n"
        "  - {check: facts, at_least: 0.9, at_most: 0.1}\n"
        "waivers: {longest_days: 0}\n"
        "forbid: [crash]\n"
        "required: {dimension: [bias]}\n"
    )
    with pytest.raises(PlanError) as caught:
        load_policy(path)
    told = [problem.removeprefix(f"{path}:") for problem in caught.value.problems]
    assert told == [
        "1:1: title is missing",
        "1:1: unknown key 'titel' (did you mean 'title'?)",
        "3:6: unknown key 'mesure' (did you mean 'measure'?)",
        "4:5: limits: a limit needs at_most, at_least or both",
        "5:5: limits: at_least 0.9 is above at_most 0.1",
        "6:11: waivers.longest_days: got 0; input should be greater than 0",
        "7:10: forbid: got 'crash'; "
        "input should be 'crashed', 'broken_controls', 'deviations', 'rerolls' or 'contradicted'",
        "8:12: unknown key 'dimension' (did you mean 'dimensions'?)",
    ]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "a policy is a mapping"),
        ("title: &a x\n", "anchors and aliases"),
        ("title: x\ntitle: y\n", "stands twice"),
        ("title: x\nlimits: [{at_most: 1}]\n", "a limit names a check, a probe or a measure"),
        ("title: x\nlimits: [{check: a, group: b, at_most: 1}]\n", "a group needs the measure"),
        ("title: x\nlimits: [{check: a, at_most: .nan}]\n", "finite"),
        ("title: x\nplan_limits: 'no'\n", "valid boolean"),
    ],
)
def test_what_is_no_policy_is_refused(tmp_path, text, said):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(PlanError, match=said):
        load_policy(tmp_path / "p.yaml")


def test_the_schema_takes_what_is_read(tmp_path):
    data = {
        "title": "Gate", "limits": [{"check": "a", "at_most": 0.5}], "required": {"dimensions": ["bias"]},
        "waivers": {"by": ["Kim"], "longest_days": 30}, "baseline": {"audit": "x", "margin": 0.1}, "level": 0.9,
    }  # fmt: skip
    schema = json.loads(json_schema("policy"))
    assert jsonschema_rs.is_valid(schema, data)
    assert not jsonschema_rs.is_valid(schema, {**data, "limts": []})
    policy(tmp_path, **data)


# ---- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "verdict"), [(10, 100, "passed"), (90, 100, "failed"), (50, 100, "inconclusive")]
)
def test_a_limit_is_judged_on_the_whole_interval(tmp_path, k, n, verdict):
    one = share("facts", k, n, at_most=0.99)
    found = rulings(tmp_path, [one], limits=[{"check": "facts", "at_most": 0.5}])
    assert the(found, "limits").verdict == verdict
    assert the(found, "limits").about == "facts share at most 0.5"
    assert the(found, "limits").line == 4


def test_a_limit_finds_checks_by_check_by_probe_and_by_measure(tmp_path):
    women = rate("share", 40, 50, group="women")
    found = rulings(
        tmp_path,
        [share("a", 1, 99), share("b", 2, 99, probe="factuality.x", measures=[rate("share", 2, 99), women])],
        limits=[
            {"check": "a", "at_most": 0.5},
            {"probe": "factuality.x", "at_most": 0.5},
            {"measure": "share", "at_most": 0.5},
            {"measure": "share", "group": "women", "at_most": 0.5},
            {"check": "aa", "at_most": 0.5},
            {"measure": "shares", "at_most": 0.5},
        ],
    )
    assert [(one.check, one.verdict) for one in found] == [
        ("a", "passed"), ("b", "passed"), ("b", "failed"), (None, "inconclusive"), (None, "inconclusive"),
    ]  # fmt: skip
    assert [("The limit of line 8 asks no more of it." in one.why) for one in found] == [True, True, *[False] * 3]
    assert "did you mean 'a'?" in found[3].why
    assert "did you mean 'share'?" in found[4].why


def test_a_check_is_judged_once_for_what_several_limits_ask_of_one_measure(tmp_path):
    """By name, measure and in the plan: the strictest is judged and names the others; an interval counts once."""
    findings = [share("a", 10, 100, level=0.975), share("b", 10, 100, level=0.975)]
    limits = [
        {"check": "a", "at_most": 0.5}, {"measure": "share", "at_most": 0.3}, {"check": "b", "at_most": 0.2},
        {"check": "b", "at_least": 0.01}, {"measure": "share", "at_most": 0.3},
    ]
    found = rulings(tmp_path, findings, limits=limits, plan_limits=True, level=0.95)
    assert [(one.rule, one.about, one.line) for one in found[:-1]] == [
        ("limits", "a share at most 0.3", 6), ("limits", "b share at most 0.2", 8),
        ("limits", "b share at least 0.01", 10),
    ]  # fmt: skip
    assert found[0].why.endswith("The limits of lines 4 and 12 ask no more of it.")
    assert found[1].why.endswith("The limits of lines 6 and 12 ask no more of it.")
    assert "hold together at 95 %" in the(found, "level").why
    looser = rulings(tmp_path, findings, limits=[{"measure": "share", "at_most": 0.6}], plan_limits=True)
    assert [one.rule for one in looser] == ["plan", "plan", "limits", "limits"], "where the plan asks more, both speak"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    k=st.integers(0, 60), own=st.sampled_from([0.1, 0.5, 0.9]), bounds=st.lists(
        st.sampled_from([{"at_most": 0.1}, {"at_most": 0.5}, {"at_least": 0.2}, {"at_least": 0.2, "at_most": 0.5}]),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_law_judging_once_gives_the_verdict_of_judging_each(tmp_path, k, own, bounds):
    audit = write_audit(tmp_path / "audit", [share("facts", k, 60, at_most=own)])
    limits = [{"check": "facts", **one} if at % 2 else {"measure": "share", **one} for at, one in enumerate(bounds)]
    alone = [judge_audit(audit, policy(tmp_path, limits=[one]), on=DAY).verdict for one in limits]
    alone.append(judge_audit(audit, policy(tmp_path, plan_limits=True), on=DAY).verdict)
    together = judge_audit(audit, policy(tmp_path, limits=limits, plan_limits=True), on=DAY)
    assert together.verdict == next(one for one in ORDER if one in alone)
    asked = [one.about for one in together.rulings]
    assert len(set(asked)) == len(asked)


def test_a_spoilt_number_decides_no_limit(tmp_path):
    bad_control = share("control", 1, 99, controls={"positive": True, "negative": False})
    changed = share("changed", 1, 99).model_copy(update={"verdict": "inconclusive", "reason": {"key": "changed"}})
    skipped = finding("skipped", "skipped", "no ability")
    crashed = finding("crashed", "crashed", "RuntimeError: x")
    names = ("control", "changed", "skipped", "crashed")
    found = rulings(
        tmp_path, [bad_control, changed, skipped, crashed],
        limits=[{"check": name, "measure": "share", "at_most": 0.5} for name in names],
    )  # fmt: skip
    assert [one.verdict for one in found] == ["inconclusive", "inconclusive", "inconclusive", "crashed"]


verdicts = st.sampled_from(WORST_FIRST)
counts = st.tuples(st.integers(0, 60), st.integers(1, 60)).map(lambda pair: (min(pair), max(*pair, 1)))


@st.composite
def audits(draw):
    """Findings as a run makes them: decided by their numbers, skipped, crashed, spoilt, gating or not."""
    made = []
    for index in range(draw(st.integers(1, 5))):
        k, n = draw(counts)
        controls = {"positive": draw(st.booleans()), "negative": True}
        gating = draw(st.booleans())
        one = share(f"c{index}", k, n, at_most=draw(st.sampled_from([0.1, 0.5, 0.9])), gating=gating, controls=controls)
        kind = draw(st.sampled_from(["judged", "judged", "judged", "skipped", "crashed", "changed"]))
        if kind in ("skipped", "crashed"):
            one = one.model_copy(update={"verdict": kind, "measures": [], "controls": None})
        if kind == "changed":
            one = one.model_copy(update={"verdict": "inconclusive", "reason": {"key": "changed"}})
        made.append(one)
    return made


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(findings=audits())
def test_law_the_plans_own_limits_give_the_audits_own_verdict(tmp_path, findings):
    audit = write_audit(tmp_path / "audit", findings)
    limits = [
        {"check": one.check, **one.limit.model_dump(exclude_none=True)} for one in findings if one.gating
    ]
    restated = judge_audit(audit, policy(tmp_path, limits=limits), on=DAY)
    assert restated.verdict == audit.record.verdict
    assert judge_audit(audit, policy(tmp_path, plan_limits=True), on=DAY).verdict == audit.record.verdict
    assert judge_audit(audit, None, on=DAY).verdict == audit.record.verdict


# ---- waivers and overrides -----------------------------------------------------------------------------------------


def waive(audit, *, author="Kim", until=DAY + timedelta(days=10), on=DAY, check="facts", **more):
    add_reviews(
        audit, Status(check=check, status="waived", reason="Known.", until=until), author=author, at=at(on), **more
    )


def failing(folder):
    return write_audit(folder / "audit", [share("facts", 90, 100), share("other", 1, 100)])


@pytest.mark.parametrize(
    ("terms", "verdict", "said"),
    [
        (None, "failed", "the policy allows none"),
        ({}, "waived", "Waived by Kim until 2026-12-04 (not signed): Known."),
        ({"by": ["Kim"]}, "failed", "the policy names who may waive, and it is not signed"),
        ({"checks": ["facts"]}, "waived", "Waived"),
        ({"checks": ["other"]}, "failed", "does not let this check be waived"),
        ({"longest_days": 10}, "waived", "Waived"),
        ({"longest_days": 9}, "failed", "it lasts 10 days, allowed are 9"),
    ],
)
def test_a_waiver_counts_as_far_as_the_policy_allows(tmp_path, terms, verdict, said):
    audit = failing(tmp_path)
    waive(audit)
    keys = {} if terms is None else {"waivers": terms}
    one = rulings(tmp_path, audit=audit, limits=[{"check": "facts", "at_most": 0.5}], **keys)[0]
    assert one.verdict == verdict
    assert said in one.why


@pytest.mark.parametrize(("by", "verdict"), [("Kim", "waived"), ("kim ", "waived"), ("Lee", "failed")])
def test_a_signed_waiver_counts_where_its_author_is_named(tmp_path, by, verdict):
    make_key(tmp_path / "key")
    audit = failing(tmp_path)
    waive(audit, key=read_key(tmp_path / "key"))
    one = rulings(tmp_path, audit=audit, plan_limits=True, waivers={"by": [by]})[0]
    assert one.verdict == verdict
    assert ("the policy does not name its author" in one.why) == (verdict == "failed")


@pytest.mark.parametrize("second", [{"author": "Ann"}, {"until": DAY + timedelta(days=99)}, {"author": "Kim"}])
def test_a_waiver_that_may_not_count_displaces_none_that_may(tmp_path, second):
    """By somebody whom the policy does not name, too long, or not signed."""
    make_key(tmp_path / "key")
    audit, key = failing(tmp_path), read_key(tmp_path / "key")
    waive(audit, key=key)
    waive(audit, **second, **({} if second == {"author": "Kim"} else {"key": key}))
    one = rulings(tmp_path, audit=audit, plan_limits=True, waivers={"by": ["Kim"], "longest_days": 30})[0]
    assert (one.verdict, one.waiver.author, one.waiver.until) == ("waived", "Kim", DAY + timedelta(days=10))


def test_a_waiver_is_shortened_by_a_later_one_that_may_count(tmp_path):
    audit = failing(tmp_path)
    waive(audit, until=DAY + timedelta(days=20))
    waive(audit, until=DAY + timedelta(days=1))
    judged = judge_audit(audit, policy(tmp_path, plan_limits=True, waivers={}), on=DAY + timedelta(days=2))
    assert judged.rulings[0].verdict == "failed"


def test_an_expired_waiver_is_as_if_there_were_none(tmp_path):
    audit = failing(tmp_path)
    waive(audit)
    days = {DAY: ("waived", 0), DAY + timedelta(days=10): ("waived", 0), DAY + timedelta(days=11): ("failed", 1)}
    for day, (verdict, code) in days.items():
        judged = judge_audit(audit, policy(tmp_path, plan_limits=True, waivers={}), on=day)
        assert (judged.rulings[0].verdict, judged.exit_code) == (verdict, code)
        assert judge_audit(audit, None, on=day).exit_code == code
    assert "its last day was 2026-12-04" in judged.rulings[0].why


@pytest.mark.parametrize("days", [-300, 0, 10, 11, 50, 99, 100, 101])
def test_a_waiver_holds_on_one_day_in_the_state_and_in_the_judgement_alike(tmp_path, days):
    """Until day 10, with a word on day 100: no earlier day that somebody names, or a clock has, makes it hold again."""
    audit, on = failing(tmp_path), DAY + timedelta(days=days)
    waive(audit)
    assert state_of(audit, on).verdict == judge_audit(audit, None, on=on).verdict
    assert judge_audit(audit, None, on=on).verdict == ("failed" if days > 10 else "passed")
    add_reviews(audit, Comment(text="Later."), author="Lee", at=at(DAY + timedelta(days=100)))
    state, judged = state_of(audit, on), judge_audit(audit, policy(tmp_path, plan_limits=True, waivers={}), on=on)
    assert (state.verdict, state.on) == (judged.verdict, judged.on) == ("failed", DAY + timedelta(days=max(100, days)))


def test_a_waiver_dated_ahead_reaches_no_further(tmp_path):
    audit = failing(tmp_path)
    waive(audit, on=DAY + timedelta(days=300), until=DAY + timedelta(days=310))
    one = rulings(tmp_path, audit=audit, plan_limits=True, waivers={"longest_days": 30})[0]
    assert (one.verdict, "it lasts 310 days, allowed are 30" in one.why) == ("failed", True)


def test_the_last_word_on_a_waiver_counts(tmp_path):
    audit = failing(tmp_path)
    waive(audit)
    add_reviews(audit, Status(check="facts", status="open"), author="Kim", at=at(DAY))
    assert judge_audit(audit, None, on=DAY).verdict == "failed"


def test_a_key_may_stand_in_the_place_of_a_name(tmp_path):
    public = make_key(tmp_path / "key")
    audit = failing(tmp_path)
    waive(audit, author="anybody", key=read_key(tmp_path / "key"))
    for by, verdict in (([public.fingerprint], "waived"), (["sha256:" + "0" * 64], "failed")):
        assert rulings(tmp_path, audit=audit, plan_limits=True, waivers={"by": by})[0].verdict == verdict


def test_a_review_that_was_changed_is_no_judgement(tmp_path):
    audit = failing(tmp_path)
    make_key(tmp_path / "key")
    waive(audit, key=read_key(tmp_path / "key"))
    file = audit.folder / "reviews.jsonl"
    file.write_bytes(file.read_bytes().replace(b"Kim", b"Lee"))
    with pytest.raises(IntegrityError, match="signature does not hold"):
        judge_audit(audit, None, on=DAY)


def test_overrides_count_where_the_policy_says_so(tmp_path):
    audit = mixed(tmp_path / "audit", 1)
    one = audit.record.findings[0]
    head = replace(one.headline, mean_of="value", unit_of=None)
    limit = Limit(measure="stereotype_share", at_most=0.6)
    items = audit.items(one.check)
    head = replace(head, value=float(items["value"].mean()))
    one = one.model_copy(update={"measures": [head], "limit": limit})
    record = audit.record.model_copy(update={"findings": [one]})
    (audit.folder / "record.json").write_bytes(dump(record))
    audit = load_record(audit.folder)
    bad = list(items.loc[items["value"] == 1, "item"])[:120]
    says = [Override(check=one.check, item=item, value=0.0, reason="Fine.") for item in bad]
    add_reviews(audit, *says, author="Kim", at=at(DAY))
    limits = [{"check": one.check, "at_most": 0.5}]
    assert state_of(audit, DAY).reviewed[one.check].problem == "chosen"
    assert rulings(tmp_path, audit=audit, limits=limits, overrides=True)[0].verdict == "failed"
    rest = items.loc[~items["item"].isin(bad)]
    says = [Override(check=one.check, item=item, value=value, reason="Seen.")
            for item, value in zip(rest["item"], rest["value"].astype(float), strict=True)]
    add_reviews(audit, *says, author="Kim", at=at(DAY))
    assert state_of(audit, DAY).reviewed[one.check].problem is None
    machine, reviewed = (
        rulings(tmp_path, audit=audit, limits=limits, overrides=overrides)[0] for overrides in (False, True)
    )
    assert (machine.verdict, reviewed.verdict) == ("failed", "passed")
    assert reviewed.measure.value == pytest.approx((items["value"].sum() - 120) / len(items))
    add_reviews(audit, Override(check=one.check, item=bad[0], value=1.0), author="Kim", at=at(DAY))
    every, told = (
        rulings(tmp_path, audit=audit, limits=limits, overrides=overrides)[0] for overrides in (True, "with_reason")
    )
    assert told.measure.value == reviewed.measure.value
    assert every.measure.value == pytest.approx((items["value"].sum() - 119) / len(items))


# ---- people, place, time -------------------------------------------------------------------------------------------


def test_approval_by_one_person_and_by_two(tmp_path):
    audit = failing(tmp_path)

    def stands():
        return [rulings(tmp_path, audit=audit, approval=rule)[0].verdict for rule in ("one_person", "two_person")]

    assert stands() == ["failed", "failed"]
    add_reviews(audit, Decision(decision="in review"), author="Kim", at=at(DAY))
    add_reviews(audit, Decision(decision="approved"), author="kim ", at=at(DAY))
    assert stands() == ["passed", "failed"]
    add_reviews(audit, Decision(decision="approved"), author="Lee", at=at(DAY))
    assert stands() == ["passed", "failed"], "two names are no two persons"
    kim, lee = (read_key(tmp_path / name) for name in ("kim", "lee") if make_key(tmp_path / name))
    add_reviews(audit, Decision(decision="in review"), author="Kim", at=at(DAY), key=kim)
    for key, stood in ((None, "failed"), (kim, "failed"), (lee, "passed")):
        add_reviews(audit, Decision(decision="approved"), author="Lee", at=at(DAY), key=key)
        assert stands() == ["passed", stood]
    add_reviews(audit, Decision(decision="rejected"), author="Lee", at=at(DAY))
    assert stands() == ["failed", "failed"]


def test_an_approval_is_by_the_keys_that_a_policy_names(tmp_path):
    audit = failing(tmp_path)
    kim, lee, who = (read_key(tmp_path / name) for name in ("kim", "lee", "who") if make_key(tmp_path / name))
    named = [one.public.fingerprint for one in (kim, lee)]

    def stands(**rule):
        one = rulings(tmp_path, audit=audit, approval={"keys": named, **rule})[0]
        return one.verdict, one.why

    def say(decision, author, key):
        add_reviews(audit, Decision(decision=decision), author=author, key=key, at=at(DAY))

    say("in review", "Kim", None)
    say("approved", "Lee", who)
    assert stands()[0] == "failed"
    assert "signed with no key that the policy names" in stands()[1]
    say("approved", "Lee", lee)
    assert stands() == ("passed", f"approved by Lee, signed with {lee.public.fingerprint}.")
    assert stands(two_person=True)[0] == "failed", "who asked may be anybody, Lee too"
    say("draft", "Kim", kim)
    say("in review", "Kim", kim)
    say("approved", "Lee", lee)
    assert stands(two_person=True)[0] == "passed"
    say("approved", "Kim", kim)
    assert stands(two_person=True)[0] == "passed", "what does not count displaces nothing"


def test_a_policy_may_ask_for_a_seal_by_a_key(tmp_path):
    make_key(tmp_path / "kim")
    key = read_key(tmp_path / "kim")
    audit = small_audit(tmp_path / "small")
    rule = {"sealed_by": [key.public.fingerprint]}
    assert rulings(tmp_path, audit=audit, **rule)[0].why == "the audit is not sealed."
    seal_audit(audit, key, "Kim")
    assert rulings(tmp_path, audit=audit, **rule)[0].verdict == "passed"
    other = rulings(tmp_path, audit=audit, sealed_by=["sha256:" + "0" * 64])[0]
    assert (other.verdict, "which the policy does not name" in other.why) == ("failed", True)
    (audit.folder / "plan.yaml").write_text("x")
    with pytest.raises(IntegrityError, match="not the bytes that were sealed"):
        rulings(tmp_path, audit=audit, **rule)


def test_required_dimensions_are_asked_and_decided(tmp_path):
    findings = [
        share("facts", 1, 100, probe="factuality.closed_book"),
        finding("free", "measured", "x", probe="bias.x", gating=False, measures=[rate("share", 1, 100)]),
        finding("blind", "skipped", "x", probe="novelty.x"),
        finding("broken", "crashed", "x", probe="quality.x"),
    ]
    wanted = ["factuality", "bias", "novelty", "quality", "factualty"]
    found = rulings(tmp_path, findings, required={"dimensions": wanted})
    assert [one.verdict for one in found] == ["passed", "inconclusive", "inconclusive", "crashed", "failed"]
    assert found[4].why == "not asked: dimension 'factualty' (did you mean 'factuality'?)."
    found = rulings(tmp_path, findings, required={"dimensions": ["bias"]}, limits=[{"check": "free", "at_most": 0.5}])
    assert [one.verdict for one in found] == ["passed", "passed"]
    required = {"checks": ["free", "blind", "fre"], "probes": ["bias.x", "quality.x", "bias.y"]}
    found = rulings(tmp_path, findings, required=required)
    assert [one.verdict for one in found] == ["passed", "inconclusive", "failed", "passed", "crashed", "failed"]


def test_what_is_forbidden(tmp_path):
    words = ["crashed", "broken_controls", "deviations"]
    clean = rulings(tmp_path, [share("facts", 1, 100, controls={"positive": True, "negative": True})], forbid=words)
    assert {one.verdict for one in clean} == {"passed"}
    clean_audit = write_audit(tmp_path / "clean", [share("facts", 1, 100)])
    told = [SimpleNamespace(what="limit.at_most")]
    departed = replace(clean_audit, record=clean_audit.record.model_copy(update={"deviations": told}))
    found = rulings(tmp_path, audit=departed, forbid=words)
    assert [one.verdict for one in found] == ["passed", "passed", "failed"]
    assert found[2].why == "asked otherwise than planned: limit.at_most."
    controls = {"positive": False, "negative": True}
    found = rulings(tmp_path, [finding("a", "crashed", "x"), share("b", 1, 9, controls=controls)], forbid=words[:2])
    assert [(one.verdict, one.why) for one in found] == [
        ("crashed", "crashed: a."), ("failed", "a control did not hold in b."),
    ]  # fmt: skip


def test_confidence_is_that_of_all_judged_intervals_together(tmp_path):
    two = [share("a", 1, 100, level=0.975), share("b", 1, 100, level=0.975)]
    assert the(rulings(tmp_path, two, plan_limits=True, level=0.95), "level").verdict == "passed"
    short = the(rulings(tmp_path, two, plan_limits=True, level=0.96), "level")
    assert (short.verdict, short.why) == (
        "failed",
        "the judged intervals hold together at 95 %, asked are 96 %; what helps: limits on fewer measures (least sure: "
        "share of a (97.5 %), share of b (97.5 %)), a plan where they gate, whose checks share its level, or "
        "less asked.",
    )
    same = [{"check": "a", "at_most": bound} for bound in (0.5, 0.9)]
    assert the(rulings(tmp_path, two, limits=same, level=0.975), "level").verdict == "passed"


def test_the_fingerprint_is_pinned(tmp_path):
    audit = failing(tmp_path)
    right = audit.record.models["main"].fingerprint
    for wanted, verdict in ((right, "passed"), (right[:-1] + "x", "failed")):
        assert rulings(tmp_path, audit=audit, fingerprint=wanted)[0].verdict == verdict
    none = write_audit(tmp_path / "data", [share("a", 1, 9)], models={})
    assert rulings(tmp_path, audit=none, fingerprint=right)[0].why.startswith("the audited model is no model,")


def test_the_age_counts_from_the_end_of_the_run(tmp_path):
    audit = failing(tmp_path)
    assert rulings(tmp_path, audit=audit, max_age_days=30)[0].verdict == "inconclusive"
    ended = f"{DAY - timedelta(days=30)}T23:00:00+00:00"
    run = RunFacts(started=ended, finished=ended, seconds=1, host="h", platform="p", python="3")
    (audit.folder / "run.json").write_bytes(dump(run))
    audit = load_record(audit.folder)
    for day, verdict in ((DAY, "passed"), (DAY + timedelta(days=1), "failed")):
        assert rulings(tmp_path, audit=audit, on=day, max_age_days=30)[0].verdict == verdict
    (audit.folder / "run.json").write_bytes(dump(run.model_copy(update={"finished": "yesterday"})))
    with pytest.raises(IntegrityError, match=r"run\.json: not a record of a run \(finished: .*not a moment"):
        rulings(tmp_path, audit=load_record(audit.folder), max_age_days=30)


# ---- regressions ---------------------------------------------------------------------------------------------------


def asked(folder, findings, *, data="d", **more):
    """An audit with the frozen plan that a baseline is compared by."""
    audit = write_audit(folder, findings, **more)
    checks = [{"name": one.check, "probe": {"use": one.probe}, "data": {"items": {"digest": data}}} for one in findings]
    (folder / "plan.json").write_text(json.dumps({"seed": 7, "models": {"main": "x"}, "checks": checks}))
    return audit


@pytest.mark.parametrize(
    ("k", "margin", "verdict"),
    [(30, 0, "passed"), (10, 0, "passed"), (38, 0, "passed"),
     (60, 0, "failed"), (60, 0.1, "passed"), (60, 0.09, "failed")],
)
def test_a_whole_interval_beyond_the_baselines_by_more_than_the_margin_is_a_regression(tmp_path, k, margin, verdict):
    new, old = (asked(tmp_path / name, [share("facts", n, 100, at_most=1)]) for name, n in (("new", k), ("old", 30)))
    low = new.record.findings[0].measures[0].low
    high = old.record.findings[0].measures[0].high
    assert (low - high > margin) == (verdict == "failed")
    file = policy(tmp_path, baseline={"margin": margin})
    one = the(judge_audit(new, file, on=DAY, baseline=old).rulings, "baseline")
    assert one.verdict == verdict


def test_of_many_measures_one_is_seldom_said_to_be_worse_where_none_is(tmp_path):
    """Sixty groups of 40, twice the same model: at most one in twenty, where without Holm it is more than that."""
    generator, rounds, wrong, apart = np.random.default_rng(3), 60, 0, 0
    for _ in range(rounds):
        rates = generator.uniform(0.3, 0.95, 100)
        then, now = (
            finding("c", "measured", "x", gating=False, measures=[
                rate(f"g{at}", int(k), 100) for at, k in enumerate(generator.binomial(100, rates))
            ]) for _ in range(2)
        )
        old = SimpleNamespace(record=SimpleNamespace(id="old", findings=[then]))
        (one,) = regressions([now], old, margin=0.0, measures=None)
        wrong += one.verdict == "failed"
        apart += any((gap_of(a, b) or 0) > 0 for a, b in zip(now.measures, then.measures, strict=True))
    assert wrong / rounds <= 0.05 < apart / rounds


def test_holm_by_hand_and_what_passes_says_how_much_worse_it_may_be():
    """A drop that is enough for one measure is not for a hundred; a far one is. Passing tells how far it may be off."""
    def found(ks, thens):
        now, then = (
            finding("c", "measured", "x", gating=False, measures=[
                rate(f"g{at}", k, 100) for at, k in enumerate(all_of)
            ]) for all_of in (ks, thens)
        )
        old = SimpleNamespace(record=SimpleNamespace(id="old", findings=[then]))
        (one,) = regressions([now], old, margin=0.0, measures=None)
        return one

    assert found([52], [30]).verdict == "failed"
    many = found([52, *[30] * 99], [30] * 100)
    assert many.verdict == "passed"
    assert "at 95 % over all 100 measures compared (Holm); g0 may be worse by up to 40.9 points" in many.why
    assert "g0 [" in found([80, *[30] * 99], [30] * 100).why


def auroc(value, half, **more):
    facts = {"unit": "auroc", "direction": "higher is better", "measured_to": None, "guarantee": "approximate"}
    return real("auroc", value, half, 200, **{**facts, **more})


PROVED = {"guarantee": "finite sample", "min_units": 0, "worst_coverage": None}


def compared(now, then, **more):
    """What the baseline rule says of one check with these measures now and then."""
    news, olds = (finding("c", "measured", "x", gating=False, measures=measures) for measures in (now, then))
    old = SimpleNamespace(record=SimpleNamespace(id="old", findings=[olds]))
    (one,) = regressions([news], old, margin=0.0, measures=None, **more)
    return one


@pytest.mark.parametrize(
    ("facts", "verdict", "said"),
    [
        (PROVED, "failed", "worse than in old"),
        ({"guarantee": "measured", "measured_to": 0.95}, "failed", "worse than in old"),
        ({"guarantee": "approximate"}, "inconclusive", "the interval is approximate: it informs and decides nothing"),
        ({"guarantee": "measured", "measured_to": 0.9}, "inconclusive", "up to 90 % only and is needed at 95 %"),
        ({"guarantee": "measured", "measured_to": 0.99, "min_units": 201}, "inconclusive", "only from 201 units on"),
    ],
)
def test_only_an_interval_that_may_decide_says_that_a_measure_is_worse(facts, verdict, said):
    """From 0.95 to 0.7, far apart: it fails by what is proved or measured, in either audit; else it informs."""
    now, then, proved = auroc(0.7, 0.1, **facts), auroc(0.95, 0.04, **facts), auroc(0.95, 0.04, **PROVED)
    for before, after in ((now, then), (now, proved), (auroc(0.7, 0.1, **PROVED), then)):
        one = compared([before], [after])
        assert (one.verdict, said in one.why) == (verdict, True), one.why
    better = compared([then], [now])
    assert better.verdict == "passed"
    assert ("1 only inform" in better.why) == (verdict != "failed")


def test_approximate_measures_neither_fail_nor_count_beside_those_that_decide():
    """A drop that is enough alone is enough beside ninety-nine that only inform, and not beside proved ones."""
    drop, same = (rate("share", 52, 100), rate("share", 30, 100)), [rate(f"g{at}", 30, 100) for at in range(99)]
    informs = [replace(one, guarantee="approximate") for one in same]
    assert compared([drop[0], *informs], [drop[1], *informs]).verdict == "failed"
    assert compared([drop[0], *same], [drop[1], *same]).verdict == "passed"


def test_a_measured_interval_tells_nothing_surer_than_the_level_it_was_measured_at():
    """Twenty comparisons want 99.75 % of the farthest one: an interval that was tried up to 99 % cannot say that."""
    others = [rate(f"g{at}", 30, 100) for at in range(19)]
    for measured_to, verdict in ((0.99, "inconclusive"), (0.999, "failed")):
        facts = {"guarantee": "measured", "measured_to": measured_to}
        now, then = auroc(0.6, 0.05, **facts), auroc(0.95, 0.03, **facts)
        one = compared([now, *others], [then, *others])
        assert one.verdict == verdict
        assert ("tried at levels up to 99 % only, and so many comparisons need a higher one" in one.why) == (
            verdict == "inconclusive"
        )


@pytest.mark.parametrize("method", ["exact", ALL_OF_IT])
def test_an_interval_without_width_is_no_certainty_unless_all_there_is_was_asked(method):
    """[0.71, 0.71] and then [0.7, 0.7] is worse at their own level, and no surer, unless all was asked."""
    now, then = (auroc(value, 0.0, **PROVED, method=method) for value in (0.7, 0.71))
    assert compared([now], [then]).verdict == "failed"
    whole = method == ALL_OF_IT
    others = [rate(f"g{at}", 30, 100) for at in range(9)]
    for one in (compared([now], [then], level=0.99), compared([now, *others], [then, *others])):
        assert one.verdict == ("failed" if whole else "inconclusive")
        assert ("an interval without width tells nothing beyond its level of 95 %" in one.why) != whole


def test_the_baseline_rule_counts_in_the_policys_level(tmp_path):
    new, old = (asked(tmp_path / name, [share("facts", 30, 100, at_most=1)]) for name in ("new", "old"))
    for level, verdict in ((0.95, "failed"), (0.9, "passed")):
        file = policy(tmp_path, baseline={"margin": 0}, level=level, plan_limits=True)
        one = the(judge_audit(new, file, on=DAY, baseline=old).rulings, "level")
        assert one.verdict == verdict
        assert ("a higher level of the baseline rule (95 % now)" in one.why) == (verdict == "failed")
    file = policy(tmp_path, baseline={"margin": 0, "level": 0.99}, level=0.94, plan_limits=True)
    assert the(judge_audit(new, file, on=DAY, baseline=old).rulings, "level").verdict == "passed"


def measured(name, low, high, direction, ideal=None):
    return real(name, (low + high) / 2, (high - low) / 2, 100, unit="score", direction=direction, ideal=ideal)


@pytest.mark.parametrize(
    ("direction", "ideal", "now", "then", "gap"),
    [
        ("lower is better", None, (0.5, 0.6), (0.1, 0.2), 0.3),
        ("lower is better", None, (0.1, 0.2), (0.5, 0.6), -0.5),
        ("higher is better", None, (0.1, 0.2), (0.5, 0.6), 0.3),
        ("higher is better", None, (0.5, 0.6), (0.1, 0.2), -0.5),
        ("nearer to ideal is better", 0.5, (0.8, 0.9), (0.45, 0.6), 0.2),
        ("nearer to ideal is better", 0.5, (0.1, 0.2), (0.45, 0.6), 0.2),
        ("nearer to ideal is better", 0.5, (0.4, 0.9), (0.45, 0.6), -0.1),
        ("neither", None, (0.8, 0.9), (0.1, 0.2), None),
    ],
)  # fmt: skip
def test_gap_by_hand_in_every_direction(direction, ideal, now, then, gap):
    one, two = (measured("m", *ends, direction, ideal) for ends in (now, then))
    assert gap_of(one, two) == (None if gap is None else pytest.approx(gap))
    assert gap_of(None, two) is None


def test_a_gap_is_no_wider_where_any_group_may_have_been_as_far_before():
    ideal = ("nearer to ideal is better", 0.0)
    now, then = measured("m", 0.2, 0.3, *ideal), measured("m", 0.02, 0.08, *ideal)
    assert gap_of(now, then) == pytest.approx(0.12)
    assert gap_of(now, replace(then, reach=(-0.4, 0.08))) == pytest.approx(-0.2)


def test_what_is_not_measured_any_more_is_undecided_and_a_crash_is_a_crash(tmp_path):
    old = asked(tmp_path / "old", [share("facts", 1, 100)])
    for verdict, ruled in (("skipped", "inconclusive"), ("crashed", "crashed")):
        new = asked(tmp_path / "new", [finding("facts", verdict, "x")])
        assert the(judge_audit(new, None, on=DAY, baseline=old).rulings, "baseline").verdict == ruled


def test_only_the_named_measures_are_compared(tmp_path):
    def two(k):
        return [finding("c", "measured", "x", gating=False, measures=[rate("a", k, 100), rate("b", 1, 100)])]

    new, old = asked(tmp_path / "new", two(90)), asked(tmp_path / "old", two(1))
    for names, verdict in ((["a"], "failed"), (["b"], "passed"), (["c"], "inconclusive")):
        file = policy(tmp_path, baseline={"measures": names})
        assert the(judge_audit(new, file, on=DAY, baseline=old).rulings, "baseline").verdict == verdict


def test_another_question_is_no_baseline(tmp_path):
    new = asked(tmp_path / "new", [share("facts", 1, 100), share("more", 1, 100)])
    old = asked(tmp_path / "old", [share("facts", 1, 100)], data="other")
    with pytest.raises(UsageError, match=r"is A, this audit B: .*facts\.data\.items\.digest is other in A and d in B"):
        judge_audit(new, None, on=DAY, baseline=old)
    (old.folder / "plan.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"plan\.json: not JSON "):
        judge_audit(new, None, on=DAY, baseline=old)


def test_the_baseline_is_found_beside_the_policy_by_id_or_named(tmp_path):
    audit = asked(tmp_path / "audits" / "0123abcd", [share("facts", 1, 100)])
    into = tmp_path / "audits"
    for name in ("audits/0123abcd", "0123"):
        assert baseline_of(policy(tmp_path, baseline={"audit": name}), None, into).folder == audit.folder
    assert baseline_of(None, "0123", into).folder == audit.folder
    assert baseline_of(policy(tmp_path), None, into) is None
    with pytest.raises(UsageError, match="name it: --baseline"):
        baseline_of(policy(tmp_path, baseline={"margin": 0.1}), None, into)


# ---- clauses -------------------------------------------------------------------------------------------------------

def test_a_clause_is_demanded_and_its_ruling_says_what_lacks(tmp_path):
    audit = small_audit(tmp_path)
    framework = load_framework("nist-ai-600-1")
    clause = next(one for one in framework.clauses if one.tests == ["*"] and one.asks_for == "level")
    name = f"nist-ai-600-1:{clause.id}"
    asked = [{"clause": name}]
    one = the(rulings(tmp_path, audit=audit, clauses=asked), "clauses")
    assert (one.verdict, one.line) == ("inconclusive", 4)
    assert "dokimasia frameworks ask nist-ai-600-1" in one.why
    answers = {one.id: [choice.id for choice in one.choices] for one in framework.questions}
    add_reviews(audit, Answers(framework="nist-ai-600-1", answers=answers), author="Kim")
    one = the(rulings(tmp_path, audit=audit, clauses=asked), "clauses")
    assert (one.about, one.verdict) == (f"{name} at least partly supported", "failed")
    assert one.why.startswith("contradicted, asked is partly supported: failed a limit")


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_every_rule_has_its_words_for_tools_that_show_them(lang):
    keys = set(Policy.model_fields) - {"title", "plan_limits", "waivers", "overrides", "promise", "charge_rerolls"}
    for key in keys:
        assert words_of(lang)(f"rule.{key}")


def test_clauses_of_a_policy_are_checked_when_it_is_read(tmp_path):
    for clause, told in (
        ("nist-ai-rmf:measure-2.99", "unknown clause 'measure-2.99' of nist-ai-rmf (did you mean"),
        ("nist-ai-rfm:x", "unknown framework 'nist-ai-rfm:x' (did you mean 'nist-ai-rmf'?)"),
    ):
        with pytest.raises(PlanError, match=r"policy\.yaml:4") as caught:
            policy(tmp_path, clauses=[{"clause": clause}])
        assert told in str(caught.value)
