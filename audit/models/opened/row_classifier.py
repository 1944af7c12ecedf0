"""A small classifier of rows of a table: it models P(Y|X), and says nothing of P(X)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu

from audit.models.opened.image_classifier import ImageClassifier
from audit.models.opened.items import number_rows

__all__ = ["RowClassifier", "RowClassifierNetwork"]


class RowClassifierNetwork(nn.Module):  # type: ignore[misc]
    """Two layers of features over rows, standardised by `centre` and `scale` of each number."""

    def __init__(self, numbers: int, width: int, classes: list[str], dropout: float = 0.0) -> None:
        super().__init__()
        self.numbers, self.classes = numbers, tuple(classes)
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        self.first, self.second = nn.Linear(numbers, width), nn.Linear(width, width)
        self.head, self.drop = nn.Linear(width, len(classes)), nn.Dropout(dropout)

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return float32 [item, number]; raises ModelError for another shape."""
        return number_rows(items, self.numbers, "row")

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return [item, width] of rows [item, number]."""
        return gelu(self.second(self.drop(gelu(self.first((x - self.centre) / self.scale)))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [item, class]."""
        return self.head(self.drop(self.features(x)))


class RowClassifier(ImageClassifier):
    """What can be asked of it is what can be asked of a classifier of images."""

    family = "row_classifier"
    modality = "tabular"
