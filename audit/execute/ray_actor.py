"""The actor of a Ray cluster: it holds an audit's models and answers its tasks; see `audit.execute.ray_executor`."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from audit.ask import Wants
from audit.execute.answering import Ended, Worker, facts_of, host, knows
from audit.execute.tasks import Task
from audit.prices import Tally
from detectors.immutable import immutable

if TYPE_CHECKING:
    from pathlib import Path

    from audit.execute.ahead import Order

__all__ = ["Holder", "Setting"]

_MOMENT = 0.1
"""Seconds from one message of an actor to the next, as each costs milliseconds."""


class Holder:
    """The actor: it holds the models."""

    def open(self, setting: Setting, name: str) -> tuple[str, Any]:
        """Open the models; return (host, facts of the models, or in words why they could not be opened).

        name: of this actor among those of the audit.
        """
        os.environ["OMP_NUM_THREADS"] = str(setting.threads)  # read when torch is imported, which is not yet
        sys.path.extend(path for path in setting.path if path not in sys.path)
        try:
            os.chdir(setting.folder)
            from ray import cloudpickle

            order: Order = cloudpickle.loads(setting.order)
            if not order.folder.is_dir():
                return host(), f"{setting.place} is not there; allowed: a folder that every node sees"
            trusted = knows(setting.word)
            if setting.paid and not trusted:
                return host(), "it has not the key by which answers that a budget paid are kept one by one"
            self._worker = Worker(order, name, trusted=trusted, proven=setting.proven)
            return host(), facts_of(self._worker.models)
        except Exception as error:
            return host(), f"{type(error).__name__}: {error}"

    def answer(self, tasks: list[Task], known: list[tuple[str, str]]) -> Iterator[list[tuple[int, Any]]]:
        """Yield (task's place, what `Worker.answer` tells), in lists of what is told together."""
        told: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._answer, args=(tasks, known, told), daemon=True).start()
        left, next_one = len(tasks), 0.0
        while left:
            events = [told.get()]
            while left > _ended(events) and (wait := next_one - time.monotonic()) > 0:
                if isinstance(events[-1][1], Wants):  # a model waits for the reply
                    break
                with suppress(queue.Empty):  # of a slow model each is told at once
                    events.append(told.get(timeout=wait))
            left -= _ended(events)
            yield events
            next_one = time.monotonic() + _MOMENT

    def lives(self) -> None:
        """Answer that this process is at work, while `answer` is."""

    def granted(self, model: str, number: int, lent: Tally | None) -> None:
        """Hear what the audit replies to a `Wants`, while `answer` is at work."""
        self._worker.granted(model, number, lent)

    def _answer(self, tasks: list[Task], known: list[tuple[str, str]], told: queue.SimpleQueue[Any]) -> None:
        for place, task in enumerate(tasks):

            def tell(event: Any, place: int = place) -> None:
                told.put((place, event))

            self._worker.answer(task, () if place else known, tell)


def _ended(events: Sequence[tuple[int, Any]]) -> int:
    return sum(isinstance(event, Ended) for _, event in events)


@immutable
class Setting:
    """What an actor is opened with."""

    order: bytes
    word: tuple[str, str]
    """(nonce, this installation's MAC of it): shows an actor whether it has the same key, and nothing of the key."""
    threads: int
    folder: Path
    """Current folder, from which relative paths of the plan go."""
    place: str
    """The audit's folder, as people know it: in an object store its address, the copy of which one machine has."""
    path: tuple[str, ...]
    proven: dict[str, dict[str, str]]
    """Endpoint -> what the audit has found it to lack."""
    paid: bool
    """Whether a budget pays for answers."""
