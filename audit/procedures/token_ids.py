"""Token ids: how a model's tokenizer reads texts, with nothing put before or behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import AbilityError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["token_ids"]


def token_ids(model: Any, texts: Sequence[str]) -> pd.DataFrame:
    """Return columns, one row a text: `ids` (list of int) and `vocabulary`, the number of logits that the model has.

    Raises AbilityError for a model that has no tokenizer.
    """
    import pandas as pd

    if not hasattr(model, "encoder"):
        raise AbilityError(model.name, "token_ids", "it has no tokenizer; a language model on disk as a helper has one")
    ids = model.encoder.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] if texts else []
    return pd.DataFrame({"ids": ids, "vocabulary": model.scorer.network.vocabulary})
