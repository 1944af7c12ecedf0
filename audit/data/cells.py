"""Cells of a file as what their field holds; a field holds text unless `KINDS` says otherwise.

    image, series,    numbers, nested as the image or series is: lists in JSON lines and Parquet, `[[0, 1], [2, 3]]` or,
    row, strange      with a separator, `0;1;2` in the text of a CSV; they become arrays, whole numbers stay whole
    choices, samples  lists of texts
    log_probs, ...,   numbers of tokens or sentences, nested as they are: lists in JSON lines and Parquet, JSON in the
    citations         text of a CSV; null = not known
    aliases, mentions the same; one text is one of them, where it holds nothing that may part several
    reference         the same
    context           text; of a role that says so (`audit.probe.Role.lists`) also a list of texts: its passages
    best, correct     an integer, a list of them
    repeat,           an integer
    stated_items,
    items_there
    confidence,       a finite number
    judge, swapped,
    score, stated, stated_within, recomputed
    label             text, or a whole number, whose text it is then: 1.0, as a column with gaps may have it, is "1"

The columns of a table (`audit.probe.Role.table`) hold text, numbers and true or false, whatever they are called.

Empty cells, empty texts and empty lists are missing values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import NoneType
from typing import TYPE_CHECKING, Any

from audit.errors import DataError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ARRAY", "KINDS", "allowed", "cells_of_kind", "described", "split", "without_words"]

ARRAY, LABEL, ALIASES, VALUE, TEXTS, NESTED = "array", "label", "aliases", "value", "texts", "nested"
KINDS: Mapping[str, Any] = {
    "aliases": ALIASES, "best": int, "choices": list[str], "confidence": float, "correct": list[int], "image": ARRAY,
    "judge": float, "label": LABEL, "label_height": float, "mentions": ALIASES, "p_value": float, "reference": ALIASES,
    "row": ARRAY, "samples": list[str], "series": ARRAY, "strange": ARRAY, "swapped": float, "tokens": float,
    **dict.fromkeys(("log_probs", "entropies", "top_log_probs", "sample_log_probs", "citations"), NESTED),
    **dict.fromkeys(("score", "stated", "recomputed", "stated_within"), float),
    **dict.fromkeys(("repeat", "stated_items", "items_there"), int),
}
"""Field -> type of its cells, for the fields that do not hold text."""
_ALLOWED = {
    str: "text", int: "an integer", float: "a finite number", list[str]: "a list of texts",
    list[int]: "a list of integers", ARRAY: "finite numbers, in lists of one length",
    LABEL: "text or a whole number", VALUE: "text, a number, or true or false",
    ALIASES: "a list of texts, or one text; `list_separator` parts several",
    TEXTS: "text, or a list of texts", NESTED: "a list of finite numbers, or of lists of them",
}
_PARTING = frozenset(";|[]\n\t")
"""What one text may not hold: it could be several, and an answer that is none of them would be judged by it."""


def allowed(name: str) -> str:
    """Return in words what a field may hold."""
    return _ALLOWED[KINDS.get(name, str)]


def cells_of_kind(
    what: object, name: str, cells: list[Any], before: int, separator: str | None, *, table: bool = False,
    lists: bool = False,
) -> list[Any]:
    """Return the cells of a field as the kind it holds, None where empty; raises DataError naming the row.

    what: the source, as errors name it. before: rows of it that stand before these. separator: what parts the entries
    of a list in a text. table: whether it is a column of a table, whatever it is called. lists: whether a cell may be
    a list of texts, too.
    """
    kind = VALUE if table else TEXTS if lists else KINDS.get(name, str)
    types = set(map(type, cells))
    if kind in (str, VALUE) and types <= {str, NoneType}:
        return [cell or None for cell in cells]
    if kind is int and types <= {int, NoneType}:
        return cells
    if kind is float and types <= {float, NoneType} and all(map(math.isfinite, filter(None, cells))):
        return cells
    if kind == VALUE and (types <= {int, NoneType} or types <= {float, NoneType}):  # True is 1 too, as a key
        with suppress(ValueError):  # a number too long to be told, whose row is named below
            told = {cell: None if cell is None else _value(cell) for cell in set(cells)}
            return [told[cell] for cell in cells]
    done: list[Any] = []
    for cell in cells:
        try:
            done.append(_cell(cell, kind, separator))
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            at = f"{what}: row {before + len(done) + 1}: field {name!r}"
            raise DataError(f"{at} holds {described(cell)}; allowed: {_ALLOWED[kind]}") from None
    return done


def described(cell: Any) -> str:
    """Return what kind of thing a cell is; what it says is never part of an error, which may become public."""
    if isinstance(cell, str):
        return f"a text of {len(cell):,} characters" if cell else "an empty text"
    if isinstance(cell, (list, dict)):
        return f"{'a list' if isinstance(cell, list) else 'an object'} of {len(cell):,}"
    names = {bool: "true or false", int: "a whole number", float: "a number", NoneType: "nothing"}
    return names.get(type(cell), f"a {type(cell).__name__}")


def split(text: str, separator: str) -> list[str]:
    """Return the parts of a text that are not blank, without blanks around them."""
    return [part for one in text.split(separator) if (part := one.strip())]


def _cell(cell: Any, kind: Any, separator: str | None) -> Any:
    """Return one cell as its kind, None where empty; raises TypeError or ValueError where it is of another."""
    if cell is None or (isinstance(cell, (str, list)) and not cell):
        return None
    if kind == ARRAY:
        return _array(cell, separator)
    if kind in _READ:
        return _READ[kind](cell)
    if kind == LABEL:
        return _plain(int(cell) if isinstance(cell, float) and cell.is_integer() else cell, str)
    if kind in (str, int):
        return _plain(cell, kind)
    parts = split(cell, separator) if separator and isinstance(cell, str) else cell
    if kind == TEXTS and isinstance(parts, str):
        return parts
    if kind == ALIASES and isinstance(parts, str) and not _PARTING.intersection(parts):
        parts = [parts]
    if not isinstance(parts, list):
        raise TypeError
    return [_plain(part, int if kind == list[int] else str) for part in parts] or None


def _plain(cell: Any, kind: Callable[[Any], Any]) -> Any:
    if type(cell) not in (str, int):  # a bool is an int by inheritance only
        raise TypeError
    return kind(cell)


def _value(cell: Any) -> str | None:
    """Return a cell of a table as text: 1.0, as a column with gaps may have it, is "1"; NaN is a missing value."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return None if math.isnan(cell) else str(int(cell)) if cell.is_integer() else repr(cell)
    return str(_plain(cell, str))


