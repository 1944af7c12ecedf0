"""What an audit is evidence for: a status for every kind of record, and nothing that is taken away raises one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from law import LAW
from report_fixtures import finding, rate

from audit.frameworks import NEEDS, Clause, Framework, load_framework, read_framework
from audit.policy import RANK, STATUSES, Answered, Facts, at_least, cover
from audit.policy.coverage.conditions import FINDING_NEEDS
from audit.policy.coverage.words import absent_words, words_of_tests
from audit.record import Deviation, Limit, Sheet, SmallestEffect

TOY = read_framework(LAW, "toy-law.yaml")
HELD = {"positive": True, "negative": True}
PAIRS = finding(
    "pairs", "passed", "kept", measures=[rate("stereotype_share", 100, 200)], controls=HELD,
    limit=Limit(measure="stereotype_share", at_most=0.6), controlled=["stereotype_share"],
)
FACTS = finding(
    "facts", "measured", "no limit", probe="factuality.closed_book", gating=False, controls=HELD,
    measures=[rate("error_share", 10, 200)],
)


def said(*choices):
    return Answered(choices, "Kim", date(2026, 11, 28), None)


ANSWERS = {"toy-law": {"role": said("maker", "user"), "kind": said("early", "late"), "exempt": said("none")}}
WHOLE = Facts(
    findings=(PAIRS, FACTS), day=date(2026, 11, 28), digest=True, versions=True, approved=True, approval_signed=True,
    two_person=True, sealed=True, answers=ANSWERS, sheet=Sheet(purpose="helps", owner="Kim"),
)


def row(facts, clause="art-1", law=TOY):
    return cover(facts, law).clause(clause)


def status(facts, clause="art-1", law=TOY):
    return row(facts, clause, law).status


def without(**more):
    return replace(WHOLE, **more)


def changed(one, **more):
    return one.model_copy(update=more)


def test_an_audit_with_all_that_a_clause_needs_supports_it():
    found = row(WHOLE)
    assert (found.status, found.findings, found.tests_run) == ("supported", ("pairs",), ("bias.stereotype_pairs",))
    assert (found.lacking, found.not_full, found.caps) == ((), (), ())
    assert str(found.reason) == "every mapped test speaks for it, and all that it needs is there"


def test_a_partial_clause_is_never_more_than_partly_supported():
    found = row(WHOLE, "art-2")
    assert (found.status, found.caps, found.sure) == ("partly supported", ("partial",), "C")
    assert len(found.tests_run) == len(found.tests_mapped) == 2
    assert str(found.next_step) == "nothing that an audit could add; a person shows the rest"


def test_two_of_five_never_look_like_five_of_five():
    found = row(without(findings=(PAIRS,)), "art-2")
    assert found.tests_absent == ("factuality.closed_book",)
    assert found.caps == ("partial", "not_run")
    assert "1 of 2 mapped tests were run" in found.reason
    assert str(found.next_step) == "run factuality.closed_book"


@pytest.mark.parametrize(
    ("facts", "lacks"),
    [
        (without(sealed=False), ("sealed",)),
        (without(approval_signed=False), ("approval_signed",)),
        (without(again=frozenset({"pairs"})), ("limit_before",)),
        (without(deviations=(Deviation(check="pairs", what="limit.at_most", before=0.5, after=0.6, registered="x"),)),
         ("limit_before",)),
        (without(sealed=False, approval_signed=False), ("sealed", "approval_signed")),
    ],
)
def test_what_full_support_lacks_is_named_and_takes_exactly_that_status(facts, lacks):
    found, before = row(facts), cover(WHOLE, TOY)
    assert (found.status, found.not_full) == ("partly supported", lacks)
    others = {one.clause.id: one.status for one in cover(facts, TOY).clauses if one.clause.id != "art-1"}
    hang = {"art-3"} if not facts.sealed else set()
    assert {name for name, one in others.items() if one != before.clause(name).status} == hang


def test_a_clause_that_needs_a_seal_has_no_positive_status_without():
    late = {"toy-law": {**ANSWERS["toy-law"], "kind": said("late")}}
    assert status(without(answers=late), "art-3") == "partly supported"
    found = row(without(answers=late, sealed=False), "art-3")
    assert (found.status, found.lacking, found.held) == ("inconclusive", ("sealed",), ("approved",))
    found = row(without(answers=late, sealed=False, approved=False), "art-3")
    assert (found.status, found.lacking) == ("no evidence", ("approved", "sealed"))
    assert str(found.next_step).startswith("have it approved")


def test_a_gating_failure_contradicts_whatever_else_is_there():
    found = row(without(findings=(changed(PAIRS, verdict="failed"), FACTS)))
    assert (found.status, found.against) == ("contradicted", ("pairs",))
    assert "pairs" in found.reason
    assert status(without(findings=(changed(PAIRS, verdict="failed", gating=False), FACTS)), "art-2") != "contradicted"


@pytest.mark.parametrize("verdict", ["inconclusive", "skipped", "crashed"])
def test_what_decided_nothing_is_inconclusive(verdict):
    found = row(without(findings=(changed(PAIRS, verdict=verdict),)))
    assert (found.status, found.undecided) == ("inconclusive", ("pairs",))


def test_a_check_whose_control_failed_is_no_evidence_for_anything():
    broken = changed(PAIRS, controls={"positive": False, "negative": True})
    assert status(without(findings=(broken,))) == "inconclusive"
    assert row(without(findings=(broken,))).tests_run == ()
    assert row(without(findings=(changed(PAIRS, controls=None),))).caps == ("no_control",)


def test_one_good_finding_is_enough_and_a_lesser_one_beside_it_takes_nothing_away():
    law = TOY.model_copy(update={"clauses": [SAMPLE_CLAUSE.model_copy(update={"needs": ["controls", "decided"]})]})
    lesser = changed(PAIRS, check="again", controls=None)
    for told in ((PAIRS, lesser), (lesser, PAIRS)):
        assert status(without(findings=told), law=law) == "supported"
    assert row(without(findings=(lesser,)), law=law).lacking == ("controls",)
    apart = changed(PAIRS, limit=None, verdict="measured")  # what one holds and what another holds are not added up
    assert row(without(findings=(lesser, apart)), law=law).status == "inconclusive"


def test_results_of_another_tool_are_capped():
    law = read_framework(LAW.replace("tests: [bias.stereotype_pairs]", "tests: [imported.scores]"), "toy-law.yaml")
    found = row(without(findings=(changed(PAIRS, probe="imported.scores"),)), law=law)
    assert (found.status, found.caps) == ("partly supported", ("imported",))


def test_results_of_another_tool_serve_a_topic_only_where_the_plan_says_that_they_are_about_it():
    law = read_framework(
        LAW.replace("tests: [bias.stereotype_pairs]", "tests: [imported.scores@jailbreak]"), "toy-law.yaml"
    )
    of = {topic: changed(PAIRS, probe="imported.scores", dimension=topic) for topic in ("jailbreak", "privacy")}
    assert row(without(findings=(of["jailbreak"],)), law=law).status == "partly supported"
    found = row(without(findings=(of["privacy"],)), law=law)
    assert (found.status, found.tests_absent) == ("no evidence", ("imported.scores@jailbreak",))


def test_a_finding_that_the_plan_maps_counts_and_is_no_mapped_test():
    own = changed(FACTS, clauses=["toy-law:art-1"], verdict="passed", limit=Limit(measure="error_share", at_most=0.2))
    found = row(without(findings=(own,)))
    assert (found.status, found.findings, found.tests_absent) == (
        "inconclusive", ("facts",), ("bias.stereotype_pairs",))  # fmt: skip
    assert str(found.reason).startswith("only the plan says that facts serves this clause")
    beside = row(without(findings=(own, PAIRS)))
    assert (beside.status, beside.findings) == ("supported", ("pairs", "facts"))


def test_a_level_is_not_supported_by_a_number_without_a_limit_on_it():
    level = LAW.replace("  needs: [decided]\n  full: [limit_before, sealed, approval_signed]\n", "  full: [sealed]\n")
    free = without(findings=(changed(PAIRS, verdict="measured", limit=None),))
    found = row(free, law=read_framework(level, "toy-law.yaml"))
    assert (found.status, found.caps) == ("partly supported", ("no_limit",))
    assert str(found.next_step) == "give a check a limit, and audit"
    named = level.replace("tests: [bias.stereotype_pairs]", "tests: ['bias.stereotype_pairs:stereotype_share']")
    other = without(findings=(changed(PAIRS, limit=Limit(measure="valid_share", at_least=0.1)),))
    assert row(other, law=read_framework(named, "toy-law.yaml")).caps == ("no_limit",)
    assert status(WHOLE, law=read_framework(named, "toy-law.yaml")) == "supported"
    test = level.replace("strength: direct\n", "strength: direct\n  asks_for: test\n")
    assert status(free, law=read_framework(test, "toy-law.yaml")) == "supported"


def test_a_limit_that_no_value_could_have_missed_decides_nothing():
    for above, wanted in ((0.7, "supported"), (None, "inconclusive")):
        effect = SmallestEffect(power=0.8, units=200, above=above, exact=True)
        found = row(without(findings=(changed(PAIRS, smallest_effect=effect),)))
        assert (found.status, found.lacking) == (wanted, () if above else ("decided",))
        told = FINDING_NEEDS["power"](WHOLE, changed(PAIRS, smallest_effect=effect), None)
        assert told is (above is not None)


def test_a_failed_limit_that_decides_nothing_is_named():
    found = row(without(findings=(changed(PAIRS, verdict="failed", gating=False),)))
    assert (found.status, found.undecided) == ("inconclusive", ("pairs",))
    assert str(found.reason) == "asked, and nothing was decided: pairs"


def test_nothing_asked_is_no_evidence_and_a_gap_is_printed():
    found = row(without(findings=()))
    assert (found.status, str(found.next_step)) == ("no evidence", "run bias.stereotype_pairs")
    gap = row(WHOLE, "art-4")
    assert (gap.status, str(gap.reason)) == ("no evidence", "nothing that an audit measures serves this clause")


def test_without_answers_there_are_two_statuses_only():
    found = {one.status for one in cover(without(answers={}), TOY).clauses}
    assert found == {"no evidence", "evidence exists, applicability not stated"}
    failed = without(answers={}, findings=(changed(PAIRS, verdict="failed"),))
    assert status(failed) == "evidence exists, applicability not stated"
    part = {"toy-law": {"role": said("maker")}}
    assert row(without(answers=part)).status == "evidence exists, applicability not stated"
    assert row(without(answers=part)).applies.question == "exempt"


def test_answers_take_a_clause_away():
    exempt = {"toy-law": {**ANSWERS["toy-law"], "exempt": said("research")}}
    assert {one.status for one in cover(without(answers=exempt), TOY).clauses} == {"not applicable"}
    user = {"toy-law": {**ANSWERS["toy-law"], "role": said("user")}}
    assert [one.status for one in cover(without(answers=user), TOY).clauses] == [
        "not applicable", "partly supported", "partly supported", "not applicable"]  # fmt: skip
    assert row(without(answers=user)).applies.question == "role"


def test_a_first_day_after_the_audit_is_marked_with_what_it_would_be():
    late = {"toy-law": {**ANSWERS["toy-law"], "kind": said("late")}}
    found = row(without(answers=late))
    assert (found.status, found.once, found.by_evidence) == ("not yet in force", "supported", "supported")
    assert "2030-01-01" in found.reason
    assert status(without(answers=late, day=date(2030, 1, 1))) == "supported"
    assert status(without(answers=late, day=None)) == "evidence exists, applicability not stated"
    none = {"toy-law": {**ANSWERS["toy-law"], "kind": said("none")}}
    assert status(without(answers=none)) == "not applicable"


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("replaced", "not applicable"), ("out of scope by its own words", "not applicable"),
        ("stayed", "not yet in force"), ("under rescission", "supported"), ("voluntary", "supported"),
    ],
)
def test_the_standing_of_the_framework_counts(word, wanted):
    law = read_framework(LAW.replace("status: staged", f"status: {word}"), "toy-law.yaml")
    assert status(WHOLE, law=law) == wanted


def test_the_words_of_the_day_are_shown():
    assert row(without(day=date(2026, 9, 29)), "art-3").says.en == "Older words"
    assert row(WHOLE, "art-3").says.en == "Somebody answers for it"


def test_at_least_compares_what_speaks_for_a_clause():
    assert at_least("supported", "partly supported")
    assert not at_least("contradicted", "inconclusive")
    assert set(RANK) < set(STATUSES)


def test_alternatives_of_a_test_are_told_with_or():
    assert str(words_of_tests(["a | b | c", "d"])) == "a or b or c, d"
    assert str(absent_words(["a:x"])) == "not run: a:x"


TESTS = ("bias.stereotype_pairs", "bias.stereotype_pairs:stereotype_share", "factuality.closed_book", "bias.*", "*",
         "bias.counterfactual | factuality.closed_book")  # fmt: skip
SAMPLE_CLAUSE = TOY.clauses[0]


@st.composite
def clauses(draw):
    needs = draw(st.lists(st.sampled_from(NEEDS), unique=True, max_size=5))
    cut = draw(st.integers(0, len(needs)))
    return SAMPLE_CLAUSE.model_copy(update={
        "tests": draw(st.lists(st.sampled_from(TESTS), unique=True, max_size=3)), "needs": needs[:cut],
        "full": needs[cut:], "strength": draw(st.sampled_from(["direct", "direct", "partial", "process"])),
    })  # fmt: skip


@st.composite
def findings(draw):
    number = draw(st.integers(0, 99))
    one = draw(st.sampled_from([PAIRS, FACTS]))
    return changed(
        one, check=f"{one.check}-{number}", verdict=draw(st.sampled_from(["passed", "measured"])),
        controls=draw(st.sampled_from([HELD, None])), calls=draw(st.sampled_from([0, 600])),
        limit=draw(st.sampled_from([PAIRS.limit, None])), gating=draw(st.booleans()),
        controlled=draw(st.sampled_from([[], ["stereotype_share"]])),
        data=draw(st.sampled_from([{}, {"items": {"digest": "sha256:1", "licence": "MIT"}}])),
    )  # fmt: skip


@st.composite
def records(draw):
    told = draw(st.lists(findings(), max_size=4, unique_by=lambda one: one.check))
    flags = {name: draw(st.booleans()) for name in FLAGS}
    checks = st.frozensets(st.sampled_from([one.check for one in told])) if told else st.just(frozenset())
    of_checks = {name: draw(checks) for name in ("reviewed", "handled", "again")}
    return replace(WHOLE, findings=tuple(told), **of_checks, **flags)


FLAGS = ("digest", "versions", "earlier", "approved", "approval_signed", "two_person", "sealed")


def taken_away(facts):
    """Every record with one piece of what speaks for it less."""
    for name in FLAGS:
        yield replace(facts, **{name: False})
    yield replace(facts, sheet=None)
    yield replace(facts, reviewed=frozenset())
    yield replace(facts, again=frozenset(one.check for one in facts.findings))
    for index, one in enumerate(facts.findings):
        rest = facts.findings[:index], facts.findings[index + 1 :]
        yield replace(facts, findings=(*rest[0], *rest[1]))
        for less in (
            {"controls": None, "controlled": []}, {"controls": {"positive": False}}, {"data": {}},
            {"verdict": "inconclusive"}, {"measures": []}, {"verdict": "crashed"},
        ):  # fmt: skip
            yield replace(facts, findings=(*rest[0], changed(one, **less), *rest[1]))


@settings(max_examples=150, deadline=None)
@given(clauses(), records())
def test_taking_away_what_speaks_for_a_clause_never_raises_its_status(clause, facts):
    law = TOY.model_copy(update={"clauses": [clause]})
    found = cover(facts, law).clauses[0]
    for less in taken_away(facts):
        after = cover(less, law).clauses[0]
        assert RANK.get(after.status, 0) <= RANK.get(found.status, 0), (found, after)
    if found.status == "supported":
        assert clause.strength == "direct"
        assert [found.lacking, found.not_full, found.tests_absent, found.caps] == [()] * 4


@settings(max_examples=100, deadline=None)
@given(clauses(), records())
def test_a_status_hangs_on_exactly_what_its_clause_names(clause, facts):
    """What a clause names neither in needs nor in full can be taken away without any effect."""
    law, named = TOY.model_copy(update={"clauses": [clause]}), {*clause.needs, *clause.full}
    found = cover(facts, law).clauses[0]
    for need, name in [("sealed", "sealed"), ("approved", "approved"), ("earlier", "earlier"), ("two_person",) * 2]:
        if need not in named:
            assert cover(replace(facts, **{name: False}), law).clauses[0] == found
        elif found.status == "supported":
            assert cover(replace(facts, **{name: False}), law).clauses[0].status != "supported"


def test_an_audit_that_read_no_data_of_people_shows_no_sensitive_columns():
    law, text = load_framework("eu-ai-act"), changed(PAIRS, measures=[
        rate("stereotype_share", 100, 200, group=name) for name in ("age", "gender")])  # fmt: skip
    told = {"eu-ai-act": {one.id: said(*(choice.id for choice in one.choices)) for one in law.questions}}
    told["eu-ai-act"] |= {question: said(*allowed) for question, allowed in law.when.items()}
    asked = row(without(findings=(text,), answers=told), "art-4a", law)
    assert (asked.status, asked.lacking) == ("inconclusive", ("data",))
    read = changed(text, calls=0, data={"items": {"digest": "sha256:1"}})
    assert status(without(findings=(read,), answers=told), "art-4a", law) == "partly supported"


def test_the_model_of_a_clause_takes_every_need():
    for need in NEEDS:
        Clause.model_validate({**SAMPLE_CLAUSE.model_dump(), "windows": [], "needs": [need], "full": []})
    assert isinstance(TOY, Framework)


@pytest.mark.parametrize("verdict", ["passed", "measured", "failed", "inconclusive"])
def test_a_clause_that_asks_for_the_test_alone_is_served_by_it_whatever_comes_out(verdict):
    asked = LAW.replace("direct\n  needs: [decided]\n", "direct\n  asks_for: test\n  needs: [interval]\n")
    law = read_framework(asked, "toy-law.yaml")
    found = row(without(findings=(changed(PAIRS, verdict=verdict), FACTS)), law=law)
    assert (found.status, found.against, found.undecided) == ("supported", (), ())
    missed = "limits were missed (pairs); " if verdict == "failed" else ""
    assert str(found.reason).startswith(f"{missed}it asks for the test, whatever comes out")
    unsealed = row(without(findings=(changed(PAIRS, verdict=verdict), FACTS), sealed=False), law=law)
    assert (unsealed.status, str(unsealed.reason).startswith(missed)) == ("partly supported", True)
    broken = without(findings=(changed(PAIRS, verdict="crashed"), FACTS))
    assert status(broken, law=law) == "inconclusive"
    assert status(without(findings=(FACTS,)), law=law) == "no evidence"
