"""Trainers of images: five models of P(X), and a classifier, which is P(Y|X), beside them.

    trainer: {use: vae, latent: 16}

Images are grey and square, whole numbers from 0 up.
"""

from __future__ import annotations

from typing import ClassVar

from audit.probe import Role
from audit.trainer import Budget, Fitted, Lesson
from audit.trainers.arrays import IMAGES, at_least, image_parts, label_parts
from detectors.immutable import immutable

__all__ = ["ClassifierTrainer", "DiffusionTrainer", "GANTrainer", "LatentTrainer", "PixelTrainer", "VAETrainer"]


@immutable(kw_only=True)
class _ImageTrainer:
    """Options that all of them share."""

    levels: int | None = None
    """Grey levels of a pixel, 0 to levels - 1; absent = as many as the greatest number in the data asks for."""
    batch: int = 64
    """Images of a step."""

    opens: ClassVar[str] = ""
    role: ClassVar[Role] = IMAGES

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        at_least(1, batch=self.batch)
        if self.levels is not None:
            at_least(2, levels=self.levels)


@immutable(kw_only=True)
class PixelTrainer(_ImageTrainer):
    """A causal transformer over pixels in raster order: log p(x) is exact, and its cost grows fast with the side."""

    width: int = 64
    """Numbers that stand for a pixel; a multiple of four, for as many heads."""
    blocks: int = 2
    """Layers of attention."""
    dropout: float = 0.1
    """Share of inner numbers that a step of training leaves out."""

    makes: ClassVar[str] = "autoregressive_image"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, width=self.width, blocks=self.blocks)
        if self.width % 4:
            raise ValueError(f"width is {self.width}; allowed: a multiple of 4")

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_pixels

        images, levels = image_parts(lesson, self.levels)
        return fit_pixels(
            images, levels, lesson, budget, width=self.width, blocks=self.blocks, dropout=self.dropout, batch=self.batch
        )


@immutable(kw_only=True)
class VAETrainer(_ImageTrainer):
    """A variational autoencoder of two hidden layers: its evidence lower bound stands for log p(x)."""

    latent: int = 8
    """Numbers that an image is coded in."""
    hidden: int = 128
    """Width of the hidden layers."""
    dropout: float = 0.1
    """Share of inner numbers that a step of training leaves out."""

    makes: ClassVar[str] = "vae"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, latent=self.latent, hidden=self.hidden)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_vae

        images, levels = image_parts(lesson, self.levels)
        return fit_vae(
            images, levels, lesson, budget, latent=self.latent, hidden=self.hidden, dropout=self.dropout,
            batch=self.batch,
        )


@immutable(kw_only=True)
class DiffusionTrainer(_ImageTrainer):
    """A diffusion model of residual convolutions: the bound of its steps stands for log p(x)."""

    width: int = 48
    """Channels; a multiple of eight."""
    blocks: int = 4
    """Residual blocks."""

    makes: ClassVar[str] = "diffusion"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, width=self.width, blocks=self.blocks)
        if self.width % 8:
            raise ValueError(f"width is {self.width}; allowed: a multiple of 8")

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.networks import fit_denoiser

        images, levels = image_parts(lesson, self.levels)
        return fit_denoiser(images, levels, lesson, budget, width=self.width, blocks=self.blocks, batch=self.batch)


@immutable(kw_only=True)
class LatentTrainer(_ImageTrainer):
    """A diffusion model in the latents of a VAE, each trained for so many steps: a bound through both for log p(x)."""

    latent: int = 16
    """Numbers that an image is coded in."""
    hidden: int = 128
    """Width of the autoencoder's hidden layers."""
    width: int = 128
    """Width of the denoiser's layers."""
    blocks: int = 3
    """Residual blocks of the denoiser."""
    dropout: float = 0.1
    """Share of the autoencoder's inner numbers that a step of training leaves out."""

    makes: ClassVar[str] = "latent_diffusion"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, latent=self.latent, hidden=self.hidden, width=self.width, blocks=self.blocks)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.stages import fit_latent

        images, levels = image_parts(lesson, self.levels)
        return fit_latent(
            images, levels, lesson, budget, latent=self.latent, hidden=self.hidden, width=self.width,
            blocks=self.blocks, dropout=self.dropout, batch=self.batch,
        )


@immutable(kw_only=True)
class GANTrainer(_ImageTrainer):
    """A GAN of two hidden layers each: no likelihood; what is kept is where draws lie nearest to held-out images."""

    latent: int = 16
    """Numbers of noise."""
    hidden: int = 128
    """Width of the hidden layers of generator and critic."""
    encoder: bool = False
    """Whether an encoder is trained to the finished generator (f-AnoGAN), which tells the noise of an image at once."""

    makes: ClassVar[str] = "gan"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, latent=self.latent, hidden=self.hidden)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError."""
        from audit.trainers.stages import fit_gan

        images, levels = image_parts(lesson, self.levels)
        return fit_gan(
            images, levels, lesson, budget, latent=self.latent, hidden=self.hidden, encoder=self.encoder,
            batch=self.batch,
        )


@immutable(kw_only=True)
class ClassifierTrainer(_ImageTrainer):
    """A small convolutional classifier, P(Y|X): it knows the labels, and says nothing of P(X)."""

    width: int = 8
    """Channels of the first layer."""
    features: int = 32
    """Numbers before the last layer."""

    makes: ClassVar[str] = "image_classifier"

    def __post_init__(self) -> None:
        """Refuse sizes that no network has."""
        super().__post_init__()
        at_least(1, width=self.width, features=self.features)

    def fit(self, lesson: Lesson, budget: Budget) -> Fitted:
        """Return the trained model; raises DataError, also where items have no labels."""
        from audit.trainers.networks import fit_classifier

        images, levels = image_parts(lesson, self.levels)
        sizes = {"width": self.width, "features": self.features, "batch": self.batch}
        return fit_classifier(images, label_parts(lesson), levels, lesson, budget, **sizes)