def _number(cell: Any) -> float:
    if isinstance(cell, bool) or not math.isfinite(number := float(cell)):
        raise ValueError
    return number


def _nested(cell: Any) -> list[Any]:
    """Return a list of numbers, of null, or of such lists; raises TypeError or ValueError for anything else."""
    if isinstance(cell, str):
        cell = json.loads(cell)
    if not isinstance(cell, list):
        raise TypeError
    return [one if one is None else _nested(one) if isinstance(one, list) else _number(one) for one in cell]


_READ: Mapping[Any, Callable[[Any], Any]] = {float: _number, VALUE: _value, NESTED: _nested}


def _array(cell: Any, separator: str | None) -> np.ndarray:
    import numpy as np

    if isinstance(cell, str):
        cell = json.loads(f"[{','.join(split(cell, separator))}]" if separator else cell)
    array = np.asarray(cell)
    if array.dtype.kind not in "iuf" or not array.ndim or not array.size or not np.isfinite(array).all():
        raise ValueError
    if array.dtype.kind == "u" and array.dtype.itemsize == 8 and array.max() > np.iinfo(np.int64).max:
        raise ValueError
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def without_words(cells: list[Any], words: Sequence[str]) -> list[Any]:
    """Return the cells of a column, None for a word that stands for a missing value."""
    if not words:
        return cells
    none = set(words)
    return [None if isinstance(cell, str) and cell in none else cell for cell in cells]
