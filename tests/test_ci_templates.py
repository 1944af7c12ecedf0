"""What pipelines of others take from us, run for real on a small audit: action, GitLab job, hook, pytest, README."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from junitparser import JUnitXml
from needs import ROOT
from pipelines import (
    ACTION,
    FAILS,
    JOB,
    NIGHTS,
    PASSES,
    PLAN,
    STATE_KEY,
    UNDECIDED,
    Workflow,
    bash,
    gitlab,
    new_machine,
    write_plan,
)
from schemas import published
from stub_server import serve

from audit.reference.cards import WEIGHTS

pytestmark = [pytest.mark.usefixtures("pipeline"), pytest.mark.slow]


# ---- the GitHub action ----------------------------------------------------------------------------------------------


def test_the_action_is_one_by_githubs_schema():
    published("GitHub Action").validate(ACTION)


@pytest.mark.parametrize(("limit", "code"), [(PASSES, 0), (UNDECIDED, 3)])
def test_the_action_ends_with_the_verdict_and_leaves_what_the_service_shows(limit, code):
    write_plan(limit)
    flow = Workflow(plan="plan.yaml", policy="policy.yaml", install="")
    assert flow.run() == code
    assert flow.used == ["github/codeql-action/upload-sarif", "actions/upload-artifact"]
    assert flow.outputs["judge"] == {"code": str(code)}
    assert Path("audits", flow.outputs["run"]["audit"], "record.json").is_file()
    summary = Path("summary.md").read_text("utf-8")
    assert summary.count("## ") == 2
    assert ("stereotypes" in summary) == (code != 0)
    log = json.loads(Path("dokimasia-report/alerts.sarif").read_text("utf-8"))
    published("sarif-2.1.0").validate(log)
    kinds = [one["kind"] for one in log["runs"][0]["results"]]
    assert kinds == {0: [], 3: ["open"]}[code]
    (suite,) = JUnitXml.fromfile("dokimasia-report/judgement.junit.xml")
    assert (suite.tests, suite.failures) == (2, code != 0)
    assert "<html" in Path("dokimasia-report/report.html").read_text("utf-8")


def test_the_action_compares_with_a_baseline_and_leaves_waived_findings_out():
    write_plan(FAILS)
    bash("dokimasia run plan.yaml --quiet --into old", {}, code=1)
    old = next(Path("old").glob("*/record.json")).parent
    Path("policy.yaml").write_text("title: Gate\nwaivers: {by: [Kim]}\n")
    flow = Workflow(plan="plan.yaml", policy="policy.yaml", baseline=str(old), install="", **{"upload-sarif": "false"})
    assert flow.run() == 1
    assert flow.used == ["actions/upload-artifact"]
    log = json.loads(Path("dokimasia-report/alerts.sarif").read_text("utf-8"))
    assert [one["kind"] for one in log["runs"][0]["results"]] == ["fail", "open"]
    audit = flow.outputs["run"]["audit"]
    until = time.strftime("%Y-%m-%d", time.localtime(time.time() + 86400))
    waive = f"dokimasia review {audit} --waive stereotypes --reason Known --until {until} --author Kim --key key"
    bash("dokimasia keygen key", {})
    bash(waive, {})
    assert Workflow(plan="plan.yaml", policy="policy.yaml", install="").run() == 0
    assert json.loads(Path("dokimasia-report/alerts.sarif").read_text())["runs"][0]["results"] == []
    (suite,) = JUnitXml.fromfile("dokimasia-report/judgement.junit.xml")
    assert suite.skipped == 1


@pytest.mark.parametrize(("name", "text", "code"), [("plan.yaml", "titel: x\n", 2), ("policy.yaml", "titel: x\n", 2)])
def test_the_action_ends_where_nothing_can_be_judged(name, text, code):
    Path(name).write_text(text)
    flow = Workflow(plan="plan.yaml", policy="policy.yaml", install="")
    assert flow.run() == code
    assert flow.used == []


def test_names_with_blanks_and_quotes_stay_names():
    odd = "a plan'; echo $(id).yaml"
    Path("plan.yaml").rename(odd)
    assert Workflow(plan=odd, into="my audits", install="").run() == 0


def test_the_action_installs_what_it_is_told(outside_site, tmp_path, monkeypatch):
    step = ACTION["runs"]["steps"][0]
    for key, value in {"TARGET": str(tmp_path / "there"), "NO_DEPS": "1", "NO_BUILD_ISOLATION": "0"}.items():
        monkeypatch.setenv(f"PIP_{key}", value)
    bash(step["run"], {"INSTALL": str(outside_site.parent / "source")})
    assert (tmp_path / "there" / "outside_parts" / "markov.py").is_file()


# ---- the GitLab job -------------------------------------------------------------------------------------------------


def test_the_job_is_one_by_gitlabs_schema():
    published("gitlab-ci").validate({".dokimasia": JOB, "audit": {"extends": ".dokimasia"}})


@pytest.mark.parametrize(("limit", "code"), [(FAILS, 1), (UNDECIDED, 3)])
def test_the_job_ends_with_the_verdict_and_leaves_its_artefacts(limit, code):
    write_plan(limit)
    gitlab(code, DOKIMASIA_POLICY="policy.yaml")
    junit = Path(JOB["artifacts"]["reports"]["junit"])
    (suite,) = JUnitXml.fromfile(str(junit))
    assert (suite.tests, suite.failures) == (2, 1)
    assert all(Path(path).is_dir() for path in (*JOB["artifacts"]["paths"], *JOB["cache"]["paths"]))
    log = json.loads(Path("dokimasia-report/judgement.sarif").read_text("utf-8"))
    published("sarif-2.1.0").validate(log)
    assert len(log["runs"][0]["results"]) == 2
    assert len(Path("dokimasia-report/judgement.md").read_text("utf-8").splitlines()) <= 20


def test_the_nightly_job_does_not_stay_green_for_another_model(tmp_path, monkeypatch):
    """The model behind the address is swapped between two nights, and comes back on the third, each on a new machine.

    The third night shows the first one's audit.
    """
    plan = """\
