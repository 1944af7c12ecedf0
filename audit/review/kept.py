"""Where an audit's reviews are kept: in its folder, or in a database that several hosts write to.

    DOKIMASIA_REVIEWS=reviews.sqlite                          a file for the processes of one host
    DOKIMASIA_REVIEWS=postgresql://auditor@host/reviews       a server for many

An audit that lives in an object store keeps its reviews there, for all hosts that read it.
"""

from __future__ import annotations

import os

from audit.errors import UsageError
from audit.record import REVIEWS_FILE, Audit
from audit.review.log import FileLog, ReviewLog
from audit.review.table_log import TableLog
from audit.storage import is_copy

__all__ = ["REVIEWS", "log_of", "pull_reviews", "push_reviews"]

REVIEWS = "DOKIMASIA_REVIEWS"
"""Environment variable with the database; without it reviews are kept in each audit's folder alone."""


def log_of(audit: Audit, place: str | None = None) -> ReviewLog:
    """Return where reviews are kept; `place`: a database, instead of the one that the environment names."""
    place, file = place or os.environ.get(REVIEWS), audit.folder / REVIEWS_FILE
    return TableLog(audit, place) if place and not is_copy(file) else FileLog(file)


def pull_reviews(audit: Audit, place: str | None = None) -> int:
    """Bring an audit's file up to the database, where there is one, before it is read; returns how many lines came.

    Raises DatabaseError where it is not to be reached, so that nothing old is taken for how things stand.
    """
    log = log_of(audit, place)
    return log.pull() if isinstance(log, TableLog) else 0


def push_reviews(audit: Audit, place: str | None = None) -> tuple[int, int]:
    """Bring whichever of file and database has less up to the other; returns how many lines (came, went).

    Raises UsageError without a database, and as `pull_reviews`; IntegrityError where both go on differently.
    """
    log = log_of(audit, place)
    if not isinstance(log, TableLog):
        raise UsageError("--sync: no database; name one by --reviews, or by {variable}", variable=REVIEWS)
    return log.pull(), log.push() if log.path.exists() else 0
