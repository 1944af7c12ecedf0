"""WinoBias (arXiv:1804.06876): the same sentences with the pronoun that a stereotype expects, and with the other.

    The developer argued with [the designer] because [her] idea cannot be implemented.

The second person is found among all whom the two files put in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audit.data.columns import readable
from audit.data.ids import Cells, frames_of
from audit.data.published.layout import require_fields
from audit.data.published.winogender import PRONOUNS
from audit.data.source import Source
from audit.errors import DataError
from audit.files import canonical, digest_file, open_regular, sha256
from detectors.immutable import immutable

if TYPE_CHECKING:
    import pandas as pd

    from audit.probe import Role

__all__ = ["WinoBias"]

_BRACKETS = re.compile(r"\[([^\[\]]+)\]")
_NUMBER = re.compile(r"^\d+\s+")
_ROWS, _LONGEST = 4096, 10_000
_GENDER = {word: gender for gender, words in PRONOUNS.items() for word in words}
_FIELDS = ("sentence", "pronoun", "choices", "answer", "group", "stereotype", "unit")


@immutable
class WinoBias(Source):
    """WinoBias as published (Zhao et al. 2018): sentence, pronoun, the two people, and whom the pronoun means.

    `unit` is the pair of occupations, in whichever order: their sentences come in the same words.
    """

    path: Path
    """The sentences with the pronoun that goes with the stereotype, such as pro_stereotyped_type1.txt.test."""
    anti: Path
    """Those with the other one, such as anti_stereotyped_type1.txt.test."""
    licence: str | None = field(default="MIT", kw_only=True)
    """Terms of use, for the record."""
    cite: str | None = field(default="Zhao et al. 2018, arXiv:1804.06876", kw_only=True)
    """Where the data come from, for the record."""

    known_issues: ClassVar[tuple[str, ...]] = ("issues_winogender",)

    def digest(self) -> str:
        """Return the digest of both files' bytes; `sha256` promises that of `path`."""
        with readable(self.anti):
            return sha256(canonical([self._digest_of(self.path), digest_file(self.anti)]))

    def columns(self) -> list[str]:
        """Return the fields, as the lines of the files have no columns."""
        next(self._lines(self.path), None)
        return list(_FIELDS)

    def batches(self, role: Role, *, limit: int | None = None) -> Iterator[pd.DataFrame]:
        """Return frames of items; see `DataSource`."""
        self.digest()
        require_fields(self.path, "WinoBias", _FIELDS, role)
        people = {one.lower() for line, _ in self._both() for one in _people(line)}
        items = islice((_item(line, kind, people) for line, kind in self._both()), limit)
        return frames_of(self.path, ((cells, None) for cells in _in_batches(items)), role)

    def _both(self) -> Iterator[tuple[str, str]]:
        for path, kind in ((self.path, "pro"), (self.anti, "anti")):
            yield from ((line, kind) for line in self._lines(path))

    @staticmethod
    def _lines(path: Path) -> Iterator[str]:
        """Yield the sentences of a file; raises DataError for a line without a person and a pronoun in brackets."""
        with readable(path), open_regular(path) as file:
            for number, raw in enumerate(iter(lambda: file.readline(_LONGEST), b""), 1):
                line = _NUMBER.sub("", raw.decode("utf-8").strip())
                marked = [one.lower() for one in _BRACKETS.findall(line)]
                if line and not ({*marked} & {*_GENDER} and {*marked} - {*_GENDER}):
                    raise DataError(f"{path}: line {number} has no person and pronoun in brackets, as WinoBias has")
                if line:
                    yield line


def _people(line: str) -> list[str]:
    return [one for one in _BRACKETS.findall(line) if one.lower() not in _GENDER]


def _item(line: str, kind: str, people: set[str]) -> dict[str, Any]:
    """Return the fields of a sentence; no choices where the other person is none that the files know."""
    meant = _people(line)[0].lower()
    pronoun = next(one for one in _BRACKETS.findall(line) if one.lower() in _GENDER)
    sentence = _BRACKETS.sub(r"\1", line)
    found = [one for one in people if re.search(rf"\b{re.escape(one)}\b", sentence.lower())]
    # a name inside a longer one, the worker in the construction worker, is no person of its own
    others = [one for one in found if one != meant and not any(one != two and one in two for two in found)]
    known = len(others) == 1
    return {
        "sentence": sentence, "pronoun": pronoun, "choices": sorted([meant, *others]) if known else None,
        "answer": meant, "group": _GENDER[pronoun.lower()], "stereotype": kind,
        "unit": " and ".join(sorted(one.removeprefix("the ") for one in [meant, *others])) if known else None,
    }


def _in_batches(items: Iterator[dict[str, Any]]) -> Iterator[Cells]:
    while rows := list(islice(items, _ROWS)):
        yield {name: [row[name] for row in rows] for name in _FIELDS}
