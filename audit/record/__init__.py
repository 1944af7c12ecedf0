"""The record: what an audit leaves behind."""

from audit.record.contents import (
    ALLOWED,
    DEVIATIONS_FILE,
    JOURNAL_FILE,
    PLAN_FILE,
    RECORD_FILE,
    REVIEWS_FILE,
    RUN_FILE,
    SEAL_FILE,
    SPENT_FILE,
    WRITTEN_PLAN_FILE,
    audit_files,
    items_name,
    observations_name,
    table_name,
)
from audit.record.erased import Erased, erasures
from audit.record.finding import Declared, Evidence, Finding, Limit, OneSided, SmallestEffect, Undecided
from audit.record.folder import Audit, dump, load_record, write_reports
from audit.record.items import AGAINST, WEIGHT, ItemsFile, items_of, observed_of, table_of, worst_first
from audit.record.progress import PROGRESS_FILE, CheckProgress, RunProgress, read_progress
from audit.record.promises import Promise, Target, keep_level, one_sided, watched
from audit.record.schema import (
    DIMENSIONS,
    SCHEMA,
    Attempt,
    DataRecord,
    Deviation,
    EarlierAttempt,
    ModelRecord,
    Record,
    RunFacts,
    Sheet,
    Spent,
)
from audit.record.text import asked_of, bounds, in_full, label, number, reach, span
from audit.record.verdict_order import DECIDED, UNSETTLED, WORST_FIRST, Judged, Verdict, decided, severity

__all__ = [
    "AGAINST", "ALLOWED", "DECIDED", "DEVIATIONS_FILE", "DIMENSIONS", "JOURNAL_FILE", "PLAN_FILE", "PROGRESS_FILE",
    "RECORD_FILE", "REVIEWS_FILE", "RUN_FILE", "SCHEMA", "SEAL_FILE", "SPENT_FILE", "UNSETTLED", "WEIGHT",
    "WORST_FIRST", "WRITTEN_PLAN_FILE", "Attempt", "Audit", "CheckProgress", "DataRecord", "Declared", "Deviation",
    "EarlierAttempt", "Erased", "Evidence", "Finding", "ItemsFile", "Judged", "Limit", "ModelRecord", "OneSided",
    "Promise", "Record", "RunFacts", "RunProgress", "Sheet", "SmallestEffect", "Spent", "Target", "Undecided",
    "Verdict", "asked_of", "audit_files", "bounds", "decided", "dump", "erasures", "in_full", "items_name", "items_of",
    "keep_level", "label", "load_record", "number", "observations_name", "observed_of", "one_sided", "reach",
    "read_progress", "severity", "span", "table_name", "table_of", "watched", "worst_first", "write_reports",
]
