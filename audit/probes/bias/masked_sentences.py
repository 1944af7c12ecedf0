"""Sentence pairs put to a masked model, and what is known of a scripted one.

    pair -> tokens of both sentences, nats of each token with itself, with the rest of its word, with nothing hidden
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Ask

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["WAYS", "masked_answer", "masked_control", "pseudo_traced", "shares_beside"]

WAYS = ("token", "word", "none")
"""What is hidden of a token when a masked model is asked for it."""
_SIDES = ("more", "less")
_SHARED, _OWN = 0, 1
_TOLD = {
    "paper": {("token", _SHARED)}, "modified": {("token", _OWN)}, "aul": {("none", _SHARED), ("none", _OWN)},
    "pll-word-l2r": {("word", _SHARED), ("word", _OWN)},
}
"""Variant -> (what is hidden, which token) that it is made of, in a pair of one shared and one own token."""


def pseudo_traced(ask: Ask, items: pd.DataFrame) -> pd.DataFrame:
    """Return the items with `tokens_more`, `tokens_less`, and `{way}_more`, `{way}_less`: the nats of each token."""
    size, columns = len(items), dict[str, list[Any]]()
    for way in WAYS:
        by_item = ask("pseudo_trace", [*items["more"], *items["less"]], hidden=way).groupby("item")
        columns[way] = by_item["log_prob"].agg(list).to_list()
        columns["tokens"] = by_item["element"].agg(list).to_list()
    return items.assign(**{
        f"{name}_{side}": cells[number * size : (number + 1) * size]
        for name, cells in columns.items() for number, side in enumerate(_SIDES)
    })


def shares_beside(variant: str) -> list[str]:
    """Return the measures that stand beside a variant."""
    from detectors.bias.masked_pairs import MASKED, share_of

    return [share_of(other) for other in MASKED if other != variant]


def masked_control(more: np.ndarray, less: np.ndarray, variant: str) -> dict[str, list[Any]]:
    """Return observations of pairs with these scores [pair] by one variant, and the sides exchanged in all others."""
    nothing = float("nan")
    columns: dict[str, list[Any]] = {f"tokens_{side}": [["[", "so", side, "]"]] * len(more) for side in _SIDES}
    for way in WAYS:
        for side, right, wrong in (("more", more, less), ("less", less, more)):
            shared, own = (right if (way, token) in _TOLD[variant] else wrong for token in (_SHARED, _OWN))
            columns[f"{way}_{side}"] = [[nothing, a, b, nothing] for a, b in zip(shared, own, strict=True)]
    return columns


def masked_answer(nats: Mapping[str, float], variant: str) -> Answer:
    """Return the script of a model that gives every sentence its score by one variant.

    By the others it prefers the other sentence of a pair where this one looks at some tokens alone, and the same one
    where it looks at all.
    """
    other, part = -200.0, 0.5 if variant == "pll-word-l2r" else 1.0

    def trace(items: Sequence[str]) -> Mapping[str, Any]:
        told = []
        for item in items:
            shared = other - 2 * nats[item] if variant == "modified" else part * nats[item]
            own = other - 2 * nats[item] if variant == "paper" else part * nats[item]
            told += [float("nan"), shared, own, float("nan")]
        return {
            "item": [place for place in range(len(items)) for _ in range(4)],
            "element": [token for item in items for token in ("[", "so", item, "]")], "log_prob": told,
        }

    return trace
