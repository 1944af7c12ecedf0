"""Which audits a list holds and what it tells of them: asked of the index, told from the audits that are shown.

    asked_for(place, words, me)   what an address asks of the index (`audit.catalogue`): which audits, in which order
    rows_of(asked, ...)           what the index has of those of one page
    page_of(asked, ...)           those of one page, each read from its folder
    as_csv(asked)                 all of them as a file for a spreadsheet, one line an audit and check

The index is never what a row tells: the audits of a page are compared with it once more before they are shown, and
what they are, and what people said of them, is read from their files.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from audit.catalogue import Asked
from audit.errors import DokimasiaError
from audit.record import WORST_FIRST
from dashboard.address import Address
from dashboard.blind_review import judges_alone
from dashboard.findings_register import Stand, stand_of
from dashboard.indexing import index
from dashboard.item_pages import inert
from dashboard.loading import Running, found_in, opened
from dashboard.people import Person
from dashboard.searched_audits import item_hits
from dashboard.trust import changed_names
from detectors.immutable import immutable
from detectors.phrases import Phrase
from reports.text import Words
from reports.views import PrintedRow, ProgressView, progress_view

__all__ = ["QUICK", "Listed", "as_csv", "asked_for", "hits_of", "page_of", "progress_of", "rows_of"]

QUICK = ("", "decide", "mine", "overdue", "damaged", "running")
"""Quick filters, as an address names them."""
_SEARCHED = ("dimension", "probe", "measure", "family")
_TOGETHER = 500
"""Audits that are asked of the index at once for a file."""


@immutable
class Listed:
    """An audit of the list."""

    name: str
    found: PrintedRow | Running | Phrase
    """What is there: its row, how far it is, or why it cannot be read."""
    stand: Stand | None
    """What people decided; None where nobody has spoken of it."""
    written: float
    """When it was written: seconds since 1970."""


def asked_for(place: Address, words: Words, me: Person) -> Asked:
    """Return what an address asks of the index, for whoever looks.

    A search keeps also audits of which the name of a dimension, probe, measure or family in the reader's language has
    the text, and those in whose items it stands; what people said is looked through for whoever is shown it.
    """
    also = item_hits(place.search, index().partly()) if place.search else {}
    return Asked(
        search=place.search, terms=_terms(place.search.casefold(), words), verdict=place.verdict, family=place.family,
        only=place.only, me=me.name, changed=changed_names(), also=frozenset(also), order=place.order,
        reviews=not judges_alone(me),
    )  # fmt: skip


def _terms(wanted: str, words: Words) -> frozenset[str]:
    """Return the terms whose name in the reader's language holds a text."""
    if not wanted:
        return frozenset()
    return frozenset(
        raw for kind in _SEARCHED for raw, told in words.catalogue[kind].items() if wanted in str(told).casefold()
    )


def page_of(asked: Asked, start: int, most: int, lang: str, on: date) -> list[Listed]:
    """Return the audits from place `start` on as they stand on a day, in a language."""
    return [_listed(row, lang, on) for row in rows_of(asked, start, most)]


def rows_of(asked: Asked, start: int, most: int) -> list[dict[str, Any]]:
    """Return what the index has of them, once those were read again that were written since."""
    catalogue = index()
    rows = catalogue.rows(asked, start, most)
    if catalogue.look_again([row["name"] for row in rows]):
        rows = catalogue.rows(asked, start, most)
    return rows


def _listed(row: Mapping[str, Any], lang: str, on: date) -> Listed:
    found = found_in(row["name"], lang)
    stand = stand_of(row["name"], on) if isinstance(found, PrintedRow) else None
    return Listed(row["name"], found, stand, row["written"])


def hits_of(search: str, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return audit -> checks in whose items a text stands, of these audits, as far as they were looked through."""
    return {**index().hits(search, names), **item_hits(search, ())}


def progress_of(found: Running, words: Words) -> ProgressView | None:
    """Return how far a running audit is; None where it does not tell."""
    return None if found.progress is None else progress_view(found.progress, found.partial, time.time(), words)


def as_csv(asked: Asked, on: date) -> bytes:
    """Return audits as CSV in UTF-8: a line for each finding, with what people decided of the audit.

    Numbers are those of the record, in their units; an audit without a record, or of which none can be read, has one
    line.
    """
    written = io.StringIO(newline="")
    table = csv.writer(written)
    table.writerow(_COLUMNS)
    for row in _all(asked):
        lines = _lines(row, on)
        table.writerows([inert(str(cell)) if isinstance(cell, str) else cell for cell in line] for line in lines)
    return written.getvalue().encode()


def _all(asked: Asked) -> Iterator[Mapping[str, Any]]:
    catalogue, start = index(), 0
    while rows := catalogue.rows(asked, start, _TOGETHER):
        yield from rows
        start += len(rows)


_COLUMNS = (
    "audit", "title", "model", "family", "state", "after_review", "decision", "owners", "due", "overdue", "written",
    "dimension", "check", "verdict", "gating", "measure", "group", "value", "low", "high", "unit", "at_least",
    "at_most", "why",
)


def _lines(row: Mapping[str, Any], on: date) -> Iterable[Sequence[Any]]:
    judged = row["state"] in WORST_FIRST
    stand = stand_of(row["name"], on) if judged else None
    after = ("", "", "", "", "") if stand is None else (
        stand.verdict, stand.decision, "; ".join(stand.owners), stand.due or "", stand.overdue
    )  # fmt: skip
    written = datetime.fromtimestamp(row["written"]).isoformat(timespec="seconds")
    head = (*(row[name] for name in ("name", "title", "model", "family", "state")), *after, written)
    try:
        findings = opened(row["name"]).record.findings if judged else []
    except DokimasiaError:
        findings = []
    for finding in findings:
        measure, limit = finding.headline, finding.limit
        number = ("",) * 6 if measure is None else (
            measure.name, measure.group, measure.value, measure.low, measure.high, measure.unit
        )  # fmt: skip
        bounds = ("", "") if limit is None else (limit.at_least, limit.at_most)
        yield *head, finding.dimension, finding.check, finding.verdict, finding.gating, *number, *bounds, finding.why
    if not findings:
        yield *head, *("",) * (len(_COLUMNS) - len(head) - 1), row["why"]
