"""What a SQLite file needs so that many processes can write to it, each at its turn, while all others read.

- Write-ahead log: readers see the last commit and wait for nobody.
- `BEGIN IMMEDIATE` for whoever writes: a transaction that reads first and writes later would otherwise stand on what
  another one has changed meanwhile, and fail at once, whatever the timeout.
- The driver begins nothing by itself (`isolation_level` None), so that a transaction is what is said here.
- Only a read transaction of ours may not write (`query_only`).
- Connections carry nothing from the log into the file by themselves: before SQLite 3.51.3 two connections that do so
  while others write can, rarely, corrupt the file. `checkpoint` does it, for one process at a time.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["BUSY_SECONDS", "SOUND_SQLITE", "WRITES", "begins", "checkpoint", "connects", "is_there"]

SOUND_SQLITE = (3, 51, 3)
"""The first version in which a checkpoint beside a writer cannot corrupt a file."""
BUSY_SECONDS = 10
"""How long a transaction waits for another one to end, before it is tried again."""
WRITES = "dokimasia_writes"
"""The option of a connection whose transactions write."""


def connects(path: Path, handle: Any, record: ConnectionPoolEntry, *, durable: bool) -> None:
    """Set up a connection of the driver to a file; `durable` as in `open_database`."""
    handle.isolation_level = None
    for line in (
        f"busy_timeout = {1000 * BUSY_SECONDS}", "journal_mode = WAL", "wal_autocheckpoint = 0", "foreign_keys = ON",
        f"synchronous = {'FULL' if durable else 'NORMAL'}", "trusted_schema = OFF",
    ):  # fmt: skip
        handle.execute(f"PRAGMA {line}")
    record.info["file"] = _number(path)  # the log's mode is written, so there is a file


def is_there(path: Path, _: object, record: ConnectionPoolEntry, __: object) -> None:
    """Have a connection opened anew whose file was taken away, or replaced by another one, since."""
    from sqlalchemy.exc import DisconnectionError

    if record.info["file"] != _number(path):
        raise DisconnectionError


def _number(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


def begins(connection: Connection) -> None:
    """Begin a transaction that may write, or one that cannot."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def checkpoint(engine: Engine) -> bool:
    """Carry the write-ahead log of a SQLite file into the file; False where another process is at it.

    A server does so by itself.
    """
    if engine.dialect.name != "sqlite":
        return True
    file = Path(str(engine.url.database))
    with file.with_name(f"{file.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True
