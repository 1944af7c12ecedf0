"""FActScore's labels (arXiv:2305.14251): biographies in atomic facts, each held against the encyclopedia by people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, ClassVar

from audit.data.published.records import Records
from detectors.immutable import immutable

__all__ = ["FActScoreLabels"]

_LABELS = {"S": "1", "NS": "0"}


@immutable
class FActScoreLabels(Records):
    """FActScore's human labels as published (Min et al. 2023): an item is one atomic fact of a model's biography.

    `answer` is the fact, `label` 1 = supported, 0 = not; facts that people called irrelevant are left out, and so are
    biographies that the model declined to write. `unit` is the person, `group` how rarely that person is written about.
    """

    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Min et al. 2023, arXiv:2305.14251", kw_only=True)
    """Where the data come from, for the record."""

    layout: ClassVar[str] = "FActScore"
    wanted: ClassVar[tuple[str, ...]] = ("input", "output", "topic", "annotations")
    given: ClassVar[tuple[str, ...]] = ("prompt", "answer", "label", "group", "unit")

    def items_of(self, record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the facts of a biography that have a label."""
        same = {
            "prompt": record["input"].removeprefix("Question: "), "unit": record["topic"],
            "group": record["cat"][0] if record.get("cat") else None,
        }
        for sentence in record["annotations"] or ():
            for fact in sentence.get("human-atomic-facts") or ():
                if fact["label"] != "IR":
                    yield {**same, "answer": fact["text"], "label": _LABELS[fact["label"]]}
