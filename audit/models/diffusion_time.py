"""A classifier of diffusion time (DTE-C): what looks noisy to it is far from what was learnt. It is no density.

    model: {use: diffusion_time, path: ./times}       our own folder, as `dokimasia fit` makes it
    probe: {use: novelty.likelihood, score: critic}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.diffusion_time import DiffusionTimes

__all__ = ["DiffusionTimeFolder"]


@immutable
class DiffusionTimeFolder(ModelFolder):
    """Options of a classifier of diffusion time."""

    family: ClassVar[str] = "diffusion_time"
    modality: ClassVar[str] = "tabular"

    def open(self) -> DiffusionTimes:
        """Return the model; raises ModelError."""
        from audit.models.opened.diffusion_time import DiffusionTimes, TimeClassifier

        device, numerics = self.settle()
        return DiffusionTimes(self.load(TimeClassifier, device), **self.facts(numerics))
