"""Where in an item the surprise sits: kept for the few items that a reader looks at, the least and the most likely.

    surprisal    -log p of every element, nats, or what it adds to a bound; NaN where the first is not scored
    tokens       of a text, what each element reads; where the model tells them, token_entropy, the surprise that it
                 expected there (nats), token_rank (1 = what it thought likeliest), and token_start and token_end, the
                 characters of the text where it stands
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from detectors.elements import WINDOW

__all__ = ["ENDS", "MOST_ELEMENTS", "STRETCH", "TOKENS", "element_evidence"]

ENDS = 4
"""Items of each role that are kept at either end."""
MOST_ELEMENTS = 4096
"""Elements of an image or a series; a larger one is not kept."""
TOKENS = ("tokens", "token_entropy", "token_rank", "token_start", "token_end")
"""Columns of what is known of each token."""
STRETCH = 256
"""Elements of a text; of a longer one those around its strangest window are kept."""


def element_evidence(
    told: pd.DataFrame, observed: Mapping[str, pd.DataFrame], score: str
) -> dict[str, pd.Series[Any]]:
    """Return `surprisal` and of texts TOKENS, indexed like `told`: lists at the ends of each role, else None.

    told: `role` and the column `score`, by which the ends are found, indexed by item id. observed: role -> frame with
    the same ids and `trace` (log p of every element), or else `element_log_prob`, the parts of a bound; empty where
    there is neither.
    """
    kept = {role: _ends(told.loc[told["role"] == role, score]) for role in told["role"].unique()}
    cells: dict[str, dict[Any, Any]] = {"surprisal": {}, **{name: {} for name in TOKENS}}
    for role, ids in kept.items():
        frame = observed[role]
        column = next((name for name in ("trace", "element_log_prob") if name in frame), None)
        if column is None:
            return {}
        part_of: Any = frame.loc[ids]
        for item, trace in part_of[column].items():
            surprisal = -np.asarray(trace, dtype=np.float32)
            if "tokens" in frame:
                part = _strangest(surprisal)
                cells["surprisal"][item] = surprisal[part]
                for name in TOKENS:
                    if name in frame:
                        cells[name][item] = list(part_of[name][item])[part]
            elif len(surprisal) <= MOST_ELEMENTS:
                cells["surprisal"][item] = surprisal
    return {
        name: pd.Series([found.get(item) for item in told.index], told.index, dtype=object)
        for name, found in cells.items() if found
    }


def _ends(scores: pd.Series[Any]) -> pd.Index[Any]:
    order = scores.dropna().sort_values(kind="stable").index
    return order if len(order) <= 2 * ENDS else order[:ENDS].append(order[-ENDS:])


def _strangest(surprisal: NDArray[np.float32]) -> slice:
    """Return the stretch around the window of most surprise."""
    spare = len(surprisal) - STRETCH
    if spare <= 0:
        return slice(None)
    window = np.convolve(np.nan_to_num(surprisal), np.ones(WINDOW), "valid")
    start = int(np.argmax(window)) - (STRETCH - WINDOW) // 2
    start = min(max(start, 0), spare)
    return slice(start, start + STRETCH)
