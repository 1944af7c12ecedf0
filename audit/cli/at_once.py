"""Several audits at once: each in a process of its own, as many as there are processors, four at most.

    told(work, asked, processes_for(len(asked))) -> (one of asked, what work made of it), the first that is done first

What one prints is kept until it is done, and then printed as a whole. Models of the quickstart are too small for more
than one thread, so that one audit after the other leaves all processors but one idle.
"""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import TypeVar

from audit.errors import DokimasiaError
from audit.processor import granted

__all__ = ["MOST", "processes_for", "told"]

MOST = 4
"""Processes: each holds torch and a model, about a gigabyte."""
_LOST = "a process that ran an audit was ended from outside, or had no memory left; the same command goes on from there"
_One = TypeVar("_One")
_Made = TypeVar("_Made")


def processes_for(count: int) -> int:
    """Return how many processes so many audits are worth here."""
    return min(granted(), count, MOST)


def told(work: Callable[[_One], _Made], asked: Sequence[_One], processes: int) -> Iterator[tuple[_One, _Made]]:
    """Yield each with what a function of a module makes of it; raises what that raises, and ends the others then.
    DokimasiaError where a process is ended from outside.

    All go between processes. Where one is enough, it is this one, and what is printed is printed at once.
    """
    if processes < 2:
        yield from ((one, work(one)) for one in asked)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import active_children, get_context

    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_leave_interrupts)
    try:
        begun = {pool.submit(_kept, work, one): one for one in asked}
        for number, done in enumerate(as_completed(begun), start=1):
            made, out, remarks = done.result()
            print(f"{remarks}({number} of {len(asked)} done)", file=sys.stderr, flush=True)
            print(out, end="", flush=True)
            yield begun[done], made
    except BaseException as error:
        for process in active_children():
            process.terminate()
        if isinstance(error, BrokenProcessPool):
            raise DokimasiaError(_LOST) from None
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Have Ctrl-C, which reaches all processes of a terminal, end the first alone; that one ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _kept(work: Callable[[_One], _Made], one: _One) -> tuple[_Made, str, str]:
    """Return what a function makes, and what it prints: on stdout, and on stderr."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as remarks:
        made = work(one)
    return made, out.getvalue(), remarks.getvalue()
