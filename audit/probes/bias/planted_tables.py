"""Tables with a planted fault, and without, for the controls and trials of `bias.data`.

Who is in which group and who has which label is laid out, not drawn, so that the clean twin has no gap but none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import Known, Observed, Trial
    from detectors.result import Result

__all__ = ["pair", "shows", "trial"]

_DataBias = Any
"""A `bias.data` with its options; its module imports this one."""

_ROWS, _FEW = 512, 4
_SHOWN: Mapping[str, tuple[str, float]] = {
    "labels": ("label_rate_difference", 0.0), "missing": ("missing_rate_difference", 0.0),
    "coverage": ("uncovered_share", 0.0), "proxies": ("joint_proxy", 0.5), "duplicates": ("duplicate_difference", 0.0),
    "overlap": ("overlap_difference", 0.0),
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
    if question == "labels":
        label = np.where(group, np.arange(len(rows)) // 16 % 4 == 0, np.arange(len(rows)) // 16 % 4 != 0)
        rows[probe.label] = _labels(probe, label)
    if question == "missing":
        lacks = group & (np.arange(len(rows)) // 16 % 2 == 0)
        rows.loc[lacks, [*probe.features, probe.label][0]] = None
    if question == "coverage" and faulty:
        rows = rows[~(group & (np.arange(len(rows)) >= 2))]
    if question == "proxies":
        told = np.where(rng.random(len(rows)) < 0.05, ~group, group)
        rows[probe.features[0]] = told.astype(int).astype(str)
    twice = group if faulty else np.ones(len(rows), bool)  # each row of the clean twin is there twice
    _identify(probe, rows, twice if question == "duplicates" else np.zeros(len(rows), bool))
    if question != "overlap":
        return {"items": rows}
    others = rows[[*probe.sensitive, *probe.identity]].copy()
    others.loc[~group[: len(rows)], probe.identity[0]] = [f"other {n}" for n in range(int((~group).sum()))]
    return {"items": rows, "test": others}


def _size(probe: _DataBias) -> int:
    """Return how many rows cover every combination of two levels a column."""
    cells = 2 ** (len(probe.sensitive) + (probe.label is not None))
    return max(_ROWS, 2 * probe.tau * cells if probe.asked[0] == "coverage" else 0)


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
    return pd.DataFrame(columns, index=pd.Index(place.astype(str), name="id"), dtype=object)


def _identify(probe: _DataBias, rows: pd.DataFrame, twice: np.ndarray) -> None:
    """Name each row; those of a mask in pairs."""
    import numpy as np

    if probe.identity and (probe.asked[0] in ("duplicates", "overlap") or probe.identity[0] not in rows):
        place = np.arange(len(rows))
        rows[probe.identity[0]] = [f"row {n}" for n in np.where(twice, place // 4 * 4 + place % 2, place)]
    for name in probe.identity:
        if name not in rows:
            rows[name] = "same"


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
    rest = [*probe.features, *probe.identity, *([] if probe.label is None else [probe.label])]
    for name in rest:
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


# --- trials: a table of their own, whose numbers are counted from what was laid out

_TRIED = 960
_OTHERS = 200


def trial(probe: _DataBias, rng: np.random.Generator, dose: int) -> Trial:
    """Return a table of two groups with the fault of every question in a size; dose 0 is without."""
    import numpy as np
    import pandas as pd

    from audit.probe import Trial

    few = (384, 288, 192)[dose]
    group = np.arange(_TRIED) >= _TRIED - few
    within = np.where(group, np.arange(_TRIED) - (_TRIED - few), np.arange(_TRIED))
    label = within % (2, 4, 8)[dose] == 0
    label = np.where(group, label, within % 2 == 0)
    lacks = np.where(group, within % 24 < (3, 6, 9)[dose], within % 24 < 3)
    agrees = within % 4 < (2, 3, 4)[dose]
    proxy = np.where(agrees, group, ~group)
    copies = (0, 24, 72)[dose]  # whole rounds of what is laid out, each row equal to the one that it copies
    again, copied = group & (within < 2 * copies), group & (within >= copies) & (within < 2 * copies)
    key = np.where(again, within % max(copies, 1), np.arange(_TRIED) + _TRIED)
    rows = pd.DataFrame({
        "group": group.astype(int).astype(str), "label": label.astype(int).astype(str),
        "proxy": proxy.astype(int).astype(str), "other": [None if one else "x" for one in lacks],
        "key": [f"k{one}" for one in key],
    }, index=pd.Index(np.arange(_TRIED).astype(str), name="id"), dtype=object)  # fmt: skip
    own = replace(
        probe, sensitive=("group",), label="label", favourable="1", features=("proxy", "other"),
        reference={"group": {"0": 0.6, "1": 0.4}}, cite="planted", tau=100, identity=("key",), questions=probe.asked,
    )
    data = {"items": rows.iloc[rng.permutation(_TRIED)]}
    twice = float(again[~group].mean()), float(again[group].mean()), float(again.mean())
    group, label, lacks = group[~copied], label[~copied], lacks[~copied]
    known = _known(group, label, lacks, twice, dose)
    if "overlap" in probe.asked:
        data["test"] = _held_out(rows, dose)
        shared = (0.0, 0.25, 0.5)[dose]
        known["overlap"] = {"overlap_difference": _fact(shared), "overlap_share": _fact(shared / 2)}
    told: dict[tuple[str, str | None], Known] = {
        (name, None): one for question in probe.asked for name, one in known[question].items()
    }
    if "labels" in probe.asked:
        told["label_rate_gap", "1"] = _estimate(label[group].mean() - label[~group].mean())
    if "missing" in probe.asked:
        told["missing_rate_gap", "1"] = _estimate(lacks[group].mean() - lacks[~group].mean())
    return Trial(dose > 0, data, {}, told, own)


def _held_out(rows: pd.DataFrame, dose: int) -> pd.DataFrame:
    """Return other rows, half of each group, of which a part of group 1 is among the rows."""
    import numpy as np
    import pandas as pd

    half = _OTHERS // 2
    shared = half * dose // 4
    keys = [f"new {n}" for n in range(_OTHERS)]
    keys[half : half + shared] = rows["key"].tolist()[-shared:] if shared else []
    frame = pd.DataFrame({"group": np.repeat(["0", "1"], half), "key": keys}, dtype=object)
    return frame.rename(index=str).rename_axis("id")


def _fact(value: float) -> Known:
    from audit.probe import Known

    return Known(float(value), certain=True)


def _estimate(value: float) -> Known:
    from audit.probe import Known

    return Known(float(value))


def _known(
    group: np.ndarray, label: np.ndarray, lacks: np.ndarray, twice: tuple[float, float, float], dose: int
) -> dict[str, dict[str, Known]]:
    import numpy as np

    from audit.probe import Known

    def rate(events: np.ndarray) -> tuple[float, float]:
        return float(events[~group].mean()), float(events[group].mean())

    share, (first, second), missing = group.mean(), rate(label), rate(lacks)
    odds = [np.log((label[one].sum() + 0.5) / ((~label)[one].sum() + 0.5)) for one in (~group, group)]
    cells = np.array([[(label[one] == value).sum() for value in (False, True)] for one in (~group, group)])
    agree = (0.5, 0.75, 1.0)[dose]
    return {
        "labels": {
            "label_rate_difference": _estimate(first - second), "label_rate": _estimate(label.mean()),
            "label_rate_ratio": _estimate(second / first), "label_log_odds": _estimate(odds[0] - odds[1]),
        },
        "missing": {
            "missing_rate_difference": _estimate(missing[1] - missing[0]), "missing_rate": _estimate(lacks.mean()),
        },
        "representation": {
            "total_variation": _estimate(0.4 - share), "representation_ratio": _estimate(share / 0.4),
            "kl_divergence": _estimate(_divergence((1 - share, share), (0.6, 0.4))),
            "js_divergence": _estimate(_jensen_shannon((1 - share, share), (0.6, 0.4))),
            "smallest_group": _fact(group.sum()),
        },
        "coverage": {"uncovered_share": _fact((cells < 100).mean()), "uncovered_patterns": _fact((cells < 100).sum())},
        "proxies": {
            "joint_proxy": Known(agree, within=0.11), "proxy_strength": Known(_information(share, agree), within=0.002),
            "feature_distance": _estimate(2 * agree - 1),
        },
        "duplicates": {"duplicate_difference": _fact(twice[1] - twice[0]), "duplicate_share": _fact(twice[2])},
    }  # fmt: skip


def _divergence(one: tuple[float, float], other: tuple[float, float]) -> float:
    from math import log

    return sum(p * log(p / q) for p, q in zip(one, other, strict=True))


def _jensen_shannon(one: tuple[float, float], other: tuple[float, float]) -> float:
    middle = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
    return (_divergence(one, middle) + _divergence(other, middle)) / 2


def _information(share: float, agree: float) -> float:
    """Return I / H of a group with this share of rows, and a feature that says which it is with this probability."""
    from math import log

    def entropy(p: float) -> float:
        return -sum(one * log(one) for one in (p, 1 - p) if one > 0)

    says = share * agree + (1 - share) * (1 - agree)
    return (entropy(says) - entropy(agree)) / entropy(share)
