"""The files of an audit's folder: their names, and which of them are sealed, exported and imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from audit.errors import IntegrityError

__all__ = [
    "ALLOWED", "DEVIATIONS_FILE", "JOURNAL_FILE", "PLAN_FILE", "RECORD_FILE", "REVIEWS_FILE",
    "RUN_FILE", "SEAL_FILE", "SPENT_FILE", "WRITTEN_PLAN_FILE", "audit_files", "items_name", "observations_name",
    "table_name",
]

WRITTEN_PLAN_FILE = "plan.yaml"
"""The plan as a person wrote it."""
PLAN_FILE = "plan.json"
"""The frozen plan."""
RECORD_FILE = "record.json"
RUN_FILE = "run.json"
DEVIATIONS_FILE = "deviations.json"
JOURNAL_FILE = "journal.jsonl"
"""Which answers are stored."""
REVIEWS_FILE = "reviews.jsonl"
SEAL_FILE = "seal.json"
SPENT_FILE = "spent.jsonl"
"""What endpoints took, call by call; a count that stays where the audit was run."""


def items_name(check: str) -> str:
    """Return the name of what judging said of each item of a check."""
    return f"items/{check}.parquet"


def table_name(check: str) -> str:
    """Return the name of a check's table: a curve, or its groups."""
    return f"items/{check}.table.parquet"


def observations_name(check: str, role: str) -> str:
    """Return the name of what a check observed of a role."""
    return f"observations/{check}.{role}.parquet"


_WORD = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
ALLOWED = re.compile(
    rf"plan\.yaml|(?:plan|record|run|identity|deviations|seal)\.json|(?:journal|reviews)\.jsonl|reports/{_WORD}"
    rf"|observed/{_WORD}/{_WORD}\.parquet|(?:observations|items)/{_WORD}\.parquet"
)
"""Names relative to the folder; to be matched whole."""


def audit_files(folder: Path) -> list[str]:
    """Return the names of an audit's files, sorted; IntegrityError for a link among them."""
    found = []
    for place, folders, files in os.walk(folder):
        for name in [*files, *folders]:
            path = Path(place, name)
            inside = path.relative_to(folder).as_posix()
            if path.is_symlink() and (name in folders or ALLOWED.fullmatch(inside)):
                raise IntegrityError("{file}: is a link; an audit holds plain files", file=inside)
            if name in files and ALLOWED.fullmatch(inside):
                found.append(inside)
    return sorted(found)
