"""Which rows of a table are there more than once, or among other rows too, and whose they are.

These are facts of these very rows, no estimates: nothing about them is uncertain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.arrays import objects
from detectors.bias.data.duplicates import keys_of_rows
from detectors.bias.data.findings import Found, largest
from detectors.bias.data.setting import MOST_ROWS, ONE_GROUP, Mask, Setting
from detectors.bias.data.splits import Split, column_of, splits_of
from detectors.result import Measure

__all__ = ["duplicates", "overlap"]


def duplicates(setting: Setting) -> Found:
    """Return the share of rows that have the identity of another one, by group."""
    keys = _keys(setting.frame, setting.asked.identity)
    again = (keys.duplicated(keep=False) & keys.notna()).to_numpy(bool)
    found, split = _of_these(setting, "duplicate", "duplicates", again, setting.splits), setting.splits[-1]
    first = keys.drop_duplicates()
    place = dict(zip(first, first.index, strict=True))
    for key, size in keys[again].value_counts().head(MOST_ROWS).items():
        group = split.groups[split.codes[place[str(key)]]]
        found.row("duplicates", ", ".join(setting.asked.identity), split.named(group), rows=int(size),
                  value=float(size), against=True, weight=float(size))  # fmt: skip
    return found


def overlap(setting: Setting) -> Found:
    """Return the share of the other rows that are among these, by group."""
    assert setting.others is not None
    own = set(_keys(setting.frame, setting.asked.identity).dropna())
    there = _keys(setting.others, setting.asked.identity).isin(own).to_numpy(bool)
    splits = splits_of([column_of(setting.others[name], name) for name in setting.asked.sensitive])
    return _of_these(setting, "overlap", "overlap", there, splits)


def _keys(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    return objects(keys_of_rows([frame[name] for name in columns]))


def _of_these(setting: Setting, metric: str, kind: str, events: Mask, splits: Sequence[Split]) -> Found:
    found, spread = Found(), list[Measure]()
    for split in splits:
        sizes = split.counts()
        there = np.flatnonzero(sizes)
        rates = split.counts(events)[there] / sizes[there]
        name = f"{metric}_difference"
        spread.append(
            setting.none(name, ONE_GROUP, split.label) if len(rates) < 2
            else setting.fact(name, float(np.ptp(rates)), split.label, n=len(events))
        )  # fmt: skip
        for at in np.argsort(-rates, kind="stable")[:MOST_ROWS].tolist():
            group = there[at]
            found.row(kind, split.name, split.named(split.groups[group]), rows=int(sizes[group]),
                      value=float(rates[at]), against=None, weight=float(rates[at] - rates.min()))  # fmt: skip
    share = float(events.mean()) if len(events) else 0.0
    found.measures = [*largest(spread), setting.fact(f"{metric}_share", share, n=len(events))]
    return found
