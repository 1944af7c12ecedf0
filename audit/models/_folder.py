"""A folder that holds a model: JSON that says what it is, safetensors for the weights, nothing that runs.

    our own folder      config.json {family, network: {...}} and model.safetensors
    a library's folder  the layout of diffusers or transformers, weights as safetensors

Its fingerprint is the digest of these files and of the options that change answers; nothing is loaded for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import ModelError, did_you_mean
from audit.files import MAX_JSON, canonical, digest_file, read_regular, sha256

if TYPE_CHECKING:
    import torch

__all__ = ["ModelFolder", "read_json", "require_safetensors"]

_PICKLED = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}
_NO_ANSWER = frozenset({"path", "name", "device", "threads"})
"""Options that say where and how, not what: they stay out of the fingerprint."""


@dataclass(frozen=True)
class ModelFolder:
    """Options that all models of images and series share."""

    path: Path
    """Folder with the model's JSON and safetensors."""
    name: str | None = None
    """What reports call it; the folder's name where not given."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it computes; `auto` takes an accelerator where there is one."""
    threads: int | None = None
    """Threads of the processor; where not given, what the process may use."""

    family: ClassVar[str]
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        """Refuse a thread count below one."""
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; allowed: 1 or more")

    def fingerprint(self) -> str:
        """Return the digest of the folder's JSON and safetensors and of the options; raises ModelError."""
        self.config()
        found = (path for path in self.path.rglob("*") if path.suffix in (".json", ".safetensors"))
        files = {str(path.relative_to(self.path)): digest_file(path) for path in found if path.name != "card.json"}
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _NO_ANSWER}
        return sha256(canonical([self.family, files, options]))

    @property
    def shown_name(self) -> str:
        """What reports call the model."""
        return self.name or self.path.resolve().name

    def config(self) -> dict[str, Any]:
        """Return `config.json`, or a diffusers pipeline's `model_index.json`; ModelError where there is neither."""
        for name in ("model_index.json", "config.json"):
            if (self.path / name).is_file():
                return read_json(self.path / name)
        raise ModelError(f"{self.path}: no config.json; allowed: a folder with config.json and .safetensors weights")

    def settle(self) -> tuple[str, dict[str, Any]]:
        """Set the threads and return (device, numerics: what can move a result in its last digits)."""
        import torch

        from audit.models._threads import set_threads

        there = torch.cuda.is_available()
        if self.device == "cuda" and not there:
            raise ModelError(f"{self.shown_name}: device cuda is not there; allowed: cpu, auto")
        device = "cuda" if there and self.device != "cpu" else "cpu"
        return device, {"device": device, "dtype": "float32", "threads": set_threads(self.threads)}

    def facts(self, numerics: dict[str, Any]) -> dict[str, Any]:
        """Return what an opened model says of itself: name, fingerprint and numerics."""
        return {"name": self.shown_name, "fingerprint": self.fingerprint(), "numerics": numerics}

    def load(self, network: type[torch.nn.Module], device: str) -> Any:
        """Return the network that our own folder describes, with its weights, in float32, frozen and in eval mode.

        Its shapes come from config.json and its numbers from model.safetensors; raises ModelError where they differ.
        """
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        config = self.config()
        if config.get("family") != self.family:
            got = config.get("family") or config.get("_class_name") or config.get("model_type")
            raise ModelError(f"{self.path}: family {got!r}; allowed: {self.family!r}")
        require_safetensors(self.path)
        try:
            with torch.device("meta"):  # no memory is taken before the weights are known to fit
                made = network(**config["network"])
            weights = load_file(self.path / "model.safetensors")
            made.load_state_dict({key: value.float() for key, value in weights.items()}, assign=True)
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
            why = str(error).splitlines()[0]
            raise ModelError(f"{self.path}: weights and config.json do not fit: {why}") from None
        return made.to(device).eval().requires_grad_(False)

    def one_of(self, config: dict[str, Any], *allowed: str) -> str:
        """Return the class that a library's config names; raises ModelError for one that is not allowed."""
        got = str(config.get("_class_name"))
        if got not in allowed:
            raise ModelError(f"{self.path}: holds a {got}{did_you_mean(got, allowed)}")
        return got


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; raises ModelError for anything else."""
    try:
        data = json.loads(read_regular(path, MAX_JSON))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(data, dict):
        raise ModelError(f"{path}: holds a {type(data).__name__}; allowed: a JSON object")
    return data


def require_safetensors(folder: Path) -> None:
    """Raise ModelError unless the folder itself holds safetensors, and all that an index of weights names.

    Pickled weights can run code and stay shut; weights elsewhere would be missing from the fingerprint.
    """
    for index in folder.glob("*.safetensors.index.json"):
        parts = read_json(index).get("weight_map", {})
        named = set(map(str, parts.values())) if isinstance(parts, dict) else {str(parts)}
        if outside := named - {file.name for file in folder.iterdir()}:
            raise ModelError(f"{index}: names {min(outside)!r}; allowed: files of the folder")
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLED)
    got = f"only pickled weights ({pickled[0]})" if pickled else "no weights"
    raise ModelError(f"{folder}: {got}; allowed: .safetensors")
