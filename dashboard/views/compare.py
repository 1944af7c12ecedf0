"""Two audits side by side: the same checks with both intervals, what was asked differently, items that changed.

Nothing new is measured: the screen says that there is no test of the difference.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from audit.record import Audit, Record
from dashboard.address import Address
from dashboard.drawing import draw, picture
from dashboard.frame import choose, crumbs
from dashboard.loading import entries, opened, view_of
from dashboard.paging import items_of, paired
from reports.evidence import shown_cell
from reports.figures import Axis, axis_head, axis_of, interval_line
from reports.inert import one_line
from reports.notation import Notation
from reports.tables import FindingView, MeasureRow, Overview
from reports.wording import Words

__all__ = ["differences", "show"]

WIDE = 280
"""Width of a figure in pixels, as in the findings of a report."""
MOST_ITEMS = 15
"""Changed items that are shown of a check."""
Pair = tuple[FindingView | None, FindingView | None]


def show(place: Address, words: Words) -> None:
    """Draw the choice of two audits and, once both are named, what is the same and what is not."""
    crumbs(words, [(words("heading.index"), place.to("audits")), (words("dashboard.compare"), place)])
    _choice(place, words)
    if not place.audit or not place.other:
        draw("empty.html.j2", words, text=words("dashboard.choose_two"))
        return
    names = (place.audit, place.other)
    audits = [opened(name) for name in names]
    views = [view_of(name, place.lang) for name in names]
    pairs = _pairs(views[0], views[1])
    draw(
        "compare.html.j2",
        words,
        sides=[
            (one, view, place.to("audit", audit=name).link) for one, view, name in zip("AB", views, names, strict=True)
        ],
        blocks=_blocks(pairs, place, words),
        differences=[
            (path, *(words("format.none") if side is None else one_line(side, words, 160) for side in both))
            for path, *both in differences(audits[0].record, audits[1].record)
        ],
        changed=[found for pair in pairs if (found := _changed(audits, pair, place, words))],
    )


def _choice(place: Address, words: Words) -> None:
    known = {one.name: one.title for one in entries() if one.state not in ("running", "unreadable")}
    named = words("dashboard.choose")

    def say(name: str) -> str:
        return one_line(f"{known.get(name, '')} · {name}", words, 100) if name else named

    for column, name in zip(st.columns(2), ("audit", "other"), strict=True):
        with column:
            choose(place, name, words("col.audit"), ["", *known], say)


def _pairs(first: Overview, second: Overview) -> list[Pair]:
    """Return the findings of equal checks beside each other, in the order of the first audit."""
    sides = [{one.finding.check: one for one in view.findings} for view in (first, second)]
    return [(sides[0].get(check), sides[1].get(check)) for check in {**sides[0], **sides[1]}]


def _blocks(pairs: Sequence[Pair], place: Address, words: Words) -> list[Mapping[str, Any]]:
    """Return the pairs by the unit of their headline, each unit with one axis for both audits."""
    notation = Notation(words)
    units: dict[str, list[Pair]] = {}
    for pair in pairs:
        heads = [one.headline for one in pair if one is not None and one.headline is not None]
        units.setdefault(heads[0].measure.unit if heads else "", []).append(pair)
    return [_block(unit, found, place, notation) for unit, found in units.items()]


def _block(unit: str, pairs: Sequence[Pair], place: Address, notation: Notation) -> Mapping[str, Any]:
    rows = [one.headline for pair in pairs for one in pair if one is not None and one.headline is not None]
    axis = axis_of(unit, [(row.measure, row.limit) for row in rows], WIDE)
    return {
        "unit": notation.unit(unit),
        "head": picture(axis_head(axis, notation)) if rows else "",
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


def _side(letter: str, one: FindingView | None, axis: Axis, place: Address, notation: Notation) -> Mapping[str, Any]:
    row = None if one is None else one.headline
    return {
        "letter": letter,
        "one": one,
        "row": row,
        "href": None if one is None else place.to("finding", check=one.finding.check).link,
        "line": "" if one is None or row is None else _line(one, row, letter, axis, notation),
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


def differences(first: Record, second: Record) -> list[tuple[str, str | None, str | None]]:
    """Return (what, in the first, in the second) for everything that was asked differently; None = not there.

    Of a check that only one of them has, its probe stands for the rest.
    """
    shared = {one.check for one in first.findings} & {one.check for one in second.findings}
    left, right = (dict(_flat(_asked(record, shared))) for record in (first, second))
    return [(path, left.get(path), right.get(path)) for path in {**left, **right} if left.get(path) != right.get(path)]


def _asked(record: Record, whole: Collection[str]) -> Mapping[str, Any]:
    keys = {"probe", "gating", "limit", "options", "data", "clauses"}
    return {
        "level": record.level,
        "seed": record.seed,
        "models": {role: model.model_dump(exclude={"identity"}) for role, model in record.models.items()},
        "checks": {
            one.check: one.model_dump(include=keys, exclude_none=True) if one.check in whole else one.probe
            for one in record.findings
        },
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _changed(audits: Sequence[Audit], pair: Pair, place: Address, words: Words) -> Mapping[str, Any] | None:
    """Return the items of both audits whose value is another one; None where the same items are not in both."""
    first, second = (one and items_of(audit, one.finding) for audit, one in zip(audits, pair, strict=True))
    both = paired(first, second) if pair[0] and first and second else None
    if not pair[0] or both is None or not both.num_rows:
        return None
    left, right = (both[name].to_numpy().astype(float) for name in ("value", "other_value"))
    differ = np.flatnonzero((left != right) & ~(np.isnan(left) & np.isnan(right)))
    notation, check = Notation(words), pair[0].finding.check
    return {
        "name": pair[0].name,
        "shared": f"{both.num_rows:,}",
        "count": int(differ.size),
        "rows": [
            {
                "item": one_line(str(row["item"]), words, 80),
                "cells": [shown_cell(row[name], notation) for name in ("value", "other_value")],
                "links": [
                    place.to("item", audit=audit, check=check, item=row[name]).link
                    for audit, name in ((place.audit, "row"), (place.other, "other_row"))
                ],
            }
            for row in both.take(differ[:MOST_ITEMS]).to_pylist()
        ],
    }
