"""Draws of a model beside the data that it learnt and data that it did not: distance, reach, copies, missing classes.

All in one feature space, centred and scaled alike by the training items. A draw has the class of its nearest training
item, which needs no classifier and can be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from detectors.modes import missing_modes
from detectors.phrases import Cause
from detectors.quality.coverage import sample_coverage
from detectors.quality.kernel_distance import kernel_distance
from detectors.quality.space import standardised
from detectors.result import Result, undefined

__all__ = ["sample_quality"]


def sample_quality(
    drawn: ArrayLike, heldout: ArrayLike, training: ArrayLike, labels: Sequence[str] | None = None, *, level: float,
    k: int = 5, fraction: float = 0.25, missing: int = 0,
) -> Result:
    """Return the measures of draws [draw, dim] against held-out and training items [item, dim].

    Measures: `kid` (headline), `coverage`, `density`, `nearness`, `far_share`, `missing_modes`, `kid_training` (what
    training items themselves get, to read `kid` by), and `class_share` of every class; see the modules of those names.
    labels [item]: class of each training item, whose shares are what the draws' are held against; None leaves classes
    out. missing: further draws that were no item; intervals hold whatever they would have been, and `kid` and `density`
    have none. items has one row a draw: `balls`, `nearest`, `nearest_at`, `against`, `weight` and, with labels,
    `class`. Raises ValueError as they do.
    """
    known, new, draws = standardised(training, heldout, drawn)
    reach = sample_coverage(draws, new, known, level=level, k=k, missing=missing)
    assert reach.items is not None
    own = replace(kernel_distance(known, new, level=level, name="kid_training"), direction="neither")
    distance = kernel_distance(draws, new, level=level).lacking(missing)
    if missing:
        distance = replace(distance, n={**distance.n, "asked": len(draws) + missing})
    if labels is None:
        none = undefined(
            "missing_modes", Cause("the training items bear no labels"), n={"items": len(draws), "units": len(draws)},
            unit="count", direction="lower is better", level=level, missing=missing,
        )
        return Result((distance, *reach.measures, none, own), items=reach.items)
    names = np.asarray(labels, dtype=str)
    classes, counts = np.unique(names, return_counts=True)
    shares = dict(zip(classes.tolist(), counts / len(names), strict=True))
    items = reach.items.assign(**{"class": names[reach.items["nearest_at"]].astype(object)})
    modes = missing_modes(list(items["class"]), shares, level=level, fraction=fraction, missing=missing)
    absent, *drawn_shares = modes.measures
    return Result((distance, *reach.measures, absent, own, *drawn_shares), items=items, table=modes.table)
