"""The plan: which model is audited, by which checks, against which limits, each at its share of the error budget.

Reading goes syntax, keys, names, options, files; every mistake is told at once with file, line and column. No model and
no data is opened, and torch is not imported. `freeze` fixes what will be asked before the first question is put.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from audit.errors import UsageError
from audit.model import Model, ModelSource
from audit.plan.spec import CheckSpec, PlanSpec, problems_of, why_not_without_model
from audit.probe import never_shown, range_of
from audit.record import Declared, Limit, Promise, Sheet, Target, keep_level
from audit.strict_yaml import error_text
from detectors.immutable import immutable
from detectors.multiplicity import family_level

if TYPE_CHECKING:
    import pandas as pd

    from audit.data import DataSource
    from audit.probe import Probe

__all__ = ["Check", "Plan"]


@immutable
class Check:
    """A check with its parts built."""

    name: str
    probe: Probe
    data: Mapping[str, DataSource] = field(default_factory=dict)
    limit: Limit | None = None
    gating: bool | None = None
    clauses: tuple[str, ...] = ()
    weight: float = 1.0
    stop: Literal["full", "early"] = "full"
    line: int | None = None
    """Line in the plan file; for reports that point at it."""
    declared: Declared | None = None
    """What a provider declares of a measure."""

    def __post_init__(self) -> None:
        """Take a DataFrame or a list of dicts as data, and refuse what a plan file may not say."""
        from audit.data import as_sources

        object.__setattr__(self, "data", as_sources(self.data, self.probe.roles))
        said = {
            "name": self.name, "probe": {"use": self.probe.name}, "gating": self.gating, "stop": self.stop,
            "limit": _as_written(self.limit), "declared": _as_written(self.declared),
            "clauses": list(self.clauses), "weight": self.weight,
        }  # fmt: skip
        try:
            CheckSpec.model_validate(said)
        except ValidationError as error:
            raise UsageError(f"check {self.name}: {error_text(error.errors()[0], CheckSpec)}") from None
        for _, problem in problems_of(self.probe, said):
            raise UsageError(f"check {self.name}: {problem}")

    def batches(self, role: str, limit: int | None) -> Iterator[pd.DataFrame]:
        """Return the items of a role as frames of bounded size (`audit.data.DataSource`).

        limit: most of them; what is searched comes whole.
        """
        wanted = self.probe.roles[role]
        return self.data[role].batches(wanted, limit=None if wanted.searched else limit)

    @property
    def never_shown(self) -> list[str]:
        """What no data can show of its limit, a sentence each."""
        if (limit := self.limit) is None:
            return []
        return [*never_shown(range_of(self.probe.measures, limit.measure), limit.measure, limit.model_dump())]

    @property
    def gates(self) -> bool:
        """Whether the check counts for the audit's verdict."""
        return self.limit is not None if self.gating is None else self.gating

    @property
    def exploratory(self) -> bool:
        """Whether the check has a limit and does not gate: such checks form one family (`detectors.multiplicity`)."""
        return self.limit is not None and not self.gates


def _as_written(said: object) -> object:
    """Return a limit or a declaration as a plan file writes it."""
    return said.model_dump(exclude_none=True) if isinstance(said, Limit | Declared) else said


_SCALARS = ("title", "seed", "level", "limit", "shard", "promise", "target", "two_person")
_ANY = {"name": "check", "probe": {}}


@immutable
class Plan:
    """A plan with its parts built. In Python, `model` may be an opened model instead of a part; None: data are audited.

    Raises UsageError for what is neither, for checks that are none, and for those that ask a model where there is none.
    """

    title: str
    checks: tuple[Check, ...]
    model: ModelSource | Model | None = None
    helpers: Mapping[str, ModelSource | Model] = field(default_factory=dict)
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
        """Refuse what a plan file may not say, what is no model, and what is no check."""
        try:
            PlanSpec.model_validate({**{key: getattr(self, key) for key in _SCALARS}, "checks": [_ANY]})
        except ValidationError as error:
            raise UsageError(error_text(error.errors()[0], PlanSpec)) from None
        for name, model in self.models.items():
            if not isinstance(model, ModelSource | Model):
                raise UsageError(
                    f"model {name}: got a {type(model).__name__}; allowed: what audit.open_model returns, or an object "
                    "with name, family, modality, fingerprint and the abilities that it has"
                )
        for place, check in enumerate(self.checks):
            if not isinstance(check, Check):
                raise UsageError(f"checks: got a {type(check).__name__}; allowed: Check(name, probe, data, ...)")
            if check.name in [other.name for other in self.checks[:place]]:
                raise UsageError(f"checks: two checks are named {check.name!r}")
            if self.model is None and (why := why_not_without_model(check.probe)) is not None:
                raise UsageError(f"check {check.name}: {why}")

    @property
    def models(self) -> dict[str, ModelSource | Model]:
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
