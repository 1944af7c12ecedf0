"""Audits that were not asked the same: what was asked otherwise, in words, and both results beside each other.

No difference is computed. Items of checks that were asked alike are told apart by what their detectors marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from audit.compare import marked_changes
from audit.errors import IntegrityError
from audit.record import Audit
from dashboard.address import Address
from reports.text import Notation, Words, one_line
from reports.views import AskedView, ChangesView, FindingView, Overview, asked_view, changes_view

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
        "changed": list(_changed(letter, audits, asked, words)),
    }


def _results(views: tuple[Overview, Overview], places: Sequence[Address], words: Words) -> list[tuple[str, list[Any]]]:
    """Return each check with its line in both audits; None where one was not asked it."""
    sides = [{one.finding.check: one for one in view.findings} for view in views]
    return [
        (one_line(check, words, 80), [
            None if (one := side.get(check)) is None else _cell(one, place)
            for side, place in zip(sides, places, strict=True)
        ])
        for check in {**sides[0], **sides[1]}
    ]  # fmt: skip


def _cell(one: FindingView, place: Address) -> Mapping[str, str]:
    head = one.headline
    return {
        "verdict": one.finding.verdict, "measure": "" if head is None else head.label,
        "line": one.why if head is None else head.line, "href": place.to("finding", check=one.finding.check).link,
    }


def _changed(
    letter: str, audits: tuple[Audit, Audit], asked: AskedView, words: Words
) -> Iterator[tuple[str, ChangesView]]:
    """Yield the checks asked alike with the items that count against one model alone; not of files that changed."""
    for check in asked.alike:
        try:
            found = marked_changes(audits, check)
        except IntegrityError:
            continue
        if found is not None:
            yield check, changes_view(letter, found, Notation(words))
