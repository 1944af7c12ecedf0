"""What a list asks of the index: which audits, in which order, how many there are of each kind.

An audit waits for a decision while something in it fails, crashed or is undecided after review, or a review is under
way, and nobody has approved or rejected it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, column, func, or_, select, text

from audit.catalogue.tables import AUDITS, FINDINGS, OWNERS, TEXTS, search_by
from audit.catalogue.targets import plain
from audit.signing import same_person
from detectors.immutable import immutable

__all__ = [
    "ORDERS", "SHORTEST", "Asked", "Counts", "count", "counts", "followed", "hits", "late", "names", "partly", "rows",
    "unread", "without_items",
]

SHORTEST = 3
"""Characters of a text that is looked for in items, and by trigrams."""
_NEWEST = AUDITS.c.written.desc(), AUDITS.c.name
ORDERS: Mapping[str, tuple[Any, ...]] = {
    "worst": (
        AUDITS.c.rank, AUDITS.c.failed.desc(), AUDITS.c.unsettled.desc(), AUDITS.c.contradicted.desc(), *_NEWEST,
    ),
    "newest": _NEWEST,
    "title": (AUDITS.c.title_key, *_NEWEST),
    "model": (AUDITS.c.model_key, *_NEWEST),
}
_LARGEST = 5_000
"""Names that a question may hold."""


@immutable
class Asked:
    """Which audits a list wants; whatever is empty keeps all."""

    search: str = ""
    """What stands in their titles, names, models, checks, findings, reviews or items, no matter the case."""
    reviews: bool = True
    """Whether what people said is looked through."""
    terms: frozenset[str] = frozenset()
    """Dimensions, probes, measures and families that `search` stands for in the reader's language."""
    verdict: str = ""
    """A verdict, `running` or `unreadable`."""
    family: str = ""
    only: str = ""
    """`decide`, `mine`, `overdue`, `damaged` or `running`."""
    me: str = ""
    """Who looks; `mine` are this person's."""
    changed: frozenset[str] = frozenset()
    """Names of audits that were found changed; they are `damaged`, as are those that cannot be read."""
    also: frozenset[str] = frozenset()
    """Names of audits in whose items `search` was found elsewhere."""
    judged: bool = False
    """Whether only those that have a record that can be read."""
    followed: str = ""
    """Of this model (`Header.followed`)."""
    open: bool = False
    """Whether only those with a finding that is not settled, or of which somebody spoke."""
    order: str = "worst"


@immutable
class Counts:
    """How many audits there are."""

    total: int
    only: Mapping[str, int]
    """Of each value of `Asked.only`."""
    states: Mapping[str, int]
    families: Sequence[str]


def names(connection: Connection, asked: Asked, start: int = 0, most: int | None = None) -> list[str]:
    """Return the names of the audits, in order, from place `start` on."""
    wanted = select(AUDITS.c.name).where(_kept(connection, asked)).order_by(*ORDERS[asked.order])
    return list(connection.scalars(wanted.offset(start).limit(most)))


def rows(connection: Connection, asked: Asked, start: int = 0, most: int | None = None) -> list[dict[str, Any]]:
    """Return what the index has of these audits, by column, in order, from place `start` on."""
    wanted = select(AUDITS).where(_kept(connection, asked)).order_by(*ORDERS[asked.order]).offset(start).limit(most)
    return [dict(row) for row in connection.execute(wanted).mappings()]


def late(connection: Connection, on: date) -> list[str]:
    """Return the audits of which a day has gone by that says something of them."""
    return list(connection.scalars(select(AUDITS.c.name).where(AUDITS.c.holds_until < on.isoformat())))


def without_items(connection: Connection) -> list[tuple[int, str, str]]:
    """Return (number, name, stamp) of the audits whose items' texts are still to be read, the newest first."""
    wanted = select(AUDITS.c.id, AUDITS.c.name, AUDITS.c.stamp).where(AUDITS.c.texts_read == 0).order_by(*_NEWEST)
    return [(number, name, stamp) for number, name, stamp in connection.execute(wanted)]


def unread(connection: Connection) -> int:
    """Return of how many audits the items' texts are still to be read."""
    return connection.scalar(select(func.count()).select_from(AUDITS).where(AUDITS.c.texts_read == 0)) or 0


def partly(connection: Connection) -> list[str]:
    """Return the audits of whose items a part is here only, the newest first."""
    return list(connection.scalars(select(AUDITS.c.name).where(AUDITS.c.texts_read == 2).order_by(*_NEWEST)))


def count(connection: Connection, asked: Asked) -> int:
    """Return how many audits there are of what is asked."""
    return connection.scalar(select(func.count()).select_from(AUDITS).where(_kept(connection, asked))) or 0


def counts(connection: Connection, me: str, changed: frozenset[str]) -> Counts:
    """Return how many there are of each kind, for whoever looks."""
    asked = {name: _only(connection, name, me, changed) for name in ("decide", "overdue", "damaged", "running", "mine")}
    sums = [func.coalesce(func.sum(case((kept, 1), else_=0)), 0) for kept in asked.values()]
    there = AUDITS.c.state != ""
    total, *found = connection.execute(select(func.count(), *sums).where(there)).one()
    states = connection.execute(select(AUDITS.c.state, func.count()).where(there).group_by(AUDITS.c.state))
    families = connection.scalars(select(AUDITS.c.family).where(AUDITS.c.family != "").distinct())
    return Counts(total, dict(zip(asked, found, strict=True)), _pairs(states), sorted(families))


