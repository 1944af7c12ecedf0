"""The command `check-plan`: plans read as `run` reads them, and nothing run; for hooks that check what is committed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from audit.cli.options import AllowEnv, AsJson, ConfinedFlag, confinement
from audit.errors import PlanError, clean

__all__ = ["check_plan"]


def check_plan(
    plans: Annotated[list[Path], typer.Argument(help="Plan files (YAML).")],
    confined: ConfinedFlag = False,
    allow_env: AllowEnv = None,
    as_json: AsJson = False,
) -> None:
    """Read plans and tell every mistake of all of them, with file, line and column; no model and no data is opened."""
    from audit.frameworks import unknown_frameworks
    from audit.plan import lacking_keys, load_plan

    problems: list[str] = []
    checks: dict[str, int] = {}
    for path in plans:
        try:
            plan = load_plan(path, confinement(confined, allow_env))
            checks[str(path)] = len(plan.checks)
            if names := unknown_frameworks(clause for check in plan.checks for clause in check.clauses):
                print(clean(f"{path}: clauses of {', '.join(names)}: not installed, so not checked"), file=sys.stderr)
            for lack in lacking_keys(plan):  # where plans are written or committed, no key needs to be
                print(clean(f"{path}: {lack}; 'run' needs it"), file=sys.stderr)
            for check, told in ((one.name, told) for one in plan.checks for told in one.never_shown):
                print(clean(f"{path}: check {check}: limit.{told}"), file=sys.stderr)
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    if as_json:
        print(json.dumps({"plans": checks}))
    else:
        print("\n".join(f"{path}: {count} check{'s' * (count != 1)}" for path, count in checks.items()))
