"""A generative adversarial network: it draws, its critic judges, and it has no likelihood.

    model: {use: gan, path: ./gan}       our own folder
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder

if TYPE_CHECKING:
    from audit.models.networks.gan import ImageGAN

__all__ = ["GANFolder"]


@dataclass(frozen=True)
class GANFolder(ModelFolder):
    """Options of a GAN."""

    family: ClassVar[str] = "gan"

    def open(self) -> ImageGAN:
        """Return the model; raises ModelError."""
        from audit.models.networks.gan import GANNetwork, ImageGAN

        device, numerics = self.settle()
        return ImageGAN(self.load(GANNetwork, device), **self.facts(numerics))
