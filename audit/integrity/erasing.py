"""Erasing: personal data leave the evidence of an audit, and a tombstone stays.

    items/<check>.parquet, observations/<check>.*    of a check that goes; of items that go, their rows
    observations/<check>.items.parquet               all of it, where it names one of these items otherwise
    items/<check>.table.parquet                      of a check of which anything goes, as it may tell of any item
    observed/, reports/                              all of it: no file says whose answers it holds, or whom it quotes

Record, plan, run, reviews and seal stay. One entry of the reviews, written first, says who erased what and why, names
each file with its digest before and after, and keeps the results after review that items cannot give any more. From
then on nothing of it is read (`audit.record.erased`); then the files go. After a kill in between the same call goes on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from audit.errors import UsageError, did_you_mean
from audit.files import digest_file, locked, parquet_bytes, read_table, remove, sha256, write_inside
from audit.integrity.digests import DOCUMENTS, check_digests, digests_of
from audit.integrity.seal import check_seal
from audit.record import Audit, Erased, ItemsFile, audit_files, erasures, items_of, observations_name, table_name
from audit.review import (
    Entry,
    Erasure,
    FileErased,
    Kept,
    ReviewLog,
    Reviews,
    add_made,
    changed_by,
    lacking_items,
    read_reviews,
    state_of,
)
from audit.signing import SigningKey
from audit.storage import LOCK, files_beside
from detectors.immutable import immutable

__all__ = ["Erasing", "Scope", "erase"]

Scope = Mapping[str, Sequence[str]]
"""Check -> ids of the items that go; none: all that the check rests on."""


@immutable
class Erasing:
    """What goes, and what is not reached."""

    checks: Scope
    gone: tuple[str, ...]
    """Files that go, by name."""
    rewritten: tuple[str, ...]
    """Files that lose rows."""
    size: int
    """Bytes of what goes."""
    shared: Mapping[str, int]
    """Audit beside this one -> stored answers that it has as well."""
    quoted: tuple[str, ...]
    """Documents in other audits beside this one that compare with it, and so may quote its items."""
    also: Mapping[str, tuple[str, ...]]
    """Another check of the audit -> those of the items that it has, too."""
    spoken: int
    """Entries of the reviews about what goes, whose words stay."""
    entry: Entry | None = None
    """What was written; None where nothing was, as all of it had been said before."""


def erase(
    audit: Audit, checks: Scope, *, author: str, reason: str, key: SigningKey | None = None,
    at: datetime | None = None, log: ReviewLog | None = None, told: Callable[[Erasing], None] = lambda what: None,
    only_told: bool = False,
) -> Erasing:
    """Erase these checks' evidence, without any all checks'; return what went. `told` hears of it before it goes.

    `only_told` leaves everything as it is. UsageError without a reason, without a key where the audit is sealed, for
    what is not there, and where another process is at work in the folder; IntegrityError where the audit is not what
    was stored.
    """
    if not reason.strip():
        raise UsageError("erasing needs a reason: who asked for it, or by which rule; it is kept")
    with _alone(audit.folder):
        audit_files(audit.folder)  # no link leads elsewhere
        check_digests(audit)
        sealed, reviews = check_seal(audit), read_reviews(audit.folder)
        if sealed is not None and key is None and not only_told:
            raise UsageError("the audit is sealed: what is erased of it is signed; name a key with --key")
        if not only_told:
            _finish(audit)  # what an earlier call was broken off in
        scope = _scope(audit, checks)
        what = _what(audit, scope, reviews)
        told(what)
        if only_told:
            return what
        count = len(reviews.entries) if sealed is None else len(reviews.entries) - sealed.later_reviews
        entry = add_made(
            audit, partial(_says, audit, scope, reason.strip(), count), author=author, key=key, at=at, log=log
        )
        _finish(audit)
    return replace(what, entry=entry)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder as a run does; UsageError where another process has it."""
    try:
        with locked(folder / LOCK, wait=False):
            yield
    except BlockingIOError:
        raise UsageError("{folder}: another process is at work on it; wait for it", folder=folder) from None


