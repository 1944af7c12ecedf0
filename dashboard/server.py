"""The dashboard as a server: one ASGI application that answers this machine only and lets no page reach beyond it.

    Guard      refuses a foreign Host (DNS rebinding), sets the content security policy and forbids framing
    /healthz   for whoever watches the process

The policy is the second line of defence; the first is that a model's words reach a page only escaped or as plain text.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audit.errors import UsageError
from dashboard.address import LANG
from dashboard.loading import AUDITS

__all__ = ["LOOPBACK", "application", "policy", "serve"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names of this machine that nobody else can reach; `config.toml` allows the same for web sockets."""
_APP = Path(__file__).with_name("app.py")


def policy(host: str) -> str:
    """Return the content security policy of a page served at `host` (with its port).

    Streamlit's page has inline script and style; everything must come from here, sockets too.
    """
    return (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host}; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Guard:
    """Answers only where it is called by a name of this machine, and puts the policy on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        host = Request(scope).headers.get("host", "")
        if _hostname(host) not in LOOPBACK:
            await PlainTextResponse("unknown host\n", 400)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy(host)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await self.app(scope, receive, guarded)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


async def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def application(into: Path, lang: str) -> st.App:
    """Return the dashboard of the audits under `into`; one a process, because its script reads them from there."""
    os.environ[AUDITS], os.environ[LANG] = str(into), lang
    return st.App(_APP, routes=[Route("/healthz", _health)], middleware=[Middleware(Guard)])


def serve(into: Path, host: str, port: int, lang: str, say: Callable[[str], None]) -> None:
    """Serve until interrupted; `say` gets the address as soon as it is taken.

    Port 0 takes any free one. Raises UsageError for a host that others could reach, and for a port that is taken.
    """
    if host not in LOOPBACK:
        raise UsageError(f"--host {host}: no sign-in here; allowed: {', '.join(LOOPBACK)}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, port), family=family)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"--port {port}: got {why!r} on {host}; allowed: a free port") from None
    with taken, suppress(KeyboardInterrupt):
        name = f"[{host}]" if family == socket.AF_INET6 else host
        say(f"http://{name}:{taken.getsockname()[1]}/")
        config = uvicorn.Config(application(into, lang), log_config=None, access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[taken])
