"""What a novelty probe has seen, taken apart: items, their units, and the model's own score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.conformal import check_disjoint
from detectors.intervals.exact import Floats
from detectors.novelty.baselines import Items, sizes
from detectors.novelty.likelihood import bits_per_dim
from detectors.scale import another_scale

__all__ = ["ANSWERS", "FIELDS", "check_roles", "field_of", "items_of", "joined", "model_score", "units_of"]

FIELDS = ("image", "series", "text")
"""The columns that may hold the item; a frame has one of them."""
MIN_FIT = 10
"""Fewest items that scores are fitted on."""
ANSWERS: Mapping[str, tuple[str, str]] = {
    "log_prob": ("log_prob", "nll"), "critic": ("logit", "critic"),
    "denoising_loss": ("denoising_curve", "denoising_loss"),
}
"""What the model is asked for -> (column of its answer, name of the score)."""


def field_of(frame: pd.DataFrame) -> str:
    """Return the one column that holds the items; raises ValueError where there is none, or more than one."""
    there = [name for name in FIELDS if name in frame]
    if len(there) != 1:
        raise ValueError(f"novelty: got the fields {', '.join(there) or 'none'}; allowed: one of {', '.join(FIELDS)}")
    return there[0]


def items_of(frame: pd.DataFrame) -> Items:
    """Return the items of a frame: texts, or an array [item, ...] of nested lists or arrays of one shape."""
    name = field_of(frame)
    cells = frame[name].to_list()
    return cells if name == "text" else _array(cells)


def _array(cells: Sequence[Any]) -> NDArray[Any]:
    shape: list[int] = [len(cells)]
    level: Any = cells
    while len(level) and np.ndim(level[0]):
        shape.append(len(level[0]))
        level = np.concatenate([np.asarray(part) for part in level])
    if np.size(level) != np.prod(shape):
        raise ValueError("novelty: got items of several shapes; allowed: one")
    return np.reshape(level, shape)


def joined(parts: Sequence[Items]) -> Items:
    """Return several sets of items as one, in order; raises ValueError where their shapes differ."""
    if not isinstance(parts[0], np.ndarray):
        return [text for part in parts for text in part]
    shapes = sorted({np.shape(part)[1:] for part in parts})
    if len(shapes) > 1:
        raise ValueError(f"novelty: got items of shapes {', '.join(map(str, map(list, shapes)))}; allowed: one")
    return np.concatenate(parts)


def units_of(frame: pd.DataFrame) -> NDArray[Any]:
    """Return the independent unit of every item, its own id where it has none."""
    own = pd.Series(frame.index.astype(str), frame.index)
    return np.asarray(own if "unit" not in frame else frame["unit"].fillna(own), dtype=str)


def model_score(frame: pd.DataFrame, score: str, items: Items, kind: str | None = None) -> Floats:
    """Return the model's own score [item] of the items of a frame, or of their distortions of one kind.

    nll in bits per dimension, critic = -logit, denoising_loss = mean of the curve; higher = more outlying.
    """
    column = ANSWERS[score][0] + ("" if kind is None else f"_{kind}")
    if score == "denoising_loss":
        return np.array([np.mean(curve) for curve in frame[column]], dtype=float)
    numbers = frame[column].to_numpy(float)
    return bits_per_dim(numbers, sizes(items)) if score == "log_prob" else -numbers


def check_roles(observed: Mapping[str, pd.DataFrame]) -> None:
    """Raise ValueError where there is too little to fit scores on, where two roles share an item, and where one is on
    another scale than the familiar items; a foreign series may be.
    """
    if len(observed["fit"]) < MIN_FIT:
        raise ValueError(f"novelty: got {len(observed['fit'])} fit items; allowed: {MIN_FIT} or more")
    check_disjoint({role: frame.index for role, frame in observed.items()})
    name = field_of(observed["items"])
    for role, frame in observed.items():
        if name in frame and (name == "image" or (name == "series" and role != "foreign")):
            told = another_scale(name, items_of(frame), items_of(observed["items"]))
            if told is not None:
                raise ValueError(f"novelty: {role} items range {told} as the familiar ones; allowed: one scale for all")