def _scope(audit: Audit, checks: Scope) -> Scope:
    """Return what is asked for as the record knows it, no item that went before; UsageError for what is not there."""
    new = dict(checks)
    known, told = {one.check: one for one in audit.record.findings}, _merged(erasures(audit.folder))
    for check, items in checks.items():
        if check not in known:
            raise UsageError("no check {check!r} in this audit{near}", check=check, near=did_you_mean(check, known))
        if not told.get(check, True):  # all of it went before
            continue
        gone = set(told.get(check, ()))
        rest = [one for one in dict.fromkeys(items) if one not in gone]
        new[check] = rest or items
        for item in lacking_items(audit, check, rest) if rest else ():
            raise UsageError("check {check!r} has no item {item!r}", check=check, item=item)
        if rest and (file := items_of(audit.folder, known[check])) and len({*(ids := file.ids())}) < len(ids):
            raise UsageError("items of {check!r} bear one id twice: erase the check as a whole", check=check)
    scope = {check: new[check] for check in new if known[check].evidence}
    scope = scope or {one.check: () for one in known.values() if one.evidence and not checks}
    if not scope:
        raise UsageError("nothing to erase: no evidence is kept of it")
    return scope


def _merged(told: Iterable[Erased], scope: Scope | None = None) -> dict[str, list[str]]:
    """Return check -> all ids that go or went; none for a check that goes as a whole."""
    found, whole = dict[str, dict[str, None]](), set[str]()
    for checks in (*(one.checks for one in told), scope or {}):
        for check, items in checks.items():
            found.setdefault(check, {}).update(dict.fromkeys(items))
            whole |= set() if items else {check}
    return {check: [] if check in whole else [*items] for check, items in found.items()}


def _says(audit: Audit, scope: Scope, reason: str, sealed: int, reviews: Reviews) -> Erasure | None:
    """Return what the entry says behind these reviews; None where earlier ones say all of it.

    sealed: how many of the reviews lie under the seal.
    """
    told = erasures(audit.folder, (entry.line for entry in reviews.entries))
    stands, files = digests_of(audit, told), dict[str, FileErased]()
    for name, data in _left(audit, told, scope).items():
        had, now = stands[name][-1], None if data is None else sha256(data)
        if had is not None and had != now:
            files[name] = FileErased(had=had, now=now)
    lost = {one.check for one in audit.record.findings if any(part.path in files for part in one.evidence)}
    checks = {check: list(items) for check, items in scope.items() if check in lost}
    if not checks:
        return None
    documents = {name: FileErased(had=digest_file(audit.folder / name)) for name in _names(audit, DOCUMENTS)}
    kept = _kept(audit, reviews, sealed, checks.keys() - _merged(told).keys())
    return Erasure(reason=reason, checks=checks, files=documents | files, kept=kept)


def _left(audit: Audit, told: Sequence[Erased], scope: Scope | None = None) -> dict[str, bytes | None]:
    """Return name -> what these erasures, and one more, leave of each file that loses anything; None where nothing."""
    assert audit.run is not None
    left: dict[str, bytes | None] = {one.path: None for one in audit.run.evidence}
    before, after = _merged(told), _merged(told, scope)
    for finding in audit.record.findings:
        for one in finding.evidence if finding.check in after else ():
            path, items = audit.folder / one.path, after[finding.check]
            new = {*items} - {*before.get(finding.check, ())}
            named = new if one.path == observations_name(finding.check, "items") else set[str]()
            whole = not items or one.path == table_name(finding.check) or not path.is_file()
            loses, data = (True, None) if whole else _without(path, items, named)
            if loses:
                left[one.path] = data
    return left


