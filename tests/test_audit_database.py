"""One law for SQLite and PostgreSQL: what was committed happened one after the other, and whole."""

import fcntl
import signal
import sqlite3
import sys
import traceback
from collections import Counter

import pytest
from forks import Fork
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from audit.cli.doctor import health
from audit.database import checkpoint, engines, is_url, on_network, open_database, read, shown, transactions, write
from audit.database import sqlite as hooks
from audit.errors import DatabaseError, IntegrityError, LibraryError, UsageError

WRITERS, EACH = 8, 100
TABLE = "CREATE TABLE numbers (number INTEGER PRIMARY KEY, writer INTEGER NOT NULL)"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """A database with an empty table."""
    where = str(tmp_path / "a.sqlite") if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    write(open_database(where), lambda connection: connection.execute(text(TABLE)))
    return where


def _insert(number):
    return lambda connection: connection.execute(text("INSERT INTO numbers VALUES (:number, 0)"), {"number": number})


def _read(connection):
    return list(connection.scalars(text("SELECT number FROM numbers ORDER BY number")))


def _numbers(place):
    return read(open_database(place), _read)


def _adds_one(connection, writer):
    last = connection.scalar(text("SELECT coalesce(max(number), 0) FROM numbers"))
    connection.execute(text("INSERT INTO numbers VALUES (:number, :writer)"), {"number": last + 1, "writer": writer})


def _writer(place, writer):
    def adds(tell):
        for _ in range(EACH):
            write(open_database(place), lambda connection: _adds_one(connection, writer))

    return Fork(adds)


def _half(place):
    """A process with a transaction that waits, half done, for its end."""

    def half(connection, tell):
        _adds_one(connection, 0)
        _adds_one(connection, 0)
        tell("half")
        signal.pause()

    return Fork(lambda tell: write(open_database(place), lambda connection: half(connection, tell)))


def test_eight_writers_lose_none_of_800_transactions_that_read_and_then_write(place):
    """Each number is the last one and one: a transaction that stood on an old number would write one twice."""
    writers = [_writer(place, number) for number in range(WRITERS)]
    assert [one.end() for one in writers] == [(0, [])] * WRITERS
    rows = read(open_database(place), lambda one: one.execute(text("SELECT * FROM numbers ORDER BY number")).all())
    assert [number for number, _ in rows] == list(range(1, WRITERS * EACH + 1))
    assert Counter(writer for _, writer in rows) == dict.fromkeys(range(WRITERS), EACH)


def test_a_writer_that_is_killed_leaves_nothing_half_and_nobody_waiting(place):
    write(open_database(place), _insert(1))
    half = _half(place)
    assert half.told.readline() == "half\n"
    half.kill()
    assert half.end() == (-signal.SIGKILL, [])
    write(open_database(place), _insert(7))
    assert _numbers(place) == [1, 7]


def test_what_raises_undoes_all(place):
    def work(connection):
        _insert(1)(connection)
        raise KeyError("on the way")

    with pytest.raises(KeyError):
        write(open_database(place), work)
    assert _numbers(place) == []


def test_who_reads_sees_one_moment_and_cannot_write(place):
    engine = open_database(place)

    def twice(connection):
        count = text("SELECT count(*) FROM numbers")
        first = connection.scalar(count)
        write(open_database(place), _insert(1))
        return first, connection.scalar(count)

    assert read(engine, twice) == (0, 0)
    assert _numbers(place) == [1]
    with pytest.raises((DatabaseError, DBAPIError)):
        read(engine, _insert(2))
    write(engine, _insert(3))  # by the same connection
    assert _numbers(place) == [1, 3]


def test_an_error_in_the_sql_stays_one_of_the_program(place):
    write(open_database(place), _insert(1))
    with pytest.raises(DBAPIError):
        write(open_database(place), _insert(1))


def test_a_transaction_that_meets_another_one_is_done_again(place, monkeypatch):
    """The other one commits between its reading and its writing (PostgreSQL), or holds the lock at first (SQLite)."""
    engine, tries = open_database(place), []
    monkeypatch.setattr(hooks, "BUSY_SECONDS", 0)
    if engine.dialect.name == "sqlite":
        holder = open_database(place).connect().execution_options(**{hooks.WRITES: True})
        holder.begin()
        monkeypatch.setattr(transactions.time, "sleep", lambda _: holder.close())

    def work(connection):
        last = connection.scalar(text("SELECT coalesce(max(number), 0) FROM numbers"))
        tries.append(last)
        if engine.dialect.name == "postgresql" and len(tries) == 1:
            write(engine, lambda other: (_read(other), _insert(1)(other)), turn="another")
        _insert(last + 1)(connection)

    write(engine, work)
    assert (tries, _numbers(place)) == (([0], [1]) if engine.dialect.name == "sqlite" else ([0, 1], [1, 2]))


