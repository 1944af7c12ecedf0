"""Trials of `quality.samples`: a few points in few dimensions, their numbers worked out pair by pair from the formulas.

    like the data     moved away a little     moved far away, one class never drawn     copies, some of them unusable

The formulas stand here a second time, over all pairs at once, so that a turned sign or two sides taken for each other
do not agree with themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Known, KnownMeasures, Trial, auroc_of, mean_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["sample_trials"]

_ITEMS, _DIM, _LOST = 45, 3, 4


def sample_trials(probe: Any, rng: np.random.Generator) -> list[Trial]:
    """Return the trials; two draws an item are enough whatever the check asks for."""
    tried = replace(probe, draws_per_item=min(2, probe.draws_per_item))
    return [_trial(tried, rng, dose) for dose in range(4)]


def _points(rng: np.random.Generator, count: int, classes: int = 3, moved: float = 0.0) -> np.ndarray:
    import numpy as np

    return 6 * np.eye(3, _DIM)[np.arange(count) % classes] + rng.normal(moved, 1.0, (count, _DIM))


def _trial(probe: Any, rng: np.random.Generator, dose: int) -> Trial:
    import numpy as np
    import pandas as pd

    count = _ITEMS * probe.draws_per_item
    train, new = _points(rng, max(60, 4 * probe.neighbours)), _points(rng, _ITEMS)
    if dose < 3:
        drawn = _points(rng, count, *((3, 0.0), (3, 1.0), (2, 2.5))[dose])
    else:
        drawn = train[np.arange(count) % len(train)] + rng.normal(0, 0.01, (count, _DIM))
    drawn = rng.permutation(drawn)
    lost = _LOST if dose == 3 else 0
    names = [str(place % 3) for place in range(len(train))]
    data = {}
    for role, part in (("train", train), ("items", new)):
        index = pd.Index([f"{role}-{number}" for number in range(len(part))], name="id")
        data[role] = pd.DataFrame({"series": part.tolist()}, index=index)

    def sample(items: Sequence[Any]) -> Mapping[str, Any]:
        places = range(len(items))
        return {
            "content": [None if place < lost else drawn[place].tolist() for place in places],
            "problem": ["none came" if place < lost else None for place in places],
        }

    answers: dict[tuple[str, str], Answer] = {("main", "sample"): sample}
    if probe.features is not None:
        answers[probe.features, "embed"] = lambda items: {"embedding": list(np.asarray(items, dtype=float))}
    data["train"]["label"] = names
    known = _known(probe, train, new, drawn[lost:], np.array(names))
    known["unusable_share", None] = mean_of(np.arange(count) < lost, count)
    return Trial(dose > 0, data, answers, known, probe)


def _known(
    probe: Any, train: np.ndarray, new: np.ndarray, drawn: np.ndarray, names: np.ndarray
) -> KnownMeasures:
    """Return the measures of draws [draw, dim] by the formulas of `detectors.quality`."""
    import numpy as np

    scale = np.sqrt(train.var(axis=0).mean())
    far, reach = _apart(drawn, train), _apart(new, train)
    radius = np.sort(reach, axis=1)[:, probe.neighbours - 1]
    inside = _apart(drawn, new) <= radius
    at = names[far.argmin(axis=1)]
    share = {str(name): float((at == name).mean()) for name in np.unique(names)}
    absent = sum(one < probe.missing_below * float((names == name).mean()) for name, one in share.items())
    known: KnownMeasures = {
        ("kid", None): _kid((drawn - train.mean(axis=0)) / scale, (new - train.mean(axis=0)) / scale),
        ("coverage", None): mean_of(inside.any(axis=0), len(new)),
        ("density", None): Known(float(inside.mean() * (len(train) + 1) / probe.neighbours)),
        ("nearness", None): auroc_of(far.min(axis=1), reach.min(axis=1)),
        ("far_share", None): mean_of(far.min(axis=1) > reach.min(axis=1).max(), len(drawn)),
        ("missing_modes", None): Known(float(absent), certain=True),
    }
    return known | {("class_share", name): Known(one) for name, one in share.items()}


def _apart(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return all distances [point, other]."""
    import numpy as np

    return np.asarray(np.sqrt(((points[:, None] - others) ** 2).sum(axis=-1)))


def _kid(drawn: np.ndarray, new: np.ndarray) -> Known:
    """Return the kernel distance of two sets over all pairs of different items."""
    import numpy as np

    among = []
    for one in (drawn, new):
        kernel = (one @ one.T / _DIM + 1) ** 3
        among.append((kernel.sum() - np.trace(kernel)) / (len(one) * (len(one) - 1)))
    value = float(sum(among) - 2 * ((drawn @ new.T / _DIM + 1) ** 3).mean())
    return Known(value, 1e-6 + 1e-6 * abs(value))
