"""A model that draws an image for a prompt: a folder as diffusers saves pipelines.

    model: {use: text_to_image, path: ./stable-diffusion, steps: 30, guidance: 7.5}

Any pipeline of diffusers that takes a prompt will do (Stable Diffusion 1, 2, XL and 3, PixArt, Flux, ...), with weights
as safetensors. Code that a folder brings, and pickles, stay shut; every byte below the folder is in the fingerprint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from audit.errors import ModelError
from audit.models.folder import ModelFolder
from audit.models.settings import check_image_size
from detectors.immutable import immutable

if TYPE_CHECKING:
    from audit.models.opened.text_to_image import ImagePipeline

__all__ = ["TextToImageFolder"]


@immutable
class TextToImageFolder(ModelFolder):
    """Options of a text-to-image pipeline."""

    steps: int | None = None
    """Steps of a draw; absent = the pipeline's own number."""
    guidance: float | None = None
    """How strongly a draw is pulled to its prompt (guidance scale); absent = the pipeline's own."""
    negative_prompt: str | None = None
    """What a draw is pushed away from, where the pipeline takes such a prompt."""
    size: tuple[int, int] | None = None
    """(rows, columns) of an image; absent = the pipeline's own."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Numbers that it computes with; half the room on an accelerator, and other images."""
    batch: int = 1
    """Images made at once; more only change the last digits."""

    family: ClassVar[str] = "text_to_image"
    at_least_one: ClassVar[tuple[str, ...]] = ("threads", "steps", "batch")

    def __post_init__(self) -> None:
        """Refuse sizes that no image has."""
        super().__post_init__()
        check_image_size(self.size)

    def open(self) -> ImagePipeline:
        """Return the model; raises ModelError."""
        from audit.models.opened.text_to_image import ImagePipeline, open_pipeline

        device, numerics = self.settle()
        config = self.config()
        if "_class_name" not in config or not (self.path / "model_index.json").is_file():
            raise ModelError(f"{self.path}: no model_index.json; allowed: a folder as diffusers saves pipelines")
        settings = {
            "num_inference_steps": self.steps, "guidance_scale": self.guidance, "negative_prompt": self.negative_prompt,
            **dict(zip(("height", "width"), self.size or (None, None), strict=True)),
        }
        pipeline = open_pipeline(self.path, config, self.dtype, device)
        facts = self.facts({**numerics, "dtype": self.dtype})
        return ImagePipeline(pipeline, settings=settings, batch=self.batch, **facts)
