"""A finding as it is stored: the one result of one check, with its measures, its limit and its evidence.

    check -> verdict, why, measures with intervals, limit, controls, digests of what it rests on

Readers ignore unknown keys; a key that an earlier version did not write has a default.
"""

from __future__ import annotations

from html import escape
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from audit.record.verdict_order import Verdict
from detectors.result import Measure, as_table, measure_of

__all__ = ["Declared", "Evidence", "Finding", "Limit", "OneSided", "SmallestEffect", "Stored", "Undecided"]


class Stored(BaseModel):
    """Frozen; unknown keys of a later writer are ignored."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True
    )


class Limit(Stored):
    """What a check demands of one measure: an interval that must lie wholly inside."""

    measure: str
    """Name of the measure."""
    group: str | None = None
    """Slice that the limit speaks of; absent = all of the data."""
    at_most: float | None = None
    """Upper limit, in the measure's unit."""
    at_least: float | None = None
    """Lower limit, in the measure's unit."""

    def speaks_of(self, measure: Measure) -> bool:
        """Tell whether this is the measure that the limit names."""
        return (self.measure, self.group) == (measure.name, measure.group)


class Declared(Stored):
    """What a provider says of one measure, as in a system's instructions for use; it demands nothing."""

    measure: str
    """Name of the measure."""
    group: str | None = None
    """Slice that it speaks of; absent = all of the data."""
    value: float
    """The declared number, in the measure's unit."""
    source: str | None = None
    """Where it is declared, in the plan's own words."""


def _of_an_earlier_version(data: Any) -> Any:
    """An earlier version did not write down what stands behind an interval; approximate ones are known by this."""
    if isinstance(data, dict) and "guarantee" not in data and data.get("worst_coverage") is not None:
        return {**data, "guarantee": "approximate"}
    return data


class Evidence(Stored):
    """A stored file and its digest."""

    path: str
    """Relative to the audit folder."""
    sha256: str


class OneSided(Stored):
    """Bounds that each hold alone: by these a check passes where the plan's promise is the audit's verdict."""

    level: float
    """One-sided confidence of each, which is that of the audit."""
    low: float
    high: float


class SmallestEffect(Stored):
    """The true values nearest beyond a limit that a passed check would have failed with this power, at its level."""

    power: float
    units: int
    """Independent units that it speaks of: the finding's own; where a check stops early, all that the data hold."""
    above: float | None = None
    """Above the upper limit; null where there is no such limit, or no value that would have been seen."""
    below: float | None = None
    """Below the lower limit, likewise."""
    exact: bool
    """By binomial tails, for 0/1 outcomes; else from the width of the interval."""


class Finding(Stored):
    """The one result of one check."""

    check: str
    probe: str
    dimension: str
    verdict: Verdict
    gating: bool
    why: str
    """One English sentence with the numbers."""
    reason: dict[str, Any]
    """`{"key": ..., other values}`: the same sentence for translation."""
    family: Literal["exploratory"] | None = None
    """`exploratory`: a limit that does not gate; all such checks are judged together by Benjamini-Hochberg."""
    clauses: list[str] = []
    calls: int = 0
    """Items asked of a model by this check, whether answered now or from the store."""
    limit: Limit | None = None
    declared: Declared | None = Field(default=None, exclude_if=lambda value: value is None)
    """What somebody declares of a measure, tested by its interval (`audit.verdict.declared_standing`); else absent."""
    stop: Literal["full", "early"] = "full"
    """`early`: units were asked in random order until the limit was decided."""
    population: int | None = Field(default=None, exclude_if=lambda value: value is None)
    """With `target: benchmark`: independent units of the benchmark whose own numbers the measures are, asked or not;
    absent where they speak of items, and answers, like those that were asked."""
    calls_saved: int = 0
    """Items that did not have to be asked because the check stopped early."""
    more_units: int | None = None
    """How many more independent units would decide an inconclusive finding, judged together with those it has: the rest
    of a benchmark, or what a method needs at least."""
    fresh_units: int | None = Field(default=None, exclude_if=lambda value: value is None)
    """Of about how many independent units a fresh sample would decide it, where adding to this one would not do."""
    one_sided: OneSided | None = Field(default=None, exclude_if=lambda value: value is None)
    """With `promise: audit`: the bounds by which the check passes; absent where it passes by its measure's interval."""
    smallest_effect: SmallestEffect | None = None
    """Of a passed finding: how little beyond the limit it would have seen."""
    measures: list[Annotated[Measure, BeforeValidator(_of_an_earlier_version)]] = []
    remarks: list[dict[str, str | float]] = []
    """Sentences that a reader needs before the numbers, each `{"key": ..., other values}`."""
    controls: dict[str, bool] | None = None
    """`positive`: the planted fault was found, at its size; `negative`: the clean twin was not accused."""
    controlled: list[str] = Field(default=[], exclude_if=lambda value: not value)
    """Measures that controls cover from question to interval; empty: `controls` speak of judging the headline alone."""
    evidence: list[Evidence] = []
    options: dict[str, Any] = {}
    """The probe's options, defaults filled in."""
    data: dict[str, Any] = {}
    """Role -> source, digest, items, licence, cite."""

    def _repr_html_(self) -> str:
        """Return the finding as a notebook shows it: verdict, sentence and every measure."""
        told = f"<p><strong>{escape(self.check)}: {self.verdict}</strong>, {escape(self.why)}</p>"
        return f"<div>{told}{as_table(self.measures)}</div>"

    @property
    def model_changed(self) -> bool:
        """Whether it decides nothing as the model answered differently at the end of the audit."""
        return self.reason.get("key") == "changed"

    @property
    def controls_held(self) -> bool:
        """Whether no control went wrong; those of a check that has none did not."""
        return all((self.controls or {}).values())

    @property
    def trusted(self) -> bool:
        """Whether its numbers are those of one model, by a check that works on what is known."""
        return self.controls_held and not self.model_changed

    def measure(self, name: str | None, group: str | None = None) -> Measure | None:
        """Return the measure `name` of `group`; None where there is none."""
        return measure_of(self.measures, name, group)

    @property
    def headline(self) -> Measure | None:
        """The measure that the limit names, else the first."""
        named = None if self.limit is None else self.measure(self.limit.measure, self.limit.group)
        return named or (self.measures[0] if self.measures else None)


class Undecided(Protocol):
    """What says how many units would decide it: a finding, or a check in a comparison."""

    @property
    def more_units(self) -> int | None:
        """About how many more."""

    @property
    def fresh_units(self) -> int | None:
        """Of about how many a fresh sample."""
