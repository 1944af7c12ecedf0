"""A real audit, approved and sealed, through every catalogue: what it is evidence for, and what goes with each seal."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from law import LAW

from audit import plugins
from audit.cli.app import execute
from audit.execute import run
from audit.frameworks import ShownBy, framework_names, load_framework, read_framework
from audit.integrity import seal_audit
from audit.policy import Answered, at_least, cover, coverage_of, facts_of, status_words
from audit.record import SEAL_FILE, Sheet, load_record
from audit.reference import cases
from audit.review import Answers, Decision, add_reviews
from audit.signing import make_key
from audit.signing.keys import read_key
from reports.text import words_of

ASKED = ("facts", "sayings", "sureness")
POSITIVE = ("supported", "partly supported")


def all_of_it(framework):
    """Answers by which as many clauses as can be bind."""
    out = {question for question, allowed in framework.when.items() if allowed == ["none"]}
    return {one.id: ["none"] if one.id in out else [choice.id for choice in one.choices] for one in framework.questions}


def reviewed(audit, folder, *, signed=True):
    """Let one person ask and another one approve, and answer the questions of every framework."""
    keys = [make_key(folder / name) and read_key(folder / name) if signed else None for name in ("ask", "approve")]
    add_reviews(audit, Decision(decision="in review", two_person=signed), author="Kim Minji", key=keys[0])
    for name in framework_names():
        answers = all_of_it(load_framework(name))
        add_reviews(audit, Answers(framework=name, answers=answers), author="Kim Minji", key=keys[0])
    add_reviews(audit, Decision(decision="approved"), author="Lee Jisoo", key=keys[1])
    return audit


def planned(form, **more):
    case = next(one for one in cases() if one.reference.path.parent.name == "language" and one.reference.form == form)
    checks = tuple(one for one in case.plan.checks if one.name in ASKED)
    return replace(case.plan, checks=checks, sheet=Sheet(purpose="answers", owner="Kim"), **more)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """The sound twin's audit, signed off by two persons and sealed."""
    folder = tmp_path_factory.mktemp("sealed")
    audit = reviewed(run(planned("sound"), into=folder / "audits"), folder)
    make_key(folder / "seal")
    seal_audit(audit, read_key(folder / "seal"), "Lee Jisoo")
    return audit


def seen(audit):
    """Status by evidence of every clause of every installed framework."""
    rows = (one for name in framework_names() for one in coverage_of(audit, load_framework(name)).clauses)
    return [(one.clause, one) for one in rows]


def lost(before, after):
    """Places of the clauses whose status fell; none rose."""
    pairs = [(old.by_evidence, new.by_evidence) for (_, old), (_, new) in zip(before, after, strict=True)]
    assert all(at_least(old, new) for old, new in pairs)
    return {place for place, (old, new) in enumerate(pairs) if old != new}


def naming(before, need):
    """Places of the clauses that had something and name a condition where it counts."""
    return {
        place for place, (clause, row) in enumerate(before)
        if (need in clause.needs and need in row.held and row.by_evidence in (*POSITIVE, "inconclusive"))
        or (need in clause.full and row.by_evidence == "supported")
    }  # fmt: skip


def test_no_clause_is_supported_that_lacks_what_it_needs(sealed):
    before = seen(sealed)
    assert {row.by_evidence for _, row in before} >= {"supported", "partly supported", "no evidence"}
    for clause, row in before:
        if row.by_evidence == "supported":
            assert clause.strength == "direct"
            assert (row.lacking, row.not_full, row.tests_absent, row.caps) == ((), (), (), ())
        if row.by_evidence in POSITIVE:
            assert row.never is not None
            assert set(row.held) == set(clause.needs)
            assert clause.strength != "none"
        else:
            assert row.reason
            assert row.next_step


def test_without_its_seal_an_audit_loses_exactly_what_hangs_on_it(sealed, tmp_path):
    before = seen(sealed)
    shutil.copytree(sealed.folder, tmp_path / "audit")
    (tmp_path / "audit" / SEAL_FILE).unlink()
    fell = lost(before, seen(load_record(tmp_path / "audit")))
    hang = naming(before, "sealed")
    assert fell <= hang
    assert {place for place in hang if before[place][1].by_evidence in POSITIVE} <= fell
    assert fell


def test_not_signed_it_loses_exactly_what_hangs_on_signatures(sealed, tmp_path):
    before = seen(sealed)
    shutil.copytree(sealed.folder, tmp_path / "audit", ignore=shutil.ignore_patterns("reviews.jsonl", SEAL_FILE))
    unsigned = reviewed(load_record(tmp_path / "audit"), tmp_path, signed=False)
    make_key(tmp_path / "seal")
    seal_audit(unsigned, read_key(tmp_path / "seal"), "Lee Jisoo")
    fell, hang = lost(before, seen(unsigned)), naming(before, "approval_signed") | naming(before, "two_person")
    assert fell <= hang
    assert {place for place in hang if before[place][1].by_evidence in POSITIVE} <= fell
    assert fell


def test_limits_that_are_set_afterwards_take_exactly_what_hangs_on_them(sealed, tmp_path):
    free = planned("sound")
    run(replace(free, checks=tuple(replace(one, limit=None) for one in free.checks)), into=tmp_path / "audits")
    after = reviewed(run(planned("sound"), into=tmp_path / "audits"), tmp_path)
    make_key(tmp_path / "seal")
    seal_audit(after, read_key(tmp_path / "seal"), "Lee Jisoo")
    assert {one.what for one in after.record.deviations if one.check == "facts"} >= {"limit.at_least"}
    before = seen(sealed)
    now = seen(after)
    fell = {
        place for place, ((_, old), (_, new)) in enumerate(zip(before, now, strict=True))
        if old.by_evidence in POSITIVE and not at_least(new.by_evidence, old.by_evidence)
    }  # fmt: skip
    hang = {
        place for place, (clause, row) in enumerate(before)
        if (row.by_evidence in POSITIVE and "limit_before" in clause.needs)
        or (row.by_evidence == "supported" and ("limit_before" in clause.full or row.findings))
    }  # fmt: skip
    assert fell == hang
    assert fell
    assert all("limit_before" in now[place][1].lacking + now[place][1].not_full or "post_hoc" in now[place][1].caps
               for place in fell)


