"""Draws with a watermark put in: what `sample` draws, with the mark put into the logits of every token."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.model import CanBiasLogits
from audit.procedure import Procedure
from detectors.phrases import Cause

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "marked_sample"]


def marked_sample(
    model: CanBiasLogits, prompts: Sequence[str | None], *, mark: Mapping[str, Any], **sampling: Any
) -> pd.DataFrame:
    """Return one draw per prompt in the columns of `sample`, and `changed` of `audit.model.Sample`.

    `mark` holds the options of a watermark, and its name at `use` where it is not `kgw-lefthash`.
    """
    import pandas as pd

    options = dict(mark)
    made = plugins.build("watermarks", options.pop("use", "kgw-lefthash"), options)
    drawn = model.sample_marked(list(prompts), mark=made, **sampling)
    return pd.DataFrame([dataclasses.asdict(one) for one in drawn])


PROCEDURE = Procedure(
    marked_sample, needs=(CanBiasLogits,), random=True, numbered=True,
    lacking=Cause("its logits are out of reach, so no mark can be put in"),
)
