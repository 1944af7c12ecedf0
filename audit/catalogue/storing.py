"""What goes into the tables of the index, in one transaction each: audits read anew, others forgotten, items' texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from audit.catalogue.rows import Row
from audit.catalogue.tables import (
    AUDITS,
    FINDINGS,
    OWNERS,
    REVIEWS,
    TARGETS,
    TEXTS,
    raise_state,
    state_of_index,
    take_in,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

__all__ = ["known_in", "store", "store_items"]


def known_in(connection: Connection) -> tuple[int, dict[str, str], set[str]]:
    """Return the state of the index, name -> stamp of all that it has, and the names of what runs."""
    stamps = dict(tuple(row) for row in connection.execute(select(AUDITS.c.name, AUDITS.c.stamp)))
    running = connection.scalars(select(AUDITS.c.name).where(AUDITS.c.state == "running"))
    return state_of_index(connection), stamps, set(running)


def store(connection: Connection, rows: Sequence[tuple[str, Row]], gone: Sequence[str]) -> tuple[int, int]:
    """Put audits, (stamp, row), in the place of those of their names; return the state before and after."""
    before = state_of_index(connection)
    names = [*gone, *(row.audit["name"] for _, row in rows)]
    connection.execute(delete(AUDITS).where(AUDITS.c.name.in_(names)))
    first = (connection.scalar(select(func.max(AUDITS.c.id))) or 0) + 1
    numbered = [(number, stamp, row) for number, (stamp, row) in enumerate(rows, first)]
    _insert(connection, AUDITS, [{**row.audit, "id": number, "stamp": stamp} for number, stamp, row in numbered])
    _insert(connection, FINDINGS, [{**one, "audit": number} for number, _, row in numbered for one in row.findings])
    _insert(connection, REVIEWS, [{**one, "audit": number} for number, _, row in numbered for one in row.reviews])
    _insert(connection, OWNERS, [{"owner": one, "audit": number} for number, _, row in numbered for one in row.owners])
    _insert_texts(connection, [{**one, "audit": number} for number, _, row in numbered for one in row.texts])
    _insert(connection, TARGETS, [{**one, "audit": number} for number, _, row in numbered for one in row.targets])
    raise_state(connection)
    return before, before + 1


def store_items(connection: Connection, found: Sequence[tuple[int, str, Sequence[dict[str, Any]], int]]) -> None:
    """Add the texts of items, (audit, stamp, rows, what is said of them), to audits that were not read anew since."""
    numbers = [one[0] for one in found]
    there = select(AUDITS.c.id, AUDITS.c.stamp).where(AUDITS.c.id.in_(numbers), AUDITS.c.texts_read == 0)
    same = {tuple(row) for row in connection.execute(there)}
    kept = [one for one in found if (one[0], one[1]) in same]
    _insert_texts(connection, [{**row, "audit": number} for number, _, rows, _ in kept for row in rows])
    for said in {one[3] for one in kept}:
        numbers = [one[0] for one in kept if one[3] == said]
        connection.execute(update(AUDITS).where(AUDITS.c.id.in_(numbers)).values(texts_read=said))
    raise_state(connection)


def _insert_texts(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    last = connection.scalar(select(func.max(TEXTS.c.id))) or 0
    _insert(connection, TEXTS, rows)
    take_in(connection, last)


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
