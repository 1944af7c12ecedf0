"""A small image classifier: it models P(Y|X), and says nothing of P(X)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu

from audit.models.opened.draws import chunks
from audit.models.opened.items import grey_images
from audit.models.opened.likelihoods import unit_levels

__all__ = ["ClassifierNetwork", "ImageClassifier"]


class ClassifierNetwork(nn.Module):  # type: ignore[misc]
    """Two convolutions and a layer of features over integers [row, column] below `levels`."""

    def __init__(self, side: int, levels: int, width: int, features: int, classes: list[str]) -> None:
        super().__init__()
        self.shape, self.levels, self.classes = (side, side), levels, tuple(classes)
        self.first = nn.Conv2d(1, width, 3, padding=1)
        self.second = nn.Conv2d(width, 2 * width, 3, padding=1, stride=2)
        self.third = nn.Linear(2 * width * ((side + 1) // 2) ** 2, features)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(features, len(classes))

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return int64 [item, row, column]; raises ModelError for another shape or other levels."""
        return grey_images(items, self.shape, self.levels)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return [item, features] for integers [item, row, column]."""
        h = gelu(self.second(gelu(self.first(unit_levels(x, self.levels)[:, None]))))
        return gelu(self.third(self.drop(h.flatten(1))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [item, class]."""
        return self.head(self.drop(self.features(x)))


class Classifying(Protocol):
    """What gives logits and features: our own network, or one of transformers."""

    classes: tuple[str, ...]

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as a tensor."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return [item, features]."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [item, class]."""


class ImageClassifier:
    """A classifier that can be asked for probabilities, logits and features."""

    family = "image_classifier"
    modality = "image"
    missing = dict.fromkeys(
        ("log_prob", "trace", "sample"), "a classifier models P(Y|X): it has no likelihood of X and draws nothing"
    )

    def __init__(self, network: Classifying, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics
        self.classes = network.classes

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the items as the network takes them."""
        return self.network.prepare(items).to(self.numerics["device"])

    def predict(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return probabilities [item, class], float64; rows sum to one."""
        return self.logits(items).double().softmax(-1)

    def logits(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return what the softmax is taken of, [item, class]; energy is -logsumexp of a row."""
        return self._over(items, self.network)

    def embed(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return the features before the last layer, [item, dim]."""
        return self._over(items, self.network.features)

    def _over(self, items: Sequence[np.ndarray], answer: Any) -> torch.Tensor:
        ready = self.prepare(items)
        with torch.inference_mode():
            return torch.cat([answer(x) for x in chunks(ready, max(2**13, 4 * ready[0].numel()))])
