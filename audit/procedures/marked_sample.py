"""Draws with a watermark put in: what `sample` draws, with the mark's bias added to the logits of every token."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import AbilityError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["marked_sample"]


def marked_sample(
    model: Any, prompts: Sequence[str | None], *, seed: int, mark: Mapping[str, Any], **sampling: Any
) -> pd.DataFrame:
    """Return one draw per prompt in the columns of `sample`; `mark` holds the options of `audit.watermarks.kgw.KGW`.

    Raises AbilityError for a model whose logits are out of reach.
    """
    import pandas as pd

    from audit.watermarks.kgw import KGW

    if "mark" not in inspect.signature(model.sample).parameters:
        raise AbilityError(model.name, "marked_sample", "its logits are out of reach, so no mark can be put in")
    drawn = model.sample(list(prompts), seed=seed, mark=KGW(**mark), **sampling)
    return pd.DataFrame([dataclasses.asdict(one) for one in drawn])
