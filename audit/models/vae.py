"""A variational autoencoder: log p(x) >= E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)), with p(x|z) explicit.

    model: {use: vae, path: ./vae}       our own folder, or a diffusers AutoencoderKL
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from audit.models.folder import ModelFolder

if TYPE_CHECKING:
    from audit.models.networks.vae import ImageVAE

__all__ = ["VAEFolder"]


@dataclass(frozen=True)
class VAEFolder(ModelFolder):
    """Options of a variational autoencoder."""

    scale: float = 0.1
    """Scale of the logistic around an AutoencoderKL's output, in units of [-1, 1]; ours has a p(x|z) of its own."""

    family: ClassVar[str] = "vae"

    def __post_init__(self) -> None:
        """Refuse a scale that gives no distribution."""
        super().__post_init__()
        if self.scale <= 0:
            raise ValueError(f"scale is {self.scale:g}; allowed: above 0")

    def open(self) -> ImageVAE:
        """Return the model; raises ModelError."""
        from audit.models.networks.vae import ImageVAE, VAENetwork

        device, numerics = self.settle()
        config = self.config()
        if "_class_name" not in config:
            return ImageVAE(self.load(VAENetwork, device), **self.facts(numerics))
        from audit.models.networks.from_diffusers import Autoencoder

        self.one_of(config, "AutoencoderKL")
        return ImageVAE(Autoencoder(self.path, self.scale, device), **self.facts(numerics))
