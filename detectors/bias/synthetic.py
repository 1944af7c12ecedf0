"""Does a synthetic table keep what the real one says of groups, and serve a model of every group as well?

    gap change      (label rate of a group - of all others), synthetic - real
    share change    share of the rows that are of a group, synthetic - real
    distance        largest over features of KS (numbers) or total variation (words) between a group's real and
                    synthetic rows
    proxy change    balanced accuracy of telling the group from the features, synthetic - real
    transfer cost   accuracy on held-out real rows: learnt from real rows - learnt from synthetic ones (TRTR - TSTR)

A table that keeps the gaps of the real one keeps its bias too: what changed is told, not whether it was good. Every
interval holds in finite samples: rates by exact tails, distances by Massart's inequality (Dvoretzky, Kiefer & Wolfowitz
1956; Massart 1990) and that of Weissman et al. 2003, accuracies given the classifier that was learnt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.arrays import Floats
from detectors.bias.contrasts import Gap, largest, together
from detectors.bias.transfer import Learning
from detectors.bias.two_tables import FEW, LEAST, NO_FEATURE, OneTable
from detectors.intervals import rate_difference
from detectors.phrases import Method
from detectors.result import Measure, Result, undefined

__all__ = ["synthetic_fidelity"]

_RATES = Method("exact tails of two rates combined, of both tables")
_DISTANCE = Method("Massart's and Weissman's inequalities, all groups and features at once")


def synthetic_fidelity(
    real: pd.DataFrame, synthetic: pd.DataFrame, *, level: float, rng: np.random.Generator,
    features: Sequence[str], group: str = "group", label: str = "label",
) -> Result:
    """Return what a synthetic table changes for each group of a real one.

    real, synthetic: a row each, with the columns `group` (text, a missing one is a level of its own), `label` (1 = the
    favourable outcome, 0 = not, NaN = unknown) and the features: numbers, or text where not all are. Rows are
    independent. Groups are those of the real table with 10 rows or more in both; others have rows in `table` alone.

    Measures; those of groups hold for all groups at once:
      largest_gap_change         headline; the largest change of a label-rate gap in size, whichever group it is of
      gap_change                 of each group; label_rate_gap of each in `table`
      group_share_change         of each group
      group_distance             of each group; its value is biased upwards, its interval is not
      group_predictability       balanced accuracy on held-out rows, of the `real` and the `synthetic` table
      proxy_change               their difference
      transfer_accuracy          of each group: learnt from synthetic rows, tried on real ones
      transfer_cost              of each group, paired by row
      transfer_cost_gap          of each group, its cost less that of all others
    Items: the real rows that were held out, with what was told by either classifier; a row that the real one told right
    and the synthetic one did not counts against the table. Raises ValueError for fewer than two such groups.
    """
    tables = {"real": OneTable.of(real, group, label), "synthetic": OneTable.of(synthetic, group, label)}
    judge = _Judge(tables["real"], tables["synthetic"], _in_both(**tables), tuple(features), level, rng)
    gaps = judge.gap_changes()
    method = together(_RATES, judge.count)
    measures = [
        largest("largest_gap_change", gaps, judge.n, level, method, "share"),
        *(gap.measure("gap_change", level, method, "share") for gap in gaps),
        *(gap.measure("group_share_change", level, method, "share") for gap in judge.share_changes()),
        *judge.distances(), *judge.proxies(), *judge.transfers(),
    ]
    return Result(tuple(measures), items=judge.held_out(), table=judge.table())


def _in_both(real: OneTable, synthetic: OneTable) -> tuple[str, ...]:
    """Return the groups with enough rows in both tables, sorted."""
    groups = sorted(name for name, rows in real.sizes.items() if min(rows, synthetic.sizes.get(name, 0)) >= LEAST)
    if len(groups) < 2:
        got = f"{len(groups)} groups with {LEAST} rows or more in both tables"
        raise ValueError(f"synthetic_fidelity: got {got}; allowed: 2 or more")
    return tuple(groups)


class _Judge(Learning):
    """Makes the measures of one pair of tables."""

    def gap_changes(self) -> list[Gap]:
        """Return the change of every group's gap; each table has half of the error."""
        inner, found = 1 - (1 - self.level) / (2 * self.count), []
        for name in self.groups:
            counts = [one.counts(name) for one in (self.real, self.synthetic)]
            if min(n for k, n, others, rest in counts for n in (n, rest)) < LEAST:
                found.append(Gap(name, np.nan, -2.0, 2.0, self.of_group(name), 0))
                continue
            (old, new), ends = ([k / n - m / r for k, n, m, r in counts], [rate_difference(*c, inner) for c in counts])
            low, high = float(ends[1][0] - ends[0][1]), float(ends[1][1] - ends[0][0])
            found.append(Gap(name, new - old, low, high, self.of_group(name), 0))
        return found

    def share_changes(self) -> list[Gap]:
        """Return the change of every group's share of the rows."""
        inner, found = 1 - (1 - self.level) / self.count, []
        for name in self.groups:
            (k, n), (m, r) = ((one.sizes[name], len(one.rows)) for one in (self.synthetic, self.real))
            low, high = rate_difference(k, n, m, r, inner)
            found.append(Gap(name, k / n - m / r, float(low), float(high), {"items": n + r, "units": min(n, r)}, 0))
        return found

    def distances(self) -> Iterator[Measure]:
        """Yield the largest distance over features of every group, with what chance may make of it on either side."""
        for name in self.groups:
            at = [one.group == name for one in (self.real, self.synthetic)]
            told: dict[str, Any] = {
                "n": self.of_group(name), "unit": "share", "direction": "lower is better", "ideal": 0.0,
                "level": self.level, "group": name,
            }
            found = [self._distance(at, *column) for column in self.columns.values()]
            there = [one for one in found if one is not None]
            if not there:
                yield undefined("group_distance", FEW if self.features else NO_FEATURE, **told)
                continue
            value = max(distance for distance, _ in there)
            low = max(0.0, *(distance - radius for distance, radius in there))
            high = min(1.0, max(distance + radius for distance, radius in there))
            yield Measure(name="group_distance", value=value, low=low, high=high, method=_DISTANCE, **told)

    def _distance(
        self, at: Sequence[NDArray[np.bool_]], real: Floats, synthetic: Floats, numbers: bool
    ) -> tuple[float, float] | None:
        """Return (distance, how far from the true one it may be) of one group and feature."""
        sides = [values[rows] for values, rows in zip((real, synthetic), at, strict=True)]
        sides = [np.sort(values[np.isfinite(values)]) for values in sides]
        if min(map(len, sides)) < LEAST:
            return None
        share = (1 - self.level) / (2 * len(self.groups) * len(self.features))  # of either table
        if numbers:
            points = np.concatenate(sides)
            one, other = (np.searchsorted(side, points, side="right") / len(side) for side in sides)
            return float(np.abs(one - other).max()), sum(sqrt(log(2 / share) / (2 * len(side))) for side in sides)
        wide = int(max(side[-1] for side in sides)) + 1
        one, other = (np.bincount(side.astype(int), minlength=wide) / len(side) for side in sides)
        odds = wide * log(2) + log(1 / share)  # of 2^levels events, one of which has the whole distance
        return float(np.abs(one - other).sum() / 2), sum(sqrt(odds / (2 * len(side))) for side in sides)

    def table(self) -> pd.DataFrame:
        """Return a row a group, also of those too small to speak of."""
        found = []
        for name in sorted({*self.real.sizes, *self.synthetic.sizes}):
            row: dict[str, Any] = {"group": name}
            for table, one in (("real", self.real), ("synthetic", self.synthetic)):
                k, n, others, rest = one.counts(name)
                row[f"rows_{table}"] = one.sizes.get(name, 0)
                row[f"label_rate_{table}"] = k / n if n else np.nan
                row[f"label_gap_{table}"] = k / n - others / rest if n and rest else np.nan
            found.append(row)
        return pd.DataFrame(found)
