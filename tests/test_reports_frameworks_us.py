"""The US catalogues: no id of NIST's is missing or invented, dates and windows, and no row says more than it may.

Expected ids, counts and dates are written out here by hand, from counts of the documents that were made elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import date

import pytest

from audit.frameworks import Alternative, claims_in, load_framework

NAMES = (
    "nist-ai-600-1", "nist-ai-rmf", "us-ca-ab2013", "us-ca-ai-transparency", "us-colorado", "us-model-risk",
    "us-nyc-ll144", "us-texas-traiga", "us-ugesp",
)
ACTIONS = {
    "gv": "1.1:1 1.2:2 1.3:7 1.4:2 1.5:3 1.6:3 1.7:2 2.1:5 3.2:5 4.1:3 4.2:3 4.3:3 5.1:2 6.1:10 6.2:7",
    "mp": "1.1:4 1.2:2 2.1:2 2.2:2 2.3:5 3.4:6 4.1:10 5.1:6 5.2:2",
    "ms": "1.1:9 1.3:3 2.2:4 2.3:4 2.5:6 2.6:7 2.7:9 2.8:4 2.9:2 2.10:3 2.11:5 2.12:4 2.13:1 3.2:1 3.3:5 4.2:5",
    "mg": "1.3:2 2.2:9 2.3:1 2.4:4 3.1:5 3.2:9 4.1:7 4.2:3 4.3:3",
}
"""Subcategory:number of suggested actions, as counted in NIST AI 600-1."""
WITHOUT = {
    "gv": "2.2 2.3 3.1 5.2", "mp": "1.3 1.4 1.5 1.6 3.1 3.2 3.3 3.5 4.2", "ms": "1.2 2.1 2.4 3.1 4.1 4.3",
    "mg": "1.1 1.2 1.4 2.1",
}
"""Subcategories of the AI RMF under which the profile has no action."""
CATEGORIES = {"gv": (7, 3, 2, 3, 2, 2), "mp": (6, 3, 5, 2, 2), "ms": (3, 13, 3, 3), "mg": (4, 4, 2, 3)}
"""Subcategories of each category of the AI RMF."""
TAGGED = {
    "cbrn": 31, "confabulation": 18, "dangerous": 31, "privacy": 29, "environment": 4, "bias": 57, "human-ai": 58,
    "integrity": 73, "security": 51, "property": 28, "obscene": 14, "value-chain": 36,
}
"""How many actions carry each of the twelve risks."""
HANGUL = re.compile("[가-힣]")


@pytest.fixture(scope="module", params=NAMES)
def framework(request):
    return load_framework(request.param)


def texts(framework):
    """Every text of a catalogue that a reader sees, with the place where it stands."""
    found = {"title": framework.title, "text": framework.text, "note": framework.note}
    found |= {f"date {one.on}": one.what for one in framework.dates}
    for question in framework.questions:
        found[question.id] = question.asks
        found |= {f"{question.id}={one.id}": one.says for one in question.choices}
    for clause in framework.clauses:
        found |= {f"{clause.id} {name}": getattr(clause, name) for name in ("says", "evidence", "never", "title")}
        found |= {f"{clause.id} {one.from_}": one.says for one in clause.windows}
    return {place: text for place, text in found.items() if text is not None}


def test_every_action_of_the_generative_profile_is_there_and_none_is_invented():
    expected = [
        f"{function}-{subcategory}-{number:03d}"
        for function, counts in ACTIONS.items()
        for subcategory, count in (one.split(":") for one in counts.split())
        for number in range(1, int(count) + 1)
    ]
    clauses = load_framework("nist-ai-600-1").clauses
    assert [one.id for one in clauses] == expected
    assert Counter(one[:2] for one in expected) == {"gv": 58, "mp": 39, "ms": 72, "mg": 43}
    assert len(expected) == 212
    assert {"gv-4.3-001"} <= set(expected)  # misprinted in the document
    assert "gv-1.1-002" not in expected  # an example in its reading guide, and no action
    assert all(one.ref == one.id.upper() for one in clauses)


def test_every_subcategory_of_the_framework_is_there_and_none_is_invented():
    expected = [
        f"{function}-{category}.{number}"
        for function, counts in CATEGORIES.items()
        for category, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    clauses = load_framework("nist-ai-rmf").clauses
    assert [one.id for one in clauses] == expected
    assert Counter(one[:2] for one in expected) == {"gv": 19, "mp": 18, "ms": 22, "mg": 13}
    names = {"gv": "GOVERN", "mp": "MAP", "ms": "MEASURE", "mg": "MANAGE"}
    assert all(one.ref == f"{names[one.id[:2]]} {one.id[3:]}" for one in clauses)


def test_the_profile_hangs_on_the_framework():
    held = {one.id.rsplit("-", 1)[0] for one in load_framework("nist-ai-600-1").clauses}
    bare = {f"{function}-{one}" for function, ids in WITHOUT.items() for one in ids.split()}
    assert len(held) == 49
    assert held | bare == {one.id for one in load_framework("nist-ai-rmf").clauses}
    assert not held & bare


def test_each_action_hangs_on_the_risks_that_the_profile_names():
    framework = load_framework("nist-ai-600-1")
    tags = Counter(risk for clause in framework.clauses for risk in clause.when["risks"])
    assert tags == TAGGED
    assert [one.id for one in framework.asked["risks"].choices] == list(TAGGED)
    assert framework.clause("gv-1.4-002").when["risks"] == ["cbrn", "privacy", "obscene"]


def test_limits_set_afterwards_serve_no_clause_that_asks_for_limits_set_before():
    framework = load_framework("nist-ai-600-1")
    assert all("limit_before" in framework.clause(one).needs for one in ("gv-1.3-002", "mg-2.2-001"))


def test_each_text_stands_in_both_languages_and_claims_nothing(framework):
    for place, text in texts(framework).items():
        assert HANGUL.search(text.ko), place
        assert not HANGUL.search(text.en), place
        assert not claims_in(f"{text.en} {text.ko}"), place
        assert len(text.en) < 300 or place in ("note", "text"), place


def test_a_gap_says_what_a_person_adds_and_evidence_says_what_it_leaves_open(framework):
    for clause in framework.clauses:
        never, none = clause.never, clause.strength == "none"
        assert never is not None or (none and clause.shown_by), clause.id
        assert never is None or never.en.startswith("everything") == none, clause.id


def test_each_question_is_used_and_there_is_one_about_the_role(framework):
    used = {"role", *framework.when} | {one for clause in framework.clauses for one in clause.when}
    assert {one.id for one in framework.questions} == used
    roles = {one.id for one in framework.asked["role"].choices}
    assert roles == {role for clause in framework.clauses for role in clause.role}


def test_what_another_tool_measured_is_never_direct(framework):
    for clause in framework.clauses:
        probes = {other.probe for one in clause.tests for other in Alternative.of(one)}
        alone = probes == {"imported.scores"}
        assert not (alone and clause.strength == "direct"), clause.id


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("us-colorado", (0, 2, 2, 2)), ("us-model-risk", (0, 5, 2, 0)), ("us-nyc-ll144", (3, 5, 2, 3)),
        ("us-texas-traiga", (0, 3, 1, 3)), ("us-ugesp", (2, 3, 0, 1)),
    ],
)
def test_how_many_clauses_an_audit_can_serve_and_how_well(name, counts):
    told = Counter(one.strength for one in load_framework(name).clauses)
    assert tuple(told[one] for one in ("direct", "partial", "process", "none")) == counts


def test_most_actions_of_the_profile_are_for_people_and_what_is_direct_needs_a_seal():
    clauses = load_framework("nist-ai-600-1").clauses
    assert {one.id for one in clauses if one.strength == "direct"} == {
        "gv-1.3-002", "mp-2.3-001", "mp-5.1-001", "ms-2.3-001", "ms-2.3-002", "ms-2.7-005", "ms-2.10-003",
        "ms-2.11-001", "ms-2.11-002", "mg-2.2-001",
    }
    direct = [one for name in NAMES for one in load_framework(name).clauses if one.strength == "direct"]
    assert all("sealed" in one.full for one in direct)
    assert sum(one.strength == "none" for one in clauses) > 130


@pytest.mark.parametrize(
    ("name", "status", "sure", "dates"),
    [
        ("nist-ai-600-1", "voluntary", "A", {"2024-07-26": "B"}),
        ("nist-ai-rmf", "voluntary", "A", {"2023-01-26": "B"}),
        ("us-ca-ab2013", "in force", "B", {"2026-01-01": "B"}),
        ("us-ca-ai-transparency", "in force", "A", {"2026-08-02": "A", "2026-09-30": "B", "2028-01-01": "B"}),
        ("us-colorado", "staged", "B", {"2026-06-30": "B", "2027-01-01": "B"}),
        ("us-model-risk", "guidance", "A", {"2011-04-04": "A", "2026-04-17": "A"}),
        ("us-nyc-ll144", "in force", "B", {"2023-01-01": "B", "2023-07-05": "B"}),
        ("us-texas-traiga", "in force", "A", {"2026-01-01": "B"}),
        ("us-ugesp", "under rescission", "A", {"2026-07-05": "B", "2026-07-31": "B"}),
    ],
)
def test_dates_stand_with_how_sure_they_are(name, status, sure, dates):
    framework = load_framework(name)
    assert (framework.status, framework.sure, framework.checked.on) == (status, sure, "2026-11-28")
    assert dates.items() <= {one.on: one.sure for one in framework.dates}.items()
    assert [one.on for one in framework.dates] == sorted(one.on for one in framework.dates)


def test_one_clause_rests_on_a_single_page_and_none_on_knowledge_alone():
    found = {
        f"{name}:{clause.id}": framework.sure_of(clause)
        for name in NAMES
        for framework in [load_framework(name)]
        for clause in framework.clauses
    }
    assert {one for one, sure in found.items() if sure > "B"} == {"us-nyc-ll144:5-303-c"}


def test_california_asked_for_something_else_before_sb_1000():
    framework = load_framework("us-ca-ai-transparency")
    changed = {one.id: one for one in framework.clauses if one.windows}
    assert set(changed) == {"22757.2", "22757.3-a-1", "22757.3-b"}
    for clause in changed.values():
        assert [(one.from_, one.until) for one in clause.windows] == [("2026-08-02", "2026-09-29")]
    mark, licence = changed["22757.3-a-1"], changed["22757.3-b"]
    assert "visible label" in mark.words_on(date(2026, 9, 29)).en
    assert "visible label" not in mark.words_on(date(2026, 9, 30)).en
    assert "72 hours" in licence.says.en
    assert "72 hours" not in licence.words_on(date(2026, 8, 2)).en
    assert not any("text_mark" in test for clause in framework.clauses for test in clause.tests)  # no duty for text


def test_what_no_longer_holds_is_said_first():
    ugesp, banks, colorado, city, texas = (
        load_framework(name).note.en
        for name in ("us-ugesp", "us-model-risk", "us-colorado", "us-nyc-ll144", "us-texas-traiga")
    )
    assert ugesp.startswith("Under rescission")
    assert banks.startswith("SR 11-7 no longer stands")
    assert "footnote 3" in banks
    assert "No duty of impact assessment or bias audit" in colorado
    assert "No pass mark exists" in city
    assert "552.105(e)(2)" in texas


def test_new_york_asks_for_numbers_of_each_category_and_their_crossings():
    framework = load_framework("us-nyc-ll144")
    asked = {one.id: one for one in framework.clauses}
    for one in ("5-301-b-rate", "5-301-cats"):
        assert asked[one].tests == ["bias.decisions:selection_rate_impact_ratio"]
        assert asked[one].strength == "direct"
    assert asked["5-301-b-rate"].when == {"tool": ["selects", "groups"]}
    assert asked["5-301-c-rate"].when == {"tool": ["scores"]}
    assert {"5-301-unknown", "5-301-d", "5-303-a", "indep"} <= set(asked)


def test_texas_takes_a_sealed_test_for_a_part_of_a_defence_whatever_comes_out():
    found, followed = (load_framework("us-texas-traiga").clause(one) for one in ("552.105-e-b", "552.105-e-d"))
    assert (found.strength, found.asks_for, found.needs) == ("partial", "test", ["run_facts", "sealed"])
    assert followed.strength == "partial"
    assert "NIST AI 600-1" in followed.says.en


def test_no_limit_of_ours_speaks_against_a_clause_that_asks_for_numbers_alone():
    city = load_framework("us-nyc-ll144")
    assert all(one.asks_for == "test" for one in city.clauses if one.strength != "none")
    profile = load_framework("nist-ai-600-1")
    assert {one.id for one in profile.clauses if one.strength != "none" and one.asks_for == "level"} == {
        "gv-1.3-002", "mg-2.2-001", "mg-2.2-004", "mg-2.2-009", "mg-3.1-001", "mg-3.1-004", "mg-3.2-009", "ms-2.10-003",
        "ms-2.11-005", "ms-2.5-005", "ms-2.6-006", "ms-2.7-008",
    }


def test_generative_models_are_outside_of_the_guidance_for_banks():
    banks = load_framework("us-model-risk")
    assert banks.when == {"model": ["statistical"]}
    assert [one.id for one in banks.asked["model"].choices] == ["statistical", "generative"]
    assert "footnote 3" in banks.asked["model"].choices[1].says.en
