"""What a novelty probe has seen, taken apart: items, their units, and the model's own score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from detectors.arrays import Floats, Items, field_of, items_of
from detectors.conformal import check_disjoint
from detectors.lossless import sizes
from detectors.novelty.likelihood import bits_per_dim
from detectors.scale import another_scale

__all__ = ["ANSWERS", "OTHER_DOMAIN", "check_roles", "model_score"]


OTHER_DOMAIN = "other_domain"
"""Role of items that the self-test shows beside the distortions."""
MIN_FIT = 10
"""Fewest items that scores are fitted on."""
ANSWERS: Mapping[str, tuple[str, str]] = {
    "log_prob": ("log_prob", "nll"), "critic": ("logit", "critic"),
    "denoising_loss": ("denoising_curve", "denoising_loss"),
}
"""What the model is asked for -> (column of its answer, name of the score)."""


def model_score(frame: pd.DataFrame, score: str, items: Items) -> Floats:
    """Return the model's own score [item] of the items of a frame.

    nll in bits per dimension, critic = -logit, denoising_loss = mean of the curve; higher = more outlying.
    """
    column = ANSWERS[score][0]
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
    name = field_of(observed["items"])
    try:
        check_disjoint({role: frame.index for role, frame in observed.items()})
    except ValueError as error:
        hint = ", or ids of their own for rows that are equal by chance" if name == "row" else ""
        raise ValueError(f"{error}{hint}") from None
    if name not in ("image", "series"):
        return
    familiar = items_of(observed["items"])
    for role, frame in observed.items():
        if role != "items" and name in frame and (name == "image" or role not in ("foreign", OTHER_DOMAIN)):
            told = another_scale(name, items_of(frame), familiar)
            if told is not None:
                raise ValueError(f"novelty: {role} items range {told} as the familiar ones; allowed: one scale for all")
