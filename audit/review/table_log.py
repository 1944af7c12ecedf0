"""Reviews of one audit in a database, for writers on many hosts that share no folder.

    review_logs     record (digest of record.json), audit, entries, head      one row an audit
    review_lines    record, number, previous, digest, line                    one row an entry, the bytes of its line

A transaction adds lines behind the head that it has read; (record, number) and (record, previous) are unique, so no
chain can have two ends. `reviews.jsonl` of an audit's folder follows the database, never the other way round: lines are
committed there first, and brought into the file under its lock. Either is a first part of the other, or both are told
apart in one line: nothing is merged by guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from audit.database import checkpoint, open_database, read, shown, write
from audit.errors import DatabaseError, IntegrityError, UsageError, os_reason
from audit.files import digest_file, read_lines, sha256
from audit.record import RECORD_FILE, REVIEWS_FILE, Audit
from audit.review.entries import CHAIN_START, reviews_of
from audit.review.file_log import Make, held
from detectors.immutable import immutable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, MetaData, Table

__all__ = ["TableLog"]

_CARRIED = 256
"""After so many entries SQLite's log is carried into its file."""


@immutable
class TableLog:
    """A log that a database holds and the audit's file follows."""

    audit: Audit
    place: str
    """A SQLite file, or the URL of a PostgreSQL."""

    @cached_property
    def path(self) -> Path:
        """The file that follows."""
        return self.audit.folder / REVIEWS_FILE

    @cached_property
    def record(self) -> str:
        """Digest of the record of which the lines speak."""
        return digest_file(self.audit.folder / RECORD_FILE)

    @property
    def where(self) -> str:
        """The database as it may be told."""
        return shown(self.place)

    def append(self, make: Make) -> None:
        """Add lines in one transaction, then to the file.

        Raises DatabaseError where the database is not to be reached: nothing is kept anywhere, unless it was lost while
        it committed, which is told. UsageError where the file holds lines that the database does not have,
        IntegrityError where both go on differently.
        """
        if not self.path.exists() and not self.pull():
            make(())  # so that what is refused makes no file
        with held(self.path) as (mine, add):
            news = self._committed(mine, make)
            try:
                add(news)
            except OSError as error:
                raise UsageError(
                    "{database} has kept it; {file} cannot be brought up to it ({problem})",
                    database=self.where, file=self.path, problem=os_reason(error),
                ) from None

    def pull(self) -> int:
        """Bring the file up to the database; returns how many lines came. Raises as `append`."""
        if not read(self._engine, partial(self._missing, mine=self._lines())):
            return 0
        with held(self.path) as (mine, add):
            came = read(self._engine, partial(self._missing, mine=mine))
            add(came)
        return len(came)

    def push(self) -> int:
        """Give the database the lines that only the file has; returns how many. Raises as `append`."""
        with held(self.path) as (mine, _):
            reviews_of(mine, self.record)
            return write(self._engine, partial(self._given, mine=mine), turn=self.record)

    @cached_property
    def _engine(self) -> Engine:
        return _opened(self.place)

    def _lines(self) -> list[bytes]:
        return read_lines(self.path)[0] if self.path.exists() else []

    def _committed(self, mine: Sequence[bytes], make: Make) -> list[bytes]:
        """Return the lines that the file lacks, the new ones last, once they are committed."""
        tried: list[bytes] = []

        def work(connection: Connection) -> list[bytes]:
            there = self._there(connection)
            if there.entries < len(mine):
                raise UsageError(
                    "{file} holds {count} entries that {database} does not have; 'dokimasia review {audit} --sync' "
                    "gives it those",
                    file=self.path, count=len(mine) - there.entries, database=self.where, audit=self.audit.folder.name,
                )
            came = self._behind(connection, mine, there)
            tried[:] = make([*mine, *came])
            _insert(connection, self._row, there, tried)
            return [*came, *tried]

        try:
            news = write(self._engine, work, turn=self.record)
        except DatabaseError as error:
            if not tried:
                raise
            raise DatabaseError(
                "{problem}; whether it was kept shows 'dokimasia review {audit} --list'",
                problem=error.message, audit=self.audit.folder.name,
            ) from None
        if (len(mine) + len(news)) % _CARRIED < len(news):
            checkpoint(self._engine)
        return news

    def _given(self, connection: Connection, mine: Sequence[bytes]) -> int:
        there = self._there(connection)
        self._behind(connection, mine, there)
        more = mine[there.entries :]
        _insert(connection, self._row, there, more)
        return len(more)

    @property
    def _row(self) -> dict[str, str]:
        return {"record": self.record, "audit": self.audit.record.id}

    def _there(self, connection: Connection) -> _There:
        from sqlalchemy import select

        logs = _tables().logs
        asked = select(logs.c.entries, logs.c.head).where(logs.c.record == self.record)
        row = connection.execute(asked).one_or_none()
        return _There(0, CHAIN_START) if row is None else _There(*row)

    def _missing(self, connection: Connection, mine: Sequence[bytes]) -> list[bytes]:
        return self._behind(connection, mine, self._there(connection))

    def _behind(self, connection: Connection, mine: Sequence[bytes], there: _There) -> list[bytes]:
        """Return the lines behind those of the file, which are checked; IntegrityError where both go on differently."""
        from sqlalchemy import select

        lines, both = _tables().lines, min(there.entries, len(mine))
        of_record = select(lines.c.line).where(lines.c.record == self.record).order_by(lines.c.number)
        found = list(connection.scalars(of_record.where(lines.c.number >= both)))  # the one that both have leads
        shared, came = (found[:1], found[1:]) if both else ([], found)
        if shared != list(mine[:both][-1:]):
            self._tell_apart(mine, list(connection.scalars(of_record)), there)
        reviews_of(came, self.record, self.where, before=mine)
        self._check_whole(there, [*mine[:both], *came])
        return came

    def _check_whole(self, there: _There, lines: Sequence[bytes]) -> None:
        """Raise IntegrityError where these lines are not all that the database tells of."""
        if len(lines) != there.entries or (lines and sha256(lines[-1]) != there.head):
            raise IntegrityError(
                "{database}: has not the {count} entries that it tells of this audit; one was changed or taken out",
                database=self.where, count=there.entries,
            )

    def _tell_apart(self, mine: Sequence[bytes], theirs: Sequence[bytes], there: _There) -> NoReturn:
        """Raise IntegrityError with where file and database part, and both ends."""
        self._check_whole(there, theirs)
        same = next(number for number, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1])
        ours, others = (
            reviews_of(lines, self.record, where).entries[-1]
            for lines, where in ((mine, REVIEWS_FILE), (theirs, self.where))
        )
        raise IntegrityError(
            "{file} and {database} agree on {same} entries and go on differently: {mine} more here, the last by {by}; "
            "{theirs} more there, the last by {other}. Move the file away and say again what only it has",
            file=self.path, database=self.where, same=same, mine=len(mine) - same, theirs=len(theirs) - same,
            by=ours.author, other=others.author,
        )