def test_a_database_that_stays_busy_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(hooks, "BUSY_SECONDS", 0)
    monkeypatch.setattr(transactions, "_PATIENCE", 0.05)
    place = tmp_path / "a.sqlite"
    with open_database(place).connect().execution_options(**{hooks.WRITES: True}) as holder, holder.begin():
        with pytest.raises(DatabaseError, match=r"a\.sqlite: database is locked") as caught:
            write(open_database(place), _insert(1))
        assert caught.value.exit_code == 5


@pytest.mark.parametrize("damage", [b"no database at all, but a text that is long enough for one" * 30, None])
def test_a_damaged_file_is_told_as_one(tmp_path, damage):
    place = tmp_path / "a.sqlite"
    engine = open_database(place)
    write(engine, lambda connection: connection.execute(text(TABLE)))
    checkpoint(engine)
    engine.dispose()
    whole = place.read_bytes()
    place.write_bytes(damage or whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(IntegrityError, match=r"a\.sqlite: damaged"):
        read(open_database(place), lambda connection: connection.execute(text("SELECT * FROM numbers")).all())


def test_a_log_is_carried_over_when_asked_by_one_process_at_a_time(tmp_path):
    place = tmp_path / "a.sqlite"
    engine = open_database(place)
    write(engine, lambda connection: connection.execute(text("CREATE TABLE texts (text TEXT)")))
    for _ in range(20):
        write(engine, lambda one: one.execute(text("INSERT INTO texts VALUES (:text)"), {"text": "a" * 10**6}))
    log = place.with_name("a.sqlite-wal")
    assert log.stat().st_size > 20 * 10**6  # 1,000 pages, 4 MB, is where SQLite would do it by itself
    with place.with_name("a.sqlite.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not checkpoint(engine)
    assert log.stat().st_size > 20 * 10**6
    assert checkpoint(engine)
    assert (log.stat().st_size, place.stat().st_size > 20 * 10**6) == (0, True)


def test_a_network_file_system_is_refused(tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/share {tmp_path}/far\\040away nfs4 rw 0 0\n"
                      f"/dev/vdb {tmp_path}/far\\040away/near xfs rw 0 0\n")  # fmt: skip
    monkeypatch.setattr(engines, "_MOUNTS", mounts)
    far = tmp_path / "far away"
    (far / "near").mkdir(parents=True)
    (tmp_path / "link").symlink_to(far)
    assert [on_network(one) for one in (tmp_path, far / "a", far / "near" / "a")] == [None, "nfs4", None]
    for place in (far / "a.sqlite", tmp_path / "link" / "a.sqlite"):
        with pytest.raises(UsageError, match="lies on nfs4, a network file system"):
            open_database(place)
    monkeypatch.setattr(engines, "_MOUNTS", tmp_path / "none")
    assert on_network(far) is None


@pytest.mark.parametrize("url", [
    "mysql://me:se/cret@host/name", "postgresql://me:sec@cret@host/name", "postgresql://me:12/se@cret@host/name",
    "postgresql://me:secret:/@host:port/name", "sqlite:///cret", "s3://cret",
])  # fmt: skip
def test_what_is_no_url_of_a_server_is_refused_and_not_repeated(url):
    assert is_url(url)
    for use in (open_database, shown):
        with pytest.raises(UsageError, match="got no URL of a PostgreSQL, beginning with") as caught:
            use(url)
        assert "cret" not in "".join(traceback.format_exception(caught.value))


def test_no_password_is_printed(postgres_url):
    password = postgres_url.split(":")[2].split("@")[0]
    wrong = postgres_url.replace(password, "another-secret")
    elsewhere = "postgres://me:another-secret@127.0.0.1:1/name?sslpassword=another-secret"
    for url in (wrong, elsewhere):
        with pytest.raises(DatabaseError, match=r"postgresql\+psycopg://") as caught:
            read(open_database(url), lambda connection: None)
        said = "".join(traceback.format_exception(caught.value)) + repr(open_database(url))
        assert "another-secret" not in said + shown(url)
    assert "me:***@127.0.0.1" in shown(elsewhere)


def test_a_server_needs_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LibraryError, match=r"a PostgreSQL needs psycopg; .*dokimasia\[postgres\]"):
        open_database("postgresql://me:secret@host/name")


def test_a_file_that_was_taken_away_or_replaced_is_opened_anew(tmp_path):
    place, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    for one, number in ((place, 1), (other, 2)):
        write(open_database(one), lambda connection: connection.execute(text(TABLE)))
        write(open_database(one), _insert(number))
        checkpoint(open_database(one))
    assert _numbers(place) == [1]
    other.replace(place)
    assert _numbers(place) == [2]
    place.unlink()
    write(open_database(place), lambda connection: connection.execute(text(TABLE)))
    assert _numbers(place) == []


@pytest.mark.parametrize(("version", "ok"), [((3, 46, 1), False), ((3, 51, 2), False), ((3, 51, 3), True)])
def test_doctor_says_of_a_sqlite_that_it_can_damage_a_file(monkeypatch, version, ok):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    row = next(row for row in health() if row["what"] == "SQLite")
    assert (row["ok"], "mended in 3.51.3" in row["found"]) == (ok, not ok)
