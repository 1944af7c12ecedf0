"""The JSON twin of a report: the whole record for programs, and how many items stand behind each check.

    {"schema": 1, "record": {...record.json...}, "reviews": {...}, "items": {"stereotypes": 480, "extraction": null}}

Canonical JSON: keys sorted, no blanks, UTF-8. `items` is null for a check that left no items, or whose file is gone.
`erased` is there where evidence was: check -> who erased what of it, when and why; an item is told by its id.
`reviews` is null where nobody has said anything, else where the audit stands after what was said, as
`dokimasia review AUDIT --json` prints it. Numbers are the record's own, not rounded; `dokimasia schema record`
describes `record`. The language changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.files import canonical
from reports.options import DEFAULTS, ReportOptions

if TYPE_CHECKING:
    from audit.record import Audit

__all__ = ["render_json"]

SCHEMA = 1


def render_json(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the twin as one file."""
    from reports.views import count_items

    record = audit.record
    twin = {
        "schema": SCHEMA,
        "record": record.model_dump(mode="json", by_alias=True),
        "reviews": _reviews(audit),
        "items": {finding.check: count_items(audit, finding) for finding in record.findings},
    }
    if erased := _erased(audit):
        twin["erased"] = erased
    return {"report.json": canonical(twin) + b"\n"}


def _erased(audit: Audit) -> dict[str, list[dict[str, Any]]]:
    from audit.record import erasures

    found: dict[str, list[dict[str, Any]]] = {}
    for one in erasures(audit.folder):
        for check, items in one.checks.items():
            told = {"at": one.at.isoformat(), "by": one.by, "why": one.why, "items": list(items) or None}
            found.setdefault(check, []).append(told)
    return found


def _reviews(audit: Audit) -> dict[str, Any] | None:
    from audit.review import state_of

    state = state_of(audit)
    return state.as_json() if state.entries or state.torn else None
