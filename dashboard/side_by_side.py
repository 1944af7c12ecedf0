"""Audits that were not asked the same: what was asked otherwise, in words, and both results beside each other.

No difference is computed. Items of checks that were asked alike are told apart by what their detectors marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit.compare import marked_changes
from audit.record import Audit
from dashboard.address import Address
from reports.text import Notation, Words, one_line
from reports.views import AskedView, Overview, asked_view, changes_view

__all__ = ["apart"]


def apart(
    letter: str, audits: tuple[Audit, Audit], views: tuple[Overview, Overview], places: tuple[Address, Address],
    words: Words,
) -> Mapping[str, Any]:
    """Return what a screen says of the baseline and one candidate that was asked otherwise."""
    asked = asked_view(*audits, words)
    return {
        "letter": letter, "asked": asked, "results": _results(views, places, words),
        "alike": [one_line(check, words, 60) for check in asked.alike],
        "changed": _changed(letter, audits, asked, words),
    }


def _results(
    views: tuple[Overview, Overview], places: Sequence[Address], words: Words
) -> list[tuple[str, list[Mapping[str, Any] | None]]]:
    """Return each check with its line in both audits; None where one was not asked it."""
    sides = [{one.finding.check: one for one in view.findings} for view in views]
    rows = []
    for check in {**sides[0], **sides[1]}:
        found = [side.get(check) for side in sides]
        cells = [
            None if one is None else {
                "verdict": one.finding.verdict, "line": one.why if one.headline is None else one.headline.line,
                "measure": "" if one.headline is None else one.headline.label,
                "href": place.to("finding", check=check).link,
            }
            for one, place in zip(found, places, strict=True)
        ]
        rows.append((one_line(check, words, 80), cells))
    return rows


def _changed(
    letter: str, audits: tuple[Audit, Audit], asked: AskedView, words: Words
) -> list[tuple[str, Any]]:
    """Return the checks asked alike with the items that count against one model alone."""
    found = [(check, marked_changes(audits, check)) for check in asked.alike]
    return [(check, changes_view(letter, one, Notation(words))) for check, one in found if one is not None]
