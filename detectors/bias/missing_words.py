"""Words that often stand for a missing value, among the groups: a file's own word for it is a group like any other.

    NA, N/A, #N/A, <NA>, NaN, null, None    in whatever case

A detector cannot know what is meant (None may be an answer), so that it counts the rows and says so.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from detectors.result import Remark

__all__ = ["missing_words"]

_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "null", "none"})


def missing_words(rows: pd.DataFrame, columns: Iterable[str]) -> tuple[Remark, ...]:
    """Return a remark `missing_word` for each of the columns and each such word, with the number of its rows."""
    remarks = []
    for column in columns:
        codes, values = pd.factorize(rows[column])
        for place, value in enumerate(values):
            if str(value).strip().casefold() in _WORDS:
                count = float((codes == place).sum())
                remarks.append(Remark("missing_word", {"column_name": column, "word": str(value), "row_count": count}))
    return tuple(remarks)
