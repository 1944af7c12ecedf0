"""What the trainers of images, series and rows share: their roles, and what items they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit.errors import DataError
from audit.probe import Role
from audit.trainer import Lesson

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["IMAGES", "ROWS", "SERIES", "at_least", "image_parts", "label_parts", "row_parts", "series_parts"]

_SHARED = {"label": "class of the item", "unit": "independent unit, e.g. the photo that a patch is from"}
IMAGES = Role({"image": "whole numbers [row, column], from 0 up", **_SHARED}, optional=frozenset(_SHARED))
SERIES = Role({"series": "numbers [step]", **_SHARED}, optional=frozenset(_SHARED))
ROWS = Role({"row": "numbers of a row of a table, or features", **_SHARED}, optional=frozenset(_SHARED))
_MOST_LEVELS = 256


def at_least(least: int, **options: int) -> None:
    """Raise ValueError for an option below `least`."""
    for name, value in options.items():
        if value < least:
            raise ValueError(f"{name} is {value}; allowed: {least} or more")


def image_parts(lesson: Lesson, levels: int | None) -> tuple[list[torch.Tensor], int]:
    """Return training and validation images, int64 [item, side, side], and how many grey levels there are.

    Without `levels`: one more than the greatest number in all parts. Raises DataError for what is no square grey image
    of whole numbers below that.
    """
    import torch

    train, validation = (_stacked(part["image"].to_list(), "images") for part in (lesson.train, lesson.validation))
    if train.ndim != 3 or train.shape[1] != train.shape[2] or train.dtype.kind not in "iu":
        got = f"{'whole' if train.dtype.kind in 'iu' else 'broken'} numbers of shape {list(train.shape[1:])}"
        raise DataError(f"fit: images are {got}; allowed: whole numbers [side, side] (mode L, and a `size`)")
    if validation.shape[1:] != train.shape[1:]:
        told = f"{list(train.shape[1:])} and {list(validation.shape[1:])}"
        raise DataError(f"fit: images have shapes {told}; allowed: one for all")
    least, greatest = lesson.bounds or (train.min(), train.max())
    found = levels or max(2, int(greatest) + 1)
    if least < 0 or greatest >= found or found > _MOST_LEVELS:
        most = f"0 to {min(found, _MOST_LEVELS) - 1}"
        raise DataError(f"fit: pixels are from {least:g} to {greatest:g}; allowed: {most}")
    return [torch.from_numpy(part.astype("int64")) for part in (train, validation)], found


def label_parts(lesson: Lesson) -> list[list[str]]:
    """Return the labels of training and validation items; raises DataError where one has none, or all are one."""
    frames = (lesson.train, lesson.validation)
    parts: list[list[str]] = [part["label"].to_list() if "label" in part else [] for part in frames]
    if any(not part or None in part for part in parts):
        raise DataError("fit: a classifier needs a label for every item; allowed: subfolders, or a column `label`")
    if len(classes := {label for part in parts for label in part}) < 2:
        raise DataError(f"fit: all items have the label {min(classes)!r}; allowed: two labels or more")
    return parts


def series_parts(lesson: Lesson) -> list[torch.Tensor]:
    """Return training and validation series, float32 [item, step]; raises DataError for those of several lengths."""
    return _lists(lesson, "series", "series", "[step], all of one length")


def row_parts(lesson: Lesson) -> list[torch.Tensor]:
    """Return training and validation rows, float32 [item, number]; raises DataError for those of several lengths."""
    return _lists(lesson, "row", "rows", "[number], as many in every row")


def _lists(lesson: Lesson, field: str, what: str, allowed: str) -> list[torch.Tensor]:
    import torch

    parts = [_stacked(part[field].to_list(), what) for part in (lesson.train, lesson.validation)]
    if parts[0].ndim != 2 or parts[1].shape[1:] != parts[0].shape[1:]:
        raise DataError(f"fit: {what} have shape {list(parts[0].shape[1:])}; allowed: {allowed}")
    return [torch.from_numpy(part.astype("float32")) for part in parts]


def _stacked(cells: list[Any], what: str) -> np.ndarray:
    import numpy as np

    shapes = {np.shape(cell) for cell in cells}
    if len(shapes) != 1:
        told = " and ".join(str(list(one)) for one in sorted(shapes)[:2])
        raise DataError(f"fit: {what} have shapes {told}; allowed: one for all")
    return np.stack(cells)
