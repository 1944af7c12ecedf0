"""From scores to decisions by conformal p-values, and to the remarks that say who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import FIELDS, Floats, units_of
from detectors.conformal import benjamini_hochberg, calibration_needed, critical_score, p_values
from detectors.immutable import immutable
from detectors.phrases import Cause
from detectors.ranking import Ranking
from detectors.result import Remark

__all__ = [
    "ALPHA", "Rule", "best_score_remark", "blind_spot_remark", "calibration_scores", "decided", "groups_of", "judged",
    "too_few",
]

ALPHA = 0.05
"""An item is flagged on its own from this p-value down."""
_ALIKE = 0.0005
"""AUROCs that differ by less read the same."""
_WELL = 0.9
"""Least AUROC on a distortion that passes without a remark."""


@immutable
class Rule:
    """How p-values are made, and what is flagged by them."""

    fdr: float = 0.1
    """False discovery rate at which items are flagged together."""
    confidence: float | None = None
    """Probability over calibration sets with which all p-values hold for the set at hand; None = on average over sets.
    """
    adaptive: bool = False
    """Whether the share of familiar items is estimated (Storey), and not taken for one."""

    def needed(self, foreign_share: float) -> int:
        """Return how many calibration units it takes before anything can be flagged, of items so many are foreign."""
        return calibration_needed(self.smallest(foreign_share), self.confidence)

    def smallest(self, foreign_share: float) -> float:
        """Return the largest p-value that decides: `ALPHA`, or where BH wants less if it flags all that are foreign."""
        return min(ALPHA, self.fdr * foreign_share) if foreign_share > 0 else ALPHA

    def flags(self, p: Floats) -> NDArray[np.bool_]:
        """Return what is flagged together."""
        return benjamini_hochberg(p, self.fdr, cut=0.5 if self.adaptive else None)


def decided(
    observed: Mapping[str, pd.DataFrame], scores: Mapping[str, Mapping[str, ArrayLike]], main: str,
    problem: Cause | None, rule: Rule, first: str, rng: np.random.Generator,
) -> tuple[pd.DataFrame, Cause | None]:
    """Return (evidence, None), or with the reason where nothing could be decided; scores: role -> score -> [item].

    Evidence: the foreign items, ascending by score `first`, then the familiar ones; item, `unit` and `group` where
    known, `role`, scores, and by score `main` `p_value` (conformal), `flagged` (1 = by Benjamini-Hochberg over all
    items), `value` (1 = p-value at most `ALPHA`) and `threshold`, the score above which that is so. Of calibration
    items of one unit, which are no independent witnesses, one counts, drawn by `rng` (Dunn, Wasserman & Ramdas 2023,
    1809.07441, section 3). Where calibration items name a `group`, an item is judged by those of its own, and one that
    names none by the group in which it stands out least (Mondrian; Vovk, Gammerman & Shafer 2005). What was misjudged
    counts against the model: foreign items with value 0, familiar ones with value 1; the weight is how sure the mistake
    is, p of foreign and 1 - p of familiar items. Where even perfect scores could not be flagged, for want of
    calibration units, or where `problem` says not to trust `main`, the four are NaN, and nothing speaks against the
    model.
    """
    roles = [role for role in ("foreign", "items") if role in observed]
    kept = [name for name in (*FIELDS, "unit", "group") if name in observed["items"]]
    foreign = len(observed["foreign"]) if "foreign" in roles else 0
    numbers = {name: np.concatenate([np.asarray(scores[role][name]) for role in roles]) for name in scores["items"]}
    strange = np.arange(len(numbers[main])) < foreign
    order = np.append(np.argsort(numbers[first][:foreign], kind="stable"), np.flatnonzero(~strange))
    told = pd.concat([observed[role].reindex(columns=kept) for role in roles]).iloc[order]
    columns: dict[str, Any] = {"role": np.where(strange, "foreign", "items")}
    columns |= {name: values[order] for name, values in numbers.items()}
    known = calibration_scores(observed["calibration"], scores["calibration"][main], rng)
    share = float(strange.mean())
    problem = problem or too_few(known, told, rule.needed(share))
    if problem is None:
        p, threshold = judged(known, told, columns[main], rule, rule.smallest(share))
        columns |= {
            "p_value": p, "flagged": 1.0 * rule.flags(p), "value": 1.0 * (p <= ALPHA), "threshold": threshold,
            "against": (p <= ALPHA) != strange, "weight": np.where(strange, p, 1 - p),
        }  # fmt: skip
    else:
        columns |= dict.fromkeys(("p_value", "flagged", "value", "threshold"), np.nan)
    return pd.concat([told, pd.DataFrame(columns, told.index)], axis=1), problem


def calibration_scores(frame: pd.DataFrame, scores: ArrayLike, rng: np.random.Generator) -> dict[str, Floats]:
    """Return group -> the score of one item of each independent unit in it; one group "" where none is named.

    scores [item]. Where some items name a group, those that name none are left out.
    """
    groups, units, numbers = groups_of(frame), units_of(frame).to_numpy(), np.asarray(scores, dtype=float)
    if (named := groups != "").any():
        groups, units, numbers = groups[named], units[named], numbers[named]
    order = rng.permutation(len(units))
    _, first = np.unique((groups + "\n" + units)[order], return_index=True)
    kept = np.sort(order[first])
    drawn, of = numbers[kept], groups[kept]
    return {str(group): drawn[of == group] for group in np.unique(of)}


def groups_of(frame: pd.DataFrame) -> NDArray[np.object_]:
    """Return the group of every item [item] as text, "" where it names none."""
    if "group" not in frame:
        return np.full(len(frame), "", dtype=object)
    return frame["group"].where(frame["group"].notna(), "").astype(str).to_numpy(object)


def too_few(known: Mapping[str, Floats], told: pd.DataFrame, needed: int) -> Cause | None:
    """Return why items cannot be judged: fewer than `needed` calibration units, of the group that has the fewest."""
    if list(known) == [""]:
        few = "{known} calibration units are too few to flag anything; {needed} would do"
        return Cause(few, known=len(known[""]), needed=needed) if len(known[""]) < needed else None
    wanted = dict.fromkeys([*known, *(one for one in groups_of(told) if one)])
    least, group = min((len(known.get(one, ())), one) for one in wanted)
    few = "{known} calibration units of group {group} are too few to flag anything in it; {needed} would do"
    return Cause(few, known=least, group=group, needed=needed) if least < needed else None


def judged(
    known: Mapping[str, Floats], told: pd.DataFrame, scores: Floats, rule: Rule, alpha: float
) -> tuple[Floats, Floats]:
    """Return p-value and threshold of the rows of `told`; of one without a group the largest of all groups'.

    known: calibration scores by group; scores [row]; alpha: as in `p_values`.
    """
    own = groups_of(told)
    p, threshold = np.zeros(len(told)), np.full(len(told), -np.inf)
    for group, scored in known.items():
        meant = (own == group) | (own == "") | (group == "")
        found = p_values(scored, scores[meant], alpha=alpha, confidence=rule.confidence)
        p[meant] = np.maximum(p[meant], found)
        threshold[meant] = np.maximum(threshold[meant], critical_score(scored, ALPHA, rule.confidence))
    return p, threshold


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
