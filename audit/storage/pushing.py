"""What a run writes goes into the store behind it: in order, a few files late, and never a name before what it names.

    written -> queue -> [contents side by side] -> [logs and the rest one by one, in the order of their last writing]

What has names of its own bytes (answers, observations, items, documents) may go side by side. A log is read before the
rest of the queue is taken, so that all that its lines name was queued before, and goes only when that is stored. So the
journal in the store names nothing that is not there, run.json comes before record.json, and a log that was added to a
hundred times meanwhile is put once. At most `LAG` files wait; then whoever writes waits too. A kill loses those from
the store, no more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["LAG", "Pusher"]

LAG = 32
"""Files that may wait to be put."""
_AT_ONCE = 8


class Pusher:
    """A thread that puts what was written; `read` returns a file's bytes or None, `put` stores them."""

    def __init__(self, read: Callable[[str], bytes | None], put: Callable[[str, bytes | None], None]) -> None:
        self._read, self._put = read, put
        self._queue: dict[str, None] = {}
        self._change = threading.Condition()
        self._failed: BaseException | None = None
        self._busy = self._closed = False
        self._pool = ThreadPoolExecutor(_AT_ONCE, "pushing")
        self._thread = threading.Thread(target=self._work, name="pusher", daemon=True)
        self._thread.start()

    def add(self, name: str) -> None:
        """Queue a file; raises what an earlier one met."""
        with self._change:
            self._raise()
            self._queue.pop(name, None)
            self._queue[name] = None
            self._change.notify_all()
            while len(self._queue) >= LAG and self._failed is None:
                self._change.wait()
            self._raise()

    def settle(self) -> None:
        """Wait until all that was queued is stored; raises what prevents it."""
        with self._change:
            while (self._queue or self._busy) and self._failed is None:
                self._change.wait()
            self._raise()

    def close(self) -> None:
        """Settle, and end the thread."""
        try:
            self.settle()
        finally:
            with self._change:
                self._closed = True
                self._change.notify_all()
            self._thread.join()
            self._pool.shutdown()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._queue and not self._closed:
                    self._change.wait()
                if not self._queue or self._failed is not None:
                    return
                self._busy = True
                logs = [name for name in self._queue if not _is_content(name)]
                for name in logs:
                    del self._queue[name]
            try:
                self._batch(logs)
            except BaseException as error:  # the writer's thread raises it
                with self._change:
                    self._failed = error
            with self._change:
                self._busy = False
                self._change.notify_all()
                if self._failed is not None:
                    return

    def _batch(self, logs: list[str]) -> None:
        """Put what is queued; `logs` were taken out of the queue before."""
        held = [(name, self._read(name)) for name in logs]
        with self._change:
            contents = [name for name in self._queue if _is_content(name)]
            for name in contents:
                del self._queue[name]
        list(self._pool.map(lambda name: self._put(name, self._read(name)), contents))
        for name, data in held:
            self._put(name, data)


def _is_content(name: str) -> bool:
    return name.endswith(".parquet") or "/reports/" in name
