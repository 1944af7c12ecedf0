"""The two sides of an item: which outcome goes with right and which with wrong, and which unit the item belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audit.record import Audit, Finding, items_of
from audit.review.entries import CallWord, Override
from audit.review.overrides import numbers_of

if TYPE_CHECKING:
    from detectors.result import Measure

__all__ = ["call_item", "right_outcomes", "units_of_items"]


def call_item(audit: Audit, check: str, item: str, word: CallWord, reason: str | None = None) -> Override:
    """Return what a word about an item says, with the outcome that goes with it where the check's number has one.

    Only an outcome of 0 or 1 has two sides; which of them is right follows from whether the item counts against the
    model, and where that is not told from the side on which the limit lies, or from the direction of the number.
    """
    right = right_outcomes(audit, check, [item]).get(item) if word in ("right", "wrong") else None
    value = right if right is None or word == "right" else 1 - right
    return Override(check=check, item=item, word=word, value=value, reason=reason)


def right_outcomes(audit: Audit, check: str, items: Sequence[str]) -> dict[str, float]:
    """Return item -> the outcome, 0 or 1, that goes with right; without those that have no two sides."""
    finding = next((one for one in audit.record.findings if one.check == check), None)
    made = numbers_of(audit, finding) if items and finding is not None else None
    if made is None:
        return {}
    side, found = _good_side(made.finding, made.headline), {}
    for item, row in made.outcomes.rows(items).items():
        value, against = float(made.outcomes.values[row]), int(made.outcomes.against[row])
        good = side if against < 0 else abs(value - against)
        if value in (0.0, 1.0) and good is not None:
            found[item] = good
    return found


def _good_side(finding: Finding, headline: Measure) -> float | None:
    limit = finding.limit
    if limit is not None and limit.speaks_of(headline) and (limit.at_most is None) != (limit.at_least is None):
        return 1.0 if limit.at_most is None else 0.0
    return {"higher is better": 1.0, "lower is better": 0.0}.get(headline.direction)


def units_of_items(audit: Audit, check: str, items: Sequence[str]) -> list[str] | None:
    """Return the independent unit of each item; None where every item is one, or nothing tells."""
    headline = audit.finding(check).headline
    if headline is None or headline.unit_of is None:
        return None
    file = items_of(audit.folder, audit.finding(check))
    if file is None or file.problem or headline.unit_of not in file.columns:
        return None
    rows = file.find(items)
    if len(rows) < len({*items}):  # some were erased
        return None
    units = file.rows([rows[item] for item in items])[headline.unit_of].to_pylist()
    return [str(unit) for unit in units]
