"""Audit folders as the screens need them: a thousand small headers, one whole audit, one that still runs.

    entries()               what lies in the audits' folder, from headers alone
    opened, view_of(name)   one finished audit, whole; what a document says of it
    row_of(name)            its row among others, as the index page has it
    compared(names, margin) audits of one plan, the first with each other
    running(name)           one without a record yet: what its plan asks and how many answers are stored

What was read is kept by path, time of writing and size, so that nothing is read twice while it stays the same.
Whatever lies in one folder costs one row: what cannot be read is told there, and once in the log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ValidationError

from audit.catalogue import header_of
from audit.compare import Comparison, Margins, compare_several
from audit.errors import DokimasiaError, IntegrityError, UsageError, first_problem, os_reason
from audit.files import MAX_JSON, read_regular, require_regular, stored_json
from audit.record import JOURNAL_FILE, PLAN_FILE, RECORD_FILE, Audit, RunProgress, Verdict, load_record, read_progress
from audit.storage import bring, bring_heads, local_folder
from audit.verdict import badness
from detectors.phrases import Phrase
from reports.text import one_line, words_of
from reports.views import Overview, PrintedRow, overview, printed_row

__all__ = [
    "AUDITS", "AuditEntry", "Running", "compared", "entries", "folder_of", "home", "is_running", "leave_out", "opened",
    "readable", "row_of", "running", "view_of",
]

_LOG = logging.getLogger("dokimasia.dashboard")
T = TypeVar("T")

AUDITS = "DOKIMASIA_AUDITS"
"""Environment variable with the folder that holds the audits, or its address in an object store."""
FRESH = 10.0
"""Seconds for which what was brought from an object store is not looked for again."""


@dataclass(frozen=True)
class Running:
    """An audit without a record: it still runs, or was interrupted and can be resumed."""

    name: str
    title: str
    checks: tuple[tuple[str, str, str], ...]
    """(check, probe, `waiting`, `observed` or `judged`) in the plan's order, by the files that are there."""
    answers: int
    """Shards of answers that are safely stored."""
    partial: int
    """Answers, kept one by one, of shards that are not whole yet."""
    progress: RunProgress | None
    """How far it is, as the run itself tells; None of another version, and before its model is open."""
    written: float
    """When the last of them was stored: seconds since 1970."""


@dataclass(frozen=True)
class AuditEntry:
    """One line of the list of audits."""

    name: str
    """Of its folder."""
    state: Verdict | Literal["running", "unreadable"]
    title: str
    model: str = ""
    """Name of the audited model, or of the data where these were audited; empty where an earlier version did not tell.
    """
    family: str = ""
    """Of the model; `data` where there is none."""
    followed: str = ""
    """What audits of one model have in common: the id in the owner's inventory, else the model's name."""
    checks: int = 0
    bad: tuple[int, ...] = ()
    """What audits are sorted by, worst first (`audit.verdict.badness`)."""
    text: str = ""
    """What a search looks through, in small letters: title, model, checks and what was found."""
    terms: frozenset[str] = frozenset()
    """Names of its dimensions, probes, measures and of the model's family, which a language has words for."""
    running: Running | None = None
    """What is there of an audit that has no record yet."""
    why: str = ""
    """Why the record cannot be read."""
    written: float = 0.0
    """When the record, or of a running audit the last answer, was written: seconds since 1970."""


def home() -> Path:
    """Return the folder that holds the audits."""
    return local_folder(os.environ.get(AUDITS, "audits"))


def entries() -> list[AuditEntry]:
    """Return all audits in the folder, the newest first."""
    root = home()
    bring_heads(root, fresh=FRESH)
    names = [one.name for one in os.scandir(root) if one.is_dir()] if root.is_dir() else []
    found = [entry for name in names if (entry := _entry(root / name)) is not None]
    return sorted(found, key=lambda entry: (-entry.written, entry.name))


def _entry(folder: Path) -> AuditEntry | None:
    """Return a folder's line, whatever others have put there; None where it is no audit's."""
    record = folder / RECORD_FILE
    try:
        folder.name.encode()  # a name that is no text cannot stand in an address
        if folder.is_symlink():
            raise IntegrityError("{file}: is a link; an audit is a folder", file=folder.name)
        if not os.path.lexists(record):
            return _unfinished(folder)
        facts = require_regular(record)
        return _finished(record, facts.st_mtime_ns, facts.st_size)
    except OSError as error:
        why = Phrase("{file}: {problem}", file=record.name, problem=os_reason(error))
    except Exception as error:  # whatever it is, one folder costs one row
        crash = Phrase("{file}: {problem}", file=record.name, problem=type(error).__name__)
        why = error.message if isinstance(error, DokimasiaError) else crash
    leave_out(folder.name, why)
    name = folder.name.encode("utf-8", "replace").decode()
    return AuditEntry(name, "unreadable", name, why=why)


@lru_cache(maxsize=4096)
def leave_out(name: str, why: str) -> None:
    """Say in the log, once for each reason, that an audit is left out of a screen."""
    words = words_of("en")
    _LOG.warning("left out: %s: %s", one_line(name, words, 80), one_line(why, words, 240))


def _unfinished(folder: Path) -> AuditEntry | None:
    if not os.path.lexists(folder / PLAN_FILE):
        return None
    found = running(folder.name)
    model, family = ("", "") if found.progress is None else (found.progress.model, found.progress.family)
    told = (found.title, found.name, model, *(check for check, _, _ in found.checks))
    return AuditEntry(
        found.name, "running", found.title, model=model, family=family, checks=len(found.checks), running=found,
        text="\n".join(told).casefold(), terms=frozenset((family, *(probe for _, probe, _ in found.checks))),
        written=found.written,
    )