def test_a_flawed_twin_contradicts_what_the_sound_one_supports(sealed, tmp_path):
    law = read_framework(LAW, "toy-law.yaml")
    flawed = run(planned("flawed"), into=tmp_path / "audits")
    told = {name: Answered(tuple(choices), "Kim", date(2026, 11, 28), None) for name, choices in all_of_it(law).items()}
    for audit, status in ((sealed, "supported"), (flawed, "contradicted")):
        facts = replace(facts_of(audit), answers={"toy-law": told}, day=date(2026, 11, 28))
        assert cover(facts, law).clause("art-1").status == status


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_command_prints_every_clause_and_every_gap(sealed, capsys, lang):
    name = framework_names()[0]
    assert execute(["frameworks", name, str(sealed.folder), "--lang", lang]) == 0
    told, found = capsys.readouterr().out, coverage_of(sealed, load_framework(name))
    words = words_of(lang)
    for one in found.clauses:
        assert f" {one.clause.id} ({one.clause.ref}): {words.term('error', status_words(one.status))}. " in told
        assert one.says.of(lang).replace("\n", " ") in told.replace("\n", " ")
        assert f"    {words.term('error', one.reason)}\n" in told
    following, never = {"en": ("next: ", "it never says: "), "ko": ("다음 단계: ", "말하지 않는 것: ")}[lang]
    assert told.count(f"    {following}") == len(found.clauses)
    assert told.count(f"    {never}") == sum(told_as_positive(one) for one in found.clauses)
    if lang == "ko":
        steps = [line for line in told.splitlines() if line.startswith(f"    {following}")]
        assert all(re.search("[가-힣]", line.removeprefix(f"    {following}")) for line in steps)


def told_as_positive(one):
    return one.status in POSITIVE or one.once in POSITIVE


def test_questions_are_asked_and_answered_in_the_reviews(tmp_path, sealed, capsys):
    shutil.copytree(sealed.folder, tmp_path / "audit", ignore=shutil.ignore_patterns("reviews.jsonl", SEAL_FILE))
    name, folder = framework_names()[0], str(tmp_path / "audit")
    first = load_framework(name).questions[0]
    assert execute(["frameworks", "ask", name]) == 0
    assert capsys.readouterr().out.count("[open]") == len(load_framework(name).questions)
    make_key(tmp_path / "key")
    words = ["--answer", f"{first.id}={first.choices[0].id}", "--author", "Kim", "--key", str(tmp_path / "key")]
    assert execute(["frameworks", "ask", name, folder, *words]) == 0
    told = capsys.readouterr().out
    assert f"[{first.choices[0].id}: Kim, " in told
    assert "signed with sha256:" in told
    assert coverage_of(load_record(folder), load_framework(name)).answers[first.id].choices == (first.choices[0].id,)
    for lang in ("en", "ko"):
        assert execute(["frameworks", name, folder, "--lang", lang]) == 0
        says, chosen = first.asks.of(lang), first.choices[0].says.of(lang)
        assert f"{says} {chosen} (Kim, " in " ".join(capsys.readouterr().out.split())
    for wrong in (f"{first.id}=nobody", "nothing=none", f"{first.id}=none,{first.choices[0].id}", f"{first.id}="):
        assert execute(["frameworks", "ask", name, folder, "--answer", wrong]) == 2
    assert len((Path(folder) / "reviews.jsonl").read_bytes().splitlines()) == 1
    assert plugins.names("frameworks") == framework_names()


def test_judge_demands_a_clause_quickly_and_without_torch(sealed, tmp_path):
    rows = [(name, row) for name in framework_names() for row in coverage_of(sealed, load_framework(name)).clauses]
    name, row = next((name, row) for name, row in rows if row.by_evidence == "supported")
    gap = next(one.clause.id for other, one in rows if other == name and one.clause.strength == "none")
    policy = tmp_path / "policy.yaml"
    demands = [f"{{clause: {name}:{one}, at_least: partly supported}}" for one in (row.clause.id, gap)]
    policy.write_text(f"title: Gate\nclauses: [{', '.join(demands)}]\n")
    code = (
        "import sys; from audit.cli.app import execute; code = execute(sys.argv[1:]); "
        "print(sorted({'torch', 'transformers', 'pandas', 'sklearn'} & set(sys.modules))); sys.exit(code)"
    )
    words = ["judge", str(sealed.folder), "--policy", str(policy)]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"v clauses {name}:{row.clause.id} at least partly supported: passed. " in done.stdout
    assert f"x clauses {name}:{gap} at least partly supported: failed. " in done.stdout
    assert done.stdout.endswith("[]\n")


def test_every_clause_that_no_audit_serves_says_what_a_person_shows_and_duties_have_one_register_in_korean():
    kinds = set()
    for name in framework_names():
        for one in load_framework(name).clauses:
            assert (one.shown_by is not None) == (one.strength == "none"), (name, one.id)
            kinds.add(one.shown_by)
            assert not re.search(r"다[.)]*$", one.says.ko), (name, one.id)
            assert "배치" not in one.model_dump_json(), (name, one.id)
    assert kinds == {None, *get_args(ShownBy)}
