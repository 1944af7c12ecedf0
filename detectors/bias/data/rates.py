"""Rates by group of a table: of the favourable label, and of rows that lack a value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from detectors.bias.data.findings import Found, largest, smallest_p, sureness, surest
from detectors.bias.data.setting import MOST_ROWS, NEVER, ONE_GROUP, Mask, Setting
from detectors.bias.data.splits import Split
from detectors.bias.gaps import group_gaps
from detectors.bias.impact import impact_ratios
from detectors.phrases import Cause, Method
from detectors.result import Measure, Remark

__all__ = ["label_rates", "missing_rates"]

_ALWAYS = Cause("every row lacks a value of some column")
_SMOOTHED = Method("none; half a row is added to each count")


def label_rates(setting: Setting) -> Found:
    """Return the rate of the favourable label by group, and its smallest ratio and largest log odds ratio.

    All is undefined where no row has the favourable value, which a wrong name of it makes of any table.
    """
    if not setting.favourable.any():
        names = ("difference", "gap", "gap_p", "detectable_gap")
        return Found([*(setting.none(f"label_rate_{one}", NEVER) for one in names),
                      setting.none("label_rate_ratio", NEVER), setting.none("label_log_odds", NEVER)])  # fmt: skip
    found = _rates(setting, "label_rate", "labels", setting.favourable, setting.labelled)
    found.measures += largest([_ratio(setting, split) for split in setting.splits], lambda value: -value)
    found.measures += largest([_log_odds(setting, split) for split in setting.splits])
    return found


def missing_rates(setting: Setting) -> Found:
    """Return the rate of rows that lack a feature or the label by group, and of each column who lacks it most.

    All is undefined where every row lacks some value, as a column that is nearly empty makes of any table.
    """
    asked = setting.asked
    lacks = setting.frame[[*asked.features, *([] if asked.label is None else [asked.label])]].isna()
    bare = lacks.any(axis=1).to_numpy(bool)
    if bare.all():
        names = ("difference", "gap", "gap_p", "detectable_gap")
        found = Found([setting.none(f"missing_rate_{one}", _ALWAYS) for one in names])
    else:
        found = _rates(setting, "missing_rate", "missing", bare, np.ones(len(lacks), bool))
    for name in lacks.columns[lacks.any()] if len(lacks.columns) > 1 else ():
        for split in setting.splits:
            _add_widest(found, split, name, lacks[name].to_numpy(bool))
    return found


def _rates(setting: Setting, metric: str, kind: str, events: Mask, known: Mask) -> Found:
    found, of_splits, of_groups = Found(), list[dict[str, Measure]](), list[Measure]()
    told = list[tuple[tuple[float, float], tuple[Remark, ...]]]()
    for split in setting.splits:
        result = group_gaps(
            split.counts(events & known), split.counts(known), [split.named(group) for group in split.groups],
            level=setting.strict, rng=setting.rng, metric=metric, missing=split.counts(~known),
        )
        whole = [one for one in result.measures if one.group is None]
        of_splits.append({one.name: replace(one, group=split.label) for one in whole})
        of_groups += [one for one in result.measures if one.group is not None]
        assert result.table is not None
        _add_rates(found, kind, split, result.table)
        told.append((sureness(of_splits[-1][f"{metric}_gap"]), result.remarks))
    for ending, over in (("difference", largest), ("gap", surest), ("gap_p", smallest_p), ("detectable_gap", largest)):
        found.measures += over([one[f"{metric}_{ending}"] for one in of_splits])
    found.measures += [replace(of_splits[0][metric], group=None), *of_groups]
    found.remarks += max(told, key=lambda one: one[0])[1]
    return found


def _add_rates(found: Found, kind: str, split: Split, table: pd.DataFrame) -> None:
    told = table.assign(weight=table["gap"].abs()).sort_values("weight", ascending=False, kind="stable")
    for row in told.head(MOST_ROWS).to_dict("records"):
        known = row["gap"] == row["gap"]
        found.row(
            kind, split.name, row["group"], rows=row["units"], value=row["rate"], low=row["low"], high=row["high"],
            against=bool(row["gap_low"] > 0 or row["gap_high"] < 0) if known else None,
            weight=row["weight"] if known else None,
        )  # fmt: skip


def _add_widest(found: Found, split: Split, name: str, lacks: Mask) -> None:
    """Add a row for the group that lacks values of a column most often."""
    sizes = split.counts()
    shares = np.divide(split.counts(lacks), sizes, out=np.zeros(len(sizes)), where=sizes > 0)
    at = int(shares.argmax())
    found.row(
        "missing", name, split.named(split.groups[at]), rows=int(sizes[at]), value=float(shares[at]), against=None,
        weight=float(shares[at] - lacks.mean()),
    )  # fmt: skip


def _ratio(setting: Setting, split: Split) -> Measure:
    """Return the smallest over the largest rate (`detectors.bias.impact`)."""
    result = impact_ratios(
        split.counts(setting.favourable), split.counts(setting.labelled), [split.named(one) for one in split.groups],
        level=setting.strict, metric="label_rate", missing=split.counts(~setting.labelled),
    )
    return replace(result.measure("label_rate_ratio"), group=split.label)


def _log_odds(setting: Setting, split: Split) -> Measure:
    """Return the log odds ratio of the groups that have the favourable label most and least often."""
    selected, totals = split.counts(setting.favourable), split.counts(setting.labelled)
    there = totals > 0
    if there.sum() < 2:
        return setting.none("label_log_odds", ONE_GROUP, split.label)
    odds = np.log((selected[there] + 0.5) / (totals[there] - selected[there] + 0.5))
    return setting.measure("label_log_odds", float(np.ptp(odds)), split.label, n=int(totals.sum()), method=_SMOOTHED)
