"""Class names: what a classifier calls its outputs, in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audit.model import CanPredict
from audit.procedure import Procedure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROCEDURE", "class_names"]


def class_names(model: CanPredict, items: Sequence[Any]) -> pd.DataFrame:
    """Return one row an item, whatever it is: `names` (list of str), in the order of the probabilities."""
    import pandas as pd

    return pd.DataFrame({"names": [[str(one) for one in model.classes] for _ in items]})


PROCEDURE = Procedure(class_names, needs=(CanPredict,))
