"""An autoregressive series model: every step given those before it, as a density, so log p(x) is exact.

    model: {use: autoregressive_series, path: ./series}      our own folder
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.autoregressive_series import SeriesModel

__all__ = ["SeriesTransformerFolder"]


@immutable
class SeriesTransformerFolder(ModelFolder):
    """Options of an autoregressive model of real-valued series of one length."""

    family: ClassVar[str] = "autoregressive_series"
    modality: ClassVar[str] = "series"

    def open(self) -> SeriesModel:
        """Return the model; raises ModelError."""
        from audit.models.opened.autoregressive_series import SeriesModel
        from audit.models.opened.series_transformer import SeriesTransformer

        device, numerics = self.settle()
        return SeriesModel(self.load(SeriesTransformer, device), **self.facts(numerics))
