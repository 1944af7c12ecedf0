"""A table audited without a model: who is in it, what it says of whom, and what it gives away.

    labels          rate of the favourable label by group, `detectors.bias.gaps`
    missing         rows that lack some value, by group
    representation  shares of groups against a reference that somebody published
    coverage        combinations of sensitive columns and label that hardly any row has
    proxies         what the features tell of the group, one by one and together
    duplicates      rows that are there more than once, by group
    missing_columns which group lacks values of which column more often
    reversals       gaps of the label rate that turn round within strata of another column
    overlap         rows of other data, e.g. those held out for testing, that are among these, by group

Every question is asked of every sensitive column, and of all of them together where there are several. Rows are taken
for independent, those of one identity for one: of each a row is drawn, but for the two questions about repeated rows. A
row without a group is in a group of its own, for what leaves it out changes the gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from detectors.bias.data.duplicates import keys_of_rows
from detectors.bias.data.findings import Found
from detectors.bias.data.giveaways import proxies
from detectors.bias.data.missing_columns import missing_columns
from detectors.bias.data.presence import coverage, group_table, representation
from detectors.bias.data.rates import label_rates, missing_rates
from detectors.bias.data.repetition import duplicates, overlap
from detectors.bias.data.reversals import reversals
from detectors.bias.data.setting import Setting, TableQuestions
from detectors.bias.missing_words import missing_words
from detectors.bias.repeats import one_of_each_unit
from detectors.result import Remark, Result

__all__ = ["QUESTIONS", "table_bias"]

QUESTIONS: Mapping[str, Callable[[Setting], Found]] = {
    "labels": label_rates, "missing": missing_rates, "representation": representation, "coverage": coverage,
    "proxies": proxies, "duplicates": duplicates, "overlap": overlap, "reversals": reversals,
    "missing_columns": missing_columns,
}
_OF_REPEATED = ("duplicates", "overlap")


def table_bias(
    rows: pd.DataFrame, others: pd.DataFrame | None, questions: TableQuestions, *, level: float,
    rng: np.random.Generator,
) -> Result:
    """Return what the rows of a table say by group; the first measure is of the first question.

    rows: a row a row, of texts with None for no value; others: further rows, for `overlap`. Measures without a group
    are the largest over all splits. items: a row of evidence for each group, feature, pattern or set of duplicates;
    table: a row a group with its rows, share, reference and rate of the favourable label. KeyError for a question that
    is none, and for a column that is not there.
    """
    whole = Setting(rows, others, questions, level, rng)
    once, drawn = _one_of_each(whole)
    found = [QUESTIONS[name](whole if name in _OF_REPEATED else once) for name in questions.asked]
    told = [row for one in found for row in one.rows]
    items = pd.DataFrame(told, index=pd.Index([f"{row['kind']} {at}" for at, row in enumerate(told, 1)], name="id"))
    if told:
        items["against"] = items["against"].astype("boolean")
    measures = tuple(replace(measure, level=level) for one in found for measure in one.measures)  # all splits at once
    words = missing_words(once.frame, questions.sensitive)
    remarks = (*drawn, *words, *(remark for one in found for remark in one.remarks))
    return Result(measures, items=items if told else None, table=group_table(once), remarks=remarks)


def _one_of_each(whole: Setting) -> tuple[Setting, tuple[Remark, ...]]:
    """Return the table with one row of each identity, drawn at random, and the remark on it where some are repeated."""
    names = whole.asked.identity
    if not names:
        return whole, ()
    keys = pd.Series(keys_of_rows([whole.frame[name] for name in names]))
    frame, told = one_of_each_unit(whole.frame, keys, whole.rng, ", ".join(names))
    return replace(whole, frame=frame), told
