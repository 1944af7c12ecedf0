"""Which columns of the items and tables behind a finding come first, so that what was judged is never left out.

    id, what the item is, what the verdict's measure is made of, what its probe names, all others as stored
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.record import Finding
from reports.pictures import figure_of

__all__ = ["CONTENT", "NAMES", "in_order", "judged_columns"]

NAMES = ("item", "id")
"""Columns that name the item."""
CONTENT = (
    "image", "series", "row", "question", "sentence", "prompt", "text", "output", "more", "less", "stereotype",
    "antistereotype", "answer", "right",
)
"""What an item is and what was said of it."""


def judged_columns(finding: Finding) -> tuple[str, ...]:
    """Return the columns that the measure of the verdict is made of; empty where the detector names none."""
    headline = finding.headline
    if headline is None:
        return ()
    ranked = headline.auroc_of or ()
    return tuple(dict.fromkeys((*((headline.mean_of,) if headline.mean_of else ()), *(name for _, name in ranked))))


def in_order(finding: Finding, names: Sequence[str]) -> list[str]:
    """Return the columns, those of most weight first."""
    wanted = (*NAMES, *CONTENT, *judged_columns(finding), *figure_of(finding.probe).columns)
    return list(dict.fromkeys((*(name for name in wanted if name in names), *names)))
