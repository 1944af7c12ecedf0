"""The scores by which a generative model says how strange an item is, and the questions that give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from audit.probe import Ask, Role

if TYPE_CHECKING:
    import pandas as pd

    from detectors.arrays import Items

__all__ = ["QUESTIONS", "ROLES", "Score", "own_answers", "token_traces"]

_FIELDS = {
    "image": "image as numbers [row, column] or [channel, row, column]; one of image, series, text",
    "series": "series as numbers [step]",
    "text": "text",
    "unit": "independent unit, e.g. the photo that a patch is from; absent = every item is its own",
}
Score = Literal["log_prob", "critic", "denoising_loss"]
QUESTIONS: Mapping[str, tuple[str, str]] = {
    "log_prob": ("log_prob", "log_prob"), "critic": ("discriminate", "discriminate"),
    "denoising_loss": ("denoising_curve", "denoise"),
}
"""Score -> (what the model is asked for it, ability that this needs)."""
ROLES: Mapping[str, Role] = {
    "items": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "fit": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "calibration": Role(_FIELDS, optional=frozenset(_FIELDS)),
    "foreign": Role(_FIELDS, optional=frozenset(_FIELDS), required=False),
    "reference": Role(_FIELDS, optional=frozenset(_FIELDS), required=False),
}
"""`items`: familiar, held out. `fit`, `calibration`: more such, for scores and for decisions. `foreign`: what the model
has not learnt. `reference`: what it has learnt, for kNN and the mixture; absent = `fit` serves them too."""


def own_answers(ask: Ask, items: Items, score: Score, model: str = "main") -> pd.DataFrame:
    """Return what a model of P(X) says of each item: `logit`, `denoising_curve`, or `log_prob` and its `likelihood`."""
    from detectors.novelty.answers import ANSWERS

    answer = ask(QUESTIONS[score][0], list(items), model=model).rename(columns={"kind": "likelihood"})
    return answer[["log_prob", "likelihood"] if score == "log_prob" else [ANSWERS[score][0]]]


def token_traces(ask: Ask, items: Items) -> pd.Series[Any]:
    """Return the log p of every element of each item; an empty list where there is none."""
    import pandas as pd

    traces = ask("trace", list(items)).groupby("item")["log_prob"].agg(list).to_dict()
    return pd.Series([traces.get(item, []) for item in range(len(items))])
