"""How a database is opened: a path is a SQLite file, `postgresql://...` a server.

    engine = open_database(folder / "reviews.sqlite")
    engine = open_database("postgresql://auditor:PASSWORD@host/audits")

A process has one engine for a place, whose connections wait for the next transaction (opening one takes longer than
most transactions do) and end with the process; a forked one has its own. Of a URL, its password is never said.
"""

from __future__ import annotations

import atexit
import os
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.database.sqlite import begins, connects, is_there
from audit.errors import LibraryError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

__all__ = ["is_url", "on_network", "open_database", "shown"]

_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_NETWORK = frozenset((
    "9p", "acfs", "afs", "autofs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
    "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs", "virtiofs",
))  # fmt: skip
"""File systems that several machines can have mounted: the shared memory of a WAL is seen by one machine alone."""
_MOUNTS = Path("/proc/self/mounts")


def is_url(place: str | Path) -> bool:
    """Tell whether a place is a server's address, and no file."""
    return isinstance(place, str) and "://" in place


def open_database(place: str | Path, *, durable: bool = False) -> Engine:
    """Return the engine of a database; a file is made by the first transaction, its folder must be there.

    durable: what was committed outlives the loss of power, not only the end of a process; each commit waits for the
    disk. A server decides that by itself.

    Raises UsageError for another scheme and for a file on a network file system, LibraryError without psycopg.
    """
    return _server(str(place)) if is_url(place) else _file(Path(place).absolute(), durable)


def shown(place: str | Path | URL) -> str:
    """Return what may be printed of a place, or of an engine's URL: a path, or a URL without its password."""
    from sqlalchemy import URL

    if not isinstance(place, URL):
        if not is_url(place):
            return str(place)
        place = _parsed(str(place))
    return str(place.database) if place.drivername == "sqlite" else _parted(place)[0].render_as_string()


def on_network(path: Path) -> str | None:
    """Return the kind of network file system that a path lies on; None for a disk, and where that cannot be seen."""
    try:
        mounts = _MOUNTS.read_bytes().decode(errors="replace").splitlines()
    except OSError:
        return None
    place, kinds = path.resolve(), {}
    for mount in mounts:
        _, folder, kind, *_ = mount.split(" ")
        kinds[Path(folder.replace("\\040", " "))] = kind  # a later mount hides an earlier one at the same place
    kind = next((kinds[folder] for folder in (place, *place.parents) if folder in kinds), "")
    return kind if kind in _NETWORK else None


@cache
def _file(path: Path, durable: bool) -> Engine:
    from sqlalchemy import URL, create_engine, event

    if kind := on_network(path):
        raise UsageError(
            "{file}: lies on {kind}, a network file system, on which SQLite loses what others write; allowed: a disk "
            "of this machine, or a PostgreSQL by its URL", file=path, kind=kind,
        )  # fmt: skip
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
    event.listen(engine, "connect", partial(connects, path, durable=durable))
    event.listen(engine, "checkout", partial(is_there, path))
    event.listen(engine, "begin", begins)
    return _kept(engine)


@cache
def _server(text: str) -> Engine:
    from sqlalchemy import create_engine

    url = _parsed(text)
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise LibraryError(
            "database: a PostgreSQL needs psycopg; pip install 'dokimasia[postgres]'",
            library="psycopg", extra="postgres",
        ) from None  # fmt: skip
    told, secrets = _parted(url)
    return _kept(create_engine(told, connect_args=secrets, hide_parameters=True, pool_pre_ping=True))


def _parted(url: URL) -> tuple[URL, dict[str, Any]]:
    """Return a URL without the secrets among its options, and these."""
    secrets = {key: value for key, value in url.query.items() if "password" in key.casefold()}
    return url.set(query={key: value for key, value in url.query.items() if key not in secrets}), secrets


def _kept(engine: Engine) -> Engine:
    """Return an engine whose connections end with this process, and are none of a process that it forks."""
    atexit.register(engine.dispose)
    os.register_at_fork(after_in_child=partial(engine.dispose, close=False))
    return engine


def _parsed(text: str) -> URL:
    """Return a URL; UsageError, which tells nothing of it but its scheme, where it is none of a PostgreSQL."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    scheme = text.partition("://")[0]
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    # an @ further on is the rest of a password that was not quoted
    if url is None or scheme not in _SCHEMES or "@" in f"{url.host}{url.database}":
        raise UsageError(
            "database: got no URL of a PostgreSQL, beginning with {scheme!r}; allowed: "
            "postgresql://USER:PASSWORD@HOST/NAME, with %40 for @ and %2F for / in the password", scheme=scheme,
        )  # fmt: skip
    return url.set(drivername="postgresql+psycopg")
