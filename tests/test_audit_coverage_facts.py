"""What the rules of coverage look at, read from an audit's folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from review_fixtures import small_audit

from audit.coverage import facts_of
from audit.errors import UsageError
from audit.record import load_record
from audit.review import Answers, Decision, Override, Owner, add_reviews, read_reviews


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
