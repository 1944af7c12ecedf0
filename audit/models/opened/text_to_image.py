"""Draws of a diffusers pipeline that takes a prompt.

    image = f(seed, prompt, number)       uint8 [3, row, column]

Each draw has a generator of its own, on the processor whatever computes the rest, so that neither batch nor order
changes it. Which classes a folder names is looked at before any is called: they are those of diffusers and transformers
themselves, their weights are safetensors, and all that they need is there. An image that a pipeline's own filter
blackened is no image.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audit.errors import ModelError, did_you_mean
from audit.model import Sample
from audit.models.building import counted
from audit.models.files import check_settings, check_sizes, read_json, require_safetensors
from audit.numbering import entropy, numbers_of
from detectors.phrases import Cause

__all__ = ["ImagePipeline", "open_pipeline"]

_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
_NO_LIKELIHOOD = Cause("a pipeline draws images for prompts: it tells the likelihood of none")
_FILTERED = Cause("withheld by the pipeline's own filter")
_NO_NUMBERS = Cause("the image holds numbers that are none")
_OPTIONS = {"steps": "num_inference_steps", "guidance": "guidance_scale", "height": "height", "width": "width"}
"""Settings of a draw as probes name them -> as pipelines do."""
_OF_EVERY_DRAW = frozenset({"prompt", "generator", "output_type"})
_OF_OTHER_DRAWS = frozenset({"image", "images", "mask_image", "num_frames", "video_length", "audio_end_in_s"})
"""Parameters that pipelines have which change images, or make videos or sounds."""


class ImagePipeline:
    """A pipeline that draws."""

    family = "text_to_image"
    modality = "image"
    missing: Mapping[str, str] = {"log_prob": _NO_LIKELIHOOD, "trace": _NO_LIKELIHOOD}

    def __init__(
        self, pipeline: Any, *, settings: Mapping[str, Any], batch: int, name: str, fingerprint: str,
        numerics: Mapping[str, Any],
    ) -> None:
        self.name, self.fingerprint, self.numerics = name, fingerprint, dict(numerics)
        self._pipeline, self._batch = pipeline, batch
        self._takes = set(inspect.signature(pipeline.__call__).parameters)
        self._settings = self._known({key: value for key, value in settings.items() if value is not None})

    def sample(
        self, prompts: Sequence[str | None], *, seed: int, numbers: Sequence[int] | None = None, **sampling: Any
    ) -> list[Sample]:
        """Return one image per prompt; options `steps`, `guidance`, `height` and `width` come before the plan's own.

        Raises ModelError for a draw without prompt, and for an option that the pipeline does not take.
        """
        if odd := sampling.keys() - _OPTIONS.keys():
            raise ModelError(f"{self.name}: no option {min(odd)!r} of a draw{did_you_mean(min(odd), _OPTIONS)}")
        settings = {**self._settings, **self._known({_OPTIONS[key]: value for key, value in sampling.items()})}
        texts = [one for one in prompts if one]
        if len(texts) != len(prompts):
            raise ModelError(f"{self.name} draws for a prompt; got none")
        counts = list(numbers_of(prompts) if numbers is None else numbers)
        drawn: list[Sample] = []
        for start in range(0, len(texts), self._batch):
            stop = start + self._batch
            drawn += self._draw(texts[start:stop], counts[start:stop], seed, settings)
        return drawn

    def _draw(
        self, prompts: list[str], numbers: Sequence[int], seed: int, settings: dict[str, Any]
    ) -> Iterator[Sample]:
        if (unwanted := settings.get("negative_prompt")) is not None:
            settings = {**settings, "negative_prompt": [unwanted] * len(prompts)}
        generators = [_generator(seed, *one) for one in zip(prompts, numbers, strict=True)]
        try:
            with torch.inference_mode():
                out = self._pipeline(prompt=prompts, generator=generators, output_type="np", **settings)
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            raise ModelError(f"{self.name}: cannot draw ({' '.join(str(error).split())[:200]})") from None
        withheld = getattr(out, "nsfw_content_detected", None) or [False] * len(prompts)
        return (_sample(image, bool(bad)) for image, bad in zip(out.images, withheld, strict=True))

    def _known(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as they are; raises ModelError for one that the pipeline does not take."""
        if odd := settings.keys() - self._takes:
            kind = type(self._pipeline).__name__
            raise ModelError(f"{self.name}: a {kind} takes no {min(odd)}; leave it out")
        return settings


