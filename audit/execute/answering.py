"""A worker: it opens an audit's models and answers tasks, of which nothing is kept but the answers that it stored.

    task -> observe as the audit will -> files beside their places, told one by one -> what was observed is dropped

What goes wrong here is only not ahead: the audit meets it again where it always did. Nothing of Ray is met here.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from audit.ask import Aside, Asker, Borrower, Took, Wants, opened_for, worker_file
from audit.errors import DokimasiaError
from audit.execute.observing import Watch, observe, parts_of
from audit.execute.target import plan_for
from audit.execute.tasks import Task, roles_of
from audit.model import fingerprint_of
from audit.prices import Tally
from audit.probe import observing
from audit.processor import accelerators, instructions
from audit.signing import Secret

if TYPE_CHECKING:
    import pandas as pd

    from audit.ask import Answer
    from audit.execute.ahead import Order
    from audit.plan import Check, Plan
    from audit.probe import Observed, Observer

__all__ = ["Ended", "PartDone", "Worker", "facts_of", "host", "knows"]


class PartDone(NamedTuple):
    """All answers to a part were told."""

    role: str
    part: int


class Ended(NamedTuple):
    """A task is over."""

    asked: int
    """Items that a model had to answer."""
    problem: str | None
    """What went wrong."""


def facts_of(models: dict[str, Any]) -> dict[str, Any]:
    """Return what must be equal of two processes whose answers are to be equal to the byte."""
    numerics = {name: dict(getattr(model, "numerics", {})) for name, model in models.items()}
    devices = {str(one.get("device", "cpu")).partition(":")[0] for one in numerics.values() if one}
    return {
        **{name: [fingerprint_of(model), numerics[name]] for name, model in models.items()},
        "machine": [instructions() if devices else "", *(accelerators() if devices - {"cpu"} else [])],
    }


def host() -> str:
    """Return the name of this machine."""
    return platform.node()


def knows(word: tuple[str, str]) -> bool:
    """Tell whether this process holds the key by which (nonce, MAC) was made."""
    try:
        return Secret.here().holds(word[1], "worker", word[0])
    except DokimasiaError:
        return False


class Worker:
    """One that answers tasks of an audit, its models opened."""

    def __init__(
        self, order: Order, name: str, *, trusted: bool, proven: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        """Open the models; raises what opening them raises. `trusted`: see `audit.ask.worker_answers`.

        name: among the workers of the audit. proven: endpoint -> what the audit has found it to lack.
        """
        self._order, self._early = order, list[Any]()
        self._tell: Callable[[Any], None] = self._early.append
        self._borrowers = {one: Borrower(one, self._told) for one in order.plan.models}
        for one, borrower in self._borrowers.items():
            borrower.keep(worker_file(order.folder, name), one, Tally())
        self.models = {
            one: opened_for(model, self._borrowers[one], (proven or {}).get(one))
            for one, model in order.plan.models.items()
        }
        self._store = Aside(order.folder, self._told, alone=order.alone, trusted=trusted)
        self._door = Asker(self.models, self._store, order.plan.seed, order.name, sources=order.plan.models)
        self._reading: _Reading | None = None

    def answer(self, task: Task, known: Iterable[tuple[str, str]], tell: Callable[[Any], None]) -> None:
        """Answer a task; `tell` hears of each `Answer`, `PartDone`, call that it `Took` and calls that it `Wants`, at
        last how it `Ended`.
        """
        problem, before = None, self._door.asked
        self._tell = tell
        while self._early:
            tell(self._early.pop(0))
        self._store.begin(known)
        self._door.begin(task.drawn)
        try:
            self._whole(task) if task.role is None else self._part(task, task.role)
        except BaseException as error:  # a model that leaves the process, too: somebody waits for the end
            problem = f"{type(error).__name__}: {error}"
        for one in self._borrowers.values():
            one.rest()
        self._tell = self._early.append
        tell(Ended(self._door.asked - before, problem))

    def granted(self, model: str, number: int, lent: Tally | None) -> None:
        """Hear what the audit replies to a `Wants`."""
        self._borrowers[model].granted(number, lent)

    def _told(self, event: Answer | Took | Wants) -> None:
        self._tell(event)

    def _check(self, name: str) -> tuple[Check, Plan]:
        check = next(one for one in self._order.plan.checks if one.name == name)
        return check, plan_for(check, self._order.plan, self.models.get("main"), drawn=self._order.drawn)

    def _whole(self, task: Task) -> None:
        check, plan = self._check(task.check)
        observed: dict[str, pd.DataFrame] = {}
        for role in roles_of(check):
            frame = observe(check, plan, self._door, role, observed, _Parts(self._tell))
            if frame is None:
                return
            observed[role] = frame

    def _part(self, task: Task, role: str) -> None:
        if self._reading is None or not self._reading.reaches(task):
            check, plan = self._check(task.check)
            if self._reading is not None:
                self._reading.close()
            self._reading = _Reading(check, plan, role, self.models, self._before(check, plan, task))
        reading = self._reading
        reading.observer.observe(self._door, reading.part(task.part), role)

    def _before(self, check: Check, plan: Plan, task: Task) -> Observed:
        """Return what was observed of the other roles, whose answers are stored."""
        observed: dict[str, pd.DataFrame] = {}
        for role in roles_of(check)[:-1] if task.last else ():
            frame = observe(check, plan, self._door, role, observed)
            if frame is not None:
                observed[role] = frame
        return observed


class _Reading:
    """The parts of a role, read once from front to back; `observer` is what observes them."""

    def __init__(self, check: Check, plan: Plan, role: str, models: dict[str, Any], before: Observed) -> None:
        self._of, self._open = (check.name, role), ExitStack()
        self.observer: Observer = self._open.enter_context(observing(check.probe, role, before))
        self._parts = enumerate(parts_of(check, plan, models, role))
        self._at = -1
        self._frame: pd.DataFrame | None = None

    def reaches(self, task: Task) -> bool:
        """Tell whether a task is of this role, and not behind."""
        return (task.check, task.role) == self._of and task.part >= self._at

    def part(self, number: int) -> pd.DataFrame:
        """Return a part; DataError and the like as the data have it."""
        of, self._of = self._of, ("", "")  # where reading fails, nobody goes on with it
        while self._at < number or self._frame is None:
            self._at, self._frame = next(self._parts)
        self._of = of
        return self._frame

    def close(self) -> None:
        """Leave the observer."""
        self._open.close()


class _Parts(Watch):
    """Tells of each part that is through."""

    def __init__(self, tell: Callable[[Any], None]) -> None:
        self._tell, self._count = tell, dict[str, int]()

    def observed(self, check: Check, role: str, items: int) -> None:
        """Count the parts of a role."""
        part = self._count.get(role, 0)
        self._count[role] = part + 1
        self._tell(PartDone(role, part))
