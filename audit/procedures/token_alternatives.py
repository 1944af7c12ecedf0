"""Token alternatives: at each token of a text, which tokens the model found likeliest, and how likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.model import CanNameAlternatives, Item
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "token_alternatives"]


def token_alternatives(model: CanNameAlternatives, items: Sequence[Item], *, k: int = 2) -> pd.DataFrame:
    """Return columns, one row an item, lists with an entry a token: `tokens`, `alternatives` and `log_probs`.

    The last two hold the texts of the k likeliest tokens of the place, likeliest first, and their nats; null where the
    model has no probabilities, as nothing stands before.
    """
    import pandas as pd

    from detectors.arrays import objects

    frames = model.alternatives(list(items), k=k)
    names = {"tokens": "element", "alternatives": "alternatives", "log_probs": "log_probs"}
    return pd.DataFrame({
        column: objects([frame[name].to_list() for frame in frames]) for column, name in names.items()
    })


PROCEDURE = Procedure(
    token_alternatives, needs=(CanNameAlternatives,),
    lacking=Cause("it does not tell which other tokens it found likely; a language model on disk does"),
)
