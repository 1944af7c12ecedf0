"""Which tool wrote a log: every importer looks at its beginning, and one alone must know it.

A plain table is what nobody else knows; a log that several know, or none, is refused with their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import cast

from audit import plugins
from audit.errors import DataError
from audit.files import canonical, digest_file, sha256
from audit.importers.contents import Contents, contents_of
from audit.importers.log import Importer, Log
from audit.importers.table import Table
from detectors.immutable import immutable

__all__ = ["OpenedLog", "open_log"]

_TABLE = "table"


@immutable
class OpenedLog:
    """A log, the importer that reads it, and the files that it consists of."""

    importer: str
    path: Path
    files: tuple[Path, ...]
    fields: tuple[tuple[str, str], ...]
    _reader: Importer = field(compare=False)

    def read(self) -> Log:
        """Return what the log holds; see `Importer.read`."""
        return self._reader.read(self.path)

    @cached_property
    def digest(self) -> str:
        """The digest of its files: of one, that of its bytes."""
        parts = [digest_file(one) for one in self.files]
        return parts[0] if len(parts) == 1 else sha256(canonical(parts))

    @property
    def title(self) -> str:
        """What its tool is called."""
        return self._reader.title

    def contents(self) -> Contents:
        """Return what the log holds; files of these digests are counted once, whoever asks how often.

        Raises DataError where it holds no answer.
        """
        contents = _counted(self, self.digest)
        if not contents.counted:
            raise DataError(f"{self.path}: holds no answer; allowed: a log of {self.title} with one or more")
        return contents


@lru_cache(maxsize=4)
def _counted(opened: OpenedLog, digest: str) -> Contents:
    return contents_of(opened.read())


def open_log(path: Path, tool: str | None = None, fields: Mapping[str, str] | None = None) -> OpenedLog:
    """Return a log with what reads it; nothing but its beginning is read.

    tool: name of the importer; None = the one that knows it. fields: of a plain table, name -> column. Raises DataError
    where there is no such file, where nobody knows it, or several do.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_dir() and not (path.is_file() and path.stat().st_size):
        raise DataError(f"{path}: {'is empty' if path.is_file() else 'is no file'}; allowed: a log, or a run's folder")
    names = plugins.names("importers")
    if tool is not None:
        found = {tool: _asked(tool, path, fields)}
    else:
        found = {name: one for name in names if name != _TABLE and (one := _asked(name, path, None)) is not None}
        if not found or fields:
            found = {_TABLE: one} if (one := _asked(_TABLE, path, fields)) is not None else {}
    known = {name: one for name, one in found.items() if one is not None}
    if len(known) != 1:
        who = f"{' and '.join(known)} both know it; name one as tool" if known else "is no log that is known"
        titles = ", ".join(_reader(name, None).title for name in names if tool in (None, name))
        raise DataError(f"{path}: {who}; allowed: a whole log of {titles}")
    ((name, (reader, files)),) = known.items()
    return OpenedLog(name, path, tuple(files), tuple(sorted((fields or {}).items())), reader)


def _asked(name: str, path: Path, fields: Mapping[str, str] | None) -> tuple[Importer, list[Path]] | None:
    reader = _reader(name, fields)
    files = reader.files(path)
    return None if files is None else (reader, files)


def _reader(name: str, fields: Mapping[str, str] | None) -> Importer:
    reader = cast(Importer, plugins.load("importers", name))
    if not fields:
        return reader
    if not isinstance(reader, Table):
        raise DataError(f"fields {', '.join(sorted(fields))} of a log of {reader.title}; allowed: of a plain table")
    return replace(reader, fields=dict(fields))
