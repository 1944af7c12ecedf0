"""What every data source is: items by role in frames of bounded size, a digest, a licence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from audit.data.columns import readable
from audit.errors import IntegrityError
from audit.files import digest_file
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["DataSource", "Source"]


@runtime_checkable
class DataSource(Protocol):
    """A frozen dataclass of options, named by an entry point in `dokimasia.data`; importing it is light."""

    sha256: str | None
    licence: str | None
    cite: str | None

    def digest(self) -> str:
        """Return `sha256:...` of the file's bytes and of the options that change items; raises as `batches` does."""

    def columns(self) -> list[str]:
        """Return the names of the file's columns; raises DataError where it cannot be read."""

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return the first `limit` items, in the file's order, as frames of at most 4,096 rows indexed by item `id`.

        Columns are the role's fields that the source has, the same in every frame, and `unit` in one that repeats an
        item and names no unit for it: equal items are one, unless they have ids of their own or `Role.repeats`. Cells
        are str, int or list, in optional fields also None. Digest and columns are looked at before this returns. Raises
        DataError for what is not as the options say, IntegrityError for a file that is not the promised one.
        """


@immutable(kw_only=True)
class Source:
    """What every source may say of itself."""

    sha256: str | None = None
    """Digest that the items must have, with or without `sha256:` before it."""
    licence: str | None = None
    """Terms of use, for the record."""
    cite: str | None = None
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ()
    """What is known to be wrong with these data, as keys of remarks that are told before the numbers."""

    def as_promised(self, what: object, got: str) -> str:
        """Return the digest that `what` has; raises IntegrityError where another was promised."""
        if self.sha256 is not None and self.sha256.removeprefix("sha256:").lower() != got.removeprefix("sha256:"):
            raise IntegrityError(f"{what}: digest is {got}; promised was {self.sha256}")
        return got

    def _digest_of(self, path: Path) -> str:
        """Return the digest of the file's bytes; raises IntegrityError where another was promised."""
        with readable(path):
            return self.as_promised(path, digest_file(path))
