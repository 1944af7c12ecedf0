"""BEGIN (arXiv:2105.00071): answers of dialogue models, borne out by the knowledge they were given or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar

from audit.data.columns import FileFormat
from audit.data.published.records import Records, unit_of
from detectors.immutable import immutable

__all__ = ["BEGIN"]

_LABELS = {"Fully attributable": "1", "Not fully attributable": "0", "Generic": "0"}


@immutable
class BEGIN(Records):
    """BEGIN as published (Dziri et al. 2022): message, response, knowledge, and 1 = fully attributable to it.

    `unit` is the knowledge, which several models and messages share; `group` is the model.
    """

    licence: str | None = field(default="of each source; see LICENSE beside the data", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Dziri et al. 2022, arXiv:2105.00071", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "BEGIN"
    format: ClassVar[FileFormat] = "tsv"
    wanted: ClassVar[tuple[str, ...]] = ("model_name", "knowledge", "message", "response", "begin_label")
    given: ClassVar[tuple[str, ...]] = ("prompt", "answer", "context", "label", "group", "unit")

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the response of a row."""
        yield {
            "prompt": record["message"], "answer": record["response"], "context": record["knowledge"],
            "label": _LABELS[record["begin_label"]], "group": record["model_name"],
            "unit": unit_of(record["knowledge"]),
        }
