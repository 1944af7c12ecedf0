"""Draws for items: every item stands for so many draws of the model, which are kept beside it.

Probes that draw in the same way share their draws, as far as both go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audit.errors import DataError
from audit.probe import Ask, Role

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from detectors.arrays import Items

__all__ = [
    "DRAWN_FOR", "Sampling", "as_array", "ask_about_draws", "check_classes", "check_like", "content",
    "draws_for", "each_draw", "lists_by_item", "plain", "shown_items", "storable_items", "usable", "vectors",
    "without_nan",
]

Sampling = dict[str, int | float]
"""Settings of the model's sampler, e.g. `{steps: 25}` or `{temperature: 1}`."""

_FIELDS = {
    "image": "image as numbers [row, column] or [channel, row, column]; one of image, series, row, text",
    "series": "series as numbers [step]",
    "row": "numbers of a row of a table, or features, each in a unit of its own",
    "text": "text",
    "label": "class of the item",
}
DRAWN_FOR = Role(_FIELDS, optional=frozenset(_FIELDS))
"""Real items; those of role `items` stand for draws, and are not shown to the model."""


def draws_for(ask: Ask, items: pd.DataFrame, count: int, sampling: Mapping[str, Any]) -> pd.DataFrame:
    """Return `draws` and `problems` of every item: lists of `count` contents (null: none came) and of why not."""
    import pandas as pd

    answer = ask("sample", [None] * (count * len(items)), **sampling)
    came = answer["content"].astype(object).where(answer["problem"].isna(), None)
    columns = {"draws": [plain(cell) for cell in came], "problems": answer["problem"].to_list()}
    starts = range(0, len(answer), count)
    return pd.DataFrame({name: [c[i : i + count] for i in starts] for name, c in columns.items()}, index=items.index)


def ask_about_draws(ask: Ask, question: str, column: str, draws: pd.Series[Any], model: str) -> list[list[Any]]:
    """Return for every item what a helper answers about each of its draws; null where there is no draw."""
    asked = [content(cell) for row in draws for cell in row if cell is not None]
    told = iter(ask(question, asked, model=model)[column] if asked else ())
    return [[None if cell is None else next(told).tolist() for cell in row] for row in draws]


def each_draw(items: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return one row a draw; the second draw of item `x` has the id `x#2`."""
    import pandas as pd

    rows = items[list(columns)].explode(list(columns))
    again = rows.groupby(level=0, sort=False).cumcount()
    ids = [f"{name}#{number + 1}" if number else str(name) for name, number in zip(rows.index, again, strict=True)]
    return rows.set_axis(pd.Index(ids, name="id"), axis=0)


def usable(contents: pd.Series[Any], like: Any) -> np.ndarray:
    """Tell which draws are of the kind of `like`, a real item: text that is not blank, finite numbers of its shape."""
    import numpy as np

    if isinstance(like, str):
        return contents.map(lambda cell: isinstance(cell, str) and bool(cell.strip())).to_numpy(bool)
    shape = np.shape(like)
    arrays = (None if cell is None else content(cell) for cell in contents)
    return np.array([x is not None and x.shape == shape and bool(np.isfinite(x).all()) for x in arrays], dtype=bool)


def check_like(probe: str, draws: pd.DataFrame, real: pd.DataFrame, name: str) -> None:
    """Raise DataError where all draws that came have another shape than real items, or are on another scale."""
    import numpy as np

    from detectors.scale import another_scale

    like = np.shape(content(real[name].iloc[0]))
    came = draws.loc[draws["problems"].isna() & draws["draws"].notna(), "draws"]
    arrays = [content(cell) for cell in came] if name != "text" else []
    shapes = [array.shape for array in arrays]
    if shapes and like not in shapes:
        got = f"draws have shape {list(shapes[0])}, items of the data {list(like)}"
        raise DataError(f"{probe}: {got}; allowed: the same")
    good = [array for array in arrays if array.shape == like and np.isfinite(array).all()]
    told = another_scale(name, np.stack(good), np.stack(real[name].map(content).to_list())) if good else None
    if told is not None:
        raise DataError(f"{probe}: draws range {told} as the data; allowed: one scale for both")


def check_classes(probe: str, labels: pd.Series[Any], names: Sequence[str]) -> None:
    """Raise DataError for a label that is the name of no class; one that is not there is none."""
    for item, label in labels.items():
        if label is not None and label == label and str(label) not in names:
            got = f"item {item!r} has the label {label!r}, which no class of the model is called"
            raise DataError(f"{probe}: {got}; allowed: {', '.join(names)}, or none")


def vectors(cells: pd.Series[Any]) -> np.ndarray:
    """Return cells of numbers, nested or not, as [item, dim]."""
    import numpy as np

    return np.stack([content(cell).ravel() for cell in cells]).astype(float)


def content(cell: Any) -> Any:
    """Return what a cell holds as a model takes it: text as it is, nested lists as an array."""
    return cell if isinstance(cell, str) else as_array(cell)


def plain(cell: Any) -> Any:
    """Return what a cell holds as it is stored: nothing or text as it is, arrays as nested lists."""
    return cell if cell is None or isinstance(cell, str) else content(cell).tolist()


def as_array(cell: Any) -> np.ndarray:
    """Return the array that a cell of nested lists holds, as it comes back from a stored table."""
    import numpy as np

    array = np.asarray(cell)
    return np.stack([as_array(part) for part in array]) if array.dtype == object else array


def storable_items(probe: str, items: pd.DataFrame) -> tuple[pd.DataFrame, Items]:
    """Return the items as a frame that can be stored (arrays as nested lists), and as `shown_items` does."""
    from detectors.arrays import field_of

    shown = shown_items(probe, items)
    name = field_of(items)
    told = {name: shown if name == "text" else shown.tolist()}  # type: ignore[union-attr]
    if "strange" in items:
        told["strange"] = items["strange"].map(plain)
    return items.assign(**told), shown


def shown_items(probe: str, items: pd.DataFrame) -> Items:
    """Return the items as one array or a list of texts.

    Raises DataError where not every item has one and the same of the fields image, series, row and text.
    """
    from detectors.arrays import field_of, items_of

    try:
        name = field_of(items)
        if items[name].isna().any():
            raise ValueError(f"got {int(items[name].isna().sum())} items without {name}; allowed: none")
        return items_of(items)
    except ValueError as error:
        raise DataError(f"{probe}: {error}") from None


def lists_by_item(answer: pd.DataFrame, column: pd.Series[Any], count: int) -> pd.Series[Any]:
    """Return a column of an answer of several rows an item as a list an item, empty where it has none."""
    import numpy as np

    from detectors.arrays import objects

    ends = np.searchsorted(answer["item"].to_numpy(), np.arange(1, count))  # items are ascending
    return objects([part.tolist() for part in np.split(column.to_numpy(), ends)][:count])


def without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with None in every cell that holds nothing."""
    import pandas as pd

    cells = frame.to_numpy(object, copy=True)
    cells[pd.isna(cells)] = None
    return pd.DataFrame(cells, frame.index, frame.columns, dtype=object)
