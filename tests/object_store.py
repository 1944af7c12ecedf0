"""A real S3-type server (moto), as a process of its own or in threads of this one, where things can go wrong in it.

moto looks at a put's condition and writes in two steps, between which another put can come; in threads one put is let
through at a time, as a server that keeps its promise does.
"""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.request import Request as Call
from urllib.request import urlopen

SECRET = "very-secret-word-of-the-store"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def moto() -> Iterator[str]:
    """Run the server; yield its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urlopen(url, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
        yield url
    finally:
        server.kill()
        server.wait()


@dataclass
class Proxy:
    """The server in threads of this process: at `server` as it is, at `url` with the faults that a test puts in."""

    server: str = ""
    url: str = ""
    broken: int = 0
    """So many of the next calls are answered with `status`."""
    status: int = 500
    only: str = ""
    """Faults are for calls whose method and path this pattern finds; empty: all."""
    cut: int = 0
    """So many of the next calls end without an answer, before the server hears of them."""
    lost: int = 0
    """So many of the next puts are done, and their answer lost."""
    torn: int = 0
    """Of so many of the next puts the server gets the first half."""
    slow: float = 0
    """Seconds that each call takes longer."""
    ignorant: bool = False
    """Whether conditions are taken out of puts, as if the server did not know them."""
    stale: str = ""
    """No listing has what begins with this, as if it had been made a moment ago; empty: each has all."""
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    """(method, path, body) of all calls that reached the server."""

    def mended(self) -> None:
        """Take all faults out."""
        self.broken = self.cut = self.lost = self.torn = 0
        self.slow, self.ignorant, self.stale, self.only = 0, False, "", ""

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer a call, as WSGI has it."""
        from werkzeug.wrappers import Request, Response

        request = Request(environ)
        body, call = request.get_data(), f"{request.method} {request.path}"
        hit = re.search(self.only, call) is not None
        time.sleep(self.slow if hit else 0)
        if hit and self._takes("broken"):
            answer = Response(f"<Error><Code>Fault</Code><Message>{SECRET}</Message></Error>", self.status)
        elif hit and self._takes("cut"):
            answer = Response(b"<", headers=_CUT)
        else:
            put = request.method == "PUT"
            with self._one if put else ExitStack():
                answer = self._passed(request, body[: len(body) // 2] if hit and put and self._takes("torn") else body)
            if hit and put and self._takes("lost"):
                answer = Response(b"<", headers=_CUT)
        return answer(environ, start)

    def _passed(self, request: Any, body: bytes) -> Any:
        from werkzeug.wrappers import Response

        self.seen.append((request.method, request.path, body))
        gone = {"HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"} if self.ignorant else set()
        environ = {name: value for name, value in request.environ.items() if name not in gone}
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer = Response.from_app(self._app, environ, buffered=True)
        if self.stale and "list-type" in request.args:
            answer.data = re.sub(_LISTED % re.escape(self.stale).encode(), b"", answer.data)
        return answer

    def _takes(self, fault: str) -> bool:
        with self._counting:
            left = getattr(self, fault)
            setattr(self, fault, max(left - 1, 0))
        return left > 0

    def puts(self, ending: str = "") -> list[str]:
        """Return the paths that were put, in order, below the bucket."""
        return [path for method, path, _ in self.seen if method == "PUT" and path.endswith(ending)]

    @contextmanager
    def served(self) -> Iterator[Proxy]:
        from moto.server import create_backend_app

        self._one, self._counting, self._app = threading.Lock(), threading.Lock(), create_backend_app("s3")
        with _in_threads(self._app) as self.server, _in_threads(self) as self.url:
            yield self


@contextmanager
def _in_threads(app: Any) -> Iterator[str]:
    """Serve a WSGI application, a thread for each call; yield its address."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


_CUT = {"Content-Length": "1000"}
"""Of an answer that ends before it is whole, with the connection."""
_LISTED = rb"<(Contents|CommonPrefixes)>\s*<(?:Key|Prefix)>%s(?:(?!</\1>).)*</\1>"


@dataclass
class Bucket:
    """A bucket of its own on the real server, reached without the proxy."""

    server: str
    name: str

    def make(self) -> Bucket:
        urlopen(Call(f"{self.server}/{self.name}", method="PUT"), timeout=30).close()
        return self

    def listed(self) -> list[str]:
        return sorted(one["path"] for batch in self._store.list() for one in batch)

    def get(self, key: str) -> bytes:
        return bytes(self._store.get(key).bytes())

    def put(self, key: str, data: bytes) -> None:
        self._store.put(key, data)

    def remove(self, key: str) -> None:
        self._store.delete(key)

    def all(self) -> dict[str, bytes]:
        return {key: self.get(key) for key in self.listed()}

    @cached_property
    def _store(self) -> Any:
        from obstore.store import S3Store

        return S3Store(
            self.name, endpoint=self.server, region="us-east-1", access_key_id="a", secret_access_key="b",
            client_options={"allow_http": True},
        )  # fmt: skip
