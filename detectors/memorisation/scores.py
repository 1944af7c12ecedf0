"""Scores of membership, reductions of what a model said of an item. Higher = more like an item that was learnt from.

    loss              mean l_t                                                      (Yeom et al. 2018, 1709.01604)
    zlib              sum l_t in bits / bits of a lossless code of the whole text   (Carlini et al. 2021, 2012.07805)
    min_k             mean of the 20 % smallest l_t, one at least                   (Shi et al. 2024, 2310.16789)
    min_k_plus_plus   the same of (l_t - m_t) / sqrt(v_t)                           (Zhang et al. 2025, 2404.02936)
    reference_ratio   mean l_t - mean l_t under a reference model
    secmi, pia, sima  minus the error of a diffusion model, as it is told       (2302.01316, 2305.18355, SimA)
    peakedness        mean share of a drawn answer that the likeliest one has too, by edits; `cdd` beside it: share of
                      draws within 5 % of edits, as published                        (Dong et al. 2024, 2402.15938)
    windowed_votes    share of windows in which the reference model's loss is the greater, after 2601.02751

l_t is the log p of an element that is scored, m_t and v_t its mean and variance under the model, nats. Where a model
gives no trace, loss and ratio are log p of the item over its numbers, or bytes. Published scripts of `zlib` divide the
mean of l_t and not its sum, by which the length of the text comes in again. A model that is sure is peaked on what it
never saw, too: only beside non-members does peakedness tell anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from detectors.arrays import Floats, field_of, items_of
from detectors.elements import Traces, min_k, min_k_plus_plus
from detectors.lossless import compressed_bits, sizes
from detectors.memorisation.verbatim import edit_share

__all__ = ["BY_DENOISING", "BY_REFERENCE", "BY_TRACE", "membership_scores", "windowed_votes"]

BY_TRACE = frozenset({"zlib", "min_k", "min_k_plus_plus", "windowed_votes"})
"""Scores that take log p element by element."""
BY_DENOISING = ("secmi", "pia", "sima")
"""Scores that take the errors of a diffusion model."""
BY_REFERENCE = frozenset({"reference_ratio", "windowed_votes"})
"""Scores that take a second model."""
_PEAK = 0.05
"""Share of edits up to which a drawn answer counts as the likeliest one."""
_WIDTHS = (1, 2, 4, 8, 16, 32)
"""Elements of a window."""


def membership_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return every score that can be had, [item, score], NaN where an item has none.

    frame: items with one of the columns `image`, `series`, `row`, `text`, and `log_prob`, or lists `trace`, `entropies`
    and `variances`; where a reference model was asked `reference_log_prob`, or `reference_trace`. Or of a diffusion
    model its errors, `BY_DENOISING`. Or of a model that was asked the texts as prompts `greedy`, the likeliest answer,
    and `draws`, a list of drawn ones, null where one failed.
    """
    if BY_DENOISING[0] in frame:
        told = {name: -frame[name].to_numpy(float) for name in BY_DENOISING}
    elif "greedy" in frame:
        told = _by_draws(frame)
    else:
        told = _by_element(frame) if "trace" in frame else _by_item(frame)
    return pd.DataFrame(told, index=frame.index).replace([np.inf, -np.inf], np.nan)


def windowed_votes(gains: Sequence[Floats]) -> Floats:
    """Return the share [item] of windows whose summed gain is above 0, ties half, averaged over window sizes.

    gains: l_t less that of the reference model, nats, scored elements in order. Windows of 1, 2, 4 up to 32 elements
    slide by one; sizes beyond an item's length are left out, and an item without elements is NaN.
    """
    return Traces.of(gains).reduced(_votes)


def _by_item(frame: pd.DataFrame) -> dict[str, Floats]:
    size = np.maximum(sizes(items_of(frame)), 1.0)
    told = {"loss": frame["log_prob"].to_numpy(float) / size}
    if "reference_log_prob" in frame:
        told["reference_ratio"] = told["loss"] - frame["reference_log_prob"].to_numpy(float) / size
    return told


def _by_draws(frame: pd.DataFrame) -> dict[str, Floats]:
    told = np.full((len(frame), 2), np.nan)
    for place, (greedy, draws) in enumerate(zip(frame["greedy"], frame["draws"], strict=True)):
        if isinstance(greedy, str) and len(draws) and all(isinstance(one, str) for one in draws):
            known = {one: edit_share(greedy, one) for one in set(draws)}
            away = [known[one] for one in draws]
            told[place] = 1 - sum(away) / len(away), sum(one <= _PEAK for one in away) / len(away)
    return {"peakedness": told[:, 0], "cdd": told[:, 1]}


def _by_element(frame: pd.DataFrame) -> dict[str, Floats]:
    trace = Traces.of(frame["trace"])
    scored = trace.like(trace.values)
    told = {"loss": scored.reduced(_mean)}
    if field_of(frame) == "text":
        nats = scored.reduced(lambda rows: np.asarray(rows.sum(axis=1)))
        told["zlib"] = nats / np.log(2) / np.maximum(compressed_bits(frame["text"].to_list()), 1.0)
    told["min_k"] = -min_k(frame["trace"])
    told["min_k_plus_plus"] = -min_k_plus_plus(frame["trace"], frame["entropies"], frame["variances"])
    if "reference_trace" in frame:
        own, other = trace.beside(Traces.of(frame["reference_trace"]))
        gains = trace.like(own - other)
        told |= {"reference_ratio": gains.reduced(_mean), "windowed_votes": gains.reduced(_votes)}
    return told


def _mean(rows: Floats) -> Floats:
    return np.asarray(rows.mean(axis=1))


def _votes(rows: Floats) -> Floats:
    """Return the share [item] of windows of gains [item, element] above 0; NaN where a gain is not finite."""
    finite = np.asarray(np.isfinite(rows).all(axis=1))
    ahead = np.pad(np.cumsum(np.where(finite[:, None], rows, 0.0), axis=1), ((0, 0), (1, 0)))
    shares = [
        np.heaviside(ahead[:, width:] - ahead[:, :-width], 0.5).mean(axis=1)
        for width in _WIDTHS if width <= rows.shape[1]
    ]  # fmt: skip
    return np.where(finite, np.mean(shares, axis=0), np.nan)
