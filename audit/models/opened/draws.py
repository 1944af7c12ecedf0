"""Randomness that depends on what it is for and on nothing else.

    draw number i:        Philox with key (seed, i), so that neither batch size nor neighbours change it; its uniforms
                          begin 2^192 numbers behind its normals, so that a latent tells nothing of the pixels' noise
    shared noise:         one draw for all items, so that a score does not depend on the batch or split it is taken in
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from audit.errors import ModelError

__all__ = ["chunks", "normals", "shared_normals", "unconditional", "uniforms"]

_SHARED = 2**64 - 1
"""Second half of the key of shared noise; no draw's number reaches it."""


def normals(seed: int, numbers: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
    """Return N(0, 1) float32 [draw, *shape]; a row depends on the seed and its draw's number alone."""
    return _rows(seed, numbers, shape, 0, lambda rng, row: rng.standard_normal(out=row, dtype=np.float32))


def uniforms(seed: int, numbers: Sequence[int], shape: Sequence[int]) -> torch.Tensor:
    """Return U[0, 1) float32 [draw, *shape]; a row depends on the seed and its draw's number alone."""
    return _rows(seed, numbers, shape, 1, lambda rng, row: rng.random(out=row, dtype=np.float32))


def shared_normals(seed: int, shape: Sequence[int]) -> torch.Tensor:
    """Return N(0, 1) float32 [*shape] that every item of every batch is given alike."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, _SHARED], np.uint64)))
    return torch.from_numpy(rng.standard_normal(tuple(shape), dtype=np.float32))


def _rows(
    seed: int,
    numbers: Sequence[int],
    shape: Sequence[int],
    stream: int,
    fill: Callable[[np.random.Generator, np.ndarray], object],
) -> torch.Tensor:
    rows = np.empty((len(numbers), *shape), np.float32)
    for number, row in zip(numbers, rows, strict=True):
        key = np.array([seed, number], np.uint64)
        fill(np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, stream])), row)
    return torch.from_numpy(rows)


def unconditional(name: str, prompts: Sequence[Any], numbers: Sequence[int] | None) -> Sequence[int]:
    """Return the number of every draw, by default its place; raises ModelError for a prompt that is not None."""
    for prompt in prompts:
        if prompt is not None:
            raise ModelError(f"{name} draws without a prompt: got {prompt!r:.60}; allowed: None")
    return range(len(prompts)) if numbers is None else numbers


def chunks(tensor: torch.Tensor, numbers: int) -> Iterator[torch.Tensor]:
    """Cut a tensor along its items so that a piece makes about 2^22 numbers, at `numbers` an item, on the way."""
    size = max(1, 2**22 // numbers)
    return iter(tensor.split(size))
