"""An ImageGPT of transformers (Chen et al. 2020): pixels are colour clusters, in raster order, after a start value."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from audit.errors import ModelError
from audit.models.building import counted
from audit.models.files import read_json, require_safetensors

__all__ = ["ImageGPTNetwork"]


class ImageGPTNetwork:
    """Gives logits over clusters for square images of integers [row, column]."""

    def __init__(self, folder: Path, device: str) -> None:
        kind = read_json(folder / "config.json").get("model_type")
        if kind != "imagegpt":
            raise ModelError(f"{folder}: holds a {kind}; allowed: imagegpt")
        require_safetensors(folder)
        from transformers import ImageGPTForCausalImageModeling

        from audit.models.text.weights import config_of

        options = {"config": config_of(folder), "use_safetensors": True, "local_files_only": True}
        with counted(folder):
            model, told = ImageGPTForCausalImageModeling.from_pretrained(
                folder, dtype=torch.float32, output_loading_info=True, **options
            )
        if told["missing_keys"]:
            raise ModelError(f"{folder}: weights lack {min(told['missing_keys'])}; allowed: all that config.json names")
        self._model = model.to(device).eval().requires_grad_(False)
        takes = inspect.signature(model.transformer.forward).parameters
        self._cache = "cache" if "cache" in takes else "past_key_values"  # its name before transformers 5.24
        side = math.isqrt(model.config.n_positions)
        self.shape, self.levels = (side, side), model.config.vocab_size - 1

    def parameters(self) -> Iterator[torch.Tensor]:
        """Yield what was learnt."""
        yield from self._model.parameters()

    def logits(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return [item, pixel, cluster] for pixels [item, pixel], the start value put before them."""
        return self._model.lm_head(self.hidden(pixels))

    def hidden(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the last hidden states [item, pixel, width]."""
        start = torch.full_like(pixels[:, :1], self.levels)
        given = torch.cat([start, pixels[:, :-1]], 1)
        return self._model.transformer(input_ids=given, use_cache=False).last_hidden_state

    def step(self, drawn: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """Return (logits [item, cluster] of the pixel that follows `drawn`, cache for the next)."""
        newest = drawn[:, -1:] if drawn.shape[1] else drawn.new_full((len(drawn), 1), self.levels)
        out = self._model.transformer(input_ids=newest, use_cache=True, **{self._cache: cache})
        return self._model.lm_head(out.last_hidden_state[:, -1]), out[self._cache]
