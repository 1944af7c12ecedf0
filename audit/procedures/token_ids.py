"""Token ids: how a model's tokenizer reads texts, with nothing put before or behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.model import CanTokenise
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "token_ids"]


def token_ids(model: CanTokenise, texts: Sequence[str]) -> pd.DataFrame:
    """Return columns, one row a text: `ids` (list of int) and `vocabulary`, the number of logits that the model has."""
    import pandas as pd

    return pd.DataFrame({"ids": model.tokenise(list(texts)), "vocabulary": model.vocabulary})


PROCEDURE = Procedure(
    token_ids, needs=(CanTokenise,),
    lacking=Cause("it has no tokenizer; a language model on disk as a helper has one"),
)
