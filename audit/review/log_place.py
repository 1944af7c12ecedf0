"""Where an audit's reviews are kept: in its folder, or in a database that several hosts write to.

    DOKIMASIA_REVIEWS=reviews.sqlite                          a file for the processes of one host
    DOKIMASIA_REVIEWS=postgresql://auditor@host/reviews       a server for many

An audit that lives in an object store keeps its reviews there, for all hosts that read it: a database that is named for
it is refused, and one that the environment names for all is passed over and told (`passed_over`).
"""

from __future__ import annotations

import os

from audit.errors import UsageError
from audit.record import REVIEWS_FILE, Audit
from audit.review.file_log import FileLog, ReviewLog
from audit.review.table_log import TableLog
from audit.storage import is_copy

__all__ = ["REVIEWS", "log_of", "passed_over", "pull_reviews", "push_reviews"]

REVIEWS = "DOKIMASIA_REVIEWS"
"""Environment variable with the database; without it reviews are kept in each audit's folder alone."""


def log_of(audit: Audit, place: str | None = None) -> ReviewLog:
    """Return where reviews are kept; `place`: a database, instead of the one that the environment names.

    Raises UsageError where one is named for an audit that lives in an object store.
    """
    file = audit.folder / REVIEWS_FILE
    if is_copy(file):
        if place and place != os.environ.get(REVIEWS):
            raise UsageError(
                "--reviews {place}: the audit lives in an object store, which keeps its reviews", place=place
            )
        return FileLog(file)
    place = place or os.environ.get(REVIEWS)
    return TableLog(audit, place) if place else FileLog(file)


def passed_over(audit: Audit) -> bool:
    """Tell whether the database that the environment names has no part in an audit, as it lives in an object store."""
    return bool(os.environ.get(REVIEWS)) and is_copy(audit.folder / REVIEWS_FILE)


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
    if passed_over(audit):
        raise UsageError("--sync: the audit lives in an object store, which keeps its reviews")
    if not isinstance(log, TableLog):
        raise UsageError("--sync: no database; name one by --reviews, or by {variable}", variable=REVIEWS)
    return log.pull(), log.push() if log.path.exists() else 0
