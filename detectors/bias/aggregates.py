"""fairlearn's aggregates over groups, of one frame or of all its replicates at once.

    group_min, group_max                least and largest rate
    difference  between_groups          max - min                    to_overall    max |rate - overall|
    ratio       between_groups          min / max                    to_overall    min of rate / overall, turned below 1

Arrays are by [..., metric, control, G] and overall [..., metric, control]; a group without a value takes no part.
Extremes over groups are biased: the largest of many equal rates is larger than they are (see `detectors.intervals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from detectors.arrays import Floats

__all__ = ["AGGREGATES", "quantiles"]


def _least(by: Floats, overall: Floats) -> Floats:
    return np.asarray(np.fmin.reduce(by, axis=-1))


def _largest(by: Floats, overall: Floats) -> Floats:
    return np.asarray(np.fmax.reduce(by, axis=-1))


def _spread(by: Floats, overall: Floats) -> Floats:
    return _largest(by, overall) - _least(by, overall)


def _farthest(by: Floats, overall: Floats) -> Floats:
    return np.asarray(np.fmax.reduce(np.abs(by - overall[..., None]), axis=-1))


def _ratio(by: Floats, overall: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(_least(by, overall) / _largest(by, overall))


def _ratio_to_overall(by: Floats, overall: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = by / overall[..., None]
        return np.asarray(np.fmin.reduce(np.where(ratio > 1, 1 / ratio, ratio), axis=-1))


AGGREGATES: Mapping[tuple[str, ...], Callable[[Floats, Floats], Floats]] = {
    ("overall",): lambda by, overall: overall,
    ("by_group",): lambda by, overall: by,
    ("group_min",): _least,
    ("group_max",): _largest,
    ("difference", "between_groups"): _spread,
    ("difference", "to_overall"): _farthest,
    ("ratio", "between_groups"): _ratio,
    ("ratio", "to_overall"): _ratio_to_overall,
}


def quantiles(samples: Floats, levels: Sequence[float], *, skip_nan: bool) -> Floats:
    """Return quantiles [level, ...] over replicates [B, ...]; a NaN makes all of its column NaN, or is left out."""
    flat = samples.reshape(len(samples), -1)
    holes = np.isnan(flat)
    found = np.full((len(levels), flat.shape[1]), np.nan)
    whole = ~holes.any(axis=0)
    found[:, whole] = np.quantile(flat[:, whole], levels, axis=0)
    if skip_nan:
        part = ~whole & ~holes.all(axis=0)
        found[:, part] = np.nanquantile(flat[:, part], levels, axis=0)
    return found.reshape(len(levels), *samples.shape[1:])
