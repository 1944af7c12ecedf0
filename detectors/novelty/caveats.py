"""What has to be said beside a score that was chosen: what else sees, where it is worse, and what stands behind it.

None of these remarks gates. They follow the rule that no repair of the likelihood is told without the likelihood itself
and a bar that needs no model, on whatever was shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from detectors.novelty.catalogue import effective_samples
from detectors.ranking import Ranking
from detectors.result import Remark

if TYPE_CHECKING:
    from detectors.novelty.scores import ScoreTable

__all__ = ["told_beside"]

_BARS = ("knn5", "mixture")
"""What needs no model, in the order in which it is taken where it can be trusted."""


def told_beside(seen: ScoreTable, rankings: Mapping[str, Ranking], level: float) -> Iterator[Remark]:
    """Yield, in this order, for rankings by what was shown beside the familiar items:

      side_by_side       the judged score, the model's own and kNN (or the mixture) on the foreign items, else on the
                         distortion that the judged one sees worst
      worse_than_raw     on what the judged score sees surely less than the model's own
      flat_score         each other score that does not rise with noise
      effective_samples  how many equal weights those of an importance-weighted bound are worth
    """
    if seen.main != seen.raw and seen.raw not in seen.problems:
        yield from _side_by_side(seen, rankings, level)
        yield from _worse(seen, rankings, level)
    for name in seen.flat():
        yield Remark("flat_score", {"score": name})
    if "log_weights" in seen.recorded.cells:
        weights = seen.recorded.rows("log_weights")[seen.recorded.of == "items"]
        worth = float(np.median(effective_samples(weights)))
        yield Remark("effective_samples", {"worth": worth, "sample_count": float(weights.shape[1])})


def _side_by_side(seen: ScoreTable, rankings: Mapping[str, Ranking], level: float) -> Iterator[Remark]:
    """Yield one remark, none where no bar can be trusted."""
    lowest = min(rankings, key=lambda about: rankings[about].interval(seen.main, level)[0])
    about = "foreign" if "foreign" in rankings else lowest
    bar = next((name for name in _BARS if name not in seen.problems), None)
    if bar is None:
        return
    told: dict[str, str | float] = {"about": about}
    for place, name in (("score", seen.main), ("other", seen.raw), ("bar", bar)):
        value, low, high = rankings[about].interval(name, level)
        told |= {place: name, f"{place}_auroc": value, f"{place}_low": low, f"{place}_high": high}
    yield Remark("side_by_side", told)


def _worse(seen: ScoreTable, rankings: Mapping[str, Ranking], level: float) -> Iterator[Remark]:
    """Yield where the judged score is behind; each of the sets shown has its part of the error (Bonferroni)."""
    for about, found in rankings.items():
        gap, low, high = found.difference(seen.main, seen.raw, 1 - (1 - level) / len(rankings))
        if high < 0:
            names = {"score": seen.main, "other": seen.raw, "about": about}
            yield Remark("worse_than_raw", {**names, "gap": gap, "gap_low": low, "gap_high": high})