def open_pipeline(folder: Path, config: Mapping[str, Any], dtype: str, device: str) -> Any:
    """Return the pipeline that a folder holds, ready to draw; raises ModelError.

    config: its model_index.json.
    """
    try:
        import diffusers
    except ImportError:
        raise ModelError(f"{folder}: needs the extra: pip install dokimasia[images]") from None
    options = {**_LOCAL, "use_safetensors": True, "dtype": getattr(torch, dtype)}
    with _guarded(folder):
        kind = _pipeline_class(folder, config, diffusers)
        parts = {
            name: _text_part(folder / name, found, options)
            for name, (library, found) in _components(folder, config).items() if library == "transformers"
        }  # fmt: skip
        given = {name: part for name, part in parts.items() if part is not None}
        pipeline = kind.from_pretrained(folder, **options, **given)
    for name, part in pipeline.components.items():
        if isinstance(part, torch.nn.Module):
            empty = next((key for key, one in part.state_dict().items() if one.is_meta), None)
            if empty is not None:
                raise ModelError(f"{folder / name}: weights lack {empty}; allowed: all that config.json names")
            part.eval().requires_grad_(False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def _pipeline_class(folder: Path, config: Mapping[str, Any], diffusers: Any) -> Any:
    """Return the class of a pipeline of diffusers itself that takes a prompt; raises ModelError for any other."""
    name = config.get("_class_name")
    if any(folder.rglob("*.py")) or not isinstance(name, str):
        raise ModelError(f"{folder}: brings code of its own, which is never run; allowed: a pipeline of diffusers")
    kind: Any = getattr(diffusers, name, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
        raise ModelError(f"{folder}: holds a {name[:80]}; allowed: a pipeline of diffusers {diffusers.__version__}")
    takes = inspect.signature(kind.__call__).parameters
    needs = {one.name for one in takes.values() if one.default is one.empty} - {"self", "prompt", "kwargs"}
    lacks, also = _OF_EVERY_DRAW - takes.keys(), takes.keys() & _OF_OTHER_DRAWS
    if kind in diffusers.pipelines.auto_pipeline.AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values():
        also = {one for one in also if takes[one].default is not None}  # Flux 2 and others change images besides
    if needs or lacks or also or getattr(kind, "_load_connected_pipes", False):
        raise ModelError(f"{folder}: a {name} draws no image for a prompt alone; allowed: a text-to-image pipeline")
    return kind


def _components(folder: Path, config: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return name -> (library, class) of what a pipeline is made of; raises ModelError for what is not allowed."""
    found = {}
    for name, told in config.items():
        if name.startswith("_") or not isinstance(told, list) or told == [None, None]:
            continue
        if len(told) != 2 or not all(isinstance(one, str) and one.isidentifier() for one in (name, *told)):
            raise ModelError(f"{folder}: model_index.json: {name[:60]} is {told!r:.80}; allowed: [library, class]")
        place = folder / name
        if not place.is_dir():
            raise ModelError(f"{folder}: no folder {name}; allowed: one for every part that model_index.json names")
        found[name] = _component(place, *told)
    return found


def _component(place: Path, library: str, kind: str) -> tuple[str, str]:
    import diffusers

    if library not in ("diffusers", "transformers") and not hasattr(diffusers.pipelines, library):
        raise ModelError(f"{place}: is a {library}.{kind}; allowed: classes of diffusers and transformers")
    for file in sorted(place.glob("*config.json")):
        check_sizes(file)
        if odd := _kernel(read_json(file)):
            raise ModelError(f"{file}: asks for the kernel {odd[:80]!r}; allowed: none from elsewhere")
    check_settings(place)
    if (place / "config.json").is_file():
        require_safetensors(place)
    return library, kind


def _kernel(value: Any) -> str | None:
    """Return a kernel that a setting names, some of which are downloaded."""
    if not isinstance(value, dict):
        return None
    for key, one in value.items():
        if key.endswith("attn_implementation") and isinstance(one, str) and "/" in one:
            return one
        if (inner := _kernel(one)) is not None:
            return inner
    return None


def _text_part(place: Path, kind: str, options: dict[str, Any]) -> Any:
    """Return a network of transformers with all its weights; None for what is none, as tokenizers are."""
    import transformers

    made: Any = getattr(transformers, kind, None)
    if not (isinstance(made, type) and issubclass(made, transformers.PreTrainedModel)):
        return None
    opened: Any = made
    network, told = opened.from_pretrained(place, output_loading_info=True, **options)
    if absent := sorted(told["missing_keys"]):
        raise ModelError(f"{place}: weights lack {absent[0]}; allowed: all that config.json names")
    return network


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Turn what a library says of files that do not fit into a ModelError of one line."""
    try:
        with _quiet(), counted(folder):
            yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{folder}: cannot be opened ({' '.join(str(error).split())[:200]})") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libraries from printing progress and advice while they read."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    both = (of_diffusers, of_transformers)
    before = [(one.get_verbosity(), one.is_progress_bar_enabled()) for one in both]
    try:
        for one in both:
            one.set_verbosity_error()
            one.disable_progress_bar()
        yield
    finally:
        for one, (level, shown) in zip(both, before, strict=True):
            one.set_verbosity(level)
            if shown:
                one.enable_progress_bar()


def _generator(seed: int, prompt: str, number: int) -> torch.Generator:
    """Return the generator of one draw."""
    start = np.random.SeedSequence(entropy(seed, prompt, number)).generate_state(1, np.uint64)[0]
    return torch.Generator("cpu").manual_seed(int(start) >> 1)


def _sample(image: np.ndarray, withheld: bool) -> Sample:
    """Return an image [row, column, 3] in [0, 1] as a draw of whole numbers."""
    if withheld:
        return Sample(None, "error", problem=_FILTERED)
    if not np.isfinite(image).all():
        return Sample(None, "error", problem=_NO_NUMBERS)
    whole = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return Sample(np.ascontiguousarray(whole.transpose(2, 0, 1)))
