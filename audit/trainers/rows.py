"""The trainer of rows: a classifier of diffusion time (DTE-C), for tables and for features of audio.

    trainer: {use: diffusion_time, width: 256}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from audit.probe import Role
from audit.trainer import Budget, Fitted, Lesson
from audit.trainers.arrays import ROWS, at_least, row_parts

__all__ = ["TimeTrainer"]


@dataclass(frozen=True, kw_only=True)
class TimeTrainer:
    """A small network that tells how much noise was put into a row; it standardises rows by those it learns from."""

    width: int = 256
    """Inner numbers of each of three layers."""
    bins: int = 7
    """Stretches of time that are told apart."""
    dropout: float = 0.5
    """Share of inner numbers that a step of training leaves out."""
    batch: int = 64
    """Rows of a step of training."""

    makes: ClassVar[str] = "diffusion_time"
    opens: ClassVar[str] = ""
    role: ClassVar[Role] = ROWS

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        at_least(1, width=self.width, batch=self.batch)
        at_least(2, bins=self.bins)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_times

        return fit_times(
            row_parts(lesson), lesson, budget, width=self.width, bins=self.bins, dropout=self.dropout, batch=self.batch
        )
