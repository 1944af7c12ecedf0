"""Transactions that happen whole or not at all, and as if one after the other, whoever writes at the same time.

    number = write(engine, lambda connection: ...)      read-then-write; done again where another one came between
    rows = read(engine, lambda connection: ...)         one moment of the database; cannot write

SQLite lets one writer into a file at a time. PostgreSQL lets all in (SERIALIZABLE) and undoes those that do not fit, so
that writers take turns there too, by a lock of theirs, to be undone seldom. Either way what a transaction does may be
done more than once until it is committed, so it must change nothing but the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from audit.database.engines import shown
from audit.database.sqlite import WRITES
from audit.errors import DatabaseError, IntegrityError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Transaction
    from sqlalchemy.exc import DBAPIError

__all__ = ["read", "write"]

T = TypeVar("T")

_WRITING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {WRITES: True}, "postgresql": {"isolation_level": "SERIALIZABLE"},
}  # fmt: skip
_READING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {}, "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}  # fmt: skip
_PATIENCE = 60.0
"""Seconds for which a transaction is tried again."""
_LONGEST = 0.25
"""Seconds between two tries, at most."""
_BUSY, _LOCKED, _CORRUPT, _NO_DATABASE = 5, 6, 11, 26
"""Results of SQLite, in the last eight bits of its codes."""
_UNDONE = ("40001", "40P01")
"""States of PostgreSQL: does not fit what others committed, deadlock."""


def write(engine: Engine, work: Callable[[Connection], T], *, turn: str = "") -> T:
    """Return what `work` returns of a transaction that was committed; whatever it raises undoes all.

    turn: what is written; on a server, writers of other things do not wait for this one.

    Raises DatabaseError where the database is not to be reached or stays busy, IntegrityError where it is damaged.
    """

    def in_turn() -> T:
        with engine.connect() as connection, _turn(connection, turn), _begun(connection, _WRITING):
            return work(connection)

    return _done(engine, in_turn)


def read(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Return what `work` returns of one moment of a database; raises as `write`."""

    def at_once() -> T:
        with engine.connect() as connection, _begun(connection, _READING):
            return work(connection)

    return _done(engine, at_once)


def _begun(connection: Connection, options: Mapping[str, Mapping[str, Any]]) -> Transaction:
    return connection.execution_options(**options[connection.dialect.name]).begin()


@contextmanager
def _turn(connection: Connection, name: str) -> Iterator[None]:
    """Hold the lock of a server that writers of one thing take turns by; it ends with the connection at the latest."""
    if connection.dialect.name != "postgresql":
        yield
        return
    _lock(connection, f"set_config('lock_timeout', '{_PATIENCE:.0f}s', true), pg_advisory_lock", name)
    try:
        yield
    finally:
        _lock(connection, "pg_advisory_unlock", name)


def _lock(connection: Connection, what: str, name: str) -> None:
    from sqlalchemy import text

    connection.execute(text(f"SELECT {what}(hashtextextended(:name, 0))"), {"name": f"dokimasia {name}"})
    connection.commit()


def _done(engine: Engine, transaction: Callable[[], T]) -> T:
    """Return what a transaction returns, tried again while others are in its way."""
    from sqlalchemy.exc import DBAPIError

    pauses = _pauses()
    while True:
        try:
            return transaction()
        except DBAPIError as error:
            pause = next(pauses, None) if _may_be_tried_again(error) else None
            if pause is None:
                _tell(error, engine)
        time.sleep(pause)


def _pauses() -> Iterator[float]:
    """Yield how long to wait before each new try: by chance, so that two that met do not meet again."""
    until, longest, chance = time.monotonic() + _PATIENCE, 0.002, SystemRandom()
    while time.monotonic() < until:
        yield chance.uniform(0, longest)
        longest = min(2 * longest, _LONGEST)


def _may_be_tried_again(error: DBAPIError) -> bool:
    return _sqlite_result(error) in (_BUSY, _LOCKED) or getattr(error.orig, "sqlstate", None) in _UNDONE


def _sqlite_result(error: DBAPIError) -> int:
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF


def _tell(error: DBAPIError, engine: Engine) -> NoReturn:
    """Raise what is told of an error; an error in the SQL is ours, and stays what it is."""
    from sqlalchemy.exc import DatabaseError as Failed
    from sqlalchemy.exc import OperationalError

    place, why = shown(engine.url), " ".join(str(error.orig).split())[:300]
    if _sqlite_result(error) in (_CORRUPT, _NO_DATABASE):
        raise IntegrityError("{database}: damaged ({problem})", database=place, problem=why) from error
    if isinstance(error, OperationalError) or type(error) is Failed:
        raise DatabaseError("{database}: {problem}", database=place, problem=why) from error
    raise error
