"""The plan: which model is audited, by which checks, against which limits.

Reading goes syntax, keys, names, options, files; every mistake is told at once with file, line and column. No model and
no data is opened, and torch is not imported. `freeze` fixes what will be asked before the first question is put.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import yaml
from pydantic import ValidationError

from audit import plugins
from audit.errors import DokimasiaError, PlanError, UsageError, did_you_mean
from audit.model import Model, ModelPart
from audit.plan.reach import why_not_variable
from audit.plan.spec import CheckSpec, PlanSpec, problems_of
from audit.record.promises import Promise, Target, keep_level
from audit.record.schema import Limit, Sheet
from audit.specs import by_line, read_text, told
from audit.strict_yaml import Place, Placed, read_yaml
from audit.verdict.families import family_level

if TYPE_CHECKING:
    from audit.data.tabular import DataPart
    from audit.plan.reach import Confined
    from audit.probe import Probe

__all__ = ["Check", "Plan", "freeze", "load_plan", "plan_text", "read_plan"]

@dataclass(frozen=True)
class Check:
    """A check with its parts built."""

    name: str
    probe: Probe
    data: Mapping[str, DataPart] = field(default_factory=dict)
    limit: Limit | None = None
    gating: bool | None = None
    clauses: tuple[str, ...] = ()
    weight: float = 1.0
    stop: Literal["full", "early"] = "full"
    line: int | None = None
    """Line in the plan file; for reports that point at it."""

    def __post_init__(self) -> None:
        """Take a DataFrame or a list of dicts as data, and refuse what a plan file may not say."""
        from audit.data.frames import as_sources

        object.__setattr__(self, "data", as_sources(self.data, self.probe.roles))
        said = {
            "name": self.name, "probe": {"use": self.probe.name}, "gating": self.gating, "stop": self.stop,
            "limit": self.limit.model_dump(exclude_none=True) if isinstance(self.limit, Limit) else self.limit,
            "clauses": list(self.clauses), "weight": self.weight,
        }  # fmt: skip
        try:
            CheckSpec.model_validate(said)
        except ValidationError as error:
            raise UsageError(f"check {self.name}: {told(error.errors()[0], CheckSpec)}") from None
        for _, problem in problems_of(self.probe, said):
            raise UsageError(f"check {self.name}: {problem}")

    @property
    def gates(self) -> bool:
        """Whether the check counts for the audit's verdict."""
        return self.limit is not None if self.gating is None else self.gating

    @property
    def exploratory(self) -> bool:
        """Whether the check has a limit and does not gate: such checks form one family (`audit.verdict.families`)."""
        return self.limit is not None and not self.gates


@dataclass(frozen=True)
class Plan:
    """A plan with its parts built. In Python, `model` may be an opened model instead of a part.

    Raises UsageError for what is neither, and for checks that are none.
    """

    title: str
    checks: tuple[Check, ...]
    model: ModelPart | Model | None = None
    helpers: Mapping[str, ModelPart | Model] = field(default_factory=dict)
    seed: int = 0
    level: float = 0.95
    limit: int | None = None
    shard: int = 64
    promise: Promise = "every_finding"
    """What `level` is promised of: all findings together, or the audit's verdict."""
    target: Target = "population"
    """What the numbers speak of: items like those asked, or the data themselves."""
    sheet: Sheet | None = None
    """What people say of the model; part of the frozen plan."""
    two_person: bool = False
    """An approval needs a second person."""
    text: str | None = None
    """The YAML it was read from."""

    def __post_init__(self) -> None:
        """Refuse what is no model, no check, no promise and no target."""
        for key, value, allowed in (("promise", self.promise, Promise), ("target", self.target, Target)):
            if value not in get_args(allowed):
                raise UsageError(f"{key}: got {value!r}; allowed: {', '.join(get_args(allowed))}")
        for name, model in self.models.items():
            if not isinstance(model, ModelPart | Model):
                raise UsageError(
                    f"model {name}: got a {type(model).__name__}; allowed: what audit.open_model returns, or an object "
                    "with name, family, modality, fingerprint and the abilities that it has"
                )
        for place, check in enumerate(self.checks):
            if not isinstance(check, Check):
                raise UsageError(f"checks: got a {type(check).__name__}; allowed: Check(name, probe, data, ...)")
            if check.name in [other.name for other in self.checks[:place]]:
                raise UsageError(f"checks: two checks are named {check.name!r}")

    @property
    def models(self) -> dict[str, ModelPart | Model]:
        """Name -> model; the audited one is `main`."""
        return {**({} if self.model is None else {"main": self.model}), **self.helpers}

    @property
    def exploratory(self) -> tuple[Check, ...]:
        """The exploratory family."""
        return tuple(check for check in self.checks if check.exploratory)

    def check_level(self, check: Check) -> float:
        """Return the confidence of this check's intervals: its share of the audit's error budget.

        Of an exploratory check the strictest level that its family may come to, at which it stops early.
        """
        if check.exploratory:
            return family_level(self.level, len(self.exploratory))
        if not check.gates:
            return self.level
        return 1 - (1 - self.level) * check.weight / sum(other.weight for other in self.checks if other.gates)

    def keep_level(self, check: Check) -> float | None:
        """Return the level of the interval by which this check passes; None where it is that of all its intervals."""
        return keep_level(self.promise, self.level) if check.gates else None


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


