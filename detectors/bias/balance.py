"""Do people with one label get one score on average, whatever their group? (Kleinberg et al. 2017)

    balance for the positive class    E[score | label = 1, group]    alike in all groups
    balance for the negative class    E[score | label = 0, group]    likewise

Where base rates differ, both and calibration within groups hold together only for scores that are always right. Means
of scores in [0, 1] have intervals that are valid at every n and distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.bias.contrasts import BETTING
from detectors.bias.groups import MOST_GROUPS
from detectors.intervals import betting_mean
from detectors.phrases import Cause, Method
from detectors.result import Measure, undefined

__all__ = ["class_balance"]

_JOINT = Method("{method}; all groups at once (Bonferroni)", method=BETTING)
_ONE_GROUP = Cause("fewer than two groups have two units with this label and a score")
_NAMES = ("score_of_negatives", "score_of_positives")


def class_balance(
    scores: ArrayLike, labels: ArrayLike, places: ArrayLike, names: Sequence[str], *, level: float,
    rng: np.random.Generator,
) -> tuple[Measure, ...]:
    """Return how far groups are apart in the mean score of people with one label.

    scores [row], 0 to 1; labels [row], 0 or 1; places [row]: position of the row's group among `names`.

    Measures, of either label: `score_of_positives_difference` (largest less smallest mean, lower is better) and
    `score_of_positives` of every group, and those `of_negatives`. Intervals of one label hold for all groups at once;
    of many groups, those with the most units are judged.
    """
    order = rng.permutation(np.size(scores))
    said, truth, at = (np.asarray(one)[order] for one in (scores, labels, places))
    return tuple(
        measure for label in (1, 0)
        for measure in _of_label(_NAMES[label], said[truth == label], at[truth == label], names, level)
    )  # fmt: skip


def _of_label(
    name: str, said: Floats, at: NDArray[np.int64], names: Sequence[str], level: float
) -> list[Measure]:
    """Return what is told of one label, from scores and groups [row] in an order that was drawn."""
    units = np.bincount(at, minlength=len(names))
    most = np.sort(np.argsort(-units, kind="stable")[:MOST_GROUPS])
    able = most[units[most] >= 2]
    counted = {"items": len(at), "units": len(at)}
    if len(able) < 2:
        return [
            undefined(f"{name}_difference", _ONE_GROUP, n=counted, unit="score", direction="neither", level=level)
        ]
    parts = [said[at == group] for group in able]
    n, mean = units[able], np.array([one.mean() for one in parts])
    low, high = np.array([betting_mean(one, 1 - (1 - level) / len(able)) for one in parts]).T
    value = float(np.ptp(mean))
    difference = Measure(
        name=f"{name}_difference", value=value, low=min(value, max(0.0, float(low.max() - high.min()))),
        high=float(high.max() - low.min()), n=counted, unit="score", direction="lower is better", ideal=0.0,
        level=level, method=_JOINT,
    )  # fmt: skip
    return [difference, *(
        Measure(
            name=name, group=names[group], value=float(mean[one]), low=float(low[one]), high=float(high[one]),
            n={"items": int(n[one]), "units": int(n[one])}, unit="score", direction="neither", level=level,
            method=_JOINT,
        ) for one, group in enumerate(able)
    )]  # fmt: skip
