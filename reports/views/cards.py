"""A few items behind a finding as a reader meets them: what each is, and what came of it itself.

    item_cards(audit, finding, notation) -> cards, those that weigh most against the model first

A card's sign is that of its item, never of the whole check; an item of which nothing is told has none of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from audit.record import AGAINST, WEIGHT, Audit, Finding, ItemsFile, Verdict, items_of, worst_first
from detectors.immutable import immutable
from reports.figures import drawn
from reports.text import Notation, one_line
from reports.views.columns import CONTENT, NAMES, in_order, judged_columns
from reports.views.evidence import shown_cell

__all__ = ["ItemCard", "item_cards"]

MOST, LINES = 6, 4
"""Items, and facts under each."""
_TITLE, _LINE = 150, 90
"""Characters of the title and of a fact."""
_DIGEST = re.compile("[0-9a-f]{16,}")
"""What tells a reader nothing."""


@immutable
class ItemCard:
    """One item."""

    title: str
    """Its text; empty where a picture says it all."""
    picture: Markup | None
    sign: Verdict
    outcome: str
    """What came of it, in a word or two."""
    facts: tuple[tuple[str, str], ...]
    """(label, cell): what else it is, what was judged, and what its probe puts first."""


def item_cards(audit: Audit, finding: Finding, notation: Notation, most: int = MOST) -> tuple[ItemCard, ...]:
    """Return up to `most` items; empty where the record names none, or the file is not the record's."""
    items = items_of(audit.folder, finding)
    if items is None or items.problem is not None or not items.total:
        return ()
    first = worst_first(items.table(items.ranks))[:most] if items.ranks else range(min(most, items.total))
    names = in_order(finding, items.columns)
    return tuple(_card(cells, names, finding, items, notation) for cells in items.rows(first).to_pylist())


def _card(
    cells: Mapping[str, Any], names: Iterable[str], finding: Finding, items: ItemsFile, notation: Notation
) -> ItemCard:
    words = notation.words
    told = [name for name in names if cells[name] is not None and name not in (AGAINST, WEIGHT)]
    shown = {name: found for name in told if name in CONTENT and (found := drawn(name, cells[name], notation, 180, 56))}
    texts = (name for name in told if name in CONTENT and isinstance(cells[name], str))
    title = next((name for name in texts if cells[name].strip()), "")
    own = "" if items.id_column is None else str(cells[items.id_column])
    sign, outcome, column = _outcome(cells, notation)
    rest = [name for name in told if name not in (title, column, *shown, *NAMES)]
    order = sorted(rest, key=lambda name: (name not in CONTENT, name not in judged_columns(finding)))
    facts = [
        (one_line(words.term("column", name), words, 40), _cell(name, cells[name], notation))
        for name in order
        if not _DIGEST.fullmatch(str(cells[name]))
    ]
    return ItemCard(
        title=one_line(cells[title], words, _TITLE) if title else "" if shown else one_line(own, words, 60),
        picture=next((found.picture for found in shown.values()), None),
        sign=sign,
        outcome=outcome,
        facts=tuple(facts[:LINES]),
    )


def _cell(name: str, value: Any, notation: Notation) -> str:
    return one_line(shown_cell(value, notation, name), notation.words, _LINE)


def _outcome(cells: Mapping[str, Any], notation: Notation) -> tuple[Verdict, str, str]:
    """Return sign, word, and the column that has the word; empty where no column has."""
    words, against = notation.words, cells.get(AGAINST)
    sign: Verdict = "measured" if against is None else "failed" if against else "passed"
    column = next((name for name in ("outcome", "prefers") if isinstance(cells.get(name), str)), "")
    if column:
        return sign, one_line(words.term("cell", cells[column]), words, 40), column
    return sign, words({"failed": "item.against", "passed": "item.not_against", "measured": "item.not_told"}[sign]), ""