def _insert(connection: Connection, row: dict[str, str], there: _There, made: Sequence[bytes]) -> None:
    """Add lines behind those that are there; row: which log."""
    from sqlalchemy import insert, update

    if not made:
        return
    (_, logs, lines), digests = _tables(), [there.head, *map(sha256, made)]
    now = {"entries": there.entries + len(made), "head": digests[-1]}
    if there.entries:
        connection.execute(update(logs).where(logs.c.record == row["record"]).values(now))
    else:
        connection.execute(insert(logs).values({**row, **now}))
    rows = zip(digests, digests[1:], made, strict=False)
    connection.execute(insert(lines), [
        {"record": row["record"], "number": number, "previous": previous, "digest": digest, "line": line}
        for number, (previous, digest, line) in enumerate(rows, start=there.entries + 1)
    ])  # fmt: skip


class _There(NamedTuple):
    """What the database has of a log."""

    entries: int
    head: str
    """Digest of the last line."""


class _Tables(NamedTuple):
    both: MetaData
    logs: Table
    lines: Table


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

    def text(name: str, **more: Any) -> Column[Any]:
        return Column(name, Text, nullable=False, **more)

    both = MetaData()
    logs = Table(
        "review_logs", both, text("record", primary_key=True), text("audit", index=True),
        Column("entries", Integer, nullable=False), text("head"),
    )  # fmt: skip
    lines = Table(
        "review_lines", both, Column("record", Text, ForeignKey(logs.c.record), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False), text("previous"), text("digest"),
        Column("line", LargeBinary, nullable=False), UniqueConstraint("record", "previous"),
    )  # fmt: skip
    return _Tables(both, logs, lines)


@lru_cache(maxsize=8)
def _opened(place: str) -> Engine:
    """Return the engine of a database that has the tables."""
    from sqlalchemy import inspect

    engine = open_database(place, durable=True)

    def there(connection: Connection) -> bool:
        return {"review_logs", "review_lines"} <= {*inspect(connection).get_table_names()}

    if not read(engine, there):
        try:
            write(engine, _tables().both.create_all)
        except Exception:  # several hosts may make them at the same moment, and a server lets one
            if not read(engine, there):
                raise
    return engine