title: Nightly
model: {use: endpoint, url: "URL", name: m, prompt_form: raw}
checks:
  - name: facts
    probe: {use: factuality.closed_book, mode: generate}
    data: {use: made, set: world, part: questions}
    limit: {measure: accuracy, at_least: 0.8}
    stop: early
"""
    with serve(WEIGHTS / "language" / "sound") as server:
        Path("plan.yaml").write_text(plan.replace("URL", server.url))
        for night, form in zip(NIGHTS, ("sound", "flawed", "sound"), strict=True):
            server.swap(WEIGHTS / "language" / form)
            before = server.requests
            (where,) = new_machine(tmp_path, night).items()
            monkeypatch.setenv(*where)
            said = gitlab(int(form == "flawed"), DOKIMASIA_STATE_KEY=STATE_KEY).stderr
            assert ("another model answers now as main" in said) == (night == "two")
            assert "finished, but not by this installation" not in said
        assert server.requests - before <= 3 + 10 + 3 + 10, "who answers, and nothing else"
    assert len(list(Path("audits").glob("*/record.json"))) == 2


@pytest.mark.parametrize(("service", "key"), [("github", STATE_KEY), ("gitlab", STATE_KEY), ("gitlab", "")])
def test_a_new_machine_knows_its_cached_audits_by_the_state_key_alone(tmp_path, monkeypatch, service, key):
    """With the key two nights are one audit that was asked once; without it two attempts, which a policy forbids."""
    Path("policy.yaml").write_text("title: Gate\nforbid: [rerolls]\n")
    codes, kept = [], []
    for night in NIGHTS[:2]:
        (where,) = new_machine(tmp_path, night).items()
        monkeypatch.setenv(*where)
        if service == "github":
            codes.append(Workflow(plan="plan.yaml", policy="policy.yaml", install="", **{"state-key": key}).run())
        else:
            variables = {"DOKIMASIA_POLICY": "policy.yaml", **({"DOKIMASIA_STATE_KEY": key} if key else {})}
            done = gitlab(None, **variables)
            codes.append(done.returncode)
            assert ("finished, but not by this installation" in done.stderr) == (not key and night != "one")
        kept.append({path.parent.name: path.read_bytes() for path in Path("audits").glob("*/run.json")})
    assert codes == ([0, 0] if key else [0, 1])
    assert [len(audits) for audits in kept] == ([1, 1] if key else [1, 2])
    assert kept[0].items() <= kept[1].items(), "what is there is not written again"
    assert (tmp_path / "state").exists() == (not key), "no file is kept where the key is given"
    everything = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "step.sh"]
    assert not any(STATE_KEY.encode() in path.read_bytes() for path in everything), "the key is stored nowhere"


def test_a_state_key_that_is_none_ends_both_before_anything_is_asked():
    for key in ("short", "g" * 64):
        flow = Workflow(plan="plan.yaml", install="", **{"state-key": key})
        assert flow.run() == 2
        said = gitlab(2, DOKIMASIA_STATE_KEY=key).stderr
        assert [line for line in said.splitlines() if line.startswith("dokimasia: ")] == said.splitlines()
        assert "DOKIMASIA_STATE_KEY: got " in said
        assert key not in said
        assert not Path("audits").exists()


def test_the_job_ends_where_nothing_can_be_judged():
    assert "no such file" in gitlab(2, DOKIMASIA_PLAN="gone.yaml").stderr
    assert "no such file" in gitlab(2, DOKIMASIA_POLICY="gone.yaml").stderr


# ---- the hook -------------------------------------------------------------------------------------------------------


def test_check_plan_tells_every_mistake_of_all_files_at_once():
    Path("b.plan.yaml").write_text("title: x\nchekcs: []\n")
    Path("a.plan.yaml").write_text(PLAN.replace("outside.repeats", "outside.repaets").replace("texts.csv", "gone.csv"))
    done = bash("dokimasia check-plan plan.yaml a.plan.yaml b.plan.yaml", {}, code=2)
    told = [line for line in done.stderr.splitlines() if "plan.yaml:" in line]
    assert [line.removeprefix("dokimasia: ").partition(" ")[0] for line in told] == [
        "a.plan.yaml:5:13:", "a.plan.yaml:6:23:", "a.plan.yaml:7:36:", "b.plan.yaml:1:1:", "b.plan.yaml:2:1:",
    ]  # fmt: skip
    assert done.stdout == ""
    assert bash("dokimasia check-plan plan.yaml", {}).stdout == "plan.yaml: 1 check\n"
    assert json.loads(bash("dokimasia check-plan plan.yaml --json", {}).stdout) == {"plans": {"plan.yaml": 1}}


def test_check_plan_answers_without_the_heavy_packages():
    heavy = {"torch", "transformers", "sklearn", "pandas", "streamlit"}
    code = f"import atexit, sys\natexit.register(lambda: print(sorted(set(sys.modules) & {heavy})))\n"
    command = [sys.executable, "-c", f"{code}from audit.cli.app import main\nmain()", "check-plan", "plan.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_hook_runs_under_pre_commit(tmp_path, monkeypatch):
    published(".pre-commit-hooks.yml").validate(yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "cache"))
    for key in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{key}_NAME", "x")
        monkeypatch.setenv(f"GIT_{key}_EMAIL", "x@example.org")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / ".pre-commit-hooks.yaml").write_bytes((ROOT / ".pre-commit-hooks.yaml").read_bytes())
    commit = "git init -q . && git add -A && git -c commit.gpgsign=false commit -q -m x && git rev-parse HEAD"
    rev = bash(f"cd '{hooks}' && {commit}", {}).stdout.strip()
    config = {"repos": [{"repo": str(hooks), "rev": rev, "hooks": [{"id": "dokimasia-plan"}]}]}
    Path(".pre-commit-config.yaml").write_text(yaml.safe_dump(config))
    Path(".gitignore").write_text("cache\nhooks\n")
    Path("other.yaml").write_text("no: plan\n")
    for kept in (Path("audits/43fb/plan.yaml"), Path("models/audits/43fb/plan.yaml")):
        kept.parent.mkdir(parents=True)
        kept.write_text("titel: of an audit\n")
    bash("git init -q . && git add -A", {})
    assert "Passed" in bash("pre-commit run --all-files", {}).stdout
    Path("plan.yaml").write_text("titel: x\n")
    said = bash("git add -A && pre-commit run --all-files", {}, code=1).stdout
    assert "plan.yaml:1:1: unknown key 'titel' (did you mean 'title'?)" in said
    assert "exit code: 2" in said


# ---- the pytest plug-in ---------------------------------------------------------------------------------------------

TEST = """\
def test_the_release(dokimasia):
    told = dokimasia("plan.yaml", policy="policy.yaml")
    assert told["verdict"] == "passed"
