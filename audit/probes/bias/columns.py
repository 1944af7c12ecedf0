"""Cells of a table as numbers, and what a model answers to a column of questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Ask

__all__ = ["answers_to", "finite_numbers"]


def answers_to(ask: Ask, prompts: pd.Series[Any]) -> list[Any]:
    """Return what the model answers to each prompt, its likeliest words; None where there is none, or none came."""
    there = prompts.notna().to_numpy()
    told = ask("sample", prompts[there].tolist(), temperature=0.0) if there.any() else None
    came = iter(() if told is None else told["content"].where(told["problem"].isna(), None))
    return [next(came) if known else None for known in there]


def finite_numbers(probe: str, cells: pd.Series[Any], allowed: str = "finite numbers") -> pd.Series[float]:
    """Return cells as numbers, NaN where there is none; DataError for what is no number."""
    import numpy as np
    import pandas as pd

    codes, values = pd.factorize(cells)
    each = pd.to_numeric(pd.Series(np.asarray(values, object)), errors="coerce").to_numpy(float)
    words = np.array([str(value).lower() != "nan" for value in values], bool)
    bad = np.append(np.isinf(each) | np.isnan(each) & words, False)[codes]
    if bad.any():
        at = f"item {cells.index[bad][0]}: column {cells.name!r}"
        raise DataError(f"{probe}: {at} is no number, as {int(bad.sum())} cells are; allowed: {allowed}")
    return pd.Series(np.append(each, np.nan)[codes], index=cells.index)
