"""Which files of an audit's folder are the audit: what is sealed, exported and imported, and nothing else."""

from __future__ import annotations

import os
import re
from pathlib import Path

from audit.errors import IntegrityError

__all__ = ["ALLOWED", "audit_files"]

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
                raise IntegrityError(f"{inside}: is a link; an audit holds plain files")
            if name in files and ALLOWED.fullmatch(inside):
                found.append(inside)
    return sorted(found)
