"""The plan as it is written: which keys there are, and what each may be.

The JSON Schema of plans is made of these, so that every key has its sentence. What a check may say beyond the types of
its keys depends on its probe; checks that are made in Python keep the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from audit.errors import did_you_mean
from audit.probe import beyond, range_of
from audit.record import Declared, Limit, Promise, Sheet, Target
from audit.strict_yaml import KeyPath, StrictModel, check_bounds

if TYPE_CHECKING:
    from audit.probe import Probe

__all__ = ["CheckSpec", "PlanLimit", "PlanSpec", "problems_of", "why_not_without_model"]

NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"
Part = dict[str, Any]
"""`use: NAME` and the options of the part of that name; see `dokimasia parts`."""


class PlanLimit(StrictModel, Limit):
    """What a check demands of one measure: an interval that must lie wholly inside."""

    model_config = StrictModel.model_config

    @model_validator(mode="after")
    def _bounded(self) -> PlanLimit:
        check_bounds(self.at_least, self.at_most)
        return self


class PlanDeclared(StrictModel, Declared):
    """A number that a provider declares, as in instructions for use: the audit tests it, and demands nothing."""

    model_config = StrictModel.model_config

    value: float = Field(allow_inf_nan=False)
    """The declared number, in the measure's unit."""
    source: str | None = Field(default=None, min_length=1, max_length=300)
    """Where it is declared, in the plan's own words."""


class PlanSheet(StrictModel, Sheet):
    """The model sheet: what the people who keep the model's inventory say of it; nothing here is measured."""

    model_config = StrictModel.model_config


class CheckSpec(StrictModel):
    """One question put to the model, and the limit that its answer must keep."""

    name: str = Field(pattern=NAME)
    """Short name, unique in the plan; it names files and test cases."""
    probe: Part
    """`{use: bias.stereotype_pairs, ...options}`."""
    data: Part = Field(default={})
    """Role -> source, or a bare source, which means the role `items`."""
    limit: PlanLimit | None = None
    """Absent = the check measures and decides nothing."""
    declared: PlanDeclared | None = None
    """What a provider declares of a measure; the report says whether the audit contradicts it."""
    gating: bool | None = None
    """Whether the check counts for the verdict; default: if it has a limit. With a limit and false: exploratory."""
    stop: Literal["full", "early"] = "full"
    """`early`: ask units in random order and stop as soon as the limit is decided; needs a limit with one bound."""
    clauses: list[str] = Field(default=[])
    """Clauses of laws and standards that the finding is evidence for, as `framework:clause`."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the audit's error budget, relative to the other gating checks."""


class PlanSpec(StrictModel):
    """A plan as it is written."""

    title: str = Field(min_length=1, max_length=200)
    """What this audit is for, in one line."""
    seed: int = 0
    """Seed of sampling, of bootstraps and of controls."""
    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of the whole audit; gating checks share 1 - level."""
    limit: int | None = Field(default=None, gt=0)
    """At most this many items of each data source."""
    promise: Promise = "every_finding"
    """What `level` is promised of. `every_finding`: of all that passes and fails together, so that each may be quoted
    alone; gating checks share 1 - level. `audit`: of the verdict "passed" of the whole audit, for which each check
    passes by a one-sided bound at the full level; failures keep their shares."""
    target: Target = "population"
    """What the numbers speak of. `population`: items like those asked. `benchmark`: the data themselves. Asked in full,
    a model whose answers are not drawn has no sampling error about them; a part (`limit`, `stop: early`) is taken at
    random without replacement. Checks that draw their answers speak of a population all the same."""
    shard: int = Field(default=64, gt=0, le=4096)
    """Items asked and stored together; a kill loses at most one shard, of an endpoint only the answers in flight."""
    model: Part | None = None
    """`{use: causal_lm, path: ./model}`; absent = the data themselves are audited, by probes that ask no model."""
    helpers: dict[str, Part] = Field(default={})
    """Further models that probes ask by name."""
    sheet: PlanSheet | None = None
    """Inventory id, purpose, intended use, tier, owner, data and previous audit; shown on top of every report."""
    two_person: bool = False
    """An approval of the audit counts only from another person than the one who asked for review."""
    checks: list[CheckSpec] = Field(min_length=1)
    """What is asked."""


def problems_of(probe: Probe, check: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Yield (place, sentence) for what a check as it is written cannot ask of its probe; types are not looked at."""
    limit = check.get("limit")
    for where, keys in (("limit", ("at_least", "at_most")), ("declared", ("value",))):
        yield from _of_measure(probe, where, check.get(where), keys)
    if check.get("gating") is True and limit is None:
        yield ("gating",), "a gating check needs a limit"
    if check.get("stop") == "early" and (not isinstance(limit, dict) or {"at_least", "at_most"} <= limit.keys()):
        yield ("stop",), "early stopping needs a limit with one bound, at_least or at_most"


def _of_measure(probe: Probe, where: str, said: object, keys: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    """Yield what is wrong with what is said of a measure: its name, and numbers that it cannot have."""
    measure = said.get("measure") if isinstance(said, dict) else None
    if isinstance(measure, str) and measure not in probe.measures:
        guess = did_you_mean(measure, probe.measures)
        yield (where, "measure"), f"unknown measure {measure!r} of {probe.name}{guess}"
    elif isinstance(said, dict) and isinstance(measure, str):
        for key, problem in beyond(range_of(probe.measures, measure), measure, said, keys):
            yield (where, key), f"{where}.{problem}"


def why_not_without_model(probe: Probe) -> str | None:
    """Return why a probe has no place in a plan without a model; None where it asks none."""
    if not probe.needs:
        return None
    asked = ", ".join(sorted(probe.needs))
    return f"{probe.name} asks a model ({asked}), and the plan has none; allowed: 'model:', or probes of data alone"
