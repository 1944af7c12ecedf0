"""The policy: what an organisation demands of an audit, whoever wrote its plan.

    title: Release gate
    limits:    [{check: answers, measure: accuracy, at_least: 0.8}, {measure: stereotype_share, at_most: 0.6}]
    required:  {dimensions: [bias, factuality]}
    waivers:   {by: [Kim Minji], longest_days: 90}
    approval:  {two_person: true, keys: ["sha256:...", "sha256:..."]}
    sealed_by: ["sha256:..."]
    baseline:  {audit: ../audits/released, margin: 0.02}
    clauses:   [{clause: eu-ai-act:art-15-1, at_least: partly supported}]

A key that is absent demands nothing. What reviewers said counts only as far as the policy lets it: without `waivers` no
finding is waived, without `overrides: true` the machine's own results are judged. Mistakes are told all at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from audit.errors import PlanError, UsageError, did_you_mean
from audit.files import sha256
from audit.frameworks import framework_names, unknown_clause
from audit.record import RECORD_FILE, Audit, Promise, load_record
from audit.storage import find_audit
from audit.strict_yaml import Document, StrictModel, check_bounds, mistakes, read_text, read_yaml
from detectors.immutable import immutable

__all__ = [
    "AllowedWaivers", "Approval", "BaselineRule", "Policy", "PolicyClause", "PolicyFile", "PolicyLimit", "Required",
    "baseline_of", "load_policy",
]

Names = list[str]
Key = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Keys = Annotated[list[Key], Field(min_length=1)]
Persons = Literal["one_person", "two_person"]


def _approval(given: object) -> object:
    """Read the short form, a word."""
    if not isinstance(given, str):
        return given
    if given not in get_args(Persons):
        raise ValueError(f"got {given!r}; allowed: one_person, two_person, or a mapping of two_person and keys")
    return {"two_person": given == "two_person"}


class PolicyLimit(StrictModel):
    """A demand on one measure of every check that it speaks of: an interval that must lie wholly inside."""

    check: str | None = None
    """Name of the check."""
    probe: str | None = None
    """Name of the probe; the limit speaks of every check that asks it."""
    measure: str | None = None
    """Name of the measure; absent = the first measure of the check. Alone, it speaks of every check that gave it."""
    group: str | None = None
    """Slice of the data; absent = all of the data."""
    at_most: float | None = None
    """Upper limit, in the measure's unit."""
    at_least: float | None = None
    """Lower limit, in the measure's unit."""

    @model_validator(mode="after")
    def _whole(self) -> PolicyLimit:
        if self.check is None and self.probe is None and self.measure is None:
            raise ValueError("a limit names a check, a probe or a measure")
        if self.group is not None and self.measure is None:
            raise ValueError("a group needs the measure that it is a slice of")
        check_bounds(self.at_least, self.at_most)
        return self


class Required(StrictModel):
    """What must have been asked."""

    dimensions: Names = Field(default=[])
    """Each needs a check that passed or failed, by its own limit or by one of the policy's."""
    checks: Names = Field(default=[])
    """Names of checks that must have an answer."""
    probes: Names = Field(default=[])
    """Names of probes that a check must ask, with an answer."""
    declared: Names = Field(default=[])
    """Measures of which a plan must declare a number that the audit tested and does not contradict."""


class AllowedWaivers(StrictModel):
    """Which waivers count, while they last; an empty section lets all of them count."""

    by: Names | None = None
    """Who may waive, with a signature: fingerprints of keys, or names, which anybody may sign; absent = everybody."""
    checks: Names | None = None
    """Which checks may be waived; absent = all."""
    longest_days: int | None = Field(default=None, gt=0)
    """Longest time from the day a waiver was written to its last day."""


class Approval(StrictModel):
    """Who must have approved the audit."""

    two_person: bool = False
    """Another person than the one who asked for review."""
    keys: Keys | None = None
    """Fingerprints of the keys that may approve, and with two persons also ask; absent = signed or not."""


class BaselineRule(StrictModel):
    """An earlier audit that asked the same; no measure may be shown to be worse than there."""

    audit: str | None = None
    """Its folder, relative to the policy, or the beginning of its id; absent = `--baseline` names it."""
    margin: float = Field(default=0.0, ge=0)
    """How much worse is still tolerated, in the measure's unit."""
    measures: Names | None = None
    """Names of the measures to look at; absent = all that have a better side."""
    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence with which none of all measures compared is wrongly said to be worse; the policy's level counts it."""


