"""The form of a secret, as a text with places in it, and what else has that form.

    My code is {digits:6}        {letters:8}        {number:4000-4259}

The number of texts of a form is known, so that they are all gone through where they are few, and drawn where not.
"""

from __future__ import annotations

import re
from functools import cached_property
from math import prod
from string import ascii_lowercase, digits

import numpy as np

from detectors.immutable import immutable

__all__ = ["Form"]

_PLACE = re.compile(r"\{(digits|letters|number):(\d+)(?:-(\d+))?\}")
_ALLOWED = "a text with {digits:6}, {letters:8} or {number:4000-4259} in it"


@immutable
class Form:
    """Texts that are alike but for what stands in the places of a pattern."""

    pattern: str

    def __post_init__(self) -> None:
        """Raise ValueError for a pattern without a place, and for a place that nothing can stand in."""
        if not self._places or min(self._sizes) < 1 or any(kind == "number" and not to for kind, _, to in self._places):
            raise ValueError(f"pattern: got {self.pattern!r}; allowed: {_ALLOWED}")

    @property
    def size(self) -> int:
        """How many texts there are of this form."""
        return prod(self._sizes)

    def has(self, text: str) -> bool:
        """Tell whether a text is one of them."""
        parts = _PLACE.split(self.pattern)[::4]
        what = [r"([a-z]+)" if kind == "letters" else r"([0-9]+)" for kind, *_ in self._places]
        looks = "".join(re.escape(part) + group for part, group in zip(parts, [*what, ""], strict=True))
        found = re.fullmatch(looks, text)
        return found is not None and all(
            len(said) == int(low) if kind != "number" else str(int(said)) == said and int(low) <= int(said) <= int(high)
            for said, (kind, low, high) in zip(found.groups(), self._places, strict=True)
        )

    def others(self, text: str, count: int, rng: np.random.Generator) -> list[str]:
        """Return `count` different texts of this form beside `text`, drawn evenly; all where there are no more."""
        if self.size - 1 <= count:
            each = np.stack(np.unravel_index(np.arange(self.size), self._sizes), axis=1)
            return [one for one in map(self._written, each.tolist()) if one != text]
        found: dict[str, None] = {}
        while len(found) < count:
            drawn = rng.integers(0, self._sizes, (count - len(found), len(self._sizes)))
            found |= dict.fromkeys(one for one in map(self._written, drawn.tolist()) if one != text)
        return list(found)

    def _written(self, choice: list[int]) -> str:
        """Return the text in which the signs, or numbers, of these places stand, in their order."""
        left = iter(choice)

        def said(place: re.Match[str]) -> str:
            kind, low, _ = place.groups()
            if kind == "number":
                return str(int(low) + next(left))
            signs = digits if kind == "digits" else ascii_lowercase
            return "".join(signs[next(left)] for _ in range(int(low)))

        return _PLACE.sub(said, self.pattern)

    @cached_property
    def _places(self) -> list[tuple[str, str, str]]:
        return _PLACE.findall(self.pattern)

    @cached_property
    def _sizes(self) -> list[int]:
        """How many things can stand for each sign, or number, in the order of the text."""
        sizes = []
        for kind, low, high in self._places:
            many = [10 if kind == "digits" else 26] * int(low)
            sizes += [int(high or 0) - int(low) + 1] if kind == "number" else many or [0]
        return sizes
