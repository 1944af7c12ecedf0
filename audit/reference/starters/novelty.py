"""What `init --for novelty` writes: a fit plan for data of one's own, and the plan that audits what comes of it.

    dokimasia fit fit.yaml --into models && dokimasia run plan.yaml

One label is left out. A model of P(X) of every family and a classifier, P(Y|X), learn the others, and the audit tells
who sees the one that was left out: densities, classifier and kNN. Data are a folder of images with a subfolder for each
label, a file with the columns `image` and `label`, or a table of numbers with a column that is taken for the label as
`init --data` takes it; columns that are not all numbers in its first rows, and those that only name rows, are left out.
Nothing but names, sizes, labels and those rows is read here.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from audit.data import ENDINGS, column_names, folder_labels, read_columns
from audit.errors import UsageError, did_you_mean
from audit.reference.starters.tables import MOST_VALUES, first_values, label_of
from detectors.immutable import immutable

__all__ = ["NoveltyPlans", "novelty_plans"]

_LEAST = 3
"""Labels: one is left out, and a classifier needs two."""
_SIDE, _LEVELS = 28, 16
"""Images are resampled to this side unless all are smaller squares of one size, and cut into so many grey levels."""
_ID = re.compile(r"(?:(?:^|[_ ])(?i:id|uid|번호)|[a-z]I[dD])$")
_ALLOWED = "allowed: a folder of images with a subfolder for each label, or a table with a column of labels"


@immutable
class NoveltyPlans:
    """The text of both plans."""

    fit: str
    audit: str
    left_out: str


def novelty_plans(data: str, models: str, leave_out: str | None = None, *, base: Path = Path()) -> NoveltyPlans:
    """Return a fit plan and an audit plan for `data`; both shall lie in `base`, beside the folder `models`.

    leave_out: the label that no model sees; None = the last one by name. Raises UsageError for data of another kind,
    for fewer than three labels, for a row without one, and for a label that is not there.
    """
    path = Path(data)
    if not path.exists():
        raise UsageError(f"--data {data}: no such file or folder; {_ALLOWED}")
    labels, source = _of_folder(path) if path.is_dir() else _of_file(path)
    if (bare := labels.pop("", 0)) > 0:
        raise UsageError(f"--data {data}: {bare} rows have no label; allowed: a label in every row")
    kind = "table_" if source["use"] == "rows" else ""
    if len(labels) < _LEAST:
        raise UsageError(f"--data {data}: has {len(labels)} labels; allowed: {_LEAST} or more, one is left out")
    if leave_out is not None and leave_out not in labels:
        raise UsageError(f"--leave-out {leave_out}: no such label{did_you_mean(leave_out, labels)}")
    source["path"] = os.path.relpath(path, base)
    left = leave_out if leave_out is not None else max(labels)
    told = {
        "TITLE": json.dumps(f"Who sees {left} of {path.resolve().name}, which no model was shown?", ensure_ascii=False),
        "LEFT_OUT": json.dumps(left, ensure_ascii=False), "MODELS": models,
        "DATA": f"{{{', '.join(f'{key}: {json.dumps(one, ensure_ascii=False)}' for key, one in source.items())}}}",
    }  # fmt: skip
    return NoveltyPlans(_filled(f"novelty_{kind}fit", told), _filled(f"novelty_{kind}".rstrip("_"), told), left)


def _filled(template: str, told: dict[str, str]) -> str:
    """Return a template with its words put in; what is behind a path is put into the same text."""
    text = (Path(__file__).parent / f"{template}.yaml").read_text("utf-8")
    text = re.sub(r"MODELS(/[\w./]+)", lambda found: json.dumps(told["MODELS"] + found[1], ensure_ascii=False), text)
    return re.sub("TITLE|DATA|LEFT_OUT", lambda found: told[found[0]], text)


def _of_folder(path: Path) -> tuple[Counter[str], dict[str, Any]]:
    labels, size = folder_labels(path)
    small = size is not None and size[0] == size[1] <= _SIDE
    cut = {} if small else {"size": [_SIDE, _SIDE]}
    return labels, {"use": "image_folder", "path": "", "mode": "L", **cut, "levels": _LEVELS}


def _of_file(path: Path) -> tuple[Counter[str], dict[str, Any]]:
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--data {path}: ends in {path.suffix!r}; {_ALLOWED}")
    there = column_names(path)
    if {"image", "label"} <= {*there}:
        return Counter(_labels(path, "label")), {"use": "file", "path": ""}
    first = first_values(path)
    label = "label" if "label" in first else label_of(first) if first else ""
    if label != "label" and len(first.get(label, ())) > MOST_VALUES:
        label = ""
    numbers = [
        name for name, cells in first.items()
        if name != label and cells and all(map(_is_number, cells)) and not _counts_rows(name, cells)
    ]
    if not label or not numbers:
        what = "column of labels" if not label else "column of numbers beside the label"
        raise UsageError(f"--data {path}: has no {what}; {_ALLOWED}")
    named = {} if label == "label" else {"fields": {"label": label}}
    return Counter(_labels(path, label)), {"use": "rows", "path": "", "numbers": numbers, **named}


def _counts_rows(name: str, cells: Counter[str]) -> bool:
    """Whether a column of numbers names rows: whole ones, none twice, that run one by one or are called an id."""
    if max(cells.values()) > 1 or not all(float(cell).is_integer() for cell in cells):
        return False
    steps = {float(after) - float(cell) for cell, after in pairwise(cells)}
    return steps == {1.0} or _ID.search(name) is not None


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _labels(path: Path, column: str) -> Iterator[str]:
    for cells in read_columns(path, "auto", [column]):
        yield from ("" if cell is None else str(cell) for cell in cells[column])
