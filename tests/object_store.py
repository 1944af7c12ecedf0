"""A real S3-type server as a process of its own (moto), and a proxy before it in which things go wrong.

moto looks at a put's condition and writes in two steps, between which another put can come; the proxy lets one put
through at a time, as a server that keeps its promise does.
"""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request as Call
from urllib.request import urlopen

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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


class _Cut(Response):
    """An answer that ends before it is whole, with the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b"<", "more_body": False})


@dataclass
class Proxy:
    """Passes calls on to the server, but for the faults that a test puts in."""

    server: str
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

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        call = f"{request.method} {request.url.path}"
        hit = re.search(self.only, call) is not None
        await asyncio.sleep(self.slow if hit else 0)
        if hit and self._takes("broken"):
            return Response(f"<Error><Code>Fault</Code><Message>{SECRET}</Message></Error>", self.status)
        if hit and self._takes("cut"):
            return _Cut()
        put = request.method == "PUT"
        if hit and put and self._takes("torn"):
            body = body[: len(body) // 2]
        if put:
            async with self._one:
                found = await self._pass(request, body)
        else:
            found = await self._pass(request, body)
        if hit and put and self._takes("lost"):
            return _Cut()
        left = {name: value for name, value in found.headers.items() if name not in _HOP}
        data = found.content
        if self.stale and "list-type" in request.query_params:
            data = re.sub(_LISTED % re.escape(self.stale).encode(), b"", data)
        return Response(data, found.status_code, left)

    async def _pass(self, request: Request, body: bytes) -> Any:
        self.seen.append((request.method, request.url.path, body))
        gone = {*_HOP, "host", *(("if-none-match", "if-match") if self.ignorant else ())}
        headers = {name: value for name, value in request.headers.items() if name not in gone}
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.scope["raw_path"].decode()
        return await self._client.request(request.method, f"{self.server}{path}{query}", headers=headers, content=body)

    def _takes(self, fault: str) -> bool:
        left = getattr(self, fault)
        setattr(self, fault, max(left - 1, 0))
        return left > 0

    def puts(self, ending: str = "") -> list[str]:
        """Return the paths that were put, in order, below the bucket."""
        return [path for method, path, _ in self.seen if method == "PUT" and path.endswith(ending)]

    @contextmanager
    def served(self) -> Iterator[Proxy]:
        self._one, self._client = asyncio.Lock(), httpx2.AsyncClient(timeout=30)
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "PUT", "POST", "DELETE"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.should_exit = True
            thread.join()


_LISTED = rb"<(Contents|CommonPrefixes)>\s*<(?:Key|Prefix)>%s(?:(?!</\1>).)*</\1>"
_HOP = {"connection", "content-length", "transfer-encoding", "content-encoding", "keep-alive"}


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

    @property
    def _store(self) -> Any:
        from obstore.store import S3Store

        return S3Store(
            self.name, endpoint=self.server, region="us-east-1", access_key_id="a", secret_access_key="b",
            client_options={"allow_http": True},
        )  # fmt: skip
