"""Waivers: a finding that shall not count, until when, and which of several is the one in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date

from audit.review.entries import Entry, Status, signature_of
from detectors.immutable import immutable

__all__ = ["Waiver", "waiver_in_force", "waiver_of"]


@immutable
class Waiver:
    """A finding that shall not count, and until when."""

    reason: str
    until: date
    author: str
    key: str | None = None
    """Fingerprint of the key that signed it; None without a signature that holds."""

    def holds(self, on: date) -> bool:
        """Tell whether the waiver counts on that day; its last day is in."""
        return on <= self.until


def waiver_of(entry: Entry) -> Waiver | None:
    """Return the waiver that an entry gives; None where it gives none."""
    said = entry.says
    if not isinstance(said, Status) or said.status != "waived" or said.reason is None or said.until is None:
        return None
    key = entry.key.fingerprint if entry.key is not None and signature_of(entry) == "holds" else None
    return Waiver(said.reason, said.until, entry.author, key)


def waiver_in_force(
    entries: Iterable[Entry], check: str, outside: Callable[[Waiver, Entry], str | None]
) -> tuple[Waiver, str | None] | None:
    """Return the last waiver of a check that may count, or the last of all with the reason why none may.

    `outside` says why a waiver may not count, or None: such a one does not displace one that may. Any other status
    ends all waivers before it.
    """
    standing: list[tuple[Waiver, str | None]] = []
    for entry in entries:
        if isinstance(entry.says, Status) and (entry.says.check, entry.says.item) == (check, None):
            waiver = waiver_of(entry)
            standing = [] if waiver is None else [*standing, (waiver, outside(waiver, entry))]
    counting = [one for one in standing if one[1] is None]
    return next(reversed(counting or standing), None)
