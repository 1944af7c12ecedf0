"""From scores to decisions by conformal p-values, and to the remarks that say who sees what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from detectors.arrays import FIELDS, units_of
from detectors.conformal import benjamini_hochberg, calibration_needed, critical_score, p_values
from detectors.phrases import Cause
from detectors.ranking import Ranking
from detectors.result import Remark

__all__ = ["ALPHA", "best_score_remark", "blind_spot_remark", "decided"]

ALPHA = 0.05
"""An item is flagged on its own from this p-value down."""
_ALIKE = 0.0005
"""AUROCs that differ by less read the same."""
_WELL = 0.9
"""Least AUROC on a distortion that passes without a remark."""


def decided(
    observed: Mapping[str, pd.DataFrame], scores: Mapping[str, pd.DataFrame], main: str, problem: Cause | None,
    fdr: float, first: str, rng: np.random.Generator,
) -> tuple[pd.DataFrame, Cause | None]:
    """Return (evidence, None), or with the reason where nothing could be decided.

    Evidence: the foreign items, ascending by score `first`, then the familiar ones; item, `unit` where known, `role`,
    scores, and by score `main` `p_value` (conformal), `flagged` (1 = by Benjamini-Hochberg at `fdr` over all items),
    `value` (1 = p-value at most `ALPHA`) and `threshold`, the score above which that is so. Of calibration items of one
    unit, which are no independent witnesses, one counts, drawn by `rng` (Dunn, Wasserman & Ramdas 2023, 1809.07441,
    section 3). What was misjudged counts against the model: foreign items with value 0, familiar ones with value 1; the
    weight is how sure the mistake is, p of foreign and 1 - p of familiar items. Where even perfect scores could not be
    flagged, for want of calibration units, or where `problem` says not to trust `main`, the four are NaN, and nothing
    speaks against the model.
    """
    roles = [role for role in ("foreign", "items") if role in observed]
    kept = [name for name in (*FIELDS, "unit") if name in observed["items"]]
    told = pd.concat([observed[role].reindex(columns=kept).assign(role=role).join(scores[role]) for role in roles])
    foreign = told["role"].eq("foreign")
    told = pd.concat([told[foreign].sort_values(first, kind="stable"), told[~foreign]])
    smallest = min(ALPHA, fdr * foreign.mean()) if foreign.any() else ALPHA
    known, needed = _one_a_unit(observed["calibration"], scores["calibration"][main], rng), calibration_needed(smallest)
    if problem is None and len(known) < needed:
        too_few = "{known} calibration units are too few to flag anything; {needed} would do"
        problem = Cause(too_few, known=len(known), needed=needed)
    if problem is not None:
        return told.assign(p_value=np.nan, flagged=np.nan, value=np.nan, threshold=np.nan), problem
    p = p_values(known, told[main], alpha=smallest)
    strange = told["role"].eq("foreign").to_numpy()
    evidence = told.assign(
        p_value=p, flagged=1.0 * benjamini_hochberg(p, fdr), value=1.0 * (p <= ALPHA),
        threshold=critical_score(known, ALPHA),
        against=(p <= ALPHA) != strange, weight=np.where(strange, p, 1 - p),
    )
    return evidence, None


def _one_a_unit(frame: pd.DataFrame, scores: pd.Series[float], rng: np.random.Generator) -> pd.Series[float]:
    """Return the score of one item of each independent unit of `frame`."""
    order = rng.permutation(len(frame))
    _, first = np.unique(units_of(frame).to_numpy()[order], return_index=True)
    return scores.iloc[np.sort(order[first])]


def blind_spot_remark(ranking: Ranking, about: str, main: str, level: float) -> Remark | None:
    """Return that score `main` is reversed on items called `about`, cannot see them, or sees them weakly; None where it
    tells them. How well it sees foreign items is said by `best_score_remark`.
    """
    value, low, high = ranking.interval(main, level)
    if low > 0.5 and (value >= _WELL or about == "foreign"):
        return None
    return Remark(
        "reversed" if high < 0.5 else "cannot_see" if low <= 0.5 else "sees_weakly",
        {"score": main, "about": about, "auroc": value, "low": low, "high": high},
    )


def best_score_remark(ranking: Ranking, main: str, level: float) -> Remark:
    """Return which score tells foreign items from familiar ones best, and by how much `main` is behind it.

    Each score that may be the best has its part of the error (Bonferroni), so that of scores that are equally good one
    is said to see better than `main` with a probability of at most 1 - level.
    """
    own, top = ranking.values[ranking.names.index(main)], ranking.values.max()
    best = main if top - own < _ALIKE else ranking.names[int(np.argmax(ranking.values))]
    value, low, high = ranking.interval(best, level)
    told: dict[str, str | float] = {"score": best, "auroc": value, "low": low, "high": high}
    if best == main:
        return Remark("sees_best", told)
    rivals = max(1, len(ranking.names) - 1)
    gap, least, most = ranking.difference(best, main, 1 - (1 - level) / rivals)
    told |= {"other": main, "other_auroc": float(own), "gap": gap, "gap_low": least, "gap_high": most}
    return Remark("sees_better" if least > 0 else "may_see_better", told)
