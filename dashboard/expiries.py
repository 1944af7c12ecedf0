"""What ends and when, over all findings: days to settle and last days of waivers, by month; and as a calendar file.

    months(ends)            month -> what ends in it, in order of the days
    as_calendar(ends, ...)  iCalendar (RFC 5545), one all-day event each; the same findings give the same bytes
    as_csv(rows, ...)       the register as a table for a spreadsheet
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import groupby

from dashboard.findings_register import End, RegisterRow
from dashboard.item_pages import inert
from reports.text import Notation, Words, one_line
from reports.views import reason_text

__all__ = ["as_calendar", "as_csv", "months"]


def months(ends: Iterable[End]) -> list[tuple[tuple[int, int], list[End]]]:
    """Return ((year, month), what ends in it) of what is given in order of time."""
    return [(month, list(found)) for month, found in groupby(ends, key=lambda one: (one.day.year, one.day.month))]


def as_calendar(ends: Iterable[End], words: Words) -> bytes:
    """Return what ends as an iCalendar file."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Dokimasia//findings//EN"]
    for one in ends:
        row = one.row
        named = " · ".join(one for one in (row.finding.check, row.item) if one)
        names = {"check": _line(named, words), "title": _line(row.title, words)}
        told = words(f"register.ends_{one.kind}", **names)
        owner = [] if not row.standing.owner else [f"DESCRIPTION:{_escaped(_line(row.standing.owner, words))}"]
        lines += [
            "BEGIN:VEVENT", f"UID:{row.mark}-{one.kind}-{row.audit}@dokimasia", f"DTSTAMP:{one.day:%Y%m%d}T000000Z",
            f"DTSTART;VALUE=DATE:{one.day:%Y%m%d}", f"DTEND;VALUE=DATE:{one.day + timedelta(days=1):%Y%m%d}",
            f"SUMMARY:{_escaped(told)}", *owner, "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line)).encode()


def _line(text: str, words: Words) -> str:
    return one_line(text, words, 80)


def _escaped(text: str) -> str:
    """Return a text value as RFC 5545 wants it."""
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return text


def _folded(line: str) -> list[str]:
    """Return a line in parts of at most 75 octets, each but the first with the blank that goes on."""
    parts, now = [], ""
    for char in line:
        if len((now + char).encode()) > 75:
            parts.append(now)
            now = " "
        now += char
    return [*parts, now]


def as_csv(rows: Sequence[RegisterRow], words: Words) -> bytes:
    """Return the register as CSV in UTF-8, an apostrophe before what a spreadsheet would run."""
    notation, written = Notation(words), io.StringIO()
    table = csv.writer(written)
    table.writerow([
        "audit", "title", "model", "check", "item", "dimension", "verdict", "sentence", "rating", "owner", "due",
        "overdue", "status", "waiver_until", "action", "age_days",
    ])
    for row in rows:
        said, finding = row.standing, row.finding
        table.writerow(inert(str(cell)) for cell in (
            row.audit, row.title, row.model, finding.check, row.item or "", finding.dimension, finding.verdict,
            reason_text(finding, notation), said.rating or "", said.owner or "", said.due or "", row.overdue,
            said.status, "" if said.waiver is None else said.waiver.until, said.action or "", row.age,
        ))
    return written.getvalue().encode()
