"""A diffusion model in the latent space of an autoencoder.

    model: {use: latent_diffusion, path: ./ldm}   our own folder, or a diffusers pipeline of AutoencoderKL, UNet2DModel
                                                  and scheduler
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import AutoencoderFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.latent_diffusion import ImageLatentDiffusion

__all__ = ["LatentDiffusionFolder"]


@immutable
class LatentDiffusionFolder(AutoencoderFolder):
    """Options of a latent diffusion model."""

    family: ClassVar[str] = "latent_diffusion"

    def open(self) -> ImageLatentDiffusion:
        """Return the model; raises ModelError."""
        from audit.models.opened.latent_diffusion import ImageLatentDiffusion, LatentNetwork

        device, numerics = self.settle()
        if "_class_name" not in self.config():
            return ImageLatentDiffusion(self.load(LatentNetwork, device), **self.facts(numerics))
        from audit.models.opened.from_diffusers import LatentPipeline

        return ImageLatentDiffusion(LatentPipeline(self.path, self.scale, device), **self.facts(numerics))
