"""From abilities to frames: how a question is put to a model and what its answer looks like.

Every answer is a table with a column `item`, the position among the items asked, ascending. NumPy and Arrow from here
on; a tensor that a model returns is taken over without importing torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit import plugins
from audit.errors import AbilityError, ModelError, did_you_mean
from audit.files import arrow_table
from audit.model import ABILITIES, Item, Sample, abilities_of
from audit.procedure import Procedure

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["answer", "can_answer", "procedure_for", "takes_numbers"]


def procedure_for(question: str) -> Procedure:
    """Return what answers a question: for an ability one of those below, else the procedure of that name.

    Raises ModelError for a question that there is not, UsageError where the package that brings it is broken.
    """
    if question in _ANSWERS:
        return _ANSWERS[question]
    if question not in plugins.names("procedures"):
        raise ModelError(f"no question {question!r}{did_you_mean(question, [*_ANSWERS, *plugins.names('procedures')])}")
    found: Procedure = plugins.load("procedures", question)
    return found


def can_answer(model: object, question: str) -> bool:
    """Tell whether there is this question, and `model` has what it needs."""
    there = question in _ANSWERS or question in plugins.names("procedures")
    return there and procedure_for(question).answers(model)


def takes_numbers(model: Any, procedure: Procedure) -> bool:
    """Tell whether draws of a procedure depend on their item and number alone; see `audit.model.CanSample`."""
    if procedure is not _ANSWERS["sample"]:
        return procedure.numbered
    return procedure.answers(model) and "numbers" in inspect.signature(model.sample).parameters


def answer(model: Any, question: str, items: Sequence[Item], *, seed: int, options: Mapping[str, Any]) -> pa.Table:
    """Put one question to a model; raises ModelError where it lacks what is needed, or answers with other rows."""
    procedure = procedure_for(question)
    if not procedure.answers(model):
        raise _unable(model, question, procedure)
    given = {"seed": seed, **options} if procedure.random else options
    return _table(model, question, procedure(model, items, **given), len(items))


def _unable(model: Any, question: str, procedure: Procedure) -> ModelError:
    if question in _ANSWERS:
        has = ", ".join(sorted(abilities_of(model)))
        return ModelError(f"{model.name} cannot answer {question!r}; it has: {has}")
    return AbilityError(model.name, question, procedure.lacking)


def _table(model: Any, question: str, found: Any, count: int) -> pa.Table:
    """Return what was found: a table as it is, a frame with a row an item (or with a column `item`), or an array."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(found, pa.Table):
        return found
    frame = found if isinstance(found, pd.DataFrame) else pd.DataFrame({question: list(found)})
    if "item" not in frame.columns:
        _same_length(model, question, len(frame), count)
        frame = frame.reset_index(drop=True).assign(item=range(count))
    return arrow_table(frame)


