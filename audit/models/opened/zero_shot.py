"""Models that put images and texts into one space (CLIP, SigLIP), and the classifier that this gives.

    image -> colours -> the size of the model -> (x - mean) / std -> vector of length 1

Whole numbers are levels from 0 to 255, other numbers go from -1 to 1, as diffusion models draw them; a grey image
stands for all three colours. Size, crop, mean and deviation come from the folder's preprocessor_config.json, and what
comes out is what transformers' own processor makes of the same image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from audit.errors import ModelError
from audit.models.building import counted
from audit.models.files import read_json, require_safetensors
from detectors.phrases import Cause

__all__ = ["ImageAndText", "Pixels", "ZeroShotClassifier", "ZeroShotEmbedder"]

_KINDS = ("CLIPModel", "SiglipModel")
_AT_ONCE = 32
_MOST_PIXELS = 1 << 24
_RESAMPLING = {0: "NEAREST", 1: "LANCZOS", 2: "BILINEAR", 3: "BICUBIC", 4: "BOX", 5: "HAMMING"}


class Pixels:
    """What a folder says of the images that its model takes."""

    def __init__(self, folder: Path) -> None:
        """Read the settings; raises ModelError where there are none, or none that an image could have."""
        told = next((one for one in ("preprocessor_config.json", "processor_config.json") if (folder / one).is_file()),
                    None)  # fmt: skip
        if told is None:
            raise ModelError(f"{folder}: no preprocessor_config.json; allowed: a folder that says what images it takes")
        facts = read_json(folder / told)
        facts = facts.get("image_processor", facts)
        size, crop = facts.get("size"), facts.get("crop_size") if facts.get("do_center_crop") else None
        size = {"shortest_edge": size} if isinstance(size, int) else size or {}
        self._edge = size.get("shortest_edge")
        crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
        shape = crop or {key: size.get(key, self._edge) for key in ("height", "width")}
        self.shape: tuple[int, int] = (int(shape["height"] or 0), int(shape["width"] or 0))
        if min(self.shape) < 1 or max(self.shape) > 1 << 12:
            raise ModelError(f"{folder / told}: images of {self.shape}; allowed: 1 to 4096 rows and columns")
        self._resampling = Image.Resampling[_RESAMPLING[facts.get("resample", 3)]]
        self._mean, self._std = (
            np.array(facts.get(key) or [0.5] * 3, np.float32).reshape(3, 1, 1) for key in ("image_mean", "image_std")
        )

    def __call__(self, item: np.ndarray) -> np.ndarray:
        """Return an image as float32 [3, row, column], as the model takes it; raises ModelError for what is none."""
        image = self._fitted(Image.fromarray(_levels(item)))
        x = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255
        return (x - self._mean) / self._std

    def _fitted(self, image: Image.Image) -> Image.Image:
        rows, columns = self.shape
        if self._edge is None:
            return image.resize((columns, rows), self._resampling)
        short = min(image.size)
        width, height = (self._edge if one == short else int(self._edge * one / short) for one in image.size)
        if width * height > _MOST_PIXELS:
            raise ModelError(f"an item has {image.size[1]} x {image.size[0]} pixels; allowed: sides more alike")
        image = image.resize((width, height), self._resampling)
        left, top = (width - columns) // 2, (height - rows) // 2
        return image.crop((left, top, left + columns, top + rows))


def _levels(item: np.ndarray) -> np.ndarray:
    """Return an image as uint8 [row, column, 3]; raises ModelError for what is none."""
    image = np.asarray(item)
    image = image[None] if image.ndim == 2 else image
    if image.ndim != 3 or len(image) not in (1, 3) or not image.size:
        raise ModelError(f"an item has shape {list(np.shape(item))}; allowed: [row, column] or [1 or 3, row, column]")
    low, high = (0, 255) if image.dtype.kind in "iu" else (-1, 1)
    if not (image.min() >= low and image.max() <= high):
        got = f"{image.dtype} from {image.min():g} to {image.max():g}"
        raise ModelError(f"pixels are {got}; allowed: integers from 0 to 255, or floats from -1 to 1")
    whole = np.rint((image.astype(np.float32) - low) * (255 / (high - low))).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(whole, (3, *whole.shape[1:])).transpose(1, 2, 0))


class ImageAndText:
    """Embeds images and texts into one space."""

    def __init__(self, folder: Path, device: str) -> None:
        """Open a folder of transformers; raises ModelError."""
        require_safetensors(folder)
        import transformers

        from audit.models.text.weights import config_of

        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        transformers.utils.logging.disable_progress_bar()
        self._device = device
        try:
            self._pixels = Pixels(folder)
            config = config_of(folder)
            kind = (config.architectures or ["nothing"])[0]
            if kind not in _KINDS:
                raise ModelError(f"{folder}: holds a {kind}; allowed: {', '.join(_KINDS)}")
            with counted(folder):
                model, told = getattr(transformers, kind).from_pretrained(
                    folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **local
                )
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **local)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
            raise ModelError(f"{folder}: cannot be opened ({' '.join(str(error).split())[:200]})") from None
        if told["missing_keys"]:
            raise ModelError(f"{folder}: weights lack {min(told['missing_keys'])}; allowed: all that config.json names")
        self._model = model.to(device).eval().requires_grad_(False)
        self._longest = int(config.text_config.max_position_embeddings)
        self._filled = kind == "SiglipModel"
        self.scale = float(model.logit_scale.exp())
        self.dim = self.texts(["a"]).shape[1]

    def images(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return vectors of length 1, [item, dim]."""
        return self._over(items, lambda some: self._model.get_image_features(
            pixel_values=torch.from_numpy(np.stack([self._pixels(one) for one in some])).to(self._device)
        ))  # fmt: skip

    def texts(self, items: Sequence[str]) -> torch.Tensor:
        """Return vectors of length 1, [item, dim]; what lies beyond the model's length is left out."""
        return self._over(items, lambda some: self._model.get_text_features(**self._tokens(some)))

    def _tokens(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Return texts as the model was trained on them: SigLIP looks at what fills them up, CLIP does not."""
        read = self._tokenizer(
            list(texts), padding="max_length" if self._filled else "longest", truncation=True,
            max_length=self._longest, return_tensors="pt",
        )  # fmt: skip
        names = ("input_ids",) if self._filled else ("input_ids", "attention_mask")
        return {name: read[name].to(self._device) for name in names}

    def _over(self, items: Sequence[Any], vectors: Any) -> torch.Tensor:
        if not items:
            return torch.empty(0, self.dim, dtype=torch.float64)
        with torch.inference_mode():
            found = [vectors(items[k : k + _AT_ONCE]).pooler_output for k in range(0, len(items), _AT_ONCE)]
            whole = torch.cat(found).double()
        return whole / whole.norm(dim=-1, keepdim=True)


class ZeroShotEmbedder:
    """Embeds images and texts."""

    family = "zero_shot_image"
    modality = "image"
    missing: Mapping[str, str] = dict.fromkeys(
        ("log_prob", "trace", "sample"), Cause("a model of images and their descriptions tells how likely none is")
    )

    def __init__(self, network: ImageAndText, *, name: str, fingerprint: str, numerics: dict[str, Any]) -> None:
        self.network, self.name, self.fingerprint, self.numerics = network, name, fingerprint, numerics

    def embed(self, items: Sequence[np.ndarray | str]) -> torch.Tensor:
        """Return vectors of length 1, [item, dim], of images and texts in one space."""
        texts = {k: one for k, one in enumerate(items) if isinstance(one, str)}
        images = {k: one for k, one in enumerate(items) if not isinstance(one, str)}
        whole = torch.empty(len(items), self.network.dim, dtype=torch.float64)
        whole[list(texts)] = self.network.texts(list(texts.values())).cpu()
        whole[list(images)] = self.network.images(list(images.values())).cpu()
        return whole


class ZeroShotClassifier(ZeroShotEmbedder):
    """Tells which description an image is nearest to."""

    def __init__(
        self, network: ImageAndText, labels: Mapping[str, str], *, name: str, fingerprint: str, numerics: dict[str, Any]
    ) -> None:
        """Embed the descriptions; classes are in the order of the alphabet."""
        super().__init__(network, name=name, fingerprint=fingerprint, numerics=numerics)
        self.classes = tuple(sorted(labels))
        self._described = network.texts([labels[one] for one in self.classes])

    def logits(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return what the softmax is taken of, [item, class]: scaled cosines."""
        return self.network.scale * self.network.images(items) @ self._described.T

    def predict(self, items: Sequence[np.ndarray]) -> torch.Tensor:
        """Return probabilities [item, class]; rows sum to one."""
        return self.logits(items).softmax(-1)
