"""What schedulers take from us: each snippet's own command run on a small audit, night after night."""

from __future__ import annotations

import ast
import fcntl
import json
import re
import shlex
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml
from needs import ROOT, needs_systemd
from pipelines import FAILS, NIGHTS, PASSES, STATE_KEY, UNDECIDED, Workflow, bash, gitlab, new_machine, write_plan
from schemas import published
from stub_server import serve

from audit.reference.cards import WEIGHTS

pytestmark = [pytest.mark.usefixtures("pipeline"), pytest.mark.slow]
CI = ROOT / "ci"
SCRIPT = CI / "schedules" / "audit.sh"


def sh(command=f"sh '{SCRIPT}' plan.yaml", code=0, **env):
    """Run a command as cron and systemd do: by /bin/sh, in the folder of the plan."""
    return bash(f"exec sh -c {shlex.quote(command)}", env, code=code)


def stored():
    return {path: path.read_bytes() for path in Path("audits").glob("*/run.json")}


# ---- the script that all of them call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "code", "word"),
    [(PASSES, 0, ""), (FAILS, 1, "x stereotypes: failed."), (UNDECIDED, 3, "? stereotypes: inconclusive.")],
)
def test_it_ends_with_the_verdict_and_is_silent_where_all_is_kept(limit, code, word):
    write_plan(limit)
    done = sh(code=code)
    assert done.stderr == ""
    assert (done.stdout == "") == (code == 0)
    assert word in done.stdout
    assert list(Path("audits").glob("*/record.json"))


def test_the_second_night_reads_the_finished_audit_and_fresh_asks_anew():
    sh()
    first = stored()
    sh()
    assert stored() == first, "nothing is asked or written again"
    sh(DOKIMASIA_RUN_OPTIONS="--confined --fresh", DOKIMASIA_INTO="audits")
    assert first.items() < stored().items()
    Path("policy.yaml").write_text("title: Gate\nforbid: [rerolls]\n")
    told = sh(code=1, DOKIMASIA_RUN_OPTIONS="--confined --fresh", DOKIMASIA_POLICY="policy.yaml").stdout
    assert "rerolls" in told


def test_a_model_that_became_worse_than_the_baseline_ends_the_night_red():
    """No limit is missed: what is found is the drift between two audits of one plan."""
    plan = """\
title: Nightly
model: {use: endpoint, url: "URL", name: m, prompt_form: raw}
checks:
  - name: facts
    probe: {use: factuality.closed_book, mode: generate}
    data: {use: made, set: world, part: questions}
    limit: {measure: accuracy, at_least: 0.05}
"""
    with serve(WEIGHTS / "language" / "sound") as server:
        Path("plan.yaml").write_text(plan.replace("URL", server.url))
        sh()
        (first,) = Path("audits").glob("*/record.json")
        Path("released").symlink_to(first.parent.resolve())
        baseline = {"DOKIMASIA_BASELINE": str(Path("released").resolve())}
        sh(**baseline)
        server.swap(WEIGHTS / "language" / "flawed")
        sh()
        told = sh(code=1, **baseline).stdout
    assert "facts" in told
    assert "worse" in told


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"DOKIMASIA_POLICY": "gone.yaml"}, "gone.yaml"),
        ({"DOKIMASIA_BASELINE": "gone"}, "gone"),
        ({"DOKIMASIA_RUN_OPTIONS": "--confimed"}, "--confimed"),
    ],
)
def test_what_cannot_be_judged_ends_with_2_and_says_why(env, said):
    assert said in sh(code=2, **env).stdout


