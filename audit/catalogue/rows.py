"""What the index holds of one audit's folder, read from its small files; of its items' texts, from their tables.

    row_of(folder, on)  -> Row       one row of `audits`, its findings, reviews and texts; None where it is no audit
    items_in(folder)    -> texts     of each check what was asked and answered, as far as `MOST` characters go

Texts are kept in small letters (`casefold`), without what a database cannot hold: they are looked for, not shown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from audit.catalogue.header import Header, header_of
from audit.catalogue.review_status import Stand, stand_of, state_in
from audit.catalogue.targets import plain, targets_of
from audit.errors import DokimasiaError, IntegrityError, first_problem, os_reason
from audit.files import MAX_JSON, read_regular, sha256, stored_json
from audit.record import (
    JOURNAL_FILE,
    PLAN_FILE,
    PROGRESS_FILE,
    RECORD_FILE,
    REVIEWS_FILE,
    SEAL_FILE,
    UNSETTLED,
    WORST_FIRST,
    ItemsFile,
    Record,
    items_of,
    read_progress,
)
from audit.review import Entry, ReviewState
from audit.verdict import badness, contradicts
from detectors.immutable import immutable

__all__ = ["CLOSED", "MOST", "STATES", "Row", "items_in", "row_of", "stamp_of"]

STATES = ("running", "unreadable", *WORST_FIRST)
"""What an audit of a list can be, in the order in which lists have them."""
CLOSED = ("approved", "rejected")
"""Decisions after which nobody waits for one."""
MOST = 100_000
"""Characters of the items of one audit that are looked through here; what is beyond is looked for in the tables."""
_ROWS = 10_000
"""Rows of one table of which that is done."""
_SENTENCE = 500
"""Characters of why a finding is as it is."""


@dataclass
class Row:
    """What is stored of one audit: columns of the tables, without the number that joins them."""

    audit: dict[str, Any]
    findings: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)


def stamp_of(folder: int, name: str) -> str:
    """Return a text that is another one once the audit's record or reviews are written, or a run stores an answer.

    folder: an open handle of the folder that the audit's lies in. Empty where there is no audit.
    """
    recorded = _facts(folder, f"{name}/{RECORD_FILE}")
    if recorded:
        return f"{recorded} {_facts(folder, f'{name}/{REVIEWS_FILE}')}"
    planned = _facts(folder, f"{name}/{PLAN_FILE}")
    told = (_facts(folder, f"{name}/{one}") for one in (JOURNAL_FILE, PROGRESS_FILE))
    return f"running {planned} {' '.join(told)}" if planned else ""


def _facts(folder: int, name: str) -> str:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        return "" if isinstance(error, FileNotFoundError | NotADirectoryError) else type(error).__name__
    return f"{found.st_mtime_ns} {found.st_size} {found.st_ctime_ns}"


def row_of(folder: Path, on: date) -> Row:
    """Return what is stored of an audit's folder; one without record and plan is of no state.

    Whatever lies there costs one row: what cannot be read says why.
    """
    try:
        if not os.path.lexists(folder / RECORD_FILE):
            return _running(folder)
        return _finished(folder, on)
    except ValidationError as error:
        return _unreadable(folder, str(first_problem(error)))
    except OSError as error:
        return _unreadable(folder, str(os_reason(error)))
    except Exception as error:  # whatever it is, one folder costs one row
        return _unreadable(folder, str(error) if isinstance(error, DokimasiaError) else type(error).__name__)


def _audit(folder: Path, state: str, **more: Any) -> dict[str, Any]:
    plain_row = {
        "name": plain(folder.name), "state": state, "rank": STATES.index(state) if state else -1, "failed": 0,
        "unsettled": 0, "contradicted": 0, "title": plain(folder.name), "model": "", "family": "", "followed": "",
        "checks": 0, "worst": "", "written": 0.0, "digest": "", "why": "", "sealed": False, "decision": "",
        "decided_by": "", "verdict": "", "due": None, "overdue": 0, "holds_until": None, "spoken": False,
        "waits": False, "texts_read": 1,
    }  # fmt: skip
    row = {**plain_row, **more}
    return {**row, "title_key": row["title"].casefold(), "model_key": row["model"].casefold()}


def _unreadable(folder: Path, why: str) -> Row:
    told = plain(why)[:_SENTENCE]
    written = 0.0
    with suppress(OSError):
        written = (folder / RECORD_FILE).lstat().st_mtime
    texts = [_text("audit", "", f"{folder.name}\n{told}")]
    return Row(_audit(folder, "unreadable", why=told, written=written), texts=texts)


def _running(folder: Path) -> Row:
    if folder.is_symlink() or not os.path.lexists(folder / PLAN_FILE):
        return Row(_audit(folder, ""))
    plan = stored_json(folder / PLAN_FILE)
    checks = [str(check["name"]) for check in plan["checks"]]
    journal = folder / JOURNAL_FILE
    written = (journal if journal.is_file() else folder / PLAN_FILE).stat().st_mtime
    title = plain(str(plan["title"]))
    model, family = _asked(folder)
    probes = [str(check["probe"]["use"]) for check in plan["checks"]]
    return Row(
        _audit(folder, "running", title=title, model=model, family=family, checks=len(checks), written=written),
        findings=[_finding(check, probe, "", "", "", False, "") for check, probe in zip(checks, probes, strict=True)],
        texts=[_text("audit", "", "\n".join((title, folder.name, model, *checks)))],
    )


def _asked(folder: Path) -> tuple[str, str]:
    """Return the name and the family of the model that is asked, as the run tells; empty where nothing tells it."""
    try:
        found = read_progress(folder)
    except IntegrityError:  # it is no evidence
        return "", ""
    return ("", "") if found is None else (plain(found.model), plain(found.family))


def _finished(folder: Path, on: date) -> Row:
    if folder.is_symlink():
        return _unreadable(folder, "is a link; an audit is a folder")
    data = read_regular(folder / RECORD_FILE, MAX_JSON)
    head = Header.model_validate_json(data)
    spoken = os.path.lexists(folder / REVIEWS_FILE)
    said = _said(folder, head, on) if spoken else _Said(True)
    _, failed, unsettled = badness(head.verdict, head.findings)
    against = _contradicting(data, head)
    ranked = sorted(head.findings, key=lambda one: WORST_FIRST.index(one.verdict))
    wrong = [*(one.check for one in ranked if one.verdict in UNSETTLED), *against]
    audit = _audit(
        folder, head.verdict, title=plain(head.title), model=plain(head.model), family=plain(head.family),
        followed=plain(head.followed), checks=len(head.findings), failed=-failed, unsettled=-unsettled,
        contradicted=len(against), worst=plain(wrong[0]) if wrong else "",
        written=(folder / RECORD_FILE).stat().st_mtime, digest=sha256(data),
        sealed=os.path.lexists(folder / SEAL_FILE), spoken=spoken, texts_read=0, **_standing(said.stand, head),
    )  # fmt: skip
    told = (head.title, folder.name, head.model, *(text for one in head.findings for text in (one.check, one.why)))
    texts = [_text("audit", "", "\n".join(told))]
    entries = () if said.state is None else said.state.entries
    if entries:
        texts.append(_text("reviews", "", "\n".join(map(_words, entries))))
    return Row(
        audit, [_finding(one.check, one.probe, one.dimension, one.terms[2], one.verdict, one.gating, one.why)
                for one in head.findings],
        [_review(at, one) for at, one in enumerate(entries)],
        [] if said.stand is None else [plain(one) for one in said.stand.owners], texts,
        targets_of(folder.name, head, said.state) if said.readable else [],
    )  # fmt: skip


def _contradicting(data: bytes, head: Header) -> list[str]:
    """Return the checks that contradict what their plan declares; for that a record is read whole."""
    if all(one.declared is None for one in head.findings):
        return []
    return [one.check for one in Record.model_validate_json(data).findings if contradicts(one)]


@immutable
class _Said:
    """What people said of an audit; nothing where they said nothing, or where it cannot be read."""

    readable: bool
    state: ReviewState | None = None
    stand: Stand | None = None


def _said(folder: Path, head: Header, on: date) -> _Said:
    try:
        found = state_in(folder, on, head)
        return _Said(True) if found is None else _Said(True, found[1], stand_of(*found, on))
    except Exception:  # whatever it is, one folder costs one row
        return _Said(False)


def _standing(stand: Stand | None, head: Header) -> dict[str, Any]:
    if stand is None:
        return {"waits": head.verdict in UNSETTLED}
    return {
        "decision": stand.decision, "decided_by": plain(stand.by), "verdict": stand.verdict,
        "due": None if stand.due is None else stand.due.isoformat(), "overdue": stand.overdue,
        "holds_until": stand.holds_until.isoformat(),
        "waits": stand.decision not in CLOSED and (stand.verdict in UNSETTLED or stand.decision != "draft"),
    }


def _finding(
    check: str, probe: str, dimension: str, measure: str, verdict: str, gating: bool, why: str
) -> dict[str, Any]:
    texts = {"check_name": check, "probe": probe, "dimension": dimension, "measure": measure, "why": why[:_SENTENCE]}
    return {**{name: plain(text) for name, text in texts.items()}, "verdict": verdict, "gating": gating}


def _review(line: int, entry: Entry) -> dict[str, Any]:
    check = getattr(entry.says, "check", None)
    return {
        "line": line + 1, "author": plain(entry.author), "at": entry.at.isoformat(), "kind": entry.says.kind,
        "check_name": plain(check or ""), "text": plain(_words(entry)),
    }


def _words(entry: Entry) -> str:
    """Return all that an entry says in words."""
    said = (value for name, value in entry.says if name != "kind" and isinstance(value, str))
    return "\n".join((entry.author, *said))


def _text(kind: str, check: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "check_name": plain(check), "text": plain(text).casefold()}


def items_in(folder: Path) -> tuple[list[dict[str, Any]], bool]:
    """Return the texts of an audit's items, a row a check, and whether they are all there are.

    Tables that are not the record's are left out, as everywhere; one that is missing may still be in an object store.
    Raises as `header_of` and `ItemsFile.table`.
    """
    rows, left, whole = [], MOST, True
    for finding in header_of(folder).findings:
        items = items_of(folder, finding)
        if items is None or items.problem is not None:
            whole = whole and (items is None or items.problem != "missing")
            continue
        kept = []
        for text in _texts(items):
            if left < len(text):
                whole = False
                break
            left -= len(text) + 1
            kept.append(text)
        whole = whole and items.total <= _ROWS
        rows.append(_text("items", finding.check, "\n".join(kept)))
    return rows, whole


def _texts(items: ItemsFile) -> Iterator[str]:
    """Yield the texts of a table's first rows, each once."""
    import pyarrow.compute as pc

    for batch in islice(items.batches(items.texts) if items.texts else (), 1):
        columns = (pc.unique(column[:_ROWS]).to_pylist() for column in batch.columns)
        yield from dict.fromkeys(text for texts in columns for text in texts if text)
