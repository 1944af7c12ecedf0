"""Stored answers: `observed/<question>/<items>.parquet`, found again by what was asked.

The folder is the digest of who was asked what and how, the file the digest of the items, so the same question is never
put twice. `journal.jsonl` has a line for each stored file, with its digest, written after the file is safe on disk: a
kill, or a disk that is full for a moment, loses the answer in flight and nothing else.

    {"from": folder whose model was asked, "mac": ..., "path": ..., "sha256": ...}

An answer speaks for a model only if this installation stored it, which the MAC over the line and the folder's name
shows. Lines of others, and lines that are none, are left out when the folder is opened for a run, and asked again.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.ask.partial import Continued
from audit.errors import IntegrityError, UsageError
from audit.files import (
    MAX_JSON,
    add_line,
    canonical,
    digest_file,
    locked,
    parquet_bytes,
    parse_json,
    put_in_place,
    read_regular,
    read_table,
    remove,
    sha256,
    tidy,
    whole_lines,
    write_atomic,
)
from audit.record import ALLOWED, JOURNAL_FILE, Evidence, audit_files, erasures
from audit.signing import Secret
from audit.storage import LOCK, bring_file, files_beside, held
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Entry", "Store"]

_LARGEST = 2 << 30
"""Bytes of a stored answer that is taken over from a neighbour."""


@immutable
class Entry:
    """A line of the journal."""

    path: str
    sha256: str
    origin: str
    """Folder of the audit that asked the model."""

    def line(self, folder: str) -> bytes:
        """Return the line with this installation's word on it."""
        told = {"path": self.path, "sha256": self.sha256, "from": self.origin}
        return canonical({**told, "mac": Secret.here().mac("answer", folder, told)}) + b"\n"