"""


def pytest_run(code, tests=TEST):
    Path("release").mkdir(exist_ok=True)
    for path in (*Path().glob("*.yaml"), Path("texts.csv")):
        Path("release", path.name).write_bytes(path.read_bytes())
    Path("release", "test_release.py").write_text(tests)
    Path("pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n")
    return bash("python -m pytest -q -p no:cacheprovider", {}, code=code).stdout


def test_the_fixture_passes_and_reads_a_finished_audit_again():
    again = """\
    (run,) = __import__("pathlib").Path(__file__).parent.glob("audits/*/run.json")
    before = run.read_bytes()
    assert dokimasia("plan.yaml", policy="policy.yaml") == told
    assert run.read_bytes() == before
"""
    assert "1 passed" in pytest_run(0, TEST + again)


def test_the_fixture_fails_the_test_with_what_is_wrong():
    cases = {
        "a": (FAILS, "title: Gate\nrequired: {dimensions: [novelty]}\n", "a.plan.yaml: failed"),
        "b": (UNDECIDED, "title: Gate\n", "b.plan.yaml: inconclusive"),
        "c": (PASSES, "titel: Gate\n", "unknown key 'titel' (did you mean 'title'?)"),
    }
    for name, (limit, policy, _) in cases.items():
        write_plan(limit)
        Path("plan.yaml").rename(f"{name}.plan.yaml")
        Path(f"{name}.policy.yaml").write_text(policy)
    tests = (re.sub(r"(?<=\")(?=plan|policy)", f"{name}.", TEST.replace("the_release", name)) for name in cases)
    told = pytest_run(1, "\n\n".join(tests))
    parts = re.split(r"^_+ test_(?=[abc] _+$)", told.partition("short test summary")[0], flags=re.M)[1:]
    assert [part[0] for part in parts] == list(cases)
    assert [said in part for part, (_, _, said) in zip(parts, cases.values(), strict=True)] == [True] * len(cases)
    assert "novelty: failed. not asked" in parts[0]
    assert "3 failed" in told
    assert "Traceback" not in told


def test_the_plug_in_imports_none_of_our_packages_and_leaves_other_tests_alone():
    for name in ("audit", "reports"):
        Path(name).mkdir()
        Path(name, "__init__.py").write_text("'''Somebody's own package of that name.'''\n")
    Path("test_other.py").write_text(
        "import sys\n\n\ndef test_nothing_of_ours_is_here():\n"
        "    ours = {'audit', 'detectors', 'reports', 'dashboard', 'pydantic', 'yaml', 'numpy'}\n"
        "    assert 'pytest_dokimasia' in sys.modules\n"
        "    assert ours.isdisjoint(sys.modules)\n"
    )
    said = bash("python -m pytest -q -W error -p no:hypothesispytest test_other.py", {}).stdout
    assert "1 passed" in said


# ---- the README -----------------------------------------------------------------------------------------------------


def test_the_commands_of_the_readme_run():
    section = re.search(r"^## In CI\n(.*?)^## ", (ROOT / "README.md").read_text("utf-8"), flags=re.M | re.S)[1]
    blocks = dict(reversed(pair) for pair in re.findall(r"```(\w*)\n(.*?)```", section, flags=re.S))
    script = next(text for text in blocks if "dokimasia judge" in text)
    policy = next(text for text in blocks if text.startswith("title:"))
    Path("policy.yaml").write_text(policy)
    audit = json.loads(bash("dokimasia run plan.yaml --json", {}).stdout)["id"]
    done = bash(script.replace("<id>", audit).replace(".venv/bin/", ""), {})
    assert "Passed by Release gate" in done.stdout
    assert all(Path(name).is_file() for name in re.findall(r"--out (\S+)", script))
    for config in (text for text in blocks if "pre-commit" in text or "uses:" in text):
        assert yaml.safe_load(config)
