"""StereoSet (arXiv:2004.09456): a stereotype, its opposite, and a sentence that has nothing to do with either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from audit.data.columns import readable
from audit.data.ids import Cells, frames_of
from audit.data.published.layout import require_fields
from audit.data.source import Source
from audit.errors import DataError
from audit.files import canonical, read_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["StereoSet"]

_MOST, _ROWS = 1 << 28, 4096
_LABELS = {"stereotype": "stereotype", "anti-stereotype": "antistereotype", "unrelated": "unrelated"}
_FIELDS = ("context", *_LABELS.values(), "group", "unit", "kind")


@immutable
class StereoSet(Source):
    """StereoSet as published (Nadeem et al. 2021): three sentences, the context before them, `unit` the target term.

    An intrasentence item's sentences are whole and have no context; an intersentence item's follow its context.
    """

    path: Path
    """The published JSON, such as dev.json."""
    part: Literal["both", "intrasentence", "intersentence"] = "both"
    """Which of its two parts."""
    licence: str | None = field(default="CC BY-SA 4.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Nadeem et al. 2021, arXiv:2004.09456", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_pairs",)

    def digest(self) -> str:
        """Return the digest of the file's bytes and of the part."""
        return sha256(canonical({"file": self._digest_of(self.path), "part": self.part}))

    def columns(self) -> list[str]:
        """Return the fields, as the file has no columns."""
        self._items()
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        if self.sha256 is not None:
            self._digest_of(self.path)
        require_fields(self.path, "StereoSet", _FIELDS, role)
        items = islice(self._items(), limit)
        return frames_of(self.path, ((cells, None) for cells in _in_batches(items)), role)

    def _items(self) -> Iterator[dict[str, Any]]:
        """Return the items of the part; raises DataError for what is no StereoSet."""
        import json

        with readable(self.path):
            whole = json.loads(read_regular(self.path, _MOST))
        parts = ("intersentence", "intrasentence") if self.part == "both" else (self.part,)
        try:
            return iter([_item(one, part) for part in parts for one in whole["data"][part]])
        except (KeyError, TypeError, AttributeError) as error:
            what = f"{self.path}: is not laid out as StereoSet is ({type(error).__name__})"
            raise DataError(what) from None


def _item(one: Mapping[str, Any], part: str) -> dict[str, Any]:
    said = {_LABELS[sentence["gold_label"]]: sentence["sentence"] for sentence in one["sentences"]}
    return {
        **{name: said[name] for name in _LABELS.values()},
        "context": one["context"] if part == "intersentence" else None,
        "group": one["bias_type"], "unit": one["target"], "kind": part,
    }


def _in_batches(items: Iterator[dict[str, Any]]) -> Iterator[Cells]:
    while rows := list(islice(items, _ROWS)):
        yield {name: [row[name] for row in rows] for name in _FIELDS}
