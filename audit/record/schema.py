"""The record: what an audit found, as canonical JSON without clock, host, duration or attempt.

    audits/<id>/plan.yaml  record.json  run.json  observed/  observations/  items/  reports/

Same plan, data and model give the same bytes. Readers ignore unknown keys; a change of meaning raises `schema`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from audit.record.finding import Evidence, Finding, Limit, OneSided, SmallestEffect, Stored, Undecided
from audit.record.promises import Promise, Target
from audit.record.verdict_order import Verdict

__all__ = [
    "DIMENSIONS",
    "SCHEMA",
    "Attempt",
    "DataRecord",
    "Deviation",
    "EarlierAttempt",
    "Evidence",
    "Finding",
    "Limit",
    "ModelRecord",
    "OneSided",
    "Record",
    "RunFacts",
    "S",
    "Sheet",
    "SmallestEffect",
    "Spent",
    "T",
    "Undecided",
]

T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)
SCHEMA = 1
DIMENSIONS = (
    "bias",
    "novelty",
    "quality",
    "factuality",
    "robustness",
    "provenance",
    "memorisation",
    "transparency",
    "efficiency",
    "toxicity",
    "jailbreak",
    "injection",
    "privacy",
)
"""What an audit may ask about."""


class ModelRecord(Stored):
    """Which model was audited."""

    name: str
    family: str
    modality: str
    fingerprint: str
    abilities: list[str] = Field(default=[])
    weights: str | None = None
    """How the weights are stored, where the model says so, e.g. `GGUF Q4_1, F32` or `int8 by torchao 0.18.0`: those
    were audited, no others."""
    windows: list[int] | None = Field(default=None, exclude_if=lambda value: value is None)
    """Tokens of the windows in which texts longer than the model's context are read, and by how many each moves on."""
    cut_short: list[int] | None = Field(default=None, exclude_if=lambda value: value is None)
    """Step at which its time ended a training that was still getting better, and the steps that it might have taken."""
    identity: dict[str, Any] | None = None
    """What an endpoint showed of itself at the start; null for weights on disk."""

    @property
    def quantised(self) -> bool:
        """Whether some weights are held in fewer bits than 16, as a GGUF file has them or as the plan asked."""
        kind, _, formats = (self.weights or "").partition(" ")
        whole = {"F64", "F32", "F16", "BF16"}.issuperset(formats.split(", "))
        return kind in ("int8", "int4", "nf4") or (kind == "GGUF" and not whole)


class DataRecord(Stored):
    """What stands for the model where the data themselves were audited."""

    name: str
    """Files or sets, as plans name them."""
    digest: str
    """`sha256:...` of them."""


class Deviation(Stored):
    """Something that is asked otherwise than in the plan that was frozen first for the same model."""

    check: str | None = None
    """Null where it concerns all of the plan."""
    what: str
    """`limit.at_most`, `data.items`, `probe.variant`, `weight`, ...; `check` for one left out or added."""
    before: Any = None
    """As registered; null = not there."""
    after: Any = None
    """As asked now; null = not there."""
    registered: str
    """Folder of the audit whose plan was frozen first."""


class EarlierAttempt(Stored):
    """An audit that asked the same model the same of the same data before."""

    audit: str
    """Its folder."""
    check: str
    """What the check was called there."""
    verdict: str | None = None
    """Null where that audit has not ended."""


class Attempt(Stored):
    """A check that is not the first attempt: same model, same probe, same data."""

    check: str
    ordinal: int
    """2 = the second attempt."""
    earlier: list[EarlierAttempt]


class Sheet(Stored):
    """The model sheet: what the people who keep the model's inventory say of it; nothing here is measured."""

    inventory_id: str | None = None
    """The model's id in the owner's inventory."""
    purpose: str | None = None
    """What the model is for."""
    intended_use: str | None = None
    """Who uses it, for what, and what it must not be used for."""
    tier: str | None = None
    """Risk tier in the owner's own scheme."""
    owner: str | None = None
    """Who answers for the model."""
    data: str | None = None
    """What it was trained on, as far as known."""
    previous_audit: str | None = None
    """Id of the audit before this one, or why there is none."""


