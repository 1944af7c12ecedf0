"""A folder that holds a model: JSON that says what it is, safetensors for the weights, nothing that runs.

    our own folder      config.json {family, network: {...}} and model.safetensors
    a library's folder  the layout of diffusers or transformers, weights as safetensors

Its fingerprint is the digest of all its files and of the options that change answers; nothing is loaded for it.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.errors import ModelError, did_you_mean
from audit.files import canonical, read_regular, sha256
from audit.models.files import check_settings, model_files, read_json, require_safetensors
from audit.trainer import CARD_FILE, LEARNT_FILE
from detectors.immutable import immutable

if TYPE_CHECKING:
    import torch

__all__ = ["AutoencoderFolder", "ModelFolder", "ModelOnDisk"]

_NO_ANSWER = frozenset({"path", "name", "device", "threads"})
"""Options that say where and how, not what: they stay out of the fingerprint."""
_MOST_LEARNT, _MOST_CARD = 1 << 30, 1 << 24
"""Bytes of the digests of what a model learnt from, and of what its card tells."""


@immutable
class ModelOnDisk:
    """Options that all models on disk share."""

    path: Path
    """Where the model is."""
    name: str | None = None
    """What reports call it; the name of the folder or file where not given."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it computes; `auto` takes an accelerator where there is one."""
    threads: int | None = None
    """Threads of the processor; where not given, what the process may use."""

    family: ClassVar[str]
    at_least_one: ClassVar[tuple[str, ...]] = ("threads",)
    """Options that count something."""

    def __post_init__(self) -> None:
        """Refuse a count below one."""
        for option in self.at_least_one:
            if (value := getattr(self, option)) is not None and value < 1:
                raise ValueError(f"{option} is {value}; allowed: 1 or more")

    def learnt(self) -> frozenset[str]:
        """Return the digests of the items that it learnt from, as `dokimasia fit` wrote them; empty if nobody did."""
        file = (self.path if self.path.is_dir() else self.path.parent) / LEARNT_FILE
        try:
            return frozenset(read_regular(file, _MOST_LEARNT).decode("ascii").split())
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or error})") from None

    def cut_short(self) -> list[int] | None:
        """Return the step at which time ended its training, and the steps that it might have taken.

        None where its held-out loss had stopped falling by then, where all steps were taken, in each stage, or where no
        card of `dokimasia fit` says so.
        """
        file = (self.path if self.path.is_dir() else self.path.parent) / CARD_FILE
        try:
            card = json.loads(read_regular(file, _MOST_CARD))
            for looks in (card.get("earlier", []), card["looks"]):
                steps, losses = [int(look[0]) for look in looks], [float(look[2]) for look in looks]
                if losses and losses[-1] == min(losses) and steps[-1] < card["steps"]:
                    return [steps[-1], int(card["steps"])]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        return None

    @property
    def shown_name(self) -> str:
        """What reports call the model."""
        return self.name or self.path.resolve().name

    def settle(self) -> tuple[str, dict[str, Any]]:
        """Set the threads and return (device, numerics: what can move a result in its last digits)."""
        import torch

        from audit.models.threads import set_threads

        there = torch.cuda.is_available()
        if self.device == "cuda" and not there:
            raise ModelError(f"{self.shown_name}: device cuda is not there; allowed: cpu, auto")
        device = "cuda" if there and self.device != "cpu" else "cpu"
        return device, {"device": device, "dtype": "float32", "threads": set_threads(self.threads)}


@immutable
class ModelFolder(ModelOnDisk):
    """Options that all models of images and series share."""

    path: Path
    """Folder with the model's JSON and safetensors."""

    modality: ClassVar[str] = "image"

    def fingerprint(self) -> str:
        """Return the digest of all the folder's files and of the options; raises ModelError."""
        self.config()
        files = model_files(self.path)
        options = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _NO_ANSWER}
        return sha256(canonical([self.family, files, options]))

    def config(self) -> dict[str, Any]:
        """Return `config.json`, or a diffusers pipeline's `model_index.json`; ModelError where there is neither."""
        for name in ("model_index.json", "config.json"):
            if (self.path / name).is_file():
                return read_json(self.path / name)
        raise ModelError(f"{self.path}: no config.json; allowed: a folder with config.json and .safetensors weights")

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

        from audit.models.building import counted

        config = self.config()
        if config.get("family") != self.family:
            got = config.get("family") or config.get("_class_name") or config.get("model_type")
            raise ModelError(f"{self.path}: family {got!r}; allowed: {self.family!r}")
        require_safetensors(self.path)
        check_settings(self.path)
        try:
            with counted(self.path), torch.device("meta"):  # no memory is taken before the weights are known to fit
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


@immutable
class AutoencoderFolder(ModelFolder):
    """Options of a model that decodes with an autoencoder."""

    scale: float = 0.1
    """Scale of the logistic around an AutoencoderKL's output, in units of [-1, 1]; ours has a p(x|z) of its own."""

    def __post_init__(self) -> None:
        """Refuse a scale that gives no distribution."""
        super().__post_init__()
        if self.scale <= 0:
            raise ValueError(f"scale is {self.scale:g}; allowed: above 0")