class PolicyClause(StrictModel):
    """A clause of a law or standard for which the audit must be evidence; a person says first whom it binds."""

    clause: str = Field(min_length=1)
    """`framework:clause`, as `dokimasia frameworks FRAMEWORK` lists them."""
    at_least: Literal["supported", "partly supported"] = "partly supported"
    """Least status; that of a clause that is not yet in force is what it would be."""

    @field_validator("clause")
    @classmethod
    def _known(cls, clause: str) -> str:
        if (problem := unknown_clause(clause)) is not None:
            raise ValueError(problem)
        if clause.partition(":")[0] not in (known := framework_names()):
            raise ValueError(f"unknown framework {clause!r}{did_you_mean(clause.partition(':')[0], known)}")
        return clause


class Policy(StrictModel):
    """A policy as it is written."""

    title: str = Field(min_length=1, max_length=200)
    """What this policy decides, in one line."""
    plan_limits: bool = True
    """Whether the gating checks of the plan count too."""
    limits: list[PolicyLimit] = Field(default=[])
    """Demands on measures, judged on the stored intervals."""
    required: Required = Field(default=Required())
    """Dimensions, checks and probes that must have been asked."""
    waivers: AllowedWaivers | None = None
    """Which waivers count; absent = none."""
    overrides: bool | Literal["with_reason"] = False
    """Whether outcomes that reviewers put in the place of the machine's count; `with_reason`: only those that say why.
    """
    approval: Annotated[
        Approval | None, BeforeValidator(_approval, json_schema_input_type=Persons | Approval | None)
    ] = None
    """The audit must be approved; `two_person`: by another person than the one who asked for review."""
    sealed_by: Keys | None = None
    """The audit must be sealed with one of these keys, given by their fingerprints."""
    baseline: BaselineRule | None = None
    """An earlier audit that this one must not be worse than."""
    level: float | None = Field(default=None, gt=0.5, lt=1)
    """Least confidence with which all judged intervals hold together, or that `promise` names."""
    promise: Promise = "every_finding"
    """What must hold at `level`: `every_finding`, all that was judged together; `audit`, the verdict alone, for which a
    plan may let each check pass by a one-sided bound."""
    clauses: list[PolicyClause] = Field(default=[])
    """Clauses of laws and standards for which the audit must be evidence, as far as is asked."""
    forbid: list[Literal["crashed", "broken_controls", "deviations", "rerolls", "contradicted"]] = Field(default=[])
    """What no check may show: a crash, a control that did not hold, a deviation from the plan, an earlier attempt, a
    declared number that it contradicts."""
    charge_rerolls: bool = False
    """The k-th attempt must hold together at 1 - (1 - level) / 2^k, so that all attempts together keep `level`."""
    fingerprint: str | None = Field(default=None, min_length=1)
    """The audited model must be this one."""
    max_age_days: int | None = Field(default=None, ge=0)
    """Most days since the audit ended."""

    @model_validator(mode="after")
    def _charged(self) -> Policy:
        if self.charge_rerolls and self.level is None:
            raise ValueError("charge_rerolls needs the level that all attempts together shall keep")
        return self

    def level_of(self, attempt: int) -> float | None:
        """Return the least joint confidence that the n-th attempt must have; None where no level is asked for."""
        if self.level is None or not self.charge_rerolls:
            return self.level
        return 1.0 - (1.0 - self.level) / 2.0**attempt


@immutable
class PolicyFile:
    """A policy with its place and digest."""

    policy: Policy
    document: Document
    path: Path
    sha256: str

    def line(self, *place: str | int) -> int:
        """Return the line of a key or value."""
        return self.document.line(place)


def load_policy(path: Path) -> PolicyFile:
    """Read a policy; PlanError with every mistake at once."""
    text = read_text(path, "a policy is a YAML file with a title; 'dokimasia schema policy' describes it")
    document = read_yaml(text, str(path))
    if not isinstance(document.data, dict):
        raise PlanError([f"{document.at(())}: a policy is a mapping with a title"])
    try:
        policy = Policy.model_validate(document.data)
    except ValidationError as error:
        raise PlanError(mistakes(error, document, Policy)) from None
    return PolicyFile(policy, document, path, sha256(text.encode()))


def baseline_of(file: PolicyFile | None, given: str | None, into: Path) -> Audit | None:
    """Open the baseline: the one given, else the policy's; UsageError where it is asked for and nobody names it."""
    rule = None if file is None else file.policy.baseline
    if given is not None:
        return load_record(find_audit(given, into))
    if file is None or rule is None:
        return None
    if rule.audit is None:
        raise UsageError(f"{file.document.at(('baseline',))}: the policy compares with a baseline; name it: --baseline")
    beside = file.path.parent / rule.audit
    return load_record(beside if (beside / RECORD_FILE).is_file() else find_audit(rule.audit, into))