class _Reading:
    """One reading of a plan, gathering mistakes."""

    def __init__(self, document: Placed, base: Path, confined: Confined | None) -> None:
        self.document, self.base, self.confined, self.problems = document, base, confined, list[str]()

    def plan(self) -> Plan | None:
        raw = self.document.data
        if not isinstance(raw, dict):
            self.wrong((), "a plan is a mapping with title, model and checks")
            return None
        spec = self._spec(raw)
        model = self._part("models", raw.get("model"), ("model",)) if raw.get("model") is not None else None
        helpers = raw.get("helpers") if isinstance(raw.get("helpers"), dict) else {}
        built = {key: self._part("models", value, ("helpers", key)) for key, value in (helpers or {}).items()}
        rows = raw.get("checks") if isinstance(raw.get("checks"), list) else []
        checks = [self._check(row, ("checks", index)) for index, row in enumerate(rows or []) if isinstance(row, dict)]
        self._names(rows or [])
        if spec is None or self.problems:
            return None
        done = tuple(
            Check(one.name, probe, data, one.limit, one.gating, tuple(one.clauses), one.weight, one.stop, line)
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

    def wrong(self, place: Place, what: str) -> None:
        self.problems.append(f"{self.document.at(place)}: {what}")

    def _spec(self, raw: Mapping[str, Any]) -> PlanSpec | None:
        try:
            return PlanSpec.model_validate(raw)
        except ValidationError as error:
            for one in error.errors():
                self.wrong(one["loc"], told(one, PlanSpec))
            return None

    def _names(self, rows: list[Any]) -> None:
        seen: set[str] = set()
        for index, row in enumerate(rows):
            name = row.get("name") if isinstance(row, dict) else None
            if isinstance(name, str) and name in seen:
                self.wrong(("checks", index, "name"), f"two checks are named {name!r}")
            seen.add(str(name))

    def _check(self, row: Mapping[str, Any], place: Place) -> tuple[Probe, dict[str, DataPart], int | None] | None:
        probe = self._part("probes", row.get("probe"), (*place, "probe"))
        data = row.get("data") or {}
        if isinstance(data, dict) and "use" in data:
            sources = {"items": (data, (*place, "data"))}
        elif isinstance(data, dict):
            sources = {str(role): (value, (*place, "data", role)) for role, value in data.items()}
        else:
            sources = {}
        built = {role: self._part("data", value, where) for role, (value, where) in sources.items()}
        if probe is None:
            return None
        for role in built:
            if role not in probe.roles:
                self.wrong(
                    (*place, "data", role), f"unknown role {role!r} of {probe.name}{did_you_mean(role, probe.roles)}"
                )
        for inside, problem in problems_of(probe, row):
            self.wrong((*place, *inside), problem)
        whole = {role: part for role, part in built.items() if part is not None and role in probe.roles}
        return probe, whole, self.document.line(place)

    def _part(self, kind: str, raw: Any, place: Place) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("use"), str):
            if isinstance(raw, dict):
                self.wrong(place, f"needs 'use: NAME'; see 'dokimasia parts {kind}'")
            return None
        use = raw["use"]
        options = {key: value for key, value in raw.items() if key != "use"}
        try:
            part_type = plugins.load(kind, use)
        except UsageError as error:
            self.wrong((*place, "use"), str(error))
            return None
        before = len(self.problems)
        self._keys(part_type, kind, use, options, place)
        self._paths(part_type, options, place)
        if len(self.problems) > before:
            return None
        try:
            return plugins.build(kind, use, options)
        except ValidationError as error:
            for one in error.errors():
                self.wrong((*place, *one["loc"]), told(one, PlanSpec))
        except (DokimasiaError, ValueError) as error:
            self.wrong(place, str(error))
        return None

    def _keys(self, part_type: type, kind: str, use: str, options: Mapping[str, Any], place: Place) -> None:
        allowed = [one.name for one in dataclasses.fields(part_type)]
        for key in options:
            if key not in allowed:
                self.wrong((*place, key), f"unknown option {key!r} of {use}{did_you_mean(key, allowed)}")

    def _paths(self, part_type: type, options: dict[str, Any], place: Place) -> None:
        for key in plugins.path_fields(part_type):
            value = options.get(key)
            if isinstance(value, str):
                try:
                    path = (self.base / value).resolve()
                    barred = None if self.confined is None else self.confined.why_not_path(path, self.base)
                    there = barred is None and path.exists()
                except (OSError, ValueError) as error:  # too long, or with a NUL
                    self.wrong((*place, key), f"got {value[:60]!r}; {getattr(error, 'strerror', error)}")
                    continue
                options[key] = str(path)
                if not there:
                    self.wrong((*place, key), f"{value} {barred}" if barred else f"no such file or folder: {value}")
        if isinstance(options.get("key_env"), str):
            why = why_not_variable(options["key_env"], self.confined)
            self.problems += [] if why is None else [f"{self.document.at((*place, 'key_env'))}: {why}"]


def freeze(plan: Plan, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """Return the plan as JSON data with defaults, digests and fingerprints: what the audit's id and hash stand for."""
    checks = [
        {
            "name": check.name,
            "probe": {"use": check.probe.name, **plugins.options_of(check.probe)},
            "gating": check.gates,
            "limit": None if check.limit is None else check.limit.model_dump(exclude_none=True),
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
