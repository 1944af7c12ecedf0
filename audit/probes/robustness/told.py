"""What a model said of each form of each item, from what was kept, as `detectors.robustness.answers` compares it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

from audit.probes.robustness.asked import asked_of

if TYPE_CHECKING:
    import pandas as pd

    from detectors.robustness.answers import Compared, Said

    Shown = list[list[str | None]]
    """Each answer [item][form] as a reader sees it; None where there is none."""
    Told = tuple[list[list[Said | None]], Compared, Shown]

__all__ = ["said_by_choices", "said_by_classes", "said_in_nats", "said_in_words"]

NAN = float("nan")


def said_by_choices(rows: pd.DataFrame) -> Told:
    """Return the shares that a model gives the choices, exp of their log-probabilities as a part of their sum."""
    import numpy as np

    from detectors.robustness.answers import of_shares

    asked = asked_of(rows)
    said: list[list[Said | None]] = []
    shown: Shown = []
    for choices, correct, nats in asked[["choices", "correct", "log_probs"]].itertuples(index=False):
        known = set[int]() if correct is None else {*map(int, correct)}
        said.append([_shares(None if one is None else np.array(one, dtype=float), known) for one in nats])
        shown.append([_named(one, choices) for one in said[-1]])
    return said, of_shares, shown


def _shares(nats: Any, known: Collection[int]) -> Said | None:
    """Return an answer of log-probabilities [choice]; None where one is not there, or none of them is above 0."""
    import numpy as np

    from detectors.robustness.answers import Said

    if nats is None or not math.isfinite(most := nats.max()):
        return None
    shares = np.exp(nats - most)
    return Said(shares / shares.sum(), _right(shares, known))


def _named(said: Said | None, names: Sequence[str] | None) -> str | None:
    """Return the names of the likeliest options, or their numbers where they have none."""
    from detectors.robustness.answers import likeliest

    if said is None:
        return None
    return " | ".join(str(at if names is None else names[at]) for at in likeliest(said.answer))


def _right(shares: Any, known: Collection[int]) -> float:
    """Return which share of the likeliest options are right; NaN where none is known to be."""
    from detectors.robustness.answers import likeliest

    first = likeliest(shares).tolist()
    return sum(at in known for at in first) / len(first) if known and first else NAN


def said_by_classes(rows: pd.DataFrame) -> Told:
    """Return the probabilities of the classes."""
    import numpy as np

    from detectors.robustness.answers import Said, of_shares

    asked = asked_of(rows)
    said: list[list[Said | None]] = []
    shown: Shown = []
    for label, told, names in asked[["label", "probabilities", "names"]].itertuples(index=False):
        known = [list(names).index(label)] if names is not None and label in list(names) else []
        answers = [None if one is None else np.array(one, dtype=float) for one in told]
        said.append([
            None if one is None else Said(one, _right(one, known)) for one in answers
        ])
        shown.append([_named(one, names) for one in said[-1]])
    return said, of_shares, shown


def said_in_words(rows: pd.DataFrame, rule: Literal["contains", "exact_match_numeric"]) -> Told:
    """Return written answers; one without a letter or a figure is none."""
    from detectors.factuality import matching
    from detectors.robustness.answers import Said, of_words

    rate = getattr(matching, rule)
    asked = asked_of(rows)

    def answer(text: str | None, aliases: Sequence[str] | None) -> Said | None:
        if text is None or not any(character.isalnum() for character in text):
            return None
        right = NAN if aliases is None or not len(aliases) else float(rate(text, aliases))
        return Said(matching.squad_normalise(text), right)

    pairs = [(list(texts), aliases) for texts, aliases in asked[["texts", "aliases"]].itertuples(index=False)]
    return [[answer(one, aliases) for one in texts] for texts, aliases in pairs], of_words, [one for one, _ in pairs]


def said_in_nats(rows: pd.DataFrame) -> Told:
    """Return log-probabilities of the items themselves."""
    from detectors.robustness.answers import Said, of_numbers

    asked = asked_of(rows)
    said = [[None if one is None or one != one else Said(float(one)) for one in row] for row in asked["log_probs"]]
    return said, of_numbers, [[None if one is None else f"{one.answer:.6g}" for one in row] for row in said]
