"""Models for tests on a cluster: every question to a model is a line in a file, whichever process asks."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from markov import MarkovModel, MarkovText

from audit.model import Sample
from audit.numbering import entropy, numbers_of


@dataclass(frozen=True)
class Logged(MarkovText):
    """A Markov chain that may end the process of a worker, or raise, at some item."""

    fatal: Path | None = None
    """While this file is not there, the process that is first asked for `at` makes it, with its number, and is gone."""
    stands: bool = False
    """It then does not end, but stands still."""
    at: str = ""
    raises: bool = False
    """Raise at `at`, wherever it is asked."""

    def open(self) -> LoggedModel:
        return LoggedModel(self)


class LoggedModel(MarkovModel):
    def _count(self, item: str) -> None:
        super()._count(item)
        part = self.part
        if part.at and item.startswith(part.at):
            if part.raises:
                raise ValueError(f"no answer to {item}")
            if part.fatal is not None and not part.fatal.exists():
                part.fatal.write_text(str(os.getpid()))
                _wait_until_heard(part.fatal.parent)
                while part.stands:
                    os.kill(os.getpid(), signal.SIGSTOP)
                os._exit(1)


def _wait_until_heard(folder: Path) -> None:
    """Return when the audit has put in its place what its workers wrote; after a minute in any case."""
    end = time.monotonic() + 60
    while next(folder.rglob("observed/*/.*.tmp"), None) and time.monotonic() < end:
        time.sleep(0.05)


@dataclass(frozen=True)
class Pictures:
    """Draws images of 4 x 4 pixels, by seed and number alone, and says to which of two classes they belong."""

    log: Path

    family: ClassVar[str] = "pictures"
    modality: ClassVar[str] = "image"

    def fingerprint(self) -> str:
        return "sha256:pictures"

    def open(self) -> PicturesModel:
        return PicturesModel(self)


class PicturesModel:
    family, modality, name, fingerprint = "pictures", "image", "pictures", "sha256:pictures"
    classes = ("a", "b")

    def __init__(self, part: Pictures) -> None:
        self.part = part

    def sample(self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None) -> list[Sample]:
        numbers = numbers_of(prompts) if numbers is None else numbers
        with self.part.log.open("a") as file:
            file.writelines(f"draw {number}\n" for number in numbers)
        return [Sample(np.random.default_rng(entropy(seed, None, one)).random((4, 4)).round(6)) for one in numbers]

    def predict(self, items: Sequence[np.ndarray]) -> np.ndarray:
        with self.part.log.open("a") as file:
            file.writelines(f"look {np.asarray(item).sum():.6f}\n" for item in items)
        one = np.array([float(np.mean(item)) for item in items])
        return np.stack([one, 1 - one], 1)


class Answering:
    """A server that answers at once, always the same, and once kills the process of a worker that asks it."""

    kill_at: int | None = None
    """After so many questions about numbers a worker that asks one gets no answer any more."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.killed: int | None = None
        self._turn = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Answering:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def numbers(self) -> set[str]:
        """The questions about numbers, each once."""
        return {one for one in self.prompts if "number" in one}

    def cleared(self) -> int:
        """Forget the questions; return how many came before the first about a number."""
        first = next(place for place, one in enumerate(self.prompts) if "number" in one)
        self.prompts.clear()
        return first

    def kills(self, prompt: str, port: int) -> bool:
        """Take a question down; tell whether who asks it was killed."""
        with self._turn:
            self.prompts.append(prompt)
            due = self.killed is None and self.kill_at is not None and "number" in prompt
            if due and len(self.numbers) > self.kill_at and (asker := _process_at(port)) != os.getpid():
                self.killed = asker
                os.kill(asker, signal.SIGKILL)
                return True
            return False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, told: Answering, *more: Any) -> None:
        self.told = told
        super().__init__(*more)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.told.kills(body["messages"][-1]["content"], self.client_address[1]):
            self.close_connection = True
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "so"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 4, "completion_tokens": 1}
        data = json.dumps({"model": body["model"], "choices": [choice], "usage": usage}).encode()
        with suppress(ConnectionError):  # its asker was killed
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *words: object) -> None:
        pass


def _process_at(port: int) -> int:
    """Return the process of this machine that a connection from this port is of."""
    lines = map(str.split, Path("/proc/net/tcp").read_text().splitlines())
    socket = next(f"socket:[{one[9]}]" for one in lines if one[1].endswith(f":{port:04X}"))
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(link.readlink()) == socket:
                return int(link.parts[2])
    raise AssertionError(f"no process at port {port}")


def wait_for(path: Path, lines: int, seconds: float = 600) -> None:
    """Return once a file has so many lines."""
    end = time.monotonic() + seconds
    while (path.read_text().count("\n") if path.exists() else 0) < lines:
        assert time.monotonic() < end, f"{path.name} has not {lines} lines after {seconds} s"
        time.sleep(0.05)
