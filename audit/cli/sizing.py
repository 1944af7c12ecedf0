"""The command `plan-size`, and what `run --dry-run` prints: what each check of a plan will be able to see.

Every start of the command imports this module, so that what only these need is imported inside.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audit.cli.options import AllowEnv, AsJson, ConfinedFlag, MaxItems, confinement
from audit.errors import clean

if TYPE_CHECKING:
    from audit.execute import CheckSize, RateSize
    from audit.plan import Plan
    from audit.record import Limit

__all__ = ["dry_run", "plan_size"]

TrueRate = Annotated[
    float | None, typer.Option("--true", help="True rate to be told from each limit; default: half of the limit.")
]
Alike = Annotated[
    float | None, typer.Option("--icc", help="How alike the items of a unit are, 0 (not at all) to 1 (they agree).")
]
Pilot = Annotated[
    Path | None, typer.Option("--pilot", help="An earlier audit, on which that is estimated, check by check.")
]


def plan_size(
    plan: Annotated[Path, typer.Argument(help="Plan file (YAML).")],
    true: TrueRate = None,
    icc: Alike = None,
    pilot: Pilot = None,
    limit: MaxItems = None,
    confined: ConfinedFlag = False,
    allow_env: AllowEnv = None,
    as_json: AsJson = False,
) -> None:
    """Say which true rates each check of a plan will pass and fail, and how many units that takes; ask nothing."""
    from audit.execute import size_plan
    from audit.plan import load_plan
    from audit.record import load_record

    read = load_plan(plan, confinement(confined, allow_env))
    read = read if limit is None else dataclasses.replace(read, limit=limit)
    sizes = size_plan(read, true, icc=icc, pilot=None if pilot is None else load_record(pilot))
    if as_json:
        told = {"title": read.title, "level": read.level, "promise": read.promise, "target": read.target}
        print(json.dumps({**told, "checks": [one.as_json() for one in sizes]}))
    else:
        print("\n".join(_lines(read, sizes)))


def dry_run(plan: Plan, into: Path, *, as_json: bool) -> None:
    """Print what `plan-size` prints, with how long the calls will take where this model was timed before."""
    from audit.execute import seconds_per_call, size_plan
    from audit.plan import require_keys
    from audit.storage import bring_heads

    require_keys(plan)
    bring_heads(into)
    sizes, rate = size_plan(plan), seconds_per_call(plan, into)
    least, most = _fixed(plan)
    total = sum(one.calls for one in sizes) + least
    if as_json:
        rows = [{**one.as_json(), "seconds": _seconds(one.calls, rate)} for one in sizes]
        levels = {one.check: one.level for one in sizes}
        told = {"checks": rows, "calls": total, "identity_calls": [least, most], "levels": levels}
        print(json.dumps({**told, "seconds": _seconds(total, rate)}))
        return
    untimed = "no model: the data themselves" if plan.model is None else "time unknown: this model was not timed yet"
    time = untimed if rate is None else f"about {total * rate:,.0f} s"
    who = [f"who answers: {least:,} calls, {most:,} where equal questions get different answers"] if most else []
    lines = [*_lines(plan, sizes), *who, *_budgets(plan, total)]
    print("\n".join([*lines, f"all: {total:,} calls, {time}; nothing was asked"]))


def _budgets(plan: Plan, total: int) -> Iterator[str]:
    """Yield what the audited model's budget of calls does not cover; tokens and money are known afterwards only."""
    calls = getattr(getattr(plan.models.get("main"), "budget", None), "calls", None)
    if calls is not None and calls < total:
        yield f"the budget of {calls:,} calls is used up before; the run stops there and goes on with a larger one"


def _fixed(plan: Plan) -> tuple[int, int]:
    """Return how many questions go into who endpoints are: at least, at most."""
    told = [getattr(part, "fixed_calls", 0) for part in plan.models.values()]
    both = [one if isinstance(one, tuple) else (0, 0) for one in told]  # an opened model has only counted its own
    return sum(least for least, _ in both), sum(most for _, most in both)


def _seconds(calls: int, rate: float | None) -> float | None:
    return None if rate is None else round(calls * rate, 1)


