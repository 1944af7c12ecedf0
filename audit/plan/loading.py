"""From the text of a plan to a plan: every mistake at once, each with its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from audit.errors import PlanError, did_you_mean
from audit.frameworks import unknown_clause
from audit.plan.checks import Check, Plan
from audit.plan.parts import PartReader
from audit.plan.spec import PlanSpec, problems_of, why_not_without_model
from audit.strict_yaml import KeyPath, by_line, error_text, read_text, read_yaml

if TYPE_CHECKING:
    from audit.data import DataSource
    from audit.plan.external_access import Confined
    from audit.probe import Probe

__all__ = ["load_plan", "read_plan"]


def load_plan(path: str | Path, confined: Confined | None = None) -> Plan:
    """Read a plan file, `confined` to what such a plan may reach; raises PlanError with every mistake at once."""
    text = read_text(path, "'dokimasia init' writes a plan")
    return read_plan(text, name=str(path), base=Path(path).parent, confined=confined)


def read_plan(
    text: str, *, name: str = "plan.yaml", base: Path | None = None, confined: Confined | None = None
) -> Plan:
    """Build a plan from YAML text; relative paths start at `base`."""
    reading = _Reading(read_yaml(text, name), base or Path(), confined)
    plan = reading.plan()
    if reading.problems or plan is None:
        raise PlanError(sorted(reading.problems, key=by_line))
    return dataclasses.replace(plan, text=text)


def _unknown_clauses(clauses: object) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is no clause of an installed framework; of others nobody here knows the clauses."""
    for index, one in enumerate(clauses if isinstance(clauses, list) else []):
        if isinstance(one, str) and (problem := unknown_clause(one)) is not None:
            yield ("clauses", index), problem


class _Reading(PartReader):
    """One reading of a plan, gathering mistakes."""

    def plan(self) -> Plan | None:
        raw = self.document.data
        if not isinstance(raw, dict):
            self.wrong((), "a plan is a mapping with title, checks and, unless data are audited, model")
            return None
        spec = self._spec(raw)
        model = self.part("models", raw.get("model"), ("model",)) if raw.get("model") is not None else None
        helpers = raw.get("helpers") if isinstance(raw.get("helpers"), dict) else {}
        built = {key: self.part("models", value, ("helpers", key)) for key, value in (helpers or {}).items()}
        rows = raw.get("checks") if isinstance(raw.get("checks"), list) else []
        checks = [self._check(row, ("checks", index)) for index, row in enumerate(rows or []) if isinstance(row, dict)]
        self._names(rows or [])
        if raw.get("model") is None:
            self._without_model(checks)
        if spec is None or self.problems:
            return None
        done = tuple(
            Check(one.name, probe, data, one.limit, one.gating, tuple(one.clauses), one.weight, one.stop, line,
                  one.declared)
            for (probe, data, line), one in zip((c for c in checks if c), spec.checks, strict=True)
        )
        return Plan(
            title=spec.title,
            checks=done,
            model=model,
            helpers=built,
            seed=spec.seed,
            level=spec.level,
            limit=spec.limit,
            shard=spec.shard,
            promise=spec.promise,
            target=spec.target,
            sheet=spec.sheet,
            two_person=spec.two_person,
        )

    def _spec(self, raw: Mapping[str, Any]) -> PlanSpec | None:
        try:
            return PlanSpec.model_validate(raw)
        except ValidationError as error:
            for one in error.errors():
                self.wrong(one["loc"], error_text(one, PlanSpec))
            return None

    def _names(self, rows: list[Any]) -> None:
        seen: set[str] = set()
        for index, row in enumerate(rows):
            name = row.get("name") if isinstance(row, dict) else None
            if isinstance(name, str) and name in seen:
                self.wrong(("checks", index, "name"), f"two checks are named {name!r}")
            seen.add(str(name))

    def _without_model(self, checks: list[tuple[Probe, dict[str, DataSource], int | None] | None]) -> None:
        for index, check in enumerate(checks):
            if check is not None and (why := why_not_without_model(check[0])) is not None:
                self.wrong(("checks", index, "probe"), why)

    def _check(self, row: Mapping[str, Any], place: KeyPath) -> tuple[Probe, dict[str, DataSource], int | None] | None:
        probe = self.part("probes", row.get("probe"), (*place, "probe"))
        data = row.get("data") or {}
        if isinstance(data, dict) and "use" in data:
            sources = {"items": (data, (*place, "data"))}
        elif isinstance(data, dict):
            sources = {str(role): (value, (*place, "data", role)) for role, value in data.items()}
        else:
            sources = {}
        built = {role: self.part("data", value, where) for role, (value, where) in sources.items()}
        if probe is None:
            return None
        for role in built:
            if role not in probe.roles:
                self.wrong(
                    (*place, "data", role), f"unknown role {role!r} of {probe.name}{did_you_mean(role, probe.roles)}"
                )
        for inside, problem in (*problems_of(probe, row), *_unknown_clauses(row.get("clauses"))):
            self.wrong((*place, *inside), problem)
        whole = {role: part for role, part in built.items() if part is not None and role in probe.roles}
        return probe, whole, self.document.line(place)
