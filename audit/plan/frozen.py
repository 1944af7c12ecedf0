"""A frozen plan: everything that is asked, with the digests of what it is asked of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from audit import plugins
from audit.files import canonical, sha256
from audit.plan.checks import Plan
from audit.record import DataRecord

__all__ = ["audited_data", "freeze", "plan_text"]


def freeze(plan: Plan, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """Return the plan as JSON data with defaults, digests and fingerprints: what the audit's id and hash stand for."""
    checks = [
        {
            "name": check.name,
            "probe": {"use": check.probe.name, **plugins.options_of(check.probe)},
            "gating": check.gates,
            "limit": None if check.limit is None else check.limit.model_dump(exclude_none=True),
            **({} if check.declared is None else {"declared": check.declared.model_dump(exclude_none=True)}),
            "clauses": list(check.clauses),
            "weight": check.weight,
            "stop": check.stop,
            "level": plan.check_level(check),
            "data": {
                role: {"use": plugins.name_of("data", part), **plugins.options_of(part), "digest": part.digest()}
                for role, part in check.data.items()
            },
        }
        for check in plan.checks
    ]
    people = {} if plan.sheet is None else {"sheet": plan.sheet.model_dump(exclude_none=True)}
    return {
        **people,
        **({"two_person": True} if plan.two_person else {}),
        **({} if plan.promise == "every_finding" else {"promise": plan.promise}),
        **({} if plan.target == "population" else {"target": plan.target}),
        "title": plan.title,
        "seed": plan.seed,
        "level": plan.level,
        "limit": plan.limit,
        "shard": plan.shard,
        "models": dict(fingerprints),
        "checks": checks,
    }


def plan_text(plan: Plan, frozen: Mapping[str, Any]) -> str:
    """Return the plan's own YAML, or for a plan made in Python the frozen one as YAML."""
    return plan.text if plan.text is not None else yaml.safe_dump(dict(frozen), sort_keys=False, allow_unicode=True)


def _called(source: Mapping[str, Any]) -> str:
    """Return what a source of data is called: its file, its name, or the set and part that are made."""
    made = " ".join(str(source[key]) for key in ("set", "part") if source.get(key))
    return str(source.get("path") or source.get("name") or made or source["use"])


def audited_data(frozen: Mapping[str, Any]) -> DataRecord | None:
    """Return what stands for the model in a frozen plan that has none: its data; None where a model is audited.

    The digest is that of the data where all checks ask the same, else that of all their digests together.
    """
    if "main" in frozen["models"]:
        return None
    sources = [source for check in frozen["checks"] for _, source in sorted(check["data"].items())]
    names = dict.fromkeys(map(_called, sources))
    digests = sorted({source["digest"] for source in sources})
    return DataRecord(
        name=", ".join(names) or "none", digest=digests[0] if len(digests) == 1 else sha256(canonical(digests))
    )
