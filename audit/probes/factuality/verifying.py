"""Claims and passages before the helper `verifier` of a plan, each pair of texts once.

    (passages, [(places of the passages that are joined, claim), ...]) -> of each: places, claim, what was said
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import Pair
from audit.probes.items import without_nan

if TYPE_CHECKING:
    from audit.probe import Ask

__all__ = ["VERIFIER", "Wanted", "verified"]

VERIFIER = "verifier"
"""The helper's name in a plan."""
_TOLD = ("entailment", "neutral", "contradiction", "pieces", "spans")
Wanted = tuple[Sequence[str], Sequence[tuple[tuple[int, ...], str]]]
"""Passages, and what is asked by them."""


def verified(ask: Ask, wanted: Sequence[Wanted]) -> list[list[dict[str, Any]]]:
    """Return for each of `wanted` its rows `passages`, `text`, `entailment`, `neutral`, `contradiction`, `pieces`.

    Where the verifier marks what is made up, `spans` are those characters of the text.
    """
    told = [
        [(premise, text, Pair("\n".join(passages[place] for place in premise), text)) for premise, text in some]
        for passages, some in wanted
    ]
    pairs = list(dict.fromkeys(pair for some in told for _, _, pair in some))
    said = without_nan(ask("verify", pairs, model=VERIFIER)).to_dict("records") if pairs else []
    known = dict(zip(pairs, said, strict=True))
    return [
        [{"passages": list(premise), "text": text, **{name: known[pair][name] for name in _TOLD if name in known[pair]}}
         for premise, text, pair in some]
        for some in told
    ]  # fmt: skip
