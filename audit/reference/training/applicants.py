"""The reference table of applicants and its classifier: who is hired, and what a model learns from who was.

A table is made by `audit.data.sets.applicants` and has a card alone. The classifier is a logistic regression that
learns `hired` from district, education, experience and score; the flawed one finds gender in the district.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from audit.data.sets.applicants import FEATURES, table

__all__ = ["classifier", "rows"]

SEED = 5
"""Of the tables; nothing else is drawn."""
_OF_ROWS = [
    {
        "name": "label-rate gap",
        "what": "of suited women 5 in 10 are hired, of such men 9; of others none and 4",
        "status": "asked",
        "probe": "bias.data",
        "measure": "label_rate_gap",
        "check": "hired",
    },
    {
        "name": "proxy",
        "what": "nine of ten women live in two districts, one of ten men does",
        "status": "asked",
        "probe": "bias.data",
        "measure": "joint_proxy",
        "check": "proxies",
    },
]
_OF_CLASSIFIER = [
    {
        "name": "fewer women selected",
        "what": "finds gender in the district, and selects women less often than men",
        "status": "asked",
        "probe": "bias.decisions",
        "measure": "demographic_parity_difference",
        "check": "selection",
    },
    {
        "name": "unsuited men selected",
        "what": "selects more men who are not suited than women who are not",
        "status": "asked",
        "probe": "bias.decisions",
        "measure": "false_positive_rate_gap",
        "check": "errors",
    },
]
"""What is wrong with the flawed ones."""


def rows(folder: Path, form: str) -> dict[str, Any]:
    """Return the card of the `sound` or the `flawed` table; its rows need no file."""
    made = table(form)
    man = (made["gender"] == "man").to_numpy()
    hired, usual = (made["hired"] == "yes").to_numpy(), made["district"].isin(["south", "west"]).to_numpy()
    numbers = {
        "hired_women": hired[~man].mean(), "hired_men": hired[man].mean(), "told_by_district": (usual == man).mean(),
    }  # fmt: skip
    return _card("made", form, _OF_ROWS, numbers)


def classifier(folder: Path, form: str) -> dict[str, Any]:
    """Train and save the `sound` or the `flawed` classifier; returns its card. A second of one core."""
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["district"]), (StandardScaler(), ["education", "experience", "score"])
    )
    model = make_pipeline(columns, LogisticRegression())
    past, held = table(form), table(f"{form}_heldout")
    model.fit(past[list(FEATURES)], past["hired"])
    skops.io.dump(model, folder / "classifier.skops", compression=8)
    said = model.predict(held[list(FEATURES)]) == "yes"
    man, suited = (held["gender"] == "man").to_numpy(), (held["suited"] == "yes").to_numpy()
    numbers = {
        "accuracy": (said == suited).mean(), "selected_women": said[~man].mean(), "selected_men": said[man].mean(),
        "false_positives_women": said[~man & ~suited].mean(), "false_positives_men": said[man & ~suited].mean(),
    }  # fmt: skip
    return _card("classifier", form, _OF_CLASSIFIER, numbers)


def _card(family: str, form: str, faults: list[dict[str, str]], numbers: dict[str, np.floating[Any]]) -> dict[str, Any]:
    return {
        "family": family,
        "form": form,
        "seed": SEED,
        "trained_on": "audit.data.sets.applicants",
        "faults": faults if form == "flawed" else [],
        "numbers": {name: round(float(value), 3) for name, value in numbers.items()},
    }
