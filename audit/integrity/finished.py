"""Was this plan run before? A record in its place is believed only if it follows from the plan and was written here.

    record of another plan, or altered      IntegrityError: it stands where the plan's own record belongs
    no run.json, or a check crashed         not finished: the run goes on in the folder
    of another installation                 left alone; the run takes the next folder, `<id>-2`, `<id>-3`, ...
    another model answers at its address    likewise, so that no verdict is shown for a model that did not earn it

Whoever knows a plan can compute its id and put a folder there; whose a finished one is says `audit.plan.run_mac`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from audit.errors import IntegrityError, UsageError
from audit.integrity.conformity import check_record
from audit.integrity.digests import check_digests
from audit.plan import is_own
from audit.record import RECORD_FILE, REVIEWS_FILE, SEAL_FILE, Audit, load_record
from audit.storage import bring
from detectors.phrases import Phrase

__all__ = ["place_of"]


def place_of(
    into: Path, name: str, frozen: Mapping[str, Any], *, fresh: bool, remark: Callable[[str], None],
    strangers: Callable[[Audit], list[str]] = lambda done: [],
) -> tuple[Path, Audit | None]:
    """Return the folder of a plan's audit and, where it was finished before, the audit.

    `name` is the id of the frozen plan; `strangers` tells which endpoints of a finished audit are not those that
    answered in it. Raises IntegrityError for a record that is not the plan's or was altered,
    UsageError where a crashed audit was reviewed or sealed.
    """
    for number in count(1):
        folder = into / (name if number == 1 else f"{name}-{number}")
        bring(folder)
        if fresh and os.path.lexists(folder):
            continue
        if not (folder / RECORD_FILE).is_file():
            return folder, None
        done = _of_plan(folder, frozen)
        if done.run is None or any(finding.verdict == "crashed" for finding in done.record.findings):
            _not_reviewed(folder)
            return folder, None
        if is_own(done):
            check_digests(done)
            if not (names := strangers(done)):
                return folder, done
            remark(f"{folder}: finished before, but another model answers now as {', '.join(names)}; it is asked anew")
        else:
            remark(f"{folder}: finished, but not by this installation; the models are asked anew")
    raise AssertionError("numbers do not end")


def _of_plan(folder: Path, frozen: Mapping[str, Any]) -> Audit:
    """Open a record; raises IntegrityError where it is not one of this plan."""
    what = Phrase("remove the folder, or run with --fresh")
    try:
        done = load_record(folder)
    except IntegrityError as error:
        raise IntegrityError("{problem}; {what}", problem=error.message, what=what) from None
    try:
        check_record(done.record, frozen)
    except IntegrityError as error:
        raise IntegrityError(
            "{folder}: {problem}; not the record of this plan; {what}", folder=folder, problem=error.message, what=what
        ) from None
    return done


def _not_reviewed(folder: Path) -> None:
    """Raise UsageError where people have spoken of this record: it must stay what they saw."""
    if any((folder / name).exists() for name in (REVIEWS_FILE, SEAL_FILE)):
        raise UsageError(
            "{folder}: not finished, or a check crashed, but reviewed or sealed; --fresh runs it anew", folder=folder
        )
