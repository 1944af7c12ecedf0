"""Trials of `bias.data`: a table of two groups, whose numbers are counted from what was laid out.

The fault of every question is in it at once, in one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Known, Trial, overall
from detectors.immutable import immutable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from audit.probe import KnownMeasures

__all__ = ["trial"]

_DataBias = Any
"""A `bias.data` with its options; its module imports this one."""

_TRIED, _OTHERS = 960, 200
_FIRST: tuple[tuple[Sequence[int], Sequence[int]], ...] = (
    (range(12, 24), range(12)), ((0, 1, 3), (0, 1, 4, 8, 12, 16)), ((1, 3, 5), (0, 1, 8)),
)
"""Of 24 rows, by dose: those of the first group that are not in the first stratum, and those of the second that are.

So that rates are alike in both strata, or one of them turns the gap of all round, or both do.
"""


def trial(probe: _DataBias, rng: np.random.Generator, dose: int) -> Trial:
    """Return a table of two groups with the fault of every question in a size; dose 0 is without."""
    table = _Table.laid_out(dose)
    rows = table.frame()
    own = replace(
        probe, sensitive=("group",), label="label", favourable="1", features=("proxy", "other"),
        reference={"group": {"0": 0.6, "1": 0.4}}, cite="planted", tau=100, identity=("key",), questions=probe.asked,
        within=("site",) if "reversals" in probe.asked else (),
    )
    data = {"items": rows.iloc[rng.permutation(_TRIED)]}
    if "overlap" in probe.asked:
        data["test"] = _held_out(rows, dose)
    return Trial(dose > 0, data, {}, _known(probe, table), own)


@immutable
class _Table:
    """What is laid out, [row] each."""

    dose: int
    group: np.ndarray
    """Whether a row is of the second group."""
    label: np.ndarray
    lacks: np.ndarray
    """Whether a feature has no value."""
    proxy: np.ndarray
    key: np.ndarray
    """What names a row."""
    again: np.ndarray
    """Whether there is another row like this one."""
    copied: np.ndarray
    """Whether it is the second of both."""
    first: np.ndarray
    """Whether it is in the first of two strata: with the fault, where the second group has more favourable labels."""

    @classmethod
    def laid_out(cls, dose: int) -> _Table:
        """Return the rows of both groups, one after the other; within each, what is true comes in rounds."""
        import numpy as np

        place, few = np.arange(_TRIED), (384, 288, 192)[dose]
        group = place >= _TRIED - few
        within = np.where(group, place - (_TRIED - few), place)
        label = np.where(group, within % (2, 4, 8)[dose] == 0, within % 2 == 0)
        lacks = np.where(group, within % 24 < (3, 6, 9)[dose], within % 24 < 3)
        proxy = np.where(within % 4 < (2, 3, 4)[dose], group, ~group)
        copies = (0, 24, 72)[dose]  # whole rounds, each row equal to the one that it copies
        again = group & (within < 2 * copies)
        key = np.where(again, within % max(copies, 1), place + _TRIED)
        first = np.where(group, np.isin(within % 24, _FIRST[dose][1]), ~np.isin(within % 24, _FIRST[dose][0]))
        return cls(dose, group, label, lacks, proxy, key, again, again & (within >= copies), first)

    def frame(self) -> pd.DataFrame:
        """Return the table, in order."""
        import numpy as np
        import pandas as pd

        return pd.DataFrame({
            **{name: getattr(self, name).astype(int).astype(str) for name in ("group", "label", "proxy")},
            "other": [None if one else "x" for one in self.lacks], "key": [f"k{one}" for one in self.key],
            "site": np.where(self.first, "x", "y"),
        }, index=pd.Index(np.arange(_TRIED).astype(str), name="id"), dtype=object)  # fmt: skip

    def once(self) -> _Table:
        """Return the rows without copies, which only the question of these counts."""
        of_rows = ("group", "label", "lacks", "proxy", "key", "again", "copied", "first")
        return replace(self, **{name: getattr(self, name)[~self.copied] for name in of_rows})


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


def _known(probe: _DataBias, table: _Table) -> KnownMeasures:
    """Return what the measures of the questions asked are, and the gaps of the second group."""
    questions = {
        "labels": _of_labels, "missing": _of_missing, "representation": _of_shares, "coverage": _of_cells,
        "proxies": _of_proxies, "duplicates": _of_copies, "overlap": _of_overlap,
        "reversals": _of_strata, "missing_columns": _of_one_column,
    }
    seen = table.once()
    told = (questions[one](table if one == "duplicates" else seen) for one in probe.asked)
    known = overall({name: one for measures in told for name, one in measures.items()})
    gaps = {"labels": ("label_rate_gap", seen.label), "missing": ("missing_rate_gap", seen.lacks)}
    for name, events in (gaps[one] for one in gaps if one in probe.asked):
        first, second = _rates(seen, events)
        known[name, "1"] = Known(second - first)
    if "missing_columns" in probe.asked:
        known["column_missing_gap", "other"] = known["column_missing_gap", None]
        known["column_missing_gap", "proxy"] = Known(0.0)
        rates = zip(("other: 0", "other: 1"), _rates(seen, seen.lacks), strict=True)
        known |= {("column_missing_rate", name): Known(rate) for name, rate in rates}
    return known


def _fact(value: float) -> Known:
    return Known(float(value), certain=True)


def _rates(table: _Table, events: np.ndarray) -> tuple[float, float]:
    """Return the share of the rows of each group in which something [row] is so."""
    return float(events[~table.group].mean()), float(events[table.group].mean())


def _of_labels(table: _Table) -> dict[str, Known]:
    import numpy as np

    label, (first, second) = table.label, _rates(table, table.label)
    odds = [np.log((label[one].sum() + 0.5) / ((~label)[one].sum() + 0.5)) for one in (~table.group, table.group)]
    return {
        "label_rate_difference": Known(first - second), "label_rate": Known(float(label.mean())),
        "label_rate_ratio": Known(second / first), "label_log_odds": Known(float(odds[0] - odds[1])),
    }  # fmt: skip


def _of_missing(table: _Table) -> dict[str, Known]:
    first, second = _rates(table, table.lacks)
    return {"missing_rate_difference": Known(second - first), "missing_rate": Known(float(table.lacks.mean()))}


def _of_one_column(table: _Table) -> dict[str, Known]:
    first, second = _rates(table, table.lacks)
    return {"column_missing_gap": Known(second - first)}


def _of_shares(table: _Table) -> dict[str, Known]:
    share = float(table.group.mean())
    return {
        "total_variation": Known(0.4 - share), "representation_ratio": Known(share / 0.4),
        "kl_divergence": Known(_divergence((1 - share, share), (0.6, 0.4))),
        "js_divergence": Known(_jensen_shannon((1 - share, share), (0.6, 0.4))),
        "smallest_group": _fact(table.group.sum()),
    }  # fmt: skip


def _of_cells(table: _Table) -> dict[str, Known]:
    import numpy as np

    sides = (~table.group, table.group)
    few = np.array([[(table.label[one] == value).sum() < 100 for value in (False, True)] for one in sides])
    return {"uncovered_share": _fact(few.mean()), "uncovered_patterns": _fact(few.sum())}


def _of_proxies(table: _Table) -> dict[str, Known]:
    agree = (0.5, 0.75, 1.0)[table.dose]
    strength = _information(float(table.group.mean()), agree)
    return {
        "joint_proxy": Known(agree, within=0.11), "proxy_strength": Known(strength, within=0.002),
        "feature_distance": Known(2 * agree - 1),
    }  # fmt: skip


def _of_copies(table: _Table) -> dict[str, Known]:
    first, second = _rates(table, table.again)
    return {"duplicate_difference": _fact(second - first), "duplicate_share": _fact(table.again.mean())}


def _of_overlap(table: _Table) -> dict[str, Known]:
    shared = (0.0, 0.25, 0.5)[table.dose]
    return {"overlap_difference": _fact(shared), "overlap_share": _fact(shared / 2)}


def _of_strata(table: _Table) -> dict[str, Known]:
    """Return in how many of both strata the gap has the other sign than in all, and the gap pooled over them."""
    first, second = _rates(table, table.label)
    gaps, weights = [], []
    for stratum in (table.first, ~table.first):
        one, two = (table.label[stratum & side] for side in (~table.group, table.group))
        gaps.append(float(one.mean() - two.mean()))
        weights.append(len(one) * len(two) / (len(one) + len(two)))
    turned = sum(gap * (first - second) < 0 for gap in gaps)
    pooled = sum(gap * weight for gap, weight in zip(gaps, weights, strict=True)) / sum(weights)
    return {"reversed_strata": _fact(turned), "label_rate_conditional_gap": Known(pooled)}


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
