"""The words of the reports: every sentence that a person reads stands in `reports/text/locale/<language>.json`.

    sentence   words("summary.failed", count=3, all=14)      a key that must exist; `count` chooses one or many
    term       words.term("measure", "stereotype_share")     a name of the field, or a phrase that a detector wrote;
               words.term("method", "count, least of 5")     falls back to the raw term

A catalogue is data: a sentence is a format string, or `{"one": ..., "other": ...}` where the number changes it. The
key of a term may hold places too, as in `"{method}, least of {count}"`: it then stands for every text of that form.
What a place holds is a term of the section that it is named after, if there is one; numbers behind a name tell several
places apart.

Other packages bring words for what they add: an entry point in `dokimasia.words` names a package of theirs in which
catalogues lie, `en.json` and `ko.json`. What they hold is added to ours, and never takes the place of a word of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from audit import plugins
from audit.errors import UsageError, did_you_mean
from audit.probes.provenance.duty_list import duties
from detectors.immutable import immutable
from detectors.phrases import Phrase

__all__ = ["Words", "form_for", "languages", "words_of"]

Form = Sequence[str]
"""A key with places, cut up: what stands before the first, its name, what stands behind it, and so on."""
LONGEST = 600
"""Characters of a phrase; whatever is longer was not written by a detector."""
NEVER_STORED = ("error", "verified")
"""Sections of phrases that no record holds: they are told by their template and never read from a text."""
_PLACE = re.compile(r"\{(\w+)\}")


_OF_TIME = ("year", "month", "day", "hour", "minute")


def _counted(name: str, value: object) -> object:
    """Return a count as it is printed, `1,000`; years and the like are none."""
    return f"{value:,}" if name not in _OF_TIME and isinstance(value, int) else value


def form_for(entry: str | Mapping[str, str], count: object) -> str:
    """Return an entry of a catalogue in the form for this number: `none`, `one`, or `other`."""
    if isinstance(entry, str):
        return entry
    form = "none" if count == 0 else "one" if count == 1 else "other"
    return entry.get(form, entry["other"])


@immutable
class Words:
    """One language's catalogue."""

    lang: str
    catalogue: Mapping[str, Any]

    def __call__(self, key: str, **values: object) -> str:
        """Return the sentence at `section.name` with its values put in; KeyError for one that is not there."""
        section, _, name = key.partition(".")
        sentence = self.catalogue[section][name]
        told = form_for(sentence, values.get("count"))
        return told.format_map({name: _counted(name, value) for name, value in values.items()})

    def term(self, kind: str, raw: str) -> str:
        """Return the name of a measure, unit, probe, column, ... in this language; the raw term where it has none.

        A phrase is looked up by its template, and its values are told too.
        """
        if isinstance(raw, Phrase) and raw.values:
            return self._phrase(kind, raw)
        found = self.form(kind, raw)
        if found is None:
            return raw
        told, held = str(found[0]), found[1]
        return told.format_map({name: self._placed(name, one) for name, one in held.items()}) if held else told

    def form(self, kind: str, raw: str, *, known: bool = False) -> tuple[Any, Mapping[str, str]] | None:
        """Return what the catalogue has for a term, and what the places of its key hold; None where it has nothing.

        known: only where what a place holds is itself a term of the section that the place is named after.
        """
        if raw in self.catalogue[kind]:
            return self.catalogue[kind][raw], {}
        for form, told in self._forms.get(kind, ()) if len(raw) <= LONGEST else ():
            held = _held(form, raw)
            if held is None or (known and any(text not in self.catalogue[name] for name, text in held.items())):
                continue
            return told, held
        return None

    def _phrase(self, kind: str, raw: Phrase) -> str:
        if raw.template not in self.catalogue[kind]:
            return str(raw)
        told = str(self.catalogue[kind][raw.template])
        return told.format_map({name: self._value(kind, name, one) for name, one in raw.values.items()})

    def _value(self, kind: str, name: str, value: object) -> object:
        """Return what stands in a place: a phrase of this section, a term of the one it is named after, or itself."""
        if isinstance(value, Phrase):
            return self.term(kind, value)
        return self._placed(name, value) if isinstance(value, str) else value

    def _placed(self, name: str, text: str) -> str:
        section = name.rstrip("0123456789")
        return self.term(section, text) if section in self.catalogue else text

    @cached_property
    def _forms(self) -> Mapping[str, Sequence[tuple[Form, Any]]]:
        """The terms with places in their keys, by section: (what they stand for, what they say)."""
        return {
            section: [(_PLACE.split(key), told) for key, told in entries.items() if "{" in key]
            for section, entries in self.catalogue.items()
            if section not in NEVER_STORED
        }


def languages() -> list[str]:
    """Return the languages that have a catalogue, sorted."""
    return sorted(file.name.removesuffix(".json") for file in _home().iterdir() if file.name.endswith(".json"))


@cache
def words_of(lang: str) -> Words:
    """Return the catalogue of a language; UsageError says which there are."""
    if lang not in languages():
        raise UsageError("unknown language {name!r}{near}", name=lang, near=did_you_mean(lang, languages()))
    ours = json.loads((_home() / f"{lang}.json").read_text("utf-8"))
    for theirs in (_of_measures(lang), _of_duties(lang), *_added(lang)):
        for section, entries in theirs.items():
            ours[section] = {**(known := ours.get(section, {})), **{k: v for k, v in entries.items() if k not in known}}
    return Words(lang, ours)


def _of_measures(lang: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what every measure is and what its values mean, as `reports.text.plain_words` tells it."""
    found: Mapping[str, Mapping[str, Any]] = json.loads((_home() / "measures" / f"{lang}.json").read_text("utf-8"))
    return found


def _of_duties(lang: str) -> Mapping[str, Mapping[str, Any]]:
    """Return what the duties are called, by which `provenance.duties` groups its shares."""
    return {"group": {one.id: one.rule[lang] for one in duties() if lang in one.rule}}


def _added(lang: str) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    """Yield the catalogues that other packages have in a language; UsageError for one that is none."""
    for name in plugins.names("words"):
        file = files(plugins.load("words", name)) / f"{lang}.json"
        if not file.is_file():
            continue
        try:
            catalogue = json.loads(file.read_text("utf-8"))
        except ValueError as error:
            raise UsageError(
                "words {name!r}: {file} is no JSON in UTF-8: {problem}", name=name, file=file.name, problem=str(error)
            ) from None
        if not isinstance(catalogue, dict) or not all(isinstance(one, dict) for one in catalogue.values()):
            raise UsageError(
                "words {name!r}: {file} is no catalogue; allowed: {{section: {{key: text}}}}",
                name=name, file=file.name,
            )
        yield catalogue


def _held(form: Form, text: str) -> dict[str, str] | None:
    """Return what each place holds where `text` is of this form, the shortest that fits; None where it is not.

    One pass from left to right: a text of unknown origin cannot make it slow.
    """
    if not (text.startswith(form[0]) and text.endswith(form[-1])):
        return None
    held, start, end = {}, len(form[0]), len(text) - len(form[-1])
    for name, behind in zip(form[1::2], form[2:-1:2], strict=False):
        found = text.find(behind, start + 1, end)
        if found < 0:
            return None
        held[name], start = text[start:found], found + len(behind)
    held[form[-2]] = text[start:end]
    return held if start < end else None


def _home() -> Any:
    return files("reports") / "text" / "locale"
