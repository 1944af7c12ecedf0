"""An autoregressive image model: every pixel given those before it, so log p(x) is exact and drawing is sequential.

    model: {use: autoregressive_image, path: ./pixels}      our own folder, or a transformers ImageGPT
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.autoregressive_image import ImageTransformer

__all__ = ["ImageTransformerFolder"]


@immutable
class ImageTransformerFolder(ModelFolder):
    """Options of an autoregressive image model; an ImageGPT's items are integers, the colour cluster of each pixel."""

    family: ClassVar[str] = "autoregressive_image"

    def open(self) -> ImageTransformer:
        """Return the model; raises ModelError."""
        from audit.models.opened.autoregressive_image import ImageTransformer
        from audit.models.opened.pixel_transformer import PixelTransformer

        device, numerics = self.settle()
        if "model_type" not in self.config():
            return ImageTransformer(self.load(PixelTransformer, device), **self.facts(numerics))
        from audit.models.opened.from_imagegpt import ImageGPTNetwork

        return ImageTransformer(ImageGPTNetwork(self.path, device), **self.facts(numerics))
