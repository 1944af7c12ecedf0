"""What a register asks of the index: which findings and given items, the most urgent first, and how many of each kind.

What is overdue comes first, then by rating, day, verdict and name. All depends on the day on which it is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select, union_all

from audit.catalogue.tables import AUDITS, TARGETS
from audit.catalogue.targets import plain
from audit.signing import same_person
from detectors.immutable import immutable

__all__ = ["SOON", "ToSettle", "ends", "owners", "settling", "tallies"]

SOON = 30
"""Days before its end in which a waiver is one that ends soon."""
_LATEST = date.max.isoformat()
_LARGEST = 5_000
"""Names that a question may hold."""
Place = tuple[str, str, str | None]
"""Name of an audit, check, and the item where it is one."""


@immutable
class ToSettle:
    """Which findings and items a register wants; whatever is empty keeps all."""

    on: date
    search: str = ""
    """What stands in title, name, model, check, item or what shall be done, no matter the case."""
    owner: str = ""
    rating: str = ""
    standing: str = ""
    """A status, `overdue`, or `ending`: with a waiver that ends within `SOON` days."""
    whose: str = ""
    """`mine` or `nobody`."""
    me: str = ""
    """Who looks; `mine` are this person's."""
    picked: frozenset[str] = frozenset()
    """Only those with these marks."""


def settling(connection: Connection, asked: ToSettle, start: int = 0, most: int | None = None) -> list[Place]:
    """Return what has to be settled, in order, from place `start` on."""
    overdue = case((_overdue(asked.on), 0), else_=1)
    order = (
        overdue, TARGETS.c.rating_rank, func.coalesce(TARGETS.c.due, _LATEST), TARGETS.c.verdict_rank, AUDITS.c.title,
        TARGETS.c.check_name, TARGETS.c.item, AUDITS.c.written.desc(), AUDITS.c.name,
    )  # fmt: skip
    wanted = _places().where(_kept(connection, asked)).order_by(*order).offset(start).limit(most)
    return [_place(row) for row in connection.execute(wanted)]


def ends(
    connection: Connection, asked: ToSettle, start: int = 0, most: int | None = None
) -> list[tuple[str, str, Place]]:
    """Return (day, `due` or `waiver`, what) of all that ends: time to settle what is open, and waivers; in order."""
    kept = _kept(connection, asked)
    due = _places(TARGETS.c.due.label("day"), kind="due").where(
        kept, TARGETS.c.due.is_not(None), TARGETS.c.status == "open")  # fmt: skip
    waiver = _places(TARGETS.c.until.label("day"), kind="waiver").where(kept, TARGETS.c.until.is_not(None))
    both = union_all(due, waiver).subquery()
    columns = both.c
    order = columns.day, columns.title, columns.check_name, columns.kind, columns.item, columns.name
    wanted = select(columns.day, columns.kind, columns.name, columns.check_name, columns.item).order_by(*order)
    return [(row[0], row[1], _place(row[2:])) for row in connection.execute(wanted.offset(start).limit(most))]


def tallies(connection: Connection, asked: ToSettle) -> Mapping[str, int]:
    """Return how many there are of each kind: `every`, `items`, `mine`, `nobody`, `overdue`, `ending`, `kept`, `ends`.

    `kept` are those that are asked for, and `ends` what ends of them.
    """
    kept = _kept(connection, asked)
    due = and_(kept, TARGETS.c.due.is_not(None), TARGETS.c.status == "open")
    kinds: dict[str, ColumnElement[bool]] = {
        "items": TARGETS.c.item != "", "mine": _mine(connection, asked.me), "nobody": TARGETS.c.owner == "",
        "overdue": _overdue(asked.on), "ending": _ending(asked.on), "kept": kept, "due": due,
        "until": and_(kept, TARGETS.c.until.is_not(None)),
    }  # fmt: skip
    sums = [func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in kinds.values()]
    joined = TARGETS.join(AUDITS, AUDITS.c.id == TARGETS.c.audit)
    every, *found = connection.execute(select(func.count(), *sums).select_from(joined)).one()
    told = dict(zip(kinds, found, strict=True))
    return {"every": every, **told, "ends": told.pop("due") + told.pop("until")}


def owners(connection: Connection) -> list[str]:
    """Return who owns any of it."""
    return sorted(connection.scalars(select(TARGETS.c.owner).where(TARGETS.c.owner != "").distinct()))


def _places(*more: Any, kind: str = "") -> Any:
    columns = (AUDITS.c.name, TARGETS.c.check_name, TARGETS.c.item, AUDITS.c.title, literal(kind).label("kind"), *more)
    return select(*columns).join(AUDITS, AUDITS.c.id == TARGETS.c.audit)


def _place(row: Any) -> Place:
    return row[0], row[1], row[2] or None


def _kept(connection: Connection, asked: ToSettle) -> ColumnElement[bool]:
    kept = [AUDITS.c.state != ""]
    if asked.search:
        kept.append(TARGETS.c.text.contains(plain(asked.search).casefold(), autoescape=True))
    for column, wanted in ((TARGETS.c.owner, asked.owner), (TARGETS.c.rating, asked.rating)):
        if wanted:
            kept.append(column == plain(wanted))
    if asked.standing:
        special = {"overdue": _overdue(asked.on), "ending": _ending(asked.on)}
        kept.append(special.get(asked.standing, TARGETS.c.status == asked.standing))
    if asked.whose:
        kept.append(_mine(connection, asked.me) if asked.whose == "mine" else TARGETS.c.owner == "")
    if asked.picked:
        kept.append(TARGETS.c.mark.in_(sorted(asked.picked)[:_LARGEST]))
    return and_(*kept)


def _overdue(on: date) -> ColumnElement[bool]:
    return and_(TARGETS.c.status == "open", func.coalesce(TARGETS.c.due, _LATEST) < on.isoformat())


def _ending(on: date) -> ColumnElement[bool]:
    last = (on + timedelta(days=SOON)).isoformat()
    until = func.coalesce(TARGETS.c.until, "")
    return and_(until >= on.isoformat(), until <= last)


def _mine(connection: Connection, me: str) -> ColumnElement[bool]:
    mine = [one for one in owners(connection) if me and same_person(one, me)]
    return TARGETS.c.owner.in_(mine[:_LARGEST])
