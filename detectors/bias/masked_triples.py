"""StereoSet under a masked language model: what it finds likely in the place where three sentences differ, or in all.

    blank   mean of p(token | the others, what follows in its word hidden) over the sentence's own tokens
    pll     mean of log p(token | all others) over all tokens of the sentence and its context

A sentence's own tokens stand behind what all three begin with and before what all three end with: where they differ in
a blank, those in it. The reference code of Nadeem et al. 2021 (arXiv:2004.09456) has means of probabilities too; it
leaves out what follows in the word, where `blank` hides it, and asks sentences after a context of another network,
trained for that, where `blank` takes the whole sentence. `pll` is the pseudo-log-likelihood of Salazar et al. 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, Literal

import numpy as np
import pandas as pd

from detectors.arrays import Floats
from detectors.bias.masked_pairs import of_variant
from detectors.bias.triples import triple_scores
from detectors.result import Result

__all__ = ["MaskedTriples", "masked_triple_preferences", "masked_triple_scores"]

MaskedTriples = Literal["blank", "pll"]
_SAID = ("stereotype", "antistereotype", "unrelated")


def masked_triple_scores(items: pd.DataFrame, variant: MaskedTriples) -> pd.DataFrame:
    """Return `score_{sentence}` of every item, as `triple_scores` takes it; NaN for one without a token of its own.

    items: `tokens_{sentence}` (texts, those around the sentence included) and `token_{sentence}` (nats of each, NaN for
    those around it; of `blank` with what follows in the word hidden) for stereotype, antistereotype and unrelated.
    """
    rows = zip(*(items[f"tokens_{one}"] for one in _SAID), strict=True)
    spans = [_blank([list(one) for one in row]) for row in rows]
    scores: dict[str, list[float]] = {}
    for number, said in enumerate(_SAID):
        cells = [np.asarray(cell, dtype=float) for cell in items[f"token_{said}"]]
        if variant == "blank":
            cells = [np.exp(nats[span[number]]) for nats, span in zip(cells, spans, strict=True)]
        scores[f"score_{said}"] = [_mean(cell) for cell in cells]
    return pd.DataFrame(scores, index=items.index)


def masked_triple_preferences(
    items: pd.DataFrame, variant: MaskedTriples, *, level: float, rng: np.random.Generator
) -> Result:
    """Return the measures of `detectors.bias.triples`, each method with the name of the variant.

    items: as `masked_triple_scores` takes them, and the further columns of `triple_scores`.
    """
    told = items.drop(columns=[f"{what}_{said}" for what in ("tokens", "token") for said in _SAID])
    result = triple_scores(told.join(masked_triple_scores(items, variant)), level=level, rng=rng)
    return replace(result, measures=tuple(of_variant(one, variant) for one in result.measures))


def _blank(sentences: Sequence[list[Any]]) -> list[slice]:
    """Return the span of each sentence between the beginning and the end that all of them share."""
    start = _common(sentences)
    end = _common([one[start:][::-1] for one in sentences])
    return [slice(start, len(one) - end) for one in sentences]


def _common(sentences: Sequence[list[Any]]) -> int:
    """Return how many tokens all begin with."""
    return sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, zip(*sentences, strict=False)))


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan
