"""Audit folders as the screens need them: one whole audit, its row in a list, one that still runs.

    opened, view_of(name)   one finished audit, whole; what a document says of it
    found_in(name)          what a list tells of it: its row as the index page has it, how far it is, why it has none
    compared(names, margin) audits of one plan, the first with each other
    running(name)           one without a record yet: what its plan asks and how many answers are stored

What was read is kept by path, time of writing and size, so that nothing is read twice while it stays the same.
Whatever lies in one folder costs one row: what cannot be read is told there, and once in the log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from audit.catalogue import header_of
from audit.errors import DokimasiaError, IntegrityError, UsageError, first_problem, os_reason
from audit.files import MAX_JSON, read_regular, stored_json
from audit.record import JOURNAL_FILE, PLAN_FILE, RECORD_FILE, Audit, RunProgress, erasures, load_record, read_progress
from audit.storage import bring, local_folder
from detectors.immutable import immutable
from detectors.phrases import Phrase
from reports.text import one_line, words_of
from reports.views import Overview, PrintedRow, overview, printed_row

if TYPE_CHECKING:
    from audit.compare import Comparison

__all__ = [
    "AUDITS", "FRESH", "Running", "compared", "folder_of", "found_in", "home", "is_running", "leave_out", "opened",
    "readable", "running", "view_of",
]

_LOG = logging.getLogger("dokimasia.dashboard")
T = TypeVar("T")

AUDITS = "DOKIMASIA_AUDITS"
"""Environment variable with the folder that holds the audits, or its address in an object store."""
FRESH = 10.0
"""Seconds for which what was brought from an object store is not looked for again."""


@immutable
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


def home() -> Path:
    """Return the folder that holds the audits."""
    return local_folder(os.environ.get(AUDITS, "audits"))


@lru_cache(maxsize=4096)
def leave_out(name: str, why: str) -> None:
    """Say in the log, once for each reason, that an audit is left out of a screen."""
    words = words_of("en")
    _LOG.warning("left out: %s: %s", one_line(name, words, 80), one_line(why, words, 240))


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
    return _view(*_evidence_stamp(name), lang)


def found_in(name: str, lang: str) -> PrintedRow | Running | Phrase:
    """Return what a list tells of an audit, in a language: its row, how far it is, or why it cannot be read.

    The last is told in the log, too.
    """
    folder = home() / name
    try:
        if folder.is_symlink():
            raise IntegrityError("{file}: is a link; an audit is a folder", file=name)
        if not os.path.lexists(folder / RECORD_FILE):
            return running(name)
        return _row_in(*_stamp(name, deep=False), lang)
    except ValidationError as error:
        why = Phrase("{file}: {problem}", file=RECORD_FILE, problem=first_problem(error))
    except OSError as error:
        why = Phrase("{file}: {problem}", file=RECORD_FILE, problem=os_reason(error))
    except Exception as error:  # whatever it is, one folder costs one row
        crash = Phrase("{file}: {problem}", file=RECORD_FILE, problem=type(error).__name__)
        why = error.message.replaced(f"{folder}{os.sep}", "") if isinstance(error, DokimasiaError) else crash
    leave_out(name, why)
    return why


def _row_in(folder: Path, mtime_ns: int, size: int, lang: str) -> PrintedRow:
    """Return an audit's row; where its record is none, the first thing that is wrong with its few keys is raised."""
    try:
        return _row(folder, mtime_ns, size, lang)
    except DokimasiaError:
        header_of(folder)
        raise


def compared(names: Sequence[str], margin: float) -> tuple[Comparison, ...]:
    """Return how each of the other audits differs from the first.

    Raises as `opened` does; UsageError where they were not asked the same, IntegrityError where a file is not its own.
    """
    return _compared(tuple(_evidence_stamp(name) for name in names), margin)


def _stamp(name: str, *, deep: bool = True) -> tuple[Path, int, int]:
    folder = folder_of(name)
    if deep:  # a list has the small files already
        bring(folder, fresh=FRESH)
    try:
        stat = (folder / RECORD_FILE).stat()
    except FileNotFoundError:
        raise UsageError("audit {name!r}: no record.json in {folder}", name=name, folder=folder) from None
    return folder, stat.st_mtime_ns, stat.st_size


def _evidence_stamp(name: str) -> tuple[Path, int, int, int]:
    """Return the stamp of what tells of an audit's evidence, too: its last number counts what was erased of it."""
    stamp = _stamp(name)
    return *stamp, len(erasures(stamp[0]))


@lru_cache(maxsize=32)
def _opened(folder: Path, mtime_ns: int, size: int) -> Audit:
    return load_record(folder)


@lru_cache(maxsize=32)
def _view(folder: Path, mtime_ns: int, size: int, erased: int, lang: str) -> Overview:
    return overview(_opened(folder, mtime_ns, size), words_of(lang))


@lru_cache(maxsize=4096)
def _row(folder: Path, mtime_ns: int, size: int, lang: str) -> PrintedRow:
    return printed_row(load_record(folder).record, words_of(lang))


@lru_cache(maxsize=8)
def _compared(stamps: tuple[tuple[Path, int, int, int], ...], margin: float) -> tuple[Comparison, ...]:
    from audit.compare import Margins, compare_several

    first, *others = (_opened(*stamp[:3]) for stamp in stamps)
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
    root = home()
    folder = root / name
    plain = folder.parent == root and name != ".." and not folder.is_symlink()
    if not plain and (name in ("", ".", "..") or folder.resolve().parent != root.resolve()):
        raise UsageError("no audit {name!r} in {folder}", name=name, folder=root)
    return folder
