"""The parent of the child that parses: jobs go in, one at a time; a crash or a hang costs one job and one line.

    with Parser() as parser:
        parser.ask({"do": "read", "type": "image/png"}, data)

The child is started with the first job and again after it died. One that ends on a job which was not its first may have
ended of what came before: a new one gets that job again.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from audit.errors import LibraryError
from detectors.immutable import immutable
from detectors.phrases import Cause

__all__ = ["Answer", "Parser", "require_c2pa"]

_CHUNK = 1 << 16
_NO_MEMORY = 9
"""`NO_MEMORY` of the worker, which only the child may import."""
_WORKER = (sys.executable, "-m", "audit.watermarks.origin.worker")


@immutable
class Answer:
    """What the child said of one job."""

    told: Mapping[str, Any]
    data: bytes = b""
    problem: Cause | None = None
    """Why there is no answer."""


def require_c2pa(*libraries: str) -> None:
    """Raise LibraryError where one of these libraries of the extra `c2pa` is not installed."""
    if any(find_spec(one) is None for one in libraries):
        message = "signed origin needs c2pa-python: pip install 'dokimasia[c2pa]'"
        raise LibraryError(message, library="c2pa", extra="c2pa")


@dataclass
class Parser:
    """A child process, and what it may take."""

    seconds: float = 20.0
    """Of one job; then the child is ended."""
    memory: int = 1 << 31
    """Bytes of address space."""
    processor_seconds: int = 3600
    """Of all jobs of one child."""
    command: Sequence[str] = _WORKER
    trust: Mapping[str, Any] = field(default_factory=dict)
    """Settings of trust: `user_anchors`, PEM, and `trust_config`, object identifiers a line."""
    _answered: int = field(default=0, init=False, repr=False)
    """Jobs that the child has answered."""
    _child: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _rest: bytes = field(default=b"", init=False, repr=False)

    def __enter__(self) -> Self:
        """Check that the library is there."""
        require_c2pa("c2pa")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the child."""
        self._end()

    def ask(self, job: Mapping[str, Any], *given: bytes) -> Answer:
        """Return the child's answer; what it does wrong is the answer's `problem`."""
        head = json.dumps({**job, "trust": self.trust, "sizes": [len(one) for one in given]}).encode() + b"\n"
        limit = time.monotonic() + self.seconds
        try:
            told = json.loads(self._exchange(head + b"".join(given), limit))
            data = self._read(told["size"], limit)
        except TimeoutError:
            self._end()
            return Answer({}, problem=Cause("the parser gave no answer within {seconds:g} s", seconds=self.seconds))
        except (OSError, EOFError, ValueError, KeyError):
            answered, problem = self._answered, self._died()
            return self.ask(job, *given) if answered else Answer({}, problem=problem)
        self._answered += 1
        if "said" in told and "xmp" not in told:
            return Answer(told, problem=Cause("the parser refused it: {why}", why=told["said"]))
        return Answer(told, data)

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._rest, self._answered = b"", 0
            self._child = subprocess.Popen(
                [*self.command, str(self.memory), str(self.processor_seconds)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )
            for end in (self._child.stdin, self._child.stdout):
                assert end is not None
                os.set_blocking(end.fileno(), False)
        return self._child

    def _exchange(self, message: bytes, limit: float) -> bytes:
        """Send a message and return the first line that comes back."""
        child = self._start()
        assert child.stdin is not None
        left = memoryview(message)
        with selectors.PollSelector() as ready:
            ready.register(child.stdin, selectors.EVENT_WRITE)
            while left:
                if not ready.select(max(0.0, limit - time.monotonic())):
                    raise TimeoutError
                left = left[os.write(child.stdin.fileno(), left[:_CHUNK]) :]
        while (end := self._rest.find(b"\n")) < 0:
            self._rest += self._more(limit)
        line, self._rest = self._rest[:end], self._rest[end + 1 :]
        return line

    def _read(self, size: int, limit: float) -> bytes:
        parts, there = [self._rest], len(self._rest)
        while there < size:
            parts.append(self._more(limit))
            there += len(parts[-1])
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]

    def _more(self, limit: float) -> bytes:
        assert self._child is not None
        assert self._child.stdout is not None
        with selectors.PollSelector() as ready:
            ready.register(self._child.stdout, selectors.EVENT_READ)
            if not ready.select(max(0.0, limit - time.monotonic())):
                raise TimeoutError
        got = os.read(self._child.stdout.fileno(), _CHUNK)
        if not got:
            raise EOFError
        return got

    def _died(self) -> Cause:
        """Return how the child ended."""
        code = self._end()
        if code in (_NO_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
            return self._too_much()
        if code < 0:
            return Cause("the parser crashed on it ({signal})", signal=signal.Signals(-code).name)
        return Cause("the parser ended on it (exit code {code})", code=code)

    def _too_much(self) -> Cause:
        return Cause("the parser may take {memory} MiB and wanted more", memory=self.memory >> 20)

    def _end(self) -> int:
        """End the child where there is one and return its exit code."""
        child, self._child = self._child, None
        if child is None:
            return 0
        with contextlib.suppress(OSError):
            for end in (child.stdin, child.stdout):
                assert end is not None
                end.close()
        try:
            return child.wait(0.5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return 0
