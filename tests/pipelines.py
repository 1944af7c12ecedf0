"""A pipeline in tests: a folder with a plan, a policy and data, and the scripts of `ci/` run as a service runs them."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from needs import ROOT
from outside import seeing

BIN = Path(sys.executable).parent
ACTION = yaml.safe_load((ROOT / "ci" / "github" / "action.yml").read_text("utf-8"))
JOB = yaml.safe_load((ROOT / "ci" / "gitlab" / "dokimasia.yml").read_text("utf-8"))[".dokimasia"]
PLAN = """\
title: Release check
model: {use: outside.markov}
checks:
  - name: stereotypes
    probe: {use: outside.repeats}
    data: {use: file, path: texts.csv}
    limit: {measure: repeat_share, at_most: LIMIT}
"""
PASSES, FAILS, UNDECIDED = "0.9", "0.01", "0.4"


def fill_project(folder: Path, site: Path, program: Path, patch: pytest.MonkeyPatch) -> None:
    """Go into a folder with a plan, a policy and the data, and put the commands on the path, ours in a warm process."""
    patch.chdir(folder)
    patch.setenv("PATH", f"{program.parent}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}")
    patch.setenv("PYTHONPATH", seeing(site))
    patch.setenv("NO_COLOR", "1")
    rng = random.Random(0)
    rows = sorted({"".join(rng.choices("abc", k=6)) for _ in range(200)})[:120]
    Path("texts.csv").write_text("text\n" + "\n".join(rows) + "\n")
    write_plan(PASSES)
    Path("policy.yaml").write_text("title: Gate\nrequired: {checks: [stereotypes]}\n")


def write_plan(limit):
    Path("plan.yaml").write_text(PLAN.replace("LIMIT", limit))


def bash(script, env, code=0):
    """Run a script as both services do: the first command that fails ends it."""
    Path("step.sh").write_text(script)
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False)
    assert code is None or done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


class Workflow:
    """Runs the action's shell steps in order, as a runner does; what other people's actions would take is looked at."""

    def __init__(self, **given):
        self.inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
        self.outputs: dict[str, dict[str, str]] = {}
        self.used: list[str] = []

    def fill(self, text):
        text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: self.inputs[found[1]], text)
        return re.sub(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}", lambda found: self.outputs[found[1]][found[2]], text)

    def wanted(self, step):
        found = re.fullmatch(r"inputs\.([\w-]+) (==|!=) '(.*)'", step.get("if", "inputs.plan != ''"))
        return (self.inputs[found[1]] == found[3]) == (found[2] == "==")

    def run(self):
        """Return the exit code of the first step that fails, else 0."""
        for step in filter(self.wanted, ACTION["runs"]["steps"]):
            if "uses" in step:
                self.used.append(step["uses"].partition("@")[0])
                assert all(Path(value).exists() for key, value in step["with"].items() if key != "name")
                continue
            assert step["shell"] == "bash"
            assert "${{" not in step["run"], "an input inside a script could run as one"
            env = {key: self.fill(value) for key, value in step["env"].items()}
            env |= {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary.md"}
            Path("output").write_text("")
            done = bash(step["run"], env, code=None)
            if "id" in step:
                self.outputs[step["id"]] = dict(line.split("=", 1) for line in Path("output").read_text().splitlines())
            if done.returncode:
                return done.returncode
        return 0


def gitlab(code, **variables):
    script = "\n".join([*JOB["before_script"], *JOB["script"]])
    return bash(script, {**JOB["variables"], "DOKIMASIA_INSTALL": "", **variables}, code=code)


STATE_KEY = "0123456789abcdef" * 4
NIGHTS = ("one", "two", "three")


def new_machine(tmp_path, night):
    """Nothing of an earlier night but the folder of audits, which the service caches."""
    return {"XDG_STATE_HOME": str(tmp_path / "state" / night)}
