"""From scores to decisions by conformal p-values, and to the words that say who sees what."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from detectors.conformal import benjamini_hochberg, calibration_needed, p_values
from detectors.novelty.observed import FIELDS
from detectors.novelty.ranking import Ranking

__all__ = ["ALPHA", "WORDS", "decided", "reading", "who_sees"]

ALPHA = 0.05
"""An item is flagged on its own from this p-value down."""
_ALIKE = 0.0005
"""AUROCs that differ by less read the same."""
WORDS: Mapping[str, str] = {
    "nll": "the model's likelihood", "critic": "the critic", "denoising_loss": "the denoising loss",
    "typicality": "typicality", "input_complexity": "likelihood less code length",
    "min_k": "the surprise of the least likely elements", "knn5": "kNN-5 distance (no model)",
    "mixture": "a mixture of Gaussians", "compressed_size": "compressed size alone",
    "max_softmax": "the classifier's confidence", "energy": "the classifier's energy",
    "mahalanobis": "Mahalanobis distance of the classifier's features",
}
"""Score -> what a sentence calls it."""


def decided(
    observed: Mapping[str, pd.DataFrame], scores: Mapping[str, pd.DataFrame], main: str, problem: str | None,
    fdr: float, first: str,
) -> tuple[pd.DataFrame, str | None]:
    """Return (evidence, None), or with the reason where nothing could be decided.

    Evidence: the foreign items, ascending by score `first`, then the familiar ones; item, `unit` where known, `role`,
    scores, and by score `main` `p_value` (conformal), `flagged` (1 = by Benjamini-Hochberg at `fdr` over all items) and
    `value` (1 = p-value at most `ALPHA`). Where even perfect scores could not be flagged, for want of calibration
    items, or where `problem` says not to trust `main`, these three are NaN.
    """
    roles = [role for role in ("foreign", "items") if role in observed]
    kept = [name for name in (*FIELDS, "unit") if name in observed["items"]]
    told = pd.concat([observed[role].reindex(columns=kept).assign(role=role).join(scores[role]) for role in roles])
    foreign = told["role"].eq("foreign")
    told = pd.concat([told[foreign].sort_values(first, kind="stable"), told[~foreign]])
    smallest = min(ALPHA, fdr * foreign.mean()) if foreign.any() else ALPHA
    known, needed = scores["calibration"][main], calibration_needed(smallest)
    if problem is None and len(known) < needed:
        problem = f"{len(known)} calibration items are too few to flag anything; {needed} would do"
    if problem is not None:
        return told.assign(p_value=np.nan, flagged=np.nan, value=np.nan), problem
    p = p_values(known, told[main], alpha=smallest)
    return told.assign(p_value=p, flagged=1.0 * benjamini_hochberg(p, fdr), value=1.0 * (p <= ALPHA)), None


def reading(about: str, score: str, low: float, high: float) -> str:
    """Return in words what an interval [low, high] of the AUROC of items called `about` against familiar ones says."""
    what = "foreign items" if about == "foreign" else f"{about.replace('_', ' ')} items"
    if low > 0.5:
        return f"{WORDS[score]} tells {what} from familiar ones"
    if high < 0.5:
        return f"reversed: {WORDS[score]} takes {what} for more familiar than familiar ones"
    return f"{WORDS[score]} cannot see {what}"


def who_sees(ranking: Ranking, main: str, level: float) -> str:
    """Return in words which score tells foreign items from familiar ones best, and whether `main` is behind it."""
    own, top = ranking.values[ranking.names.index(main)], ranking.values.max()
    best = main if top - own < _ALIKE else ranking.names[int(np.argmax(ranking.values))]
    value, low, high = ranking.interval(best, level)
    told = f"{WORDS[best]} tells foreign items best: AUROC {value:.3f} [{low:.3f}, {high:.3f}]"
    if best == main:
        return told
    gap, low, high = ranking.difference(best, main, level)
    told += f"; {WORDS[main]} has {own:.3f}, which is {gap:.3f} [{low:.3f}, {high:.3f}] less"
    return told if low > 0 else f"{told} and may be chance"
