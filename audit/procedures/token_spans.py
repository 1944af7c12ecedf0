"""Token spans: where in a text each row of its trace stands, and how many bytes its probability is spread over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.model import CanLocate, Item
from audit.procedure import Procedure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "token_spans"]


def token_spans(model: CanLocate, items: Sequence[Item]) -> pd.DataFrame:
    """Return columns, one row an item: `start`, `end`, `bytes` (lists, see `audit.model.CanLocate`), `scored_bytes`.

    The last is the sum over tokens that have a probability: what bits per byte are taken by, whatever the tokenizer.
    """
    import pandas as pd

    spans = model.spans(list(items))
    told = {name: [part[:, place].tolist() for part in spans] for place, name in enumerate(("start", "end", "bytes"))}
    return pd.DataFrame({**told, "scored_bytes": [int((part[:, 2] * part[:, 3]).sum()) for part in spans]})


PROCEDURE = Procedure(token_spans, needs=(CanLocate,))
