"""Token attributions: what the tokens in parts of a prompt add to log p of the text behind it, by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.model import Baseline, CanAttribute, Parted
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "token_attributions"]


def token_attributions(
    model: CanAttribute, items: Sequence[Parted], *, baseline: Baseline = "zero", steps: int = 32
) -> pd.DataFrame:
    """Return columns, one row an item: `part` and `nats` (lists, a token in a part of the prompt each), `log_prob` and
    `baseline_log_prob`, as `audit.model.CanAttribute` has them.
    """
    return model.attributions(list(items), baseline=baseline, steps=steps)


PROCEDURE = Procedure(
    token_attributions, needs=(CanAttribute,),
    lacking=Cause("it does not tell gradients with respect to its prompt; a language model on disk does"),
)
