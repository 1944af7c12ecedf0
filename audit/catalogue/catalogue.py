"""The index over one folder of audits: brought up to what lies there, asked, and thrown away when it is not whole.

    left = catalogue.refresh()          new folders are read, gone ones go; of known ones the files' stamps are compared
    left = catalogue.read_items()       texts of items, behind the rest
    catalogue.names(Asked(search="..."), 0, 50)
    catalogue.look_again(shown)         those that a screen is about to show, whatever else there is

A refresh lists the names of the folder and compares the stamps of those that are shown, of all that run, and of the
next `SWEPT` of the others in turn, so that its time hardly grows with their number; `whole` compares all. Audits are
read outside of transactions and stored by the hundred, each with the stamp of the files that it was read from, taken
before they were read: what is written meanwhile has another stamp, and is read again. Two that refresh at once do the
same work twice, and store it once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from audit.catalogue import list_queries, register_queries, tables
from audit.catalogue.list_queries import Asked, Counts
from audit.catalogue.places import named, place_of
from audit.catalogue.register_queries import Place, ToSettle
from audit.catalogue.rows import Row, items_in, row_of, stamp_of
from audit.catalogue.storing import known_in, store, store_items
from audit.catalogue.targets import plain
from audit.database import checkpoint, is_url, open_database, read, write
from audit.errors import IntegrityError
from audit.signing import Secret

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SWEPT", "Catalogue"]

T = TypeVar("T")
_LOG = logging.getLogger("dokimasia.catalogue")
SWEPT = 20_000
"""Audits whose stamps one refresh compares in turn."""
_TOGETHER = 100
"""Audits that are stored in one transaction."""


class _NotReadyError(Exception):
    """There are no tables yet, or others."""


class Catalogue:
    """The index over one folder, which must be there; may be used by several threads."""

    def __init__(self, root: Path, given: str | None = None) -> None:
        self.root = root
        self.place = place_of(root, given)
        """A file, or the URL of a server."""
        self._name = named(root)
        self._turn = threading.Lock()
        self._state, self._at = 0, 0
        self._known: dict[str, str] = {}
        self._running: set[str] = set()
        self._called: dict[str, str] = {}
        """Name as it is stored -> name of the folder, where that is no text, and so another one."""

    def refresh(
        self, first: Collection[str] = (), *, whole: bool = False, most: int | None = None, of_more: int | None = None,
        told: Callable[[int, int], None] = lambda done, of: None,
    ) -> int:
        """Bring the index up to the folder; return how many audits that are to be read are left.

        first: names whose stamps are compared in any case. whole: compare all. most: read at most so many audits, and
        where that leaves some anyway, `of_more` at most.
        told: hears how many are read, of how many. Raises OSError where the folder cannot be listed, else as `write`.
        """
        with self._turn:
            names, known = self._names(), self._loaded()
            gone = [name for name in known if name not in names]
            todo = [name for name in names if name not in known]
            todo += self._changed(names, known, first, whole)
            now = todo if most is None or len(todo) <= most else todo[:most][:of_more]
            for start in range(0, len(gone), _TOGETHER):
                self._store([], gone[start : start + _TOGETHER])
            for start in range(0, len(now), _TOGETHER):
                self._store([(name, names[name]) for name in now[start : start + _TOGETHER]], [])
                told(min(start + _TOGETHER, len(now)), len(now))
            if len(now) > _TOGETHER and not is_url(self.place):
                checkpoint(open_database(self.place))
            return len(todo) - len(now)

    def look_again(self, shown: Collection[str]) -> bool:
        """Read these audits again that were written since; tell whether there were any.

        Nothing while a refresh is going on: what it finds is seen then.
        """
        if not shown or not self._turn.acquire(blocking=False):
            return False
        try:
            known = self._loaded()
            handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                called = [(name, self._called.get(name, name)) for name in shown if name in known]
                found = [(name, folder) for name, folder in called if stamp_of(handle, folder) != known[name]]
            finally:
                os.close(handle)
            if found:
                self._store(found, [])
            return bool(found)
        finally:
            self._turn.release()

    def read_items(self, most: int | None = None, told: Callable[[int, int], None] = lambda done, of: None) -> int:
        """Read the texts of items of audits whose are not here yet, the newest first; return how many are left."""
        todo = self._read(list_queries.without_items)
        now = todo[:most]
        for start in range(0, len(now), _TOGETHER):
            part = now[start : start + _TOGETHER]
            found = [(number, stamp, *_items(self.root / name)) for number, name, stamp in part]
            self._write(partial(store_items, found=found))
            told(min(start + _TOGETHER, len(now)), len(now))
        if len(now) > _TOGETHER and not is_url(self.place):
            checkpoint(open_database(self.place))
        return len(todo) - len(now)

    @property
    def state(self) -> int:
        """A number that is another one after every change."""
        return self._read(tables.state_of_index)

    @property
    def unread(self) -> int:
        """Audits of which the texts of items are still to be read."""
        return self._read(list_queries.unread)

    @property
    def search_by(self) -> str:
        """By what texts are looked through: trigram, pg_trgm or scan."""
        return self._read(tables.search_by)

    def names(self, asked: Asked, start: int = 0, most: int | None = None) -> list[str]:
        """Return the names of the audits that are asked for, in order, from place `start` on."""
        return self._read(lambda connection: list_queries.names(connection, asked, start, most))

    def rows(self, asked: Asked, start: int = 0, most: int | None = None) -> list[dict[str, Any]]:
        """Return what the index has of them, by column, in order, from place `start` on."""
        return self._read(lambda connection: list_queries.rows(connection, asked, start, most))

    def count(self, asked: Asked) -> int:
        """Return how many audits there are of what is asked."""
        return self._read(lambda connection: list_queries.count(connection, asked))

    def counts(self, me: str = "", changed: frozenset[str] = frozenset()) -> Counts:
        """Return how many there are of each kind, for whoever looks."""
        return self._read(lambda connection: list_queries.counts(connection, me, changed))

    def followed(self) -> list[tuple[str, int, str]]:
        """Return what is followed through audits, how many these are, and the newest's model; most audits first."""
        return self._read(list_queries.followed)

    def hits(self, search: str, among: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Return audit -> checks in whose items a text stands, of these audits, as far as the index has them."""
        return self._read(lambda connection: list_queries.hits(connection, search, among))

    def settling(self, asked: ToSettle, start: int = 0, most: int | None = None) -> list[Place]:
        """Return which findings and items have to be settled, the most urgent first, from place `start` on."""
        return self._read(lambda connection: register_queries.settling(connection, asked, start, most))

    def ends(self, asked: ToSettle, start: int = 0, most: int | None = None) -> list[tuple[str, str, Place]]:
        """Return (day, `due` or `waiver`, which) of all that ends of them, in order of the days, from `start` on."""
        return self._read(lambda connection: register_queries.ends(connection, asked, start, most))

    def tallies(self, asked: ToSettle) -> Mapping[str, int]:
        """Return how many of them there are of each kind (`audit.catalogue.register_queries`)."""
        return self._read(lambda connection: register_queries.tallies(connection, asked))

    def owners(self) -> list[str]:
        """Return who owns any finding or item."""
        return self._read(register_queries.owners)

    def partly(self) -> list[str]:
        """Return the audits of whose items the index has a part only."""
        return self._read(list_queries.partly)

    def close(self) -> None:
        """Close what is open of the index; it is opened again where it is asked again."""
        open_database(self.place).dispose()

    def _names(self) -> dict[str, str]:
        """Return name as it is stored -> name of each folder; nothing where there is no folder of audits."""
        if not self.root.exists():
            return {}
        with os.scandir(self.root) as found:
            names = {plain(one.name): one.name for one in found if one.is_dir() and not one.name.startswith(".")}
        self._called = {stored: name for stored, name in names.items() if stored != name}
        return names

    def _loaded(self) -> dict[str, str]:
        """Return name -> stamp of what is stored; read only where somebody else changed it."""
        if self.state != self._state:
            self._state, self._known, self._running = self._read(known_in)
        return self._known

    def _changed(
        self, names: Mapping[str, str], known: Mapping[str, str], first: Collection[str], whole: bool
    ) -> Iterator[str]:
        """Yield names of which the stored row is no longer what the folder says."""
        if not (names and known):
            return
        every = list(known)
        start = 0 if whole else self._at % max(1, len(every))
        swept = every if whole else every[start : start + SWEPT]
        self._at = start + len(swept) if start + len(swept) < len(every) else 0
        late = set(self._read(lambda connection: list_queries.late(connection, date.today())))
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in dict.fromkeys((*first, *self._running, *late, *swept)):
                if name in names and name in known and (
                    name in late or stamp_of(handle, names[name]) != known[name]
                ):
                    yield name
        finally:
            os.close(handle)

    def _store(self, found: Sequence[tuple[str, str]], gone: Sequence[str]) -> None:
        """Read audits, (stored name, name of the folder), and store them; forget others."""
        rows: list[tuple[str, Row]] = []
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for _, name in found:
                stamp = stamp_of(handle, name)
                rows.append((stamp, row_of(self.root / name, date.today())))
        finally:
            os.close(handle)
        before, after = self._write(lambda connection: store(connection, rows, gone))
        if before == self._state:
            self._state = after
        for name in gone:
            self._known.pop(name, None)
            self._running.discard(name)
        for stamp, row in rows:
            self._known[row.audit["name"]] = stamp
            (self._running.add if row.audit["state"] == "running" else self._running.discard)(row.audit["name"])

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._done(lambda: write(open_database(self.place), partial(self._within, work), turn=self._name))

    def _read(self, work: Callable[[Connection], T]) -> T:
        def ready(connection: Connection) -> T:
            self._enter(connection)
            if not tables.is_ready(connection, self._made_for):
                raise _NotReadyError
            return work(connection)

        def once() -> T:
            try:
                return read(open_database(self.place), ready)
            except _NotReadyError:
                write(open_database(self.place), partial(self._within, lambda connection: None), turn=self._name)
                return read(open_database(self.place), ready)

        return self._done(once)

    def _within(self, work: Callable[[Connection], T], connection: Connection) -> T:
        """Do something with the tables, which are made where there are none, or others."""
        self._enter(connection, make=True)
        if not tables.is_ready(connection, self._made_for):
            tables.make(connection, self._made_for)
        return work(connection)

    def _enter(self, connection: Connection, *, make: bool = False) -> None:
        """On a server, go into the schema of this folder."""
        if connection.dialect.name == "postgresql":
            if make:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS dokimasia_{self._name}")
            connection.exec_driver_sql(f"SET LOCAL search_path TO dokimasia_{self._name}")

    @property
    def _made_for(self) -> str:
        """What the tables carry that this installation made for this folder: others' are made anew, and not read."""
        return self._name if is_url(self.place) else Secret.here().mac("catalogue", self._name)

    def _done(self, what: Callable[[], T]) -> T:
        """Do something; where the file is damaged, throw it away first."""
        try:
            return what()
        except IntegrityError:
            if is_url(self.place):
                raise
            _LOG.warning("the index over the audits was damaged, and is made anew: %s", self.place)
            self._thrown_away(Path(self.place))
            return what()

    def _thrown_away(self, place: Path) -> None:
        for end in ("-wal", "-shm", ""):
            place.with_name(f"{place.name}{end}").unlink(missing_ok=True)
        self._state, self._known, self._running = 0, {}, set()


def _items(folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Return the texts of an audit's items, and what `AUDITS.texts_read` says of them."""
    try:
        rows, whole = items_in(folder)
    except Exception:  # whatever it is, one folder costs one row
        return [], 3
    return rows, 1 if whole else 2
