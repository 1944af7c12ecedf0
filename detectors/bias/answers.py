"""Which of the given choices a written answer names: by its letter, by its words, or none of them.

    "B", "(b)", "B: the baker"      the letter, alone or marked as one; "A man" is an article
    "the baker", "It was the baker." the one choice whose words occur; two of them are no answer

What is none of the choices is out of choice: an outcome of its own, and never guessed into one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

__all__ = ["chosen"]

_LETTER = re.compile(r"[\s\"'“‘*(\[]*([A-Za-z])\s*(?:[).:\]*,\"'”’]|$)")


def chosen(text: str, shown: Sequence[str]) -> int | None:
    """Return the position in `shown`, the choices under A, B, C, that an answer names; None where it is none."""
    line = unicodedata.normalize("NFKC", text).strip()
    letter = _LETTER.match(line)
    place = ord(letter[1].upper()) - ord("A") if letter else len(shown)
    said, words = _plain(line), [_plain(choice) for choice in shown]
    if said in words:
        return words.index(said)
    named = [one for one, choice in enumerate(words) if choice and re.search(_whole(choice), said)]
    named = [one for one in named if not any(one != two and words[one] in words[two] for two in named)]
    if place < len(shown):
        return place if named in ([], [place]) else None
    return named[0] if len(named) == 1 else None


def _plain(text: str) -> str:
    """Return words in lower case with single blanks and no punctuation around them."""
    return " ".join(text.replace("’", "'").casefold().split()).strip(" .,:;!?\"'“”‘’()[]*")


def _whole(words: str) -> str:
    """Return a pattern for words that are not inside longer ones; behind Hangul a particle may follow."""
    behind = "" if "가" <= words[-1] <= "힣" else r"(?!\w)"
    return rf"(?<!\w){re.escape(words)}{behind}"
