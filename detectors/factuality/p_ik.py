"""P(IK): does a model that is asked before it answers know whether it knows? (Kadavath et al. 2022, 2207.05221)

    P(IK)    probability of yes, of yes and no, to "do you know the answer?"; higher = more likely right

Beside it stands the length of the answer, a longer one being the likelier wrong one: what needs no question.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from detectors.arrays import unit_column
from detectors.differences import auroc_difference
from detectors.factuality.tally import Tally
from detectors.phrases import Cause
from detectors.ranking import rank
from detectors.result import Measure, undefined

__all__ = ["KNOWING_MEASURES", "knowing"]

KNOWING_MEASURES = ("p_ik", "known_share", "accuracy_of_known", "p_ik_auroc", "p_ik_above_length")
_THRESHOLD = 0.5
_ALIKE = Cause("fewer than two independent answers are right, or wrong")


def knowing(tally: Tally) -> Iterator[Measure]:
    """Yield `KNOWING_MEASURES` of graded answers: `p_ik` (0 to 1, null = not said), `value` (1 = right) and `words`."""
    items = tally.items
    sure = items["p_ik"].astype(float)
    knows = sure.ge(_THRESHOLD).astype(float).where(sure.notna()).rename(None)
    unsaid = sure.isna() & items["outcome"].ne("not asked")
    said = replace(tally, items=items.assign(no_answer=unsaid))
    either = replace(tally, items=items.assign(no_answer=unsaid | items["no_answer"]))
    # what is not said to be known or unknown may be either, whether its answer is right or wrong
    right = items["value"].where(sure.notna())[knows.ne(0)].rename(None)
    yield said.mean("p_ik", sure.rename(None), "neither", binary=False)
    yield said.mean("known_share", knows, "neither")
    yield either.mean("accuracy_of_known", right, "higher is better")
    yield from _ranked(items, tally.level)


def _ranked(items: pd.DataFrame, level: float) -> Iterator[Measure]:
    """Yield how P(IK) ranks right above wrong answers, and by how much better than the length does."""
    both = items[items["p_ik"].notna() & items["value"].isin([0.0, 1.0])]
    missing = int((items["outcome"].ne("not asked")).sum()) - len(both)
    labels = unit_column(both) if both["unit"].notna().any() else pd.Series(both.index, both.index)
    sides = [both[both["value"].eq(kind)] for kind in (0.0, 1.0)]
    units = [labels[side.index].to_numpy(str) for side in sides]
    n = {"items": len(both), "units": min(len(np.unique(one)) for one in units)}
    names = KNOWING_MEASURES[3:]
    if n["units"] < 2:
        for name in names:
            yield undefined(
                name, _ALIKE, n=n, unit="score", direction="higher is better", level=level, missing=missing
            )
        return
    frames = [
        pd.DataFrame({"first": -side["words"].astype(float), "second": side["p_ik"].astype(float)}) for side in sides
    ]
    ranking = rank(frames[0], frames[1], (units[0], units[1]))
    yield ranking.auroc("second", name=names[0], level=level).lacking(missing)
    gap = auroc_difference(frames[0], frames[1], (units[0], units[1]), level=level)
    yield Measure(
        name=names[1], value=gap.value, low=gap.low, high=gap.high, n=n, unit="score", level=level,
        direction="higher is better", method=gap.method, guarantee=gap.guarantee, min_units=gap.min_units,
        worst_coverage=gap.worst_coverage, measured_to=gap.measured_to,
    ).lacking(missing)
