"""Tells how far a run is, in `progress.json`, at most once in a second; a disk that is full for a moment stops nothing.

Of a check that stops early it tells the interval of its limit's measure, which holds at every look.

    expected = done + items left x (answers to the items so far / these items)

once a part of a check's items is through: estimates before the first answer do not know how many choices a question
has, nor how many claims an answer.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from audit.execute.dry_run import Sizes, expected_calls
from audit.execute.observing import Watch
from audit.files import remove, write_atomic
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


class ProgressFile(Watch):
    """The file of one run; `begin` and `end` frame each check."""

    def __init__(self, folder: Path, plan: Plan, sizes: Sizes, audited: tuple[str, str]) -> None:
        """`audited`: name and family of the audited model, or of the data."""
        self._path, self._plan, self._sizes, self._audited = folder / PROGRESS_FILE, plan, sizes, audited
        expected = expected_calls(plan, sizes)
        self._checks = {check.name: _waiting(check, expected[check.name]) for check in plan.checks}
        self._at, self._written = "", -EVERY
        self._through, self._before = 0, 0
        self._look: tuple[Check, Result, Part | None] | None = None
        self._marks: tuple[tuple[float, int], ...] = ()

    def begin(self, check: str) -> None:
        """Say which check asks from now on."""
        self._at, self._written = check, -EVERY
        self._through, self._before = 0, self._checks[check].done
        self._write()

    @property
    def expected(self) -> dict[str, int]:
        """Check -> items that it will ask, as far as is known by now."""
        return {name: one.expected for name, one in self._checks.items()}

    def answered(self, items: int) -> None:
        """Count items that were just answered."""
        if one := self._checks.get(self._at):
            done = one.done + items
            self._expect(max(one.expected, done), done)
            self._write()

    def observed(self, check: Check, role: str, items: int) -> None:
        """Count items of a role of which all is answered; those left will take as many answers each."""
        done = self._checks[check.name].done
        if role != "items":
            self._before = done
            return
        self._through += items
        left = max(self._sizes.items(check, role, self._plan.limit) - self._through, 0)
        self._expect(done + round(left * (done - self._before) / max(self._through, 1)), done)

    def _expect(self, expected: int, done: int) -> None:
        one = self._checks[self._at]
        self._checks[self._at] = one.model_copy(update={"expected": expected, "done": done})

    def looked(self, check: Check, result: Result, part: Part | None) -> None:
        """Take what a check that stops early sees at a look; its interval is worked out when it is written."""
        self._look = check, result, part

    def end(self) -> None:
        """Say that the check asks no more: what it did not need is not expected any longer."""
        done = self._checks[self._at].done
        self._expect(done, done)
        self._checks[self._at] = self._checks[self._at].model_copy(update={"interim": None})
        self._look = None

    def remove(self) -> None:
        """Take the file away."""
        with suppress(OSError):
            remove(self._path)

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
