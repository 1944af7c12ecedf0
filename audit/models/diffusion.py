"""A diffusion model in pixel space: noise is taken away step by step, and the steps bound the likelihood.

    model: {use: diffusion, path: ./ddpm}       our own folder, or a diffusers pipeline of UNet2DModel and scheduler
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.diffusion import ImageDiffusion

__all__ = ["DiffusionFolder"]


@immutable
class DiffusionFolder(ModelFolder):
    """Options of a diffusion model."""

    family: ClassVar[str] = "diffusion"

    def open(self) -> ImageDiffusion:
        """Return the model; raises ModelError."""
        from audit.models.opened.denoisers import ConvDenoiser
        from audit.models.opened.diffusion import GreyDenoiser, ImageDiffusion

        device, numerics = self.settle()
        if "_class_name" not in self.config():
            return ImageDiffusion(GreyDenoiser(self.load(ConvDenoiser, device)), **self.facts(numerics))
        from audit.models.opened.from_diffusers import PixelDenoiser

        return ImageDiffusion(PixelDenoiser(self.path, device), **self.facts(numerics))
