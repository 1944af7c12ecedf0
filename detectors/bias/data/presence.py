"""Who is in a table, and which combinations hardly are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from detectors.bias.data.findings import Found, largest, smallest_p
from detectors.bias.data.reference_shares import Shares, shares_of
from detectors.bias.data.setting import MOST_ROWS, Setting
from detectors.bias.data.splits import NOT_GIVEN, Split, column_of
from detectors.bias.data.uncovered_patterns import MOST_ATTRIBUTES, uncovered
from detectors.phrases import Cause
from detectors.result import Measure

__all__ = ["coverage", "group_table", "representation"]

_TOO_MANY = Cause("there are more combinations than can be numbered")
_NO_LEVEL = Cause("no column has a value")
_Compared = tuple[Split, tuple[str, ...], Shares]


def representation(setting: Setting) -> Found:
    """Return how the shares of groups differ from the references, where some are given, and the smallest group."""
    found, compared = Found(), _shares(setting)
    against = [one for one in compared if one[0].name in setting.asked.reference] or compared[:1]
    parts = [{one.name: one for one in shares.measures} for _, _, shares in against]
    for name in ("total_variation", "representation_ratio", "kl_divergence", "js_divergence"):
        turned = (lambda value: -value) if name == "representation_ratio" else (lambda value: value)
        found.measures += _alone(largest([part[name] for part in parts], turned))
    found.measures += _alone(smallest_p([part["representation_p"] for part in parts]))
    sizes = [next(one for one in shares.measures if one.name == "smallest_group") for _, _, shares in compared]
    found.measures += largest(sizes, lambda value: -value)
    for split, names, shares in compared:
        _add_shares(found, split, names, shares, compared=split.name in setting.asked.reference)
    return found


def _alone(measures: list[Measure]) -> list[Measure]:
    """Return measures of the only reference without a group."""
    return [replace(measures[0], group=None)] if len(measures) == 1 else measures


def _shares(setting: Setting) -> list[_Compared]:
    strict = 1 - (1 - setting.level) / max(1, len(setting.asked.reference))
    found = []
    for split in setting.splits:
        reference = setting.asked.reference.get(split.name)
        counts = dict(zip(split.groups, split.counts().tolist(), strict=True))
        missing = counts.pop(NOT_GIVEN, 0) if reference is not None else 0
        names = tuple(dict.fromkeys([*counts, *(reference or {})]))
        shares = shares_of(
            [counts.get(name, 0) for name in names], names, reference, level=strict, rng=setting.rng, missing=missing,
            group=split.label,
        )
        found.append((split, names, shares))
    return found


def _add_shares(found: Found, split: Split, names: Sequence[str], shares: Shares, *, compared: bool) -> None:
    weights = shares.wanted - shares.share if compared else -shares.share
    for at in np.argsort(-weights, kind="stable")[:MOST_ROWS].tolist():
        found.row(
            "representation", split.name, split.named(names[at]), value=float(shares.share[at]),
            low=float(shares.low[at]), high=float(shares.high[at]), reference=float(shares.wanted[at]),
            against=bool(shares.high[at] < shares.wanted[at]) if compared else None,
            weight=float(weights[at]) if compared else None,
        )  # fmt: skip


def group_table(setting: Setting) -> pd.DataFrame:
    """Return a row a group of every split: rows, share, reference, and of the favourable label its rate."""
    parts = []
    for split, names, shares in _shares(setting):
        part = pd.DataFrame({"column": split.name, "group": [split.named(name) for name in names]})
        part["rows"] = _by_name(split, split.counts(), names).astype(np.int64)
        part["share"], part["low"], part["high"] = shares.share, shares.low, shares.high
        part["reference"] = shares.wanted
        if setting.asked.label is not None:
            selected, totals = (
                _by_name(split, split.counts(mask), names) for mask in (setting.favourable, setting.labelled)
            )
            part["label_rate"] = np.divide(selected, totals, out=np.full(len(names), np.nan), where=totals > 0)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _by_name(split: Split, counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    known = dict(zip(split.groups, counts.tolist(), strict=True))
    return np.array([known.get(name, 0) for name in names], dtype=float)


def coverage(setting: Setting) -> Found:
    """Return which combinations of sensitive columns and label have fewer rows than they must."""
    label, tau = setting.asked.label, setting.asked.tau
    columns = [*setting.sensitive, *([] if label is None else [column_of(setting.frame[label], label)])]
    columns = [one for one in columns if one.levels][:MOST_ATTRIBUTES]
    sizes = [len(one.levels) for one in columns]
    if not columns or np.prod([size + 1.0 for size in sizes]) >= 2.0**62:
        reason = _TOO_MANY if columns else _NO_LEVEL
        return Found([setting.none("uncovered_share", reason), setting.none("uncovered_patterns", reason)])
    seen = uncovered([one.codes for one in columns], sizes, tau, MOST_ROWS)
    share = setting.fact("uncovered_share", seen.bare / seen.cells)
    found = Found([share, setting.fact("uncovered_patterns", seen.count)])
    for pattern in seen.patterns:
        told = [(columns[place].name, columns[place].levels[at]) for place, at in pattern.levels]
        found.row(
            "coverage", ", ".join(name for name, _ in told), ", ".join(level for _, level in told), rows=pattern.rows,
            value=float(pattern.rows), against=True, weight=(tau - pattern.rows) / tau,
        )
    return found
