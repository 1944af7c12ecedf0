"""Several plans in one command: in turn here, or side by side on a cluster, each audit in a process of its own.

An error that ends one audit is told, and the others go on; the command leaves with the worst exit code of all. On a
cluster the models that may be in memory are shared out: an audit has one in its own process, the others are workers'.

    side by side = min(plans, models / 2)        models of each = models / side by side

Plans that audit the same model take turns, as a record says what was asked of its model before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import DokimasiaError, UsageError
from audit.exit_codes import CRASHED, PASSED

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from audit.execute import Executor, RayExecutor
    from audit.plan import Plan
    from audit.record import Audit

__all__ = ["Several", "chosen"]


def chosen(on: str | None, models: int | None) -> AbstractContextManager[Executor | None]:
    """Return where questions are answered, to be entered; UsageError for a place that there is not."""
    if on is None:
        if models is not None:
            raise UsageError("--models goes with --on; here one plan is run after the other")
        return nullcontext()
    name, _, address = on.partition("://")
    if name != "ray" or (not address and "://" in on):
        raise UsageError(f"--on {on}; allowed: ray, ray://HOST:PORT, ray://auto")
    from audit.execute import RayExecutor

    return RayExecutor(address or None, models)


@dataclass
class Several:
    """Runs plans; `done` are the audits, in the order of the plans, `codes` the exit codes of errors."""

    into: Path
    fresh: bool
    show: bool
    """Print findings as they land."""
    watched: Callable[..., Audit]
    """Runs one plan and tells of it."""
    done: list[Audit] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)

    def run(self, plans: Sequence[Plan], executor: Executor | None) -> None:
        """Run all plans; raises KeyboardInterrupt, once every audit has stopped."""
        if executor is None:
            for plan in plans:
                self._take(_outcome(self.watched, plan, self._options()))
        else:
            self._beside(list(plans), executor)  # type: ignore[arg-type]

    def _options(self) -> dict[str, Any]:
        return {"into": self.into, "fresh": self.fresh, "show": self.show}

    def _for_a_child(self) -> dict[str, Any]:
        """Return the options for another process, which has to open a store of objects itself."""
        from audit.storage import shown

        return {**self._options(), "into": shown(self.into)}

    def _take(self, outcome: Audit | DokimasiaError) -> None:
        if isinstance(outcome, DokimasiaError):
            self.codes.append(outcome.exit_code)
        else:
            self.done.append(outcome)

    def _beside(self, plans: list[Plan], executor: RayExecutor) -> None:
        """Run plans in processes of their own, so many at once that their models fit."""
        from multiprocessing.connection import wait

        together, each = _shares(len(plans), executor)
        waiting, running, ended = list(enumerate(plans)), dict[Any, _Child](), dict[int, Any]()
        try:
            while waiting or running:
                while len(running) < together and (one := _next(waiting, [child.plan for child in running.values()])):
                    waiting.remove(one)
                    child = _Child(*one, self.watched, self._for_a_child(), executor.joined, each)
                    running[child.line] = child
                for line in wait(list(running)):
                    child = running.pop(line)
                    ended[child.number] = child.outcome()
        finally:
            for child in running.values():
                child.stop()
        for _, outcome in sorted(ended.items()):
            self._take(outcome)


def _next(waiting: list[tuple[int, Plan]], running: list[Plan]) -> tuple[int, Plan] | None:
    """Return the first plan whose model none audits that runs; None where there is none."""
    return next((one for one in waiting if all(one[1].model != other.model for other in running)), None)


def _shares(plans: int, executor: RayExecutor) -> tuple[int, int | None]:
    """Return (audits side by side, models of each; None = as many as there is room for)."""
    if executor.models is None:
        return min(plans, max(1, executor.processors // 2)), None
    together = max(1, min(plans, executor.models // 2))
    return together, executor.models // together


def _outcome(watched: Callable[..., Audit], plan: Plan, options: dict[str, Any]) -> Audit | DokimasiaError:
    """Run a plan; return the error that ended it, told as the command tells it."""
    from audit.cli.terminal import tell

    try:
        return watched(plan, **options)
    except DokimasiaError as error:
        print(f"{plan.title}:", end=" ", file=sys.stderr)
        tell(error)
        return error


class _Child:
    """A process that runs one plan; it ends when this one is no more, as if it had been interrupted."""

    def __init__(
        self, number: int, plan: Plan, watched: Callable[..., Audit], options: dict[str, Any], address: str,
        models: int | None,
    ) -> None:
        import multiprocessing

        spawn = multiprocessing.get_context("spawn")
        self.number, self.plan = number, plan
        self.line, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_child, args=(theirs, watched, plan, options, address, models))
        self._process.start()
        theirs.close()

    def outcome(self) -> Audit | DokimasiaError:
        """Return what came of it: an error also where the process was lost."""
        from audit.errors import ModelError

        try:
            code, folder, message = self.line.recv()
        except EOFError:
            folder, message = None, "the process of this audit was lost; the same command goes on from there"
            code = CRASHED
            print(f"dokimasia: {message}", file=sys.stderr)
        self._process.join()
        if folder is not None:
            from audit.record import load_record

            return load_record(folder)
        error = ModelError(message)
        error.exit_code = code
        return error

    def stop(self) -> None:
        """Interrupt it and wait until it has stopped."""
        self.line.close()
        self._process.join()


def _child(
    line: Connection, watched: Callable[..., Audit], plan: Plan, options: dict[str, Any], address: str,
    models: int | None,
) -> None:
    from audit.cli.terminal import standard_streams
    from audit.execute import RayExecutor
    from audit.storage import local_folder

    os.setsid()  # an interrupt of the terminal comes once, by way of the parent
    threading.Thread(target=_until_closed, args=(line,), daemon=True).start()
    with standard_streams(), suppress(KeyboardInterrupt), RayExecutor(address, models) as executor:
        outcome = _outcome(watched, plan, {**options, "into": local_folder(options["into"]), "on": executor})
        if isinstance(outcome, DokimasiaError):
            line.send((outcome.exit_code, None, str(outcome)))
        else:
            line.send((PASSED, outcome.folder, ""))


def _until_closed(line: Connection) -> None:
    """Interrupt this process when the other end of a line is closed."""
    with suppress(EOFError, OSError):
        line.poll(None)
        line.recv()
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