def _without(path: Path, items: Sequence[str], named: Set[str]) -> tuple[bool, bytes | None]:
    """Return whether a table has rows of these items, and the bytes of the others.

    All of it goes where it names no item, or not each that it has to name: their rows bear other names there. Likewise
    where it names one twice: what is left could not be counted against the record.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = read_table(path)
    column = ItemsFile(path, path.name, columns=tuple(table.column_names)).id_column
    if column is None:
        return True, None
    ids = pc.cast(table[column], "string")
    distinct = pc.unique(ids)
    if not named <= {*distinct.to_pylist()}:
        return True, None
    rest = table.filter(pc.invert(pc.is_in(ids, value_set=pa.array(items, "string")))).combine_chunks()
    can_be_counted = len(rest) > 0 and len(distinct) == len(ids)
    return len(rest) < len(table), parquet_bytes(rest) if can_be_counted else None


def _kept(audit: Audit, reviews: Reviews, sealed: int, checks: Iterable[str]) -> list[Kept]:
    """Return the results after review of checks: of all that people said, with reasons alone, and under the seal."""
    states = (
        state_of(audit, reviews=Reviews(reviews.entries[:sealed])),
        state_of(audit, reviews=reviews, with_reason=True),
        state_of(audit, reviews=reviews),
    )
    found: dict[object, Kept] = {}
    for check, state in ((check, state) for check in sorted(checks) for state in states):
        one = state.reviewed.get(check)
        if one is not None and (one.problem is None or one.informs):
            outcomes = {change.item: change.reviewed for change in one.changes}
            kept = Kept(check=check, outcomes=outcomes, problem=one.problem, after=changed_by(one))
            found[check, tuple(outcomes.items())] = kept
    return list(found.values())


def _finish(audit: Audit) -> None:
    """Make the files what the reviews say of them."""
    if not (told := erasures(audit.folder)):
        return
    left = _left(audit, told)
    for name, (_, *after) in digests_of(audit).items():
        if after and after[-1] is None:
            _remove(audit.folder / name)
        elif after and (data := left.get(name)) is not None and sha256(data) == after[-1]:
            write_inside(audit.folder, name, data)
    for name in {name for one in told for name in one.files if name.startswith(DOCUMENTS)}:
        path = audit.folder / name
        if path.is_file() and digest_file(path) in {one.files[name].had for one in told if name in one.files}:
            _remove(path)
    for name in _names(audit, "observed/"):  # single answers of a run that was broken off: no digest tells of them
        _remove(audit.folder / name)


def _remove(path: Path) -> None:
    if os.path.lexists(path):
        remove(path)


def _names(audit: Audit, place: str) -> list[str]:
    """Return the files below a folder of the audit, sorted."""
    found = (path for path in (audit.folder / place).rglob("*") if path.is_file() or path.is_symlink())
    return sorted(path.relative_to(audit.folder).as_posix() for path in found)


def _what(audit: Audit, scope: Scope, reviews: Reviews) -> Erasing:
    """Return what goes of what is there, and what will not be reached."""
    left = _left(audit, erasures(audit.folder), scope)
    left |= dict.fromkeys((*_names(audit, DOCUMENTS), *_names(audit, "observed/")))
    there = {name: data for name, data in sorted(left.items()) if (audit.folder / name).is_file()}
    sizes = {name: (audit.folder / name).stat().st_size for name in there}
    return Erasing(
        checks=scope,
        gone=tuple(name for name, data in there.items() if data is None),
        rewritten=tuple(name for name, data in there.items() if data is not None),
        size=sum(sizes[name] - len(data or b"") for name, data in there.items()),
        shared=_shared(audit),
        quoted=tuple(_quoted(audit)),
        also=dict(_also(audit, scope)),
        spoken=sum(_is_about(entry, scope) for entry in reviews.entries),
    )


def _shared(audit: Audit) -> dict[str, int]:
    """Return audit -> how many of this one's stored answers lie there, too."""
    assert audit.run is not None
    home = audit.folder.resolve()
    files = (path for one in audit.run.evidence for path in files_beside(audit.folder, one.path))
    return dict(sorted(Counter(path.parents[2].name for path in files if path.parents[2].resolve() != home).items()))


def _quoted(audit: Audit) -> Iterator[str]:
    into, own = audit.folder.parent, audit.record.id.encode()
    for path in sorted(into.glob(f"*/{DOCUMENTS}compare-*")):
        if path.parents[1] != audit.folder and path.is_file() and own in path.read_bytes():
            yield path.relative_to(into).as_posix()


def _also(audit: Audit, scope: Scope) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each other check that has some of the items, with those."""
    items = [item for ids in scope.values() for item in ids]
    for finding in audit.record.findings if items else ():
        file = None if finding.check in scope else items_of(audit.folder, finding)
        if file is not None and file.problem is None and (found := file.find(items)):
            yield finding.check, tuple(found)


def _is_about(entry: Entry, scope: Scope) -> bool:
    items = scope.get(entry.says.check or "")
    return items is not None and (not items or entry.says.item in items)
