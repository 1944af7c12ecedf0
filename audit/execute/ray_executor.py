"""Answers ahead on a Ray cluster: actors hold the models, parts of checks are their tasks.

    queue -> a thread for each actor -> actor: answers a task -> (name, digest) of each file as it is stored -> journal

Every node sees the folder of audits and what the plan names under the same paths; the command runs on one of them.
Names and digests pass through Ray, answers through that folder. A task whose worker is lost is given to another, with
all that is stored by then; which of two workers answered never shows, as the first that is heard counts.

Equal bytes need equal numerics, so an actor computes with the device, number format and threads of the audit itself, on
a processor with the same instructions; one that does not is told and not used. Ray starts no dashboard and sends no
statistics; what was started here is shut down, a cluster that was joined is left as it is.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from audit.ask import Account, Lender, Took, Wants, kept_in, worker_file
from audit.errors import LibraryError, UsageError
from audit.execute.ahead import Ahead, Order
from audit.execute.answering import Ended, PartDone, facts_of
from audit.execute.ray_actor import Holder, Setting
from audit.execute.task_queue import TaskQueue
from audit.execute.tasks import Task, is_private, sent_out, tasks_of
from audit.model import Verifiable
from audit.prices import Tally
from audit.signing import Secret
from audit.storage import shown

if TYPE_CHECKING:
    from types import TracebackType

    from audit.ask import Asker
    from audit.plan import Check

__all__ = ["RayExecutor"]

_OBJECT_STORE = 80 << 20
"""Bytes of a cluster of our own for objects, of which there are hardly any."""
_BATCH, _MOST = 2.0, 16
"""Seconds of work that an actor is given at once, and most tasks."""
_PATIENCE = 60.0
"""Seconds before it is said that an actor waits for room."""
_SILENT = 120.0
"""Seconds after which an actor that tells nothing is asked whether it lives, and within which it has to answer."""
_STARTS = 3
"""So often is an actor started in one place before that place is given up."""


@dataclass
class RayExecutor:
    """A cluster, connected while the block lasts; `address` None: one of this machine alone, started and shut down."""

    address: str | None = None
    """`host:port` of a running cluster of which this machine is a node, or `auto`."""
    models: int | None = None
    """Copies of an audit's models in memory at once, that of the audit itself among them; None: as many as there is
    room for."""
    _ours: bool = field(default=False, init=False)

    def __enter__(self) -> Self:
        """Connect; LibraryError without Ray, UsageError where no cluster answers."""
        ray = _ray()
        if not ray.is_initialized():
            self._ours = True
            _connect(ray, self.address)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave the cluster; one of our own ends."""
        if self._ours:
            _ray().shutdown()

    @property
    def joined(self) -> str:
        """Address by which other processes of this machine join the cluster."""
        return str(_ray().get_runtime_context().gcs_address)

    @property
    def processors(self) -> int:
        """How many processors the cluster has."""
        return int(_ray().cluster_resources().get("CPU", 0))

    @contextmanager
    def ahead(self, order: Order, door: Asker, remark: Callable[[str], None]) -> Iterator[Ahead]:
        """Have an audit's checks answered by actors until the block ends; see `audit.execute.ahead.Executor`."""
        crew = _Crew(order, door, remark)
        try:
            crew.start(_room(door) if self.models is None else self.models - 1)
            yield crew
        finally:
            crew.end()
        if crew.waited and door.asked:
            why = f"; the first trouble was {crew.problem}" if crew.problem else ""
            remark(f"ray: {door.asked:,} items were asked by the audit itself, as no worker had answered them{why}")


def _ray() -> Any:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        asked = "--on ray needs Ray, which is not installed; install dokimasia[ray]"
        raise LibraryError(asked, library="ray", extra="ray") from None
    return ray


def _connect(ray: Any, address: str | None) -> None:
    own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE} if address is None else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Ray's own making; they would end a strict process half way
            ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except Exception as error:  # of a node of our own that does not start in time, too, which has no type of its own
        told = " ".join(str(error).split())[:200]
        where = "--on ray: the cluster did not start" if address is None else f"--on ray://{address}: no cluster there"
        raise UsageError(f"{where} ({told})") from None


