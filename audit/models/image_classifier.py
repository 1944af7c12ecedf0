"""A classifier of images, P(Y|X), for contrast with the models of P(X).

    model: {use: image_classifier, path: ./classifier}       our own folder, or one of transformers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.image_classifier import ImageClassifier

__all__ = ["ImageClassifierFolder"]


@immutable
class ImageClassifierFolder(ModelFolder):
    """Options of an image classifier."""

    family: ClassVar[str] = "image_classifier"

    def open(self) -> ImageClassifier:
        """Return the model; raises ModelError."""
        from audit.models.opened.image_classifier import ClassifierNetwork, ImageClassifier

        device, numerics = self.settle()
        if "architectures" in self.config():
            from audit.models.opened.from_image_classification import ImageClassificationNetwork

            return ImageClassifier(ImageClassificationNetwork(self.path, device), **self.facts(numerics))
        return ImageClassifier(self.load(ClassifierNetwork, device), **self.facts(numerics))
