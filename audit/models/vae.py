"""A variational autoencoder: log p(x) >= E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)), with p(x|z) explicit.

    model: {use: vae, path: ./vae}       our own folder, or a diffusers AutoencoderKL
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import AutoencoderFolder
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.vae import ImageVAE

__all__ = ["VAEFolder"]


@immutable
class VAEFolder(AutoencoderFolder):
    """Options of a variational autoencoder."""

    family: ClassVar[str] = "vae"

    def open(self) -> ImageVAE:
        """Return the model; raises ModelError."""
        from audit.models.opened.vae import ImageVAE, VAENetwork

        device, numerics = self.settle()
        config = self.config()
        if "_class_name" not in config:
            return ImageVAE(self.load(VAENetwork, device), **self.facts(numerics))
        from audit.models.opened.from_diffusers import Autoencoder

        self.one_of(config, "AutoencoderKL")
        return ImageVAE(Autoencoder(self.path, self.scale, device), **self.facts(numerics))
