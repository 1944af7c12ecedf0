"""The scores by which a generative model says how strange an item is, and the questions that give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from audit import plugins
from audit.model import ABILITIES
from audit.probe import Ask, Role

if TYPE_CHECKING:
    import pandas as pd

    from detectors.arrays import Items

__all__ = ["QUESTIONS", "ROLES", "Score", "needed_for", "own_answers", "token_traces"]

_FIELDS = {
    "image": "image as numbers [row, column] or [channel, row, column]; one of image, series, text",
    "series": "series as numbers [step]",
    "text": "text",
    "unit": "independent unit, e.g. the photo that a patch is from; absent = every item is its own",
}
Score = Literal["log_prob", "critic", "denoising_loss"]
QUESTIONS: Mapping[str, str] = {
    "log_prob": "log_prob", "critic": "discriminate", "denoising_loss": "denoising_curve"
}
"""Score -> what the model is asked for it."""
ROLES: Mapping[str, Role] = {
    "items": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "fit": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "calibration": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "foreign": Role(_FIELDS, optional=frozenset(_FIELDS), required=False),
    "reference": Role(_FIELDS, optional=frozenset(_FIELDS), required=False),
}
"""`items`: familiar, held out. `fit`, `calibration`: more such, for scores and for decisions. `foreign`: what the model
has not learnt. `reference`: what it has learnt, for kNN and the mixture; absent = `fit` serves them too."""


def needed_for(score: Score) -> frozenset[str]:
    """Return the abilities that a score needs: its question, or those of the procedure that answers it."""
    question = QUESTIONS[score]
    if question in ABILITIES:
        return frozenset({question})
    needed: frozenset[str] = plugins.load("procedures", question).abilities
    return needed


def own_answers(ask: Ask, items: Items, score: Score, model: str = "main") -> pd.DataFrame:
    """Return what a model of P(X) says of each item: `logit`, `denoising_curve`, or `log_prob` and its `likelihood`."""
    from detectors.novelty.answers import ANSWERS

    answer = ask(QUESTIONS[score], list(items), model=model).rename(columns={"kind": "likelihood"})
    return answer[["log_prob", "likelihood"] if score == "log_prob" else [ANSWERS[score][0]]]


def token_traces(ask: Ask, items: Items) -> pd.Series[Any]:
    """Return the log p of every element of each item; an empty list where there is none."""
    import pandas as pd

    traces = ask("trace", list(items)).groupby("item")["log_prob"].agg(list).to_dict()
    return pd.Series([traces.get(item, []) for item in range(len(items))])
