"""Opens language-model weights from disk, and nothing that could run: no pickle, no remote code, no network.

Weights that a folder lacks are an error, not a random start. A GGUF file is unpacked once and kept as safetensors in
the user's cache: transformers needs about 5 seconds of a core to unpack 135 million weights, and 2 to read them again.
It is opened from there the first time too, as tensors in other places of memory give other last digits. What is kept
carries a MAC of this installation over every file, and is unpacked anew where that does not hold.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

from audit.errors import ModelError
from audit.files import canonical, digest_file
from audit.models.building import counted
from audit.models.files import check_settings, check_size, read_json
from audit.models.text.placing import Holding
from audit.signing import Secret

__all__ = ["config_of", "open_folder", "open_gguf"]

LARGEST_KEPT = 2 << 30
"""Bytes; a GGUF file that unpacks to more is unpacked every time."""
_KEPT = "kept.json"
"""In a folder of the cache: how the GGUF file stored its weights, the digests of all files, and a MAC of both."""
_LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def open_folder(
    folder: Path, dtype: str, kind: Any = AutoModelForCausalLM, holding: Holding | None = None
) -> tuple[Any, Any]:
    """Return (model in eval mode, tokenizer) of config.json, safetensors and tokenizer files; raises ModelError.

    kind: class of transformers that opens the network, such as AutoModelForMaskedLM.
    holding: how its weights are held; where not given, as they are, on the processor.
    """
    asked = read_json(folder / "config.json")
    if "auto_map" in asked and asked.get("model_type") not in transformers.CONFIG_MAPPING:
        raise ModelError(f"{folder}: model type {asked.get('model_type')!r} brings code of its own, which is never run")
    with _guarded(folder):
        options = {**_LOCAL, "config": config_of(folder), "dtype": getattr(torch, dtype), "use_safetensors": True}
        options |= {} if holding is None else holding.options
        model = _whole(kind.from_pretrained(folder, output_loading_info=True, **options))
        return model, AutoTokenizer.from_pretrained(folder, **_LOCAL)


def config_of(folder: Path) -> Any:
    """Return a folder's configuration of transformers; raises ModelError for settings that are refused.

    It may not choose kernels, some of which are downloaded.
    """
    check_settings(folder)
    config = AutoConfig.from_pretrained(folder, **_LOCAL)
    config._attn_implementation = None
    return config


def open_gguf(file: Path, dtype: str, digest: str) -> tuple[Any, Any, str]:
    """Return (model in eval mode, tokenizer, how the weights are stored) of a GGUF file; raises ModelError.

    The last is such as `GGUF Q4_1, Q8_0, F32`: number formats, that of the most weights first.
    """
    what = f"{digest.removeprefix('sha256:')[:32]}-{dtype}-"
    kept = _cache() / (what + transformers.__version__)
    if (stored_as := _stored_as_kept(kept)) is not None:
        with contextlib.suppress(ModelError):
            return *open_folder(kept, dtype), stored_as
    for stale in kept.parent.glob(f"{what}*"):  # unpacked by another version, cut short, or changed by somebody
        shutil.rmtree(stale, ignore_errors=True)
    with _guarded(file), _read_once(), tempfile.TemporaryDirectory() as alone:  # files beside it would be read too
        (Path(alone) / "model.gguf").symlink_to(file.resolve())
        stored_as = _stored_as(file, Path(alone) / "model.gguf")
        options = {**_LOCAL, "gguf_file": "model.gguf"}
        tokenizer = AutoTokenizer.from_pretrained(alone, **options)
        options |= {"dtype": getattr(torch, dtype), "quantization_config": GgufConfig(dequantize=True)}
        model = _whole(AutoModelForCausalLM.from_pretrained(alone, output_loading_info=True, **options))
        if model.get_memory_footprint() > LARGEST_KEPT or not _keep(kept, model, tokenizer, stored_as):
            return model, tokenizer, stored_as
    with contextlib.suppress(ModelError):
        return *open_folder(kept, dtype), stored_as
    return model, tokenizer, stored_as


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Let transformers read a GGUF file once, instead of at each of its three looks, and without a class of arrays.

    The reader slices the file once for every word of the vocabulary, which takes five times as long of a `memmap`; the
    map of names is made again for every part of the network.
    """
    import gguf

    class Reader(gguf.GGUFReader):  # type: ignore[misc]
        """Slices a plain array."""

        @property
        def data(self) -> Any:
            return self._data

        @data.setter
        def data(self, whole: Any) -> None:
            self._data = whole.view(np.ndarray)

    theirs = gguf.GGUFReader, gguf.get_tensor_name_map
    gguf.GGUFReader, gguf.get_tensor_name_map = functools.cache(Reader), functools.cache(gguf.get_tensor_name_map)
    try:
        yield
    finally:
        gguf.GGUFReader, gguf.get_tensor_name_map = theirs


def _stored_as(file: Path, link: Path) -> str:
    """Return the number formats of a GGUF file, read by a link to it; ModelError for sizes that no model has."""
    from gguf import GGUFReader

    reader, weights = GGUFReader(str(link)), Counter[str]()
    for name, field in reader.fields.items():
        if isinstance(number := field.contents(), int):
            check_size(file, name, number)
    for tensor in reader.tensors:
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


def _keep(kept: Path, model: Any, tokenizer: Any, stored_as: str) -> bool:
    """Write the unpacked model beside its place and move it there whole; False where the disk is full or read-only."""
    temporary = None
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=kept.parent))
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        told = {"stored_as": stored_as, "files": _digests(temporary)}
        (temporary / _KEPT).write_bytes(canonical({**told, "mac": Secret.here().mac("gguf", kept.name, told)}))
        temporary.rename(kept)
    except OSError:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        return False
    return True


def _stored_as_kept(kept: Path) -> str | None:
    """Return how the weights were stored, where all files are those that this installation kept."""
    try:
        told = json.loads((kept / _KEPT).read_bytes())
        mac = told.pop("mac")
        whole = Secret.here().holds(mac, "gguf", kept.name, told) and told["files"] == _digests(kept)
        return str(told["stored_as"]) if whole else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(folder.iterdir()) if path.name != _KEPT}


def _in_one_line(error: Exception) -> str:
    """Return the first line of what a library says, with the next where it only announces that."""
    first, *rest = [one.strip() for one in str(error).strip().splitlines()] or [type(error).__name__]
    if isinstance(error, KeyError):
        return f"missing or unknown: {first}"
    return f"{first} {rest[0]}" if rest and first.endswith(":") else first


@contextlib.contextmanager
def _guarded(place: Path) -> Iterator[None]:
    """Silence the libraries' bars and advice, and make one line of whatever they raise at an untrusted file."""
    level, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()), counted(place):
            yield
    except Exception as error:
        raise ModelError(f"{place}: cannot be opened as a language model: {_in_one_line(error)}") from error
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()