def _pairs(rows: Any) -> dict[str, int]:
    return dict(tuple(row) for row in rows)


def followed(connection: Connection) -> list[tuple[str, int, str]]:
    """Return what is followed through audits, how many these are, and the newest's model; most audits first."""
    newest = select(AUDITS.c.followed, AUDITS.c.model, func.max(AUDITS.c.written)).group_by(
        AUDITS.c.followed, AUDITS.c.model)  # fmt: skip
    judged = and_(AUDITS.c.digest != "", AUDITS.c.followed != "")
    found: dict[str, tuple[str, float]] = {}
    for key, model, written in connection.execute(newest.where(judged)):
        found[key] = max(found.get(key, ("", -1.0)), (model, written), key=lambda one: one[1])
    often = select(AUDITS.c.followed, func.count()).where(judged).group_by(AUDITS.c.followed)
    rows = [(key, number, *found[key]) for key, number in connection.execute(often)]
    return [(key, number, model) for key, number, model, _ in sorted(rows, key=lambda row: (-row[1], -row[3]))]


def hits(connection: Connection, search: str, among: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return audit -> checks in whose items a text stands, of these audits, as far as the index has them."""
    if len(search) < SHORTEST or not among:
        return {}
    wanted = (
        select(AUDITS.c.name, TEXTS.c.check_name).join(TEXTS, TEXTS.c.audit == AUDITS.c.id)
        .where(AUDITS.c.name.in_(list(among)), TEXTS.c.kind == "items", _contains(search))
        .order_by(TEXTS.c.id)
    )
    found: dict[str, tuple[str, ...]] = {}
    for name, check in connection.execute(wanted):
        found[name] = (*found.get(name, ()), check)
    return found


def _contains(search: str) -> ColumnElement[bool]:
    return TEXTS.c.text.contains(plain(search).casefold(), autoescape=True)


def _kept(connection: Connection, asked: Asked) -> ColumnElement[bool]:
    kept = [AUDITS.c.state != ""]
    if asked.verdict:
        kept.append(AUDITS.c.state == asked.verdict)
    if asked.family:
        kept.append(AUDITS.c.family == asked.family)
    if asked.judged:
        kept.append(AUDITS.c.digest != "")
    if asked.followed:
        kept.append(AUDITS.c.followed == asked.followed)
    if asked.open:
        kept.append(or_(AUDITS.c.unsettled > 0, AUDITS.c.spoken))
    if asked.only:
        kept.append(_only(connection, asked.only, asked.me, asked.changed))
    if asked.search:
        kept.append(_holding(connection, asked))
    return and_(*kept)


def _only(connection: Connection, only: str, me: str, changed: frozenset[str]) -> ColumnElement[bool]:
    if only == "decide":
        return AUDITS.c.waits
    if only == "overdue":
        return AUDITS.c.overdue > 0
    if only == "running":
        return AUDITS.c.state == "running"
    if only == "damaged":
        return or_(AUDITS.c.state == "unreadable", AUDITS.c.name.in_(sorted(changed)[:_LARGEST]))
    owners = connection.scalars(select(OWNERS.c.owner).distinct())
    mine = [one for one in owners if me and same_person(one, me)]
    return AUDITS.c.id.in_(select(OWNERS.c.audit).where(OWNERS.c.owner.in_(mine[:_LARGEST])))


def _holding(connection: Connection, asked: Asked) -> ColumnElement[bool]:
    """Keep audits that hold a text, or are of one of the terms that it stands for."""
    left_out = "" if asked.reviews else "reviews"
    found = _found(connection, plain(asked.search).casefold(), left_out)
    kept: list[ColumnElement[bool]] = [AUDITS.c.id.in_(found)]
    if asked.terms:
        terms = sorted(asked.terms)
        of = or_(*(FINDINGS.c[name].in_(terms) for name in ("dimension", "probe", "measure")))
        kept += [AUDITS.c.family.in_(terms), AUDITS.c.id.in_(select(FINDINGS.c.audit).where(of))]
    if asked.also:
        kept.append(AUDITS.c.name.in_(sorted(asked.also)[:_LARGEST]))
    return or_(*kept)


def _found(connection: Connection, search: str, left_out: str) -> Any:
    """Return which audits' texts hold what is searched; in items only what has `SHORTEST` characters."""
    if len(search) >= SHORTEST and search_by(connection) == "trigram":
        quoted = '"' + search.replace('"', '""') + '"'
        line = (
            "SELECT t.audit FROM texts_fts JOIN texts t ON t.id = texts_fts.rowid WHERE texts_fts MATCH :match "
            "AND t.kind != :left_out"
        )
        return text(line).bindparams(match=quoted, left_out=left_out).columns(column("audit", Integer))
    not_in = [left_out] if len(search) >= SHORTEST else [left_out, "items"]
    return select(TEXTS.c.audit).where(_contains(search), TEXTS.c.kind.not_in(not_in))
