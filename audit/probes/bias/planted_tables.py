"""Tables with a planted fault, and without, for the controls of `bias.data`.

Who is in which group and who has which label is laid out, not drawn, so that the clean twin has no gap but none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Observed
    from detectors.result import Result

__all__ = ["pair", "shows"]

_DataBias = Any
"""A `bias.data` with its options; its module imports this one."""

_ROWS, _FEW = 512, 4
_SHOWN: Mapping[str, tuple[str, float]] = {
    "labels": ("label_rate_difference", 0.0), "missing": ("missing_rate_difference", 0.0),
    "coverage": ("uncovered_share", 0.0), "proxies": ("joint_proxy", 0.5), "duplicates": ("duplicate_difference", 0.0),
    "overlap": ("overlap_difference", 0.0), "reversals": ("reversed_strata", 0.0),
    "missing_columns": ("column_missing_gap", 0.0),
}  # fmt: skip
"""Question -> (measure, what its whole interval lies above where there is a fault)."""


def shows(probe: _DataBias, result: Result) -> bool:
    """Tell whether the measure of the probe's first question surely shows a fault."""
    question = probe.asked[0]
    if question == "representation" and not probe.reference:
        smallest = result.measure("smallest_group").value
        return smallest is not None and smallest <= _FEW
    name, most = _SHOWN.get(question, ("total_variation", 0.0))
    low = result.measure(name).low
    return low is not None and low > most


def pair(probe: _DataBias, rng: np.random.Generator) -> tuple[Observed, Observed]:
    """Return (fault, clean twin) of the probe's first question, in columns of its names."""
    return _planted(probe, rng, faulty=True), _planted(probe, rng, faulty=False)