def _needs(door: Asker) -> dict[str, float]:
    """Return what an actor asks of the cluster: processors for its threads, and the GPUs that its models declare.

    Models that only wait for a server need no processor.
    """
    models = list(door.models.values())
    numerics = [getattr(model, "numerics", {}) for model in models]
    computes = not all(isinstance(model, Verifiable) for model in models)
    threads = max([int(computes), *(one["threads"] for one in numerics if one.get("threads"))])
    on_gpu = any(str(one.get("device", "")).startswith("cuda") for one in numerics)
    gpus = max([int(on_gpu), *(getattr(model, "gpus", 0) for model in models)])
    return {"num_cpus": threads, "num_gpus": gpus}


def _room(door: Asker) -> int:
    """Return how many actors the cluster has room for; of those that need no processor as many as it has."""
    there, needs = _ray().cluster_resources(), _needs(door)
    room = int(there.get("CPU", 0) // (needs["num_cpus"] or 1))
    return min(room, int(there.get("GPU", 0) // needs["num_gpus"])) if needs["num_gpus"] else room


def _limited(models: Mapping[str, Any]) -> str | None:
    """Return what a plan limits in every minute; None where it limits nothing."""
    for name, model in models.items():
        for option in ("requests_per_minute", "tokens_per_minute"):
            if getattr(model, option, None) is not None:
                return f"{name} has {option}"
    return None


class _Crew(Ahead):
    """The actors of one audit, a thread for each."""

    def __init__(self, order: Order, door: Asker, remark: Callable[[str], None]) -> None:
        self._order, self._door, self._remark = order, door, remark
        self._queue = TaskQueue(tasks_of(order, door), {check.name for check in sent_out(order.plan, door)})
        self._needs = _needs(door)
        self._actors: dict[Any, str] = {}
        """Actor -> its name among them."""
        self._lenders: dict[str, Lender] = {}
        """Endpoint -> who lends of its budget."""
        self._said: set[str] = set()
        self._lock, self._threads = threading.Lock(), list[threading.Thread]()
        self.waited = False
        """Whether the audit relied on workers."""
        self.problem: str | None = None
        """What first went wrong where something was answered."""

    def start(self, actors: int) -> None:
        """Begin with at most so many actors, fewer where there are fewer tasks."""
        if actors < 1:
            needs = ", ".join(f"{count:g} {name.removeprefix('num_')}" for name, count in self._needs.items() if count)
            self._say(f"ray: no room for a worker, which needs {needs}; the audit asks alone")
            return
        if limited := _limited(self._order.plan.models):
            self._say(f"ray: {limited}, which one process alone can keep; the audit asks alone")
            return
        try:
            self._setting = self._set()
        except (TypeError, AttributeError, ValueError) as error:  # what was made in Python may not travel
            self._say(f"ray: the plan cannot be sent to workers ({error}); the audit asks alone")
            return
        workers = self._queue.look_ahead(actors)
        for name, model in self._door.models.items():
            if isinstance(account := getattr(model, "account", None), Account):
                self._lenders[name] = Lender(account, workers)
        for number in range(workers):
            self._queue.enter()
            thread = threading.Thread(target=self._work, name=f"ray-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _set(self) -> Setting:
        nonce = secrets.token_hex(16)
        order, word = _ray().cloudpickle.dumps(self._order), Secret.here().mac("worker", nonce)
        threads, models = int(self._needs["num_cpus"]) or 1, self._door.models
        proven = {name: dict(model.proven) for name, model in models.items() if hasattr(model, "proven")}
        paid = any(getattr(one, "budget", None) is not None for one in self._order.plan.models.values())
        place = shown(self._order.folder)
        return Setting(order, (nonce, word), threads, Path.cwd(), place, tuple(sys.path), proven, paid)

    def wait(self, check: Check, role: str, part: int) -> None:
        """Wait as `Ahead.wait`; before what speaks of this machine's time, until all workers rest."""
        if is_private(check):
            self._queue.hold()
        else:
            self.waited = self.waited or bool(self._threads)
            self._queue.wait(check.name, role, part)

    def end(self) -> None:
        """Let the actors go."""
        self._queue.close()
        for actor in list(self._actors):
            with suppress(Exception):
                _ray().kill(actor)
        for thread in self._threads:
            thread.join(timeout=10)
        for actor in list(self._actors):
            self._gone(actor)

    def _say(self, line: str) -> None:
        """Tell a line once, whichever actors it is true of."""
        with self._lock:
            if line in self._said:
                return
            self._said.add(line)
        self._remark(line)

    def _work(self) -> None:
        try:
            starts = 0
            while not self._queue.over and starts < _STARTS:
                actor = self._opened()
                if actor is None:
                    return
                starts = 0 if self._serve(actor) else starts + 1
        except Exception as error:
            self._say(f"ray: a worker is not used: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        finally:
            self._queue.leave()

    def _opened(self) -> Any:
        """Return an actor with its models opened; None where it is no use, or not needed any more."""
        ray = _ray()
        actor = ray.remote(Holder).options(**self._needs, max_restarts=0, max_concurrency=2).remote()
        self._actors[actor] = secrets.token_hex(4)
        opening = actor.open.remote(self._setting, self._actors[actor])
        begun = time.monotonic()
        while not ray.wait([opening], timeout=0.5)[0]:
            if self._queue.over:
                self._dismiss(actor)
                return None
            if time.monotonic() - begun > _PATIENCE and not self._is_room():
                self._say("ray: a worker waits for room in the cluster")
        try:
            name, facts = ray.get(opening)
        except ray.exceptions.RayError:
            return actor  # it is gone; the first task that it is given shows it
        here = facts_of(dict(self._door.models))
        if facts != here:
            self._say(f"ray: a worker on {name} is not used: {_unlike(facts, here)}")
            self._dismiss(actor)
            return None
        return actor

    def _is_room(self) -> bool:
        """Tell whether the cluster has what an actor needs: one that is not there yet then only takes its time."""
        left = _ray().available_resources()
        return all(left.get(name.removeprefix("num_").rstrip("s").upper(), 0) >= n for name, n in self._needs.items())

    def _dismiss(self, actor: Any) -> None:
        with suppress(Exception):
            _ray().kill(actor)
        self._gone(actor)

    def _gone(self, actor: Any) -> None:
        """Take over what an actor that has ended, or is lost, kept of what it took, and take back what it was lent."""
        with self._lock:
            name = self._actors.pop(actor, None)
        if name is None:
            return
        kept = worker_file(self._order.folder, name)
        sums = kept_in(kept)
        for model, lender in self._lenders.items():
            lender.gone(actor, sums.get(model, Tally()))
        kept.unlink(missing_ok=True)

    def _serve(self, actor: Any) -> bool:
        """Give an actor tasks while there are any; tell whether it did one before it was lost."""
        ray, heard, served, most = _ray(), 0, False, 1
        ask = actor.answer.options(num_returns="streaming")
        while tasks := dict(enumerate(self._queue.take(most))):
            known, count, begun = self._door.store.noted(heard), len(tasks), time.monotonic()
            try:
                for told in _heard_of(actor, ask.remote(list(tasks.values()), known)):
                    for place, event in ray.get(told):
                        self._hear(actor, tasks[place], event)
                        if isinstance(event, Ended):
                            self._queue.done(tasks.pop(place))
                            served = True
            except ray.exceptions.RayError:
                self._dismiss(actor)
                for task in tasks.values():
                    self._queue.back(task)
                return served
            except BaseException:
                for task in tasks.values():
                    self._queue.done(task)
                raise
            heard += len(known)
            most = max(1, min(_MOST, int(_BATCH * count / (time.monotonic() - begun))))
        return True

    def _hear(self, actor: Any, task: Task, event: Any) -> None:
        if isinstance(event, PartDone):
            self._queue.part_done(task.check, event.role, event.part)
        elif isinstance(event, Ended):
            for lender in self._lenders.values():
                lender.rests(actor)
            with self._lock:
                self.asked += event.asked
                self.problem = self.problem or event.problem
        elif isinstance(event, Took):
            self._lenders[event.model].took(actor, event.call)
        elif isinstance(event, Wants):
            reply = partial(actor.granted.remote, event.model)
            self._lenders[event.model].wants(actor, event, reply)
        else:
            self._door.store.receive(event.name, event.aside, event.sha256, event.origin, whole=event.whole)


def _heard_of(actor: Any, answers: Any) -> Iterator[Any]:
    """Yield what an actor tells, which may take it long; a RayError where it is lost, also if nobody noticed that."""
    ray = _ray()
    while True:
        while not ray.wait([answers], timeout=_SILENT)[0]:
            ray.get(actor.lives.remote(), timeout=_SILENT)
        try:
            yield next(answers)
        except StopIteration:
            return


def _unlike(there: Any, here: dict[str, Any]) -> str:
    """Return what differs between an actor and the audit."""
    if isinstance(there, str):
        return " ".join(there.split())[:300]
    name = next(name for name in here if there.get(name) != here[name])
    return f"{name}: it has {there.get(name)}, the audit {here[name]}"
