"""The short form of an audit in Python: one model, one question, the data at hand.

    audit.run(model=model, data=rows, probe="factuality.closed_book", limit={"at_least": 0.8})

It makes a plan of one check, which then runs as any other. What cannot be meant is one sentence before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audit import plugins
from audit.data import as_sources
from audit.errors import UsageError, did_you_mean
from audit.plan.checks import Check, Plan
from audit.plan.loading import load_plan
from audit.probe import Probe
from audit.record import Limit

__all__ = ["as_plan"]

_ONE = ("data", "probe", "limit", "model", "helpers", "title", "name", "seed", "level", "stop")
"""Keys of the short form."""


def as_plan(plan: Plan | str | Path | None, asked: Mapping[str, Any]) -> Plan:
    """Return the plan: one that is given, the file of that name, or one of a single check.

    asked, without a plan: `probe` (name, dict with `use` and options, or a probe), `data` (DataFrame, list of dicts,
    source, or role -> one of these), and as far as wanted `model` (opened, or a part), `helpers`, `limit` (dict with
    `at_least`, `at_most`, and `measure` and `group` where it is not the probe's first), `stop`, `name`, `title`,
    `seed`, `level`. Raises UsageError.
    """
    if unknown := sorted(asked.keys() - set(_ONE)):
        raise UsageError(f"run: no argument {unknown[0]!r}{did_you_mean(unknown[0], _ONE)}")
    if plan is not None and asked:
        raise UsageError(f"run: a plan and {', '.join(asked)}; allowed: a plan, or probe, data, model and limit")
    if isinstance(plan, Plan):
        return plan
    if isinstance(plan, str | Path):
        return load_plan(plan)
    if plan is not None:
        raise UsageError(f"run: got a {type(plan).__name__}; allowed: a Plan, a plan file, or probe=..., data=...")
    return _of_one_check(asked)


def _of_one_check(asked: Mapping[str, Any]) -> Plan:
    if "probe" not in asked:
        raise UsageError(f"run: no probe; allowed: {', '.join(plugins.names('probes'))}")
    probe = _probe(asked["probe"])
    data = as_sources(asked["data"], probe.roles) if "data" in asked else {}
    name = asked.get("name", probe.name.rpartition(".")[2])
    check = Check(name, probe, data, limit=_limit(asked.get("limit"), probe), stop=asked.get("stop", "full"))
    more = {key: asked[key] for key in ("model", "seed", "level") if key in asked}
    return Plan(asked.get("title", probe.name), (check,), helpers=asked.get("helpers") or {}, **more)


def _probe(given: Any) -> Probe:
    """Return the probe of a name, of a name with options, or as it is."""
    if isinstance(given, str):
        given = {"use": given}
    if isinstance(given, Mapping) and "use" in given:
        options = {key: value for key, value in given.items() if key != "use"}
        try:
            built: Probe = plugins.build("probes", given["use"], options)
        except (ValidationError, ValueError) as error:
            raise UsageError(f"probe {given['use']}: {' '.join(str(error).split())[:300]}") from None
        return built
    if not isinstance(given, Probe):
        raise UsageError(f"probe: got a {type(given).__name__}; allowed: a name, a dict with 'use', or a probe")
    return given


def _limit(given: Any, probe: Probe) -> Limit | None:
    if given is None or isinstance(given, Limit):
        return given
    known = list(Limit.model_fields)
    if not isinstance(given, Mapping):
        raise UsageError(f"limit: got {given!r}; allowed: a dict such as {{'at_least': 0.8}}")
    if unknown := sorted(given.keys() - set(known)):
        raise UsageError(f"limit: unknown key {unknown[0]!r}{did_you_mean(str(unknown[0]), known)}")
    try:
        return Limit.model_validate({"measure": next(iter(probe.measures)), **given}, strict=True)
    except ValidationError as error:
        raise UsageError(f"limit: {error.errors()[0]['msg']} ({error.errors()[0]['loc'][0]})") from None
