"""Our catalogues outside the United States: complete against lists made by hand, dated, graded, and told in Korean."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from report_fixtures import finding, rate

import reports.frameworks
from audit import plugins
from audit.frameworks import Alternative, load_framework
from audit.policy import Answered, Facts, cover
from audit.record import Limit, Sheet

HOME = Path(reports.frameworks.__file__).parent
ISO = {"a.2": 3, "a.3": 2, "a.4": 5, "a.5": 4, "a.6": 9, "a.7": 5, "a.8": 4, "a.9": 3, "a.10": 3}
"""Annex A: how many controls each objective has."""
IDS = {
    "eu-ai-act": """
        art-4a art-5-1-ba art-9-2 art-9-5 art-9-6 art-9-7 art-9-8 art-9-9 art-10-2-b art-10-2-c art-10-2-e art-10-2-f
        art-10-2-g art-10-2-h art-10-3 art-10-4 art-11-1 annex-iv-1 annex-iv-2-b annex-iv-2-c annex-iv-2-d annex-iv-2-f
        annex-iv-2-g annex-iv-2-h annex-iv-3 annex-iv-4 art-12-1 art-13-3-b-ii art-13-3-b-iii art-13-3-b-iv art-13-3-b-v
        art-13-3-b-vi art-13-3-e art-14-4 art-15-1 art-15-3 art-15-4 art-15-5 art-17-1-d art-19-1 art-50-1 art-50-2
        art-50-4 art-50-5 art-51-2 annex-xi-1-1-d annex-xi-1-1-e annex-xi-1-2-c annex-xi-1-2-d annex-xi-1-2-e art-53-1-b
        art-53-1-c art-53-1-d art-55-1-a art-55-1-bcd annex-xi-2-1 annex-xi-2-2""",
    "eu-code-gpai": "tr-1.1 tr-1.2 tr-1.3 cr-1.4 cr-other ss-eval ss-report ss-other",
    "eu-code-transparency": """
        s1-m1.1 s1-m1.1.1 s1-m1.1.2 s1-m1.1.2-text s1-m1.1.2-short s1-m1.1.3 s1-m1.2 s1-m1.3 s1-m2.1.1 s1-m2.1.2 s1-m2.2
        s1-m3-effect s1-m3-reliab s1-m3-robust s1-m3.4 s1-m4.1 s1-m4.2 s1-m4.3 s2-label s2-review""",
    "iso-42001": """
        a.2.2 a.2.3 a.2.4 a.3.2 a.3.3 a.4.2 a.4.3 a.4.4 a.4.5 a.4.6 a.5.2 a.5.3 a.5.4 a.5.5 a.6.1.2 a.6.1.3 a.6.2.2
        a.6.2.3 a.6.2.4 a.6.2.5 a.6.2.6 a.6.2.7 a.6.2.8 a.7.2 a.7.3 a.7.4 a.7.5 a.7.6 a.8.2 a.8.3 a.8.4 a.8.5 a.9.2
        a.9.3 a.9.4 a.10.2 a.10.3 a.10.4""",
    "kr-ai-basic-act": """
        art-3-2 art-30 art-31-1 art-31-2 art-31-3 art-31-4 art-32-1 art-32-2 art-33 art-34-1-1 art-34-1-2 art-34-1-3
        art-34-1-4 art-34-1-5 art-34-3 dec-27 art-35 art-36 art-40""",
    "kr-guidelines": """
        msit-in msit-out fsc-1 fsc-2 fsc-3 fsc-4 fsc-5 fsc-6 fsc-7 fss-rmf pipc-4 cat-1 cat-3 cat-4 cat-5 cat-6 cat-7
        cat-8 cat-9 cat-10 cat-11 cat-12 cat-13 cat-14 cat-15""",
    "sg-ai-verify": """
        mgf-1 mgf-2 mgf-3 mgf-4 mgf-5 mgf-6 mgf-7 mgf-8 mgf-9 sk-1 sk-2 sk-3 sk-4 sk-5
        aiv-fair aiv-robust aiv-repro aiv-data aiv-other""",
    "jp-ai-act": "art-7 art-13 art-16 gl-fair gl-safe gl-priv gl-trans gl-acc",
    "uk-pra-ss1-23": "p1 p2 p3 p4 p5",
}
STRENGTHS = {
    #                        direct partial process none
    "eu-ai-act":            (9, 26, 11, 11),
    "eu-code-gpai":         (0, 2, 3, 3),
    "eu-code-transparency": (8, 5, 2, 5),
    "iso-42001":            (2, 6, 11, 19),
    "kr-ai-basic-act":      (3, 4, 1, 11),
    "kr-guidelines":        (5, 9, 4, 7),
    "sg-ai-verify":         (7, 7, 2, 3),
    "jp-ai-act":            (0, 4, 1, 3),
    "uk-pra-ss1-23":        (0, 2, 2, 1),
}
BELOW_B = {
    "eu-code-transparency": {"s1-m2.1.2", "s1-m2.2", "s1-m4.2", "s1-m4.3"},
    "kr-guidelines": {"fss-rmf"},
    "jp-ai-act": {"gl-fair", "gl-safe", "gl-priv", "gl-trans", "gl-acc"},
}
"""Clauses whose text nobody verified to grade B: they say so wherever they are printed."""
FORBIDDEN = (
    r"complian|\bcertified\b|\bconforms\b|준수함|준수합니다|준수하고 있|인증됨|인증받|인증을 받|인증 완료|적합 판정"
)
NAMES = sorted(IDS)


def texts(framework):
    """Yield (place, text) of all that a reader sees."""
    for name in ("title", "text", "note"):
        if (text := getattr(framework, name)) is not None:
            yield name, text
    yield from ((one.on, one.what) for one in framework.dates)
    for question in framework.questions:
        yield question.id, question.asks
        yield from ((f"{question.id}.{one.id}", one.says) for one in question.choices)
    for clause in framework.clauses:
        for name in ("title", "says", "evidence", "never"):
            if (text := getattr(clause, name)) is not None:
                yield f"{clause.id} {name}", text
        yield from ((f"{clause.id} {one.from_}", one.says) for one in clause.windows)


def probes(clause):
    return {one.probe for test in clause.tests for one in Alternative.of(test)}


@pytest.mark.parametrize("name", NAMES)
def test_every_clause_of_the_list_is_there_once(name):
    assert sorted(one.id for one in load_framework(name).clauses) == sorted(IDS[name].split())


def test_annex_a_has_thirty_eight_controls():
    controls = Counter(".".join(one.id.split(".")[:2]) for one in load_framework("iso-42001").clauses)
    assert controls == ISO
    assert sum(ISO.values()) == 38


@pytest.mark.parametrize("name", NAMES)
def test_strengths_are_as_counted_by_hand(name):
    counts = Counter(one.strength for one in load_framework(name).clauses)
    assert tuple(counts[one] for one in ("direct", "partial", "process", "none")) == STRENGTHS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_clause_has_source_date_and_grade(name):
    framework = load_framework(name)
    assert len(framework.checked.where) > 30
    assert framework.checked.against != "knowledge"
    assert all(date(2023, 1, 1) <= date.fromisoformat(one.on) <= date(2030, 12, 31) for one in framework.dates)
    assert [one.on for one in framework.dates] == sorted(one.on for one in framework.dates)
    assert all(one.sure in "ABC" for one in framework.dates)
    assert {one.id for one in framework.clauses if framework.sure_of(one) > "B"} == BELOW_B.get(name, set())
    for one in framework.clauses:
        days = one.applies_from.values() if isinstance(one.applies_from, dict) else [one.applies_from or "2023-01-01"]
        assert all(date.fromisoformat(day) for day in days), one.id


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_told_in_korean_and_in_english(name):
    for place, text in texts(load_framework(name)):
        assert re.search(r"[가-힣]", text.ko), f"{name} {place}"
        assert text.ko != text.en, f"{name} {place}"
        assert not re.search(r"[가-힣]", re.sub(r"\([가-힣]+\)", "", text.en)), f"{name} {place}"
        assert not re.search(r"[은는이가을를]\([은는이가을를]\)|\s[,.]", text.ko), f"{name} {place}"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_claims_what_no_audit_may_claim(name):
    for place, text in texts(load_framework(name)):
        assert not re.search(FORBIDDEN, f"{text.en} {text.ko}", re.I), f"{name} {place}"


@pytest.mark.parametrize("name", NAMES)
def test_every_test_is_a_probe_of_ours(name):
    known = {*plugins.names("probes"), "*"}
    unknown = {(one.id, probe) for one in load_framework(name).clauses for probe in probes(one) - known}
    assert not unknown


@pytest.mark.parametrize("name", NAMES)
def test_every_question_decides_something(name):
    framework = load_framework(name)
    asked = {question: set(answers) for question, answers in framework.when.items()}
    for one in framework.clauses:
        for question, answers in [("role", one.role), *one.when.items()]:
            asked.setdefault(question, set()).update(answers)
        if (dated := framework.dated_by(one)) is not None:
            asked.setdefault(dated.id, set()).update(one.applies_from)
    assert set(asked) == set(framework.asked)
    for question in framework.questions:
        assert "none" in asked[question.id] or asked[question.id] == {one.id for one in question.choices}, question.id


@pytest.mark.parametrize("name", NAMES)
def test_direct_evidence_wants_intervals_and_controls_of_its_tests(name):
    for one in load_framework(name).clauses:
        if one.strength == "direct" and one.tests:
            assert {"interval", "controls"} <= {*one.needs, *one.full}, one.id
        if probes(one) and all(probe.startswith("imported.") for probe in probes(one)):
            assert one.strength == "partial", one.id
        if "memorisation" in one.dimensions:  # what was not tried may be kept all the same
            assert one.strength == "partial", one.id
        if one.strength == "process":  # that a step was taken is shown by the record, whatever a test found
            assert not one.tests, one.id


def test_caps_of_the_ai_act():
    act = load_framework("eu-ai-act")
    assert "data" in act.clause("art-10-2-f").full
    assert "limit_before" in act.clause("art-9-8").needs
    assert "approval_signed" in act.clause("annex-iv-2-g").full
    assert act.clause("art-10-5") is None
    assert act.clause("art-4a").strength == "process"
    assert all(act.clause(f"annex-xi-1-2-{one}").strength == "none" for one in "de")


def test_days_hang_on_what_was_placed_when():
    act = load_framework("eu-ai-act")
    high_risk = act.clause("art-15-1")
    assert high_risk.applies_from == {"annex_iii": "2027-12-02", "annex_i": "2028-08-02", "authority": "2030-08-02"}
    assert act.clause("art-50-2").applies_from == {"generates": "2026-08-02", "generates_older": "2026-12-02"}
    assert act.clause("art-53-1-b").applies_from == {"new": "2025-08-02", "older": "2027-08-02"}
    assert act.clause("art-5-1-ba").applies_from == "2026-12-02"


def test_the_code_on_transparency_has_three_cases():
    code = load_framework("eu-code-transparency")
    cases = {one: code.clause(one).when["content"] for one in ("s1-m1.1", "s1-m1.1.2-text", "s1-m1.1.2-short")}
    assert cases == {"s1-m1.1": ["media"], "s1-m1.1.2-text": ["long_text"], "s1-m1.1.2-short": ["short_text"]}
    assert code.clause("s1-m1.1.2-text").tests == ["provenance.text_mark:power_by_length"]
    assert code.clause("s1-m1.1.2-short").strength == "none"


def test_computing_alone_never_brings_a_system_under_article_32():
    act = load_framework("kr-ai-basic-act")
    for name in ("art-32-1", "art-32-2"):
        assert act.clause(name).when["kind"] == ["three_conditions"]
        assert not act.clause(name).tests
    assert all(word in act.note.ko for word in ("제31조제1항", "제36조제1항", "제40조제3항"))


def statuses(name, day, **answers):
    """Return clause -> status of an audit that found nothing, under these answers; `none` to every other question."""
    framework = load_framework(name)
    given = {one.id: Answered(tuple(answers.get(one.id, ["none"])), "Kim", day, None) for one in framework.questions}
    rows = cover(Facts(findings=(), day=day, answers={name: given}), framework).clauses
    return {one.clause.id: one.status for one in rows}


def binding(found, *starts):
    return {name for name, status in found.items() if status != "not applicable" and name.startswith(starts)}


def test_a_day_that_lies_after_the_record_is_marked():
    today, later = date(2026, 11, 28), date(2027, 12, 2)
    told = statuses("eu-ai-act", today, role=["provider"], **{"class": ["annex_iii"]}, output=["generates_older"])
    assert told["art-15-1"] == told["art-50-2"] == told["art-5-1-ba"] == "not yet in force"
    then = statuses("eu-ai-act", later, role=["provider"], **{"class": ["annex_iii"]}, output=["generates_older"])
    assert then["art-15-1"] == then["art-50-2"] == then["art-5-1-ba"] == "no evidence"
    new = statuses("eu-ai-act", today, role=["provider"], output=["generates"])
    assert (new["art-50-2"], new["art-15-1"]) == ("no evidence", "not applicable")
    product = statuses("eu-ai-act", later, role=["provider"], **{"class": ["annex_i"]})
    assert product["art-15-1"] == "not yet in force"
    code = statuses("eu-code-transparency", today, role=["provider"], signed=["signed"], content=["media"])
    assert code["s1-m3.4"] == "not yet in force"


def test_roles_and_exemptions_of_the_ai_act():
    day = date(2028, 1, 1)
    assert set(statuses("eu-ai-act", day, role=["provider"], exempt=["military"]).values()) == {"not applicable"}
    deployer = statuses("eu-ai-act", day, role=["deployer"], **{"class": ["annex_iii"]}, output=["publishes"])
    assert binding(deployer, "art", "annex") == {"art-4a", "art-5-1-ba", "art-19-1", "art-50-4", "art-50-5"}
    model = statuses("eu-ai-act", day, role=["gpai"], gpai=["new"], open=["open"])
    assert binding(model, "art", "annex") == {"art-51-2", "art-53-1-c", "art-53-1-d"}
    systemic = statuses("eu-ai-act", day, role=["gpai"], gpai=["new", "systemic"])
    assert {"art-55-1-a", "annex-xi-2-1", "art-53-1-b"} <= binding(systemic, "art", "annex")


def test_kinds_and_exemptions_of_the_korean_act():
    day = date(2026, 11, 28)
    chat = statuses("kr-ai-basic-act", day, role=["user_operator"], kind=["generative"])
    assert binding(chat, "art-31", "art-32", "art-34-1", "dec") == {"art-31-1", "art-31-2", "art-31-4"}
    inside = statuses("kr-ai-basic-act", day, role=["user_operator"], kind=["generative"], labelling=["internal"])
    assert binding(inside, "art-31", "art-34-1") == {"art-31-4"}
    loans = statuses("kr-ai-basic-act", day, role=["user_operator"], kind=["high_impact"], deemed=["received"])
    assert binding(loans, "art-34-1", "dec") == {"art-34-1-4", "art-34-1-5", "dec-27"}
    law = statuses("kr-ai-basic-act", day, role=["user_operator"], kind=["high_impact"], deemed=["other_law"])
    assert binding(law, "art-34-1", "dec") == set()
    assert binding(statuses("kr-ai-basic-act", day, role=["developer"], exempt=["defence"]), "") == set()


def test_a_voluntary_code_binds_who_follows_it():
    day = date(2026, 11, 28)
    for name, role in (("eu-code-gpai", "gpai"), ("eu-code-transparency", "provider")):
        assert set(statuses(name, day, role=[role]).values()) == {"not applicable"}


HELD = {"positive": True, "negative": True}
PAIRS = finding(
    "pairs", "passed", "kept", measures=[rate("stereotype_share", 100, 200)], controls=HELD,
    limit=Limit(measure="stereotype_share", at_most=0.6), controlled=["stereotype_share"],
)
FACTS = finding(
    "facts", "measured", "no limit", probe="factuality.closed_book", gating=False, controls=HELD,
    measures=[rate("error_share", 10, 200)],
)
WHOLE = Facts(
    findings=(PAIRS, FACTS), day=date(2031, 1, 1), digest=True, versions=True, approved=True, approval_signed=True,
    two_person=True, sealed=True, sheet=Sheet(purpose="helps", owner="Kim"),
)
"""An audit of a language model that is sealed and signed, with limits that were fixed before."""


def bound(facts, framework):
    """Return clause -> status where every clause binds."""
    wanted = {}
    for one in [framework, *framework.clauses]:
        for question, choices in one.when.items():
            wanted.setdefault(question, set()).update(choices)
    given = {one.id: {*wanted.get(one.id, ()), *(choice.id for choice in one.choices)} for one in framework.questions}
    answers = {name: Answered(tuple(sorted(told)), "Kim", date(2031, 1, 1), None) for name, told in given.items()}
    return {
        one.clause.id: one.status for one in cover(replace(facts, answers={framework.id: answers}), framework).clauses
    }


@pytest.mark.parametrize("name", NAMES)
def test_an_audit_loses_exactly_what_hangs_on_signature_seal_and_order(name):
    framework = load_framework(name)
    whole = bound(WHOLE, framework)
    lacking = {
        "approved approval_signed two_person": replace(WHOLE, approved=False, approval_signed=False, two_person=False),
        "sealed": replace(WHOLE, sealed=False),
        "limit_before": replace(WHOLE, again=frozenset({"pairs", "facts"})),
    }
    counts = {"supported": lambda one: {*one.needs, *one.full}, "partly supported": lambda one: {*one.needs}}
    for gone, facts in lacking.items():
        lost = {one for one, status in bound(facts, framework).items() if status != whole[one]}
        rows = [one for one in framework.clauses if whole[one.id] in counts]
        assert lost == {one.id for one in rows if counts[whole[one.id]](one) & set(gone.split())}, gone


def test_a_missed_limit_speaks_against_a_level_and_not_against_having_tested():
    act = load_framework("eu-ai-act")
    missed = FACTS.model_copy(update={
        "verdict": "failed", "gating": True, "limit": Limit(measure="error_share", at_most=0.01),
    })
    told = bound(replace(WHOLE, findings=(PAIRS, missed)), act)
    assert (told["art-15-1"], told["art-15-3"]) == ("contradicted", "contradicted")
    assert (told["art-9-8"], told["annex-iv-2-g"]) == ("supported", "supported")
    assert told["art-13-3-b-ii"] == "partly supported"


def test_what_a_whole_audit_supports_under_the_ai_act():
    told = bound(WHOLE, load_framework("eu-ai-act"))
    assert {one for one, status in told.items() if status == "supported"} == {"art-9-8", "annex-iv-2-g", "annex-xi-2-1"}


def test_texts_that_changed_are_told_as_they_were():
    korean = load_framework("kr-ai-basic-act").clause("art-35")
    assert "취약계층" not in korean.words_on(date(2026, 7, 20)).ko
    assert "취약계층" in korean.words_on(date(2026, 7, 21)).ko
    european = load_framework("eu-ai-act").clause("art-11-1")
    assert "mid-size" not in european.words_on(date(2026, 7, 26)).en
    assert "mid-size" in european.words_on(date(2026, 7, 27)).en


def test_korean_stands_first_in_korean_catalogues():
    for name in ("kr-ai-basic-act", "kr-guidelines"):
        lines = (HOME / f"{name}.yaml").read_text("utf-8").splitlines()
        firsts = [lines[index + 1].strip() for index, line in enumerate(lines) if line.strip() == "says:"]
        assert firsts
        assert all(one.startswith("ko:") for one in firsts)
