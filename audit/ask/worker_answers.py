"""Answers of a worker: written beside their place, and told to the audit, which alone says what counts.

    worker: .<items>.<token>.tmp, told with its digest  ->  audit: into its place, a line in the journal

Of two workers that answer the same, the first that is heard counts and the other's file goes, so that no file changes
under a line that names it. A worker that holds this installation's key knows its lines in journals of neighbours, and
keeps answers one by one as the audit itself does; any other worker does neither, and never gets the key: the audit
believes it because it hears it from a worker that it started itself, over the cluster's own authenticated connection.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from audit.ask.store import Entry, Store
from audit.errors import IntegrityError
from audit.files import parquet_bytes, read_table, sha256, write_aside

if TYPE_CHECKING:
    import pyarrow as pa

    from audit.ask.partial import Continued

__all__ = ["Answer", "Aside"]


class Answer(NamedTuple):
    """A file that a worker wrote beside its place."""

    question: str
    items: str
    token: str
    sha256: str
    origin: str
    """Folder of the audit that asked the model."""
    whole: bool
    """Whether every item was answered."""

    @property
    def name(self) -> str:
        """Where it belongs, in the audit's folder."""
        return f"observed/{self.question}/{self.items}.parquet"

    @property
    def aside(self) -> str:
        """Where it was written; what a worker that is gone left there is tidied away as any half-written file."""
        return f"observed/{self.question}/.{self.items}.{self.token}.tmp"


class Aside(Store):
    """The answers of an audit as a worker sees them: it reads what it was told of, and tells what it stores."""

    def __init__(self, folder: Path, tell: Callable[[Answer], None], *, alone: bool, trusted: bool) -> None:
        """`trusted`: whether this process holds the key of the installation that the audit is of."""
        super().__init__(folder, alone=alone or not trusted)
        self._tell, self._trusted = tell, trusted
        self._tables: dict[str, pa.Table] = {}

    def begin(self, known: Iterable[tuple[str, str]]) -> None:
        """Begin a task; `known`: (path, digest) of answers that were stored since the last one."""
        self._tables.clear()
        for path, digest in known:
            self._entries[path] = Entry(path, digest, self.folder.name)

    def get(self, question: str, items: str, *, share: bool) -> pa.Table | None:
        """Return a stored answer; None also for one that is not what was told: the audit itself says what of it."""
        name = f"observed/{question}/{items}.parquet"
        try:
            table = None if name in self._tables else super().get(question, items, share=share)
        except IntegrityError:
            table = None
        return self._tables.get(name) if table is None else table

    def put(self, question: str, items: str, table: pa.Table, *, keep: bool = True) -> None:
        """Write an answer aside and tell of it."""
        answer = self._write(question, items, parquet_bytes(table), self.folder.name, whole=keep)
        self._tables[answer.name] = table

    def continued(self, model: Any, question: str, items: str) -> Continued | None:
        """Return the model as `Store.continued` does; None where this process cannot vouch for single answers."""
        return super().continued(model, question, items) if self._trusted else None

    def _take_over(self, entry: Entry, data: bytes) -> None:
        _, question, file = entry.path.split("/")
        answer = self._write(question, file.removesuffix(".parquet"), data, entry.origin, whole=True)
        self._tables[entry.path] = read_table(self.folder / answer.aside)
        self._entries[entry.path] = entry

    def _write(self, question: str, items: str, data: bytes, origin: str, *, whole: bool) -> Answer:
        token = f"{secrets.token_hex(6)}.{os.getpid()}"
        answer = Answer(question, items, token, sha256(data), origin, whole)
        write_aside(self.folder / answer.aside, data)
        self._tell(answer)
        return answer
