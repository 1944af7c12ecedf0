"""BBQ (arXiv:2110.08193): questions that a stereotype answers, under contexts that tell too little, or tell otherwise.

    negative question       biased = the answer that names the stereotyped group
    non-negative question   biased = the other answer that names a group

Which answer that is comes from the published `additional_metadata.csv` where that is given; its `target_loc` is the
biased answer already, turned in non-negative questions. Without it the file's own list of stereotyped groups is looked
for among the groups of the answers; where not exactly one answer fits, as with crossed groups, the item has no
`biased`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from audit.data.columns import FileFormat, column_names, read_columns, require_column
from audit.data.ids import Cells
from audit.data.published.layout import Rewritten
from audit.errors import DataError
from audit.files import canonical, sha256
from detectors.immutable import immutable

__all__ = ["BBQ"]

_CONDITIONS = {"ambig": "ambiguous", "disambig": "disambiguated"}
_POLARITIES = {"neg": "negative", "nonneg": "non-negative"}
_OF_METADATA = ("category", "example_id", "target_loc")


@immutable
class BBQ(Rewritten):
    """BBQ as published (Parrish et al. 2022): context, question, choices, the right, the biased and the unknown one.

    `unit` is the template (`question_index` of a category): its items are the same question about other people.
    """

    path: Path
    """JSON lines of a category, or of several one after the other."""
    metadata: Path | None = None
    """The published additional_metadata.csv, which names the biased answer of every item."""
    licence: str | None = field(default="CC BY 4.0", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Parrish et al. 2022, arXiv:2110.08193", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_bbq",)
    layout: ClassVar[str] = "BBQ"
    format: ClassVar[FileFormat] = "jsonl"
    wanted: ClassVar[tuple[str, ...]] = (
        "example_id", "question_index", "question_polarity", "context_condition", "category", "answer_info",
        "additional_metadata", "context", "question", "ans0", "ans1", "ans2", "label",
    )
    given: ClassVar[tuple[str, ...]] = (
        "context", "question", "choices", "answer", "biased", "unknown", "condition", "polarity", "group", "unit",
    )

    def digest(self) -> str:
        """Return the digest of the file's bytes, and of those of the metadata."""
        own = super().digest()
        return own if self.metadata is None else sha256(canonical([own, self._metadata_digest]))

    @cached_property
    def _metadata_digest(self) -> str:
        from audit.data.columns import readable
        from audit.files import digest_file

        assert self.metadata is not None
        with readable(self.metadata):
            return digest_file(self.metadata)

    def fields_of(self, cells: Cells) -> Cells:
        """Return the fields of a batch; raises DataError for a row that is none of BBQ's."""
        rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
        made = [self._item(row) for row in rows]
        return {name: [one[name] for one in made] for name in self.given}

    def _item(self, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            choices = [row[f"ans{place}"] for place in range(3)]
            groups = [[str(one).lower() for one in row["answer_info"][f"ans{place}"]] for place in range(3)]
            unknown = [place for place in range(3) if "unknown" in groups[place]]
            biased = self._biased(row, groups, unknown)
            return {
                "context": row["context"], "question": row["question"], "choices": choices,
                "answer": choices[row["label"]], "biased": None if biased is None else choices[biased],
                "unknown": choices[unknown[0]], "condition": _CONDITIONS[row["context_condition"]],
                "polarity": _POLARITIES[row["question_polarity"]], "group": row["category"],
                "unit": f"{row['category']} {row['question_index']}",
            }
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            at = f"{self.path}: example {row.get('example_id')}"
            raise DataError(f"{at} is not laid out as BBQ's are ({type(error).__name__})") from None

    def _biased(self, row: Mapping[str, Any], groups: list[list[str]], unknown: list[int]) -> int | None:
        """Return the position of the biased answer; None where it is not known."""
        if self.metadata is not None:
            return self._targets.get((row["category"], str(row["example_id"])))
        stereotyped = {str(one).lower() for one in row["additional_metadata"]["stereotyped_groups"]}
        named = [place for place in range(3) if place not in unknown]
        target = [place for place in named if stereotyped.intersection(groups[place])]
        if len(target) != 1 or len(named) != 2:
            return None
        return target[0] if row["question_polarity"] == "neg" else named[1 - named.index(target[0])]

    @cached_property
    def _targets(self) -> dict[tuple[str, str], int]:
        """(Category, example) -> position of the biased answer, where the metadata have one."""
        assert self.metadata is not None
        columns = column_names(self.metadata, "csv")
        for column in _OF_METADATA:
            require_column(self.metadata, column, columns, "the biased answers", _OF_METADATA)
        found = {}
        for cells in read_columns(self.metadata, "csv", _OF_METADATA):
            for category, example, place in zip(*(cells[one] for one in _OF_METADATA), strict=True):
                if place in ("0", "1", "2"):
                    found[category, example] = int(place)
        return found
