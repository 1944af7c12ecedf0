"""Opens language-model weights from disk, and nothing that could run: no pickle, no remote code, no network.

Weights that a folder lacks are an error, not a random start. A GGUF file is unpacked once and kept as safetensors in
the user's cache: transformers needs about 18 seconds of a core to unpack 135 million weights, and 2 to read them again.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

from audit.errors import ModelError
from audit.models._folder import read_json

__all__ = ["open_folder", "open_gguf"]

LARGEST_KEPT = 2 << 30
"""Bytes; a GGUF file that unpacks to more is unpacked every time."""
_STORED_AS = "stored_as.txt"
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def open_folder(folder: Path, dtype: str) -> tuple[Any, Any]:
    """Return (model in eval mode, tokenizer) of config.json, safetensors and tokenizer files; raises ModelError."""
    asked = read_json(folder / "config.json")
    if "auto_map" in asked and asked.get("model_type") not in transformers.CONFIG_MAPPING:
        raise ModelError(f"{folder}: model type {asked.get('model_type')!r} brings code of its own, which is never run")
    with _guarded(folder):
        config = AutoConfig.from_pretrained(folder, **_LOCAL)
        config._attn_implementation = None  # a folder may not choose kernels, some of which are downloaded
        options = {**_LOCAL, "config": config, "dtype": getattr(torch, dtype), "use_safetensors": True}
        model = _whole(AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **options))
        return model, AutoTokenizer.from_pretrained(folder, **_LOCAL)


def open_gguf(file: Path, dtype: str, digest: str) -> tuple[Any, Any, str]:
    """Return (model in eval mode, tokenizer, how the weights are stored) of a GGUF file; raises ModelError.

    The last is such as `GGUF Q4_1, Q8_0, F32`: number formats, that of the most weights first.
    """
    what = f"{digest.removeprefix('sha256:')[:32]}-{dtype}-"
    kept = _cache() / (what + transformers.__version__)
    if (kept / _STORED_AS).is_file():
        with contextlib.suppress(ModelError):
            return *open_folder(kept, dtype), (kept / _STORED_AS).read_text("utf-8")
    for stale in kept.parent.glob(f"{what}*"):  # unpacked by another version, or cut short by a power failure
        shutil.rmtree(stale, ignore_errors=True)
    with _guarded(file), tempfile.TemporaryDirectory() as alone:  # files beside it would be read as its own
        (Path(alone) / "model.gguf").symlink_to(file.resolve())
        options = {**_LOCAL, "gguf_file": "model.gguf"}
        tokenizer = AutoTokenizer.from_pretrained(alone, **options)
        options |= {"dtype": getattr(torch, dtype), "quantization_config": GgufConfig(dequantize=True)}
        model = _whole(AutoModelForCausalLM.from_pretrained(alone, output_loading_info=True, **options))
        stored_as = _stored_as(file)
        if model.get_memory_footprint() <= LARGEST_KEPT:
            _keep(kept, model, tokenizer, stored_as)
        return model, tokenizer, stored_as


def _stored_as(file: Path) -> str:
    from gguf import GGUFReader

    weights = Counter[str]()
    for tensor in GGUFReader(file).tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
    return f"GGUF {', '.join(name for name, _ in weights.most_common())}"


def _whole(loaded: tuple[Any, dict[str, Any]]) -> Any:
    """Return the model if every weight came from the files."""
    model, report = loaded
    if missing := sorted(report["missing_keys"]):
        raise ModelError(f"the files lack {len(missing)} of the model's weights, such as {missing[0]}")
    return model.eval()


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "dokimasia" / "gguf"


def _keep(kept: Path, model: Any, tokenizer: Any, stored_as: str) -> None:
    """Write the unpacked model beside its place and move it there whole; a full or read-only disk is no matter."""
    temporary = None
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.mkdtemp(prefix=".unpacking-", dir=kept.parent)
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        (Path(temporary) / _STORED_AS).write_text(stored_as, "utf-8")
        Path(temporary).rename(kept)
    except OSError:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _guarded(place: Path) -> Iterator[None]:
    """Silence the libraries' bars and advice, and make one line of whatever they raise at an untrusted file."""
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{place}: cannot be opened as a language model: {line}") from error
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()
