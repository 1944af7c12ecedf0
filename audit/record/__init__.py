"""The record: what an audit leaves behind."""

from audit.record.contents import ALLOWED, audit_files
from audit.record.finding import Evidence, Finding, Limit, MeasureRecord, OneSided, SmallestEffect, Undecided, Verdict
from audit.record.folder import Audit, audited_first, dump, find_audit, load_record, write_reports
from audit.record.promises import Promise, Target, keep_level, one_sided, watched
from audit.record.schema import (
    DIMENSIONS,
    SCHEMA,
    WORST_FIRST,
    Attempt,
    Deviation,
    EarlierAttempt,
    ModelRecord,
    Record,
    RunFacts,
    Sheet,
    decided,
)
from audit.record.text import asked_of, bounds, label, number, span

__all__ = [
    "ALLOWED", "DIMENSIONS", "SCHEMA", "WORST_FIRST", "Attempt", "Audit", "Deviation", "EarlierAttempt", "Evidence",
    "Finding", "Limit", "MeasureRecord", "ModelRecord", "OneSided", "Promise", "Record", "RunFacts", "Sheet",
    "SmallestEffect", "Target", "Undecided", "Verdict", "asked_of", "audit_files", "audited_first", "bounds", "decided",
    "dump", "find_audit", "keep_level", "label", "load_record", "number", "one_sided", "span", "watched",
    "write_reports",
]