class Store:
    """The answers of one audit folder, and read-only those of its neighbours."""

    def __init__(
        self, folder: Path, *, alone: bool = False, remark: Callable[[str], None] = lambda line: None
    ) -> None:
        """`alone` takes no answer from neighbours; `remark` hears what a person should know."""
        self.folder = folder
        self.journal = folder / JOURNAL_FILE
        self._alone, self._remark = alone, remark
        self._entries: dict[str, Entry] = {}
        self._neighbours: dict[Path, dict[str, Entry]] = {}
        self._incomplete: dict[str, str] = {}
        self._passing: set[str] = set()
        self._noted: list[Entry] = []
        self._writing = threading.RLock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder and read its journal.

        Raises UsageError when another process is at work on it, IntegrityError for a link in it.
        """
        if self.folder.is_symlink():
            raise IntegrityError(f"{self.folder}: is a link; an audit is a folder")
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self.folder / LOCK
        if lock.is_symlink():
            raise IntegrityError(f"{lock}: is a link; an audit holds plain files")
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(lock, wait=False))
            except BlockingIOError:
                raise UsageError(
                    f"{self.folder}: another process runs this audit; wait for it or use another --into"
                ) from None
            stack.enter_context(held(self.folder))
            audit_files(self.folder)
            tidy(self.folder, deep=True)
            self._take_up()
            yield

    @property
    def evidence(self) -> list[Evidence]:
        """Every stored answer with its digest, also those in which an item failed, in order of name."""
        found = {**self._incomplete, **{path: entry.sha256 for path, entry in self._entries.items()}}
        return [Evidence(path=path, sha256=digest) for path, digest in sorted(found.items())]

    @property
    def adopted(self) -> dict[str, int]:
        """Folder of another audit -> stored answers that were taken over from it, since this audit began."""
        found = Counter(entry.origin for entry in self._entries.values() if entry.origin != self.folder.name)
        return dict(sorted(found.items()))

    def get(self, question: str, items: str, *, share: bool) -> pa.Table | None:
        """Return a stored answer, with `share` also a neighbour's; raises IntegrityError if it was altered."""
        name = f"observed/{question}/{items}.parquet"
        if name in self._passing:  # it counts once, as if it had been asked here just now
            self._passing.discard(name)
            digest = self._incomplete[name]
        elif name in self._entries or (share and not self._alone and self._adopt(name)):
            digest = self._entries[name].sha256
        else:
            return None
        path = self.folder / name
        bring_file(path)
        if not path.is_file() or digest_file(path) != digest:
            raise IntegrityError(f"{path}: not the bytes that were stored; remove the folder or run with --fresh")
        try:
            return read_table(path)
        except (OSError, ValueError) as error:
            problem = " ".join(str(error).split())[:200]
            raise IntegrityError("{file}: cannot be read ({problem})", file=path, problem=problem) from None

    def put(self, question: str, items: str, table: pa.Table, *, keep: bool = True) -> None:
        """Store an answer; `keep=False` leaves it out of the journal, so that a later run asks for what failed."""
        name = f"observed/{question}/{items}.parquet"
        data = parquet_bytes(table)
        with self._writing:
            write_atomic(self.folder / name, data)
            self._came(Entry(name, sha256(data), self.folder.name), whole=keep)

    def receive(self, name: str, aside: str, sha256: str, origin: str, *, whole: bool) -> bool:
        """Put a worker's answer in its place (`audit.ask.worker_answers`); tell whether it is the first."""
        with self._writing:
            if name in self._entries or not (name.startswith("observed/") and ALLOWED.fullmatch(name)):
                (self.folder / aside).unlink(missing_ok=True)
                return False
            put_in_place(self.folder / aside, self.folder / name)
            self._came(Entry(name, sha256, origin), whole=whole)
            if not whole:
                self._passing.add(name)
            return True

    def noted(self, since: int = 0) -> list[tuple[str, str]]:
        """Return (path, digest) of the answers that count, from the `since`-th on, in the order in which they came."""
        return [(one.path, one.sha256) for one in self._noted[since:]]

    def _came(self, entry: Entry, *, whole: bool) -> None:
        """Take note of an answer that lies in its place; one that is not whole is asked for again by a later run."""
        if whole:
            self._note(entry)
            remove((self.folder / entry.path).with_suffix(".jsonl"))
        else:
            self._incomplete[entry.path] = entry.sha256

    def continued(self, model: Any, question: str, items: str) -> Continued | None:
        """Return the model as one that keeps each answer to this question at once, and is not asked for it again."""
        path = self.folder / f"observed/{question}/{items}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        bring_file(path)
        return Continued(model, path, self.folder.name)

    def _take_up(self) -> None:
        """Read the journal, and write it anew where it has lines that count for nothing."""
        try:
            data = read_regular(self.journal, MAX_JSON)
        except FileNotFoundError:
            return
        except OSError as error:
            raise IntegrityError(f"{self.journal}: {error.strerror}; remove it to ask anew") from None
        found, foreign = _read(data, self.folder.name)
        self._entries = {one.path: one for one in found}
        self._noted = found
        if foreign:
            self._remark(f"{self.journal}: {foreign} lines are no answers that this installation stored; asked anew")
        kept = b"".join(one.line(self.folder.name) for one in found)
        if kept != data:
            write_atomic(self.journal, kept)

    def _note(self, entry: Entry) -> None:
        with self._writing:
            add_line(self.journal, entry.line(self.folder.name))
            self._entries[entry.path] = entry
            self._noted.append(entry)

    def _take_over(self, entry: Entry, data: bytes) -> None:
        """Store a neighbour's answer."""
        with self._writing:
            write_atomic(self.folder / entry.path, data)
            self._note(entry)

    def _adopt(self, name: str) -> bool:
        """Take an answer over from a neighbour, if this installation stored it there; tell whether it did."""
        for path in files_beside(self.folder, name):
            owner = path.parents[2]
            if owner == self.folder or owner.is_symlink():
                continue
            if owner not in self._neighbours:
                self._neighbours[owner] = self._journal_of(owner)
            entry = self._neighbours[owner].get(name)
            if entry is None:
                continue
            try:
                data = read_regular(path, _LARGEST)
            except OSError as error:
                self._remark(f"{path}: {error.strerror}; asked anew")
                continue
            if sha256(data) == entry.sha256:
                self._take_over(entry, data)
                return True
            self._remark(f"{path}: not the bytes that were stored; asked anew")
        return False

    def _journal_of(self, owner: Path) -> dict[str, Entry]:
        """Return the answers that a neighbour stored and did not erase, as far as this installation vouches for it."""
        try:
            found, foreign = _read(read_regular(owner / JOURNAL_FILE, MAX_JSON), owner.name)
            erased = {name for one in erasures(owner) for name in one.files}
        except OSError as error:
            self._remark(f"{owner / JOURNAL_FILE}: {error.strerror}; its answers are not taken over")
            return {}
        except IntegrityError as error:
            self._remark(f"{owner}: {error}; its answers are not taken over")
            return {}
        if foreign:
            self._remark(f"{owner}: {foreign} answers are not taken over, as this installation did not store them")
        return {one.path: one for one in found if one.path not in erased}


def _read(data: bytes, folder: str) -> tuple[list[Entry], int]:
    """Return the entries that this installation wrote for a folder, and how many whole lines are something else."""
    found, foreign = [], 0
    for line in whole_lines(data)[0]:
        entry = _entry(line, folder)
        if entry is None:
            foreign += 1
        else:
            found.append(entry)
    return found, foreign


def _entry(line: bytes, folder: str) -> Entry | None:
    try:
        told: Any = parse_json(line)
        mac = told.pop("mac")
        entry = Entry(told["path"], told["sha256"], told["from"])
        return entry if Secret.here().holds(mac, "answer", folder, told) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