def _lines(plan: Plan, sizes: Sequence[CheckSize]) -> Iterator[str]:
    from audit.record import one_sided

    if plan.promise == "audit":
        yield f"promised at {_percent(plan.level)}: that the audit does not pass wrongly, not each pass alone"
    checks = {check.name: check for check in plan.checks}
    for one in sizes:
        budget = f"{_percent(one.alpha)} of the {_percent(1 - plan.level)} that may go wrong"
        share = {"gating": f"gating, {budget}", "exploratory": "exploratory", "measured": "measures only"}[one.kind]
        units = "" if one.units == one.items else f" of {one.units:,} units"
        passes = "" if one.keeps is None else f", passes by the bound at {_percent(one_sided(one.keeps))}"
        held = f"{share}, level {_percent(one.level)}{passes}"
        why = f", as it will be skipped ({one.skipped})" if one.skipped else ""
        why = f", as it takes over the answers of {one.shares}" if one.shares else why
        yield clean(f"{one.check}: {held}; {one.items:,} items{units}, {one.calls:,} calls{why}")
        yield from (clean(f"  {lack}") for lack in one.lacks)
        if one.limit is not None and one.skipped is None:
            yield from (clean(f"  {line}") for line in _of_limit(one, one.limit))
            yield from (clean(f"  {told}") for told in checks[one.check].never_shown)


def _of_limit(size: CheckSize, limit: Limit) -> Iterator[str]:
    name = limit.measure if limit.group is None else f"{limit.measure} of {limit.group}"
    found = size.rate
    if size.population is not None:
        some = f"{size.units:,} of them are drawn at random; for so many of an endless population:"
        all_of = "asked in full, which early stopping may spare, it has no sampling error"
        yield f"the benchmark has {size.population:,} units; {all_of if size.units == size.population else some}"
        if found is None and not size.clustered:
            return
    if found is None and size.clustered:
        alike = "what it can see depends on how alike the items of a unit are"
        yield f"{name} {_bounds(limit, rate=True)}: {alike}; --icc or --pilot tells"
        return
    if found is None:
        yield f"{name} {_bounds(limit, rate=False)}: what it can see is not known before the run"
        return
    how = "80 % power" if size.icc is None else f"80 % power, about, at an intraclass correlation of {size.icc:.2g}"
    yield f"{name} {_bounds(limit, rate=True)}: {_passes(found, limit)}, {_fails(found)} ({how})"
    told = f"a true {_percent(found.rate)}"
    if found.units_needed is None:
        yield f"{told} is the limit, or too near to be told from it"
    else:
        yield f"{told} is told from the limit with {found.units_needed:,} units or more"
    if size.stop == "early" and found.median_units is not None:
        calls = f"{found.median_units:,} units ({found.median_calls:,} calls)"
        yield f"stops early: at a true {_percent(found.rate)} half of all audits within {calls}"
    elif size.stop == "early":
        yield f"stops early: at a true {_percent(found.rate)} fewer than half of all audits"


def _passes(found: RateSize, limit: Limit) -> str:
    if found.passes is None:
        return "no true rate is sure to pass"
    if limit.at_least is not None and limit.at_most is not None:
        return f"a true {_percent(found.passes.low)} to {_percent(found.passes.high)} passes"
    if limit.at_most is not None:
        return f"a true {_percent(found.passes.high)} or less passes"
    return f"a true {_percent(found.passes.low)} or more passes"


def _fails(found: RateSize) -> str:
    sides: list[tuple[Any, str]] = [(found.fails_below, "less"), (found.fails_above, "more")]
    told = [f"{_percent(value)} or {word}" for value, word in sides if value is not None]
    return f"{', '.join(told)} fails" if told else "none is sure to fail"


def _bounds(limit: Limit, *, rate: bool) -> str:
    from audit.record import bounds

    return bounds(limit, "share" if rate else "")


def _percent(value: float) -> str:
    """Return a rate or level with three digits of itself or of what it lacks to 1, without zeros behind."""
    near = min(value, 1 - value)
    digits = 1 if near <= 0 else next(d for d in range(12) if round(100 * near, d) >= 10 ** (2 - d) or d == 11)
    return f"{round(100 * value, digits):g} %"
