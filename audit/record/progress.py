"""How far a run is: a small file in the folder of an audit that has no record yet, for whoever looks at it meanwhile.

    progress.json      items asked and expected, when how many were answered, interim results that may be looked at

It is no evidence: nothing is judged by it, no digest covers it, and it goes when the record is written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from audit.errors import IntegrityError, first_problem
from audit.files import stored_json
from audit.record.finding import Limit, Stored
from detectors.result import Measure

__all__ = ["PROGRESS_FILE", "CheckProgress", "RunProgress", "read_progress"]

PROGRESS_FILE = "progress.json"
Items = Annotated[int, Field(ge=0, le=1 << 40)]
Moment = Annotated[float, Field(ge=0, le=1e11)]
"""Seconds since 1970; others may have written the file, and a page divides by what it holds."""


class CheckProgress(Stored):
    """How far one check is."""

    check: str
    expected: Items
    """Items that it will ask; of a check that stops early the most that it may."""
    done: Items = 0
    early: bool = False
    """Whether it stops as soon as its limit is decided."""
    limit: Limit | None = None
    interim: Measure | None = None
    """Of a check that stops early: the watched measure so far with its confidence sequence, valid whenever it stops."""


class RunProgress(Stored):
    """How far a run is."""

    model: str = ""
    """Name of the audited model, or of the data."""
    family: str = ""
    checks: tuple[CheckProgress, ...] = ()
    marks: tuple[tuple[Moment, Items], ...] = ()
    """(seconds since 1970, items asked by then), the latest last."""


def read_progress(folder: Path) -> RunProgress | None:
    """Return how far a run is; None where nothing tells it. IntegrityError for a file that cannot be read."""
    path = folder / PROGRESS_FILE
    if not os.path.lexists(path):
        return None
    try:
        return RunProgress.model_validate(stored_json(path))
    except ValidationError as error:
        raise IntegrityError("{file}: {problem}", file=path.name, problem=first_problem(error)) from None
