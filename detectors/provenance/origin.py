"""How many files say where they come from, whether anybody vouches for it, whether it contradicts itself, and how much
of a signed file can be changed without anybody noticing.

    share of files     exact (Clopper-Pearson), a file a unit; equal files are one
    tamper pass        of a file: sum over regions r of (bytes_r / bytes) (passed_r / tried_r): the share of its bytes
                       of which a change is not noticed; its mean over files, by betting

A file that could not be read might have said anything: it bounds every share both ways. A file without a manifest is
no evidence of who made it: whoever encodes a file anew removes the manifest without a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats, units_of
from detectors.intervals import mean_over_units
from detectors.phrases import Cause
from detectors.result import COUNT, Direction, Measure, Result, undefined

__all__ = ["ORIGIN_MEASURES", "signed_origin"]

ORIGIN_MEASURES = (
    "trusted_share", "manifest_share", "invalid_share", "untrusted_share", "source_type_share", "aigc_label_share",
    "conflict_share", "tamper_pass_share", "unreadable",
)
_NONE = Cause("no file could be read")
_NO_FLIPS = Cause("no byte of a signed file was changed")
_UP: Direction = "higher is better"
_DOWN: Direction = "lower is better"


def signed_origin(files: pd.DataFrame, *, level: float, rng: np.random.Generator) -> Result:
    """Return `ORIGIN_MEASURES`, then `tamper_pass_share` of each kind of region, as groups.

    files, one row a file: `state` (Trusted, Valid, Invalid, none; null = could not be read), `model_source` and `aigc`
    (whether a layer has IPTC's trainedAlgorithmicMedia, and the label), `conflict`; `regions`, `sizes`, `tried`,
    `passed` (lists: kinds of region of a signed file, their bytes, how many of these were changed, and of how many
    nobody noticed; null = none was changed); where there is one `unit`.

    `items` has the row of each file with `value` (1 = trusted), `tamper_pass` and `no_answer`. One that is not trusted
    counts against the model, one that contradicts itself or was altered most.
    """
    state, lost = files["state"], files["state"].isna()
    units = units_of(files, "unit" if "unit" in files else None)
    units = units.where(~lost, units_of(files, None))
    told = _shares(files)
    ways: Mapping[str, Direction] = {"invalid_share": _DOWN, "conflict_share": _DOWN, "untrusted_share": _DOWN}
    one = _Mean(units, level, rng)
    measures = [one(name, values, ways.get(name, _UP)) for name, values in told.items()]
    whole = files.apply(_of_file, axis=1) if len(files) else pd.Series(dtype=float)
    changed = _changed(files)
    measures.append(one.of_changed("tamper_pass_share", whole.to_numpy(float), changed))
    measures.append(_count("unreadable", int(lost.sum()), len(files), level))
    for kind in _kinds(files):
        values = files.apply(_of_kind(kind), axis=1).to_numpy(float)
        measures.append(one.of_changed("tamper_pass_share", values, ~np.isnan(values), kind))
    items = files.assign(
        value=told["trusted_share"], tamper_pass=whole, no_answer=lost,
        against=state.ne("Trusted").astype("boolean").where(~lost, pd.NA),
        weight=np.where(lost, np.nan, told["conflict_share"] * 4 + told["invalid_share"] * 2 + state.eq("Valid")),
    )
    return Result(tuple(measures), items if "unit" not in files else items.assign(unit=units))


def _shares(files: pd.DataFrame) -> dict[str, Floats]:
    """Return measure -> whether it is so of each file, [file]; NaN where that could not be read."""
    state, lost = files["state"], files["state"].isna()
    said = {
        "trusted_share": state.eq("Trusted"), "manifest_share": state.ne("none"), "invalid_share": state.eq("Invalid"),
        "untrusted_share": state.eq("Valid"), "source_type_share": files["model_source"].eq(True),
        "aigc_label_share": files["aigc"].eq(True), "conflict_share": files["conflict"].eq(True),
    }
    return {name: _is(one, lost) for name, one in said.items()}


def _is(said: pd.Series[bool], lost: pd.Series[bool]) -> Floats:
    """Return 1 or 0 of each file, NaN where it could not be read."""
    return np.where(lost, np.nan, said.astype(float))


class _Mean:
    """Means over units of 0/1 values or shares, with what every measure of files has."""

    def __init__(self, units: pd.Series[str], level: float, rng: np.random.Generator) -> None:
        self._units, self._level, self._rng = units.to_numpy(str), level, rng

    def __call__(self, name: str, values: Floats, direction: Direction) -> Measure:
        facts: dict[str, Any] = {"unit": "share", "direction": direction, "level": self._level}
        if np.isnan(values).all():
            return undefined(name, _NONE, n={"items": 0, "units": 0}, missing=len(values), **facts)
        found = mean_over_units(values, self._units, level=self._level, rng=self._rng, binary=True)
        return Measure(
            name=name, value=found.value, low=found.low, high=found.high, n=found.n, method=found.method,
            missing=found.missing, **facts,
        )

    def of_changed(self, name: str, values: Any, there: Any, group: str | None = None) -> Measure:
        """Return the mean over the files of which bytes were changed."""
        facts: dict[str, Any] = {"unit": "share", "direction": _DOWN, "level": self._level, "group": group}
        if not there.any():
            return undefined(name, _NO_FLIPS, n={"items": 0, "units": 0}, **facts)
        found = mean_over_units(values[there], self._units[there], level=self._level, rng=self._rng)
        return Measure(
            name=name, value=found.value, low=found.low, high=found.high, n=found.n, method=found.method, **facts,
        )


def _changed(files: pd.DataFrame) -> NDArray[np.bool_]:
    return np.array([_some(cell) for cell in files["tried"]], dtype=bool)


def _some(cell: Any) -> bool:
    return isinstance(cell, Sequence | np.ndarray) and sum(cell) > 0


def _of_file(row: pd.Series[Any]) -> float:
    """Return the share of a file's bytes of which a change passes; NaN where none was changed."""
    if not _some(row["tried"]):
        return np.nan
    sizes, tried, passed = (np.asarray(row[name], dtype=float) for name in ("sizes", "tried", "passed"))
    there = tried > 0
    return float((sizes[there] * passed[there] / tried[there]).sum() / sizes[there].sum())


def _of_kind(kind: str) -> Callable[[pd.Series[Any]], float]:
    def share(row: pd.Series[Any]) -> float:
        found = list(row["regions"]) if _some(row["tried"]) else []
        if kind not in found or not row["tried"][found.index(kind)]:
            return np.nan
        return float(row["passed"][found.index(kind)] / row["tried"][found.index(kind)])

    return share


def _kinds(files: pd.DataFrame) -> list[str]:
    return sorted({str(kind) for cell in files["regions"] if isinstance(cell, Sequence | np.ndarray) for kind in cell})


def _count(name: str, count: int, size: int, level: float) -> Measure:
    return Measure(
        name=name, value=count, low=count, high=count, n={"items": size}, unit="count", direction=_DOWN, level=level,
        method=COUNT,
    )