def _sample(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
    import pyarrow as pa

    drawn = model.sample(list(items), **options)
    _same_length(model, "sample", len(drawn), len(items))
    return pa.table(
        {
            "item": pa.array(range(len(drawn)), pa.int64()),
            "content": _contents(drawn),
            "finish": pa.array([one.finish for one in drawn], pa.string()),
            "elements": pa.array([one.elements for one in drawn], pa.int64()),
            "problem": pa.array([one.problem for one in drawn], pa.string()),
        }
    )


def _contents(drawn: Sequence[Sample]) -> Any:
    """Return what was drawn as Arrow takes it; images of bytes as such, since lists of numbers take 8 times more."""
    import pyarrow as pa

    came = [one.content for one in drawn if one.content is not None]
    if came and all(getattr(one, "dtype", None) == "uint8" and one.ndim == came[0].ndim for one in came):
        kind: pa.DataType = pa.uint8()
        for _ in range(came[0].ndim):
            kind = pa.list_(kind)
        return pa.array((None if one.content is None else _nested(one.content) for one in drawn), kind, size=len(drawn))
    return [one.content.tolist() if hasattr(one.content, "tolist") else one.content for one in drawn]


def _nested(array: np.ndarray) -> Any:
    """Return an array as lists of arrays with one axis."""
    return array if array.ndim == 1 else [_nested(part) for part in array]


def _log_prob(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
    import pyarrow as pa

    nats, kind = model.log_prob(list(items), **options)
    values = _numbers(model, "log_prob", nats, len(items), 1)
    return pa.table(
        {
            "item": pa.array(range(len(values)), pa.int64()),
            "log_prob": pa.array(values, pa.float64(), from_pandas=True),
            "kind": pa.array([kind] * len(values), pa.string()),
        }
    )


def _traced(name: str, always: Sequence[str], asked_for: Sequence[str] = ()) -> Callable[..., pa.Table]:
    """Return the question for a row per element; `asked_for` are options that each bring a column of their name."""

    def ask(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
        import pandas as pd
        import pyarrow as pa

        floats = [*always, *(column for column in asked_for if options.get(column))]
        frames = getattr(model, name)(list(items), **options)
        _same_length(model, name, len(frames), len(items))
        whole = (
            pd.concat(frames, keys=range(len(frames)), names=["item", None])
            .reset_index(level="item")
            .reset_index(drop=True)
        ) if frames else pd.DataFrame(columns=["item", "element", *floats])
        whole = whole.astype({"item": "int64", "element": "str", **dict.fromkeys(floats, "float64")})
        return pa.Table.from_pandas(whole[["item", "element", *floats]], preserve_index=False)

    return ask


def _discriminate(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
    import pyarrow as pa

    told = model.discriminate(list(items), **options)
    logit, features = (_numbers(model, "discriminate", told[axis - 1], len(items), axis) for axis in (1, 2))
    lists = pa.array(list(features), pa.list_(pa.float64()))
    return pa.table({"item": pa.array(range(len(logit)), pa.int64()), "logit": logit, "features": lists})


def _rows(name: str, column: str) -> Callable[..., pa.Table]:
    def ask(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
        import pyarrow as pa

        values = _numbers(model, name, getattr(model, name)(list(items), **options), len(items), 2)
        return pa.table(
            {"item": pa.array(range(len(values)), pa.int64()), column: pa.array(list(values), pa.list_(pa.float64()))}
        )

    return ask


def _verify(model: Any, items: Sequence[Item], **options: Any) -> pa.Table:
    import pyarrow as pa

    marked = getattr(model, "marked", None)
    told, spans = marked(list(items), **options) if callable(marked) else (model.verify(list(items), **options), None)
    rows = _numbers(model, "verify", told, len(items), 2).reshape(-1, 3)
    pieces = model.pieces(items) if callable(getattr(model, "pieces", None)) else [1] * len(items)
    named = zip(("entailment", "neutral", "contradiction"), rows.T, strict=True)
    return pa.table(
        {
            "item": pa.array(range(len(rows)), pa.int64()),
            **{name: pa.array(column, pa.float64(), from_pandas=True) for name, column in named},
            "pieces": pa.array(pieces, pa.int64()),
            **({} if spans is None else {"spans": pa.array(spans, pa.list_(pa.list_(pa.int64())))}),
        }
    )


def _ability(name: str, run: Callable[..., pa.Table]) -> Procedure:
    return Procedure(run, needs=(ABILITIES[name],), random=name == "sample")


_ANSWERS = {
    "sample": _ability("sample", _sample),
    "log_prob": _ability("log_prob", _log_prob),
    "trace": _ability("trace", _traced("trace", ("log_prob", "entropy", "variance", "rank"))),
    "pseudo_trace": _ability("pseudo_trace", _traced("pseudo_trace", ("log_prob",), ("attention",))),
    "discriminate": _ability("discriminate", _discriminate),
    "embed": _ability("embed", _rows("embed", "embedding")),
    "logits": _ability("logits", _rows("logits", "logits")),
    "predict": _ability("predict", _rows("predict", "probabilities")),
    "verify": _ability("verify", _verify),
}


def _numbers(model: Any, question: str, values: Any, asked: int, axes: int) -> np.ndarray:
    """Return float64 [item], or with two axes [item, ...]; raises ModelError for what is no such array of numbers."""
    try:
        array = _array(values)
    except (TypeError, ValueError):
        got = type(values).__name__
        raise ModelError(f"{model.name} answered {question!r} with a {got}; allowed: numbers") from None
    if array.ndim != axes and asked:
        got = f"an array of {list(array.shape)} for {asked} items"
        raise ModelError(f"{model.name} answered {question!r} with {got}; allowed: [{asked}{', ...' * (axes - 1)}]")
    _same_length(model, question, len(array), asked)
    return array


def _array(values: Any) -> np.ndarray:
    import numpy as np

    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def _same_length(model: Any, question: str, got: int, asked: int) -> None:
    if got != asked:
        raise ModelError(f"{model.name} answered {question!r} with {got} rows for {asked} items")
