"""The moments that an axis of time names: round ones, as many as there is room for, written as ISO 8601 does.

    moments(first, last, room) -> [(moment, text), ...]      2026-11-27 · 2026-11 · 2026 · 11-27 22:00
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

__all__ = ["moments"]

_LETTER, _BETWEEN = 6.2, 14.0
"""Pixels of a letter, and between two texts."""
_MINUTES = (1, 5, 15, 30, 60, 180, 360, 720)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


def moments(first: datetime, last: datetime, room: float) -> list[tuple[datetime, str]]:
    """Return round moments from first to last in the finest steps whose texts fit into `room` pixels.

    Where none lies between them, or they are one, the first itself, by its day.
    """
    for found in _steps(first, last) if last > first else ():
        fit = [(at, text) for at, text in found if first <= at <= last]
        widest = max((len(text) for _, text in fit), default=0)
        if fit and len(fit) * (_LETTER * widest + _BETWEEN) <= room:
            return fit
    return [(first, first.strftime("%Y-%m-%d"))]


def _steps(first: datetime, last: datetime) -> Iterator[list[tuple[datetime, str]]]:
    """Yield the moments of each step, the finest first; those of which there would be very many are left out."""
    span = last - first
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    for minutes in _MINUTES:
        if span / timedelta(minutes=minutes) <= 60:
            yield _every(midnight, last, timedelta(minutes=minutes), "%m-%d %H:%M")
    for days in _DAYS:
        if span / timedelta(days=days) <= 60:
            yield _every(midnight, last, timedelta(days=days), "%Y-%m-%d")
    for months in _MONTHS:
        yield _months(first, last, months)


def _every(start: datetime, last: datetime, step: timedelta, form: str) -> list[tuple[datetime, str]]:
    count = int((last - start) / step) + 1
    return [(start + number * step, (start + number * step).strftime(form)) for number in range(count)]


def _months(first: datetime, last: datetime, step: int) -> list[tuple[datetime, str]]:
    """Return the first days of every so many months; of whole years the years."""
    begin = (first.year * 12 + first.month - 1) // step * step
    end = last.year * 12 + last.month
    form = "%Y" if step % 12 == 0 else "%Y-%m"
    starts = (
        first.replace(year=number // 12, month=number % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        for number in range(begin, end, step)
    )
    return [(at, at.strftime(form)) for at in starts]
