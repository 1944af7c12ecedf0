"""Stored answers: `observed/<question>/<items>.parquet`, found again by what was asked.

The folder is the digest of who was asked what and how, the file the digest of the items, so the same question is never
put twice. `journal.jsonl` has a line for each stored file, with its digest, written after the file is safe on disk: a
kill loses the answer in flight and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import IntegrityError, UsageError
from audit.files import canonical, digest_file, parquet_bytes, sha256, write_atomic
from audit.record import Evidence

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store"]


class Store:
    """The answers of one audit folder, and read-only those of its neighbours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal.jsonl"
        self._digests: dict[str, str] = {}
        self._neighbours: dict[Path, dict[str, str]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder and read its journal; raises UsageError when another process is at work on it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(
                    f"{self.folder}: another process runs this audit; wait for it or use another --into"
                ) from None
            self._digests = dict(_read_journal(self.journal))
            if self.journal.is_file():
                os.truncate(self.journal, _whole_lines(self.journal.read_bytes()))
            yield

    @property
    def evidence(self) -> list[Evidence]:
        """Every stored answer with its digest, in order of name."""
        return [Evidence(path=path, sha256=digest) for path, digest in sorted(self._digests.items())]

    def get(self, question: str, items: str, *, share: bool) -> pa.Table | None:
        """Return a stored answer, with `share` also a neighbour's; raises IntegrityError if it was altered."""
        import pyarrow.parquet as pq

        name = f"observed/{question}/{items}.parquet"
        if name not in self._digests and not (share and self._adopt(name)):
            return None
        path = self.folder / name
        if not path.is_file() or digest_file(path) != self._digests[name]:
            raise IntegrityError(f"{path}: not the bytes that were stored; remove the folder or run with --fresh")
        return pq.read_table(path)

    def put(self, question: str, items: str, table: pa.Table, *, keep: bool = True) -> None:
        """Store an answer; `keep=False` leaves it out of the journal, so that a later run asks again."""
        name = f"observed/{question}/{items}.parquet"
        data = parquet_bytes(table)
        write_atomic(self.folder / name, data)
        if keep:
            self._note(name, sha256(data))

    def _note(self, name: str, digest: str) -> None:
        line = canonical({"path": name, "sha256": digest}) + b"\n"
        with self.journal.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._digests[name] = digest

    def _adopt(self, name: str) -> bool:
        for path in sorted(self.folder.parent.glob(f"*/{name}")):
            owner = path.parents[2]
            if owner not in self._neighbours:
                self._neighbours[owner] = dict(_read_journal(owner / "journal.jsonl"))
            digest = self._neighbours[owner].get(name)
            if owner != self.folder and digest is not None and digest_file(path) == digest:
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary = target.with_suffix(f".{os.getpid()}.tmp")
                shutil.copyfile(path, temporary)
                temporary.replace(target)
                self._note(name, digest)
                return True
        return False


def _whole_lines(data: bytes) -> int:
    return data.rfind(b"\n") + 1


def _read_journal(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, digest); a last line torn by a kill is dropped."""
    if not path.is_file():
        return
    data = path.read_bytes()
    for number, line in enumerate(data[: _whole_lines(data)].splitlines(), start=1):
        try:
            entry: Any = json.loads(line)
            yield entry["path"], entry["sha256"]
        except (ValueError, TypeError, KeyError):
            raise IntegrityError(f"{path}:{number}: not a journal line") from None
