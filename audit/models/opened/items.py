"""From items to tensors: what a model was made for is checked here, once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from audit.errors import ModelError

__all__ = ["grey_images", "number_rows", "unit_images"]


def grey_images(items: Sequence[np.ndarray], shape: tuple[int, ...], levels: int) -> torch.Tensor:
    """Return integers [item, row, column]; raises ModelError for another shape or values outside 0 to levels - 1."""
    whole = _stacked(items, shape)
    if whole.dtype.kind not in "iu" or whole.min() < 0 or whole.max() >= levels:
        got = f"{whole.dtype} from {whole.min():g} to {whole.max():g}"
        raise ModelError(f"pixels are {got}; allowed: integers from 0 to {levels - 1}")
    return torch.from_numpy(whole.astype(np.int64))


def unit_images(items: Sequence[np.ndarray], shape: tuple[int, ...]) -> torch.Tensor:
    """Return float32 [item, channel, row, column]; raises ModelError for another shape or values outside [-1, 1]."""
    whole = _stacked(items, shape)
    if whole.dtype.kind != "f" or not np.abs(whole).max() <= 1:
        got = f"{whole.dtype} from {whole.min():g} to {whole.max():g}"
        raise ModelError(f"pixels are {got}; allowed: floats from -1 to 1")
    return torch.from_numpy(whole.astype(np.float32))


def number_rows(items: Sequence[np.ndarray], count: int, what: str) -> torch.Tensor:
    """Return float32 [item, number] of lists of `count` numbers; raises ModelError, by what an item is, for others."""
    shapes = {np.shape(one) for one in items}
    if shapes - {(count,)}:
        raise ModelError(f"a {what} has shape {list((shapes - {(count,)}).pop())}; allowed: [{count}]")
    whole = np.asarray(list(items), dtype=np.float32).reshape(len(items), count)
    if not np.isfinite(whole).all():
        raise ModelError(f"a {what} holds a value that is not finite; allowed: numbers")
    return torch.from_numpy(whole)


def _stacked(items: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    shapes = {np.shape(one) for one in items} or {()}
    if shapes != {shape}:
        got = next(iter(shapes - {shape}))
        raise ModelError(f"an item has shape {list(got)}; allowed: {list(shape)}")
    return np.stack([np.asarray(one) for one in items])
