"""A small provider of OpenID Connect on loopback: the code flow with PKCE, signed tokens, and the end of a session.

    with provider({"kim": {"sub": "1", "email": ...}}) as made:     its page has a link for each person to log in by

Who logs in is chosen on its page, as one types a password elsewhere; the rest is what Core 1.0 and RFC 7636 ask for:
a code counts once, for the client and address it was made for, and only with the verifier of its challenge.
"""

from __future__ import annotations

import hashlib
import secrets
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import unquote_plus, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "dokimasia", "a secret of the client and its provider"


class Provider:
    """Its people, its key, and the codes that it gave out."""

    def __init__(self, address: str, people: Mapping[str, Mapping[str, Any]]) -> None:
        self.address, self.people = address, people
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, dict[str, str]] = {}
        self.ended = 0

    async def metadata(self, request: Request) -> JSONResponse:
        return JSONResponse({
            "issuer": self.address, "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token", "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/end", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        })

    async def keys(self, request: Request) -> JSONResponse:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        if (who := asked.pop("who", None)) is None:
            links = [f'<a href="?{urlencode({**asked, "who": name})}">{name}</a>' for name in self.people]
            return HTMLResponse(f"<title>Provider</title>{' '.join(links)}")
        code = secrets.token_urlsafe()
        self.codes[code] = {**asked, "who": who}
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def token(self, request: Request) -> JSONResponse:
        form = await request.form()
        asked = self.codes.pop(str(form["code"]), None)
        digest = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
        client = unquote_plus(b64decode(request.headers["authorization"].removeprefix("Basic ")).decode())
        if (
            asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]
            or client != f"{CLIENT}:{SECRET}"
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, {**claims, **self.people[asked["who"]]}, self.key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "expires_in": 300, "id_token": signed})

    async def end(self, request: Request) -> RedirectResponse:
        self.ended += 1
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)


@contextmanager
def provider(people: Mapping[str, Mapping[str, Any]]) -> Iterator[Provider]:
    """A provider at work on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made = Provider(f"http://127.0.0.1:{taken.getsockname()[1]}", people)
        routes = [
            Route("/.well-known/openid-configuration", made.metadata), Route("/keys", made.keys),
            Route("/authorize", made.authorize), Route("/token", made.token, methods=["POST"]), Route("/end", made.end),
        ]
        server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_config=None))
        thread = Thread(target=server.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield made
        finally:
            server.should_exit = True
            thread.join(20)
