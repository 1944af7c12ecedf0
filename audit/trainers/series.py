"""The trainer of series: a causal transformer with a mixture of Gaussians for every next step.

    trainer: {use: autoregressive_series, components: 5}
"""

from __future__ import annotations

from typing import ClassVar

from audit.probe import Role
from audit.trainer import Budget, Fitted, Lesson
from audit.trainers.arrays import SERIES, at_least, series_parts
from detectors.immutable import immutable

__all__ = ["SeriesTrainer"]


@immutable(kw_only=True)
class SeriesTrainer:
    """A transformer over the steps of series of one length: its log density is exact, in the series' own unit."""

    width: int = 48
    """Numbers that stand for a step; a multiple of four, for as many heads."""
    blocks: int = 2
    """Layers of attention."""
    components: int = 5
    """Gaussians of a step's density."""
    dropout: float = 0.0
    """Share of inner numbers that a step of training leaves out."""
    batch: int = 64
    """Series of a step of training."""

    makes: ClassVar[str] = "autoregressive_series"
    opens: ClassVar[str] = ""
    role: ClassVar[Role] = SERIES

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        at_least(1, width=self.width, blocks=self.blocks, components=self.components, batch=self.batch)
        if self.width % 4:
            raise ValueError(f"width is {self.width}; allowed: a multiple of 4")

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_series

        return fit_series(
            series_parts(lesson), lesson, budget, width=self.width, blocks=self.blocks, components=self.components,
            dropout=self.dropout, batch=self.batch,
        )
