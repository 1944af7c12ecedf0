"""A generative adversarial network: it draws, its critic judges, and it has no likelihood.

    model: {use: gan, path: ./gan}       our own folder; with an encoder where it was trained with one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.gan import ImageGAN

__all__ = ["GANFolder"]


@immutable
class GANFolder(ModelFolder):
    """Options of a GAN."""

    family: ClassVar[str] = "gan"

    def open(self) -> ImageGAN:
        """Return the model; raises ModelError."""
        from audit.models.opened.gan import EncodedGAN, GANNetwork, ImageGAN

        device, numerics = self.settle()
        network = self.load(GANNetwork, device)
        made = ImageGAN if network.encoder is None else EncodedGAN
        return made(network, **self.facts(numerics))
