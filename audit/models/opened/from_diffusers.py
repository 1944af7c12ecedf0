"""Models in the layout of diffusers: read as JSON and safetensors, asked like our own.

Items are floats [channel, row, column] in [-1, 1]. Where a likelihood is asked they count as the nearest of 256 levels.
Time t in [0, 1] is step round(t (T - 1)) of the T that the scheduler was trained with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audit.errors import ModelError
from audit.models.building import counted
from audit.models.files import check_settings, check_sizes, read_json, require_safetensors
from audit.models.opened.items import unit_images
from audit.models.opened.likelihoods import DiscretizedLogistic
from audit.models.opened.vae import Autoencoding

__all__ = ["Autoencoder", "LatentPipeline", "PixelDenoiser"]

_LEVELS = 256


def _component(folder: Path, name: str, device: str) -> Any:
    """Return the diffusers model of class `name` in a folder; raises ModelError where it is another or does not fit."""
    try:
        import diffusers
    except ImportError:
        raise ModelError(f"{folder}: needs the extra: pip install dokimasia[images]") from None
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_json(folder / "config.json")
    if config.get("_class_name") != name:
        raise ModelError(f"{folder}: holds a {config.get('_class_name')}; allowed: {name}")
    require_safetensors(folder)
    check_settings(folder)
    files = sorted(folder.glob("*.safetensors"))
    if len(files) > 1:
        raise ModelError(f"{folder}: {len(files)} files of weights; allowed: one")
    try:
        with counted(folder), torch.device("meta"):
            made = getattr(diffusers, name).from_config(config)
        made.load_state_dict({key: value.float() for key, value in load_file(files[0]).items()}, assign=True)
    except (TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder}: weights and config.json do not fit: {str(error).splitlines()[0]}") from None
    return made.to(device).eval().requires_grad_(False)


class Autoencoder:
    """An AutoencoderKL whose p(x|z) is a discretised logistic of a stated scale around its output."""

    def __init__(self, folder: Path, scale: float, device: str, side: int | None = None) -> None:
        """Read the model; `side` is the images' width where the config's own is not meant (in a pipeline)."""
        self._model = _component(folder, "AutoencoderKL", device)
        self._scale = scale
        config = self._model.config
        size, shrink = side or config.sample_size, 2 ** (len(config.block_out_channels) - 1)
        self.shape: tuple[int, ...] = (config.in_channels, size, size)
        self.noise_shape: tuple[int, ...] = (config.latent_channels, size // shrink, size // shrink)
        self.latent = math.prod(self.noise_shape)
        self.scaling, self.shift = config.scaling_factor or 1.0, config.get("shift_factor") or 0.0

    def parameters(self) -> Iterator[torch.Tensor]:
        """Yield what was learnt."""
        yield from self._model.parameters()

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return float32 [item, channel, row, column]."""
        return unit_images(items, self.shape)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and std of q(z|x), each [item, latent]."""
        posterior = self._model.encode(x).latent_dist
        return posterior.mean.flatten(1), posterior.std.flatten(1)

    def decode(self, z: torch.Tensor) -> DiscretizedLogistic:
        """Return p(x|z) for z [item, latent]."""
        middle = self._model.decode(z.unflatten(1, self.noise_shape)).sample.clamp(-1, 1)
        return DiscretizedLogistic(middle, self._scale, _LEVELS)


class _Steps:
    """A trained denoiser and its schedule, asked at t in [0, 1] for noise whatever it was trained to predict."""

    def __init__(self, folder: Path, device: str) -> None:
        self.unet = _component(folder / "unet", "UNet2DModel", device)
        import diffusers

        kind: Any = diffusers.DDPMScheduler
        schedule = folder / "scheduler" / "scheduler_config.json"
        check_sizes(schedule)
        scheduler = kind.from_config(read_json(schedule))
        self.kept = scheduler.alphas_cumprod.double().to(device)
        self.predicts = scheduler.config.prediction_type
        if self.predicts not in ("epsilon", "v_prediction", "sample"):
            raise ModelError(f"{folder}: predicts {self.predicts!r}; allowed: epsilon, sample, v_prediction")
        if self.kept[-1] <= 0:
            raise ModelError(f"{folder}: no signal is left at the last step; allowed: schedules that keep some")
        size, inner = self.unet.config.sample_size, self.unet.config.in_channels
        if size is None or self.unet.config.out_channels != inner:
            raise ModelError(f"{folder}: the UNet has no sample_size or predicts a variance; allowed: noise, one size")
        self.shape: tuple[int, ...] = (inner, *([size, size] if isinstance(size, int) else size))

    def schedule(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (alpha, sigma), each [item] float32, at t [item]."""
        kept = self.kept[self._index(t)]
        return kept.sqrt().float(), (1 - kept).sqrt().float()

    def denoise(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in x [item, channel, row, column] at t [item]."""
        said = self.unet(x, self._index(t)).sample
        if self.predicts == "epsilon":
            return said
        alpha, sigma = (part.view(-1, 1, 1, 1) for part in self.schedule(t))
        return alpha * said + sigma * x if self.predicts == "v_prediction" else (x - alpha * said) / sigma

    def _index(self, t: torch.Tensor) -> torch.Tensor:
        return (t.to(self.kept.device) * (len(self.kept) - 1)).round().long()


class PixelDenoiser(_Steps):
    """A pipeline of UNet2DModel and scheduler: diffusion of the pixels themselves."""

    levels = _LEVELS

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return x_0 [item, channel, row, column], the items themselves."""
        return unit_images(items, self.shape)

    def restore(self, x: torch.Tensor) -> np.ndarray:
        """Return float32 [item, channel, row, column] in [-1, 1]."""
        images: np.ndarray = x.clamp(-1, 1).cpu().numpy()
        return images


class LatentPipeline:
    """A pipeline of AutoencoderKL, UNet2DModel and scheduler; latents are flattened to [item, latent]."""

    def __init__(self, folder: Path, scale: float, device: str) -> None:
        self._steps = _Steps(folder, device)
        home = next((folder / name for name in ("vae", "vqvae") if (folder / name).is_dir()), folder / "vae")
        blocks = read_json(home / "config.json").get("block_out_channels", [0])
        side = self._steps.shape[-1] * 2 ** (len(blocks) - 1)
        autoencoder = Autoencoder(home, scale, device, side)
        self.autoencoder: Autoencoding = autoencoder
        self.schedule, self.noise_shape = self._steps.schedule, self._steps.shape
        self.scale: torch.Tensor | float = autoencoder.scaling
        self.shift: torch.Tensor | float = autoencoder.shift

    def denoise(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Return the predicted noise in scaled latents [item, latent] at t [item]."""
        return self._steps.denoise(x.unflatten(1, self._steps.shape), t).flatten(1)
