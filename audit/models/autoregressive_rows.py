"""A density of rows of a table, number by number: log p is exact.

    model: {use: autoregressive_rows, path: ./rows}       our own folder, as `dokimasia fit` makes it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.row_mixture import RowDensity

__all__ = ["RowMixtureFolder"]


@immutable
class RowMixtureFolder(ModelFolder):
    """Options of an autoregressive model of rows."""

    family: ClassVar[str] = "autoregressive_rows"
    modality: ClassVar[str] = "tabular"

    def open(self) -> RowDensity:
        """Return the model; raises ModelError."""
        from audit.models.opened.row_mixture import RowDensity, RowMixture

        device, numerics = self.settle()
        return RowDensity(self.load(RowMixture, device), **self.facts(numerics))
