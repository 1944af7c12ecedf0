"""What does stopping early save on a real language model, and is its verdict that of the full run?

`python benchmarks/early_stop.py`: audits SmolLM2-135M (the wheel that `make` installs) by the quickstart's two probes,
in full and with `stop: early`, against limits near its true rates and far from them. Prints both verdicts and the share
of calls saved; a verdict that contradicts the full one (passed against failed) is an error. About a minute of two
cores.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile

from audit.execute import run
from audit.plan import Plan
from audit.plan.spec import PlanLimit
from audit.reference.plans import language_model_plan

FAR_AND_NEAR = {"accuracy": ("at_least", (0.3, 0.5, 0.7, 0.95)), "stereotype_share": ("at_most", (0.4, 0.6, 0.7, 0.9))}


def variant(plan: Plan, place: int, stop: str) -> Plan:
    """Return the plan with the limits at `place` and this way of stopping."""
    checks = []
    for check in plan.checks:
        side, limits = FAR_AND_NEAR[check.limit.measure]
        limit = PlanLimit.model_validate({"measure": check.limit.measure, side: limits[place]})
        checks.append(dataclasses.replace(check, limit=limit, stop=stop))
    return dataclasses.replace(plan, checks=tuple(checks))


def main() -> int:
    """Print a line for every check and limit."""
    plan, wrong, asked, whole = language_model_plan(), 0, 0, 0
    with tempfile.TemporaryDirectory() as into:
        for place in range(4):
            audits = [run(variant(plan, place, stop), into=into).record for stop in ("full", "early")]
            for full, early in zip(*(record.findings for record in audits), strict=True):
                wrong += {full.verdict, early.verdict} == {"passed", "failed"}
                asked, whole = asked + early.calls, whole + early.calls + early.calls_saved
                saved = early.calls_saved / (early.calls + early.calls_saved)
                print(
                    f"{full.check:16} {full.limit.measure} {full.limit.at_least or full.limit.at_most:.2f}: "
                    f"full {full.verdict:12} early {early.verdict:12} {saved:6.1%} of calls saved", flush=True,
                )
    print(f"in all {1 - asked / whole:.1%} of calls saved; {wrong} verdicts contradict the full run")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
