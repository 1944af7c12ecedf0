"""Processes of their own that need no second of imports: forks of this one, for tests of several writers and of kills.

    fork = Fork(lambda tell: tell("done"))
    fork.end()                              # (0, ["done"])
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


class Fork:
    """Does something in a child of this process, which may tell lines; it ends after five minutes at the latest."""

    def __init__(self, action: Callable[[Callable[[object], object]], object]) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                signal.alarm(300)
                action(lambda line: os.write(writing, f"{line}\n".encode()))
                code = 0
            except BaseException:  # the child must not go on in the parent's code
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        self.told = os.fdopen(reading)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> tuple[int, list[str]]:
        """Wait for its end; return the exit code, negative for a signal, and the lines that nobody read yet."""
        with self.told:
            lines = self.told.read().splitlines()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), lines
