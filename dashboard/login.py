"""The dashboard behind a login: where people reach it, and what must be so before it listens there.

    .streamlit/secrets.toml    [auth] as Streamlit's own login reads it: one provider of OpenID Connect
    people.yaml                who may do what (`dashboard.people`)

What is wrong with either is told at the start. Nothing leaves this machine in the clear: the address at which people
reach the dashboard is https, or a name of this machine; whoever listens elsewhere than there needs a certificate.
"""

from __future__ import annotations

import os
import stat
import tomllib
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.errors import UsageError, os_reason
from audit.files import read_regular
from dashboard.people import read_people
from detectors.immutable import immutable

__all__ = ["CALLBACK", "LOOPBACK", "Login", "login_of"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")
"""Names of this machine that nobody else can reach; `config.toml` allows the same for web sockets."""
CALLBACK = "/oauth2callback"
"""The path at which Streamlit's login ends."""
_BYTES = 1 << 16


@immutable
class Login:
    """Where the dashboard is reached, by whom, and what its provider knows it by."""

    people: Path
    secrets: Path
    origin: str
    """Scheme, host and port, as a browser writes them."""
    path: str
    """Between the host and the screens, without slashes at its ends; empty where they are all that is there."""

    @property
    def host(self) -> str:
        """Host and port, as the header `Host` has them."""
        return urlsplit(self.origin).netloc

    @property
    def name(self) -> str:
        """The host without its port."""
        return urlsplit(self.origin).hostname or ""

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach it by https."""
        return self.origin.startswith("https:")


class _Client(BaseModel):
    """The section `[auth]`: what Streamlit reads there of one provider."""

    model_config = ConfigDict(extra="forbid", strict=True)

    redirect_uri: str
    cookie_secret: str = Field(min_length=32)
    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1)
    server_metadata_url: str
    client_kwargs: dict[str, str] = {}


def login_of(people: Path, secrets: Path) -> Login:
    """Return the login that two files describe; UsageError for what cannot be, or would not be safe."""
    if any(find_spec(name) is None for name in ("authlib", "httpx")):
        raise UsageError("--login needs Authlib: pip install 'dokimasia[login]'")
    client = _client(secrets)
    for key, url in (("redirect_uri", client.redirect_uri), ("server_metadata_url", client.server_metadata_url)):
        parts = urlsplit(url)
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme, parts.hostname) in _CLEAR):
            raise UsageError(f"{secrets}: auth.{key}: got {url!r}; allowed: https, or http to a name of this machine")
    reached = urlsplit(client.redirect_uri)
    path = reached.path.removesuffix(CALLBACK).strip("/")
    whole = f"{reached.scheme}://{reached.netloc}{'/' if path else ''}{path}{CALLBACK}"
    if client.redirect_uri != whole or reached.username:
        raise UsageError(f"{secrets}: auth.redirect_uri: got {client.redirect_uri!r}; allowed: https://HOST{CALLBACK}")
    read_people(people)
    return Login(people.absolute(), secrets.absolute(), f"{reached.scheme}://{reached.netloc}".lower(), path)


_CLEAR = {("http", name) for name in LOOPBACK}


def _client(file: Path) -> _Client:
    """Read the section `[auth]` of a file that only its owner can read."""
    try:
        if stat.S_IMODE(os.lstat(file).st_mode) & 0o077:
            raise UsageError(f"{file}: others can read it; chmod 600")
        section = tomllib.loads(read_regular(file, _BYTES).decode()).get("auth")
        return _Client.model_validate(section)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({os_reason(error)}); it holds the section [auth]") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in ("auth", *error.errors()[0]["loc"]))
        raise UsageError(f"{file}: {where}: {error.errors()[0]['msg'].lower()}; see docs/login.md") from None
    except ValueError as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
