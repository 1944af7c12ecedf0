"""A published file whose fields are not columns, but are made of several."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from audit.data.columns import FileFormat, read_columns, require_column
from audit.data.ids import Cells, frames_of
from audit.data.tabular import File, KnownLayout
from audit.errors import DataError, did_you_mean
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["Rewritten", "require_fields"]


@immutable
class Rewritten(KnownLayout):
    """A file with known columns, and the function that makes fields of them."""

    path: Path
    """The published file."""

    layout: ClassVar[str]
    """What it is called."""
    format: ClassVar[FileFormat]
    """How it is written."""
    wanted: ClassVar[tuple[str, ...]]
    """Columns that the layout has."""
    given: ClassVar[tuple[str, ...]]
    """Fields that come out."""

    @abstractmethod
    def fields_of(self, cells: Cells) -> Cells:
        """Return field -> cells, for `given`, of a batch of rows."""

    def _file(self) -> File:
        return File(self.path, self.format, sha256=self.sha256)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        columns = self.columns()
        for column in self.wanted:
            require_column(self.path, column, columns, "the published layout", self.wanted)
        require_fields(self.path, self.layout, self.given, role)
        read = read_columns(self.path, self.format, self.wanted, limit=limit)
        return frames_of(self.path, ((self.fields_of(cells), None) for cells in read), role)


def require_fields(path: Path, layout: str, given: tuple[str, ...], role: Role) -> None:
    """Raise DataError for a field that a role must have and a layout has not."""
    for name in sorted(role.fields.keys() - role.optional - set(given)):
        raise DataError(f"{path}: {layout} has no field {name!r}{did_you_mean(name, given)}")
