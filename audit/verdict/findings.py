"""Judging, as the run does it and as `verify --recompute` does it again: by the probe's own word.

    observations/<check>.<role>.parquet -> Result -> verdict -> items/<check>.parquet

Checks that have a limit and do not gate are a family, judged together (`detectors.multiplicity`): every one of the plan
counts, also one that is skipped, and what stops early stops at the strictest level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import IntegrityError
from audit.files import arrow_table, read_frame, write_parquet
from audit.record import DECIDED, Evidence, Finding, Limit, items_name, observations_name, table_name
from audit.seeds import rng_for
from audit.verdict import early_stopping
from audit.verdict.decision import Decision, decide, sentence
from audit.verdict.finite_population import on_benchmark
from audit.verdict.own_units import told_of_units
from audit.verdict.units import part_of
from detectors.multiplicity import step_up
from detectors.result import Measure, measure_of

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Observed, Probe
    from detectors.result import Result

__all__ = ["adjusted_level", "judge_and_store", "judge_finding", "judge_stored", "observations_of", "store_frame"]


def judge_stored(
    check: str,
    probe: Probe,
    observed: Observed,
    *,
    level: float,
    seed: int,
    stop: str = "full",
    limit: Limit | None = None,
    population: int | None = None,
) -> Result:
    """Judge observations exactly as the run does; `verify --recompute` calls this too.

    population: units of the benchmark whose own numbers are meant; None where they stand for others.
    """
    result, part = probe.judge(observed, level=level, rng=rng_for(seed, check, "judge")), part_of(observed, population)
    result = replace(result, remarks=(*told_of_units(observed), *result.remarks))
    if stop == "early" and limit is not None:
        return early_stopping.early_stopped(result, limit, level, part)
    return result if part is None else on_benchmark(result, part)


def judge_finding(
    folder: Path,
    finding: Finding,
    probe: Probe,
    *,
    level: float,
    seed: int,
    keeps: float | None = None,
    budget: int | None = None,
) -> tuple[Result, list[Measure], Decision]:
    """Judge what a finding's check has observed, at a level; nothing is written. `budget` as in `decide`.

    keeps: level of the interval by which it passes, where that is another one. Raises IntegrityError where observations
    cannot be read.
    """
    observed = {
        role: observations_of(folder, finding.check, role, coded=probe.roles[role].table) for role in finding.data
    }

    def judged(at: float) -> tuple[Result, list[Measure]]:
        result = judge_stored(
            finding.check, probe, observed, level=at, seed=seed, stop=finding.stop, limit=finding.limit,
            population=finding.population,
        )
        return result, list(result.measures)

    kept, limit = None, finding.limit
    if keeps is not None and limit is not None:  # first, so that only one result's items are held
        kept = measure_of(judged(keeps)[1], limit.measure, limit.group)
    result, measures = judged(level)
    return result, measures, decide(measures, limit, finding.controls or {}, budget, kept=kept)


def judge_and_store(
    folder: Path,
    finding: Finding,
    probe: Probe,
    *,
    level: float,
    seed: int,
    keeps: float | None = None,
    budget: int | None = None,
) -> Finding:
    """Return the finding with its verdict, judged at a level, and store its items; arguments as `judge_finding`."""
    result, measures, decision = judge_finding(
        folder, finding, probe, level=level, seed=seed, keeps=keeps, budget=budget
    )
    evidence = [one for one in finding.evidence if one.path.startswith("observations/")]
    for name, frame in ((items_name, result.items), (table_name, result.table)):
        if frame is not None:
            evidence.append(store_frame(folder, name(finding.check), frame))
    return finding.model_copy(
        update={
            "verdict": decision.verdict,
            "why": sentence(decision.reason),
            "reason": decision.reason,
            "more_units": decision.more_units,
            "fresh_units": decision.fresh_units,
            "one_sided": decision.one_sided,
            "smallest_effect": decision.smallest_effect,
            "measures": measures,
            "remarks": [{"key": one.key, **one.values} for one in result.remarks],
            "evidence": evidence,
        }
    )


def store_frame(folder: Path, name: str, frame: pd.DataFrame) -> Evidence:
    """Store a frame in an audit's folder and return its name and digest."""
    return Evidence(path=name, sha256=write_parquet(folder, name, arrow_table(frame)))


def observations_of(folder: Path, check: str, role: str, *, coded: bool = False) -> pd.DataFrame:
    """Return what a check observed of a role, `coded` as in `read_frame`; IntegrityError where it cannot be read."""
    name = observations_name(check, role)
    try:
        return read_frame(folder / name, coded=coded)
    except (OSError, ValueError) as error:
        raise IntegrityError("{file}: cannot be read ({problem})", file=name, problem=str(error)) from None


def adjusted_level(
    folder: Path, family: Sequence[Finding], probes: Mapping[str, Probe], *, level: float, seed: int
) -> float:
    """Return the level of a family of findings, judged anew from what was observed; `level` is the audit's."""

    def decided(finding: Finding, at: float) -> bool:
        try:
            _, _, decision = judge_finding(folder, finding, probes[finding.check], level=at, seed=seed)
        except Exception:  # whatever a probe raises: it decides nothing, and crashes where it is judged for the record
            return False
        return decision.verdict in DECIDED

    judged = [finding for finding in family if finding.measures]
    return step_up(level, len(family), lambda at: sum(decided(finding, at) for finding in judged))
