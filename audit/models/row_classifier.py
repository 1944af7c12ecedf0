"""A classifier of rows of a table, P(Y|X), for contrast with the models of P(X).

    model: {use: row_classifier, path: ./classifier}       our own folder, as `dokimasia fit` makes it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.row_classifier import RowClassifier

__all__ = ["RowClassifierFolder"]


@immutable
class RowClassifierFolder(ModelFolder):
    """Options of a classifier of rows."""

    family: ClassVar[str] = "row_classifier"
    modality: ClassVar[str] = "tabular"

    def open(self) -> RowClassifier:
        """Return the model; raises ModelError."""
        from audit.models.opened.row_classifier import RowClassifier, RowClassifierNetwork

        device, numerics = self.settle()
        return RowClassifier(self.load(RowClassifierNetwork, device), **self.facts(numerics))
