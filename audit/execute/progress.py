"""Tells how far a run is, in `progress.json`, at most once in a second; a disk that is full for a moment stops nothing.

Of a check that stops early it tells the interval of its limit's measure, which holds at every look.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from audit.files import write_atomic
from audit.record import PROGRESS_FILE, CheckProgress, Limit, RunProgress, dump
from audit.verdict import interim

if TYPE_CHECKING:
    from audit.plan import Check, Plan
    from audit.verdict import Part
    from detectors.result import Result

__all__ = ["ProgressFile"]

EVERY = 1.0
"""Seconds between two writings."""
MARKS = 30
"""So many of them are remembered, so that a rate is that of late."""


class ProgressFile:
    """The file of one run; `begin` and `end` frame each check."""

    def __init__(self, folder: Path, plan: Plan, expected: Mapping[str, int], audited: tuple[str, str]) -> None:
        """`audited`: name and family of the audited model, or of the data."""
        self._path, self._plan, self._audited = folder / PROGRESS_FILE, plan, audited
        self._checks = {check.name: _waiting(check, expected.get(check.name, 0)) for check in plan.checks}
        self._at, self._written = "", -EVERY
        self._look: tuple[Check, Result, Part | None] | None = None
        self._marks: tuple[tuple[float, int], ...] = ()

    def begin(self, check: str) -> None:
        """Say which check asks from now on."""
        self._at, self._written = check, -EVERY
        self._write()

    def answered(self, items: int) -> None:
        """Count items that were just answered."""
        if one := self._checks.get(self._at):
            self._checks[self._at] = one.model_copy(update={"done": one.done + items})
            self._write()

    def looked(self, check: Check, result: Result, part: Part | None) -> None:
        """Take what a check that stops early sees at a look; its interval is worked out when it is written."""
        self._look = check, result, part

    def end(self) -> None:
        """Say that the check asks no more: what it did not need is not expected any longer."""
        one = self._checks[self._at]
        self._checks[self._at] = one.model_copy(update={"expected": one.done, "interim": None})
        self._look = None

    def remove(self) -> None:
        """Take the file away."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        if time.monotonic() - self._written < EVERY:
            return
        self._written = time.monotonic()
        if self._look is not None:
            check, result, part = self._look
            assert check.limit is not None
            seen = interim(result, check.limit, self._plan.check_level(check), part)
            self._checks[check.name] = self._checks[check.name].model_copy(update={"interim": seen})
        checks = tuple(self._checks.values())
        self._marks = (*self._marks, (time.time(), sum(one.done for one in checks)))[-MARKS:]
        name, family = self._audited
        with suppress(OSError):
            write_atomic(self._path, dump(RunProgress(model=name, family=family, checks=checks, marks=self._marks)))


def _waiting(check: Check, expected: int) -> CheckProgress:
    limit = None if check.limit is None else Limit.model_validate(check.limit.model_dump())
    return CheckProgress(check=check.name, expected=expected, early=check.stop == "early", limit=limit)
