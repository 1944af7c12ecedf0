"""A PostgreSQL server of our own: Debian's programs in a temporary folder, reached by a socket there and a password.

It is no server of the machine's: nothing listens on a network, and what it wrote goes with it. Its programs refuse
root, so that root starts them as `postgres`, the user that Debian's package makes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["fresh_database", "server"]

FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses= -c max_connections=60"
"""What it holds need not outlive the machine."""


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """Run a server; yields the URL of its database `postgres`, of a superuser `auditor` with a password."""
    home = Path(tempfile.mkdtemp(prefix="dokimasia-pg-"))  # short: the name of a socket has 107 bytes
    password = f"{secrets.token_hex(8)}@/%"
    (home / "password").write_text(password)
    data = str(home / "data")
    _handed_over(home)
    try:
        _call(programs / "initdb", "-D", data, "-U", "auditor", f"--pwfile={home / 'password'}",
              "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        _call(programs / "pg_ctl", "-D", data, "-w", "-l", str(home / "log"), "-o", f"{FAST} -k {home}", "start")
        try:
            yield f"postgresql://auditor:{quote(password, safe='')}@/postgres?host={home}"
        finally:
            _call(programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def fresh_database(url: str) -> str:
    """Make an empty database on a server, in which texts stand in the order of a language (a before B); its URL."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    return url.replace("/postgres?", f"/{name}?")


def _call(program: Path, *arguments: str) -> None:
    done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
                          **_somebody())  # fmt: skip
    assert done.returncode == 0, f"{program.name}: {done.stdout} {done.stderr}"


def _somebody() -> dict[str, Any]:
    """Who runs the programs: whoever this is, but for root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _handed_over(home: Path) -> None:
    if os.geteuid() == 0:
        for path in (home, *home.iterdir()):
            shutil.chown(path, "postgres", "postgres")
