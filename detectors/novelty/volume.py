"""How well do scores, one a step, find stretches of a series? The volume under the precision-recall surface.

A stretch [s, e] is found early or late by a little at no fault of the score, so its label falls off on both sides: at
distance d <= r / 2 it is sqrt(1 - d / r), for a buffer of r steps. With the labels y, the buffered labels b and the
alarms a_t = [score >= t] of a threshold t,

    precision = sum a b / sum a
    recall    = (stretches that an alarm touches / stretches) * min(1, sum a b / ((sum y + sum b) / 2))

A stretch is what has a label above 0 without a gap. The area under precision over recall is summed by trapezoids over
all thresholds, from (recall 0, precision 1) on, and VUS-PR is its mean over the buffers r = 0, 1, ..., `buffer`
(Paparrizos et al. 2022, PVLDB 15:2774). The fast variant in the authors' later packages, with which TSB-AD's tables are
made, sums rectangles: more on short series, on long ones a little less. A step counts as often as its weight says, so
that stretches of time can be drawn anew. There is no point adjustment: a stretch of which one step is found counts for
what is found.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats

__all__ = ["buffered", "stretches", "vus_pr", "vus_pr_of"]


def stretches(labels: ArrayLike) -> NDArray[np.intp]:
    """Return (first, last) step of every run of labels above 0, [stretch, 2]."""
    on = np.concatenate([[0], (np.asarray(labels) > 0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(on)).reshape(-1, 2)
    return np.stack([edges[:, 0], edges[:, 1] - 1], axis=1)


def buffered(labels: ArrayLike, buffer: int) -> Floats:
    """Return labels [step] that fall off beside every stretch; where two do, they add up, to 1 at most."""
    soft = np.array(labels, dtype=float)
    if buffer < 2:
        return soft
    reach = np.arange(1, buffer // 2 + 1)
    fall = np.sqrt(1 - reach / buffer)
    for first, last in stretches(labels):
        for places, value in ((last + reach, fall), (first - reach, fall)):
            inside = (places >= 0) & (places < len(soft))
            soft[places[inside]] += value[inside]
    return np.asarray(np.minimum(soft, 1.0))


def vus_pr(labels: ArrayLike, scores: ArrayLike, *, buffer: int, weights: ArrayLike | None = None) -> float:
    """Return VUS-PR, 0 to 1, of scores [step] for labels [step] of 0 and 1; higher scores are alarms.

    buffer: the widest one in steps, e.g. the series' period. weights [step]: how often each step counts, absent = once.
    Raises ValueError for labels that are not 0 or 1 or all alike, and for scores that are not finite.
    """
    w = np.ones(np.shape(labels)) if weights is None else np.asarray(weights, dtype=float)
    return float(vus_pr_of(labels, scores, buffer=buffer)(w[None])[0])


def vus_pr_of(labels: ArrayLike, scores: ArrayLike, *, buffer: int) -> Callable[[Floats], Floats]:
    """Return what `vus_pr` is [draw] by the weights of steps [draw, step]; what does not hang on them is done once."""
    y, s = np.asarray(labels, dtype=float), np.asarray(scores, dtype=float)
    if y.shape != s.shape or y.ndim != 1 or not np.isfinite(s).all():
        raise ValueError(f"vus_pr: got scores of shape {s.shape} for labels {y.shape}; allowed: finite, one a label")
    if not np.isin(y, (0, 1)).all() or not 0 < y.sum() < len(y) or buffer < 0:
        raise ValueError(f"vus_pr: got labels of which {y.mean():.3g} are 1, buffer {buffer}; allowed: some 1, some 0")
    order = np.argsort(-s, kind="stable")
    last = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)  # of every threshold the last step that it alarms
    place = np.empty(len(s), dtype=np.intp)
    place[order] = np.repeat(np.arange(len(last)), np.diff(last, prepend=-1))
    soft = [buffered(y, r) for r in range(buffer + 1)]
    edges = [_edges(one) for one in soft]

    def volume(w: Floats) -> Floats:
        first, alarms = np.where(w > 0, place, len(last)), np.cumsum(w[:, order], axis=1)[:, last]
        pairs = zip(soft, edges, strict=True)
        return np.asarray(np.mean([_area(y, one, w, order, last, first, alarms, its) for one, its in pairs], axis=0))

    return volume


def _edges(soft: Floats) -> NDArray[np.intp]:
    """Return the first step of each run of labels above 0, and of what follows it, in turn."""
    edges: NDArray[np.intp] = (stretches(soft) + np.array([0, 1])).ravel()
    return np.asarray(edges[edges < len(soft)])


def _area(
    y: Floats, soft: Floats, w: Floats, order: NDArray[np.intp], last: NDArray[np.intp], first: NDArray[np.intp],
    alarms: Floats, edges: NDArray[np.intp],
) -> Floats:
    """Return the areas [draw] of one buffer; `first` [draw, step] is the first threshold that alarms a step, if it
    counts at all.
    """
    hits = np.cumsum((w * soft)[:, order], axis=1)[:, last]
    heavy = np.maximum.reduceat(w, edges, axis=1)[:, ::2]
    found = np.minimum.reduceat(first, edges, axis=1)[:, ::2] + (len(last) + 1) * np.arange(len(w))[:, None]
    at = np.bincount(found.ravel(), heavy.ravel(), (len(last) + 1) * len(w)).reshape(len(w), -1)
    touched = np.cumsum(at, axis=1)[:, :-1] / heavy.sum(axis=1, keepdims=True)
    recall = touched * np.minimum(1, hits / ((w @ (y + soft)) / 2)[:, None])
    precision = np.divide(hits, alarms, out=np.ones_like(hits), where=alarms > 0)
    steps, before = np.diff(recall, prepend=0.0), np.insert(precision[:, :-1], 0, 1.0, axis=1)
    return np.asarray((steps * (precision + before)).sum(axis=1) / 2)
