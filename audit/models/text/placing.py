"""How a model too large for one processor is held: in fewer bits, over several devices, or partly on disk.

    bytes = linear weights x bits / 8  +  all others x bytes of the number format

is known from the headers of the safetensors, so that weights beyond the memory at hand are refused before one is read,
with what would fit. What a quantised model answers is not what the whole one does: it is another model.

    int8    a scale for each row of a matrix: torchao, on a processor and on a GPU
    int4    a scale for each 32 weights of a row: torchao, which holds a byte a weight, whatever the device
    nf4     4-bit normal floats (Dettmers et al. 2023, arXiv:2305.14314): bitsandbytes, half a byte a weight
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any, Literal

from audit.errors import LibraryError, ModelError
from audit.processor import free_memory
from detectors.immutable import immutable
from detectors.units import STEPS, short_unit

__all__ = ["DeviceMap", "Holding", "Quantised", "check_fits", "stored_weights"]

Quantised = Literal["int8", "int4", "nf4"]
DeviceMap = Literal["auto", "disk"]
_LIBRARIES = {"int8": "torchao", "int4": "torchao", "nf4": "bitsandbytes"}
_BYTES: dict[str | None, float] = {"int8": 1, "int4": 1, "nf4": 0.5}
_DTYPES = {"float32": 4, "bfloat16": 2, "float16": 2}
_GROUP = 32
_LARGEST_HEADER = 100_000_000
"""Bytes; what safetensors itself allows."""
_SMALL = ("embed", "wte", "wpe", "lm_head", "norm")
"""Parts of the names of matrices that are left whole: tables of tokens, and the head."""


@immutable
class Holding:
    """How the weights of a model are held."""

    dtype: str
    device: str
    """`cpu` or `cuda`; with a map, the device that inputs are put on."""
    quantise: Quantised | None = None
    device_map: DeviceMap | None = None

    @property
    def library(self) -> str | None:
        """What quantises, with its version; None where nothing does. Raises LibraryError where it is not installed."""
        if self.quantise is None:
            return None
        name = _LIBRARIES[self.quantise]
        if find_spec(name) is None:
            how = "pip install 'dokimasia[quantised]'" if name == "torchao" else f"pip install {name}"
            extra = "quantised" if name == "torchao" else name
            raise LibraryError(f"quantise {self.quantise} needs {name}: {how}", library=name, extra=extra)
        return f"{name} {metadata.version(name)}"

    @property
    def options(self) -> dict[str, Any]:
        """Further arguments of `from_pretrained`."""
        more: dict[str, Any] = {}
        if self.quantise is not None:
            more["quantization_config"] = self._bits()
        if self.device_map is not None:
            more |= {"device_map": "auto", "max_memory": memory(self.device)}
        elif self.quantise is not None and self.device != "cpu":
            more["device_map"] = self.device  # each weight is quantised where it stays
        return more

    def _bits(self) -> Any:
        import torch
        import transformers

        assert self.library is not None
        if self.quantise == "nf4":
            compute = getattr(torch, self.dtype)
            return transformers.BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute
            )
        from torchao import quantization

        if self.quantise == "int8":
            return transformers.TorchAoConfig(quant_type=quantization.Int8WeightOnlyConfig())
        groups = quantization.PerGroup(_GROUP)
        bits = quantization.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=groups)
        return transformers.TorchAoConfig(quant_type=bits)


def memory(device: str) -> dict[int | str, int]:
    """Return device -> free bytes, as accelerate takes them: each GPU by its number, if one is asked for, and cpu."""
    found: dict[int | str, int] = {}
    if device == "cuda":
        import torch

        found = {k: int(torch.cuda.mem_get_info(k)[0]) for k in range(torch.cuda.device_count())}
    host = free_memory()
    return found if host is None else {**found, "cpu": host}


def stored_weights(folder: Path) -> tuple[int, int]:
    """Return how many weights a folder's safetensors hold: (those in matrices that are quantised, all others)."""
    matrices = others = 0
    for file in sorted(folder.glob("*.safetensors")):
        for name, shape in _tensors(file):
            if len(shape) == 2 and not any(part in name for part in _SMALL):
                matrices += prod(shape)
            else:
                others += prod(shape)
    return matrices, others


def _tensors(file: Path) -> Iterator[tuple[str, list[int]]]:
    """Yield (name, shape) of a safetensors file's header; ModelError for what is none."""
    try:
        with file.open("rb") as data:
            size = int.from_bytes(data.read(8), "little")
            header: Any = json.loads(data.read(size)) if size <= _LARGEST_HEADER else None
        for name, told in header.items():
            if name != "__metadata__":
                yield name, [int(one) for one in told["shape"]]
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ModelError(f"{file}: cannot be opened as a language model: no header of safetensors") from None


def check_fits(name: str, folder: Path, holding: Holding) -> None:
    """Raise ModelError for weights larger than the free memory, with what would fit; nothing is read but headers."""
    if holding.device_map == "disk":
        return
    there = memory(holding.device)
    if holding.device == "cuda" and holding.device_map is None:
        there.pop("cpu", None)
        there = {0: there.get(0, 0)}
    if not there:
        return
    sizes, free = stored_weights(folder), sum(there.values())
    if (wanted := _bytes(sizes, holding.dtype, holding.quantise)) <= free:
        return
    fitting = [f"{option} ({_told(size)})" for option, size in _smaller(sizes, holding) if size <= free]
    allowed = ", ".join([*fitting, "device_map disk, which reads what does not fit at every pass"])
    as_asked = " ".join(filter(None, [holding.dtype, holding.quantise]))
    where = "on the GPU" if "cpu" not in there else "of memory" if len(there) == 1 else "on all devices"
    raise ModelError(
        f"{name}: {_told(wanted)} of weights as {as_asked}, and {_told(free)} {where} are free; allowed: {allowed}"
    )


def _smaller(sizes: tuple[int, int], holding: Holding) -> Iterator[tuple[str, float]]:
    """Yield (option, bytes) of what takes less than the weights as they were asked for."""
    if holding.dtype == "float32" and holding.quantise is None:
        yield "dtype bfloat16", _bytes(sizes, "bfloat16", None)
    for kind in ("int8", "nf4"):
        if _BYTES[kind] < _BYTES.get(holding.quantise, _DTYPES[holding.dtype]):
            yield f"quantise {kind}", _bytes(sizes, holding.dtype, kind)


def _bytes(sizes: tuple[int, int], dtype: str, quantise: str | None) -> float:
    matrices, others = sizes
    return matrices * _BYTES.get(quantise, _DTYPES[dtype]) + others * _DTYPES[dtype]


def _told(size: float) -> str:
    """Return bytes in the unit that keeps them short, with three digits at most."""
    unit, factor = short_unit(size, STEPS["bytes"])
    return f"{size / factor:.3g} {unit}"
