"""Plans from clauses: they read, their checks serve the clauses that they name, and one runs as it was written."""

from __future__ import annotations

import re

import pytest

from audit.cli.app import execute
from audit.errors import UsageError
from audit.execute import run
from audit.frameworks import clause_of, framework_names, load_framework
from audit.plan import load_plan, read_plan
from audit.policy import coverage_of
from audit.probe import range_of
from audit.reference.cards import reference_folders
from audit.reference.starters.for_clauses import _LANGUAGE, _MEMBERS, _TABLES, _WRITES, _YOURS, PROFILES, clause_plan

LANGUAGE = next(one.path for one in reference_folders() if one.path.parts[-2:] == ("language", "sound"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with all that the plans speak of as data of one's own."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "rows.csv").write_text("group,decision,label\na,1,1\nb,0,1\n")
    (folder / "answers.csv").write_text("prompt,context,answer\nq,c,a\n")
    for name in ("texts", "trained-on"):
        (folder / f"{name}.csv").write_text("text\nshe works\n")
    (folder / "prompts.csv").write_text("prompt\nWho works?\n")
    for name in ("outputs", "images/heldout", "images/train"):
        (folder / name).mkdir(parents=True)
        (folder / name / "one.png").write_bytes(b"")
    return folder


def with_everything(text):
    """A plan with its commented checks and limits put in, each limit at a bound that its measure can have."""
    text = re.sub(r"^#(  )", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"# (limit: \{measure: \w+, at_\w+: )\}.*", r"\g<1>0.5}", text)


@pytest.mark.parametrize("name", framework_names())
def test_a_plan_for_a_framework_reads_and_names_only_clauses_that_its_checks_serve(name, place):
    tests = " | ".join(test for one in load_framework(name).clauses for test in one.tests)
    if "*" not in tests and not any(one.probe in tests for one in (*_LANGUAGE, *_TABLES, *_YOURS, *_WRITES, _MEMBERS)):
        with pytest.raises(UsageError, match="no check serves it; "):
            clause_plan(name, str(LANGUAGE), None, base=place)
        return
    made = clause_plan(name, str(LANGUAGE), None, base=place)
    assert {*made.served, *(clause for clause, _ in made.unserved)} == {
        f"{name}:{one.id}" for one in load_framework(name).clauses}  # fmt: skip
    plan = read_plan(made.text, base=place)
    assert all(one.limit is None for one in plan.checks)
    whole = read_plan(with_everything(made.text), base=place)
    assert len(whole.checks) >= len(plan.checks)
    assert {clause for one in whole.checks for clause in one.clauses} == set(made.served)
    for one in whole.checks:
        assert one.limit is not None
        assert range_of(one.probe.measures, one.limit.measure)
        for clause in one.clauses:
            tests = " | ".join(clause_of(clause)[1].tests)
            assert one.probe.name in tests or "*" in tests


@pytest.mark.parametrize("name", PROFILES)
def test_a_domain_has_checks_for_a_language_model_or_for_images(name, place):
    read_plan(with_everything(clause_plan(name, str(LANGUAGE), None, base=place).text), base=place)
    table = clause_plan("hiring", None, str(place / "rows.csv"), base=place)
    assert [one.probe.name for one in read_plan(table.text, base=place).checks] == ["bias.decisions", "bias.data"]


def test_a_domain_says_where_it_has_no_check_for_a_table_or_a_model(place):
    """It wrote a plan without a check, which no reader of plans takes."""
    for name in {*PROFILES} - {"hiring"}:
        with pytest.raises(UsageError, match=f"init --for {name}: no check of it asks a table; it has "):
            clause_plan(name, None, str(place / "rows.csv"), base=place)


def test_an_image_model_and_an_address_are_asked_what_they_can_answer(place):
    images = next(one.path for one in reference_folders() if one.path.parts[-2] == "vae")
    plan = read_plan(clause_plan("driving", str(images), None, base=place).text, base=place)
    assert [one.probe.name for one in plan.checks] == ["quality.samples"]
    text = clause_plan("assistants", "http://localhost:1/v1", None, base=place).text
    probes = {one.probe.name for one in read_plan(text, base=place).checks}
    assert probes == {"factuality.closed_book", "factuality.rag", "robustness.text", "bias.counterfactual"}
    assert "mode: choice" not in text


def test_a_plan_runs_as_it_was_written_and_is_evidence_for_its_clauses(tmp_path, capsys):
    words = ["init", str(tmp_path / "plan.yaml"), "--for", "eu-ai-act/art-15", "--model", str(LANGUAGE)]
    assert execute(words) == 0
    told = capsys.readouterr().out
    plan = load_plan(tmp_path / "plan.yaml")
    served = {clause for one in plan.checks for clause in one.clauses}
    asked = {one.id for one in load_framework("eu-ai-act").clauses if one.id.startswith("art-15")}
    assert "serves: " in told
    for name in asked - {one.partition(":")[2] for one in served}:
        assert name in told
    audit = run(plan.__class__(**{**vars(plan), "limit": 6}), into=tmp_path / "audits")
    found = coverage_of(audit, load_framework("eu-ai-act"))
    for clause in served:
        assert found.clause(clause.partition(":")[2]).tests_run


@pytest.mark.parametrize(
    ("aim", "told"),
    [
        ("eu-ai-akt", "did you mean 'eu-ai-act'?"),
        ("eu-ai-act/art-99", "no such clause"),
        ("medicin", "did you mean 'medicine'?) (allowed: assistants, "),
        ("rags", "privacy, rag, recognition, robustness, "),
        ("eu-ai-act/art-9-7", "no check serves it; art-9-7: nothing that an audit measures serves it"),
    ],
)
def test_what_no_plan_can_serve_is_said(aim, told):
    with pytest.raises(UsageError, match=re.escape(told)):
        clause_plan(aim, str(LANGUAGE), None)


def test_rows_made_elsewhere_are_data_and_no_model(place):
    rows = str(place / "rows.csv")
    with pytest.raises(UsageError, match=rf"--model {rows}: holds rows made elsewhere.*allowed: --data {rows}"):
        clause_plan("hiring", rows, None, base=place)
    assert "bias.decisions" in clause_plan("hiring", None, rows, base=place).text
