"""The words of the reports: every sentence that a person reads stands in `reports/locale/<language>.json`.

    sentence   words("summary.failed", count=3, all=14)      a key that must exist; `count` chooses one or many
    term       words.term("measure", "stereotype_share")     a name of the field; falls back to the raw term

A catalogue is data: a sentence is a format string, or `{"one": ..., "other": ...}` where the number changes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from audit.errors import UsageError, did_you_mean

__all__ = ["Words", "languages", "words_of"]


@dataclass(frozen=True)
class Words:
    """One language's catalogue."""

    lang: str
    catalogue: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence at `section.name` with its values put in; KeyError for one that is not there."""
        section, _, name = key.partition(".")
        sentence = self.catalogue[section][name]
        if isinstance(sentence, dict):
            sentence = sentence["one" if values["count"] == 1 and "one" in sentence else "other"]
        return str(sentence).format_map(values)

    def term(self, kind: str, raw: str) -> str:
        """Return the name of a measure, unit, probe, column, ... in this language; the raw term where it has none."""
        return str(self.catalogue[kind].get(raw, raw))


def languages() -> list[str]:
    """Return the languages that have a catalogue, sorted."""
    return sorted(file.name.removesuffix(".json") for file in _home().iterdir() if file.name.endswith(".json"))


@cache
def words_of(lang: str) -> Words:
    """Return the catalogue of a language; UsageError says which there are."""
    if lang not in languages():
        raise UsageError(f"unknown language {lang!r}{did_you_mean(lang, languages())}")
    return Words(lang, json.loads((_home() / f"{lang}.json").read_text("utf-8")))


def _home() -> Any:
    return files("reports") / "locale"
