"""Trainers of rows, of a table or of features: two that tell what is novel, and a classifier, which is P(Y|X).

    trainer: {use: autoregressive_rows, width: 128}
"""

from __future__ import annotations

from typing import ClassVar

from audit.probe import Role
from audit.trainer import Budget, Fitted, Lesson
from audit.trainers.arrays import ROWS, at_least, label_parts, row_parts
from detectors.immutable import immutable

__all__ = ["RowClassifierTrainer", "RowTrainer", "TimeTrainer"]


@immutable(kw_only=True)
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


@immutable(kw_only=True)
class RowTrainer:
    """A density of rows, each number a mixture of Gaussians given those to its left: its log p is exact."""

    width: int = 128
    """Inner numbers of each of two layers."""
    components: int = 5
    """Gaussians of a number's density."""
    noise: float = 0.1
    """Standard deviations of noise in every number, without which numbers of few values have no density."""
    dropout: float = 0.1
    """Share of inner numbers that a step of training leaves out."""
    batch: int = 64
    """Rows of a step of training."""

    makes: ClassVar[str] = "autoregressive_rows"
    opens: ClassVar[str] = ""
    role: ClassVar[Role] = ROWS

    def __post_init__(self) -> None:
        """Refuse sizes that no network has, and no noise."""
        at_least(1, width=self.width, components=self.components, batch=self.batch)
        if self.noise <= 0:
            raise ValueError(f"noise is {self.noise:g}; allowed: above 0")

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_rows

        return fit_rows(
            row_parts(lesson), lesson, budget, width=self.width, components=self.components, noise=self.noise,
            dropout=self.dropout, batch=self.batch,
        )


@immutable(kw_only=True)
class RowClassifierTrainer:
    """A classifier of two layers, P(Y|X): it knows the labels, and says nothing of P(X)."""

    width: int = 64
    """Inner numbers of each layer."""
    dropout: float = 0.3
    """Share of inner numbers that a step of training leaves out."""
    batch: int = 64
    """Rows of a step of training."""

    makes: ClassVar[str] = "row_classifier"
    opens: ClassVar[str] = ""
    role: ClassVar[Role] = ROWS

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        at_least(1, width=self.width, batch=self.batch)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError, also where items have no labels."""
        from audit.trainers.networks import fit_row_classifier

        return fit_row_classifier(
            row_parts(lesson), label_parts(lesson), lesson, budget, width=self.width,
            dropout=self.dropout, batch=self.batch,
        )
