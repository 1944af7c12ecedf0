"""The JSON twin of a report: the whole record for programs, and how many items stand behind each check.

    {"schema": 1, "record": {...record.json...}, "items": {"stereotypes": 480, "extraction": null}}

Canonical JSON: keys sorted, no blanks, UTF-8. `items` is null for a check that left no items, or whose file is gone.
Numbers are the record's own, not rounded; `dokimasia schema record` describes `record`. The language changes nothing.
"""

from __future__ import annotations

from audit.files import canonical
from audit.record import Audit
from reports.evidence import count_items
from reports.options import DEFAULTS, ReportOptions

__all__ = ["render_json"]

SCHEMA = 1


def render_json(audit: Audit, options: ReportOptions = DEFAULTS) -> dict[str, bytes]:
    """Return the twin as one file."""
    record = audit.record
    twin = {
        "schema": SCHEMA,
        "record": record.model_dump(mode="json", by_alias=True),
        "items": {finding.check: count_items(audit, finding) for finding in record.findings},
    }
    return {"report.json": canonical(twin) + b"\n"}
