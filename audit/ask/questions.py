"""From abilities to frames: how a question is put to a model and what its answer looks like.

Every answer is a table with a column `item`, the position among the items asked, ascending. NumPy and Arrow from here
on; a tensor that a model returns is taken over without importing torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from audit import procedures
from audit.errors import ModelError, did_you_mean
from audit.files import arrow_table
from audit.model import ABILITIES, CanSample, Item, abilities_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["PRIVATE", "RANDOM", "answer", "can_answer", "takes_numbers"]

RANDOM = frozenset({"sample", "marked_sample", "timing"})
"""Questions whose answer depends on the seed, and where asking twice for the same item is two draws."""
PRIVATE = frozenset({"timing"})
"""Questions whose answer speaks of one machine at one time, and is never taken from another audit."""


def can_answer(model: object, question: str) -> bool:
    """Tell whether `answer` puts this question to `model`; procedures say for themselves what they need."""
    return question in _ANSWERS and isinstance(model, ABILITIES[question])


def takes_numbers(model: object, question: str) -> bool:
    """Tell whether draws for this question depend on their prompt and number alone; see `audit.model.CanSample`."""
    drawn = question in ("sample", "marked_sample") and isinstance(model, CanSample)
    return drawn and "numbers" in inspect.signature(model.sample).parameters  # type: ignore[attr-defined]


def answer(model: Any, question: str, items: Sequence[Item], *, seed: int, options: Mapping[str, Any]) -> pa.Table:
    """Put one question to a model; raises ModelError for an ability it lacks or an answer of the wrong length.

    A question that is no ability is a procedure: the function of that name in `audit.procedures`' module of that name.
    """
    given = {"seed": seed, **options} if question in RANDOM else dict(options)
    if question in _ANSWERS:
        if not can_answer(model, question):
            raise ModelError(
                f"{model.name} cannot answer {question!r}; it has: {', '.join(sorted(abilities_of(model)))}"
            )
        return _ANSWERS[question](model, items, given)
    if question not in _procedures():
        raise ModelError(f"no question {question!r}{did_you_mean(question, [*_ANSWERS, *_procedures()])}")
    procedure = getattr(import_module(f"audit.procedures.{question}"), question)
    return _table(model, question, procedure(model, items, **given), len(items))


@cache
def _procedures() -> frozenset[str]:
    return frozenset(one.name for one in iter_modules(procedures.__path__))


def _table(model: Any, question: str, found: Any, count: int) -> pa.Table:
    """Return what a procedure found: a frame with a row an item (or with a column `item`), or an array [item, ...]."""
    import pandas as pd

    frame = found if isinstance(found, pd.DataFrame) else pd.DataFrame({question: list(found)})
    if "item" not in frame.columns:
        _same_length(model, question, len(frame), count)
        frame = frame.reset_index(drop=True).assign(item=range(count))
    return arrow_table(frame)


def _sample(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    drawn = model.sample(list(items), **options)
    _same_length(model, "sample", len(drawn), len(items))
    return pa.table(
        {
            "item": pa.array(range(len(drawn)), pa.int64()),
            "content": [one.content.tolist() if hasattr(one.content, "tolist") else one.content for one in drawn],
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


def _discriminate(model: Any, items: Sequence[Item], options: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    logit, features = (_array(part) for part in model.discriminate(list(items), **options))
    _same_length(model, "discriminate", len(logit), len(items))
    lists = pa.array(list(features), pa.list_(pa.float64()))
    return pa.table({"item": pa.array(range(len(logit)), pa.int64()), "logit": logit, "features": lists})


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
    "discriminate": _discriminate,
    "embed": _rows("embed", "embedding"),
    "logits": _rows("logits", "logits"),
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
