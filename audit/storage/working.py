"""A working copy: a folder in the user's cache that stands for an address, brought when it is read, put when written.

    <cache>/dokimasia/stores/<digest of the address>/audits/<audit>/...     the folder
    <cache>/dokimasia/stores/<digest of the address>/known/<audit>.jsonl    what is known of the store

The store is the truth. Before a command reads, what it needs is listed and every file is fetched whose etag or digest
is not the known one; files that the store does not have go. A listing may lag behind: what tells where an audit stands,
and what its record and journal name, is asked for by name before it counts as gone. Only a folder that is ahead of the
store is left alone: one in which a process of this machine runs an audit, or in which a run ended before all was put.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, RLock

from audit.errors import StorageError
from audit.files import locked, read_regular, remove, sha256, unheard, write_inside
from audit.storage.known import Known, KnownFiles
from audit.storage.pushing import Pusher
from audit.storage.remote import ChangedError, Object, Remote

__all__ = ["HEADS", "LISTED", "LOCK", "RECORD", "SPENT", "TELLING", "WorkingCopy"]

LOCK = ".lock"
"""File of an audit's folder that a run holds."""
_LARGEST = 5 << 30
"""Bytes of one object, the most that one put takes."""
_AT_ONCE = 32
RECORD, SPENT, _RUN, _JOURNAL, _TOP = "record.json", "spent.jsonl", "run.json", "journal.jsonl", ""
LISTED = frozenset({RECORD, "reviews.jsonl", "seal.json"})
"""What a finished audit has of itself in a list."""
TELLING = LISTED | {
    "plan.yaml", "plan.json", "deviations.json", "identity.json", "progress.json", _JOURNAL, _RUN, SPENT,
}
"""Files of an audit that are asked for by name: a listing may lag behind, and nothing is begun anew for that."""
HEADS = LISTED | {_RUN}
"""What screens and pages read of finished audits that are not opened."""
_WORD = rb"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAMED = re.compile(rb'"path":"((?:observed/%b|observations|items)/%b\.parquet)"' % (_WORD, _WORD))
"""Files that a record, a run or a journal names."""


