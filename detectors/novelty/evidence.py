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

from detectors.arrays import Floats
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
    columns = {role: _recorded(observed[role]) for role in told["role"].unique()}
    if None in columns.values():
        return {}
    cells = {name: np.full(len(told), None, dtype=object) for name in ("surprisal", *TOKENS)}
    for role, column in columns.items():
        frame = observed[role]
        places = _ends(np.where(told["role"] == role, told[score], np.nan))
        stored = frame.index.get_indexer(told.index[places])
        tokens = {name: frame[name].iloc[stored].to_list() for name in TOKENS if "tokens" in frame and name in frame}
        for number, (place, trace) in enumerate(zip(places, frame[column].iloc[stored], strict=True)):
            surprisal = -np.asarray(trace, dtype=np.float32)
            part = _strangest(surprisal) if tokens else slice(None)
            if tokens or len(surprisal) <= MOST_ELEMENTS:
                cells["surprisal"][place] = surprisal[part]
            for name, rows in tokens.items():
                cells[name][place] = list(rows[number])[part]
    return {name: pd.Series(found, told.index) for name, found in cells.items() if pd.notna(found).any()}


def _recorded(frame: pd.DataFrame) -> str | None:
    """Return the column of what is known of single elements, None where nothing is."""
    return next((name for name in ("trace", "element_log_prob") if name in frame), None)


def _ends(scores: Floats) -> NDArray[np.intp]:
    """Return the places of the least and the greatest scores [row], NaN aside, ascending."""
    order = np.argsort(scores, kind="stable")[: np.count_nonzero(~np.isnan(scores))]
    return order if len(order) <= 2 * ENDS else np.append(order[:ENDS], order[-ENDS:])


def _strangest(surprisal: NDArray[np.float32]) -> slice:
    """Return the stretch around the window of most surprise."""
    spare = len(surprisal) - STRETCH
    if spare <= 0:
        return slice(None)
    window = np.convolve(np.nan_to_num(surprisal), np.ones(WINDOW), "valid")
    start = int(np.argmax(window)) - (STRETCH - WINDOW) // 2
    start = min(max(start, 0), spare)
    return slice(start, start + STRETCH)
