"""What the rules of coverage look at, read from an audit's folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date

import pytest
from review_fixtures import small_audit

from audit.errors import UsageError
from audit.policy import facts_of
from audit.record import Limit, load_record
from audit.review import Answers, Decision, Override, Owner, add_reviews, read_reviews
from audit.signing import make_key
from audit.signing.keys import read_key


def test_facts_are_read_from_the_folder(tmp_path):
    audit = small_audit(tmp_path)
    facts = facts_of(audit)
    assert facts.day == date.fromisoformat(audit.run.finished[:10])
    assert (facts.digest, facts.versions, facts.earlier, facts.sealed) == (True, True, False, False)
    assert (facts.handled, facts.reviewed, facts.approved, facts.answers) == (frozenset(), frozenset(), False, {})
    add_reviews(audit, Owner(check="limited", owner="Lee"), author="Kim")
    item = str(audit.items("limited").index[0])
    add_reviews(audit, Override(check="limited", item=item, word="unsure"), author="Kim")
    add_reviews(audit, Decision(decision="approved"), author="Kim")
    first = Answers(framework="eu-ai-act", answers={"role": ["provider"], "exempt": ["none"]})
    add_reviews(audit, first, Answers(framework="eu-ai-act", answers={"role": ["deployer"]}), author="Lee")
    facts = facts_of(audit)
    assert (facts.handled, facts.reviewed) == ({"limited"}, {"limited"})
    assert (facts.approved, facts.approval_signed, facts.two_person) == (True, False, False)
    given = facts.answers["eu-ai-act"]
    assert (given["role"].choices, given["exempt"].choices, given["role"].author) == (("deployer",), ("none",), "Lee")
    (audit.folder / "run.json").unlink()
    facts = facts_of(load_record(audit.folder))
    assert (facts.day, facts.versions) == (None, False)


def test_an_audit_of_the_same_model_that_ended_before_is_an_earlier_one(tmp_path):
    first = small_audit(tmp_path)
    second = small_audit(tmp_path, seed=3)
    assert not facts_of(first).earlier
    ended = second.run.model_copy(update={"finished": first.run.finished.replace("20", "21", 1)})
    assert facts_of(replace(second, run=ended)).earlier
    kept = Limit(measure="repeat_share", at_most=0.3)
    for limit, counts in (
        (kept.model_copy(update={"at_most": 0.2}), True), (kept.model_copy(update={"at_most": 0.4}), False),
        (Limit(measure="repeat_share", at_least=0.1), False), (None, False),
    ):  # fmt: skip
        assert facts_of(asked_with(second, ended, limited={"limit": limit})).earlier is counts, limit
    assert not facts_of(asked_with(second, ended, free={"limit": kept})).earlier
    assert not facts_of(asked_with(second, ended, limited={"gating": False})).earlier
    assert not facts_of(asked_with(second, ended, limited={"check": "other"}, free={"check": "more"})).earlier


def test_the_same_plan_run_again_is_no_earlier_audit_unless_another_model_answered(tmp_path):
    first = small_audit(tmp_path)
    shutil.copytree(first.folder, first.folder.with_name(f"{first.folder.name}-2"))
    again = load_record(first.folder.with_name(f"{first.folder.name}-2"))
    ended = again.run.model_copy(update={"finished": first.run.finished.replace("20", "21", 1)})
    assert not facts_of(replace(again, run=ended)).earlier
    planned = again.record.model_copy(update={"plan": "sha256:" + "0" * 64})
    assert facts_of(replace(again, run=ended, record=planned)).earlier
    other = again.record.models["main"].model_copy(update={"identity": {"answers": "another"}})
    answered = again.record.model_copy(update={"models": {**again.record.models, "main": other}})
    assert facts_of(replace(again, run=ended, record=answered)).earlier


def asked_with(audit, ended, **more):
    """The audit, had it ended on a later day and asked otherwise."""
    findings = [one.model_copy(update=more.get(one.check, {})) for one in audit.record.findings]
    return replace(audit, run=ended, record=audit.record.model_copy(update={"findings": findings}))


def test_an_answer_without_signature_does_not_overrule_one_with(tmp_path):
    audit = small_audit(tmp_path)
    make_key(tmp_path / "key")
    key = read_key(tmp_path / "key")
    for role, signed in (("provider", None), ("deployer", key), ("provider", None)):
        add_reviews(audit, Answers(framework="eu-ai-act", answers={"role": [role]}), author="Kim", key=signed)
    role = facts_of(audit).answers["eu-ai-act"]["role"]
    assert role.choices == ("deployer",)
    assert role.key is not None
    add_reviews(audit, Answers(framework="eu-ai-act", answers={"role": ["provider"]}), author="Lee", key=key)
    assert facts_of(audit).answers["eu-ai-act"]["role"].choices == ("provider",)


def test_an_answer_by_a_known_key_is_displaced_by_no_unknown_one_and_who_says_otherwise_is_told(tmp_path, monkeypatch):
    audit = small_audit(tmp_path)
    known, other = (read_key(tmp_path / name) for name in ("Kim", "other") if make_key(tmp_path / name))
    (tmp_path / "keys").mkdir()
    (tmp_path / "Kim.pub").rename(tmp_path / "keys" / "Kim.pub")

    def say(role, key):
        add_reviews(audit, Answers(framework="eu-ai-act", answers={"role": [role]}), author="Kim", key=key)

    def stands():
        one = facts_of(audit).answers["eu-ai-act"]["role"]
        return one.choices[0], [(other.choices[0], other.key) for other in one.against]

    say("gpai", None)
    say("provider", known)
    assert stands() == ("provider", []), "who signs takes the place of who did not"
    say("deployer", other)
    theirs, ours = ("deployer", other.public.fingerprint), ("provider", known.public.fingerprint)
    assert stands() == ("deployer", [ours]), "of two keys that nobody vouches for the later stands, and both are told"
    monkeypatch.setenv("DOKIMASIA_KEYS", str(tmp_path / "keys"))
    assert stands() == ("provider", [theirs])
    say("gpai", None)
    assert stands() == ("provider", [theirs, ("gpai", None)])
    say("deployer", known)
    assert stands() == ("deployer", []), "what nobody signed and was said before is no word against it"


def test_two_persons_are_two_keys(tmp_path):
    audit = small_audit(tmp_path)
    kim, lee = (read_key(tmp_path / name) for name in ("kim", "lee") if make_key(tmp_path / name))
    told = []
    for author, decision, key in (
        ("Kim", "in review", None), ("Lee", "approved", None), ("Kim", "in review", kim), ("Lee", "approved", kim),
        ("Lee", "approved", lee),
    ):  # fmt: skip
        add_reviews(audit, Decision(decision=decision), author=author, key=key)
        told.append(facts_of(audit).two_person)
    assert told == [False, False, False, False, True]


def test_answers_that_a_catalogue_does_not_know_are_refused_before_anything_is_written(tmp_path):
    audit = small_audit(tmp_path)
    for answers, told in [
        ({"roll": ["provider"]}, "eu-ai-act has no question 'roll' (did you mean 'role'?)"),
        ({"role": ["provider", "provder"]}, "question 'role' has no answer 'provder' (did you mean 'provider'?)"),
    ]:
        with pytest.raises(UsageError) as caught:
            add_reviews(audit, Answers(framework="eu-ai-act", answers=answers), author="Kim")
        assert str(caught.value) == told
    assert read_reviews(audit.folder).entries == ()
