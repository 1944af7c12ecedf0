"""Pairs of audits of one plan, written as a run writes them, from the outcomes of two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_fixtures import finding, write_audit

from audit.files import canonical, sha256, write_atomic
from audit.record import Audit, Limit, ModelRecord, dump
from audit.verdict import decide, sentence
from detectors.intervals import mean_over_units
from detectors.result import Measure

LEVEL = 0.95


@dataclass(frozen=True)
class Asked:
    """A check whose headline is the mean of 0/1 outcomes, or of other values in [0, 1]."""

    name: str
    values: Sequence[float]
    limit: Limit | None = None
    units: Sequence[str] | None = None
    ids: Sequence[str] | None = None
    direction: str = "higher is better"
    ideal: float | None = None
    stop: str = "full"
    measures: Sequence[Measure] = ()
    """Instead of the mean; the last one is the limit's."""
    frame: pd.DataFrame | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other keys of the finding."""


def two_audits(into: Path, first: Sequence[Asked], second: Sequence[Asked], **plans: Any) -> tuple[Audit, Audit]:
    """Write two audits whose plans differ in the model alone."""
    sides = (("aaaa0001", first, "model-a"), ("bbbb0002", second, "model-b"))
    a, b = (audit_of(into / name, asked, model, **plans) for name, asked, model in sides)
    return a, b


def audit_of(folder: Path, asked: Sequence[Asked], model: str, **plan: Any) -> Audit:
    """Write an audit with its frozen plan, so that `verify` would find nothing."""
    gating = sum(one.limit is not None for one in asked)
    levels = [1 - (1 - LEVEL) / gating if one.limit is not None else LEVEL for one in asked]
    made = [_finding(one, level) for one, level in zip(asked, levels, strict=True)]
    print_ = sha256(model.encode())
    models = {"main": ModelRecord(name=model, family="table", modality="text", fingerprint=print_)}
    audit = write_audit(
        folder, [one for one, _ in made], items={one.check: frame for one, frame in made if frame is not None},
        models=models,
    )
    frozen = {
        "title": "Compared", "seed": 7, "level": LEVEL, "limit": None, "shard": 64, "models": {"main": print_},
        "checks": [_frozen(one, level) for one, level in zip(asked, levels, strict=True)], **plan,
    }
    write_atomic(folder / "plan.json", canonical(frozen) + b"\n")
    record = audit.record.model_copy(update={"plan": sha256(canonical(frozen))})
    write_atomic(folder / "record.json", dump(record))
    return Audit(folder, record, None)


def _frozen(one: Asked, level: float) -> dict[str, Any]:
    limit = None if one.limit is None else one.limit.model_dump(exclude_none=True)
    data = {"items": {"use": "file", "path": f"{one.name}.csv", "digest": sha256(one.name.encode())}}
    probe = {"use": "bias.stereotype_pairs", "variant": "causal"}
    return {"name": one.name, "probe": probe, "limit": limit, "level": level, "stop": one.stop, "data": data}


def _finding(one: Asked, level: float):
    values = np.asarray(one.values, dtype=float)
    ids = [f"{one.name}-{number}" for number in range(len(values))] if one.ids is None else list(one.ids)
    frame = one.frame
    if frame is None and len(values):
        frame = pd.DataFrame({"id": ids, "value": values})
        if one.units is not None:
            frame["unit"] = list(one.units)
    measures = [replace(each, level=level) for each in one.measures] or [_mean(one, frame, level)]
    controls = {"positive": True, "negative": True}
    decision = decide(measures, one.limit, controls)
    made = finding(
        one.name, decision.verdict, sentence(decision.reason), limit=one.limit, measures=measures, controls=controls,
        stop=one.stop, gating=one.limit is not None,
    )
    return made.model_copy(update={"reason": decision.reason, **one.more}), frame


def _mean(one: Asked, frame: pd.DataFrame, level: float) -> Measure:
    known = frame[frame["value"].notna()]
    units = None if one.units is None else known["unit"].to_numpy(str)
    mean = mean_over_units(known["value"].to_numpy(), units, level=level, rng=np.random.default_rng(0), binary=True)
    return Measure(
        name="accuracy", value=mean.value, low=mean.low, high=mean.high, n=mean.n, unit="share", ideal=one.ideal,
        direction=one.direction, level=level, method=mean.method, mean_of="value",
        unit_of=None if one.units is None else "unit",
    )