def _planted(probe: _DataBias, rng: np.random.Generator, *, faulty: bool) -> Observed:
    import numpy as np

    question = probe.asked[0]
    if question == "representation":
        return {"items": _represented(probe, faulty)}
    rows = _laid_out(probe, _size(probe))
    group = (np.arange(len(rows)) % 2).astype(bool)
    if not faulty:
        group = group ^ (np.arange(len(rows)) // 2 % 2).astype(bool)  # of no column of the table
    twice = group if faulty else np.ones(len(rows), bool)  # each row of the clean twin is there twice
    _identify(probe, rows, twice if question == "duplicates" else np.zeros(len(rows), bool))
    if question == "labels":
        label = np.where(group, np.arange(len(rows)) // 16 % 4 == 0, np.arange(len(rows)) // 16 % 4 != 0)
        rows[probe.label] = _labels(probe, label)
    if question == "reversals":
        _turn(probe, rows, group)
    if question in ("missing", "missing_columns"):
        lacks = group & (np.arange(len(rows)) // 16 % 2 == 0)
        able = [*probe.features, *([] if probe.label is None else [probe.label])]
        rows.loc[lacks, min(able, key=lambda one: one in probe.identity)] = None
    if question == "coverage" and faulty:
        rows = rows[~(group & (np.arange(len(rows)) >= 2))]
    if question == "proxies":
        told = np.where(rng.random(len(rows)) < 0.05, ~group, group)
        number = told.astype(int)
        if probe.features[0] in probe.identity:  # large or small tells of the group, and each is of one row
            number = number * len(rows) + np.arange(len(rows))
        rows[probe.features[0]] = number.astype(str)
    if question != "overlap":
        return {"items": rows}
    others = rows[list(dict.fromkeys([*probe.sensitive, *probe.identity]))].copy()
    others.loc[~group[: len(rows)], _telling(probe)] = [f"other {n}" for n in range(int((~group).sum()))]
    return {"items": rows, "test": others}


def _size(probe: _DataBias) -> int:
    """Return how many rows cover every combination of two levels a column."""
    if probe.asked[0] == "reversals":
        return 4 * _ROWS
    cells = 2 ** (len(probe.sensitive) + (probe.label is not None))
    return max(_ROWS, 2 * probe.tau * cells if probe.asked[0] == "coverage" else 0)


def _turn(probe: _DataBias, rows: pd.DataFrame, group: np.ndarray) -> None:
    """Give the group labels that are favourable less often in all, and more often in either stratum.

    Of 16 rows of the others 12 are in the first stratum, 9 of them favourable, and of 4 in the second none; of the
    group 4 and all, 12 and 2.
    """
    import numpy as np

    slot = np.arange(len(rows)) // 16 % 16
    first = np.where(group, slot < 4, slot < 12)
    rows[probe.within[0]] = np.where(first, "0", "1")
    rows[probe.label] = _labels(probe, np.where(group, slot < 6, slot < 9))


def _labels(probe: _DataBias, favourable: np.ndarray) -> list[str]:
    other = "0" if str(probe.favourable) != "0" else "1"
    return [str(probe.favourable) if one else other for one in favourable]


def _laid_out(probe: _DataBias, size: int) -> pd.DataFrame:
    """Return rows in which every combination of columns is as frequent as any other."""
    import numpy as np
    import pandas as pd

    place = np.arange(size)
    columns: dict[str, Any] = {name: (place // 2**at % 2).astype(str) for at, name in enumerate(probe.sensitive)}
    if len(probe.sensitive) > 1:  # another bit than the one that is planted on
        columns |= {name: (place // 2 ** (at + 1) % 2).astype(str) for at, name in enumerate(probe.sensitive) if at}
    if probe.label is not None:
        columns[probe.label] = _labels(probe, place // 16 % 2 == 0)
    columns |= {name: (place // 2 ** (5 + at % 3) % 2).astype(str) for at, name in enumerate(probe.features)}
    columns |= {name: "0" for name in probe.within if name not in columns}
    return pd.DataFrame(columns, index=pd.Index(place.astype(str), name="id"), dtype=object)


def _identify(probe: _DataBias, rows: pd.DataFrame, twice: np.ndarray) -> None:
    """Name each row; those of a mask in pairs."""
    import numpy as np

    if probe.identity and (probe.asked[0] in ("duplicates", "overlap") or _telling(probe) not in _judged(probe)):
        place = np.arange(len(rows))
        rows[_telling(probe)] = [f"row {n}" for n in np.where(twice, place // 4 * 4 + place % 2, place)]
    for name in probe.identity:
        if name not in rows:
            rows[name] = "same"


def _telling(probe: _DataBias) -> str:
    """Return the column that tells rows apart: of the identity one that is nothing else, or else a feature."""
    taken = (_judged(probe), {*probe.features})
    first: str = min(probe.identity, key=lambda one: [one in columns for columns in taken])
    return first


def _judged(probe: _DataBias) -> set[str | None]:
    """Return the columns that say whom a row is of, and what became of it."""
    return {*probe.sensitive, *probe.within, probe.label}


def _represented(probe: _DataBias, faulty: bool) -> pd.DataFrame:
    """Return rows whose shares are those of the reference, or away from it; without one, a group of hardly any rows."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame(index=pd.Index(np.arange(4 * _ROWS).astype(str), name="id"))
    halves = {"0": 0.5, "1": 0.5}
    for at, name in enumerate(probe.sensitive):
        wanted = probe.reference.get(name, halves)
        shares = np.array(list(wanted.values()))
        if faulty and probe.reference:
            shares = (shares + np.eye(len(shares))[shares.argmin()]) / 2
        elif faulty and at == 0:
            shares = np.array([1 - _FEW / len(frame), _FEW / len(frame)])
        ends = np.rint(np.cumsum(shares) * len(frame)).astype(int)
        codes = np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))
        frame[name] = np.array(list(wanted), dtype=object)[codes[_turned(len(frame), at)]]
    joined = " x ".join(probe.sensitive)
    if joined in probe.reference and len(probe.sensitive) > 1:
        _jointly(probe, frame, probe.reference[joined], faulty)
    _identify(probe, frame, np.zeros(len(frame), bool))
    for name in [*probe.features, *([] if probe.label is None else [probe.label])]:
        if name not in frame:
            frame[name] = "0"
    return frame.astype(object)


def _turned(size: int, at: int) -> np.ndarray:
    """Return an order of the rows, another one for each column."""
    import numpy as np

    return np.arange(size) if at == 0 else np.random.default_rng(at).permutation(size)


def _jointly(probe: _DataBias, frame: pd.DataFrame, reference: Mapping[str, float], faulty: bool) -> None:
    """Give the rows the combinations of a joint reference."""
    import numpy as np

    shares = np.array(list(reference.values()))
    if faulty:
        shares = (shares + np.eye(len(shares))[shares.argmin()]) / 2
    ends = np.rint(np.cumsum(shares) * len(frame)).astype(int)
    codes = np.repeat(np.arange(len(shares)), np.diff(ends, prepend=0))
    for at, name in enumerate(probe.sensitive):
        levels = np.array([one.split(", ")[at] for one in reference], dtype=object)
        frame[name] = levels[codes]
