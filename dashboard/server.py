"""The dashboard as a server: one ASGI application; it answers whoever has its address and lets no page reach beyond.

    /TOKEN/    all screens; the token is made anew at every start, so that another user of this machine does not know it
    Guard      refuses a foreign Host (DNS rebinding), a foreign Origin (other pages, other ports) and a wrong token,
               sets the content security policy and forbids framing
    /healthz   for whoever watches the process

The token stands in the path and in no cookie: cookies of this machine go to all its ports. The policy is the second
line of defence; the first is that a model's words reach a page only escaped or as plain text. Behind a login
(`dashboard.login`) the path is the one that the provider knows, and cookies say who somebody is: they go out with
`Secure` wherever browsers come by https.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import ssl
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

from audit.errors import UsageError, os_reason
from dashboard.address import LANG
from dashboard.blind_review import BLIND
from dashboard.first_paint import first_routes
from dashboard.loading import AUDITS
from dashboard.login import LOOPBACK, Login
from dashboard.speakers import PEOPLE
from detectors.immutable import immutable
from reports.text import Words, words_of

__all__ = ["Certificate", "Guard", "application", "policy", "serve"]

_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.ASCII)
"""What a Host may be, whole: it goes into the policy."""
_OPEN = "/healthz"
"""The path that is answered without the token."""
_APP = Path(__file__).with_name("app.py")


@immutable
class Certificate:
    """Files with which a server shows who it is, in PEM."""

    chain: Path
    key: Path

    def check(self) -> None:
        """Raise UsageError where they do not hold a certificate and its key."""
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.chain, self.key)
        except ssl.SSLError:
            raise UsageError(f"--tls-cert {self.chain} --tls-key {self.key}: no certificate with its key") from None
        except OSError as error:
            raise UsageError(f"--tls-cert {self.chain} --tls-key {self.key}: {os_reason(error)}") from None


def policy(origin: str) -> str:
    """Return the content security policy of a page of `origin`; empty for a call that is refused.

    Streamlit's page has inline script and style; everything must come from here, sockets too.
    """
    sockets = f" {origin.replace('http', 'ws', 1)}" if origin else ""
    return (
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'{sockets}; worker-src 'self' blob:; "
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    )


class Guard:
    """Answers whoever calls it by its name, from its own page, with its path; its policy goes along.

    Without a login its name is one of this machine's, and its path the token of this start.
    """

    def __init__(self, app: ASGIApp, path: str, words: Words, origin: str | None = None) -> None:
        self.app, self.path, self.words, self.origin = app, path, words, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request or a web socket on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        call = HTTPConnection(scope)
        host, origin = call.headers.get("host", ""), call.headers.get("origin")
        own = self.origin or f"http://{host}"
        refused = self._refusal(host, origin, call.url.path)
        if refused is None:
            await self.app(scope, receive, _guarded(send, own))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, why = refused
            await PlainTextResponse(f"{why}\n", status)(scope, receive, _guarded(send, ""))

    def _refusal(self, host: str, origin: str | None, path: str) -> tuple[int, str] | None:
        """Return the status and the reason for which a call is refused; None for one that is answered."""
        own = self.origin or f"http://{host}"
        of_machine = self.origin is None or path == _OPEN
        if not (_HOST.fullmatch(host) if of_machine else host.lower() == own.partition("//")[2]):
            return 400, "unknown host"
        if origin is not None and origin != own:
            return 403, self.words("dashboard.refused_origin")
        first = path.split("/")[1] if path.startswith("/") else ""
        if self.origin is None and path != _OPEN and not secrets.compare_digest(first.encode(), self.path.encode()):
            return 403, self.words("dashboard.refused_token")
        return None


def _guarded(send: Send, origin: str) -> Send:
    """Return `send` with the policy on every answer; `origin` is one that was looked at, or empty."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = policy(origin)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            if origin.startswith("https:"):
                message["headers"] = [_kept_safe(*one) for one in message["headers"]]
        await send(message)

    return guarded


def _kept_safe(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Return a header; a cookie with the word that keeps it from going out in the clear."""
    bare = name.lower() != b"set-cookie" or b"; secure" in value.lower()
    return name, value if bare else value + b"; Secure"


async def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


def application(
    into: Path, lang: str, token: str = "", login: Login | None = None, *, blind: bool = False
) -> st.App:
    """Return the dashboard of the audits under `into`; one a process: its script reads them there.

    It answers at `/token/`, or where its login has it.
    """
    os.environ[AUDITS], os.environ[LANG] = str(into), lang
    os.environ[BLIND] = "1" if blind else ""
    os.environ[PEOPLE] = "" if login is None else str(login.people)
    path, origin = (token, None) if login is None else (login.path, login.origin)
    guard = Middleware(Guard, path=path, words=words_of(lang), origin=origin)
    app = st.App(_APP, routes=[Route(_OPEN, _health), *first_routes(path)], middleware=[guard])
    settings.set_option("server.baseUrlPath", path)  # once the settings beside app.py are read
    settings.set_option("secrets.files", [] if login is None else [str(login.secrets)])  # none of the working folder's
    settings.set_option("server.trustedUserHeaders", {})  # nobody is who a header of theirs says
    if login is not None:
        settings.set_option("server.allowedHosts", [login.name])
        settings.set_option("browser.serverAddress", login.name)
    return app


def serve(
    into: Path, host: str, port: int, lang: str, say: Callable[[str], None], *,
    login: Login | None = None, certificate: Certificate | None = None, blind: bool = False,
) -> None:
    """Serve until interrupted; `say` gets the address as soon as it is taken.

    Port 0 takes any free one. Raises UsageError for a host that others could reach without a login or in the clear, and
    for a port that is taken.
    """
    _refuse_open_doors(host, login, certificate)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        taken = socket.create_server((host, port), family=family)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UsageError(f"--port {port}: got {why!r} on {host}; allowed: a free port") from None
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else an answer's second packet waits for 40 ms
    with taken, suppress(KeyboardInterrupt):
        name = f"[{host}]" if family == socket.AF_INET6 else host
        token = secrets.token_urlsafe(16)
        here = f"http://{name}:{taken.getsockname()[1]}/{token}/"
        say(here if login is None else f"{login.origin}/{login.path}{'/' if login.path else ''}")
        chain, key = (None, None) if certificate is None else (certificate.chain, certificate.key)
        config = uvicorn.Config(
            application(into, lang, token, login, blind=blind), log_config=None, access_log=False, server_header=False,
            ssl_certfile=chain, ssl_keyfile=key,
        )
        uvicorn.Server(config).run(sockets=[taken])


def _refuse_open_doors(host: str, login: Login | None, certificate: Certificate | None) -> None:
    """Raise UsageError where others could come in without a login, or what is sent could be read on its way."""
    if certificate is not None and (login is None or not login.encrypted):
        raise UsageError("--tls-cert: no login is reached by https; allowed: with --login and such a redirect_uri")
    if certificate is not None:
        certificate.check()
    if host in LOOPBACK:
        return
    if login is None:
        raise UsageError(f"--host {host}: nobody logs in here; allowed: {', '.join(LOOPBACK)}, or with --login")
    if certificate is None:
        raise UsageError(
            f"--host {host}: what is sent could be read on its way; allowed: {', '.join(LOOPBACK)} behind a proxy that "
            "speaks https, or with --tls-cert and --tls-key"
        )
