"""A text that is told in any language: an English template with places, and the values of the places.

    Phrase("{file}: missing", file="run.json") == "run.json: missing"

It is the English text, so whatever takes a text takes it and stores the same bytes; and it knows what it was made of,
so the catalogue of a language has the template as its key, and no English is read again. The English stands once,
where the phrase is made. Values may be phrases too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Self

__all__ = ["Cause", "ComparisonTest", "Method", "Phrase"]


class Phrase(str):
    """The English text of `template` with `values` in its places; without values the template as it stands."""

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Self:
        """Return the text; KeyError for a place without a value."""
        text = super().__new__(cls, template.format_map(values) if values else template)
        text.template, text.values = template, values
        return text

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Callable[[object], Any]) -> Any:
        """A record holds the text."""
        return handler(str)

    def replaced(self, old: str, new: str) -> Self:
        """Return the phrase with `old` replaced in its values, which are names and paths, and not in its own words."""
        return type(self)(self.template, **{name: _replaced(one, old, new) for name, one in self.values.items()})


class Method(Phrase):
    """How an interval was made."""


class Cause(Phrase):
    """Why there is no value, or no answer."""


class ComparisonTest(Phrase):
    """By which test two measures were compared."""


def _replaced(value: object, old: str, new: str) -> object:
    if isinstance(value, Phrase):
        return value.replaced(old, new)
    return str(value).replace(old, new) if isinstance(value, str | PurePath) else value
