"""From abilities to frames: how a question is put to a model and what its answer looks like.

Every answer is a table with a column `item`, the position among the items asked, ascending. NumPy and Arrow from here
on; a tensor that a model returns is taken over without importing torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import ModelError
from audit.model import ABILITIES, Continuation, Item
from audit.record import canonical

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["RANDOM", "answer", "can_answer", "item_digest"]

RANDOM = frozenset({"sample"})
"""Questions whose answer depends on the seed, and where asking twice for the same item is two draws."""


def item_digest(item: Item) -> bytes:
    """Return the SHA-256 of an item's type and content."""
    if item is None or isinstance(item, str):
        return hashlib.sha256(canonical(item)).digest()
    if isinstance(item, Continuation):
        return hashlib.sha256(canonical([item.prompt, item.text])).digest()
    import numpy as np

    array = np.ascontiguousarray(item)
    return hashlib.sha256(canonical([array.dtype.str, list(array.shape)]) + array.tobytes()).digest()


def can_answer(model: object, question: str) -> bool:
    """Tell whether `model` has the ability that `question` needs."""
    return question in _ANSWERS and isinstance(model, ABILITIES[question])


def answer(model: Any, question: str, items: Sequence[Item], *, seed: int, options: Mapping[str, Any]) -> pa.Table:
    """Put one question to a model; raises ModelError when the answer has the wrong shape."""
    if question in RANDOM:
        return _ANSWERS[question](model, items, {"seed": seed, **options})
    if not can_answer(model, question):
        raise ModelError(f"{model.name} cannot answer {question!r}; it has: {', '.join(sorted(_ANSWERS))}")
    return _ANSWERS[question](model, items, dict(options))


def _sample(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    drawn = model.sample(list(items), **options)
    _same_length(model, "sample", len(drawn), len(items))
    return pa.table(
        {
            "item": pa.array(range(len(drawn)), pa.int64()),
            "content": [one.content for one in drawn],
            "finish": pa.array([one.finish for one in drawn], pa.string()),
            "elements": pa.array([one.elements for one in drawn], pa.int64()),
            "problem": pa.array([one.problem for one in drawn], pa.string()),
        }
    )


def _log_prob(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    nats, kind = model.log_prob(list(items), **options)
    values = _array(nats)
    _same_length(model, "log_prob", len(values), len(items))
    return pa.table(
        {
            "item": pa.array(range(len(values)), pa.int64()),
            "log_prob": pa.array(values, pa.float64(), from_pandas=True),
            "kind": pa.array([kind] * len(values), pa.string()),
        }
    )


def _trace(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
    import pandas as pd
    import pyarrow as pa

    frames = model.trace(list(items), **options)
    _same_length(model, "trace", len(frames), len(items))
    whole = (
        pd.concat(frames, keys=range(len(frames)), names=["item", None])
        .reset_index(level="item")
        .reset_index(drop=True)
    )
    floats = ["log_prob", "entropy", "variance", "rank"]
    whole = whole.astype({"item": "int64", "element": "str", **dict.fromkeys(floats, "float64")})
    return pa.Table.from_pandas(whole[["item", "element", *floats]], preserve_index=False)


def _rows(name: str, column: str) -> Callable[[Any, Sequence[Item], dict[str, Any]], pa.Table]:
    def ask(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
        import pyarrow as pa

        values = _array(getattr(model, name)(list(items), **options))
        _same_length(model, name, len(values), len(items))
        return pa.table(
            {"item": pa.array(range(len(values)), pa.int64()), column: pa.array(list(values), pa.list_(pa.float64()))}
        )

    return ask


_ANSWERS: dict[str, Callable[[Any, Sequence[Item], dict[str, Any]], Any]] = {
    "sample": _sample,
    "log_prob": _log_prob,
    "trace": _trace,
    "embed": _rows("embed", "embedding"),
    "predict": _rows("predict", "probabilities"),
}


def _array(values: Any) -> np.ndarray:
    import numpy as np

    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _same_length(model: Any, question: str, got: int, asked: int) -> None:
    if got != asked:
        raise ModelError(f"{model.name} answered {question!r} with {got} rows for {asked} items")
