"""What a model that names no confidence is taken to have: the probability of the answer that it finds likeliest.

    choices   exp L_j / sum over choices of exp L_j,  L_j = log p(choice j | question) in nats, whole answers
    classes   the highest probability of a classifier

An answer that is not the only likeliest one is right in no case, wherever the right one stands among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax

__all__ = ["of_choices", "of_classes"]


_DIGITS = 9
"""Of a probability; what lies beyond is rounding, and equal answers are to stay equal."""


def of_choices(items: pd.DataFrame) -> pd.DataFrame:
    """Return `answer`, `confidence`, `label` (1 = right), `length` (words of the answer) and `failed` of each item.

    items: `choices` (list of texts), `correct` (places of the true ones), `best` (the true one that stands for them,
    null = the first of `correct`), `log_probs` (nats, one a choice, null = not scored). Other true choices are left
    out, as in MC1. Where a choice was not scored the item `failed`; there, and where an item was not asked and has no
    `log_probs`, `confidence` and `label` are NaN.
    """
    columns = ("choices", "correct", "best", "log_probs")
    rows = [_choice(*cells) for cells in items[list(columns)].itertuples(index=False)]
    return pd.DataFrame(rows, items.index, ["answer", "confidence", "label", "length", "failed"])


def _choice(
    choices: Sequence[str], correct: Sequence[int], best: int | None, log_probs: Sequence[float | None] | None
) -> tuple[str | None, float, float, float, bool]:
    if log_probs is None:
        return None, np.nan, np.nan, np.nan, False
    true = int(correct[0] if best is None or best != best else best)
    others = {int(place) for place in correct} - {true}
    kept = [place for place in range(len(choices)) if place not in others]
    nats = np.array([np.nan if log_probs[place] is None else log_probs[place] for place in kept], dtype=float)
    if np.isnan(nats).any():
        return None, np.nan, np.nan, np.nan, True
    shares = softmax(nats).round(_DIGITS)
    place = int(shares.argmax())
    answer = choices[kept[place]]
    alone = np.count_nonzero(shares == shares[place]) == 1
    return answer, float(shares[place]), float(alone and kept[place] == true), float(len(answer.split())), False


def of_classes(items: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return `answer` (a class), `confidence`, `label` and `length` (NaN: a class has none) of each item.

    items: `probabilities` (one a class, in the order of `names`), `label` (the true class, null = not known).
    """
    told = np.array([list(row) for row in items["probabilities"]], dtype=float).reshape(len(items), len(names))
    place = told.argmax(axis=1)
    alone = (told == told.max(axis=1, keepdims=True)).sum(axis=1) == 1
    answer = np.array(names, dtype=object)[place]
    right = (answer == items["label"].astype(str).to_numpy()) & alone
    return pd.DataFrame({
        "answer": answer, "confidence": told.max(axis=1, initial=0), "length": np.nan,
        "label": np.where(items["label"].isna(), np.nan, right),
    }, items.index)  # fmt: skip