@lru_cache(maxsize=8192)
def _finished(record: Path, mtime_ns: int, size: int) -> AuditEntry:
    name, written = record.parent.name, mtime_ns / 1e9
    try:
        head = header_of(record.parent)
    except ValidationError as error:
        why = Phrase("{file}: {problem}", file=record.name, problem=first_problem(error))
        leave_out(name, why)
        return AuditEntry(name, "unreadable", name, why=why, written=written)
    told = [one_found for one in head.findings for one_found in (one.check, one.why)]
    return AuditEntry(
        name,
        head.verdict,
        head.title,
        model=head.model,
        family=head.family,
        followed=head.followed,
        checks=len(head.findings),
        bad=badness(head.verdict, head.findings),
        text="\n".join((head.title, name, head.model, *told)).casefold(),
        terms=frozenset((head.family, *(term for one in head.findings for term in one.terms))),
        written=written,
    )


def opened(name: str) -> Audit:
    """Return a finished audit; UsageError where there is none of that name, IntegrityError where it cannot be read."""
    return _opened(*_stamp(name))


def readable(name: str, read: Callable[[str], T]) -> T | None:
    """Return what `read` makes of a finished audit's name; None, and a line in the log, where that cannot be read."""
    try:
        return read(name)
    except Exception as error:  # whatever it is, one folder costs one row
        leave_out(name, str(error) if isinstance(error, DokimasiaError) else type(error).__name__)
        return None


def view_of(name: str, lang: str) -> Overview:
    """Return what every document says of a finished audit, in a language; raises as `opened` does."""
    return _view(*_stamp(name), lang)


def row_of(name: str, lang: str) -> PrintedRow | Phrase:
    """Return the row of a finished audit, in a language; why it cannot be read where it cannot, also in the log."""
    try:
        return _row(*_stamp(name, deep=False), lang)
    except Exception as error:  # whatever it is, one folder costs one row
        why = error.message if isinstance(error, DokimasiaError) else Phrase("{problem}", problem=type(error).__name__)
        leave_out(name, why)
        return why


def compared(names: Sequence[str], margin: float) -> tuple[Comparison, ...]:
    """Return how each of the other audits differs from the first.

    Raises as `opened` does; UsageError where they were not asked the same, IntegrityError where a file is not its own.
    """
    return _compared(tuple(_stamp(name) for name in names), margin)


def _stamp(name: str, *, deep: bool = True) -> tuple[Path, int, int]:
    folder = folder_of(name)
    if deep:  # a list has the small files already
        bring(folder, fresh=FRESH)
    try:
        stat = (folder / RECORD_FILE).stat()
    except FileNotFoundError:
        raise UsageError("audit {name!r}: no record.json in {folder}", name=name, folder=folder) from None
    return folder, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=32)
def _opened(folder: Path, mtime_ns: int, size: int) -> Audit:
    return load_record(folder)


@lru_cache(maxsize=32)
def _view(folder: Path, mtime_ns: int, size: int, lang: str) -> Overview:
    return overview(_opened(folder, mtime_ns, size), words_of(lang))


@lru_cache(maxsize=4096)
def _row(folder: Path, mtime_ns: int, size: int, lang: str) -> PrintedRow:
    return printed_row(load_record(folder).record, words_of(lang))


@lru_cache(maxsize=8)
def _compared(stamps: tuple[tuple[Path, int, int], ...], margin: float) -> tuple[Comparison, ...]:
    first, *others = (_opened(*stamp) for stamp in stamps)
    return compare_several(first, others, Margins(margin))


def is_running(name: str) -> bool:
    """Tell whether an audit has a plan and no record; UsageError where it has neither."""
    folder = folder_of(name)
    if (folder / RECORD_FILE).is_file():
        return False
    if not (folder / PLAN_FILE).is_file():
        raise UsageError("no audit {name!r} in {folder}", name=name, folder=home())
    return True


def running(name: str) -> Running:
    """Return what is there of an audit that has no record yet; IntegrityError where its plan cannot be read."""
    folder = folder_of(name)
    plan_file, journal = folder / PLAN_FILE, folder / JOURNAL_FILE
    plan = stored_json(plan_file)
    try:
        asked = [(str(check["name"]), str(check["probe"]["use"])) for check in plan["checks"]]
        title = str(plan["title"])
    except (KeyError, TypeError):
        raise IntegrityError("{file}: not a frozen plan", file=plan_file) from None
    judged, observed = _checks_in(folder / "items"), _checks_in(folder / "observations")
    stages = ["judged" if one in judged else "observed" if one in observed else "waiting" for one, _ in asked]
    return Running(
        name,
        title,
        checks=tuple((check, probe, stage) for (check, probe), stage in zip(asked, stages, strict=True)),
        answers=_lines(journal) if journal.is_file() else 0,
        partial=sum(map(_lines, folder.glob("observed/*/*.jsonl"))),
        progress=_progress(folder),
        written=(journal if journal.is_file() else plan_file).stat().st_mtime,
    )


def _progress(folder: Path) -> RunProgress | None:
    """Return how far a run says it is; None, and a line in the log, for what is no such file: it is no evidence."""
    try:
        return read_progress(folder)
    except IntegrityError as error:
        leave_out(folder.name, error.message)
        return None


def _lines(path: Path) -> int:
    return read_regular(path, MAX_JSON).count(b"\n")


def _checks_in(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.glob("*.parquet")}


def folder_of(name: str) -> Path:
    """Return an audit's folder, which must lie directly in `home`, whatever links there are."""
    folder = home() / name
    if name in ("", ".", "..") or folder.resolve().parent != home().resolve():
        raise UsageError("no audit {name!r} in {folder}", name=name, folder=home())
    return folder
