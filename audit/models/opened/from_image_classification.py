"""An image classifier of transformers (`...ForImageClassification`): its logits, and the features behind them.

    item -> [0, 1] -> the size that the model takes -> (x - mean) / std -> logits

Whole numbers are pixels from 0 to 255, other numbers from -1 to 1, as diffusion models draw them. Mean, deviation and
size come from preprocessor_config.json; without one, (x - 0.5) / 0.5 and the size that config.json names. Images are
resized bilinearly, smoothed where they shrink; a grey one stands for all three colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from audit.errors import ModelError
from audit.models.building import counted
from audit.models.classifier import check_labels
from audit.models.files import read_json, require_safetensors

__all__ = ["ImageClassificationNetwork"]


class ImageClassificationNetwork:
    """Gives logits [item, class] and features [item, dim] of images."""

    def __init__(self, folder: Path, device: str) -> None:
        require_safetensors(folder)
        from transformers import AutoModelForImageClassification

        from audit.models.text.weights import config_of

        try:
            config = config_of(folder)
            check_labels(folder, config, "ForImageClassification")
            with counted(folder):
                model, told = AutoModelForImageClassification.from_pretrained(
                    folder, config=config, use_safetensors=True, local_files_only=True, trust_remote_code=False,
                    dtype=torch.float32, output_loading_info=True,
                )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise ModelError(f"{folder}: cannot be opened ({' '.join(str(error).split())[:200]})") from None
        if told["missing_keys"]:
            raise ModelError(f"{folder}: weights lack {min(told['missing_keys'])}; allowed: all that config.json names")
        self._model = model.to(device).eval().requires_grad_(False)
        self.classes = tuple(str(config.id2label[place]) for place in range(config.num_labels))
        self._head = self._last_layer(folder, config.num_labels)
        shown = folder / "preprocessor_config.json"
        facts = read_json(shown) if shown.is_file() else {}
        self._channels = int(getattr(config, "num_channels", 3))
        self._size = _size(facts.get("size"), getattr(config, "image_size", None))
        self._mean, self._std = (
            torch.tensor(facts.get(key) or [0.5] * self._channels).view(-1, 1, 1) for key in ("image_mean", "image_std")
        )

    def prepare(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return float32 [item, channel, row, column] as the model takes them; ModelError for what is no image."""
        return torch.stack([(self._fitted(item) - self._mean) / self._std for item in items])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits [item, class]."""
        logits: torch.Tensor = self._model(pixel_values=x).logits
        return logits

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the last layer is given, [item, dim]."""
        seen: list[torch.Tensor] = []
        hook = self._head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        try:
            self(x)
        finally:
            hook.remove()
        return seen[-1].flatten(1)

    def _last_layer(self, folder: Path, classes: int) -> nn.Linear:
        layers = [one for one in self._model.modules() if isinstance(one, nn.Linear) and one.out_features == classes]
        if not layers:
            raise ModelError(f"{folder}: no linear layer ends in its {classes} classes; allowed: a network with one")
        return layers[-1]

    def _fitted(self, item: np.ndarray) -> torch.Tensor:
        """Return an image as float32 [channel, row, column] in [0, 1], of the model's channels and size."""
        image = np.asarray(item)
        image = image[None] if image.ndim == 2 else image
        if image.ndim != 3 or len(image) not in (1, self._channels):
            allowed = f"[row, column], [1, row, column] or [{self._channels}, row, column]"
            raise ModelError(f"an item has shape {list(np.shape(item))}; allowed: {allowed}")
        low, high = (0, 255) if image.dtype.kind in "iu" else (-1, 1)
        if not (image.min() >= low and image.max() <= high):
            got = f"{image.dtype} from {image.min():g} to {image.max():g}"
            raise ModelError(f"pixels are {got}; allowed: integers from 0 to 255, or floats from -1 to 1")
        x = torch.from_numpy((image.astype(np.float32) - low) / (high - low)).expand(self._channels, -1, -1)
        if self._size is None or tuple(x.shape[1:]) == self._size:
            return x
        return interpolate(x[None], self._size, mode="bilinear", antialias=True)[0]


def _size(told: Any, own: Any) -> tuple[int, int] | None:
    """Return (rows, columns): those of the preprocessor, else those of the network; None where any will do."""
    if isinstance(told, dict):
        side = told.get("shortest_edge")
        told = (told.get("height", side), told.get("width", side))
    size = told or own
    if isinstance(size, int):
        return size, size
    return (int(size[0]), int(size[1])) if size and None not in size else None
