"""What an AUROC of a finding is measured on: the scores of familiar items and of what was shown beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from detectors.immutable import immutable
from detectors.result import Measure
from reports.figures import Axis, round_axis
from reports.pictures.finding_figure import Shown
from reports.pictures.hotspots import Cells, Hotspot, of_bins

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Ranked",
    "axis_of_scores",
    "headline_of",
    "hotspots_of",
    "judged_score",
    "levels_of",
    "limit_told",
    "ranked_of",
    "score_told",
]

_UNITS = {
    **dict.fromkeys(
        ("nll", "input_complexity", "reference_ratio", "bias_corrected", "iwae", "flow_nll"), "bits per dimension"
    ),
    **dict.fromkeys(("min_k", "windowed_maximum"), "nats per token"),
    **dict.fromkeys(("reconstruction", "kl", "likelihood_regret", "latent_norm"), "nats"),
}
"""Unit of a score; the others have none."""
_SPOTS = 10


@immutable
class Ranked:
    """An AUROC, and the scores on either side."""

    measure: Measure
    score: str
    familiar: NDArray[np.float64]
    foreign: NDArray[np.float64]
    units: tuple[int, int]
    """Independent units of the familiar and of the other items."""
    roles: Cells
    """What tells the items of both from others; empty where nothing does."""
    changed: str
    """Column of the other items' scores."""
    thresholds: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    """Of each item on either side; None where an item has none, or where it is another score's."""

    @property
    def beside(self) -> str | None:
        """What the familiar items are called, where they are none: `right` answers."""
        role = self.measure.auroc_of[0][0] if self.measure.auroc_of else ""
        return role if role == "right" else None

    @property
    def about(self) -> str:
        """What stands beside the familiar items: `foreign`, or a kind of distortion."""
        (_, _), (role, _) = self.measure.auroc_of or (("", ""), ("foreign", ""))
        return "foreign" if role == "foreign" else self.measure.group or role


def ranked_of(shown: Shown, measures: Sequence[Measure]) -> list[Ranked]:
    """Return those of the measures whose scores are stored, as they are."""
    return list(_ranked(shown, [one for one in measures if one.auroc_of and one.value is not None]))


def headline_of(shown: Shown) -> Ranked | None:
    """Return the AUROC of the judged score on foreign items, else that on the distortion that it sees worst; None where
    it has no value.
    """
    return next(iter(ranked_of(shown, _headline(shown)[:1])), None)


def judged_score(shown: Shown) -> str | None:
    """Return the column of the score that the finding judges; None where it names none."""
    return next((one.auroc_of[0][1] for one in _headline(shown) if one.auroc_of), None)


def _headline(shown: Shown) -> list[Measure]:
    own = shown.measured("auroc")
    if own is not None and own.value is None:
        return []  # what another score sees is no answer to what was asked of this one
    alone = [one for one in shown.finding.measures if one.name.endswith("auroc") and one.auroc_of]
    return [one for one in alone if one.group is None] or sorted(alone, key=lambda one: one.value or 0.0)


def _ranked(shown: Shown, measures: Sequence[Measure]) -> Iterator[Ranked]:
    import numpy as np

    needed = {column for one in measures for _, column in one.auroc_of or ()}
    if not measures or not needed <= set(shown.columns):
        return
    frame, judged = shown.frame("role", "unit", "threshold", *sorted(needed)), judged_score(shown)
    for one in measures:
        sides, units, lines = [], [], []
        for role, column in one.auroc_of or ():
            part = frame[frame["role"] == role] if "role" in frame else frame
            part = part[part[column].notna()]
            sides.append(part[column].to_numpy(float))
            lines.append(part["threshold"].to_numpy(float) if "threshold" in part else np.full(len(part), np.nan))
            units.append(part["unit"].nunique() + int(part["unit"].isna().sum()) if "unit" in part else len(part))
        if all(side.size for side in sides):
            (own, score), (other, changed) = one.auroc_of or (("", ""), ("", ""))
            roles = tuple(dict.fromkeys((("role", own), ("role", other)))) if "role" in frame else ()
            told = score == judged and all(np.isfinite(part).all() for part in lines)
            thresholds = (lines[0], lines[1]) if told else None
            yield Ranked(one, score, sides[0], sides[1], (units[0], units[1]), roles, changed, thresholds)


def axis_of_scores(ranked: Sequence[Ranked], width: int, *, also: Sequence[float] = ()) -> Axis:
    """Return the axis between the 0.5 % and 99.5 % points of all scores, and what else it must hold."""
    import numpy as np

    values = np.concatenate([side for one in ranked for side in (one.familiar, one.foreign)])
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.005, 0.995]) if values.size else (0.0, 1.0)
    return round_axis("score", min([float(low), *also]), max([float(high), *also]), width)


def levels_of(images: Sequence[object]) -> tuple[float, float] | None:
    """Return the lowest and the highest level of images that are drawn beside each other; None where they are none."""
    import numpy as np

    try:
        values = np.array(images, dtype=float)
    except (TypeError, ValueError):
        return None
    return (float(values.min()), float(values.max())) if values.size and np.isfinite(values).all() else None


def score_told(shown: Shown, score: str) -> str:
    """Return a score's name with its unit, where it has one."""
    words, unit = shown.notation.words, _UNITS.get(score)
    if unit == "bits per dimension" and "text" in shown.columns:
        unit = "bits per byte"
    if unit == "nats per token" and "text" not in shown.columns:
        unit = "nats"
    name = words.term("column", score)
    return name if unit is None else words("picture.in_unit", name=name, unit=words.term("unit", unit))


def hotspots_of(one: Ranked, axis: Axis, left: float, rows: tuple[float, float]) -> list[Hotspot]:
    """Return parts that stand for the items by score, by that of the changed ones where each item has two.

    left: where the axis begins; rows: the parts' top and height, in pixels.
    """
    import numpy as np

    values = one.foreign if one.changed != one.score else np.concatenate([one.familiar, one.foreign])
    edges = np.linspace(axis.low, axis.high, _SPOTS + 1)
    counts = np.histogram(np.clip(values, axis.low, axis.high), edges)[0]
    return of_bins(one.changed, edges, axis, left, rows, counts, one.roles)


def limit_told(shown: Shown) -> str:
    """Return the limit of an AUROC in a sentence, or that there is none."""
    limit, words = shown.finding.limit, shown.notation.words
    if limit is None or not limit.measure.endswith("auroc"):
        return words("picture.no_limit")
    return words(
        "picture.limit", measure=words.term("measure", limit.measure), limit=shown.notation.limit(limit, "score")
    )
