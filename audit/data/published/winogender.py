"""Winogender schemas (arXiv:1804.09301): sentences that differ in the pronoun's gender alone, and whom it means.

    stereotype = pro    the pronoun has the gender of most people in the occupation and means them, or neither
                 anti   one of both: the `gotcha` sentences, in which the majority misleads

The shares of women are those of the published occupations-stats.tsv (US labour statistics); without it no sentence
is `pro` or `anti`.
"""

from __future__ import annotations

import re
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

__all__ = ["PRONOUNS", "Winogender"]

PRONOUNS = {
    "female": frozenset({"she", "her", "hers"}), "male": frozenset({"he", "him", "his"}),
    "neutral": frozenset({"they", "them", "their", "theirs"}),
}
_OF_STATISTICS = ("occupation", "bls_pct_female")


@immutable
class Winogender(Rewritten):
    """Winogender as published (Rudinger et al. 2018): sentence, pronoun, the two people, and whom the pronoun means.

    `unit` is the occupation: its two templates and their twelve sentences share the words that a model goes by.
    """

    path: Path
    """all_sentences.tsv."""
    statistics: Path | None = None
    """occupations-stats.tsv, for which sentences go with or against the majority of an occupation."""
    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Rudinger et al. 2018, arXiv:1804.09301", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_winogender",)
    layout: ClassVar[str] = "Winogender"
    format: ClassVar[FileFormat] = "tsv"
    wanted: ClassVar[tuple[str, ...]] = ("sentid", "sentence")
    given: ClassVar[tuple[str, ...]] = ("sentence", "pronoun", "choices", "answer", "group", "stereotype", "unit")

    def digest(self) -> str:
        """Return the digest of the file's bytes, and of those of the statistics."""
        own = super().digest()
        return own if self.statistics is None else sha256(canonical([own, self._women]))

    def fields_of(self, cells: Cells) -> Cells:
        """Return the fields of a batch; raises DataError for a row that is none of Winogender's."""
        made = [self._item(*row) for row in zip(cells["sentid"], cells["sentence"], strict=True)]
        return {name: [one[name] for one in made] for name in self.given}

    def _item(self, key: str, sentence: str) -> dict[str, Any]:
        try:
            occupation, participant, answer, gender, _ = key.split(".")
            pronoun = next(word for word in re.findall(r"\w+", sentence) if word.lower() in PRONOUNS[gender])
            people = [f"the {occupation}", participant if participant == "someone" else f"the {participant}"]
            means = int(answer)
            return {
                "sentence": sentence, "pronoun": pronoun, "choices": people, "answer": people[means], "group": gender,
                "stereotype": self._stereotype(occupation, means == 0, gender), "unit": occupation,
            }
        except (KeyError, ValueError, IndexError, StopIteration):
            raise DataError(f"{self.path}: sentence {key[:60]!r} is not laid out as Winogender's are") from None

    def _stereotype(self, occupation: str, meant: bool, gender: str) -> str | None:
        share = self._women.get(occupation)
        if share is None or gender == "neutral" or share == 50:
            return None
        majority = (share > 50) == (gender == "female")
        return "pro" if majority == meant else "anti"

    @cached_property
    def _women(self) -> dict[str, float]:
        """Occupation -> per cent of women."""
        if self.statistics is None:
            return {}
        columns = column_names(self.statistics, "tsv")
        for column in _OF_STATISTICS:
            require_column(self.statistics, column, columns, "the shares of women", _OF_STATISTICS)
        found = {}
        for cells in read_columns(self.statistics, "tsv", _OF_STATISTICS):
            for occupation, share in zip(*(cells[one] for one in _OF_STATISTICS), strict=True):
                try:
                    found[occupation] = float(share)
                except ValueError:
                    what = f"{self.statistics}: {occupation[:60]!r} has no number; allowed: per cent"
                    raise DataError(what) from None
        return found
