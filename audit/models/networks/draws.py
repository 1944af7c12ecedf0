"""Randomness that depends on what it is for and on nothing else.

    draw i under a seed:  Philox with key (seed, i), so that neither batch size nor neighbours change it
    shared noise:         one draw for all items, so that a score does not depend on the batch or split it is taken in
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from audit.errors import ModelError

__all__ = ["chunks", "normals", "require_unconditional", "shared_normals", "uniforms"]

_SHARED = 2**64 - 1
"""Second half of the key of shared noise; no position of a sample reaches it."""


def normals(seed: int, count: int, shape: Sequence[int]) -> torch.Tensor:
    """Return N(0, 1) float32 [count, *shape]; row i depends on (seed, i) alone."""
    return _rows(seed, count, shape, lambda rng, row: rng.standard_normal(out=row, dtype=np.float32))


def uniforms(seed: int, count: int, shape: Sequence[int]) -> torch.Tensor:
    """Return U[0, 1) float32 [count, *shape]; row i depends on (seed, i) alone."""
    return _rows(seed, count, shape, lambda rng, row: rng.random(out=row, dtype=np.float32))


def shared_normals(seed: int, shape: Sequence[int]) -> torch.Tensor:
    """Return N(0, 1) float32 [*shape] that every item of every batch is given alike."""
    rng = np.random.Generator(np.random.Philox(key=np.array([seed, _SHARED], np.uint64)))
    return torch.from_numpy(rng.standard_normal(tuple(shape), dtype=np.float32))


def _rows(
    seed: int, count: int, shape: Sequence[int], fill: Callable[[np.random.Generator, np.ndarray], object]
) -> torch.Tensor:
    rows = np.empty((count, *shape), np.float32)
    for position, row in enumerate(rows):
        fill(np.random.Generator(np.random.Philox(key=np.array([seed, position], np.uint64))), row)
    return torch.from_numpy(rows)


def require_unconditional(name: str, prompts: Sequence[Any]) -> int:
    """Return the number of prompts; raises ModelError for one that is not None."""
    for prompt in prompts:
        if prompt is not None:
            raise ModelError(f"{name} draws without a prompt: got {prompt!r:.60}; allowed: None")
    return len(prompts)


def chunks(tensor: torch.Tensor, numbers: int) -> Iterator[torch.Tensor]:
    """Cut a tensor along its items so that a piece makes about 2^22 numbers, at `numbers` an item, on the way."""
    size = max(1, 2**22 // numbers)
    return iter(tensor.split(size))
