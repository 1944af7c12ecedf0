"""The dashboard as a server: one ASGI application; it answers whoever has its address and lets no page reach beyond.

    /TOKEN/    all screens; the token is made anew at every start, so that another user of this machine does not know it
    Guard      refuses a foreign Host (DNS rebinding), a foreign Origin (other pages, other ports) and a wrong token,
               sets the content security policy and forbids framing
    /healthz   for whoever watches the process

The token stands in the path and in no cookie: cookies of this machine go to all its ports. The policy is the second
line of defence; the first is that a model's words reach a page only escaped or as plain text.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import streamlit as st
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config as settings

from audit.errors import UsageError
from dashboard.address import LANG
from dashboard.first_paint import first_routes
from dashboard.loading import AUDITS
from reports.text import Words, words_of

__all__ = ["LOOPBACK", "application", "policy", "serve"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names of this machine that nobody else can reach; `config.toml` allows the same for web sockets."""
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.ASCII)
"""What a Host may be, whole: it goes into the policy."""
_OPEN = "/healthz"
"""The path that is answered without the token."""
_APP = Path(__file__).with_name("app.py")


def policy(host: str) -> str:
    """Return the content security policy of a page served at `host` (with its port); empty for a call that is refused.

    Streamlit's page has inline script and style; everything must come from here, sockets too.
    """
    sockets = f" ws://{host}" if host else ""
    return (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'{sockets}; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Guard:
    """Answers whoever calls it by a name of this machine, from its own page, with the token; its policy goes along."""

    def __init__(self, app: ASGIApp, token: str, words: Words) -> None:
        self.app, self.token, self.words = app, token, words

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a web socket on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        call = HTTPConnection(scope)
        host, origin = call.headers.get("host", ""), call.headers.get("origin")
        refused = self._refusal(host, origin, call.url.path)
        if refused is None:
            await self.app(scope, receive, _guarded(send, host))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, why = refused
            await PlainTextResponse(f"{why}\n", status)(scope, receive, _guarded(send, ""))

    def _refusal(self, host: str, origin: str | None, path: str) -> tuple[int, str] | None:
        """Return the status and the reason for which a call is refused; None for one that is answered."""
        if not _HOST.fullmatch(host):
            return 400, "unknown host"
        if origin is not None and origin != f"http://{host}":
            return 403, self.words("dashboard.refused_origin")
        first = path.split("/")[1] if path.startswith("/") else ""
        if path != _OPEN and not secrets.compare_digest(first.encode(), self.token.encode()):
            return 403, self.words("dashboard.refused_token")
        return None


def _guarded(send: Send, host: str) -> Send:
    """Return `send` with the policy on every answer; `host` is one that was looked at, or empty."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy(host)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return guarded


async def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def application(into: Path, lang: str, token: str = "") -> st.App:
    """Return the dashboard of the audits under `into`, at `/token/`; one a process: its script reads them there."""
    os.environ[AUDITS], os.environ[LANG] = str(into), lang
    guard = Middleware(Guard, token=token, words=words_of(lang))
    app = st.App(_APP, routes=[Route(_OPEN, _health), *first_routes(token)], middleware=[guard])
    settings.set_option("server.baseUrlPath", token)  # once the settings beside app.py are read
    return app


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
        token = secrets.token_urlsafe(16)
        say(f"http://{name}:{taken.getsockname()[1]}/{token}/")
        config = uvicorn.Config(application(into, lang, token), log_config=None, access_log=False, server_header=False)
        uvicorn.Server(config).run(sockets=[taken])
