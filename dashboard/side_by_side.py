"""Two audits that were not asked the same: their checks, what was asked otherwise, what changed.

No difference is computed here; intervals stand side by side, and items of both are told apart by their stored values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audit.plan import PlanDifference, differences
from audit.record import Audit, Record, items_of
from dashboard.address import Address
from dashboard.item_pages import paired, texts_of
from dashboard.rendering import picture
from reports.figures import NO_AXIS, SHARED, Axis, axis_head, axis_of, interval_line
from reports.text import Notation, Words, one_line
from reports.views import FindingView, MeasureRow, Overview, shown_cell

__all__ = ["asked_differently", "blocks_of", "changed_items", "pairs_of"]

WIDE = 280
"""Width of a figure in pixels, as in the findings of a report."""
MOST_ITEMS = 15
"""Changed items that are shown of a check."""
Pair = tuple[FindingView | None, FindingView | None]


def pairs_of(first: Overview, second: Overview) -> list[Pair]:
    """Return the findings of equal checks beside each other, in the order of the first audit."""
    sides = [{one.finding.check: one for one in view.findings} for view in (first, second)]
    return [(sides[0].get(check), sides[1].get(check)) for check in {**sides[0], **sides[1]}]


def blocks_of(pairs: Sequence[Pair], place: Address, words: Words) -> list[Mapping[str, Any]]:
    """Return the pairs by the scale of their headlines, with one axis for both; see `reports.figures.axes.SHARED`."""
    notation = Notation(words)
    scales: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        heads = [(one.anchor, one.headline) for one in pair if one is not None and one.headline is not None]
        check, head = heads[0] if heads else ("", None)
        scale = NO_AXIS if head is None else head.scale
        scales.setdefault((scale, "" if scale in SHARED else check), []).append(pair)
    return [_block(scale, found, place, notation) for (scale, _), found in scales.items()]


def _block(scale: str, pairs: Sequence[Pair], place: Address, notation: Notation) -> Mapping[str, Any]:
    rows = [one.headline for pair in pairs for one in pair if one is not None and one.headline is not None]
    axis = axis_of([(row.measure, row.limit) for row in rows], WIDE) if scale != NO_AXIS else None
    return {
        "unit": rows[0].unit if rows else "",
        "head": "" if axis is None else picture(axis_head(axis, notation)),
        "checks": [
            {
                "name": next(one.name for one in pair if one is not None),
                "sides": [
                    _side(letter, one, axis, place.to("finding", audit=audit), notation)
                    for letter, one, audit in zip("AB", pair, (place.audit, place.other), strict=True)
                ],
            }
            for pair in pairs
        ],
    }


def _side(
    letter: str, one: FindingView | None, axis: Axis | None, place: Address, notation: Notation
) -> Mapping[str, Any]:
    row = None if one is None else one.headline
    return {
        "letter": letter,
        "one": one,
        "row": row,
        "href": None if one is None else place.to("finding", check=one.finding.check).link,
        "line": "" if one is None or row is None or axis is None else _line(one, row, letter, axis, notation),
    }


def _line(one: FindingView, row: MeasureRow, letter: str, axis: Axis, notation: Notation) -> str:
    return picture(
        interval_line(
            row.measure,
            axis,
            notation,
            name=notation.words("format.colon", left=letter, right=row.label),
            verdict=one.finding.verdict,
            limit=row.limit,
        )
    )


def asked_differently(first: Record, second: Record) -> list[PlanDifference]:
    """Return what was asked differently, as far as the records tell of their plans, and how the models differ."""
    return list(differences(_as_plan(first), _as_plan(second)))


def _as_plan(record: Record) -> Mapping[str, Any]:
    """Return what a record tells of its frozen plan, with the facts of its models."""
    models = {role: model.model_dump(exclude={"identity"}) for role, model in record.models.items()}
    return {
        "level": record.level,
        "seed": record.seed,
        "models": {f"{role}.{name}": value for role, facts in models.items() for name, value in facts.items()},
        "checks": [
            {
                "name": one.check,
                "probe": {"use": one.probe, **one.options},
                "limit": None if one.limit is None else one.limit.model_dump(),
                "data": one.data,
                "gating": one.gating,
                "clauses": one.clauses,
            }
            for one in record.findings
        ],
    }


def changed_items(audits: Sequence[Audit], pair: Pair, place: Address, words: Words) -> Mapping[str, Any] | None:
    """Return the items of both audits whose value is another one; None where the same items are not in both."""
    first, second = (
        None if one is None else items_of(audit.folder, one.finding) for audit, one in zip(audits, pair, strict=True)
    )
    both = paired(first, second) if pair[0] and first and second else None
    if not pair[0] or first is None or both is None or not both.num_rows:
        return None
    left, right = (both[name].to_numpy().astype(float) for name in ("value", "other_value"))
    differ = np.flatnonzero((left != right) & ~(np.isnan(left) & np.isnan(right)))
    notation, check = Notation(words), pair[0].finding.check
    shown = both.take(differ[:MOST_ITEMS]).to_pylist()
    says = texts_of(first, [row["row"] for row in shown])
    return {
        "name": pair[0].name,
        "shared": f"{both.num_rows:,}",
        "count": int(differ.size),
        "rows": [
            {
                "item": one_line(said or str(row["item"]), words, 160),
                "cells": [shown_cell(row[name], notation) for name in ("value", "other_value")],
                "links": [
                    place.to("item", audit=audit, check=check, item=row[name]).link
                    for audit, name in ((place.audit, "row"), (place.other, "other_row"))
                ],
            }
            for row, said in zip(shown, says, strict=True)
        ],
    }