class Record(Stored):
    """All of an audit's findings; `record.json`."""

    schema_: int
    id: str
    title: str
    plan: str
    """`sha256:...` of the frozen plan."""
    verdict: Verdict
    level: float
    seed: int
    models: dict[str, ModelRecord]
    """`main` is the audited model, any other a helper."""
    data: DataRecord | None = Field(default=None, exclude_if=lambda value: value is None)
    """What was audited instead of a model; absent where there is a model, and in records of earlier versions."""
    findings: list[Finding]
    changed: list[str] = Field(default=[])
    """Names of models that answered differently at the end than at the start."""
    promise: Promise = Field(default="every_finding", exclude_if=lambda value: value == "every_finding")
    """What `level` is promised of; `audit`: of the verdict alone, not of each pass. Absent = `every_finding`."""
    target: Target = Field(default="population", exclude_if=lambda value: value == "population")
    """What the numbers speak of; `benchmark`: the data themselves, in findings that have a `population`."""
    deviations: list[Deviation] = Field(default=[])
    """Where the plan differs from the one registered first; empty where it is that one, or there is none."""
    attempts: list[Attempt] = Field(default=[], exclude_if=lambda value: not value)
    """Checks whose content was asked before in the same folder of audits, whatever they were called; else absent."""
    sheet: Sheet | None = None
    """What the plan says of the model, its purpose and its owner."""
    two_person: bool = False
    """An approval counts only from another person than the one who asked for review."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        alias_generator=lambda name: name.rstrip("_"),
        populate_by_name=True,
    )


class Spent(Stored):
    """What an endpoint took, over all attempts of the audit."""

    calls: int
    """Questions that it answered, or may have; those that it refused (429, 5xx) are not among them."""
    counted: int
    """Calls whose tokens the server told."""
    input: int | None = None
    """Tokens of the questions that were counted; null where none was."""
    output: int | None = None
    """Tokens of the answers that were counted; null where none was."""
    money: float | None = None
    """What the counted tokens cost by the plan's price; null without one, and where none was counted."""
    currency: str | None = None


def _moment(told: str) -> str:
    try:
        datetime.fromisoformat(told).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("not a moment; allowed: as 2027-01-31T12:00:00+00:00") from None
    return told


Moment = Annotated[str, AfterValidator(_moment)]
"""A day and time of the calendar, ISO 8601."""


class RunFacts(Stored):
    """How the audit was run; `run.json`. Not part of the record: times, host, versions, calls."""

    started: Moment
    finished: Moment
    seconds: float
    host: str
    platform: str
    python: str
    versions: dict[str, str] = Field(default={})
    command: str = ""
    calls: int = 0
    """Items asked in the last run, wherever the answer came from."""
    calls_asked: int = 0
    """Items that a model had to answer in the last run."""
    calls_identity: int = 0
    """Further questions to endpoints in the last run: what they can do and who they are."""
    spent: dict[str, Spent] = Field(default={}, exclude_if=lambda value: not value)
    """Endpoint, as the plan names it -> what it took; absent where there is none."""
    seconds_by_check: dict[str, float] = Field(default={})
    crashes: dict[str, str] = Field(default={})
    """Check -> traceback."""
    attempts: int = 1
    evidence: list[Evidence] = Field(default=[])
    """Every stored answer with its digest."""
    adopted: dict[str, int] = Field(default={})
    """Folder of another audit -> how many of the stored answers were taken over from it; the others were asked here."""
    record: str = ""
    """Digest of the record.json that this run wrote."""
    mac: str = ""
    """Over all else of run.json, by the key of the installation that ran it; see `audit.signing.installation`."""
