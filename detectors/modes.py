"""Which classes of the data are never drawn, or hardly ever?

    a class is missing      where its share of draws is below a fraction of its share of the data
    low  of missing_modes = classes whose interval lies below that          value = classes whose share does
    high of missing_modes = classes whose interval does not lie above it

The intervals of all classes hold together, so the count's interval holds with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from detectors.intervals import exact_binomial
from detectors.phrases import Method
from detectors.result import Measure, Result

__all__ = ["count_missing", "missing_modes"]


def missing_modes(
    drawn: Sequence[str], reference: Mapping[str, float], *, level: float, fraction: float = 0.25, missing: int = 0
) -> Result:
    """Return `missing_modes` and `class_share` of every class, from the classes that a classifier gives draws.

    drawn [draw]: class of each draw; one that the data do not have counts among the draws alone. reference: class ->
    share of the data, above 0. missing: further draws that were no item; they may have been of any class. Intervals are
    exact, at a level shared by the classes (Bonferroni). What the classifier gets wrong counts as drawn: a missing
    class is found only if it is seldom taken for drawn. table has a row a class.
    Raises ValueError for no draws, no classes, and a share not above 0.
    """
    if not len(drawn) or not reference or min(reference.values()) <= 0:
        raise ValueError(f"missing_modes: got {len(drawn)} draws, shares {dict(reference)}; allowed: some, all above 0")
    names, expected = list(reference), np.array(list(reference.values()))
    counts = pd.Series(list(drawn)).value_counts().reindex(names, fill_value=0).to_numpy()
    n = {"items": len(drawn), "units": len(drawn)}
    asked, shared = len(drawn) + missing, 1 - (1 - level) / len(names)
    low, high = exact_binomial(counts, asked, shared)[0], exact_binomial(counts + missing, asked, shared)[1]
    method = Method("exact binomial (Clopper-Pearson), Bonferroni over classes")
    table = pd.DataFrame({"class": names, "drawn": counts, "share": counts / len(drawn), "low": low, "high": high,
                          "reference": expected})  # fmt: skip
    table["missing"] = np.select([high < fraction * expected, low < fraction * expected], ["yes", "undecided"], "no")
    shares = (
        Measure(
            name="class_share", group=row["class"], value=row["share"], low=row["low"], high=row["high"], n=n,
            unit="share", direction="nearer to ideal is better", ideal=row["reference"], level=level, method=method,
            missing=missing,
        )
        for row in table.to_dict("records")
    )
    absent = count_missing(
        "missing_modes", table["share"], low, high, fraction * expected, n=n, level=level, method=method,
        missing=missing,
    )
    return Result((absent, *shares), table=table)


def count_missing(
    name: str, share: ArrayLike, low: ArrayLike, high: ArrayLike, least: ArrayLike, *, n: Mapping[str, int],
    level: float, method: Method, missing: int = 0, **trust: Any,
) -> Measure:
    """Return how many classes have a share below `least`; low, high [class]: intervals that hold together.

    trust: what a `Measure` says of these intervals beyond their method.
    """
    below = [float(np.count_nonzero(np.less(numbers, least))) for numbers in (high, share, low)]
    return Measure(
        name=name, low=below[0], value=below[1], high=below[2], n=n, unit="count", direction="lower is better",
        ideal=0.0, level=level, method=Method("classes counted by their intervals: {method}", method=method),
        missing=missing, **trust,
    )
