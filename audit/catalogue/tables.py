"""The tables of the index, the same in SQLite and PostgreSQL but for how texts are looked through.

    audits       one row a folder: what lists filter and sort by, and the stamp of the files that it was read from
    findings, reviews, owners, texts, targets    of an audit each, by its number
    facts        the number of the schema, of the state (raised with every change), and whose it is

SQLite looks through texts by trigrams (FTS5), which find parts of words in any alphabet, Korean too; PostgreSQL by
trigrams where its server has the extension pg_trgm. Elsewhere each text is gone through. Lists stand in the order of
code points, in whatever language a server's database is. There are no migrations: an index of another schema, or of
another installation, is dropped and made anew from the folders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    select,
    text,
    update,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = [
    "AUDITS", "FINDINGS", "MADE_FOR", "OWNERS", "PARTS", "REVIEWS", "SCHEMA", "TARGETS", "TEXTS", "drop", "is_ready",
    "make", "raise_state", "search_by", "state_of_index", "take_in",
]

SCHEMA = 5
"""Raised with every change of what is stored, or of what it means."""
MADE_FOR = "made_for"
_METADATA = MetaData()
_SORTED = Text().with_variant(Text(collation="C"), "postgresql")
AUDITS = Table(
    "audits", _METADATA,
    Column("id", Integer, primary_key=True),
    *(Column(name, _SORTED, nullable=False) for name in (
        "stamp", "digest", "state", "title", "title_key", "model", "model_key", "family", "followed", "worst", "why",
        "decision", "decided_by", "verdict",
    )),
    *(Column(name, Integer, nullable=False) for name in (
        "rank", "failed", "unsettled", "contradicted", "checks", "overdue", "texts_read",
    )),
    *(Column(name, Boolean, nullable=False) for name in ("sealed", "spoken", "waits")),
    Column("name", _SORTED, nullable=False, unique=True),
    Column("written", Float, nullable=False),
    Column("due", Text), Column("holds_until", Text, index=True),
)  # fmt: skip
"""`texts_read`: 0 = texts of items are still to be read, 1 = all are in `texts`, 2 = a part is, 3 = not readable."""
Index(
    "audits_worst", AUDITS.c.rank, AUDITS.c.failed.desc(), AUDITS.c.unsettled.desc(), AUDITS.c.contradicted.desc(),
    AUDITS.c.written.desc(),
)  # fmt: skip
for _name in ("written", "title_key", "model_key", "followed", "texts_read"):
    Index(f"audits_{_name}", AUDITS.c[_name])


def _part(name: str, *columns: Column[Any]) -> Table:
    of: Column[int] = Column("audit", ForeignKey("audits.id", ondelete="CASCADE"), nullable=False, index=True)
    return Table(name, _METADATA, Column("id", Integer, primary_key=True), of, *columns)


FINDINGS = _part(
    "findings", *(Column(name, Text, nullable=False) for name in (
        "check_name", "probe", "dimension", "measure", "verdict", "why")),
    Column("gating", Boolean, nullable=False),
)  # fmt: skip
REVIEWS = _part(
    "reviews", Column("line", Integer, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("author", "at", "kind", "check_name", "text")),
)  # fmt: skip
OWNERS = _part("owners", Column("owner", Text, nullable=False, index=True))
TEXTS = _part("texts", *(Column(name, Text, nullable=False) for name in ("kind", "check_name", "text")))
"""`kind`: audit, reviews or items."""
TARGETS = _part(
    "targets", *(Column(name, _SORTED, nullable=False) for name in (
        "check_name", "item", "mark", "owner", "rating", "status", "text",
    )),
    Column("rating_rank", Integer, nullable=False), Column("verdict_rank", Integer, nullable=False),
    Column("due", _SORTED), Column("until", _SORTED),
)  # fmt: skip
"""Findings to settle, or of which somebody spoke, and items that were given to somebody (`item` is not empty); `until`:
the last day of the waiver, `text`: what a search of them looks through."""
for _name in ("mark", "owner"):
    Index(f"targets_{_name}", TARGETS.c[_name])
PARTS = {"findings": FINDINGS, "reviews": REVIEWS, "owners": OWNERS, "texts": TEXTS, "targets": TARGETS}
FACTS = Table("facts", _METADATA, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))
_TRIGRAMS: tuple[str, ...] = (
    "CREATE VIRTUAL TABLE texts_fts USING fts5(text, content='texts', content_rowid='id', tokenize='trigram')",
    "CREATE TRIGGER texts_gone AFTER DELETE ON texts BEGIN "
    "INSERT INTO texts_fts(texts_fts, rowid, text) VALUES ('delete', old.id, old.text); END",
)
_PG_TRGM: tuple[str, ...] = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public",
    "CREATE INDEX texts_trgm ON texts USING gin (text public.gin_trgm_ops)",
)


def is_ready(connection: Connection, made_for: str) -> bool:
    """Tell whether the tables are those of this version, made for this use."""
    if not inspect(connection).has_table("facts"):
        return False
    facts = dict(tuple(row) for row in connection.exec_driver_sql("SELECT key, value FROM facts"))
    return (facts.get("schema"), facts.get(MADE_FOR)) == (str(SCHEMA), made_for) and "search" in facts


def make(connection: Connection, made_for: str) -> None:
    """Make the tables, in place of others that are there under their names."""
    drop(connection)
    _METADATA.create_all(connection, checkfirst=False)
    facts = {"schema": str(SCHEMA), MADE_FOR: made_for, "state": "1", "search": _indexed(connection)}
    connection.execute(insert(FACTS), [{"key": key, "value": value} for key, value in facts.items()])


def drop(connection: Connection) -> None:
    """Drop all tables of the index."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("DROP TABLE IF EXISTS texts_fts"))
    cascade = " CASCADE" if connection.dialect.name == "postgresql" else ""
    for table in reversed(_METADATA.sorted_tables):
        connection.execute(text(f"DROP TABLE IF EXISTS {table.name}{cascade}"))


def _indexed(connection: Connection) -> str:
    """Make what texts are looked through by, and return its name; `scan` where there is none."""
    from sqlalchemy.exc import DBAPIError

    if connection.dialect.name == "sqlite":
        name, lines = "trigram", _TRIGRAMS
    else:
        name, lines = "pg_trgm", _PG_TRGM
    try:
        with connection.begin_nested():
            for line in lines:
                connection.execute(text(line))
    except DBAPIError:
        return "scan"
    return name


def take_in(connection: Connection, after: int) -> None:
    """Have texts with a higher number found: all in one statement, as FTS5 writes what each statement brought."""
    if search_by(connection) == "trigram":
        line = "INSERT INTO texts_fts(rowid, text) SELECT id, text FROM texts WHERE id > :after"
        connection.execute(text(line), {"after": after})


def search_by(connection: Connection) -> str:
    """Return by what texts are looked through."""
    return connection.scalar(select(FACTS.c.value).where(FACTS.c.key == "search")) or "scan"


def state_of_index(connection: Connection) -> int:
    """Return a number that is another one after every change."""
    return int(connection.scalar(select(FACTS.c.value).where(FACTS.c.key == "state")) or 0)


def raise_state(connection: Connection) -> None:
    """Let the state be another one."""
    changed = str(state_of_index(connection) + 1)
    connection.execute(update(FACTS).where(FACTS.c.key == "state").values(value=changed))
