"""Tiny image models with random weights, made in a second: pipelines of diffusers, CLIP, a server that deals images.

    with deal({"a photo of a nurse": [image, ...]}) as server:      # an OpenAI-compatible images API
        server.url, server.bodies
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FIXED = "a red circle on a white sheet of paper"
KL = {
    "block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4, "latent_channels": 4, "sample_size": 32,
    "down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2,
}
TINY = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
ENDS = {"bos_token_id": 512, "eos_token_id": 513, "pad_token_id": 513}


def clip_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer over single bytes."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def clip_text() -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(CLIPTextConfig(vocab_size=514, max_position_embeddings=77, **TINY, **ENDS))


def make_stable_diffusion(folder: Path, **more: Any) -> Path:
    """A pipeline of the kind of Stable Diffusion 1: 32 x 32 pixels."""
    import diffusers
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = diffusers.UNet2DConditionModel(
            sample_size=16, in_channels=4, out_channels=4, block_out_channels=(8, 8), layers_per_block=1,
            norm_num_groups=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16, attention_head_dim=4,
        )
        pipeline = diffusers.StableDiffusionPipeline(
            vae=diffusers.AutoencoderKL(**KL), text_encoder=clip_text(), tokenizer=clip_tokenizer(folder / "made"),
            unet=unet, scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
            **{"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False, **more},
        )
        pipeline.save_pretrained(folder)
    for one in (folder / "made").iterdir():
        one.unlink()
    (folder / "made").rmdir()
    return folder


def make_flux(folder: Path) -> Path:
    """A pipeline of the kind of Flux: a transformer, CLIP and T5."""
    import diffusers
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((one, -3.0) for one in "▁abcdefghijklmnopqrstuvwxyz")]
    inner = Tokenizer(models.Unigram(pieces, unk_id=2))
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = T5EncoderModel(T5Config(vocab_size=64, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
        transformer = diffusers.FluxTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, attention_head_dim=8,
            num_attention_heads=2, joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=[2, 2, 4],
            guidance_embeds=True,
        )
        diffusers.FluxPipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), transformer=transformer, text_encoder=clip_text(),
            vae=diffusers.AutoencoderKL(**KL, shift_factor=0.0, scaling_factor=1.0), text_encoder_2=text,
            tokenizer=clip_tokenizer(folder.parent / "made"),
            tokenizer_2=T5TokenizerFast(tokenizer_object=inner, extra_ids=0, model_max_length=32),
        ).save_pretrained(folder)
    return folder


def make_clip(folder: Path) -> Path:
    """A CLIP of 32 x 32 pixels, with what it takes to read texts and images."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = {"vocab_size": 514, "max_position_embeddings": 77, **TINY, **ENDS}
        vision = {"image_size": 32, "patch_size": 8, **TINY}
        CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    clip_tokenizer(folder.parent / "made").save_pretrained(folder)
    mean, std = [0.481, 0.458, 0.408], [0.269, 0.261, 0.276]
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "do_resize": True, "resample": 3,
        "size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "image_mean": mean, "image_std": std,
    }))  # fmt: skip
    return folder


def png(image: np.ndarray) -> bytes:
    """The bytes of uint8 [3, row, column] as a file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image.transpose(1, 2, 0)).save(file, "PNG")
    return file.getvalue()


@dataclass
class ImageServer:
    """What a test holds of the running server."""

    images: Mapping[str, Sequence[np.ndarray]]
    """Prompt -> images, dealt in their order."""
    by_seed: bool = False
    """Whether the same seed gives the same image."""
    refuses: Sequence[str] = ()
    """Parameters that it refuses, as some servers do."""
    answer: Callable[[dict[str, Any]], Any] | None = None
    """What it answers in place of an image."""
    files: dict[str, bytes | int] = field(default_factory=dict)
    """Path below `/files/` -> what lies there, or the status that is answered."""
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[tuple[str, str | None]] = field(default_factory=list)
    """(path, Authorization) of what was asked for below `/files/`."""

    def respond(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.bodies.append(body)
        if odd := sorted(set(self.refuses) & body.keys()):
            return 400, {"error": {"message": f"Unknown parameter: '{odd[0]}'."}}
        if self.answer is not None:
            return 200, self.answer(body)
        if body["prompt"] == FIXED:
            return 200, told(np.full((3, 16, 16), 9 + (0 if self.by_seed else 40 * len(self.bodies)), np.uint8))
        some = self.images[body["prompt"]]
        before = sum(one["prompt"] == body["prompt"] for one in self.bodies) - 1
        return 200, told(some[(body["seed"] if self.by_seed else before) % len(some)])


def told(image: np.ndarray) -> dict[str, Any]:
    """An answer with one image."""
    return {"created": 0, "data": [{"b64_json": base64.b64encode(png(image)).decode()}]}


@contextlib.contextmanager
def deal(images: Mapping[str, Sequence[np.ndarray]], **options: Any) -> Iterator[ImageServer]:
    """Run the server in a thread on a free port until the block ends; the options are the fields above."""
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route
    from stub_server import running

    stub = ImageServer(images, **options)

    async def generate(request: Request) -> Response:
        status, answer = stub.respond(await request.json())
        return JSONResponse(answer, status)

    async def file(request: Request) -> Response:
        stub.fetched.append((name := request.path_params["name"], request.headers.get("authorization")))
        there = stub.files.get(name, 404)
        return Response(status_code=there) if isinstance(there, int) else Response(there, media_type="image/png")

    routes = [Route("/v1/images/generations", generate, methods=["POST"]), Route("/files/{name}", file)]
    with running(routes) as stub.url:
        yield stub
