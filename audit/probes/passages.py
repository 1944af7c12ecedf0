"""Passages that stand in a prompt with a question: how they are read from the data, and laid into it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

__all__ = ["check_prompt", "laid_out", "lines_of", "passages_of"]

_PLACES = ("{passages}", "{question}")
_PARTS = re.compile(r"(\{passages\}|\{question\})")
_GAPS = re.compile(r"\n\s*\n")


def check_prompt(prompt: str) -> None:
    """Raise ValueError for a prompt that lacks a place for the passages or for the question."""
    if any(place not in prompt for place in _PLACES):
        raise ValueError(f"prompt: got {prompt!r}; allowed: a text with {' and '.join(_PLACES)} in it")


def laid_out(prompt: str, question: str, passages: Sequence[str], kept: Collection[int] | None = None) -> str:
    """Return the prompt with its places filled: passages numbered from [1], a line each.

    kept: places from 0 of those that stand there, with the number that they have among all; None = all.
    """
    numbered = "\n".join(
        f"[{place + 1}] {text}" for place, text in enumerate(passages) if kept is None or place in kept
    )
    given = {"{passages}": numbered, "{question}": question}
    return "".join(given.get(piece, piece) for piece in _PARTS.split(prompt))


def lines_of(prompt: str, question: str, passages: Sequence[str]) -> list[tuple[int, int]]:
    """Return where in `laid_out` each passage's line stands: (first, one behind the last) character.

    A prompt that holds the passages several times is told of for the first.
    """
    begin, found = len(laid_out(prompt.partition("{passages}")[0], question, passages)), []
    for place, text in enumerate(passages):
        found.append((begin, begin + len(f"[{place + 1}] {text}")))
        begin = found[-1][1] + 1
    return found


def passages_of(cell: Any) -> list[str]:
    """Return a context as passages: a list as it is, a text parted at its empty lines."""
    parts = [] if cell is None else _GAPS.split(cell) if isinstance(cell, str) else list(cell)
    return [text.strip() for text in parts if isinstance(text, str) and text.strip()]
