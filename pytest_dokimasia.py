"""Dokimasia for pytest: the fixture `dokimasia` runs a plan, judges the audit, and fails the test with what is wrong.

    def test_the_release(dokimasia):
        dokimasia("plan.yaml", policy="policy.yaml")

Every pytest run of an environment that has Dokimasia imports this module. So it stands outside the four packages and
imports none of them: the command runs in a child process, and a test that does not ask for the fixture pays nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["dokimasia"]

VERDICTS = (0, 1, 3, 5)
"""Exit codes that tell a verdict; the others tell that nothing was judged."""


@pytest.fixture
def dokimasia(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Return a function of a plan, which fails the test where the audit does not pass, and else gives the judgement.

    Paths start at the test file's folder. `policy` is a file as `dokimasia judge` takes it; without one the plan's own
    limits are judged. Audits are kept under `into`; a plan that was run before is only read again, unless another model
    answers now at its endpoint. In CI that takes DOKIMASIA_STATE_KEY and a cache of the audits.
    """
    folder = request.path.parent

    def audited(plan: str | Path, *, policy: str | Path | None = None, into: str | Path = "audits") -> dict[str, Any]:
        __tracebackhide__ = True
        record = _asked(folder, "run", str(plan), "--into", str(into), "--json")
        words = ["--policy", str(policy)] if policy is not None else []
        judged = _asked(folder, "judge", record["folder"], "--plan", str(plan), *words, "--json")
        if judged["exit_code"] != 0:
            broken = [one for one in judged["rulings"] if one["verdict"] not in ("passed", "waived")]
            lines = [f"  {one['about']}: {one['verdict']}. {one['why']}" for one in broken]
            pytest.fail("\n".join([f"{plan}: {judged['verdict']} (audit {judged['id']})", *lines]), pytrace=False)
        return judged

    return audited


def _asked(folder: Path, *words: str) -> dict[str, Any]:
    """Return what the command prints; fail the test where it judged nothing."""
    __tracebackhide__ = True
    command = [sys.executable, "-P", "-m", "audit", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    if done.returncode not in VERDICTS or not done.stdout.strip():
        pytest.fail(f"dokimasia {' '.join(words)}: exit {done.returncode}\n{done.stderr.strip()}", pytrace=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
