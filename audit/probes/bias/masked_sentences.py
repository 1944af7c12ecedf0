"""Sentences put to a masked model, and what is known of a scripted one.

    pair -> tokens of both sentences, nats of each token with itself, with the rest of its word, with nothing hidden,
            and the attention that it gets then
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.probe import Answer, Ask
from audit.probes.items import lists_by_item

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "WAYS", "masked_answer", "masked_control", "masked_triples", "pseudo_traced", "pseudo_traced_triples",
    "shares_beside", "spelt",
]

WAYS = ("token", "word", "none")
"""What is hidden of a token when a masked model is asked for it."""
_SIDES = ("more", "less")
_SHARED, _OWN = 0, 1
_TOLD = {
    "paper": {("token", _SHARED)}, "modified": {("token", _OWN)}, "aul": {("none", _SHARED), ("none", _OWN)},
    "aula": set(), "pll-word-l2r": {("word", _SHARED), ("word", _OWN)},
}
"""Variant -> (what is hidden, which token) that it is made of, in a pair of one shared and one own token; of `aula`
attention decides."""


def pseudo_traced(ask: Ask, items: pd.DataFrame) -> pd.DataFrame:
    """Return the items with `tokens_more`, `tokens_less`, and `{way}_more`, `{way}_less`: the nats of each token.

    Where nothing is hidden, also `attention_more` and `attention_less`.
    """
    size, columns = len(items), dict[str, list[Any]]()
    for way in WAYS:
        looked: dict[str, Any] = {"attention": True} if way == "none" else {}
        answer = ask("pseudo_trace", [*items["more"], *items["less"]], hidden=way, **looked)
        told = {way: "log_prob", "tokens": "element", **({"attention": "attention"} if looked else {})}
        columns |= {name: lists_by_item(answer, answer[column], 2 * size).to_list() for name, column in told.items()}
    return items.assign(**{
        f"{name}_{side}": cells[number * size : (number + 1) * size]
        for name, cells in columns.items() for number, side in enumerate(_SIDES)
    })


def pseudo_traced_triples(ask: Ask, items: pd.DataFrame, said: Sequence[str], variant: str) -> pd.DataFrame:
    """Return the items with `tokens_...` of each sentence behind its context, and `token_...`, the nats of each."""
    contexts = items["context"].to_list() if "context" in items else [None] * len(items)
    texts = [
        f"{context} {text}" if isinstance(context, str) else text
        for name in said for context, text in zip(contexts, items[name], strict=True)
    ]
    answer = ask("pseudo_trace", texts, hidden="word" if variant == "blank" else "token")
    size, told = len(items), dict[str, list[Any]]()
    for name, column in (("tokens", "element"), ("token", "log_prob")):
        cells = lists_by_item(answer, answer[column], len(texts)).to_list()
        told |= {f"{name}_{one}": cells[at * size : (at + 1) * size] for at, one in enumerate(said)}
    return items.assign(**told)


def spelt(text: str, score: float, own: int, variant: str) -> tuple[list[str], list[float]]:
    """Return the tokens of a sentence, as many of them its `own`, and nats by which this is its score in one variant.

    Its score in the other goes down as this goes up, or is mixed up by the sentence's length.
    """
    nothing, shared = float("nan"), score if variant == "pll" else -400.0 - 2 * own * score
    tokens = ["[", "so", *(f"{text} {number}" for number in range(own)), "]"]
    return tokens, [nothing, shared, *[score] * own, nothing]


def masked_triples(said: Mapping[str, tuple[np.ndarray, int]], variant: str) -> dict[str, list[Any]]:
    """Return observations of items whose sentences have these scores [item] and so many own tokens, by one variant."""
    columns: dict[str, list[Any]] = {}
    for name, (scores, own) in said.items():
        told = [spelt(name, score, own, variant) for score in scores]
        columns |= {f"tokens_{name}": [one[0] for one in told], f"token_{name}": [one[1] for one in told]}
    return columns


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
    for side, right, wrong in (("more", more, less), ("less", less, more)):
        looked = right / wrong if variant == "aula" else wrong / right if variant == "aul" else 0 * right + 0.5
        columns[f"attention_{side}"] = [[nothing, a, a, nothing] for a in looked]
    return columns


def masked_answer(nats: Mapping[str, float], variant: str) -> Answer:
    """Return the script of a model that gives every sentence its score by one variant.

    By the others it prefers the other sentence of a pair where this one looks at some tokens alone or at attention, and
    the same one where it looks at all tokens alike.
    """
    other, part = -200.0, 0.5 if variant == "pll-word-l2r" else 1.0

    def trace(items: Sequence[str]) -> Mapping[str, Any]:
        told, looked = [], []
        for item in items:
            shared = other - 2 * nats[item] if variant in ("modified", "aula") else part * nats[item]
            own = other - 2 * nats[item] if variant in ("paper", "aula") else part * nats[item]
            told += [float("nan"), shared, own, float("nan")]
            looked += [nats[item] / own if variant == "aula" else 0.5] * 4
        return {
            "item": [place for place in range(len(items)) for _ in range(4)],
            "element": [token for item in items for token in ("[", "so", item, "]")], "log_prob": told,
            "attention": looked,
        }

    return trace
