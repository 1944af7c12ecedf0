"""The command `dokimasia show`: opens the dashboard on this machine, and prints its address.

Every start of the command imports this module, so that what only the dashboard needs is imported inside.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl

import typer

from audit.cli.options import Into

__all__ = ["show"]

Secrets = Annotated[Path, typer.Option(help="With --login: the section [auth] of the login's provider.")]
Blind = Annotated[bool, typer.Option("--blind", help="Hide what others said of an item until one has said one's own.")]


def show(
    into: Into = Path("audits"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")] = 8501,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    lang: Annotated[str, typer.Option(help="Language of the screens: en or ko.")] = "en",
    at: Annotated[str, typer.Option(help="A screen, as its own foot gives it; without it the list of audits.")] = "",
    login: Annotated[Path | None, typer.Option(help="People who may log in, a YAML file; see docs/login.md.")] = None,
    secrets: Secrets = Path(".streamlit/secrets.toml"),
    tls_cert: Annotated[Path | None, typer.Option(help="With --login: certificate to serve https with, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's private key, PEM.")] = None,
    blind: Blind = False,
) -> None:
    """Browse audits, findings and items in a browser; nothing leaves this machine.

    The address that it prints holds a token of this start, and only who has it is let in. With --login people come from
    elsewhere too, through the login of an OpenID Connect provider, and may do what their role lets them.
    """
    from audit.errors import UsageError
    from audit.signing import Secret, known_keys
    from audit.storage import shown
    from dashboard.address import read
    from dashboard.login import login_of
    from dashboard.server import Certificate, serve
    from reports.text import words_of

    words_of(lang)
    known_keys(), Secret.here()  # a key that cannot be read is told now, not on a screen
    entrance = None if login is None else login_of(login, secrets)
    if (tls_cert is None) != (tls_key is None):
        raise UsageError("--tls-cert and --tls-key: got one of them; allowed: both, or neither")
    certificate = None if tls_cert is None or tls_key is None else Certificate(tls_cert, tls_key)
    if into.exists() and not into.is_dir():
        raise UsageError(f"--into {into}: got a file; allowed: a folder of audits")
    if not into.exists():
        print(f"note: {shown(into)} is not there yet, so that nothing is listed until a run makes it", file=sys.stderr)
    query = read(dict(parse_qsl(at.removeprefix("?")))).link if at else ""

    def say(address: str) -> None:
        typer.echo(address + query)
        print("Ctrl-C ends it", file=sys.stderr, flush=True)

    serve(into, host, port, lang, say, login=entrance, certificate=certificate, blind=blind)
