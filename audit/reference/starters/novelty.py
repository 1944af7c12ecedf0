"""What `init --for novelty` writes: a fit plan for data of one's own, and the plan that audits what comes of it.

    dokimasia fit fit.yaml --into models && dokimasia run plan.yaml

One label is left out. A model of P(X) of every family and a classifier, P(Y|X), learn the others, and the audit tells
who sees the one that was left out: densities, classifier and kNN. Data are a folder of images with a subfolder for each
label, or a file with the columns `image` and `label`; nothing but names, sizes and labels is read here.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.data import ENDINGS, column_names, folder_labels, read_columns
from audit.errors import UsageError, did_you_mean

__all__ = ["NoveltyPlans", "novelty_plans"]

_LEAST = 3
"""Labels: one is left out, and a classifier needs two."""
_SIDE, _LEVELS = 28, 16
"""Images are resampled to this side unless all are smaller squares of one size, and cut into so many grey levels."""
_ALLOWED = "allowed: a folder of images with a subfolder for each label, or a file with columns image and label"


@dataclass(frozen=True)
class NoveltyPlans:
    """The text of both plans."""

    fit: str
    audit: str
    left_out: str


def novelty_plans(data: str, models: str, leave_out: str | None = None, *, base: Path = Path()) -> NoveltyPlans:
    """Return a fit plan and an audit plan for `data`; both shall lie in `base`, beside the folder `models`.

    leave_out: the label that no model sees; None = the last one by name. Raises UsageError for data of another kind,
    for fewer than three labels, and for a label that is not there.
    """
    path = Path(data)
    if not path.exists():
        raise UsageError(f"--data {data}: no such file or folder; {_ALLOWED}")
    labels, source = _of_folder(path) if path.is_dir() else _of_file(path)
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
    return NoveltyPlans(_filled("novelty_fit", told), _filled("novelty", told), left)


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
    if missing := sorted({"image", "label"} - set(column_names(path))):
        raise UsageError(f"--data {path}: has no column {missing[0]!r}; {_ALLOWED}")
    return Counter(_labels(path)), {"use": "file", "path": ""}


def _labels(path: Path) -> Iterator[str]:
    for cells in read_columns(path, "auto", ["label"]):
        yield from (str(cell) for cell in cells["label"] if cell not in (None, ""))
