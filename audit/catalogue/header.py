"""The few keys of a record that a list shows; measures are not built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from audit.files import MAX_JSON, read_regular
from audit.record import RECORD_FILE, SCHEMA, Audit, Evidence, Finding, Record, Verdict

__all__ = ["FindingHead", "Header", "header_of"]


class _Head(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _ModelHead(_Head):
    name: str
    family: str


class _DataHead(_Head):
    name: str


class _LimitHead(_Head):
    measure: str


class FindingHead(_Head):
    """A finding without its measures."""

    check: str
    probe: str
    dimension: str
    verdict: Verdict
    gating: bool
    why: str
    limit: _LimitHead | None = None
    declared: dict[str, Any] | None = None
    evidence: list[Evidence] = []

    @property
    def terms(self) -> tuple[str, str, str]:
        """Its dimension, its probe and the measure of its limit, which a language has words for."""
        return self.dimension, self.probe, "" if self.limit is None else self.limit.measure


class _SheetHead(_Head):
    inventory_id: str | None = None


class Header(_Head):
    """What a list tells of a record."""

    schema_: int = Field(default=SCHEMA, alias="schema", le=SCHEMA)
    title: str
    verdict: Verdict
    models: dict[str, _ModelHead]
    data: _DataHead | None = None
    sheet: _SheetHead | None = None
    two_person: bool = False
    findings: list[FindingHead]

    @property
    def model(self) -> str:
        """Name of the audited model, or of the data where these were audited; empty where nothing tells."""
        audited = self.models.get("main") or self.data
        return "" if audited is None else audited.name

    @property
    def family(self) -> str:
        """Of the model; `data` where there is none."""
        main = self.models.get("main")
        return "data" if main is None else main.family

    @property
    def followed(self) -> str:
        """What audits of one model have in common: the id in the owner's inventory, else the model's name."""
        return (self.sheet.inventory_id if self.sheet is not None else None) or self.model

    def outlined(self, folder: Path) -> Audit:
        """Return the audit with its checks' verdicts alone: all that decisions, owners and days speak of."""
        findings = [
            Finding.model_construct(check=one.check, verdict=one.verdict, gating=one.gating) for one in self.findings
        ]
        record = Record.model_construct(verdict=self.verdict, findings=findings, two_person=self.two_person)
        return Audit(folder, record, None)


def header_of(folder: Path) -> Header:
    """Return what a list tells of an audit's record; OSError as `read_regular`, pydantic's for what is no header."""
    return Header.model_validate_json(read_regular(folder / RECORD_FILE, MAX_JSON))
