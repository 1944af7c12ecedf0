"""Files in a folder, or one file, as they are: their bytes, for probes that read what stands beside the content.

    data: {use: files, path: ./outputs}

    file    the file's bytes in base64; empty where it holds none or more than `largest`, and of a pipe, a socket or a
            link that leads nowhere
    name    its path in the folder
    label   name of the subfolder that holds it, where it is not the folder itself
    unit    its path; of files with equal bytes the first one's
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.data.columns import readable
from audit.data.ids import frames_of
from audit.data.source import Source
from audit.errors import DataError, did_you_mean
from audit.files import canonical, digest_file, read_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Files"]

_FIELDS = ("file", "name", "label", "unit")
_ROWS = 16


@immutable
class Files(Source):
    """A folder of files of any kind, or one file."""

    path: Path
    """The folder, or the file; subfolders are read too, links that lead out of it are refused."""
    ending: str | None = None
    """Of the files that are taken, e.g. `.png`; absent = all whose name does not begin with a dot."""
    largest: int = 1 << 25
    """Bytes of a file above which it counts as one that cannot be read."""

    def digest(self) -> str:
        """Return the digest of the files' names and bytes and of the options; raises DataError, IntegrityError."""
        files = {self._name(file): digest_file(file) if file.is_file() else None for file in self._files()}
        return self.as_promised(self.path, sha256(canonical([files, self.ending, self.largest])))

    def columns(self) -> list[str]:
        """Return the fields that files give."""
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of files, in the order of their paths; see `audit.data.source.DataSource`."""
        for name in role.fields:
            if name not in _FIELDS and name not in role.optional:
                raise DataError(f"{self.path}: files have no field {name!r}{did_you_mean(name, _FIELDS)}")
        rows = islice(self._files(), limit)
        if self.sha256 is not None:
            self.digest()
        wanted, seen = [name for name in _FIELDS if name in role.fields], dict[str, str]()
        chunks = iter(lambda: list(islice(rows, _ROWS)), [])
        return frames_of(self.path, ((self._cells(wanted, chunk, seen), None) for chunk in chunks), role)

    def _files(self) -> Iterator[Path]:
        """Return the files, sorted by path; raises DataError where there are none or one lies outside."""
        if self.path.is_file():
            return iter([self.path])
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder or file; allowed: a folder of files, or a file")
        files = sorted(
            one for one in self.path.rglob("*")
            if not one.is_dir() and not one.name.startswith(".") and one.name.endswith(self.ending or "")
        )  # fmt: skip
        if not files:
            raise DataError(f"{self.path}: no file in it; allowed: {self.ending or 'any file'}")
        home = self.path.resolve()
        for file in files:
            if file.exists() and not file.resolve().is_relative_to(home):
                raise DataError(f"{file}: leads out of the folder")
        return iter(files)

    def _name(self, file: Path) -> str:
        return file.name if file == self.path else file.relative_to(self.path).as_posix()

    def _cells(self, wanted: list[str], files: list[Path], seen: dict[str, str]) -> dict[str, list[Any]]:
        names = [self._name(file) for file in files]
        read = [self._bytes(file) for file in files]
        made: dict[str, list[Any]] = {
            "file": [base64.b64encode(data).decode("ascii") or None for data in read],
            "name": names,
            "label": [name.rpartition("/")[0] or None for name in names],
            "unit": [seen.setdefault(sha256(data), name) for data, name in zip(read, names, strict=True)],
        }
        return {name: made[name] for name in wanted}

    def _bytes(self, file: Path) -> bytes:
        """Return a file's bytes, none where they are too many or it has none to read."""
        if not file.is_file():
            return b""
        with readable(file):
            return b"" if file.stat().st_size > self.largest else read_regular(file, self.largest)
