"""A classifier of images without training: the description that lies nearest to an image is its class.

    helpers:
      classifier: {use: zero_shot_image, path: ./clip, labels: {woman: a photo of a woman, man: a photo of a man}}

    p(label | image) = softmax over labels of s cos(image, description)        s: the model's own scale

A folder of transformers with a CLIPModel or a SiglipModel as safetensors (Radford et al. 2021, 2103.00020; Zhai et al.
2023, 2303.15343). It also embeds images, and texts beside them.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.zero_shot import ZeroShotEmbedder

__all__ = ["ZeroShotImageFolder"]


@immutable
class ZeroShotImageFolder(ModelFolder):
    """Options of a zero-shot classifier of images."""

    labels: dict[str, str] = field(default_factory=dict)
    """Class -> the text that describes it; none = it only embeds."""

    family: ClassVar[str] = "zero_shot_image"

    def __post_init__(self) -> None:
        """Refuse a single class, and texts that describe nothing."""
        super().__post_init__()
        if len(self.labels) == 1 or not all(text.strip() for text in self.labels.values()):
            raise ValueError(f"labels are {self.labels}; allowed: two or more, each with a text")

    def open(self) -> ZeroShotEmbedder:
        """Return the model; raises ModelError."""
        from audit.models.opened.zero_shot import ImageAndText, ZeroShotClassifier, ZeroShotEmbedder

        device, numerics = self.settle()
        self.config()
        network, facts = ImageAndText(self.path, device), self.facts(numerics)
        if not self.labels:
            return ZeroShotEmbedder(network, **facts)
        return ZeroShotClassifier(network, self.labels, **facts)
