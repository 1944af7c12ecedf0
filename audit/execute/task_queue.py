"""The queue of an audit's tasks: workers take them off, and the audit waits for what it wants next."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit.execute.tasks import Task

__all__ = ["TaskQueue"]

_ATTEMPTS = 3
"""So many workers may be lost with a task before it is left to the audit itself."""
_WAITING = 256
"""Tasks that are held back before no more are looked for."""


class TaskQueue:
    """Tasks and who is at them; all methods may be called from any thread."""

    def __init__(self, tasks: Iterator[Task], checks: set[str]) -> None:
        """`checks`: names of those that have tasks."""
        self._tasks, self._checks = tasks, checks
        self._changed, self._feeding = threading.Condition(), threading.Lock()
        self._pending: list[Task] = []
        self._at_work: list[Task] = []
        self._through: set[tuple[str, str, int]] = set()
        self._all_given = self._closed = self._held = False
        self._ended: set[str] = set()
        """Checks of which the one task ended."""
        self._workers = 0
        self._now = ""
        """The check that the audit is at; it wants no more of those before it."""
        self._past: set[str] = set()

    @property
    def over(self) -> bool:
        """Whether there is nothing to do any more."""
        with self._changed:
            return self._closed or (self._all_given and not self._pending and not self._at_work)

    def look_ahead(self, most: int) -> int:
        """Return how many tasks there are, of at most so many."""
        while len(self._pending) < most and self._feed():
            pass
        return len(self._pending)

    def enter(self) -> None:
        """Say that there is one more who takes tasks."""
        with self._changed:
            self._workers += 1

    def leave(self) -> None:
        """Say that one takes no more; when the last is gone nobody is waited for."""
        with self._changed:
            self._workers -= 1
            self._changed.notify_all()

    def take(self, most: int = 1) -> list[Task]:
        """Return the next tasks, at most so many, once there is one that may be done; none where none will come."""
        self.look_ahead(most)
        while True:
            with self._changed:
                if self.over:
                    return []
                if (task := self._next()) is not None:
                    return [task, *self._more(most - 1)]
                if self._all_given or self._held or len(self._pending) >= _WAITING:
                    self._changed.wait()
                    continue
            self._feed()

    def _more(self, most: int) -> Iterator[Task]:
        for _ in range(most):
            if (task := self._next()) is None:
                return
            yield task

    def part_done(self, check: str, role: str, part: int) -> None:
        """Say that all answers to a part are stored."""
        with self._changed:
            self._through.add((check, role, part))
            self._changed.notify_all()

    def done(self, task: Task) -> None:
        """Say that a task is over, well or not."""
        with self._changed:
            self._at_work.remove(task)
            if task.role is None:
                self._ended.add(task.check)
            else:
                self._through.add((task.check, task.role, task.part))
            self._changed.notify_all()

    def back(self, task: Task) -> None:
        """Give a task back whose worker was lost."""
        if task.attempts + 1 >= _ATTEMPTS or task.check in self._past:
            self.done(task)
            return
        with self._changed:
            self._at_work.remove(task)
            self._pending.insert(0, replace(task, attempts=task.attempts + 1))
            self._changed.notify_all()

    def wait(self, check: str, role: str, part: int) -> None:
        """Wait until a part is through, or nobody will answer it ahead."""
        wanted = check, role, part
        with self._changed:
            self._held = False
            self._go_on_to(check)
            self._changed.notify_all()
            if check in self._checks:
                self._changed.wait_for(lambda: wanted in self._through or self._nobody(wanted))

    def hold(self) -> None:
        """Wait until nobody is at work, and let nobody begin until the next `wait`."""
        with self._changed:
            self._held = True
            self._changed.wait_for(lambda: not self._at_work or not self._workers)

    def close(self) -> None:
        """Give out nothing more, and wait for nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _go_on_to(self, check: str) -> None:
        """Drop what is left of the check before, which may have ended early."""
        if check != self._now:
            self._past.add(self._now)
            self._now = check
            self._pending = [one for one in self._pending if one.check not in self._past]

    def _nobody(self, wanted: tuple[str, str, int]) -> bool:
        check, role, part = wanted
        if self._closed or not self._workers or check in self._ended:
            return True
        there = (*self._pending, *self._at_work)
        return self._all_given and not any(
            one.check == check and (one.role is None or (one.role, one.part) == (role, part)) for one in there
        )

    def _next(self) -> Task | None:
        """Return the first task that may be done now, taken off the queue."""
        if self._held:
            return None
        lanes = {one.lane for one in self._at_work}
        for place, task in enumerate(self._pending):
            earlier = (*self._at_work, *self._pending[:place])
            waits = task.last and any(one.check == task.check and not one.last for one in earlier)
            if task.lane not in lanes and not waits:
                self._at_work.append(self._pending.pop(place))
                return task
        return None

    def _feed(self) -> bool:
        """Put one more task up; False where there is none, or it cannot be made, which the audit itself will meet."""
        with self._feeding:
            try:
                task = next(self._tasks, None)
            except Exception:
                task = None
            with self._changed:
                if task is None:
                    self._all_given = True
                elif task.check not in self._past:
                    self._pending.append(task)
                self._changed.notify_all()
        return task is not None
