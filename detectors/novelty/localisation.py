"""Is the surprise where the strangeness is? Of series whose strange steps are known, step by step.

    step_auroc    strange steps against all others, of foreign and of familiar series
    vus_pr        how well stretches of them are found (`detectors.novelty.volume`), by buffers up to a window

A step's score is the mean over the windows that hold it: of the model's surprise, and of sub-sequence PCA beside it.
Steps of one series are no independent witnesses: the units of the items are. VUS-PR has the interval of a jackknife
that leaves out up to 20 groups of units in turn. Nothing is point-adjusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from detectors.arrays import Floats, field_of, items_of, places_in_order, units_of
from detectors.intervals import Approximation
from detectors.novelty.subsequences import step_scores, width_of, window_scores, windows_of
from detectors.novelty.volume import vus_pr_of
from detectors.phrases import Method
from detectors.ranking import ranked
from detectors.result import Measure

__all__ = ["VOLUME", "located"]

VOLUME = Approximation(Method("jackknife over groups of units"), 20, 0.92)
"""Worst of series of 48 steps, twenty of them foreign, whose strange steps are moved alike or by chance."""
_GROUPS = 20
_SURPRISE = "surprise"


def located(observed: Mapping[str, pd.DataFrame], level: float) -> Iterator[Measure]:
    """Yield step_auroc and vus_pr of the model's surprise, and of sub-sequence PCA as the group `sub_pca`.

    observed: as `likelihood_novelty` takes it; nothing where not two units of foreign series have `strange`, 0 or 1 a
    step, or where the model tells no surprise of single steps. Foreign series without it are left out. Raises
    ValueError for labels of another length.
    """
    foreign = observed.get("foreign")
    if foreign is None or "strange" not in foreign or field_of(foreign) != "series" or "trace" not in foreign:
        return
    shown = {"items": observed["items"], "foreign": foreign[foreign["strange"].notna()]}
    if shown["foreign"].empty:
        return
    labels, units = _labels(shown), places_in_order(pd.concat([units_of(frame) for frame in shown.values()]))
    if len(np.unique(units[labels.any(axis=1)])) < 2:
        return
    learnt = items_of(observed["reference" if "reference" in observed else "fit"])
    scores = _scores(np.asarray(learnt, dtype=float), shown)
    strange, of_step = labels.ravel() == 1, np.repeat(units, labels.shape[1])
    table = np.stack([found.ravel() for found in scores.values()], axis=1)
    ranking = ranked(tuple(scores), table[~strange], table[strange], (of_step[~strange], of_step[strange]))
    for name in scores:
        yield ranking.auroc(name, name="step_auroc", level=level, group=None if name == _SURPRISE else name)
    for name, found in scores.items():
        yield _volume(labels, found, units, level, None if name == _SURPRISE else name)


def _labels(shown: Mapping[str, pd.DataFrame]) -> Floats:
    """Return which steps are strange, [item, step]: none of the familiar items'."""
    steps = np.shape(items_of(shown["items"]))[1]
    rows = [np.asarray(cell, dtype=float) for cell in shown["foreign"]["strange"]]
    wrong = next((len(row) for row in rows if row.shape != (steps,)), None)
    if wrong is not None:
        raise ValueError(f"novelty: got {wrong} marks of strange steps for a series of {steps}; allowed: one a step")
    return np.concatenate([np.zeros((len(shown["items"]), steps)), np.stack(rows)])


def _scores(learnt: Floats, shown: Mapping[str, pd.DataFrame]) -> dict[str, Floats]:
    """Return the scores [item, step] of both; steps of which the model tells nothing have the mean of the others."""
    wide = width_of(learnt)
    whole = np.concatenate([np.asarray(items_of(frame), dtype=float) for frame in shown.values()])
    nats = -np.array([np.asarray(cell, dtype=float) for frame in shown.values() for cell in frame["trace"]])
    nats = np.where(np.isfinite(nats), nats, np.nanmean(nats))
    return {
        _SURPRISE: step_scores(windows_of(nats, wide).mean(axis=-1), wide),
        "sub_pca": step_scores(window_scores(learnt, whole, wide), wide),
    }


def _volume(labels: Floats, scores: Floats, units: np.ndarray, level: float, group: str | None) -> Measure:
    """Return VUS-PR; series are set apart by steps that do not count, so that no two buffers touch."""
    _, unit = np.unique(units, return_inverse=True)
    dealt, wide = unit % _GROUPS, width_of(scores)
    apart = [(0, 0), (0, 2 * (wide // 2) + 1)]
    y, s = np.pad(labels, apart).ravel(), np.pad(scores, apart, constant_values=scores.min()).ravel()
    counts = np.pad(np.ones_like(labels), apart)

    left = [one for one in range(_GROUPS) if labels[dealt != one].any() and (dealt == one).any()]
    kept = dealt != np.array([-1, *left])[:, None]  # all first
    value, *others = vus_pr_of(y, s, buffer=wide)((counts * kept[:, :, None]).reshape(len(kept), -1)).tolist()
    error = np.sqrt((len(left) - 1) / len(left) * ((others - np.mean(others)) ** 2).sum())
    half = float(stdtrit(len(left) - 1, (1 + level) / 2) * error) if len(left) > 1 else 1.0
    return Measure(
        name="vus_pr", group=group, value=value, low=max(0.0, value - half), high=min(1.0, value + half),
        n={"items": len(units), "units": int(unit.max()) + 1}, unit="score", direction="higher is better", level=level,
        **VOLUME.facts,
    )