def test_a_start_while_the_last_one_still_runs_is_refused_in_a_line():
    sh()
    (record,) = Path("audits").glob("*/record.json")
    record.unlink()
    with record.with_name(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "another process runs this audit" in sh(code=2).stdout


def test_names_with_blanks_stay_names():
    Path("plan.yaml").rename("a plan.yaml")
    sh(f"sh '{SCRIPT}' 'a plan.yaml'", DOKIMASIA_INTO="my audits")
    assert list(Path("my audits").glob("*/record.json"))


# ---- cron, systemd, Airflow -----------------------------------------------------------------------------------------


def here(text):
    """A command of a snippet with its folders replaced by the ones of the test."""
    found = text.replace("/opt/dokimasia/audit.sh", str(SCRIPT)).replace("/var/lib/dokimasia", str(Path.cwd()))
    assert found != text
    return found


def test_the_line_of_cron_runs_with_the_variables_of_its_file():
    lines = [line for line in (CI / "schedules" / "dokimasia.cron").read_text("utf-8").splitlines() if line]
    settings = dict(re.fullmatch(r"([A-Z_]+)=(.*)", line).groups() for line in lines[1:-1])
    assert settings.pop("SHELL") == "/bin/sh"
    assert settings.pop("PATH").endswith("/usr/bin:/bin")
    assert settings.pop("MAILTO")
    found = re.fullmatch(r"(\d+) (\d+) \* \* \* ([a-z]+) (.*)", lines[-1])
    assert (int(found[1]) < 60, int(found[2]) < 24, found[3]) == (True, True, "dokimasia")
    assert "%" not in found[4], "cron would break the line there"
    assert "no audit 'released'" in sh(here(found[4]), code=2, **settings).stdout
    assert sh(here(found[4]), **settings | {"DOKIMASIA_BASELINE": ""}).stdout == ""


def unit(name):
    read = RawConfigParser(strict=False)
    read.optionxform = str
    read.read_string((CI / "schedules" / name).read_text("utf-8"))
    return read


def test_the_command_of_the_service_runs():
    service = unit("dokimasia.service")["Service"]
    assert service["Type"] == "oneshot"
    write_plan(FAILS)
    assert "stereotypes" in sh(here(service["ExecStart"]), code=1).stdout


def test_systemd_takes_both_units_and_the_time(tmp_path):
    systemd = needs_systemd()
    for name in ("dokimasia.service", "dokimasia.timer"):
        (tmp_path / name).write_text((CI / "schedules" / name).read_text("utf-8"))
    done = subprocess.run(
        [systemd, "verify", "--man=no", tmp_path / "dokimasia.timer", tmp_path / "dokimasia.service"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not [line for line in done.stderr.splitlines() if "dokimasia" in line], done.stderr
    subprocess.run([systemd, "calendar", unit("dokimasia.timer")["Timer"]["OnCalendar"]], check=True)


def test_the_task_of_the_dag_runs():
    """Airflow is not here: the file is read as Python, and the task's command runs in its folder with its variables."""
    tree = ast.parse((CI / "schedules" / "airflow_dag.py").read_text("utf-8"))
    calls = {one.func.id: one for one in ast.walk(tree) if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)}
    dag = {one.arg: one.value for one in calls["DAG"].keywords}
    assert [ast.literal_eval(dag[name]) for name in ("catchup", "max_active_runs")] == [False, 1]
    task = {one.arg: ast.literal_eval(one.value) for one in calls["BashOperator"].keywords}
    assert not task["bash_command"].endswith((".sh", ".bash")), "Airflow would read a template of that name"
    assert here(task["cwd"]) == str(Path.cwd())
    write_plan(FAILS)
    env = task["env"] | {"DOKIMASIA_BASELINE": ""}
    assert "stereotypes" in sh(here(task["bash_command"]), code=1, **env).stdout


# ---- GitHub and GitLab ----------------------------------------------------------------------------------------------


def test_the_nightly_workflow_keeps_the_audits_of_red_nights_too(tmp_path, monkeypatch):
    flow = yaml.safe_load((CI / "github" / "nightly.yml").read_text("utf-8"))
    published("GitHub Workflow").validate(json.loads(json.dumps(flow).replace('"true":', '"on":')))
    steps = flow["jobs"]["audit"]["steps"]
    (restore,), (save,) = ([one for one in steps if f"cache/{word}@" in one["uses"]] for word in ("restore", "save"))
    assert restore["with"]["key"] == save["with"]["key"]
    assert restore["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert restore["with"]["path"] == save["with"]["path"] == "audits"
    assert save["if"] == "always()"
    (ours,) = (one["with"] for one in steps if one["uses"].startswith("OWNER/dokimasia/ci/github@"))
    given = ours | {"install": "", "baseline": "", "state-key": STATE_KEY}
    assert ours["state-key"] == "${{ secrets.DOKIMASIA_STATE_KEY }}"
    write_plan(FAILS)
    for night in NIGHTS[:2]:
        (where,) = new_machine(tmp_path, night).items()
        monkeypatch.setenv(*where)
        assert Workflow(**given).run() == 1
    assert len(stored()) == 1, "the second night reads the first one's audit"


def test_the_nightly_job_is_for_schedules_and_caches_what_failed():
    job = yaml.safe_load((CI / "gitlab" / "nightly.yml").read_text("utf-8"))
    included = yaml.safe_load((ROOT / job["include"][0]["file"]).read_text("utf-8"))
    published("gitlab-ci").validate(job | included)
    nightly = job["nightly-audit"]
    assert nightly["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert included[nightly["extends"]]["cache"]["when"] == "always"
    gitlab(0, **nightly["variables"] | {"DOKIMASIA_BASELINE": ""})


def test_the_page_says_what_a_schedule_does():
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    section = page.partition("## Schedules\n")[2].partition("\n## ")[0]
    for path in re.findall(r"\]\(\.\./(ci/[^)]+)\)", section):
        assert (ROOT / path).is_file(), path
        assert Path(path).name in section