class WorkingCopy:
    """The folder of one address."""

    def __init__(self, remote: Remote, place: Path) -> None:
        self.remote, self.root, self._place = remote, place / "audits", place
        self.pushers: dict[str, Pusher] = {}
        """Audit that this process runs -> what puts its files."""
        self._known: dict[str, KnownFiles] = {}
        self._looked: dict[tuple[str, object], float] = {}
        self._turn, self._knowing = RLock(), Lock()
        self._may_write = False
        self.root.mkdir(parents=True, exist_ok=True)

    def known(self, audit: str) -> KnownFiles:
        """Return what is known of an audit; of the files beside the audits under an empty name."""
        with self._knowing:
            if audit not in self._known:
                self._known[audit] = KnownFiles(self._place / "known" / f"{audit or '.top'}.jsonl")
            return self._known[audit]

    def name_of(self, path: Path) -> str | None:
        """Return the object's name of a path in the folder; None for one that no store has to hold."""
        try:
            parts = path.relative_to(self.root).parts
        except ValueError:
            return None
        return "/".join(parts) if parts and all(map(_is_plain, parts)) else None

    def bring_heads(self, names: frozenset[str] = HEADS, *, fresh: float = 0.0) -> None:
        """Bring the files right in each audit's folder, of finished audits those of these names."""
        if self._was_looked((_TOP, names), fresh):
            return
        with self._turn:
            there = {audit: files for audit, files in self._listed().items() if not self._is_ahead(audit)}
            heads = {audit: files for audit, files in there.items() if not self._has_more(audit, files)}
            self._fetch_all(name for audit in heads for name in self._lacking(audit, heads[audit], names))
            for audit, files in heads.items():
                self._clear(audit, {one.name for one in files}, deep=False)
            self._drop_gone(there)
        self._looked[_TOP, names] = time.monotonic()

    def audits(self) -> list[str]:
        """Return the names of the audits that the store has; what lies beside them is brought."""
        files, folders = self.remote.names()
        self._bring(files)
        return [name for name in folders if _is_plain(name)]

    def _listed(self) -> dict[str, list[Object]]:
        """Return audit -> the files right in its folder; what lies beside the audits is brought."""
        if (found := self.remote.shallow()) is not None:
            self._bring(found.pop(_TOP))
            return {name: files for name, files in found.items() if _is_plain(name)}
        audits = self.audits()
        with ThreadPoolExecutor(_AT_ONCE, "listing") as pool:
            return dict(zip(audits, pool.map(lambda audit: self.remote.names(audit)[0], audits), strict=True))

    def bring(self, audit: str, *, deep: bool, fresh: float = 0.0) -> bool:
        """Make an audit's folder as the store has it; not `deep`, the files right in it alone.

        Returns False where that was done in the last `fresh` seconds.
        """
        if self._was_looked((audit, deep), fresh):
            return False
        with self._turn:
            if not self._is_ahead(audit):
                found = self.remote.tree(audit) if deep else self.remote.names(audit)[0]
                if not self._has_more(audit, found):
                    self._bring_all(audit, found, deep=deep)
        self._looked[audit, deep] = time.monotonic()
        return True

    def bring_top(self, audit: str) -> None:
        """Bring the files right in the folder of an audit that this process holds."""
        self._bring_all(audit, self.remote.names(audit)[0], deep=False)

    def _bring_all(self, audit: str, found: list[Object], *, deep: bool) -> None:
        """Bring what a listing found, and what an audit must have whether it was listed or not."""
        self._bring(found)
        names = {one.name for one in found}
        names |= self._fetched(audit, TELLING, names)
        if deep:
            names |= self._fetched(audit, self._named(audit), names)
        self._clear(audit, names, deep=deep)
        self.known(audit).used()

    def _fetched(self, audit: str, wanted: Iterable[str], names: set[str]) -> set[str]:
        """Fetch the files of an audit that are wanted and not among these names; return which there are."""
        lacking = [name for one in sorted(wanted) if (name := f"{audit}/{one}") not in names]
        return {name for name, is_there in zip(lacking, self._fetch_all(lacking), strict=True) if is_there}

    def _named(self, audit: str) -> set[str]:
        """Return which files an audit names that is here."""
        told = (self.read(f"{audit}/{one}") or b"" for one in (RECORD, _RUN, _JOURNAL))
        return {name.decode() for data in told for name in _NAMED.findall(data)}

    def bring_log(self, name: str) -> None:
        """Make a log beside the audits what the store has now, or nothing where it has none."""
        if not self.fetch(name):
            with unheard():
                remove(self.root / name)
            self.known(_audit(name)).note(name, None)

    def settle(self) -> None:
        """Wait until what this process has written is stored."""
        for pusher in list(self.pushers.values()):
            pusher.settle()

    def folders(self) -> list[str]:
        """Return the audits that are here."""
        return [path.name for path in self.root.iterdir() if path.is_dir()]

    def last_used(self, audit: str) -> float:
        """Return when an audit was last brought: seconds since 1970, 0 where nothing is known of it."""
        path = self.known(audit).path
        return path.stat().st_mtime if path.is_file() else 0.0

    def drop_if_stored(self, audit: str) -> bool:
        """Remove an audit from this machine if the store has every byte of it; tell whether it has."""
        known, files = self.known(audit), [path for path in (self.root / audit).rglob("*") if path.is_file()]
        stored = all(
            path.name == LOCK or ((name := self.name_of(path)) is not None and known.is_stored(name, path))
            for path in files
        )
        if stored and not self._is_ahead(audit):
            self.drop(audit)
            return True
        return False

    def bring_file(self, path: Path) -> None:
        """Bring one file, whatever a listing says, unless it is here as it was last seen in the store."""
        name = self.name_of(path)
        if name is not None and not self.known(_audit(name)).is_stored(name, path):
            self.fetch(name)

    def fetch(self, name: str) -> bool:
        """Write an object into its place; tell whether there is one."""
        there = self.remote.get(name)
        if there is None:
            return False
        self.keep(name, *there)
        return True

    def keep(self, name: str, data: bytes, etag: str) -> None:
        """Write what the store has under a name."""
        with unheard():
            write_inside(self.root, name, data, sync=False)  # what a loss of power takes is fetched again
        self.saw(name, data, etag)

    def saw(self, name: str, data: bytes, etag: str) -> None:
        """Note what the store has under a name, without writing it here."""
        self.known(_audit(name)).note(name, Known(etag, len(data), sha256(data)))

    def restore(self, name: str, data: bytes) -> None:
        """Write bytes here that are ahead of the store."""
        with unheard():
            write_inside(self.root, name, data)

    def put(self, name: str, data: bytes | None) -> None:
        """Store a file's bytes, over nothing but what was last seen there; None removes the object.

        StorageError where somebody else wrote there meanwhile.
        """
        known = self.known(_audit(name))
        before = known.get(name)
        if data is None:
            if before is not None:
                self.remote.remove(name)
                known.note(name, None)
            return
        digest = sha256(data)
        if before is not None and before.sha256 == digest:
            return
        try:
            etag = self.remote.put(name, data, after=None if before is None else before.etag)
        except ChangedError:
            raise StorageError(
                "{url}: somebody else wrote it meanwhile, and it was left as it is; the same command again sees it",
                url=f"{self.remote.url}/{name}",
            ) from None
        known.note(name, Known(etag, len(data), digest))

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none."""
        try:
            return read_regular(self.root / name, _LARGEST)
        except FileNotFoundError:
            return None

    def written(self, path: Path) -> None:
        """Take what was just written into the store: behind a run, else at once."""
        name = self.name_of(path)
        if name is None or path.name == LOCK:
            return
        pusher = self.pushers.get(_audit(name))
        if pusher is not None:
            pusher.add(name)
        else:
            self.require_conditions()
            self.put(name, self.read(name))

    def require_conditions(self) -> None:
        """Raise UsageError for a store in which two could write over each other; it is asked once."""
        if not self._may_write:
            self.remote.require_conditions()
            self._may_write = True

    def _lacking(self, audit: str, found: Iterable[Object], names: frozenset[str]) -> list[str]:
        """Return which files of a listing are not here as the store has them; of a finished audit of these names."""
        done = any(one.name == f"{audit}/{RECORD}" for one in found)
        wanted = (one for one in found if not done or one.name.rpartition("/")[2] in names)
        return [one.name for one in wanted if self._lacks(one)]

    def _bring(self, found: Iterable[Object]) -> None:
        self._fetch_all(one.name for one in found if self._lacks(one))

    def _fetch_all(self, names: Iterable[str]) -> list[bool]:
        """Fetch objects side by side; tell of each whether there is one."""
        with ThreadPoolExecutor(_AT_ONCE, "bringing") as pool:
            return list(pool.map(self.fetch, names))

    def _lacks(self, one: Object) -> bool:
        """Tell whether an object that a folder can hold is not here as it was listed."""
        if not all(map(_is_plain, one.name.split("/"))):
            return False
        known = self.known(_audit(one.name))
        seen = known.get(one.name)
        return seen is None or seen.etag != one.etag or not known.is_stored(one.name, self.root / one.name)

    def _clear(self, audit: str, there: set[str], *, deep: bool) -> None:
        """Remove files of an audit that the store does not have."""
        folder, known = self.root / audit, self.known(audit)
        if not folder.is_dir():
            return
        for path in folder.rglob("*") if deep else folder.iterdir():
            name = self.name_of(path)
            if name is not None and name not in there and (path.is_symlink() or path.is_file()):
                with unheard():
                    remove(path)
                known.note(name, None)

    def _drop_gone(self, audits: Iterable[str]) -> None:
        """Remove folders of audits that the store had once and has no more."""
        left = set(audits)
        for folder in self.root.iterdir():
            gone = folder.is_dir() and folder.name not in left and _is_plain(folder.name)
            if gone and self.known(folder.name).names() and not self._is_ahead(folder.name):
                self.drop(folder.name)

    def drop(self, audit: str) -> None:
        """Remove an audit's folder from this machine, and nothing from the store."""
        shutil.rmtree(self.root / audit, ignore_errors=True)
        self.known(audit).forget()

    def _is_ahead(self, audit: str) -> bool:
        """Tell whether a process of this machine runs the audit."""
        lock = self.root / audit / LOCK
        if audit in self.pushers:
            return True
        if lock.is_file():
            try:
                with locked(lock, wait=False):
                    pass
            except BlockingIOError:
                return True
            except OSError:
                pass
        return False

    def _has_more(self, audit: str, found: Iterable[Object]) -> bool:
        """Tell whether a run that ended here could not put all; the next one takes it up (`audit.storage.resuming`)."""
        journal = f"{audit}/{_JOURNAL}"
        if any(one.name == f"{audit}/{RECORD}" for one in found) or not (self.root / journal).is_file():
            return False
        return not self.known(audit).is_stored(journal, self.root / journal)

    def _was_looked(self, what: tuple[str, object], fresh: float) -> bool:
        return fresh > 0 and time.monotonic() - self._looked.get(what, float("-inf")) < fresh


def _audit(name: str) -> str:
    return name.partition("/")[0] if "/" in name else _TOP


def _is_plain(part: str) -> bool:
    """Whether a part of a name is one that a folder can have, and none that only this machine or a lease uses."""
    return part[:1] not in ("", ".") and part.isprintable() and "\\" not in part and len(part.encode()) < 256
